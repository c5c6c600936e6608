"""Claims, verdicts and what an answer may change: the engine in this process, one call at a time."""

from datetime import timedelta
from pathlib import Path

import pytest

from erasure import evidence, lifecycle
from erasure.connectors import REGISTRY
from erasure.connectors.base import Refused
from erasure.models import Call
from erasure.sandbox import Fault
from erasure.worker import claims, lanes, pace, settle, steps, sweep
from tests.factories import person

from .lane import Lane

EXPORT = "*/create-export-customer-job"
REMOVE = "*/create-remove-customer-job"
STATUS = "*/job-status"
FETCH = "*/export-customer-job-result"


def test_a_case_goes_from_export_to_removal_to_its_end(lane: Lane) -> None:
    case = lane.to_end(lane.case())
    work = lane.work()
    assert (case.status, work.status, work.assurance) == ("completed", "done", "confirmed")
    assert lane.effects() == ["export_started", "export_fetched", "removal_started"]
    assert not Call.objects.exclude(verdict="ok").exists()


def test_nothing_is_sent_before_its_record_is_written(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    lane.case()
    seen = []

    def look(point: str, step: str = "") -> None:
        if point == "before_send":
            seen.append((Call.objects.get(verdict="").step, lane.told("sub_task.sending")[-1]["step"], lane.effects()))

    monkeypatch.setattr("erasure.worker.points.reached", look)
    lane.once()
    assert seen == [("start_export", "start_export", [])]


def test_an_answer_after_the_lease_changes_nothing_and_is_told_as_late(lane: Lane) -> None:
    lane.case()
    claim = lane.claim()
    came = steps.perform(claim)
    lane.turn(claims.LEASE + timedelta(seconds=1))
    sweep.tick()
    taken_over = lane.work()
    settle.settle(claim, came)
    work = lane.work()
    assert (work.status, work.epoch, work.references, work.memory_sealed) == ("ready", 1, {}, None)
    assert (work.next_at, work.step) == (taken_over.next_at, "start_export")
    assert [late["call"] for late in lane.told("sub_task.late")] == [f"call:{claim.call.pk}"]
    assert Call.objects.get().verdict == "unknown"


def test_an_answer_that_comes_while_somebody_else_works_leaves_the_other_alone(lane: Lane) -> None:
    lane.case()
    first = lane.claim()
    came = steps.perform(first)
    lane.turn(claims.LEASE + timedelta(seconds=1))
    sweep.tick()
    lane.due()
    second = lane.claim()
    settle.settle(first, came)
    assert (lane.work().status, lane.work().epoch) == ("running", 2)
    settle.settle(second, steps.perform(second))
    assert lane.work().step == "await_export"


def test_a_lease_that_has_not_ended_is_left_alone(lane: Lane) -> None:
    lane.case()
    claim = lane.claim()
    lane.turn(claims.LEASE - timedelta(seconds=1))
    sweep.tick()
    assert (lane.work().status, Call.objects.get().verdict) == ("running", "")
    settle.settle(claim, steps.perform(claim))
    assert lane.work().step == "await_export"


def test_a_worker_that_was_stopped_too_long_sends_nothing(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    lane.case()
    claim = lane.claim()
    begun = claim.begun - claims.SEND_SECONDS - 1
    object.__setattr__(claim, "begun", begun)
    settle.settle(claim, steps.perform(claim))
    assert lane.apptus.journal.entries() == []
    assert Call.objects.get().verdict == "failed"
    assert (lane.work().status, lane.work().step) == ("ready", "start_export")


@pytest.mark.parametrize("fault", ["close", "half", "server error"])
@pytest.mark.parametrize("process", [False, True], ids=["unprocessed", "processed"])
def test_a_removal_without_an_answer_is_started_again_and_named(lane: Lane, fault: str, process: bool) -> None:
    case = lane.case()
    lane.to_step("start_removal")
    kind = "reply" if fault == "server error" else fault
    lane.apptus.faults.add(Fault(kind, path=REMOVE, process=process))
    call = lane.once()
    assert call.verdict == "unknown"
    assert (lane.work().step, lane.work().status) == ("start_removal", "ready")
    assert lane.to_end(case).status == "completed"
    assert [told["call"] for told in lane.told("sub_task.may_repeat")] == [f"call:{call.pk}"]
    assert lane.effects().count("removal_started") == 1 + process


def test_a_download_without_an_answer_leads_to_a_fresh_export_and_leaves_no_file(lane: Lane, settings: object) -> None:
    case = lane.case()
    lane.to_step("fetch_export")
    lane.apptus.faults.add(Fault("half", path=FETCH, process=True))
    assert lane.once().verdict == "unknown"
    assert lane.work().step == "start_export"
    assert not case.evidence.exists()
    assert files(lane, settings) == []
    assert lane.to_end(case).status == "completed"
    assert lane.effects() == [
        *("export_started", "export_fetched", "export_started", "export_fetched", "removal_started")
    ]
    assert files(lane, settings) == [evidence.path_of(item).name for item in case.evidence.all()]
    assert len(files(lane, settings)) == 1


def test_a_download_that_could_not_be_written_down_leaves_no_file(
    lane: Lane, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = lane.case()
    lane.to_step("fetch_export")
    claim = lane.claim()
    came = steps.perform(claim)
    assert len(files(lane, settings)) == 1

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken, pytest.raises(OSError, match="No space"):
        broken.setattr("erasure.lifecycle.close_if_ended", full)
        settle.settle(claim, came)
    assert (files(lane, settings), case.evidence.count()) == ([], 0)
    assert lane.work().status == "running"
    lane.turn(claims.LEASE + timedelta(seconds=1))
    sweep.tick()
    assert lane.work().step == "start_export"
    assert lane.to_end(case).status == "completed"


def test_a_question_without_an_answer_is_simply_asked_again(lane: Lane) -> None:
    case = lane.case()
    lane.to_step("await_removal")
    lane.apptus.faults.add(Fault("close", path=STATUS, times=3))
    assert lane.to_end(case).status == "completed"
    assert lane.told("sub_task.unknown") == lane.told("sub_task.may_repeat") == []


def test_a_reader_that_is_lost_asks_again_without_a_word_of_repeating(lane: Lane) -> None:
    case = lane.case()
    lane.to_step("await_removal")
    lane.claim()
    lane.turn(claims.LEASE + timedelta(seconds=1))
    sweep.tick()
    assert (lane.work().status, lane.work().step) == ("ready", "await_removal")
    assert lane.told("sub_task.unknown") == lane.told("sub_task.may_repeat") == []
    assert lane.to_end(case).status == "completed"


def test_a_reply_that_cannot_be_understood_stops_and_a_retry_names_the_repeat(lane: Lane) -> None:
    case = lane.case()
    lane.to_step("start_removal")
    lane.apptus.faults.add(Fault("reply", path=REMOVE, process=True, status=200, body="<html>Sign in</html>"))
    call = lane.once()
    work = lane.work()
    assert (call.verdict, work.status, work.attention_code) == ("unknown", "needs_attention", "wrong_content_type")
    lifecycle.retry(work, by=person("ada"))
    assert lane.to_end(case).status == "completed"
    assert [told["call"] for told in lane.told("sub_task.may_repeat")] == [f"call:{call.pk}"]
    assert lane.effects().count("removal_started") == 2


def test_a_refusal_for_good_needs_attention_and_is_not_tried_again(lane: Lane) -> None:
    case = lane.case()
    lane.to_step("start_removal")
    lane.apptus.faults.add(Fault("reply", path=REMOVE, status=400))
    lane.once()
    lane.turn(timedelta(days=10))
    lane.run()
    work = lane.work()
    assert (work.status, work.attention_code) == ("needs_attention", "refused_by_vendor")
    assert list(work.identifiers.values_list("outcome", flat=True)) == ["refused"]
    assert "removal_started" not in lane.effects()
    case.refresh_from_db()
    assert case.status == "in_progress"


def test_a_worker_killer_is_set_aside_after_a_bounded_number_of_tries(lane: Lane) -> None:
    lane.case()
    lane.to_step("await_export")
    for _ in range(lanes.MAX_ATTEMPTS):
        lane.due()
        lane.claim()
        lane.turn(claims.LEASE + timedelta(seconds=1))
        sweep.tick()
    lane.due()
    assert lanes.next_claim(lane.vendor.pk) is None
    work = lane.work()
    assert (work.status, work.attention_code, work.resume_step) == ("needs_attention", "too_many_tries", "await_export")


def test_a_writer_that_never_learns_what_came_of_it_is_set_aside(lane: Lane) -> None:
    lane.case()
    lane.apptus.faults.add(Fault("close", path=EXPORT, times=None))
    for _ in range(20):
        if lane.work().status == "needs_attention":
            break
        lane.due()
        lane.turn(pace.TRIAL_AFTER_FAILURES + lanes.TRIAL_EVERY)
        lane.run()
    work = lane.work()
    assert (work.status, work.attention_code) == ("needs_attention", "too_many_tries")
    assert len(lane.apptus.journal.entries()) == len(lane.told("sub_task.sending")) == lanes.MAX_ATTEMPTS


@pytest.mark.parametrize(("step", "verdict"), [("start_export", "failed"), ("await_export", "failed")])
def test_a_defect_in_a_connector_needs_attention_and_the_lane_goes_on(
    lane: Lane, step: str, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, healthy = lane.case(), lane.case(identifiers=[("customer_id", "C-2")])
    real = getattr(REGISTRY["apptus"], step)

    def defect(self: object, work: object, http: object) -> object:
        if any(item.value == "C-1001" for item in work.ids):
            raise ValueError("C-1001 is not what I expected")
        return real(self, work, http)

    monkeypatch.setattr(REGISTRY["apptus"], step, defect)
    lane.to_end(healthy)
    lane.to_end(broken)
    healthy.refresh_from_db()
    work = lane.work(broken)
    assert healthy.status == "completed"
    assert (work.status, work.attention_code) == ("needs_attention", "defect")
    assert work.calls.get(code="defect").verdict == verdict
    assert "C-1001" not in work.attention_text


def test_a_defect_after_the_sending_of_a_write_counts_as_unknown(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    lane.case()
    real = REGISTRY["apptus"].start_export

    def defect(self: object, work: object, http: object) -> object:
        real(self, work, http)
        raise KeyError("after the reply")

    monkeypatch.setattr(REGISTRY["apptus"], "start_export", defect)
    assert lane.once().verdict == "unknown"
    assert lane.work().attention_code == "defect"


def test_an_error_text_of_a_connector_never_reaches_the_log(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lane.case()

    def defect(self: object, work: object, http: object) -> object:
        raise ValueError(work.ids[0].value)

    monkeypatch.setattr(REGISTRY["apptus"], "start_export", defect)
    lane.once()
    assert "ValueError in step start_export" in caplog.text
    assert "C-1001" not in caplog.text


def test_what_a_connector_says_in_refusing_is_what_staff_read(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    lane.case()

    def refuse(self: object, work: object, http: object) -> object:
        raise Refused("This key is on the vendor's list of exceptions.", code="excepted")

    monkeypatch.setattr(REGISTRY["apptus"], "start_export", refuse)
    lane.once()
    assert (lane.work().attention_code, lane.work().attention_text) == (
        "excepted",
        "This key is on the vendor's list of exceptions.",
    )


def files(lane: Lane, settings: object) -> list[str]:
    cases = {str(pk) for pk in lane.vendor.sub_tasks.values_list("case_id", flat=True)}
    return sorted(path.name for path in Path(settings.EVIDENCE_DIR).glob("*/*") if path.parent.name in cases)
