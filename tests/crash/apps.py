"""Turns the engine's times short, and ends a worker's process where a test says. No hook for this is in the desk.

The switch is a file in DATA_DIR: `{"point": …, "step": …, "signal": "SIGKILL"}`. The first process that reaches that
point with that step takes the file away, leaves its pid in another, and sends itself the signal: it strikes once.
"""

import json
import os
import signal
from datetime import timedelta

from django.apps import AppConfig
from django.conf import settings

SWITCH, STRUCK = "signal.json", "struck.json"


class CrashConfig(AppConfig):
    name = "tests.crash"

    def ready(self) -> None:
        from erasure import dispatch
        from erasure.worker import claims, points, settle, supervisor

        dispatch.HINT_LASTS = 0.5
        claims.LEASE = timedelta(seconds=2)
        settle.FIRST_RETRY = 0.1
        supervisor.TICK_SECONDS = 0.2
        supervisor.ASK_SECONDS = 0.5
        supervisor.SILENT_SECONDS = 5.0
        supervisor.STARTING_SECONDS = 12.0
        supervisor.DRAIN_SECONDS = 3.0
        settle._pace = lambda vendor, polls: 0.2  # an account's own shortest is a second
        points.reached = strike_if_told


def strike_if_told(point: str, step: str = "") -> None:
    switch = settings.DATA_DIR / SWITCH
    try:
        told = json.loads(switch.read_text())
    except FileNotFoundError:
        return
    if (point, step or next_step()) != (told["point"], told["step"]):
        return
    try:
        switch.unlink()
    except FileNotFoundError:  # another process was faster, and is no more
        return
    (settings.DATA_DIR / STRUCK).write_text(json.dumps(os.getpid()))
    os.kill(os.getpid(), signal.Signals[told["signal"]])


def next_step() -> str:
    """Before there is a claim: the step of the work that is due first."""
    from compliance import clock
    from erasure.models import SubTask
    from erasure.states import CLAIMABLE

    due = SubTask.objects.filter(status__in=CLAIMABLE, next_at__lte=clock.now()).order_by("next_at")
    return due.values_list("step", flat=True).first() or ""
