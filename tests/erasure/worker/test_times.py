"""The engine's times hang together, and nothing ends the supervisor."""

import itertools
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.conf import settings

from erasure.connectors.http import client
from erasure.sandbox import Fault
from erasure.worker import claims, lanes, steps, supervisor, sweep
from erasure.worker.supervisor import Supervisor

from .lane import Lane

LONGEST_DOWNLOAD = 600  # the deadline of Http.download


def test_send_deadline_lease_queue_timeout_and_retry_grow_in_this_order() -> None:
    queue = settings.Q_CLUSTER
    assert claims.SEND_SECONDS < claims.LEASE.total_seconds() < queue["timeout"] < queue["retry"]
    assert queue["timeout"] > lanes.RUN_SECONDS + LONGEST_DOWNLOAD


def test_a_long_download_keeps_its_lease_and_shows_signs_of_life(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    lane.case()
    lane.to_step("fetch_export")
    lane.apptus.faults.add(Fault("slow", path="*/export-customer-job-result", seconds=3))
    claim = lane.claim()
    beats = []

    def a_minute_later(_call: object) -> None:
        beats.append(lane.turn(timedelta(minutes=1)))
        sweep.tick()

    monkeypatch.setattr(steps.heartbeat, "beat", a_minute_later)
    seconds = itertools.count()  # each piece counts as one, however many come in one
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    came = steps.perform(claim)
    assert len(beats) * timedelta(minutes=1) > claims.LEASE
    lanes.settle.settle(claim, came)
    assert lane.work().step == "start_removal"


@pytest.mark.parametrize("error", [ConnectionError("the cache is away"), KeyError("a defect")])
def test_the_supervisor_outlives_whatever_fails_in_it(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = []

    def tick() -> None:
        ticks.append(error)
        if len(ticks) == 3:
            watching._stop(15, None)
        raise error

    monkeypatch.setattr(supervisor, "TICK_SECONDS", 0)
    monkeypatch.setattr(supervisor.signal, "signal", lambda *_: None)
    monkeypatch.setattr(sweep, "try_paused_accounts", lambda: None)
    monkeypatch.setattr(supervisor.dispatch, "forget_hints", lambda: None)
    monkeypatch.setattr(sweep, "tick", tick)
    monkeypatch.setattr(supervisor, "_ignore_signals", lambda: None)
    monkeypatch.setattr(supervisor.signal, "alarm", lambda _seconds: None)
    monkeypatch.setattr(Supervisor, "_watch", lambda _self: None)
    watching = Supervisor()
    watching.run()
    assert len(ticks) == 3
