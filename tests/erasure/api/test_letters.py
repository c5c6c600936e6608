"""Letters over the API: looked at, sent, and decided about."""

import json
import uuid
from typing import Any

import pytest

from compliance.audit.models import Event
from compliance.staff.models import IdempotentReply
from erasure import letters
from erasure.models import Letter
from tests.erasure.api.conftest import as_account, pointers, refused

from .test_decisions import approve, at


@pytest.fixture(autouse=True)
def mailing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from erasure import dispatch

    settings.LETTERS_FROM = "Shop <privacy@shop.example>"
    monkeypatch.setattr(dispatch, "wake", lambda vendors: None)


def test_a_letter_is_looked_at_and_nothing_happens(crm, opened):
    case = opened(submit=True)
    before = Event.objects.count()
    response = crm.post(at(case, "letters/preview/"), {"kind": "completion", "language": "de"})
    assert response.status_code == 200
    shown = response.json()
    assert (shown["kind"], shown["language"], shown["mailable"], shown["why_not"]) == ("completion", "de", True, "")
    assert case["reference"] in shown["subject"]
    assert shown["body"].startswith("Guten Tag {name},")
    assert "Lovelace" not in response.content.decode()
    assert Event.objects.count() == before
    assert not Letter.objects.exists()


def test_a_letter_is_sent_and_stands_in_the_case(crm, opened):
    case = opened(submit=True)
    response = crm.post(at(case, "letters/"), {"kind": "acknowledgement", "channel": "email"})
    assert response.status_code == 200, response.content
    after = response.json()
    assert after["acknowledged_at"]
    assert after["remarks"] == []
    (listed,) = after["letters"]
    assert listed == after["letter"]
    assert (listed["kind"], listed["language"], listed["channel"], listed["mail"]) == (
        "acknowledgement",
        "en",
        "email",
        "queued",
    )
    assert listed["evidence"] == after["evidence"][0]["id"]
    assert listed["at"].endswith("Z")
    assert "Lovelace" not in json.dumps(after)
    assert crm.get(at(case)).json()["letters"] == [listed]


def test_the_same_key_sends_one_letter(crm, opened):
    case = opened(submit=True)
    sent = {"kind": "recipients", "channel": "letter", "subject": "Hello", "body": "Hello {name}"}
    key = {"HTTP_IDEMPOTENCY_KEY": "one"}
    first = crm.post(at(case, "letters/"), sent, **key)
    again = crm.post(at(case, "letters/"), sent, **key)
    assert first.json() == again.json()
    assert Letter.objects.count() == 1


def test_what_was_on_record_before_is_said(crm, opened):
    case = opened(submit=True)
    crm.post(at(case, "acknowledge/"), {"channel": "phone"})
    after = crm.post(at(case, "letters/"), {"kind": "acknowledgement", "channel": "email"}).json()
    assert len(after["remarks"]) == 1
    assert len(after["letters"]) == 1


def test_a_refusal_takes_the_scope_of_rejecting(opened, legal):
    case = opened(submit=True)
    sent = {"kind": "refusal", "channel": "letter", "ground": "legal_claims"}
    problem = refused(as_account("writer", "cases:write").post(at(case, "letters/"), sent), 403, "missing_scope")
    assert problem["scope"] == "cases:approve"
    assert not Letter.objects.exists()
    after = legal.post(at(case, "letters/"), sent).json()
    assert (after["status"], after["refusal_ground"], after["reply"]["channel"]) == (
        "rejected",
        "legal_claims",
        "letter",
    )


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({}, ["/channel", "/kind"]),
        ({"kind": "poem", "channel": "letter"}, ["/kind"]),
        ({"kind": "extension", "channel": "letter"}, ["/reason"]),
        ({"kind": "completion", "channel": "pigeon"}, ["/channel"]),
        ({"kind": "completion", "channel": "letter", "language": "xx"}, ["/language"]),
        ({"kind": "completion", "channel": "letter", "body": "{nobody}"}, ["/body"]),
        ({"kind": "completion", "channel": "letter", "subject": "a\nb"}, ["/subject"]),
        ({"kind": "completion", "channel": "letter", "body": "x" * 20_001}, ["/body"]),
    ],
)
def test_what_is_wrong_is_named(crm, opened, sent, wrong):
    case = opened(submit=True)
    problem = refused(crm.post(at(case, "letters/"), sent), 422, "invalid")
    assert sorted(pointers(problem)) == wrong
    assert not Letter.objects.exists()


def test_nobody_is_mailed_without_an_address_or_a_server(crm, opened, settings):
    case = opened(submit=True, requester={"name": "Ada", "reply_to": "Room 12"})
    sent = {"kind": "acknowledgement", "channel": "email"}
    refused(crm.post(at(case, "letters/"), sent), 409, "no_mail_address")
    assert crm.post(at(case, "letters/preview/"), {"kind": "acknowledgement"}).json()["mailable"] is False
    settings.LETTERS_FROM = ""
    refused(crm.post(at(case, "letters/"), sent), 409, "no_mailing")


def test_the_deeds_own_refusals_are_told(crm, opened, legal):
    case = opened(submit=True, regime="own")
    sent = {"kind": "extension", "channel": "letter", "reason": "number"}
    refused(crm.post(at(case, "letters/"), sent), 409, "no_extension")
    running = approve(legal, opened(submit=True))
    refused(
        legal.post(at(running, "letters/"), {"kind": "refusal", "channel": "letter", "ground": "expression"}),
        409,
        "wrong_state",
    )


def test_what_became_of_one_is_decided(crm, opened):
    case = opened(submit=True)
    after = crm.post(at(case, "letters/"), {"kind": "completion", "channel": "email"}).json()
    number = {"letter": after["letter"]["id"]}
    refused(crm.post(at(case, "letters/arrived/"), number), 409, "letter_not_open")
    Letter.objects.update(mail="unknown", next_at=None)
    assert crm.post(at(case, "letters/send-again/"), number).json()["letters"][0]["mail"] == "queued"
    Letter.objects.update(mail="failed", next_at=None)
    assert crm.post(at(case, "letters/arrived/"), number).json()["letters"][0]["mail"] == "sent"
    problem = refused(crm.post(at(case, "letters/arrived/"), {"letter": str(uuid.uuid4())}), 422, "invalid")
    assert pointers(problem) == ["/letter"]
    other = opened()
    refused(crm.post(at(other, "letters/arrived/"), number), 422, "invalid")


def test_a_letter_of_the_api_goes_out(crm, opened, mailoutbox):
    case = opened(submit=True)
    crm.post(at(case, "letters/"), {"kind": "acknowledgement", "channel": "email"})
    letters.look_after(run=lambda send: send())
    (message,) = mailoutbox
    assert message.to == ["reply-here@example.org"]
    assert "Dear Ada Lovelace," in message.body
    assert crm.get(at(case)).json()["letters"][0]["mail"] == "sent"


def test_a_look_at_a_letter_is_not_kept_for_its_key(crm, opened):
    named = {"kind": "acknowledgement", "body": "Dear Ada Lovelace of 12 Paper Lane"}
    response = crm.post(at(opened(), "letters/preview/"), named, headers={"Idempotency-Key": "look-1"})
    assert response.json()["body"] == named["body"]
    assert not IdempotentReply.objects.exclude(body=None).filter(body__icontains="Paper Lane").exists()
