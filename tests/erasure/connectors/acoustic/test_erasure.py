"""The way of a sub-task from its job's opening to its closing."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from erasure.connectors.acoustic import AcousticExchange
from erasure.connectors.base import (
    Assurance,
    Finish,
    Go,
    HandOver,
    Held,
    Operation,
    Outcome,
)

from ..driver import Drive
from .conftest import (
    ANNA,
    COMPLETE,
    COOKIE,
    DELETE,
    FETCH,
    OPEN,
    PHONE,
    READY,
    STEPS,
    Vendor,
    listing,
    until,
)

ERASED, NOT_HELD = (Outcome.ERASED, Held.YES), (Outcome.NOT_HELD, Held.NO)
PROCESSED = (Outcome.PROCESSED, Held.UNKNOWN)
SILENT = [Operation.RESTRICT, Operation.UNRESTRICT]

# --- the seven calls --------------------------------------------------------------------------------------------------


def test_an_erasure_makes_the_vendors_seven_calls_in_order(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = drive()
    end = sub_task.run()
    assert isinstance(end, Finish)
    file = "2345/2%7Cgdpr%7C2345_1.segment.output"
    assert [(request.method, path) for request, (_call, path) in zip(vendor.requests, vendor.calls, strict=True)] == [
        ("POST", "/v1/jobs/gdprRequest"),
        ("GET", "/v1/jobs/GDPR_REQUEST/2345"),
        ("POST", "/v1/jobs/2345/data"),
        ("GET", "/v1/jobs/GDPR_REQUEST/2345"),
        ("GET", "/v1/jobs/GDPR_REQUEST/2345"),
        ("GET", f"/v1/jobs/gdprDataFiles/{file}"),
        ("DELETE", f"/v1/jobs/gdprDataFile/{file}"),
        ("PUT", "/v1/jobs/2345/status/complete"),
    ]
    assert sub_task.way == STEPS
    assert sub_task.outcomes == {"anna": ERASED}
    assert end.assurance == sub_task.assurance == Assurance.CONFIRMED
    assert sub_task.references == {"job": "2345"}


def test_every_call_carries_the_account_key(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    drive().run()
    assert {request.headers["Authorization"] for request in vendor.requests} == {"Bearer account-key-123"}


@pytest.mark.parametrize(
    ("operation", "lists", "payload"),
    [
        (Operation.ERASE, True, {"operationType": "remove", "generateOutput": True}),
        (Operation.ERASE, False, {"operationType": "remove", "generateOutput": False}),
        (Operation.RESTRICT, True, {"operationType": "addRestriction", "generateOutput": False}),
        (Operation.RESTRICT, False, {"operationType": "addRestriction", "generateOutput": False}),
        (Operation.UNRESTRICT, True, {"operationType": "removeRestriction", "generateOutput": False}),
        (Operation.UNRESTRICT, False, {"operationType": "removeRestriction", "generateOutput": False}),
    ],
)
def test_the_job_is_opened_for_the_operation_and_output_is_asked_for_of_an_erasure_alone(
    vendor: Vendor, drive: Callable[..., Drive], operation: Operation, lists: bool, payload: dict[str, object]
) -> None:
    sub_task = drive(operation=operation, generate_output=lists)
    assert isinstance(sub_task.run(), Finish)
    sent = json.loads(vendor.requests[0].body or b"")
    assert sent == payload
    assert type(sent["generateOutput"]) is bool
    assert vendor.requests[0].headers["Content-Type"] == "application/json"
    whole = operation == Operation.ERASE and lists
    assert list(dict.fromkeys(sub_task.steps)) == (STEPS if whole else STEPS[:4])
    assert (DELETE in vendor.story) == whole


@pytest.mark.parametrize("operation", [Operation.ERASE, *SILENT])
def test_without_output_all_is_processed_and_whether_it_was_held_stays_unknown(
    vendor: Vendor, drive: Callable[..., Drive], operation: Operation
) -> None:
    vendor.fields = {"inputRecordCount": 2, "updatedOrRemovedIdentityCount": 1, "skippedInputRecordCount": 1}
    sub_task = drive(ANNA, COOKIE, operation=operation, generate_output=False)
    end = sub_task.run()
    assert isinstance(end, Finish)
    assert end.assurance == Assurance.CONFIRMED
    assert sub_task.outcomes == {"anna": PROCESSED, "cookie": PROCESSED}
    assert sub_task.evidence == []


def test_only_what_changes_data_commits_and_only_questions_poll() -> None:
    steps = AcousticExchange.steps.values()
    assert {spec.name for spec in steps if spec.commits} == {"upload", "delete_file"}
    assert {spec.name for spec in steps if spec.polls} == {"await_intake", "await_result"}
    assert {spec.name for spec in steps if spec.writes} == {"create_job", "upload", "delete_file", "complete"}


def test_an_export_is_not_offered() -> None:
    assert set(AcousticExchange().starts) == {Operation.ERASE, Operation.RESTRICT, Operation.UNRESTRICT}
    assert AcousticExchange().calls(Operation.EXPORT) == []
    assert AcousticExchange().explain(Operation.EXPORT) == ()


@pytest.mark.parametrize(
    ("operation", "lists", "words"),
    [
        (Operation.ERASE, True, ("Erases every x1ID", "listed first")),
        (Operation.ERASE, False, ("Erases every x1ID", "stays unknown")),
        (Operation.RESTRICT, True, ("Restricts every x1ID", "stays unknown")),
        (Operation.UNRESTRICT, True, ("Lifts the restriction", "stays unknown")),
    ],
)
def test_the_plan_says_what_will_be_done(operation: Operation, lists: bool, words: tuple[str, str]) -> None:
    told = AcousticExchange(AcousticExchange.Options(generate_output=lists)).explain(operation)
    assert [word in str(line) for word, line in zip(words, told, strict=True)] == [True, True]


# --- several files ----------------------------------------------------------------------------------------------------


def test_every_file_is_fetched_and_kept_before_the_first_is_deleted(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.lists = [listing(("EMAIL", "anna@example.org")), listing(("COOKIEID", "C-1")), listing(("IDFA", "I-1"))]
    sub_task = until(drive(), "delete_file")
    assert vendor.asked(DELETE) == []
    assert sub_task.files == [text.encode() for text in vendor.lists]
    assert isinstance(sub_task.run(), Finish)
    assert vendor.story[-7:] == [FETCH] * 3 + [DELETE] * 3 + [COMPLETE]
    assert [path.rpartition("/")[2] for path in vendor.asked(FETCH)] == [
        f"2%7Cgdpr%7C2345_{number}.segment.output" for number in (1, 2, 3)
    ]
    names = [path.rpartition("/")[2] for path in vendor.asked(DELETE)]
    assert names == [path.rpartition("/")[2] for path in vendor.asked(FETCH)]


def test_nothing_is_said_to_be_erased_before_the_last_file_is_deleted(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.lists = [listing(("EMAIL", "anna@example.org")), listing(("COOKIEID", "C-1"))]
    sub_task = until(drive(), "delete_file")
    sub_task.once()
    assert sub_task.outcomes == {"anna": (Outcome.PENDING, Held.YES)}
    sub_task.once()
    assert sub_task.outcomes == {"anna": ERASED}
    assert sub_task.step == "complete"


def test_an_identifier_counts_as_held_whichever_file_names_it(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.lists = [listing(("EMAIL", "anna@example.org")), listing(("COOKIEID", COOKIE.value)), listing()]
    vendor.fields = {"skippedInputRecordCount": 1}
    sub_task = drive(ANNA, COOKIE, PHONE)
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.outcomes == {"anna": ERASED, "cookie": ERASED, "phone": NOT_HELD}


# --- restrictions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", [True, False, "true", None])
@pytest.mark.parametrize(("operation", "lists"), [*((one, True) for one in SILENT), (Operation.ERASE, False)])
def test_files_that_were_not_asked_for_are_never_deleted(
    vendor: Vendor, drive: Callable[..., Drive], operation: Operation, lists: bool, flag: object
) -> None:
    vendor.words, vendor.fields = [OPEN, READY], {"generateOutput": flag}
    sub_task = drive(operation=operation, generate_output=lists)
    for _try in (1, 2):
        end = sub_task.run()
        assert isinstance(end, HandOver)
        assert (end.to, end.code) == ("attention", "files_offered")
        assert "None was deleted" in end.note
        assert sub_task.step == "await_result"
    assert {DELETE, FETCH, COMPLETE}.isdisjoint(vendor.story)
    assert sub_task.said == {}


# --- memory -----------------------------------------------------------------------------------------------------------


def test_memory_is_small_and_plain_json(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    """The driver takes memory through JSON after every pass; this is what is left of it at the end."""
    vendor.fields = {"skippedInputRecordCount": 0}
    sub_task = drive()
    sub_task.run()
    assert sub_task.memory.pop("opened")
    assert sub_task.memory == {
        "job": "2345",
        "uploaded": True,
        "files": ["2|gdpr|2345_1.segment.output"],
        "skipped": 0,
        "fetched": 1,
        "found": 1,
        "rows": 2,
        "whole": True,
        "offered": True,
        "deleted": 1,
    }


def test_a_second_job_begins_with_nothing_of_the_first(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = until(drive(), "complete")
    sub_task.step = "create_job"
    sub_task.once()
    assert sub_task.memory.keys() == {"job", "opened"}
    assert sub_task.memory["job"] == "2346"


def test_results_do_not_show_what_they_hold(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = drive()
    sub_task.run()
    shown = repr(sub_task.results)
    assert "C-77" not in shown
    assert "segment.output" not in shown
    assert "nna@example.org" not in shown


@pytest.mark.parametrize(("days", "keep"), [(0, timedelta(0)), (30, timedelta(days=30))])
def test_a_list_has_its_own_time_to_be_kept(
    vendor: Vendor, drive: Callable[..., Drive], days: int, keep: timedelta
) -> None:
    sub_task = drive(keep_output_days=days)
    sub_task.run()
    assert [kept.keep for kept in sub_task.evidence] == [keep]
    assert [kept.download.name for kept in sub_task.evidence] == ["acoustic-output-1.csv"]


def test_between_two_files_the_work_goes_on_without_a_pause(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.lists = [listing(("EMAIL", "anna@example.org")), listing()]
    sub_task = until(drive(), "fetch_file")
    first = sub_task.once()
    assert isinstance(first, Go)
    assert first.after is None
    assert sub_task.step == "fetch_file"
