"""In the desk's own process (`tests/desk_agent.py`): forks workers, each of which works on a lane once, and turns its
clocks. `begin` and `wait` are what a rig asks for."""

import os
import signal
import time
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connections

from compliance import clock
from erasure.worker import lanes, points, sweep
from tests.crash.apps import next_step

from . import guards
from .shared import Shared

_shared: Shared
_real = {"monotonic": time.monotonic, "time": time.time}


def set_up(file: str, without: str = "") -> None:
    """Lets this process and all that it forks go by the rig's time. `without` names a guard to be left out."""
    global _shared
    _shared = Shared(Path(file))
    clock.now = lambda: datetime.now(UTC) + timedelta(seconds=_shared.offset)
    time.monotonic = lambda: _real["monotonic"]() + _shared.offset
    time.time = lambda: _real["time"]() + _shared.offset
    if without:
        guards.leave_out(without)


def begin(vendor: str, strike: dict[str, str] | None = None) -> int:
    """Forks a worker, which runs the vendor's lane and ends; returns its pid. With `strike` it sends itself the signal
    at that point of that step."""
    connections.close_all()
    _shared.step = ""
    if pid := os.fork():
        _shared.pid = pid
        return pid
    code = 1
    try:
        _shared.pid = os.getpid()
        points.reached = _Reached(strike)
        lanes.run(vendor)
        code = 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(code)


class _Reached:
    """In the place of `points.reached`: says where the worker is, and strikes once."""

    def __init__(self, strike: dict[str, str] | None) -> None:
        self._strike = strike

    def __call__(self, point: str, step: str = "") -> None:
        _shared.step = step
        _shared.claims += point == points.AFTER_INTENT
        told = self._strike
        if told and point == told["point"] and (step or next_step()) == told["step"]:
            self._strike = None
            os.kill(os.getpid(), signal.Signals[told["signal"]])


def wait(pid: int) -> str:
    """What became of a worker: "ended", "failed", "killed" or "stopped" (it can be woken)."""
    _pid, status = os.waitpid(pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return "stopped"
    if os.WIFSIGNALED(status):
        return "killed"
    return "failed" if os.waitstatus_to_exitcode(status) else "ended"


def wake(pid: int) -> str:
    """Lets a stopped worker go on, to its end."""
    os.kill(pid, signal.SIGCONT)
    return wait(pid)


def _told(work: Any, again: Any) -> dict[str, Any]:
    """How a case stands at its vendor, and, where that is asked again, how far it is."""
    attention = work.attention_code or (again.attention_code if again else "")
    told = {"status": work.case.status, "work": work.status, "step": work.step, "attention": attention}
    return told | {"again": again.status if again else None}


def look(references: list[str]) -> dict[str, Any]:
    """Sweeps, and tells how these cases stand, and in how many seconds there may be something to do, earliest first."""
    from erasure.models import Call, SubTask
    from erasure.states import CLAIMABLE

    sweep.tick()
    now = clock.now()
    works = SubTask.objects.filter(case__reference__in=references).select_related("vendor", "case")
    times = [call.lease_until for call in Call.objects.filter(verdict="")]
    for work in works:
        if work.status in CLAIMABLE:
            trial = work.vendor.trial_at if work.vendor.pause else None
            times.append(max(filter(None, (work.next_at, work.vendor.not_before, trial))))
    again = {work.follows_id: work for work in works if work.follows_id}
    return {
        "cases": [_told(work, again.get(work.pk)) for work in works if not work.follows_id],
        "seconds": sorted((at - now).total_seconds() for at in times),
    }
