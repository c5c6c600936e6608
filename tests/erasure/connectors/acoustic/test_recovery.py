"""Calls without an answer, and jobs that fail: what is sent again, and when a person is asked."""

from collections.abc import Callable

import pytest

from erasure.connectors.base import (
    Finish,
    HandOver,
    Held,
    Operation,
    Outcome,
    OutcomeUnknown,
)

from ..driver import Drive
from .conftest import (
    ANNA,
    COMPLETE,
    COOKIE,
    CREATE,
    DATA,
    DELETE,
    DONE,
    ERROR,
    FETCH,
    OPEN,
    READY,
    RUNNING,
    STATUS,
    Vendor,
    in_csv,
    in_html,
    in_json,
    listing,
    nothing,
    until,
)

ERASED = (Outcome.ERASED, Held.YES)

# --- unknown outcomes -------------------------------------------------------------------------------------------------


def test_a_job_whose_opening_was_not_answered_is_left_empty_and_another_is_opened(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.instead[CREATE] = [in_html(502)]
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    assert vendor.story.count(CREATE) == 2
    assert len(vendor.uploads) == 1


def test_an_upload_that_was_not_answered_and_did_not_arrive_is_sent_again(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.words = [OPEN, OPEN, RUNNING, READY]
    vendor.instead[DATA] = [in_html(502)]
    assert isinstance(drive().run(), Finish)
    assert vendor.story[:6] == [CREATE, STATUS, DATA, STATUS, DATA, STATUS]


def test_an_upload_that_was_not_answered_and_arrived_is_not_sent_again(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.words = [OPEN, RUNNING, OPEN, READY]  # even if the job says for a moment that it waits
    vendor.instead[DATA] = [in_html(502)]
    assert isinstance(drive().run(), Finish)
    assert vendor.story.count(DATA) == 1


@pytest.mark.parametrize("status", [400, 409])
def test_an_upload_that_is_refused_after_one_without_an_answer_may_have_come_through(
    vendor: Vendor, drive: Callable[..., Drive], status: int
) -> None:
    vendor.words = [OPEN, OPEN, READY]
    vendor.instead[DATA] = [in_html(502), in_json({"error": "the job does not wait for data"}, status)]
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.outcomes == {"anna": ERASED}


def test_an_upload_that_a_person_repeats_is_followed_like_the_first(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.words = [OPEN]
    sub_task = drive()
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert end.code == "job_still_waiting"
    vendor.instead[DATA] = [in_html(502)]
    vendor.words = [OPEN, OPEN, READY]
    assert isinstance(sub_task.run(), Finish)
    assert vendor.story.count(DATA) == 3


def test_an_upload_that_the_vendor_noticed_late_is_not_repeated(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.words = [OPEN]
    sub_task = drive()
    assert isinstance(sub_task.run(), HandOver)
    vendor.words = [RUNNING, READY]
    assert isinstance(sub_task.run(), Finish)
    assert vendor.story.count(DATA) == 1


def test_a_delete_that_was_not_answered_is_repeated_and_then_the_file_is_unknown(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.lists = [listing(("EMAIL", "anna@example.org")), listing(("COOKIEID", "C-1"))]
    vendor.instead[DELETE] = [in_html(502), in_json({"error": "no such file"}, 404)]
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    first, second = (f"2%7Cgdpr%7C2345_{number}.segment.output" for number in (1, 2))
    assert [path.rpartition("/")[2] for path in vendor.asked(DELETE)] == [first, first, second]
    assert sub_task.outcomes == {"anna": ERASED}


@pytest.mark.parametrize("tries", [1, 2])
def test_a_file_that_is_unknown_though_nobody_deleted_it_goes_to_a_person_each_time(
    vendor: Vendor, drive: Callable[..., Drive], tries: int
) -> None:
    vendor.instead[DELETE] = [in_json({"error": "no such file"}, 404)] * tries
    sub_task = drive()
    for _try in range(tries):
        end = sub_task.run()
        assert isinstance(end, HandOver)
        assert (end.to, end.code, sub_task.step) == ("attention", "file_not_deleted", "delete_file")
        assert "may still be held" in end.note
        assert sub_task.outcomes == {"anna": (Outcome.PENDING, Held.YES)}
    assert isinstance(sub_task.run(), Finish)


def test_a_try_at_one_file_does_not_explain_that_another_is_unknown(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.lists = [listing(("EMAIL", "anna@example.org")), listing(("COOKIEID", "C-1"))]
    vendor.instead[DELETE] = [in_html(502), nothing(), in_json({"error": "no such file"}, 404)]
    end = drive().run()
    assert isinstance(end, HandOver)
    assert end.code == "file_not_deleted"


@pytest.mark.parametrize("status", [400, 409, 410, 422])
def test_a_delete_that_is_refused_goes_to_a_person_even_after_one_without_an_answer(
    vendor: Vendor, drive: Callable[..., Drive], status: int
) -> None:
    vendor.instead[DELETE] = [in_html(502), in_json({"error": "no"}, status)]
    sub_task = drive()
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert end.code == "file_not_deleted"
    assert sub_task.outcomes == {"anna": (Outcome.PENDING, Held.YES)}  # it was sent: not refused as a whole


@pytest.mark.parametrize("status", [404, 409])
def test_a_job_that_was_closed_by_a_call_without_an_answer_is_closed(
    vendor: Vendor, drive: Callable[..., Drive], status: int
) -> None:
    vendor.instead[COMPLETE] = [in_html(502), in_json({"error": "not now"}, status)]
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.outcomes == {"anna": ERASED}


@pytest.mark.parametrize("status", [404, 409])
def test_a_job_that_cannot_be_closed_goes_to_a_person_and_what_is_erased_stays_said(
    vendor: Vendor, drive: Callable[..., Drive], status: int
) -> None:
    vendor.instead[COMPLETE] = [in_json({"error": "not now"}, status)] * 2
    sub_task = drive()
    for _try in (1, 2):
        end = sub_task.run()
        assert isinstance(end, HandOver)
        assert (end.to, end.code, sub_task.step) == ("attention", "job_not_closed", "complete")
        assert sub_task.outcomes == {"anna": ERASED}
    assert isinstance(sub_task.run(), Finish)


@pytest.mark.parametrize("step", ["await_intake", "await_result", "fetch_file"])
def test_a_question_without_an_answer_is_asked_again(vendor: Vendor, drive: Callable[..., Drive], step: str) -> None:
    sub_task = until(drive(), step)
    vendor.instead[FETCH if step == "fetch_file" else STATUS] = [in_html(500), in_html(504)]
    for _try in (1, 2):
        with pytest.raises(OutcomeUnknown):
            sub_task.once()
        sub_task.unknown()
        assert sub_task.step == step
    assert isinstance(sub_task.run(), Finish)
    assert len(vendor.uploads) == 1
    assert len(sub_task.evidence) == 1


# --- jobs that fail ---------------------------------------------------------------------------------------------------


def test_a_job_that_does_not_open_goes_to_a_person_and_a_retry_opens_another(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.words = [RUNNING, ERROR, OPEN, READY]
    sub_task = drive()
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert (end.to, end.code, sub_task.step) == ("attention", "job_failed", "create_job")
    assert "Nothing was sent" in end.note
    assert vendor.uploads == []
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.references == {"job": "2346"}
    assert vendor.asked(DATA) == ["/v1/jobs/2346/data"]


@pytest.mark.parametrize("code", ["job_failed", "job_lost", "job_short"])
def test_a_job_that_fails_after_the_upload_goes_to_a_person_and_a_retry_does_all_of_it_again(
    vendor: Vendor, drive: Callable[..., Drive], code: str
) -> None:
    told = {
        "job_failed": in_json({"jobId": 2345, "status": ERROR, "errorDetails": "failed at Anna@example.org"}),
        "job_lost": in_json({"error": "no such job"}, 404),
        "job_short": in_json({"jobId": 2345, "status": READY, "inputRecordCount": 0, "gdprDataFiles": []}),
    }
    sub_task = until(drive(), "await_result")
    vendor.instead[STATUS] = [told[code]]
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert (end.to, end.code, sub_task.step) == ("attention", code, "create_job")
    assert "opens a new job" in end.note
    assert sub_task.said == {}
    vendor.words = [OPEN, READY]
    assert isinstance(sub_task.run(), Finish)
    assert len(vendor.uploads) == 2
    assert vendor.asked(DELETE) == ["/v1/jobs/gdprDataFile/2346/2%7Cgdpr%7C2346_1.segment.output"]
    assert sub_task.outcomes == {"anna": ERASED}


@pytest.mark.parametrize("fetched", [0, 1])
def test_a_job_that_offered_lists_and_is_complete_without_them_has_not_shown_that_nobody_was_held(
    vendor: Vendor, drive: Callable[..., Drive], fetched: int
) -> None:
    """Somebody closed it while a list could not be read."""
    vendor.lists = [listing(("EMAIL", "anna@example.org")), listing()]
    sub_task = until(drive(), "fetch_file")
    for _file in range(fetched):
        sub_task.once()
    vendor.instead[FETCH] = [in_csv("no list")]
    assert isinstance(sub_task.run(), HandOver)
    vendor.words = [DONE]
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert (end.to, end.code, sub_task.step) == ("attention", "job_closed", "create_job")
    assert Outcome.NOT_HELD not in {said.outcome for said in sub_task.said.values()}
    vendor.words = []
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.outcomes == {"anna": ERASED}
    assert vendor.story.count(CREATE) == 2


@pytest.mark.parametrize("operation", [Operation.ERASE, Operation.RESTRICT])
@pytest.mark.parametrize(("counted", "ended"), [({}, False), ({"inputRecordCount": 1}, True)])
def test_a_job_that_is_complete_after_an_upload_without_an_answer_must_have_had_the_identifiers(
    vendor: Vendor, drive: Callable[..., Drive], counted: dict[str, int], ended: bool, operation: Operation
) -> None:
    """Else somebody has closed a job that waited for them."""
    sub_task = until(drive(operation=operation), "upload")
    vendor.instead[DATA] = [in_html(502)]
    vendor.words, vendor.fields = [DONE], counted
    end = sub_task.run()
    if ended:
        assert isinstance(end, Finish)
        return
    assert isinstance(end, HandOver)
    assert (end.to, end.code, sub_task.step) == ("attention", "job_closed", "create_job")
    assert sub_task.said == {}


def test_after_a_job_that_failed_with_the_identifiers_nobody_is_said_not_to_have_been_held(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    """The first job may have erased them: that nothing is there now is all that is known."""
    vendor.words = [OPEN, ERROR, OPEN, DONE]
    sub_task = drive()
    assert isinstance(sub_task.run(), HandOver)
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.outcomes == {"anna": (Outcome.ERASED, Held.UNKNOWN)}


@pytest.mark.parametrize(
    ("said", "short"),
    [
        ({"inputRecordCount": 1}, True),
        ({"inputRecordCount": 1, "skippedInputRecordCount": 1}, False),
        ({"inputRecordCount": 2}, False),
        ({"inputRecordCount": 4, "skippedInputRecordCount": 1}, False),
        ({"inputRecordCount": -1}, False),
        ({"inputRecordCount": "1"}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("operation", [Operation.ERASE, Operation.RESTRICT])
def test_a_job_that_read_fewer_identifiers_than_it_was_sent_is_not_an_end(
    vendor: Vendor, drive: Callable[..., Drive], said: dict[str, object], short: bool, operation: Operation
) -> None:
    vendor.fields = said
    end = drive(ANNA, COOKIE, operation=operation).run()
    assert isinstance(end, HandOver if short else Finish)
