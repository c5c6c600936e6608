"""Hints, and what makes up for lost ones, lost workers and lost ends."""

import json
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.cache import cache
from django_q.models import OrmQ

from compliance.audit.models import Event
from erasure import dispatch, evidence, lifecycle
from erasure.models import Call, SubTask, Vendor
from erasure.worker import claims, settle, steps, sweep
from tests import factories
from tests.factories import person

from .lane import Lane


def test_many_approvals_make_one_hint_for_the_lane(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "HINT_LASTS", 600)  # longer than forty approvals take on a slow machine
    OrmQ.objects.all().delete()
    cache.clear()
    olive, ada = person("olive", "intake"), person("ada", "approver")
    for number in range(40):
        factories.approved_case(by=olive, approver=ada, identifiers=[("customer_id", f"C-{number}")])
    assert [hint["args"] for hint in lane.hints()] == [(str(lane.vendor.pk),)]


def test_a_queued_message_and_the_trail_hold_nothing_personal(lane: Lane) -> None:
    case = lane.case(requester={"name": "Ada Lovelace", "reply_to": "ada@example.org"})
    lane.to_end(case)
    hints = json.dumps(lane.hints(), default=str)
    trail = " ".join(Event.objects.values_list("canonical", flat=True))
    calls = json.dumps(list(Call.objects.values_list("transcript", flat=True)))
    key = lane.apptus.journal.entries()[0].query["customerKey"]
    for told in (hints, trail, calls):
        assert told
        for secret in ("C-1001", "ada@example.org", "Lovelace", key, "sandbox-password"):
            assert secret not in told


def test_a_queue_that_cannot_be_reached_does_not_undo_an_approval(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise ConnectionError("no queue")

    before = lane.hints()
    monkeypatch.setattr(dispatch, "async_task", away)
    cache.clear()
    assert lane.case().status == "in_progress"
    assert lane.hints() == before


def test_a_lost_hint_is_made_up_for(lane: Lane) -> None:
    lane.case()
    OrmQ.objects.all().delete()
    sweep.tick()
    assert lane.hints() == []  # a hint was made a moment ago
    cache.delete(f"lane:{lane.vendor.pk}")
    sweep.tick()
    assert [hint["func"] for hint in lane.hints()] == ["erasure.worker.lanes.run"]


@pytest.mark.parametrize("why", ["paused", "quiet", "held", "disabled", "not due", "done"])
def test_a_lane_that_may_not_run_is_not_woken(lane: Lane, why: str) -> None:
    case = lane.case()
    now = lane.turn(timedelta(0))
    vendor = Vendor.objects.filter(pk=lane.vendor.pk)
    match why:
        case "paused":
            vendor.update(pause="failures", trial_at=now + timedelta(minutes=1))
        case "quiet":
            vendor.update(not_before=now + timedelta(minutes=1))
        case "held":
            lifecycle.hold(case, by=person("ada"))
        case "disabled":
            vendor.update(enabled=False)
        case "not due":
            SubTask.objects.update(next_at=now + timedelta(minutes=1))
        case "done":
            SubTask.objects.update(status="done", next_at=None)
    OrmQ.objects.all().delete()
    cache.clear()
    sweep.wake_due_lanes(now)
    assert lane.hints() == []


def test_a_call_that_cannot_be_settled_does_not_hold_up_the_others(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lane.case()
    lane.case(identifiers=[("customer_id", "C-2")])
    stuck, lost = lane.claim(), lane.claim()
    lane.turn(claims.LEASE + timedelta(seconds=1))
    real = settle.abandon

    def fails(call: Call) -> None:
        if call.pk == stuck.call.pk:
            raise KeyError("a step of a connector that is no more")
        real(call)

    monkeypatch.setattr(settle, "abandon", fails)
    sweep.tick()
    assert Call.objects.get(pk=lost.call.pk).verdict == "unknown"
    assert str(stuck.call.pk) in caplog.text


def test_a_lost_call_of_a_step_that_is_no_more_needs_attention(lane: Lane) -> None:
    lane.case()
    claim = lane.claim()
    Call.objects.update(step="bygone")
    lane.turn(claims.LEASE + timedelta(seconds=1))
    sweep.tick()
    assert (lane.work().status, lane.work().attention_code) == ("needs_attention", "defect")
    assert Call.objects.get(pk=claim.call.pk).verdict == "unknown"


def test_an_export_goes_when_its_time_is_over_and_its_hash_stays(lane: Lane) -> None:
    case = lane.to_end(lane.case())
    kept = case.evidence.get()
    path = evidence.path_of(kept)
    cache.clear()
    lane.turn(timedelta(days=20))
    sweep.tick()
    assert path.exists()
    cache.clear()
    lane.turn(timedelta(days=11))
    sweep.tick()
    kept.refresh_from_db()
    assert not path.exists()
    assert kept.removed_at
    assert len(kept.sha256) == 64
    assert len(lane.told("evidence.expired")) == 1


def test_a_file_that_a_killed_worker_left_behind_is_removed(lane: Lane) -> None:
    case = lane.case()
    lane.to_step("fetch_export")
    steps.perform(lane.claim())  # … and the worker is gone before it settles
    [stray] = (Path(settings.EVIDENCE_DIR) / str(case.pk)).iterdir()
    lane.turn(timedelta(minutes=30))
    cache.clear()
    sweep.tick()
    assert stray.exists()
    lane.to_end(case)
    cache.clear()
    lane.turn(timedelta(hours=2))
    sweep.tick()
    assert list(stray.parent.iterdir()) == [evidence.path_of(case.evidence.get())]


def test_a_file_of_another_desk_or_of_a_later_state_is_never_removed(lane: Lane) -> None:
    case = lane.case()
    folder = Path(settings.EVIDENCE_DIR) / str(case.pk)
    folder.mkdir(parents=True, exist_ok=True)
    theirs = folder / f"{uuid4()}.{uuid4()}.sealed"
    theirs.write_bytes(b"their only copy")
    (folder / "notes.txt").write_text("by hand")
    lane.turn(timedelta(days=30))
    cache.clear()
    sweep.tick()
    assert theirs.exists()


def test_a_case_whose_vendors_have_all_ended_is_closed(lane: Lane) -> None:
    case = lane.case()
    SubTask.objects.update(status="done", next_at=None, ended_at=lane.turn(timedelta(0)))
    sweep.close_ended_cases()
    case.refresh_from_db()
    assert (case.status, len(lane.told("case.closed"))) == ("completed", 1)
    sweep.close_ended_cases()
    assert len(lane.told("case.closed")) == 1
