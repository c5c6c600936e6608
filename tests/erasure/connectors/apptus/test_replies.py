"""What the vendor may answer, and what is never taken for an answer."""

from collections.abc import Callable
from typing import Any

import pytest

from erasure.connectors.apptus import Apptus
from erasure.connectors.base import (
    BrokenReply,
    Finish,
    HandOver,
    Misconfigured,
    OutcomeUnknown,
    Refused,
    RetryLater,
    Stay,
)

from ..driver import Drive
from .conftest import (
    ANNA,
    ANNAS_KEY,
    BERT,
    BERTS_KEY,
    RESULT,
    START_EXPORT,
    START_REMOVAL,
    STATUS,
    Answer,
    Vendor,
    in_html,
    in_json,
    until,
)

# --- status words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["created", "started", "waiting", "running", "WAITING", "Running"])
def test_a_job_that_is_under_way_is_asked_for_again_later(
    vendor: Vendor, drive: Callable[..., Drive], word: str
) -> None:
    sub_task = until(drive(), "await_export")
    vendor.words["e1"] = [word]
    result = sub_task.once()
    assert isinstance(result, Stay)
    assert result.after is None
    assert sub_task.step == "await_export"


@pytest.mark.parametrize("word", ["done", "Done", "DONE"])
def test_done_is_done_in_any_case(vendor: Vendor, drive: Callable[..., Drive], word: str) -> None:
    vendor.words |= {"e1": [word], "r1": [word]}
    assert isinstance(drive().run(), Finish)


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_job_is_started_by_any_success_that_names_it(
    vendor: Vendor, drive: Callable[..., Drive], status: int
) -> None:
    """The vendor's pages say what the reply holds, and nothing of its status."""
    vendor.instead[START_EXPORT] = [in_json({"jid": "e9", "status": "created"}, status)]
    vendor.instead[START_REMOVAL] = [in_json({"jid": "r9", "status": "started"}, status)]
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    assert (vendor.asked(STATUS), vendor.asked(START_REMOVAL)) == (["e9", "r9"], [ANNAS_KEY])


@pytest.mark.parametrize("phase", ["export", "removal"])
@pytest.mark.parametrize(
    ("word", "code"), [("not_found", "job_lost"), ("NOT_FOUND", "job_lost"), ("Error", "job_failed")]
)
def test_a_lost_or_failed_job_goes_to_a_person_and_a_retry_starts_a_new_one(
    vendor: Vendor, drive: Callable[..., Drive], phase: str, word: str, code: str
) -> None:
    sub_task = until(drive(ANNA, BERT), f"await_{phase}")
    vendor.words[f"{phase[0]}2"] = [word]
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert (end.to, end.code) == ("attention", code)
    assert "a retry starts a new one" in end.note
    assert sub_task.step == f"start_{phase}"
    assert isinstance(sub_task.run(), Finish)
    call = START_EXPORT if phase == "export" else START_REMOVAL
    assert vendor.asked(call) == [ANNAS_KEY, BERTS_KEY, BERTS_KEY]  # Anna's job goes on
    assert sub_task.references[f"{phase}_job_2"] == f"{phase[0]}3"


@pytest.mark.parametrize("phase", ["export", "removal"])
@pytest.mark.parametrize(
    "word", ["finished", "", "done ", "dоne", "not found", "404", None, True, 0, ["done"], {"a": 1}]
)
def test_any_other_word_is_a_broken_reply_and_the_question_stays(
    vendor: Vendor, drive: Callable[..., Drive], phase: str, word: Any
) -> None:
    sub_task = until(drive(), f"await_{phase}")
    vendor.instead[STATUS] = [in_json({"jid": f"{phase[0]}1", "status": word})]
    with pytest.raises(BrokenReply, match="Nothing is assumed"):
        sub_task.once()
    assert sub_task.step == f"await_{phase}"
    assert isinstance(sub_task.run(), Finish)


@pytest.mark.parametrize("phase", ["export", "removal"])
@pytest.mark.parametrize(
    "reply",
    [
        {"jid": "e7", "status": "done"},
        {"jid": "E1", "status": "done"},
        {"jid": " e1", "status": "done"},
        {"jid": 1, "status": "done"},
        {"jid": None, "status": "done"},
        {"jid": ["e1"], "status": "done"},
        {"jid": "", "status": "done"},
        {"status": "done"},
        {"jid": "e1"},
        {},
        [],
        "done",
    ],
)
def test_done_counts_only_for_the_job_that_was_asked_for(
    vendor: Vendor, drive: Callable[..., Drive], phase: str, reply: Any
) -> None:
    sub_task = until(drive(), f"await_{phase}")
    if phase == "removal" and reply and "jid" in reply and reply["jid"] == "e7":
        reply = {"jid": "e1", "status": "done"}  # the export's number, which is done indeed
    vendor.instead[STATUS] = [in_json(reply)]
    with pytest.raises(BrokenReply):
        sub_task.once()
    assert sub_task.step == f"await_{phase}"


# --- replies to a start -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["created", "started", "Started", "waiting", "running", "done"])
def test_a_started_job_is_asked_for_whatever_the_start_said(
    vendor: Vendor, drive: Callable[..., Drive], word: str
) -> None:
    """Even `done`: a removal counts only when the vendor says so of the job, asked for by its number."""
    vendor.instead |= {START_REMOVAL: [in_json({"jid": "r9", "status": word})]}
    assert isinstance(drive().run(), Finish)
    assert vendor.asked(STATUS) == ["e1", "r9"]


@pytest.mark.parametrize("step", ["start_export", "start_removal"])
@pytest.mark.parametrize(
    "reply",
    [
        {"jid": "x9", "status": "not_found"},
        {"jid": "x9", "status": "error"},
        {"jid": "x9", "status": "accepted"},
        {"jid": "x9"},
        {"status": "created"},
        {"jid": 9, "status": "created"},
        {"jid": "", "status": "created"},
        {"jid": "a/b", "status": "created"},
        {"jid": "x" * 101, "status": "created"},
        {"jid": "x9\n", "status": "created"},
        {"error": "no"},
        [],
    ],
)
def test_a_start_with_an_odd_answer_is_broken_and_starts_again_if_retried(
    vendor: Vendor, drive: Callable[..., Drive], step: str, reply: Any
) -> None:
    sub_task = until(drive(), step)
    vendor.instead[START_EXPORT if step == "start_export" else START_REMOVAL] = [in_json(reply)]
    with pytest.raises(BrokenReply):
        sub_task.once()
    assert sub_task.step == step
    assert isinstance(sub_task.run(), Finish)


def test_the_number_of_another_keys_job_is_not_taken_for_this_ones(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    """Else one removal that is done would count for two keys."""
    sub_task = until(drive(ANNA, BERT), "start_removal")
    sub_task.once()
    vendor.instead[START_REMOVAL] = [in_json({"jid": "r1", "status": "started"})]
    with pytest.raises(BrokenReply, match="an earlier one"):
        sub_task.once()


def test_the_number_of_the_export_is_not_taken_for_the_removals(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    """The export is done already: the removal would seem to be done at once."""
    sub_task = until(drive(), "start_removal")
    vendor.instead[START_REMOVAL] = [in_json({"jid": "e1", "status": "started"})]
    with pytest.raises(BrokenReply, match="an earlier one"):
        sub_task.once()


def test_a_repeated_start_may_be_answered_with_the_same_keys_job(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = until(drive(), "fetch_export")
    sub_task.unknown()
    vendor.instead[START_EXPORT] = [in_json({"jid": "e1", "status": "running"})]
    assert isinstance(sub_task.run(), Finish)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (in_html(), BrokenReply),
        (in_html(404), BrokenReply),
        (in_html(307, Location="https://evil.example/"), BrokenReply),
        ((200, {"Content-Type": "application/json"}, b'{"jid": "e1", "status"'), BrokenReply),
        (
            (200, {"Content-Type": "application/json"}, b'{"jid": "e1", "status": "error", "status": "done"}'),
            BrokenReply,
        ),
        (in_json({"jid": "e1", "status": "created"}, 203), BrokenReply),
        (in_json({"jid": "e1", "status": "created"}, 206), BrokenReply),
        (in_html(201), BrokenReply),
        (in_json({}, 202), BrokenReply),
        (in_html(400), Refused),
        (in_html(401), Misconfigured),
        (in_html(403), Misconfigured),
        (in_html(503), RetryLater),
        (in_html(500), OutcomeUnknown),
    ],
)
@pytest.mark.parametrize("step", list(Apptus.steps))
def test_a_reply_outside_the_pages_moves_nothing(
    vendor: Vendor, drive: Callable[..., Drive], step: str, answer: Answer, error: type[Exception]
) -> None:
    sub_task = until(drive(again="again" in step, ask_again_after_seconds=1), step)
    before = (dict(sub_task.memory), dict(sub_task.said), len(sub_task.evidence))
    vendor.instead |= {call: [answer] for call in (START_EXPORT, START_REMOVAL, STATUS, RESULT)}
    with pytest.raises(error):
        sub_task.once()
    assert before == (sub_task.memory, sub_task.said, len(sub_task.evidence))
    assert sub_task.step == step
