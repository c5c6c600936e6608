"""What is done with a case, and each refusal."""

import uuid
from datetime import UTC, datetime

import pytest

from compliance.audit.models import Event
from erasure import dispatch
from erasure.models import Case, SubTask, Vendor
from erasure.states import SubTaskStatus
from tests import factories
from tests.erasure.api.conftest import as_account, pointers, refused


@pytest.fixture(autouse=True)
def woken(monkeypatch) -> list:
    """The lanes that were woken; no queue is needed to see that."""
    lanes: list = []
    monkeypatch.setattr(dispatch, "wake", lambda vendors: lanes.extend(vendors))
    return lanes


def at(case: dict, action: str = "") -> str:
    return f"/api/v1/cases/{case['reference']}/{action}"


def part(case: dict, vendor: str) -> dict:
    return [item for item in case["sub_tasks"] if item["vendor"] == vendor][-1]


def approve(client, case: dict) -> dict:
    response = client.post(at(case, "approve/"), {"plan_digest": case["plan_digest"]})
    assert response.status_code == 200, response.content
    return response.json()


@pytest.fixture
def running(legal, opened) -> dict:
    """A case in progress."""
    return approve(legal, opened(submit=True))


def in_trouble(case: dict, vendor: str = "shop-search", code: str = "refused") -> dict:
    """The vendor's part needs attention, as after a refusal."""
    sub_task = SubTask.objects.get(pk=part(case, vendor)["id"])
    SubTask.objects.filter(pk=sub_task.pk).update(
        status=SubTaskStatus.NEEDS_ATTENTION,
        attention_code=code,
        attention_text="It said no.",
        references={"job": "J-1"},
    )
    return part(case, vendor)


def test_the_way_of_a_case(crm, legal, opened, woken):
    case = opened()
    case = crm.post(at(case, "submit/")).json()
    assert (case["status"], case["plan_digest"]) == ("awaiting_approval", case["plan"]["digest"])
    woken.clear()
    case = legal.post(at(case, "approve/"), {"plan_digest": case["plan_digest"], "note": "seen"}).json()
    assert (case["status"], case["plan_digest"], case["plan"]["approved"]) == ("in_progress", None, True)
    shop, archive = part(case, "shop-search"), part(case, "paper-archive")
    assert (shop["status"], shop["step"]) == ("ready", "start_export")
    assert shop["next_at"].endswith("Z")
    assert archive["status"] == "awaiting_attestation"
    assert set(woken) == set(Vendor.objects.values_list("pk", flat=True))
    case = crm.post(at(case, "attest/"), {"sub_task": archive["id"], "note": "Shredded in room 12"}).json()
    archive = part(case, "paper-archive")
    assert (archive["status"], archive["assurance"]) == ("done", "confirmed")
    assert [use["outcome"] for use in archive["identifiers"]] == ["erased"]


def test_a_digest_that_is_not_the_awaiting_one_approves_nothing(legal, opened):
    case = opened(submit=True)
    refused(legal.post(at(case, "approve/"), {"plan_digest": "0" * 64}), 409, "plan_changed")
    assert pointers(refused(legal.post(at(case, "approve/"), {}), 422, "invalid")) == ["/plan_digest"]
    assert legal.get(at(case)).json()["status"] == "awaiting_approval"


def test_a_plan_that_changed_since_it_was_read_is_not_approved_but_drawn_again(legal, opened):
    case = opened(submit=True)
    factories.vendor("Another archive", "manual")
    for headers in ({"Idempotency-Key": "once"}, {}):
        read = legal.get(at(case)).json()["plan_digest"]
        response = legal.post(at(case, "approve/"), {"plan_digest": read}, headers=headers)
        if headers:
            refused(response, 409, "plan_changed")
            assert legal.get(at(case)).json()["plan_digest"] != read, "the next reader must see what would be done"
    assert response.status_code == 200
    assert "another-archive" in {item["vendor"] for item in response.json()["sub_tasks"]}


def test_nothing_is_approved_twice(legal, opened):
    case = opened(submit=True)
    approve(legal, case)
    refused(legal.post(at(case, "approve/"), {"plan_digest": case["plan_digest"]}), 409, "nothing_to_approve")


def test_a_draft_cannot_be_approved(legal, opened):
    case = opened()
    response = legal.post(at(case, "approve/"), {"plan_digest": case["plan"]["digest"]})
    refused(response, 409, "nothing_to_approve")


def test_the_opener_cannot_approve_not_even_with_a_second_token(crm, opened):
    case = opened(submit=True)
    for client in (crm, as_account("crm", "cases:approve", "cases:read")):
        refused(client.post(at(case, "approve/"), {"plan_digest": case["plan_digest"]}), 403, "four_eyes")
    assert crm.get(at(case)).json()["status"] == "awaiting_approval"


def test_whoever_changed_the_plan_cannot_approve_it(crm, legal, opened):
    case = opened(submit=True)
    changed = legal.post(at(case, "identifiers/"), {"kind": "customer_id", "value": "C-2"}).json()
    assert changed["plan_digest"] != case["plan_digest"]
    refused(legal.post(at(case, "approve/"), {"plan_digest": changed["plan_digest"]}), 403, "four_eyes")
    assert approve(as_account("third"), changed)["status"] == "in_progress"


def test_a_submitted_case_is_not_submitted_again(crm, opened):
    refused(crm.post(at(opened(submit=True), "submit/")), 409, "wrong_state")


def test_a_case_is_rejected_on_a_ground(legal, opened):
    case = opened(submit=True)
    assert "/ground" in pointers(refused(legal.post(at(case, "reject/"), {"ground": "no"}), 422, "invalid"))
    rejected = legal.post(at(case, "reject/"), {"ground": "unfounded", "note": "third time"}).json()
    assert (rejected["status"], rejected["refusal_ground"], rejected["plan_digest"]) == ("rejected", "unfounded", None)
    assert rejected["closed_at"].endswith("Z")


def test_a_case_of_which_nothing_was_sent_is_cancelled(crm, opened, running):
    cancelled = crm.post(at(running, "cancel/"), {"reason": "withdrawn"}).json()
    assert (cancelled["status"], cancelled["cancel_reason"], cancelled["cancelled"]) == ("cancelled", "withdrawn", True)
    refused(crm.post(at(running, "cancel/"), {"reason": "withdrawn"}), 409, "wrong_state")
    other = opened()
    wrong = refused(crm.post(at(other, "cancel/"), {"reason": "bored"}), 422, "invalid")
    assert pointers(wrong) == ["/reason"]
    wrong = refused(crm.post(at(other, "cancel/"), {"reason": "duplicate", "duplicate_of": "DSR-1"}), 422, "invalid")
    assert pointers(wrong) == ["/duplicate_of"]
    assert "There is no other case with this reference" in wrong["detail"]
    wrong = refused(crm.post(at(other, "cancel/"), {"reason": "duplicate"}), 422, "invalid")
    assert "Name the reference of the case that this one repeats" in wrong["detail"]
    same = {"reason": "duplicate", "duplicate_of": running["reference"]}
    assert crm.post(at(other, "cancel/"), same).json()["duplicate_of"] == running["reference"]


def test_a_case_is_held_and_released(crm, opened, woken):
    case = opened(submit=True)
    refused(crm.post(at(case, "release/")), 409, "not_held")
    held = crm.post(at(case, "hold/"), {"note": "wait"}).json()
    assert held["on_hold"] is True
    assert "The case is on hold" in held["waits_for"]
    refused(crm.post(at(case, "hold/")), 409, "wrong_state")
    assert crm.post(at(case, "release/")).json()["on_hold"] is False


def test_an_identifier_of_a_running_case_makes_a_version_that_needs_its_own_approval(crm, legal, running):
    added = crm.post(at(running, "identifiers/"), {"kind": "customer_id", "value": "C-2"}).json()
    assert added["status"] == "in_progress"
    assert added["plan"]["revision"] == 2
    assert added["plan_digest"] == added["plan"]["digest"]
    assert [item["revision"] for item in added["sub_tasks"] if item["vendor"] == "shop-search"] == [1, 2]
    assert approve(legal, added)["plan_digest"] is None


@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        ({"kind": "customer_id"}, "/value"),
        ({"kind": "shoe_size", "value": "43"}, "/kind"),
        ({"kind": "email", "value": "no address"}, "/value"),
        ({"kind": "email", "value": "a@example.org\n"}, "/value"),
        ({"kind": "email", "value": "a@example.org", "origin": "discovered"}, "/origin"),
    ],
)
def test_a_wrong_identifier_is_refused(crm, opened, sent, pointer):
    case = opened()
    assert pointer in pointers(refused(crm.post(at(case, "identifiers/"), sent), 422, "invalid"))
    assert crm.get(at(case)).json()["identifiers"] == case["identifiers"]


def test_what_was_not_suggested_is_not_decided_about(crm, opened):
    case = opened()
    refused(crm.post(at(case, "proposals/"), {"accept": [str(uuid.uuid4())]}), 409, "no_proposals")
    wrong = refused(crm.post(at(case, "proposals/"), {"accept": ["ada@example.org"]}), 422, "invalid")
    assert pointers(wrong) == ["/accept/0"]
    assert "ada@example.org" not in str(wrong)


ARCHIVE = "Paper archive waits for a person who confirms by hand that it is done."


@pytest.fixture
def suggested(running) -> dict:
    """A case in progress in which the shop's vendor has found an address and two cookies; an account by hand takes
    cookies. What it says of the three, by their ids."""
    factories.vendor("Forum", "manual", options={"instructions": "", "accepts": ["cookie_id"]})
    case = Case.objects.get(reference=running["reference"])
    pairs = [("email", "eva@example.org"), ("cookie_id", "ck-1-secret"), ("x1_id", "x-1-secret")]
    return {item.kind: str(item.pk) for item in factories.found(case, *pairs)}


def test_suggestions_are_shown_with_their_finder_and_without_their_values(crm, running, suggested):
    answer = crm.get(at(running))
    case = answer.json()
    assert {item["id"]: (item["state"], item["found_by"]) for item in case["proposals"]} == {
        suggested["email"]: ("proposed", "shop-search"),
        suggested["cookie_id"]: ("proposed", "shop-search"),
    }
    assert {
        "id": suggested["x1_id"],
        "kind": "x1_id",
        "origin": "discovered",
        "state": "noted",
        "found_by": "shop-search",
    } in case["identifiers"]
    assert case["waits_for"] == f"2 suggested identifiers await a decision: accept or dismiss each. {ARCHIVE}"
    assert b"eva@" not in answer.content
    assert b"secret" not in answer.content


def test_suggestions_are_accepted_and_dismissed(crm, legal, running, suggested):
    sent = {"accept": [suggested["email"]], "dismiss": [suggested["cookie_id"]], "note": "a library's tablet"}
    case = crm.post(at(running, "proposals/"), sent).json()
    assert case["proposals"] == []
    assert {item["id"]: item["state"] for item in case["identifiers"] if item["found_by"]} == {
        suggested["email"]: "accepted",
        suggested["cookie_id"]: "dismissed",
        suggested["x1_id"]: "noted",
    }
    assert (case["plan"]["revision"], case["plan_digest"]) == (2, case["plan"]["digest"])
    assert case["waits_for"] == f"Plan version 2 awaits approval. {ARCHIVE}"
    archive = part(case, "paper-archive")
    assert (archive["revision"], [use["id"] for use in archive["identifiers"]]) == (2, [suggested["email"]])
    approved = approve(legal, case)
    assert (approved["plan_digest"], approved["waits_for"]) == (
        None,
        f"{ARCHIVE} Forum waits for an identifier: look the person up there.",
    )


def test_the_account_that_accepted_cannot_approve_not_even_with_a_second_token(legal, running, suggested):
    case = legal.post(at(running, "proposals/"), {"accept": [suggested["email"]]}).json()
    for client in (legal, as_account("legal", "cases:approve", "cases:read")):
        refused(client.post(at(case, "approve/"), {"plan_digest": case["plan_digest"]}), 403, "four_eyes")
    assert approve(as_account("third"), case)["plan_digest"] is None


def test_what_is_wrong_with_a_decision_is_said_at_its_place(crm, running, suggested):
    cookie, unknown = suggested["cookie_id"], str(uuid.uuid4())
    for sent, wrong in (
        ({}, ["/accept"]),
        ({"dismiss": [cookie]}, ["/note"]),
        ({"accept": [cookie, unknown], "dismiss": [cookie], "note": "x"}, ["/accept/1", "/dismiss/0"]),
        ({"accept": [suggested["x1_id"]]}, ["/accept/0"]),
        ({"accept": cookie}, ["/accept"]),
    ):
        assert pointers(refused(crm.post(at(running, "proposals/"), sent), 422, "invalid")) == wrong
    assert len(crm.get(at(running)).json()["proposals"]) == 2


def test_the_plan_tells_what_it_leaves_out_and_what_a_vendor_found(crm, running, suggested):
    crm.post(at(running, "proposals/"), {"accept": [suggested["email"]]})
    plan = crm.get(at(running, "plan/")).json()
    told = {item["vendor"]: " ".join(item["explanation"]) for item in plan["sub_tasks"]}
    assert "email: found by Shop search. A shared device can belong to somebody else" in told["paper-archive"]
    assert "the plan leaves out (cookie id: suggested" in told["forum"]


def test_a_reply_is_recorded_once(crm, opened, running):
    assert running["reply"] is None
    assert pointers(refused(crm.post(at(running, "reply/"), {"channel": "pigeon"}), 422, "invalid")) == ["/channel"]
    case = crm.post(at(running, "reply/"), {"channel": "letter", "note": "posted on Friday"}).json()
    assert case["reply"]["channel"] == "letter"
    assert case["reply"]["at"].endswith("Z")
    refused(crm.post(at(running, "reply/"), {"channel": "email"}), 409, "already_answered")
    refused(crm.post(at(opened(), "reply/"), {"channel": "email"}), 409, "wrong_state")


def test_an_extension_is_recorded_once_and_moves_the_due_date(crm, opened, running, turn_clock):
    turn_clock(datetime(2026, 11, 10, 12, tzinfo=UTC))  # before the first deadline, whatever day it is today
    assert running["extended_at"] is None
    wrong = refused(crm.post(at(running, "extend/"), {"reason": "holidays", "channel": "pigeon"}), 422, "invalid")
    assert pointers(wrong) == ["/reason", "/channel"]
    sent = {"reason": "complexity", "channel": "email", "note": "told them on Friday"}
    case = crm.post(at(running, "extend/"), sent).json()
    assert case["due_on"] > running["due_on"]
    assert case["extended_at"].endswith("Z")
    refused(crm.post(at(running, "extend/"), sent), 409, "already_extended")
    refused(crm.post(at(opened(), "extend/"), sent), 409, "wrong_state")


def test_the_receipt_is_confirmed_once(crm, running):
    assert running["acknowledged_at"] is None
    assert crm.post(at(running, "acknowledge/"), {"channel": "email"}).json()["acknowledged_at"].endswith("Z")
    refused(crm.post(at(running, "acknowledge/"), {"channel": "email"}), 409, "already_acknowledged")


def test_what_the_person_was_asked_is_shown_until_they_have_answered(crm, running):
    assert running["inquiries"] == []
    case = crm.post(at(running, "ask/"), {"reason": "identity", "channel": "email"}).json()
    (asked,) = case["inquiries"]
    assert (asked["reason"], asked["answered_on"]) == ("identity", None)
    refused(crm.post(at(running, "ask/"), {"reason": "identity", "channel": "phone"}), 409, "already_asked")
    refused(crm.post(at(running, "answered/"), {"reason": "clarification"}), 409, "not_asked")
    early = {"reason": "identity", "on": "2020-01-01"}
    assert pointers(refused(crm.post(at(running, "answered/"), early), 422, "invalid")) == ["/on"]
    case = crm.post(at(running, "answered/"), {"reason": "identity", "on": asked["asked_on"]}).json()
    assert case["inquiries"] == [asked | {"answered_on": asked["asked_on"]}]
    assert case["due_on"] == running["due_on"], "under the GDPR the clock does not stand"


def test_attention_is_shown_and_work_is_tried_again(crm, running):
    shop = in_trouble(running)
    case = crm.get(at(running)).json()
    assert case["needs_attention"] is True
    assert part(case, "shop-search")["attention"] == {"code": "refused", "text": "It said no."}
    assert part(case, "paper-archive")["attention"] is None
    case = crm.post(at(running, "retry/"), {"sub_task": shop["id"]}).json()
    assert case["needs_attention"] is False
    assert part(case, "shop-search")["status"] == "ready"
    refused(crm.post(at(running, "retry/"), {"sub_task": shop["id"]}), 409, "not_retryable")


def test_work_is_confirmed_by_the_vendors_reference(crm, running):
    in_trouble(running)
    wrong = refused(crm.post(at(running, "attest/"), {"vendor_reference": "J-2", "note": "seen"}), 422, "invalid")
    assert pointers(wrong) == ["/vendor_reference"]
    case = crm.post(at(running, "attest/"), {"vendor_reference": "J-1", "note": "seen"}).json()
    shop = part(case, "shop-search")
    assert (shop["status"], shop["vendor_references"]) == ("done", {"job": "J-1"})
    again = crm.post(at(running, "attest/"), {"vendor_reference": "J-1", "note": "seen"})
    refused(again, 409, "not_awaiting_attestation")


def test_a_reference_of_another_case_is_none_here(crm, legal, opened, running):
    in_trouble(running)
    other = approve(legal, opened(submit=True))
    refused(crm.post(at(other, "attest/"), {"vendor_reference": "J-1", "note": "seen"}), 422, "invalid")


@pytest.mark.parametrize("action", ["attest", "searched", "retry", "give-up", "refuse-vendor", "take-back-refusal"])
def test_a_sub_task_of_another_case_is_none_here(crm, legal, opened, running, action):
    other = approve(legal, opened(submit=True))
    more = {"retry": {}, "take-back-refusal": {}, "refuse-vendor": {"ground": "expression"}}
    sent = {"sub_task": part(other, "paper-archive")["id"]} | more.get(action, {"note": "done"})
    assert pointers(refused(crm.post(at(running, f"{action}/"), sent), 422, "invalid")) == ["/sub_task"]
    for wrong in ("ada@example.org", str(uuid.uuid4()), [], None):
        problem = refused(crm.post(at(running, f"{action}/"), sent | {"sub_task": wrong}), 422, "invalid")
        assert "ada@example.org" not in str(problem)


def test_attesting_needs_one_thing_to_attest_and_a_note(crm, running):
    archive = part(running, "paper-archive")["id"]
    for sent in ({"note": "x"}, {"sub_task": archive, "vendor_reference": "J-1", "note": "x"}):
        assert pointers(refused(crm.post(at(running, "attest/"), sent), 422, "invalid")) == [""]
    assert pointers(refused(crm.post(at(running, "attest/"), {"sub_task": archive}), 422, "invalid")) == ["/note"]
    shop = part(running, "shop-search")["id"]
    refused(crm.post(at(running, "attest/"), {"sub_task": shop, "note": "x"}), 409, "not_awaiting_attestation")


def test_a_search_without_a_find_ends_a_vendors_part(crm, legal, opened):
    case = approve(legal, opened(submit=True, identifiers=[{"kind": "email", "value": "ada@example.org"}]))
    shop = part(case, "shop-search")
    assert shop["status"] == "awaiting_identifier"
    case = crm.post(at(case, "searched/"), {"sub_task": shop["id"], "note": "looked under her name"}).json()
    shop = part(case, "shop-search")
    assert (shop["status"], shop["reason"]) == ("done", "searched_none")
    sent = {"sub_task": shop["id"], "note": "again"}
    refused(crm.post(at(case, "searched/"), sent), 409, "not_awaiting_identifier")


def test_what_cannot_be_carried_out_is_given_up(crm, running):
    shop = in_trouble(running)["id"]
    case = crm.post(at(running, "give-up/"), {"sub_task": shop, "note": "the vendor is bankrupt"}).json()
    assert part(case, "shop-search")["status"] == "stopped"
    archive = part(case, "paper-archive")["id"]
    case = crm.post(at(running, "attest/"), {"sub_task": archive, "note": "done"}).json()
    assert case["status"] == "partly_completed"
    refused(crm.post(at(running, "give-up/"), {"sub_task": shop, "note": "x"}), 409, "not_stoppable")


@pytest.mark.parametrize(
    ("action", "sent"),
    [
        ("submit", {}),
        ("approve", {"plan_digest": "x"}),
        ("reject", {"ground": "unfounded"}),
        ("cancel", {"reason": "mistaken"}),
        ("hold", {}),
        ("release", {}),
        ("identifiers", {"kind": "email", "value": "a@example.org"}),
        ("proposals", {}),
        ("acknowledge", {"channel": "email"}),
        ("ask", {"reason": "identity", "channel": "email"}),
        ("answered", {"reason": "identity"}),
        ("extend", {"reason": "number", "channel": "email"}),
        ("reply", {"channel": "email"}),
        ("recipients", {"name": "An auditor"}),
        ("recipients/told", {"recipient": "x", "channel": "email"}),
        ("recipients/not-told", {"recipient": "x", "why": "impossible", "note": "x"}),
        ("certificate", {}),
        ("attest", {"sub_task": str(uuid.uuid4()), "note": "x"}),
        ("searched", {"sub_task": str(uuid.uuid4()), "note": "x"}),
        ("retry", {"sub_task": str(uuid.uuid4())}),
        ("give-up", {"sub_task": str(uuid.uuid4()), "note": "x"}),
        ("letters", {"kind": "acknowledgement", "channel": "letter"}),
        ("letters/preview", {"kind": "acknowledgement"}),
        ("letters/send-again", {"letter": str(uuid.uuid4())}),
        ("letters/arrived", {"letter": str(uuid.uuid4())}),
    ],
)
def test_no_action_takes_a_foreign_field_or_an_unknown_case(crm, opened, action, sent):
    refused(crm.post(f"/api/v1/cases/DSR-2026-999999/{action}/", sent), 404, "not_found")
    case = opened()
    events = Event.objects.count()
    for field in ("status", "approved_by", "reference", "by"):
        problem = refused(crm.post(at(case, f"{action}/"), sent | {field: "x"}), 422, "invalid")
        assert f"/{field}" in pointers(problem)
    assert Event.objects.count() == events
    assert Case.objects.get().status == "draft"
