"""The certificate of a case: true, plain, bound to the trail, and the same for the same state."""

import hashlib
import itertools
from datetime import UTC, datetime

import pytest
from django.db import transaction
from django.utils import translation

from compliance.audit.models import Checkpoint, Event
from compliance.audit.record import record
from erasure import evidence, lifecycle
from erasure.errors import Conflict, NotFound
from erasure.models import Case, Evidence, SubTask
from erasure.reports import certificate, plain_words
from erasure.reports.certificate import issue, latest
from erasure.states import Assurance, Held, Kind, Outcome
from tests.erasure.reports.conftest import furthest_right, text_of
from tests.factories import approved_case, opened_case, person, vendor, work

pytestmark = pytest.mark.django_db
LONG = "Maximiliana Friederike Wilhelmine Charlotte " * 4
RIGHT_TO_LEFT = "فاطمة الزهراء"
ODD = f'{RIGHT_TO_LEFT} 🦄 #read("/etc/passwd") $x$ <b> *y* \\u{{41}}'
SECRETS = ("ada@example.org", "C-1001", "olive", "ada (", "The folder")


@pytest.fixture(autouse=True)
def two_vendors(turn_clock):
    turn_clock(datetime(2026, 9, 5, 12, tzinfo=UTC))
    vendor("Paper archive", "manual", options={"instructions": "Room 12", "accepts": ["email"]})
    vendor("Filing cabinet", "manual", options={"instructions": "Room 13", "accepts": ["customer_id"]})


def ended(held: str = Held.UNKNOWN, name: str = "Ada Lovelace", **values) -> Case:
    requester = {"name": name, "language": values.pop("language", "en")}
    case = approved_case(received_at=datetime(2026, 9, 1, 12, tzinfo=UTC), requester=requester, **values)
    for place in ("Paper archive", "Filing cabinet"):
        lifecycle.attest(work(case, place), by=person("ada"), note="The folder was shredded.", held=held)
    lifecycle.reply(case, by=person("olive"), channel="email")
    return Case.objects.get(pk=case.pk)


def text(case: Case, language: str = "") -> str:
    return " ".join(text_of(issue(case, by=person("olive"), language=language).content).split())


def test_it_says_what_was_done_at_each_vendor_and_how_well_that_is_proven():
    said = text(ended())
    assert "Certificate of erasure" in said
    assert "For Ada Lovelace" in said
    assert "On 1 September 2026 you asked for your personal data to be erased. All of it was done." in said
    assert "Erased, or nothing was held: the vendor does not say which." in said
    assert "a member of staff looked and confirmed it" in said
    assert "e-mail address a•••@e•••.org" in said
    assert "Answered 5 September 2026, e-mail" in said
    assert "drawn up and approved by 2 members of staff" in said


def test_it_names_no_staff_and_shows_no_identifier_and_no_note():
    said = text(ended()) + text(ended(language="de"))
    assert not [secret for secret in SECRETS if secret in said]


def test_it_speaks_the_language_of_the_person_or_a_chosen_one():
    case = ended(language="de")
    assert "Bescheinigung über die Löschung" in text(case)
    assert "Certificate of erasure" in text(case, "en-gb")


def test_it_is_kept_sealed_and_an_event_holds_its_hash_and_where_it_stands_in_the_log():
    case = ended()
    made = issue(case, by=person("olive"))
    sha256 = hashlib.sha256(made.content).hexdigest()
    event = Event.objects.get(action="certificate.issued")
    kept = Evidence.objects.get()
    assert (event.case, event.subject) == (case.reference, f"case:{case.pk}")
    assert event.details["sha256"] == kept.sha256 == sha256
    assert event.details["evidence"] == f"evidence:{kept.pk}"
    with evidence.open_evidence(kept) as stream:
        assert stream.read() == made.content
    assert made.content[200:300] not in evidence.path_of(kept).read_bytes()

    checkpoint = Checkpoint.objects.get(size=event.details["tree_size"])
    events = Event.objects.filter(case=case.reference, leaf__index__lt=checkpoint.size).order_by("leaf")
    said = text_of(made.content)
    assert checkpoint.root in said.replace("\n", "")
    assert f"the first number {events.first().leaf.index}, the last number {events.last().leaf.index}" in " ".join(
        said.split()
    )


def test_the_same_state_makes_the_same_bytes_and_one_file_and_each_handing_out_is_on_record():
    case = ended()
    first, again = issue(case, by=person("olive")), issue(case, by=person("olive"))
    assert first.content == again.content
    assert first.evidence == again.evidence == Evidence.objects.get()
    assert latest(case, by=person("olive")).content == first.content
    assert Event.objects.filter(action="certificate.issued").count() == 1
    assert Event.objects.filter(action="evidence.downloaded").count() == 2


def test_a_change_makes_another_and_the_newest_is_handed_out(turn_clock):
    case = ended()
    first = issue(case, by=person("olive"))
    turn_clock(datetime(2026, 9, 6, 12, tzinfo=UTC))
    lifecycle.add_recipient(case, by=person("olive"), name="An auditor")
    second = issue(case, by=person("olive"))
    assert first.content != second.content
    assert latest(case, by=person("olive")).content == second.content


def test_other_cases_change_nothing_of_it():
    case = ended()
    first = issue(case, by=person("olive"))
    ended()
    assert issue(case, by=person("olive")).content == first.content


def test_a_case_that_goes_on_has_none(django_assert_num_queries):
    case = opened_case()
    with pytest.raises(Conflict) as refused:
        issue(case, by=person("olive"))
    assert refused.value.code == "wrong_state"
    with pytest.raises(NotFound):
        latest(case, by=person("olive"))


def test_nothing_is_made_of_events_that_are_not_sealed(monkeypatch):
    case = ended()
    monkeypatch.setattr("compliance.audit.seal.seal", lambda **_: 0)
    with pytest.raises(Conflict) as refused:
        issue(case, by=person("olive"))
    assert refused.value.code == "not_sealed"
    assert "in some seconds" in refused.value.text
    assert not Evidence.objects.exists()


def test_what_is_recorded_meanwhile_is_told_or_nothing_is_made(monkeypatch):
    case, real, times = ended(), certificate.pdf, itertools.count(1)
    wanted = 2

    def meanwhile(*given):
        if next(times) <= wanted:
            with transaction.atomic():
                record("note.added", actor="user:1", case=case.reference, subject=f"case:{case.pk}")
        return real(*given)

    monkeypatch.setattr(certificate, "pdf", meanwhile)
    issue(case, by=person("olive"))
    assert next(times) == 4
    wanted = 100
    with pytest.raises(Conflict) as refused:
        issue(case, by=person("olive"))
    assert refused.value.code == "changed"


def test_what_cannot_be_opened_makes_none():
    case = ended()
    Case.objects.filter(pk=case.pk).update(requester_sealed=b"x" * 60)
    with pytest.raises(Conflict) as refused:
        issue(case, by=person("olive"))
    assert refused.value.code == "destroyed"
    assert not Evidence.objects.exists()


# --- the title tells the truth


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind != "erasure"])
def test_another_request_has_no_certificate_of_erasure(kind):
    said = text(ended(kind=kind))
    assert "Record of what was done" in said
    assert "Certificate of erasure" not in said


def test_a_refused_request_is_no_certificate_of_erasure_and_says_why():
    case = opened_case(submit=True)
    lifecycle.reject(case, by=person("ada"), ground="legal_claims")
    said = text(case)
    assert "Record of what was done" in said
    assert "The request was refused: legal claims." in said
    assert "This part was not approved, so nothing was sent." in said


def test_an_erasure_of_which_nothing_was_done_is_no_certificate_of_erasure():
    case = approved_case(requester={"language": "en"})
    for place in ("Paper archive", "Filing cabinet"):
        lifecycle.give_up(work(case, place), by=person("ada"), note="Burned.")
    said = text(case)
    assert "Record of what was done" in said
    assert "It could not be done." in said
    assert "Some of it was done" not in said
    assert "It could not be carried out to its end and was given up." in said


def test_a_request_that_was_withdrawn_half_way_says_so_and_what_was_done():
    case = approved_case(requester={"language": "en"})
    lifecycle.attest(work(case, "Paper archive"), by=person("ada"), note="Shredded.")
    lifecycle.cancel(case, by=person("olive"), reason="withdrawn")
    said = text(case)
    assert "Certificate of erasure" in said
    assert "The request was withdrawn or stopped when some of it had begun." in said
    assert "It was stopped before anything was sent." in said


def test_a_request_that_was_withdrawn_at_once_says_that_nothing_was_done():
    case = approved_case(requester={"language": "en"})
    lifecycle.cancel(case, by=person("olive"), reason="withdrawn")
    said = text(case)
    assert "Record of what was done" in said
    assert "stopped before anything was sent to anybody" in said


def test_a_part_that_was_refused_says_when_and_why():
    case = approved_case(requester={"language": "en"})
    intake_adds(case)
    lifecycle.reject(case, by=person("ada"), ground="legal_obligation")
    for place in ("Paper archive", "Filing cabinet"):
        lifecycle.attest(work_of_first(case, place), by=person("ada"), note="Shredded.")
    said = text(case)
    assert "On 5 September 2026 a part of it was refused: a legal obligation to keep the data." in said


@pytest.mark.parametrize("language", ["en-gb", "de"])
def test_a_vendor_for_which_it_was_refused_has_its_ground_and_was_not_asked(language):
    case = approved_case(requester={"language": language})
    lifecycle.refuse_work(work(case, "Filing cabinet"), by=person("ada"), ground="legal_obligation", note="Secret.")
    lifecycle.attest(work(case, "Paper archive"), by=person("ada"), note="Shredded.")
    said = text(case)
    if language == "de":
        assert "Abgelehnt: eine gesetzliche Aufbewahrungspflicht." in said
        return
    assert "Some of it was done, and some was not." in said
    assert "Note Refused: a legal obligation to keep the data." in said
    assert "On 5 September 2026 it was refused for Filing cabinet: a legal obligation to keep the data." in said
    assert "Not done: it was refused, and nothing was changed there." in said
    assert said.count("Asked to") == 1
    assert "No proof" not in said


def intake_adds(case: Case) -> None:
    from erasure import intake

    intake.add_identifier(case, by=person("olive"), kind="email", value="other@example.org")


def work_of_first(case: Case, place: str) -> SubTask:
    return case.sub_tasks.get(vendor__name=place, revision__number=1)


# --- names that are hard to set


@pytest.mark.parametrize("name", [LONG[:190], ODD, "\u202egro\u200b.elpmaxe", "東京 ताज 한국", "'\"\\//\t"[:5]])
@pytest.mark.parametrize("language", ["de", "en-gb"])
def test_no_name_breaks_it_leaves_the_page_or_becomes_markup(name, language):
    content = issue(ended(name=name.strip()), by=person("olive"), language=language).content
    assert content.startswith(b"%PDF")
    assert furthest_right(content) < 595 - 20 / 25.4 * 72 + 1
    assert "root:" not in text_of(content)


# --- the words


def test_every_outcome_has_its_words_in_both_languages():
    assert set(plain_words.RESULTS) == set(itertools.product(Outcome, Held))
    assert set(plain_words.PROOFS) == set(Assurance)
    for table in (plain_words.RESULTS, plain_words.PROOFS, plain_words.REASONS):
        said = {}
        for language in ("en-gb", "de"):
            with translation.override(language):
                said[language] = [str(words) for words in table.values()]
            assert len(set(said[language])) == len(table), "two of them say the same"
        assert all(said["en-gb"])
        assert not set(said["en-gb"]) & set(said["de"])


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("held", Held)
@pytest.mark.parametrize("assurance", Assurance)
def test_each_combination_is_said_of_an_identifier(outcome, held, assurance):
    use = SubTask.identifiers.rel.related_model(outcome=outcome, held=held, assurance=assurance)
    assert plain_words.result(SubTask(), use) == plain_words.RESULTS[outcome, held]
    assert plain_words.proof(SubTask(), use) == plain_words.PROOFS[assurance]
    unsent = SubTask(reason="stopped_before_sending")
    told = plain_words.result(unsent, use)
    assert (told == plain_words.REASONS["stopped_before_sending"]) == (outcome in ("pending", "refused"))
