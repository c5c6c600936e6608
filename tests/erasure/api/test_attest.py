"""Confirming by hand over the API: one part, or all that a vendor took under one reference; with a file."""

import base64

import pytest

from erasure import evidence, lifecycle
from erasure.models import Evidence, Note, SubTask
from tests.erasure.api.conftest import as_account, pointers, refused
from tests.erasure.taken import cdp, taken
from tests.factories import approved_case, person, vendor, work

PICTURE = b"\x89PNG the vendor's screen says completed"
FILE = {"name": "Ada Lovelace.png", "content": base64.b64encode(PICTURE).decode(), "content_type": "image/png"}


@pytest.fixture(autouse=True)
def accounts(db, settings, tmp_path):
    settings.EVIDENCE_DIR = tmp_path
    cdp()


@pytest.fixture
def client():
    return as_account("crm")


def at(sub_task, action="attest/"):
    return f"/api/v1/cases/{sub_task.case.reference}/{action}"


def confirmed(response):
    assert response.status_code == 200, response.content
    return response.json()


def by_reference(reference="E-1", **given):
    return {"vendor_reference": reference, "note": "Completed on their screen."} | given


def test_a_reference_is_confirmed_across_cases_and_the_others_are_named(client):
    mine, mixed, other = taken("E-1"), taken("E-1", "E-2"), taken("E-2")

    case = confirmed(client.post(at(mine), by_reference()))

    assert (case["reference"], case["status"]) == (mine.case.reference, "completed")
    assert case["also_confirmed"] == [mixed.case.reference]
    (part,) = case["sub_tasks"]
    assert (part["status"], part["assurance"], part["held"]) == ("done", "confirmed", "yes")
    (use,) = part["identifiers"]
    assert use == use | {"outcome": "erased", "held": "yes", "assurance": "confirmed", "reference": "E-1"}
    (part,) = client.get(at(mixed, "")).json()["sub_tasks"]
    assert part["status"] == "waiting"
    assert [(use["outcome"], use["assurance"], use["reference"]) for use in part["identifiers"]] == [
        ("erased", "confirmed", "E-1"),
        ("pending", "accepted", "E-2"),
    ]
    refused(client.post(at(mine), by_reference()), 409, "not_awaiting_attestation")
    assert SubTask.objects.get(pk=other.pk).status == "waiting"


def test_one_part_is_confirmed_alone(client):
    mine, other = taken("E-1"), taken("E-1")

    case = confirmed(client.post(at(mine), {"sub_task": str(mine.pk), "note": "Seen."}))
    assert case["also_confirmed"] == []
    assert SubTask.objects.get(pk=other.pk).status == "waiting"


def test_cases_on_hold_are_left_out_and_counted(client):
    mine, held = taken("E-1"), taken("E-1")
    lifecycle.hold(held.case, by=person("ada"))

    case = confirmed(client.post(at(mine), by_reference()))
    assert (case["also_confirmed"], case["left_out_on_hold"]) == ([], 1)
    assert SubTask.objects.get(pk=held.pk).status == "waiting"
    problem = refused(client.post(at(held), {"sub_task": str(held.pk), "note": "Seen."}), 409, "wrong_state")
    assert "on hold" in problem["detail"]
    refused(client.post(at(held), by_reference()), 409, "wrong_state")


def test_whether_data_was_held_may_be_said(client):
    vendor("Paper archive", "manual")
    sub_task = work(approved_case(), "Paper archive")
    given = {"sub_task": str(sub_task.pk), "note": "Not in the folder."}

    assert pointers(refused(client.post(at(sub_task), given | {"held": "maybe"}), 422, "invalid")) == ["/held"]
    case = confirmed(client.post(at(sub_task), given | {"held": "no"}))
    (part,) = [part for part in case["sub_tasks"] if part["vendor"] == "paper-archive"]
    assert (part["held"], part["identifiers"][0]["outcome"], case["left_out_on_hold"]) == ("no", "not_held", 0)
    mine = taken("E-1", case=approved_case(identifiers=[("customer_id", "C-9")]))
    assert pointers(refused(client.post(at(mine), by_reference(held="no")), 422, "invalid")) == ["/held"]


@pytest.mark.parametrize("reference", ["E-2", "e-1", "E-1 ", "a\x00b"])
def test_a_reference_of_another_case_is_none_of_this_one(client, reference):
    mine, other = taken("E-1"), taken("E-2")

    problem = refused(client.post(at(mine), by_reference(reference)), 422, "invalid")
    assert pointers(problem) == ["/vendor_reference"]
    assert SubTask.objects.get(pk=other.pk).status == "waiting"


def test_a_reference_that_two_vendors_of_the_case_use_confirms_nothing_until_it_names_one(client):
    cdp("CDP two")
    mine = taken("E-1")
    theirs = taken("E-1", case=mine.case, name="CDP two")

    problem = refused(client.post(at(mine), by_reference()), 422, "invalid")
    assert "Give sub_task instead" in problem["detail"]
    confirmed(client.post(at(mine), {"sub_task": str(mine.pk), "note": "Seen."}))
    confirmed(client.post(at(mine), by_reference()))  # one of them is left
    assert SubTask.objects.get(pk=theirs.pk).status == "done"


def test_nothing_is_confirmed_while_the_vendor_is_being_called(client):
    mine = taken("E-1", status="running", lease_until="2026-11-02T09:30:00Z")

    refused(client.post(at(mine), by_reference()), 409, "changed")


# --- a file


@pytest.mark.parametrize("file", [FILE, {"name": FILE["name"], "content": FILE["content"]}])
def test_a_file_is_kept_sealed_with_each_case_and_its_name_stays_private(client, file):
    mine, other = taken("E-1"), taken("E-1")

    case = confirmed(client.post(at(mine), by_reference(file=file)))

    (shown,) = case["evidence"]
    assert (shown["kind"], shown["size"], shown["sub_task"]) == ("attestation", len(PICTURE), str(mine.pk))
    assert shown["name"].endswith(".png")
    assert "Ada" not in str(case)
    for sub_task in (mine, other):
        with evidence.open_evidence(sub_task.case.evidence.get()) as stream:
            assert stream.read() == PICTURE


@pytest.mark.parametrize(
    ("file", "pointer"),
    [
        ({"content": FILE["content"]}, "/file/name"),
        ({"name": "a.png"}, "/file/content"),
        ({"name": "a.png", "content": "no base64!"}, "/file/content"),
        ({"name": "a.png", "content": "QUJD\n"}, "/file/content"),
        ({"name": "a.png", "content": "QUJ"}, "/file/content"),
        ({"name": "a.png", "content": "QUJDé"}, "/file/content"),
        ({"name": "a.png", "content": 1}, "/file/content"),
        ({"name": "a.png", "content": ""}, "/file"),
        ({"name": "a.png", "content": "QUJD", "path": "/etc/passwd"}, "/file/path"),
        ("QUJD", "/file"),
    ],
)
def test_a_wrong_file_confirms_nothing(client, file, pointer):
    mine = taken("E-1")

    assert pointers(refused(client.post(at(mine), by_reference(file=file)), 422, "invalid")) == [pointer]
    assert (Note.objects.count(), Evidence.objects.count()) == (0, 0)
    assert SubTask.objects.get(pk=mine.pk).status == "waiting"


def of_size(size):
    return {"name": "a.pdf", "content": base64.b64encode(b"x" * size).decode()}


def test_a_file_may_have_five_mebibytes_and_no_more(client):
    mine, limit = taken("E-1"), 5 * 1024 * 1024

    problem = refused(client.post(at(mine), by_reference(file=of_size(limit + 1))), 422, "invalid")
    assert (pointers(problem), "larger than 5 MiB" in problem["detail"]) == (["/file"], True)
    refused(client.post(at(mine), by_reference(file=of_size(2 * limit))), 413, "too_large")
    assert not Evidence.objects.exists()
    assert confirmed(client.post(at(mine), by_reference(file=of_size(limit))))["evidence"][0]["size"] == limit


def test_a_repeat_with_the_same_key_confirms_once_and_another_file_is_another_request(client):
    mine, key = taken("E-1"), {"Idempotency-Key": "confirm-17"}

    first = client.post(at(mine), by_reference(file=FILE), headers=key)
    again = client.post(at(mine), by_reference(file=FILE), headers=key)
    assert (confirmed(again), again.headers["Idempotency-Replayed"]) == (confirmed(first), "true")
    assert Evidence.objects.count() == 1
    other = by_reference(file=FILE | {"content": "QUJD"})
    refused(client.post(at(mine), other, headers=key), 422, "idempotency_key_reused")


def test_no_other_address_takes_a_body_as_large_as_a_file(client):
    mine = taken("E-1")

    refused(client.post(at(mine, "hold/"), {"note": "x" * 3_000_000}), 413, "too_large")
    assert SubTask.objects.get(pk=mine.pk).case.held_at is None
