"""What the vendor may answer, and what is never taken for an answer."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from erasure.connectors.base import (
    Assurance,
    BrokenReply,
    Finish,
    Go,
    HandOver,
    Misconfigured,
    Operation,
    OutcomeUnknown,
    Refused,
    RetryLater,
    Stay,
)

from ..driver import Drive
from .conftest import (
    ANNA,
    COMPLETE,
    CREATE,
    DATA,
    DELETE,
    DONE,
    OPEN,
    READY,
    RUNNING,
    STATUS,
    STEP_CALLS,
    STEPS,
    Answer,
    Vendor,
    in_html,
    in_json,
    listing,
    nothing,
    until,
)

# --- the job's number -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["2345", 2345])
def test_a_jobs_number_is_text_or_a_number(vendor: Vendor, drive: Callable[..., Drive], number: str | int) -> None:
    vendor.instead[CREATE] = [in_json({"jobId": number})]
    sub_task = drive()
    sub_task.once()
    assert sub_task.memory["job"] == "2345"
    assert sub_task.references == {"job": "2345"}
    vendor.words = [OPEN]
    vendor.instead[STATUS] = [in_json({"jobId": number, "status": OPEN})]
    assert isinstance(sub_task.once(), Go)


@pytest.mark.parametrize(
    "number",
    ["", "abc", "../2345", "23/45", "2345\n", " 2345", "-1", "2.5", "1" * 21, "٢٣", 2.5, -1, True, None, [2345], {}],
)
def test_a_job_with_another_kind_of_number_is_not_used(
    vendor: Vendor, drive: Callable[..., Drive], number: Any
) -> None:
    vendor.instead[CREATE] = [in_json({"jobId": number})]
    sub_task = drive()
    with pytest.raises(BrokenReply, match="Nothing is assumed"):
        sub_task.once()
    assert sub_task.step == "create_job"
    assert sub_task.memory == {}


@pytest.mark.parametrize("reply", [{}, {"id": 2345}, {"jobID": 2345}, [], "2345", 2345, None])
def test_a_job_without_a_number_is_not_used(vendor: Vendor, drive: Callable[..., Drive], reply: Any) -> None:
    vendor.instead[CREATE] = [in_json(reply)]
    with pytest.raises(BrokenReply):
        drive().once()


@pytest.mark.parametrize("status", [201, 202])
def test_a_job_may_be_answered_as_created_or_accepted(vendor: Vendor, drive: Callable[..., Drive], status: int) -> None:
    vendor.instead[CREATE] = [in_json({"jobId": "2345", "status": OPEN, "jobName": "remove"}, status)]
    sub_task = drive()
    sub_task.once()
    assert sub_task.step == "await_intake"


@pytest.mark.parametrize("step", ["await_intake", "await_result"])
@pytest.mark.parametrize("number", [2346, "2346", "02345", "2345 ", 23450, "", True, 2345.5, [2345], {"jobId": 2345}])
def test_another_jobs_status_is_not_taken_for_this_ones(
    vendor: Vendor, drive: Callable[..., Drive], step: str, number: Any
) -> None:
    sub_task = until(drive(), step)
    for word in (OPEN, DONE):
        vendor.instead[STATUS] = [in_json({"jobId": number, "status": word})]
        with pytest.raises(BrokenReply):
            sub_task.once()
    assert sub_task.step == step
    assert isinstance(sub_task.run(), Finish)


@pytest.mark.parametrize("told", [{}, {"jobId": None}])
def test_a_status_need_not_repeat_the_number_it_was_asked_for(
    vendor: Vendor, drive: Callable[..., Drive], told: dict[str, Any]
) -> None:
    sub_task = until(drive(), "await_intake")
    vendor.instead[STATUS] = [in_json({"status": OPEN, **told})]
    assert isinstance(sub_task.once(), Go)


@pytest.mark.parametrize("step", ["create_job", "await_intake", "await_result"])
@pytest.mark.parametrize("name", ["addRestriction", "removeRestriction", "ADDRESTRICTION"])
def test_a_job_that_does_something_else_is_not_ours(
    vendor: Vendor, drive: Callable[..., Drive], step: str, name: str
) -> None:
    sub_task = until(drive(), step)
    vendor.instead[STEP_CALLS[step]] = [in_json({"jobId": 2345, "status": OPEN, "jobName": name})]
    with pytest.raises(BrokenReply):
        sub_task.once()


@pytest.mark.parametrize("name", ["remove", "Remove"])
def test_a_removal_is_no_restriction(vendor: Vendor, drive: Callable[..., Drive], name: str) -> None:
    sub_task = until(drive(operation=Operation.RESTRICT), "await_result")
    vendor.instead[STATUS] = [in_json({"jobId": 2345, "status": DONE, "jobName": name})]
    with pytest.raises(BrokenReply):
        sub_task.once()


@pytest.mark.parametrize("name", ["REMOVE", "GDPR request", "", None, 7])
def test_any_other_name_of_a_job_tells_nothing(vendor: Vendor, drive: Callable[..., Drive], name: Any) -> None:
    vendor.fields = {"jobName": name}
    assert isinstance(drive().run(), Finish)


# --- status words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word", [OPEN, "WAITING_TO_RECIEVE_DATA", "waiting_to_receive_data", "Waiting_To_Recieve_Data"]
)
def test_both_spellings_say_that_the_job_is_open(vendor: Vendor, drive: Callable[..., Drive], word: str) -> None:
    vendor.words = [word, RUNNING, READY]
    assert isinstance(drive().run(), Finish)
    assert len(vendor.uploads) == 1


@pytest.mark.parametrize("words", [["running", "ready_for_download"], ["Running", "Ready_For_Download"]])
def test_words_are_read_in_any_case(vendor: Vendor, drive: Callable[..., Drive], words: list[str]) -> None:
    vendor.words = [OPEN, *words]
    assert isinstance(drive().run(), Finish)
    assert vendor.story[-1] == COMPLETE


@pytest.mark.parametrize("step", ["await_intake", "await_result"])
def test_a_running_job_is_asked_for_again_at_the_accounts_pace(
    vendor: Vendor, drive: Callable[..., Drive], step: str
) -> None:
    sub_task = until(drive(), step)
    vendor.words = [RUNNING]
    for _pass in range(3):
        result = sub_task.once()
        assert isinstance(result, Stay)
        assert result.after is None
    assert sub_task.step == step
    assert vendor.story.count(DATA) == (step == "await_result")


@pytest.mark.parametrize("word", [READY, DONE])
def test_a_job_that_ends_before_it_had_data_is_a_broken_reply(
    vendor: Vendor, drive: Callable[..., Drive], word: str
) -> None:
    vendor.words = [word]
    sub_task = drive()
    with pytest.raises(BrokenReply):
        sub_task.run()
    assert sub_task.step == "await_intake"
    assert sub_task.said == {}
    assert vendor.uploads == []


@pytest.mark.parametrize("before", [[], [RUNNING]])
def test_a_job_that_goes_on_waiting_for_the_data_it_was_sent_is_borne_for_a_while(
    vendor: Vendor, drive: Callable[..., Drive], before: list[str]
) -> None:
    vendor.words = [OPEN, *before, OPEN, OPEN, OPEN, READY]
    assert isinstance(drive().run(), Finish)
    assert len(vendor.uploads) == 1


@pytest.mark.parametrize("before", [[], [RUNNING]])
def test_and_then_a_person_is_asked_and_a_retry_sends_it_again(
    vendor: Vendor, drive: Callable[..., Drive], before: list[str]
) -> None:
    vendor.words = [OPEN, *before, OPEN]
    sub_task = drive()
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert (end.to, end.code, sub_task.step) == ("attention", "job_still_waiting", "await_result")
    assert vendor.story.count(STATUS) == 1 + len(before) + 6
    assert len(vendor.uploads) == 1
    vendor.words = [OPEN, READY]
    assert isinstance(sub_task.run(), Finish)
    assert len(vendor.uploads) == 2


@pytest.mark.parametrize("step", ["create_job", "await_intake", "await_result"])
@pytest.mark.parametrize(
    "word", ["FINISHED", "", "COMPLETE ", "COMPLETED", "СOMPLETE", "WAITING", "404", True, 0, 1, [DONE], {"a": 1}]
)
def test_any_other_word_is_a_broken_reply(vendor: Vendor, drive: Callable[..., Drive], step: str, word: Any) -> None:
    sub_task = until(drive(), step)
    vendor.instead[STEP_CALLS[step]] = [in_json({"jobId": 2345, "status": word})]
    with pytest.raises(BrokenReply, match="Nothing is assumed"):
        sub_task.once()
    assert sub_task.step == step
    assert sub_task.said == {}


@pytest.mark.parametrize("step", ["await_intake", "await_result"])
@pytest.mark.parametrize("told", [{}, {"status": None}, {"Status": DONE}, {"jobStatus": DONE}])
def test_a_status_reply_without_a_status_is_broken(
    vendor: Vendor, drive: Callable[..., Drive], step: str, told: dict[str, Any]
) -> None:
    sub_task = until(drive(), step)
    vendor.instead[STATUS] = [in_json({"jobId": 2345, **told})]
    with pytest.raises(BrokenReply):
        sub_task.once()
    assert sub_task.step == step


@pytest.mark.parametrize("step", ["await_intake", "await_result"])
def test_a_page_that_is_not_found_does_not_mean_that_the_job_is_lost(
    vendor: Vendor, drive: Callable[..., Drive], step: str
) -> None:
    sub_task = until(drive(), step)
    vendor.instead[STATUS] = [in_html(404)]
    with pytest.raises(BrokenReply):
        sub_task.once()
    assert sub_task.step == step


def test_the_upload_is_accepted_and_the_end_confirmed(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = until(drive(), "upload")
    assert all(result.assurance is None for result in sub_task.results)
    sub_task.once()
    assert sub_task.assurance == Assurance.ACCEPTED
    sub_task.run()
    assert sub_task.assurance == Assurance.CONFIRMED


def test_a_job_that_runs_has_accepted_an_upload_without_an_answer(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.instead[DATA] = [in_html(502)]
    sub_task = until(drive(), "upload")
    with pytest.raises(OutcomeUnknown):
        sub_task.once()
    sub_task.unknown()
    assert isinstance(sub_task.once(), Stay)
    assert sub_task.assurance == Assurance.ACCEPTED


# --- replies that nobody documented -----------------------------------------------------------------------------------

SILENT = {"upload": DATA, "delete_file": DELETE, "complete": COMPLETE}


@pytest.mark.parametrize("step", SILENT)
@pytest.mark.parametrize(
    "answer",
    [
        nothing(),
        nothing(204),
        in_json({}),
        in_json({"message": "thank you"}),
        in_json({"jobId": 2345}),
        in_json({"jobId": "2345", "status": "RUNNING"}),
        in_json({"jobId": 2345, "status": "COMPLETE", "errorDetails": None, "errors": [], "generateOutput": False}),
        in_json({"success": True, "result": {"deleted": 17, "failedRecordCount": 0}}),
        (200, {"Content-Type": "text/plain"}, b"OK"),
        in_json({"success": "true", "code": 200, "errorCode": "0", "message": "Deleted without errors"}),
        (200, {"Content-Type": "text/plain"}, b"Received, not yet processed"),
        (200, {"Content-Type": "text/plain"}, b"Data accepted, 0 errors"),
        (200, {"Content-Type": "application/json"}, b""),
        (200, {"Content-Type": "text/plain; charset=utf-8"}, b'{"jobId": 2345}'),
    ],
)
def test_any_success_that_is_not_a_page_counts(
    vendor: Vendor, drive: Callable[..., Drive], step: str, answer: Answer
) -> None:
    sub_task = until(drive(), step)
    vendor.instead[SILENT[step]] = [answer]
    assert isinstance(sub_task.once(), Go | Finish)


@pytest.mark.parametrize("status", [201, 202])
def test_an_upload_may_be_created_or_accepted(vendor: Vendor, drive: Callable[..., Drive], status: int) -> None:
    vendor.instead[DATA] = [nothing(status)]
    assert isinstance(drive().run(), Finish)


@pytest.mark.parametrize("step", SILENT)
@pytest.mark.parametrize(
    "answer",
    [
        in_html(),
        (200, {"Content-Type": "text/html"}, b""),
        (200, {"Content-Type": "application/json"}, b"<html>Sign in</html>"),
        (200, {}, b"\n <!DOCTYPE html><html>Sign in</html>"),
        (200, {"Content-Type": "text/plain"}, b"\xef\xbb\xbf<html>Sign in</html>"),
        (200, {"Content-Type": "application/json"}, b'{"jobId": 23'),
        (200, {"Content-Type": "text/plain"}, b'{"jobId": 23'),
        (200, {"Content-Type": "application/zip"}, b"PK"),
        in_json([]),
        in_json("OK"),
        in_json({"jobId": 2346}),
        in_json({"jobId": "2346", "status": "COMPLETE"}),
        in_json({"jobId": 2345, "status": "ERROR"}),
        in_json({"jobId": 2345, "status": "Error"}),
        in_json({"error": "the data could not be read"}),
        in_json({"errors": [{"code": 7}]}),
        in_json({"errorDetails": "no"}),
        in_json({"result": {"error": "no"}}),
        in_json({"success": False}),
        in_json({"result": {"Deleted": False}}),
        in_json({"status": "FAILED"}),
        in_json({"status": "NOT_FOUND"}),
        in_json({"jobId": 2345, "status": "DELETE_FAILED"}),
        in_json({"message": "fileNotFound"}),
        in_json({"success": "false"}),
        in_json({"deleted": 0}),
        in_json({"code": 404, "message": "the file"}),
        in_json({"message": "No such file"}),
        in_json({"errorCode": "7"}),
        in_json({"message": "The file could not be deleted."}),
        in_json({"messages": [{"text": "Invalid key"}]}),
        (200, {"Content-Type": "text/plain"}, b"Unauthorized"),
        (200, {"Content-Type": "text/plain"}, b"ACCESS_DENIED"),
        (200, {"Content-Type": "text/plain"}, b"false"),
        (200, {}, b"ERROR 7"),
        (200, {"Content-Type": "text/plain"}, b"\xff"),
        (200, {"Content-Type": "text/plain"}, b' \n{"jobId": 2346}'),
        in_html(404),
    ],
)
def test_a_page_another_jobs_reply_and_an_error_do_not(
    vendor: Vendor, drive: Callable[..., Drive], step: str, answer: Answer
) -> None:
    sub_task = until(drive(), step)
    before = (dict(sub_task.memory), sub_task.outcomes)
    vendor.instead[SILENT[step]] = [answer]
    with pytest.raises(BrokenReply):
        sub_task.once()
    assert (sub_task.memory, sub_task.outcomes) == before
    assert sub_task.step == step


def test_a_page_in_a_deletes_place_does_not_count_even_after_a_try_without_an_answer(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.instead[DELETE] = [in_html(502), in_html(404)]
    with pytest.raises(BrokenReply):
        drive().run()


# --- any reply to any call --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (in_html(), BrokenReply),
        (in_html(404), BrokenReply),
        (in_html(307, Location="https://evil.example/"), BrokenReply),
        ((200, {"Content-Type": "application/json"}, b'{"jobId": 2345, "status"'), BrokenReply),
        (
            (200, {"Content-Type": "application/json"}, b'{"jobId": 2345, "status": "ERROR", "status": "COMPLETE"}'),
            BrokenReply,
        ),
        (in_html(206), BrokenReply),
        (in_html(401), Misconfigured),
        (in_html(403), Misconfigured),
        (in_html(503), RetryLater),
        (in_html(429, **{"Retry-After": "90"}), RetryLater),
        (in_html(500), OutcomeUnknown),
    ],
)
@pytest.mark.parametrize("step", STEPS)
def test_a_reply_outside_the_page_moves_nothing(
    vendor: Vendor, drive: Callable[..., Drive], step: str, answer: Answer, error: type[Exception]
) -> None:
    sub_task = until(drive(), step)
    before = (dict(sub_task.memory), dict(sub_task.said), len(sub_task.evidence))
    vendor.instead[STEP_CALLS[step]] = [answer]
    with pytest.raises(error) as raised:
        sub_task.once()
    assert before == (sub_task.memory, sub_task.said, len(sub_task.evidence))
    assert sub_task.step == step
    if isinstance(raised.value, RetryLater) and answer[0] == 429:
        assert raised.value.after == timedelta(seconds=90)


@pytest.mark.parametrize("step", ["create_job", "upload"])
@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_what_is_refused_at_once_is_refused(
    vendor: Vendor, drive: Callable[..., Drive], step: str, status: int
) -> None:
    sub_task = until(drive(), step)
    vendor.instead[STEP_CALLS[step]] = [in_json({"error": "no"}, status)]
    with pytest.raises(Refused):
        sub_task.once()
    assert sub_task.step == step


def test_nothing_that_a_vendor_says_is_shown(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    """The fixture looks through all that staff could see; here is something to find."""
    private = f"failed at {ANNA.value}: account-key-123"
    vendor.fields = {"errorDetails": private, "subStatus": private, private: private, "accountId": private}
    vendor.lists = [listing(("EMAIL", "anna@example.org"), (ANNA.value, private), ("COOKIEID", private))]
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.leaks() == []
