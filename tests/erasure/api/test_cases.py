import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from erasure.models import Case
from tests.erasure.api.conftest import VALUES, body, pointers, refused

FIELDS = {
    "reference",
    "status",
    "kind",
    "regime",
    "ground",
    "due_on",
    "received_at",
    "plan",
    "plan_digest",
    "needs_attention",
    "identifiers",
    "proposals",
    "sub_tasks",
    "reply",
}
SUB_TASK_FIELDS = {
    "id",
    "vendor",
    "connector",
    "operation",
    "status",
    "step",
    "next_at",
    "assurance",
    "held",
    "revision",
    "identifiers",
    "vendor_references",
    "attention",
}


def test_a_case_is_opened_and_shown_with_every_field_of_the_contract(crm, opened):
    case = opened()
    assert set(case) >= FIELDS | {"possible_duplicates"}
    assert re.fullmatch(r"DSR-\d{4}-\d{6}", case["reference"])
    assert case["status"] == "draft"
    assert case["plan"] == {"revision": 1, "digest": case["plan"]["digest"], "approved": False}
    assert case["plan_digest"] is None
    assert case["reply"] is None
    assert case["received_at"] == "2026-11-02T09:30:00Z"
    assert case["due_on"] == "2026-12-02"
    assert case["needs_attention"] is False
    assert [(item["kind"], item["origin"], item["state"], item["found_by"]) for item in case["identifiers"]] == [
        ("email", "submitted", "accepted", None),
        ("customer_id", "submitted", "accepted", None),
    ]
    by_vendor = {item["vendor"]: item for item in case["sub_tasks"]}
    assert set(by_vendor) == {"shop-search", "paper-archive"}
    apptus = by_vendor["shop-search"]
    assert set(apptus) >= SUB_TASK_FIELDS
    assert (apptus["connector"], apptus["operation"], apptus["status"]) == ("apptus", "erase", "planned")
    assert (apptus["held"], apptus["assurance"], apptus["attention"]) == ("unknown", "none", None)
    assert [(use["kind"], use["outcome"]) for use in apptus["identifiers"]] == [("customer_id", "pending")]
    detail = crm.get(f"/api/v1/cases/{case['reference']}/").json()
    assert detail == {name: value for name, value in case.items() if name != "possible_duplicates"}


def test_the_four_required_fields_are_enough(crm, vendors):
    least = {name: body()[name] for name in ("kind", "regime", "ground", "identifiers")}
    response = crm.post("/api/v1/cases/", least)
    assert response.status_code == 201
    assert response.json()["channel"] == "api"


def test_submit_opens_and_submits_in_one_go(opened):
    case = opened(submit=True)
    assert case["status"] == "awaiting_approval"
    assert case["plan_digest"] == case["plan"]["digest"]


def test_what_cannot_be_submitted_is_not_opened_either(crm, db):
    from erasure.models import Vendor

    Vendor.objects.update(enabled=False)
    refused(crm.post("/api/v1/cases/", body(submit=True)), 409, "no_vendors")
    assert not Case.objects.exists()


def test_only_the_named_vendors_are_part_of_the_plan(opened):
    case = opened(vendors=["paper-archive"])
    assert [item["vendor"] for item in case["sub_tasks"]] == ["paper-archive"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"identifiers": []}, "/identifiers"),
        ({"identifiers": None}, "/identifiers"),
        ({"identifiers": "a@example.org"}, "/identifiers"),
        ({"identifiers": [{"kind": "shoe_size", "value": "43"}]}, "/identifiers/0/kind"),
        ({"identifiers": [{"kind": "E-Mail", "value": "a@example.org"}]}, "/identifiers/0/kind"),
        ({"identifiers": [{"kind": "email", "value": "a@example.org\n"}]}, "/identifiers/0/value"),
        ({"identifiers": [{"kind": "customer_id", "value": "1\r\nx1Id,2"}]}, "/identifiers/0/value"),
        ({"identifiers": [{"kind": "customer_id", "value": 1001}]}, "/identifiers/0/value"),
        ({"identifiers": [{"kind": "customer_id", "value": "1\0"}]}, "/identifiers/0/value"),
        ({"identifiers": [{"kind": "email", "value": "a@example.org", "state": "accepted"}]}, "/identifiers/0/state"),
        ({"vendors": ["nobody"]}, "/vendors/0"),
        ({"vendors": []}, "/vendors"),
        ({"vendors": ["\0"]}, "/vendors/0"),
        ({"received_at": "2026-11-02T09:30:00"}, "/received_at"),
        ({"received_at": "2999-01-01T00:00:00Z"}, "/received_at"),
        ({"received_at": "0001-01-01T00:00:00+14:00"}, "/received_at"),
        ({"received_at": "yesterday"}, "/received_at"),
        ({"received_at": 1762075800}, "/received_at"),
        ({"kind": "oblivion"}, "/kind"),
        ({"regime": "lex talionis"}, "/regime"),
        ({"ground": ""}, "/ground"),
        ({"channel": "pigeon"}, "/channel"),
        ({"country": "Germany"}, "/country"),
        ({"submit": "yes"}, "/submit"),
        ({"submit": 1}, "/submit"),
        ({"requester": {"name": "Ada", "shoe_size": "43"}}, "/requester/shoe_size"),
        ({"requester": "Ada"}, "/requester"),
        ({"external_id": 991}, "/external_id"),
        ({"status": "completed"}, "/status"),
        ({"approved_by": 1}, "/approved_by"),
        ({"reference": "DSR-2026-000001"}, "/reference"),
        ({"opened_by": 1, "a/b~c": 1}, "/a~1b~0c"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_opened(crm, changes, pointer):
    problem = refused(crm.post("/api/v1/cases/", body(**changes)), 422, "invalid")
    assert pointer in pointers(problem)
    assert not Case.objects.exists()


@pytest.mark.parametrize("missing", ["kind", "regime", "ground", "identifiers"])
def test_a_missing_field_is_named(crm, missing):
    sent = body()
    del sent[missing]
    assert f"/{missing}" in pointers(refused(crm.post("/api/v1/cases/", sent), 422, "invalid"))


def test_a_body_that_is_no_object_is_a_wrong_field(crm):
    assert pointers(refused(crm.post("/api/v1/cases/", []), 422, "invalid")) == [""]


def test_a_used_external_id_names_the_case_that_has_it(crm, legal, opened):
    case = opened(external_id=VALUES["external_id"])
    problem = refused(crm.post("/api/v1/cases/", body(external_id=VALUES["external_id"])), 409, "external_id_used")
    assert problem["reference"] == case["reference"]
    # Another account has numbers of its own.
    assert legal.post("/api/v1/cases/", body(external_id=VALUES["external_id"])).status_code == 201


def test_a_likely_duplicate_is_opened_and_pointed_out(opened):
    first = opened()
    assert first["possible_duplicates"] == []
    again = opened(identifiers=[{"kind": "email", "value": VALUES["email"].upper()}])
    assert again["possible_duplicates"] == [first["reference"]]


def test_search_finds_by_identifier_and_by_external_id(crm, opened):
    case = opened(external_id=VALUES["external_id"])
    opened(identifiers=[{"kind": "customer_id", "value": "somebody-else"}])
    for wanted in (
        {"identifier": {"kind": "email", "value": VALUES["email"].lower()}},
        {"external_id": "crm-991-secret"},
    ):
        found = crm.post("/api/v1/cases/search/", wanted).json()
        assert [item["reference"] for item in found["results"]] == [case["reference"]]
        assert found["next"] is None and found["previous"] is None
    assert crm.post("/api/v1/cases/search/", {"external_id": "never"}).json()["results"] == []


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        ({}, ""),
        ({"identifier": {"kind": "email", "value": "a@example.org"}, "external_id": "1"}, ""),
        ({"identifier": {"kind": "email", "value": "no address"}}, "/identifier/value"),
        ({"identifier": {"kind": "email"}}, "/identifier/value"),
        ({"external_id": " "}, ""),
        ({"reference": "DSR-2026-000001"}, "/reference"),
    ],
)
def test_a_search_for_nothing_in_particular_is_refused(crm, wanted, pointer):
    assert pointer in pointers(refused(crm.post("/api/v1/cases/search/", wanted), 422, "invalid"))


@pytest.mark.parametrize("reference", ["DSR-2026-999999", "dsr", "..", "%00", "%ED%A0%80", "1' OR 1=1", "ä" * 50])
@pytest.mark.parametrize("address", ["", "plan/"])
def test_an_unknown_or_malformed_reference_is_not_found(crm, reference, address):
    refused(crm.get(f"/api/v1/cases/{reference}/{address}"), 404, "not_found")


def test_the_number_of_queries_does_not_grow_with_the_work(crm, opened, django_assert_num_queries, turn_clock):
    from tests import factories

    turn_clock(timedelta(0))  # the use of a token is noted once a minute
    url = f"/api/v1/cases/{opened()['reference']}/"
    crm.get(url)  # the token's use is noted now
    with django_assert_num_queries(9):
        crm.get(url)
    for number in range(8):
        factories.vendor(f"Archive {number}", "manual")
    bigger = opened(identifiers=[{"kind": "email", "value": f"ada{number}@example.org"} for number in range(8)])
    with django_assert_num_queries(9):
        assert len(crm.get(f"/api/v1/cases/{bigger['reference']}/").json()["sub_tasks"]) == 10
    with django_assert_num_queries(9):
        assert len(crm.get("/api/v1/cases/").json()["results"]) == 2


def test_the_plan_says_what_an_approval_would_approve(crm, opened):
    case = opened(submit=True)
    plan = crm.get(f"/api/v1/cases/{case['reference']}/plan/").json()
    assert (plan["revision"], plan["digest"], plan["approved"]) == (1, case["plan_digest"], False)
    archive, shop = sorted(plan["sub_tasks"], key=lambda part: part["vendor"])
    assert shop["first_call"] == {
        "method": "POST",
        "address": "http://127.0.0.1:9101/api/v1/event-data/create-export-customer-job",
    }
    assert shop["explanation"]
    assert [item["kind"] for item in shop["identifiers"]] == ["customer_id"]
    assert (archive["reason"], archive["by_hand"], archive["first_call"]) == ("by_hand", True, None)
    assert archive["reason_text"]
    assert "erase: Room 12" in archive["explanation"]


def test_a_vendor_that_lacks_an_identifier_says_so_in_the_plan(crm, opened):
    case = opened(identifiers=[{"kind": "email", "value": VALUES["email"]}])
    parts = crm.get(f"/api/v1/cases/{case['reference']}/plan/").json()["sub_tasks"]
    shop = next(part for part in parts if part["vendor"] == "shop-search")
    assert (shop["reason"], shop["identifiers"], shop["first_call"]) == ("no_identifier", [], None)
    assert "look them up" in shop["reason_text"]


def test_no_reply_holds_personal_data(crm, legal, opened):
    case = opened(external_id=VALUES["external_id"], submit=True)
    at = f"/api/v1/cases/{case['reference']}"
    replies = [
        crm.get(f"{at}/"),
        crm.get(f"{at}/plan/"),
        crm.get("/api/v1/cases/"),
        crm.post("/api/v1/cases/search/", {"identifier": {"kind": "email", "value": VALUES["email"]}}),
        crm.post("/api/v1/cases/", body(external_id=VALUES["external_id"])),
        crm.post(f"{at}/approve/", {"plan_digest": case["plan_digest"]}),
        legal.post(f"{at}/approve/", {"plan_digest": case["plan_digest"], "note": VALUES["name"]}),
        crm.post(f"{at}/identifiers/", {"kind": "email", "value": VALUES["email"] + "\t"}),
        crm.get("/api/v1/audit/"),
        crm.get("/api/v1/vendors/"),
    ]
    said = json.dumps(case) + "".join(response.content.decode() for response in replies)
    from erasure.connectors import REGISTRY

    hashed = REGISTRY["apptus"]().as_sent("customer_id", VALUES["customer_id"])
    for secret in (*VALUES.values(), VALUES["email"].lower(), hashed, "let-me-in"):
        assert secret not in said


def test_a_case_tells_what_is_foreseen_of_its_work(crm, turn_clock):
    turn_clock(datetime(2026, 11, 2, 12, tzinfo=UTC))
    opened = crm.post("/api/v1/cases/", body(submit=True)).json()
    assert opened["forecast"] == {"ends_on": "2026-11-08", "approve_by": "2026-11-26", "at_risk": False}
    ends = {item["vendor"]: item["expected_end"] for item in opened["sub_tasks"]}
    assert ends == {"shop-search": "2026-11-08", "paper-archive": None}
    turn_clock(datetime(2026, 11, 27, 12, tzinfo=UTC))
    later = crm.get(f"/api/v1/cases/{opened['reference']}/").json()
    assert later["forecast"] == {"ends_on": "2026-12-03", "approve_by": "2026-11-26", "at_risk": True}
