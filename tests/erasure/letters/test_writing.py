"""Writing and sending: what the law knows of it, the PDF, the event, and who is told nothing."""

import hashlib
import json
from datetime import date

import pytest

from compliance.audit.models import Event
from erasure import evidence, letters, lifecycle
from erasure.errors import Conflict, Invalid
from erasure.letters import texts
from erasure.models import Case, Evidence, Letter
from erasure.states import LetterKind
from tests import factories

from .conftest import PERSON, case_of

ALL = list(LetterKind)
NEEDED = {"extension": {"reason": "complexity"}, "refusal": {"ground": "legal_claims"}}


def pdf(letter: Letter) -> bytes:
    return evidence.open_evidence(letter.evidence).read()


def said(letter: Letter) -> str:
    from io import BytesIO

    from pypdf import PdfReader

    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf(letter))).pages)


@pytest.mark.parametrize("kind", ALL)
def test_a_draft_has_all_but_the_name(olive, kind):
    case = case_of(requester=PERSON | {"language": "de-AT"})
    draft = letters.write(case, kind, **NEEDED.get(kind, {}))
    assert draft.language == "de"
    assert case.reference in draft.subject + draft.body
    assert "Guten Tag {name}," in draft.body
    assert "Lovelace" not in draft.body
    assert set(texts._BRACES.findall(draft.subject + draft.body)) == {"name"}


def test_a_language_that_letters_do_not_know_becomes_english(olive):
    assert letters.write(case_of(requester=PERSON | {"language": "fr"}), "acknowledgement").language == "en"
    assert letters.write(case_of(requester={}), "acknowledgement", language="de").language == "de"


def test_whoever_gave_no_name_is_greeted_without_one(olive):
    body = letters.write(case_of(requester={}), "acknowledgement").body
    assert body.startswith("Dear Sir or Madam,\n")


@pytest.mark.parametrize("kind", ALL)
def test_a_letter_is_kept_as_evidence_and_its_event_names_nobody(olive, kind):
    case = case_of()
    sent = letters.send(case, kind, by=olive, channel="letter", **NEEDED.get(kind, {}))
    assert sent.remarks == []
    letter = Letter.objects.get()
    assert (letter.pk, letter.kind, letter.mail, letter.mail_sealed) == (sent.letter.pk, kind, "none", None)
    assert "Dear Ada Lovelace," in said(letter)
    assert letter.evidence.kind == "letter"
    assert letter.evidence.name.endswith(".pdf")
    assert hashlib.sha256(pdf(letter)).hexdigest() == letter.evidence.sha256
    event = Event.objects.get(action="letter.written")
    assert event.subject == f"letter:{letter.pk}"
    assert event.details["sha256"] == letter.evidence.sha256
    assert (event.details["letter"], event.details["channel"]) == (kind, "letter")
    told = json.dumps(list(Event.objects.values_list("canonical", flat=True)))
    assert "Lovelace" not in told
    assert "ada@example.org" not in told


def test_the_receipt_is_confirmed_with_the_letter(olive):
    case = case_of()
    letters.send(case, "acknowledgement", by=olive, channel="email")
    assert Case.objects.get().acknowledged_at
    assert Event.objects.get(action="case.acknowledged").details["channel"] == "email"


def test_an_extension_is_told_with_its_reason_and_both_days(olive, turn_clock):
    case = case_of(regime="own", received_at=None)
    with pytest.raises(Conflict) as refused:
        letters.send(case, "extension", by=olive, channel="letter", reason="number")
    assert refused.value.code == "no_extension"
    assert not Letter.objects.exists()
    assert not Evidence.objects.exists()
    case = case_of(regime="ccpa")
    before = case.due_on
    draft = letters.write(case, "extension", reason="number")
    sent = letters.send(case, "extension", by=olive, channel="letter", reason="number")
    after = Case.objects.get(pk=case.pk).due_on
    assert after > before
    text = said(sent.letter)
    for day in (before, after):
        assert written(day) in draft.body
        assert written(day) in text.replace("\n", " ")
    assert "great number of requests" in text.replace("\n", " ")


def written(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def test_a_refusal_rejects_the_case_and_is_the_reply(olive):
    case = case_of()
    letters.send(case, "refusal", by=olive, channel="letter", ground="legal_obligation")
    case = Case.objects.get()
    assert (case.status, case.refusal_ground, case.reply_channel) == ("rejected", "legal_obligation", "letter")
    text = said(Letter.objects.get()).replace("\n", " ")
    assert "A law obliges us to keep the data." in text
    assert "complain to a data protection authority" in text
    assert "go to court" in text


def test_a_case_that_was_rejected_before_gets_its_letter_with_that_ground(olive):
    case = case_of()
    lifecycle.reject(case, by=olive, ground="unfounded")
    case = Case.objects.get()
    sent = letters.send(case, "refusal", by=olive, channel="letter")
    assert sent.remarks == ["The rejection was on record before."]
    assert "manifestly unfounded" in said(sent.letter)
    with pytest.raises(Conflict):
        letters.send(case, "refusal", by=olive, channel="letter", ground="expression")


def test_a_case_under_way_is_not_refused_by_a_letter(olive):
    case = factories.approved_case(requester=PERSON)
    with pytest.raises(Conflict) as refused:
        letters.send(case, "refusal", by=olive, channel="letter", ground="expression")
    assert refused.value.code == "wrong_state"
    assert not Letter.objects.exists()


@pytest.mark.parametrize("kind", ["acknowledgement", "identity_request", "extension", "completion"])
def test_what_is_on_record_already_is_said_and_the_letter_goes_out(olive, kind):
    case = case_of()
    letters.send(case, kind, by=olive, channel="letter", **NEEDED.get(kind, {}))
    events = Event.objects.exclude(action__startswith="letter").exclude(action__startswith="evidence").count()
    sent = letters.send(case, kind, by=olive, channel="phone", **NEEDED.get(kind, {}))
    assert len(sent.remarks) == 1
    assert "on record before" in sent.remarks[0]
    assert Letter.objects.count() == 2
    again = Event.objects.exclude(action__startswith="letter").exclude(action__startswith="evidence").count()
    assert again == events


def test_a_form_that_is_sent_twice_sends_one_letter(olive):
    case = case_of()
    number = Letter().pk
    letters.send(case, "recipients", by=olive, channel="letter", number=number)
    with pytest.raises(Conflict) as refused:
        letters.send(case, "recipients", by=olive, channel="letter", number=number)
    assert refused.value.code == "letter_sent_before"
    assert Letter.objects.count() == Evidence.objects.count() == 1


@pytest.mark.parametrize(
    "reply_to", ["", "030 123456", "Room 12, Example Street 1", "ada@example.org, eve@example.org"]
)
def test_without_an_email_address_nothing_is_mailed(olive, reply_to):
    case = case_of(requester=PERSON | {"reply_to": reply_to})
    with pytest.raises(Conflict) as refused:
        letters.send(case, "acknowledgement", by=olive, channel="email")
    assert refused.value.code == "no_mail_address"
    assert not Letter.objects.exists()
    assert Case.objects.get().acknowledged_at is None


@pytest.mark.parametrize(
    "lacks", [{"LETTERS_FROM": ""}, {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}]
)
def test_a_desk_without_a_mail_server_mails_nothing(olive, settings, lacks):
    for name, value in lacks.items():
        setattr(settings, name, value)
    with pytest.raises(Conflict) as refused:
        letters.send(case_of(), "acknowledgement", by=olive, channel="email")
    assert refused.value.code == "no_mailing"


def test_a_text_of_ones_own_is_sent_with_its_variables_filled(olive):
    case = case_of()
    sent = letters.send(
        case,
        "recipients",
        by=olive,
        channel="letter",
        subject="About {reference}",
        body="Hello {name}!\n\n- one\n- two",
    )
    text = said(sent.letter)
    assert f"About {case.reference}" in text
    assert "Hello Ada Lovelace!" in text


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"kind": "poem"}, "/kind"),
        ({"kind": "extension"}, "/reason"),
        ({"kind": "refusal"}, "/ground"),
        ({"language": "fr"}, "/language"),
        ({"reason": "number"}, "/reason"),
        ({"ground": "unfounded"}, "/ground"),
        ({"channel": "pigeon"}, "/channel"),
        ({"body": "Dear {nobody}"}, "/body"),
        ({"subject": "a\nBcc: eve@example.org"}, "/subject"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_sent(olive, wrong, pointer):
    given = {"kind": "acknowledgement", "channel": "letter", **wrong}
    with pytest.raises(Invalid) as refused:
        letters.send(case_of(), given.pop("kind"), by=olive, **given)
    assert [found for found, _text in refused.value.problems] == [pointer]
    assert not Letter.objects.exists()
