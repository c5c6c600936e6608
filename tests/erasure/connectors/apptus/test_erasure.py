"""The way of a sub-task from its first job to its end."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from erasure.connectors.apptus import Apptus
from erasure.connectors.base import (
    Assurance,
    Finish,
    Go,
    HandOver,
    Held,
    Operation,
    Outcome,
    Refused,
    RetryLater,
    Said,
    Stay,
)

from ..driver import Drive
from .conftest import (
    ANNA,
    ANNAS_KEY,
    BERT,
    BERTS_KEY,
    EMPTY,
    RESULT,
    START_EXPORT,
    START_REMOVAL,
    STATUS,
    TWO_CLICKS,
    VISITOR,
    Vendor,
    in_html,
    until,
)

# --- the order of an erasure ------------------------------------------------------------------------------------------


def test_a_key_is_exported_and_downloaded_before_it_is_removed(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    assert vendor.story == [
        f"{START_EXPORT} {ANNAS_KEY}",
        f"{STATUS} e1",
        f"{RESULT} e1",
        f"{START_REMOVAL} {ANNAS_KEY}",
        f"{STATUS} r1",
    ]
    assert sub_task.way == ["start_export", "await_export", "fetch_export", "start_removal", "await_removal"]


def test_of_several_keys_none_is_removed_before_all_exports_are_kept(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.words |= {"e1": ["waiting", "waiting", "running", "done"], "e3": ["waiting", "done"]}
    sub_task = drive(ANNA, BERT, VISITOR)
    until(sub_task, "start_removal")
    assert vendor.asked(START_REMOVAL) == []
    assert sorted(vendor.asked(RESULT)) == ["e1", "e2", "e3"]
    assert len(sub_task.evidence) == 3
    assert isinstance(sub_task.run(), Finish)
    assert vendor.asked(START_REMOVAL) == [ANNAS_KEY, BERTS_KEY, VISITOR.value]
    assert sub_task.outcomes == dict.fromkeys(("anna", "bert", "visitor"), (Outcome.ERASED, Held.YES))


def test_unfinished_jobs_are_asked_for_in_turn(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.words |= {"e1": ["waiting"], "e2": ["waiting"]}
    sub_task = until(drive(ANNA, BERT), "await_export")
    for _pass in range(4):
        assert isinstance(sub_task.once(), Stay)
    assert vendor.asked(STATUS) == ["e1", "e2", "e1", "e2"]


def test_a_round_of_questions_is_asked_without_a_pause_lest_an_export_expires(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.words |= {"e1": ["waiting"], "e2": ["waiting"], "e3": ["waiting"]}
    sub_task = until(drive(ANNA, BERT, VISITOR), "await_export")
    waits = [result.after for _pass in range(6) if isinstance(result := sub_task.once(), Stay)]
    assert waits == [timedelta(0), timedelta(0), None, timedelta(0), timedelta(0), None]


def test_after_one_of_several_removals_is_done_the_pace_begins_anew(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    """Go resets the engine's back-off, Stay would not: ten keys must not take ten times the longest wait."""
    sub_task = until(drive(ANNA, BERT), "await_removal")
    assert isinstance(sub_task.once(), Go)
    assert sub_task.step == "await_removal"
    assert isinstance(sub_task.once(), Finish)


def test_a_download_that_is_refused_for_now_is_asked_for_again_before_the_removal(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    sub_task = until(drive(), "fetch_export")
    vendor.instead[RESULT] = [in_html(429, **{"Retry-After": "90"})]
    with pytest.raises(RetryLater) as raised:
        sub_task.once()
    assert raised.value.after == timedelta(seconds=90)
    assert isinstance(sub_task.run(), Finish)
    assert vendor.asked(RESULT) == ["e1", "e1"]
    assert vendor.asked(START_EXPORT) == [ANNAS_KEY]


def test_the_start_is_accepted_and_the_end_confirmed(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = drive(archive_days=9)
    end = sub_task.run()
    assert [result.assurance for result in sub_task.results if result.assurance] == [
        Assurance.ACCEPTED,
        Assurance.ACCEPTED,
        Assurance.CONFIRMED,
    ]
    assert end.assurance == Assurance.CONFIRMED
    assert sub_task.results[0].expected == timedelta(days=10)


def test_the_vendors_job_numbers_are_the_references(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    one, two = drive(ANNA), drive(ANNA, BERT)
    one.run()
    assert one.references == {"export_job": "e1", "removal_job": "r1"}
    two.run()
    assert two.references == {"export_job_1": "e2", "export_job_2": "e3", "removal_job_1": "r2", "removal_job_2": "r3"}


def test_only_the_removal_commits_and_only_questions_poll() -> None:
    steps = Apptus.steps.values()
    assert [spec.name for spec in steps if spec.commits] == ["start_removal"]
    assert {spec.name for spec in steps if spec.polls} == {"await_export", "await_removal", "await_again"}
    writing = {"start_export", "fetch_export", "start_removal", "start_again", "fetch_again"}
    assert {spec.name for spec in steps if spec.writes} == writing


# --- without an export, and an export alone ---------------------------------------------------------------------------


def test_without_an_export_whether_data_was_held_stays_unknown(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = drive(ANNA, BERT, export_before_erasing=False)
    assert isinstance(sub_task.run(), Finish)
    assert {call for call, _value in vendor.calls} == {START_REMOVAL, STATUS}
    assert sub_task.outcomes == dict.fromkeys(("anna", "bert"), (Outcome.ERASED, Held.UNKNOWN))
    assert sub_task.evidence == []


@pytest.mark.parametrize("export_before_erasing", [True, False])
def test_an_export_downloads_and_removes_nothing(
    vendor: Vendor, drive: Callable[..., Drive], export_before_erasing: bool
) -> None:
    vendor.zips["e2"] = EMPTY
    sub_task = drive(ANNA, BERT, operation=Operation.EXPORT, export_before_erasing=export_before_erasing)
    end = sub_task.run()
    assert isinstance(end, Finish)
    assert end.assurance == Assurance.CONFIRMED
    assert vendor.asked(START_REMOVAL) == []
    assert sub_task.outcomes == {"anna": (Outcome.EXPORTED, Held.YES), "bert": (Outcome.NOT_HELD, Held.NO)}
    assert sub_task.files == [TWO_CLICKS, EMPTY]


def test_what_it_cannot_do_is_not_offered() -> None:
    assert set(Apptus().starts) == {Operation.ERASE, Operation.EXPORT}


@pytest.mark.parametrize(
    ("operation", "export", "words"),
    [
        (Operation.ERASE, True, "then removes it"),
        (Operation.ERASE, False, "without an export"),
        (Operation.EXPORT, True, "as evidence"),
    ],
)
def test_the_plan_says_what_will_be_done_and_how_long_it_takes(operation: Operation, export: bool, words: str) -> None:
    first, wait = Apptus(Apptus.Options(export_before_erasing=export, archive_days=8)).explain(operation)
    assert words in str(first)
    assert "about 8 days" in str(wait)


# --- unknown outcomes and memory --------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["start_export", "start_removal"])
def test_a_start_without_an_answer_is_repeated(vendor: Vendor, drive: Callable[..., Drive], step: str) -> None:
    call = START_EXPORT if step == "start_export" else START_REMOVAL
    sub_task = until(drive(ANNA, BERT), step)
    vendor.instead[call] = [in_html(502)]
    assert isinstance(sub_task.run(), Finish)
    assert vendor.asked(call) == [ANNAS_KEY, ANNAS_KEY, BERTS_KEY]


@pytest.mark.parametrize("step", ["await_export", "await_removal"])
def test_a_question_without_an_answer_is_asked_again(vendor: Vendor, drive: Callable[..., Drive], step: str) -> None:
    sub_task = until(drive(), step)
    vendor.instead[STATUS] = [in_html(500), in_html(504)]
    assert isinstance(sub_task.run(), Finish)
    assert len(vendor.asked(START_REMOVAL)) == len(vendor.asked(START_EXPORT)) == 1


def test_memory_is_small_and_plain_json(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    """The driver takes memory through JSON after every pass; this is what is left of it at the end."""
    sub_task = drive()
    sub_task.run()
    assert sub_task.memory == {
        "export": {ANNAS_KEY: {"jid": "e1", "done": True, "held": "yes"}},
        "removal": {ANNAS_KEY: {"jid": "r1", "done": True}},
    }


def test_results_do_not_show_what_they_remember(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    assert ANNAS_KEY not in repr(drive().once())


# --- a key that is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [START_EXPORT, START_REMOVAL])
def test_a_refused_key_leaves_the_others_to_their_end_and_is_then_shown_alone(
    vendor: Vendor, drive: Callable[..., Drive], phase: str
) -> None:
    sub_task = drive(ANNA, BERT)
    until(sub_task, "start_export" if phase == START_EXPORT else "start_removal")
    vendor.instead[phase] = [in_html(400)]
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert (end.to, end.code) == ("attention", "key_refused")
    assert sub_task.said["anna"].outcome == Outcome.REFUSED
    assert sub_task.said["anna"].assurance == Assurance.NONE
    assert sub_task.said["bert"].outcome == Outcome.ERASED
    assert vendor.asked(START_REMOVAL).count(BERTS_KEY) == 1
    sub_task.said["anna"] = Said(Outcome.PENDING, assurance=Assurance.NONE)  # as a retry by hand puts it
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.said["anna"].outcome == Outcome.ERASED
    assert vendor.asked(START_EXPORT).count(BERTS_KEY) == vendor.asked(START_REMOVAL).count(BERTS_KEY) == 1


def test_the_only_key_that_is_refused_is_the_vendors_refusal(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.instead[START_EXPORT] = [in_html(400)]
    with pytest.raises(Refused):
        drive().run()
