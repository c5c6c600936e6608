"""What is done with a case, and each refusal."""

import uuid

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
    assert crm.post(at(case, "hold/"), {"note": "wait"}).json()["on_hold"] is True
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


def test_there_is_nothing_proposed_yet(crm, opened):
    case = opened()
    refused(crm.post(at(case, "proposals/"), {"accept": [str(uuid.uuid4())]}), 409, "no_proposals")
    wrong = refused(crm.post(at(case, "proposals/"), {"accept": ["ada@example.org"]}), 422, "invalid")
    assert pointers(wrong) == ["/accept/0"]
    assert "ada@example.org" not in str(wrong)


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


@pytest.mark.parametrize("action", ["attest", "searched", "retry", "give-up"])
def test_a_sub_task_of_another_case_is_none_here(crm, legal, opened, running, action):
    other = approve(legal, opened(submit=True))
    sent = {"sub_task": part(other, "paper-archive")["id"]} | ({} if action == "retry" else {"note": "done"})
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
        ("attest", {"sub_task": str(uuid.uuid4()), "note": "x"}),
        ("searched", {"sub_task": str(uuid.uuid4()), "note": "x"}),
        ("retry", {"sub_task": str(uuid.uuid4())}),
        ("give-up", {"sub_task": str(uuid.uuid4()), "note": "x"}),
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
