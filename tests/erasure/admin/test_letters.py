"""Writing to the person from the page of a case."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core import mail
from django.urls import reverse

from compliance.audit.models import Event
from compliance.vault import seal
from erasure import letters, lifecycle
from erasure.models import Case, Letter
from tests import factories
from tests.factories import opened_case

from .conftest import page, told

SECRET = "Ada Lovelace"
PERSON = {"name": SECRET, "reply_to": "ada@example.org", "language": "en"}
CHOSEN = {"kind": "acknowledgement", "language": "en", "reason": "", "ground": ""}


@pytest.fixture(autouse=True)
def mailing(settings: Any) -> None:
    settings.LETTERS_FROM = "Shop <privacy@shop.example>"


@pytest.fixture
def case(shop: Any) -> Case:
    return opened_case(submit=True, requester=PERSON)


@pytest.fixture
def olive(signed_in: Any) -> Any:
    return signed_in("olive", "intake")


def write(client: Any, case: Case, **given: str) -> Any:
    return client.post(reverse("admin:erasure_case_letter", args=[case.pk]), CHOSEN | given)


def as_filled(response: Any) -> dict[str, str]:
    """What the browser would send of the page."""
    form = response.context["form"]
    return {name: str(form[name].value() or "") for name in form.fields} | {"channel": form["channel"].value() or ""}


def test_a_letter_is_chosen_read_changed_looked_at_and_sent(olive, case):
    address = reverse("admin:erasure_case_letter", args=[case.pk])
    assert address in page(olive, case)
    first = olive.get(address)
    assert first.context["form"]["language"].value() == "en"
    text = write(olive, case)
    filled = as_filled(text)
    assert "Dear {name}," in filled["body"]
    assert case.reference in filled["subject"]
    filled |= {"body": filled["body"].replace("Kind regards", "- one\n- two\n\nYours"), "channel": "email"}
    shown = olive.post(address, filled | {"_preview": "1"})
    assert shown.status_code == 200
    assert "<li>two</li>" in shown.content.decode()
    assert not Letter.objects.exists()
    answer = olive.post(address, filled | {"_send": "1"})
    assert answer.url == reverse("admin:erasure_case_change", args=[case.pk])
    letter = Letter.objects.get()
    assert (letter.kind, letter.channel, letter.mail, str(letter.pk)) == (
        "acknowledgement",
        "email",
        "queued",
        filled["number"],
    )
    letters.look_after(run=lambda send: send())
    (message,) = mail.outbox
    assert "Dear Ada Lovelace," in message.body
    assert "Yours" in message.body
    seen = unescape(page(olive, case))
    assert "confirmation of receipt" in seen
    assert "Receipt confirmed to the person" in seen


def test_no_page_shows_the_name_and_no_get_changes_anything(olive, case):
    address = reverse("admin:erasure_case_letter", args=[case.pk])
    before = Event.objects.count()
    pages = [olive.get(address), write(olive, case)]
    pages.append(olive.post(address, as_filled(pages[1]) | {"_preview": "1"}))
    for response in pages:
        assert response.status_code == 200
        said = response.content.decode()
        assert "Lovelace" not in said
        assert "ada@example.org" not in said
    assert olive.get(address + "?_send=1&kind=acknowledgement").status_code == 200
    assert Event.objects.count() == before
    assert "Lovelace" not in str(dict(olive.session))


def test_the_preview_as_a_pdf_has_the_name_masked(olive, case):
    filled = as_filled(write(olive, case))
    response = olive.post(reverse("admin:erasure_case_letter", args=[case.pk]), filled | {"_pdf": "1"})
    assert response["Content-Type"] == "application/pdf"
    assert response.content.startswith(b"%PDF-")
    assert "no-store" in response["Cache-Control"]
    assert not Letter.objects.exists()


def test_a_form_that_is_sent_twice_sends_one_letter(olive, case):
    filled = as_filled(write(olive, case, kind="recipients")) | {"channel": "letter", "_send": "1"}
    address = reverse("admin:erasure_case_letter", args=[case.pk])
    olive.post(address, filled)
    again = olive.post(address, filled)
    assert again.status_code == 422
    assert "It was not sent a second time." in again.content.decode()
    assert Letter.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"body": "Dear {nobody}"}, "There is no variable {nobody} in this letter."),
        ({"body": "a { b"}, "A brace stands alone"),
        ({"subject": ""}, "This field is required."),
        ({"channel": "pigeon"}, "pigeon"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_sent(olive, case, wrong, said):
    filled = as_filled(write(olive, case)) | {"channel": "letter", "_send": "1"} | wrong
    response = olive.post(reverse("admin:erasure_case_letter", args=[case.pk]), filled)
    assert response.status_code == 422
    assert said in unescape(response.content.decode())
    assert not Letter.objects.exists()


def test_an_extension_needs_its_reason_before_there_is_a_text(olive, case):
    refused = write(olive, case, kind="extension")
    assert refused.status_code == 422
    assert "This field is required." in refused.content.decode()
    assert "complexity, number" not in refused.content.decode()
    text = write(olive, case, kind="extension", reason="number")
    assert "great number of requests" in as_filled(text)["body"]


def test_where_nothing_can_be_mailed_the_page_says_why_and_offers_other_ways(olive, shop):
    case = opened_case(submit=True, requester=PERSON | {"reply_to": "030 123456"})
    text = write(olive, case)
    assert "is no e-mail address" in unescape(text.content.decode())
    form = text.context["form"]
    assert "email" not in dict(form.fields["channel"].choices)
    filled = as_filled(text) | {"channel": "letter", "_send": "1"}
    olive.post(reverse("admin:erasure_case_letter", args=[case.pk]), filled)
    assert Letter.objects.get().mail == "none"
    assert Case.objects.get(pk=case.pk).acknowledged_at


def test_what_was_on_record_before_is_said(olive, case):
    filled = as_filled(write(olive, case)) | {"channel": "letter", "_send": "1"}
    address = reverse("admin:erasure_case_letter", args=[case.pk])
    olive.post(address, filled)
    answer = olive.post(address, as_filled(write(olive, case)) | {"channel": "phone", "_send": "1"})
    assert any("on record before" in text for text in told(answer))
    assert Letter.objects.count() == 2


def test_each_letter_takes_the_permission_of_its_deed(olive, signed_in, case):
    address = reverse("admin:erasure_case_letter", args=[case.pk])
    forged = {**CHOSEN, "kind": "refusal", "ground": "unfounded", "channel": "letter", "_send": "1"}
    assert olive.post(address, forged).status_code == 403
    ada = signed_in("ada", "approver")
    assert ada.post(address, CHOSEN).status_code == 403
    text = ada.post(address, {**CHOSEN, "kind": "refusal", "ground": "unfounded"})
    answer = ada.post(address, as_filled(text) | {"channel": "letter", "_send": "1"})
    assert answer.status_code == 302
    case.refresh_from_db()
    assert (case.status, case.refusal_ground, case.reply_channel) == ("rejected", "unfounded", "letter")
    assert signed_in("una", "auditor").get(address).status_code == 403


def sent(case: Case, state: str = "none") -> Letter:
    letter = letters.send(case, "recipients", by=factories.person("olive", "intake"), channel="letter").letter
    Letter.objects.filter(pk=letter.pk).update(mail=state, code="mail_refused" if state == "failed" else "")
    return letter


def test_whoever_may_write_it_downloads_it_and_that_is_on_record(olive, signed_in, case):
    letter = sent(case)
    address = reverse("admin:erasure_case_letter_download", args=[case.pk, letter.pk])
    assert address in page(olive, case)
    assert olive.get(address).status_code == 302
    response = olive.post(address)
    assert b"".join(response.streaming_content).startswith(b"%PDF-")
    assert Event.objects.get(action="evidence.downloaded").subject == str(letter.evidence)
    assert signed_in("una", "auditor").post(address).status_code == 403
    other = opened_case()
    assert olive.post(reverse("admin:erasure_case_letter_download", args=[other.pk, letter.pk])).status_code == 404


@pytest.mark.parametrize(
    ("state", "words"), [("unknown", "It is not known"), ("failed", "could not be sent by e-mail")]
)
def test_a_letter_that_did_not_get_through_asks_for_a_decision(olive, case, state, words):
    letter = sent(case, state)
    said = page(olive, case)
    assert words in said
    assert ("the mail server refused it" in said) == (state == "failed")
    arrived = reverse("admin:erasure_case_letter_act", args=[case.pk, letter.pk, "arrived"])
    assert arrived in said
    olive.get(arrived)
    assert Letter.objects.get().mail == state
    olive.post(arrived)
    assert Letter.objects.get().mail == "sent"
    again = olive.post(reverse("admin:erasure_case_letter_act", args=[case.pk, letter.pk, "again"]))
    assert told(again)[-1].startswith("This letter does not wait")
    assert Letter.objects.get().mail == "sent"
    assert words not in page(olive, case)


def test_a_case_whose_key_is_gone_gets_no_letter(olive, case):
    seal.destroy(case.data_key)
    response = olive.get(reverse("admin:erasure_case_letter", args=[case.pk]))
    assert response.status_code == 302
    assert "could not be opened" in told(response)[0]


def test_the_letter_is_in_german_on_an_english_page(olive, shop):
    case = opened_case(submit=True, requester=PERSON | {"language": "de"})
    text = write(olive, case, language="de", kind="completion")
    assert "Guten Tag {name}," in as_filled(text)["body"]
    assert re.search(r"<h1>\s*Write a letter", text.content.decode())


@pytest.mark.parametrize(("rejected", "kind"), [(False, "completion"), (True, "refusal")])
def test_where_an_answer_is_the_next_step_a_letter_is_offered(signed_in, shop, turn_clock, rejected, kind):
    case = opened_case(submit=True, requester=PERSON)
    root = signed_in("root", "administrator")
    if rejected:
        lifecycle.reject(case, by=factories.person("ada", "approver"), ground="unfounded")
    else:
        factories.approve(case)
        turn_clock(timedelta(days=40))
    address = reverse("admin:erasure_case_letter", args=[case.pk]) + f"?kind={kind}"
    seen = page(root, case)
    assert ("Answer with a letter" in seen) == (address in seen)
    assert address in seen or not rejected
    assert root.get(address).context["form"]["kind"].value() == kind
