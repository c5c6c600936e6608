"""Turns the engine's times short, and ends a worker's process where a test says. No hook for this is in the desk.

The switch is a file in DATA_DIR: `{"point": …, "step": …, "signal": "SIGKILL"}`. The first process that reaches that
point with that step (at "after_row": with that row of an import) takes the file away, leaves its pid in another, and
sends itself the signal: it strikes once.

Leases outlast whatever a busy machine may do to a worker that lives; that of a worker which strikes itself ends soon
after, so that nobody waits for it.

A poison stays: with a file `{"step": …, "value": …, "when": "before" or "after"}` every process that runs this step for
this identifier is killed, before it sends anything or once it has the reply, and leaves a mark.
"""

import json
import os
import signal
from datetime import timedelta
from typing import Any

from django.apps import AppConfig
from django.conf import settings

SWITCH, STRUCK, POISON, KILLED = "signal.json", "struck.json", "poison.json", "killed"
LEFT_BEHIND = timedelta(seconds=2)  # what is left of a lease whose worker has struck itself


class CrashConfig(AppConfig):
    name = "tests.crash"

    def ready(self) -> None:
        from erasure import alerts, dispatch
        from erasure.imports import carrying
        from erasure.worker import broker, claims, pace, points, steps, supervisor

        dispatch.HINT_LASTS = carrying.HINT_LASTS = 0.5
        carrying.STILL = timedelta(seconds=3)
        claims.LEASE = timedelta(seconds=getattr(settings, "LEASE_SECONDS", 20))
        claims.SEND_SECONDS = getattr(settings, "SEND_SECONDS", claims.SEND_SECONDS)
        pace.FIRST_RETRY = 0.1
        supervisor.TICK_SECONDS = 0.2
        broker.ASK_SECONDS = 0.5
        supervisor.ANSWER_SECONDS = 6.0
        supervisor.LOOK_SECONDS = 0.6
        supervisor.SILENT_SECONDS = 20.0
        supervisor.TAKE_IN_SECONDS = 12.0
        supervisor.STARTING_SECONDS = 30.0
        supervisor.DRAIN_SECONDS = 10.0
        if settings.ALERTS_TO:
            supervisor.ALERT_SECONDS = 0.3
            alerts.board.TELL_AFTER = timedelta(seconds=1)
        pace.poll = lambda vendor, polls: timedelta(seconds=0.2)  # an account's own shortest is a second
        points.reached = strike_if_told
        perform = steps.perform

        def poisoned(claim: Any) -> Any:
            die_if_poisoned(claim, "before")
            came = perform(claim)
            die_if_poisoned(claim, "after")
            return came

        steps.perform = poisoned
        open_row = carrying._do

        def row_by_row(kept: Any, row: Any) -> bool:
            went = open_row(kept, row)
            strike_if_told("after_row", str(row.number))
            return went

        carrying._do = row_by_row


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
    end_lease_soon()
    os.kill(os.getpid(), signal.Signals[told["signal"]])


def die_if_poisoned(claim: Any, when: str) -> None:
    try:
        told = json.loads((settings.DATA_DIR / POISON).read_text())
    except FileNotFoundError:
        return
    values = {item.value for share in claim.shares for item in share.work.due or share.work.ids}
    if (when, claim.step.name) == (told["when"], told["step"]) and told["value"] in values:
        with (settings.DATA_DIR / KILLED).open("a") as mark:
            mark.write(f"{len(values)}\n")
        end_lease_soon()
        os.kill(os.getpid(), signal.SIGKILL)


def end_lease_soon() -> None:
    """Of the call that this worker holds, if it holds one."""
    from compliance import clock
    from erasure.models import Call, SubTask
    from erasure.states import SubTaskStatus
    from erasure.worker import heartbeat

    own = heartbeat.folder(os.getsid(0)) / str(os.getpid())
    if call := own.read_text() if own.exists() else "":
        until = clock.now() + LEFT_BEHIND
        SubTask.objects.filter(claims__call=call, status=SubTaskStatus.RUNNING).update(lease_until=until)
        Call.objects.filter(pk=call, verdict="").update(lease_until=until)


def next_step() -> str:
    """Before there is a claim: the step of the work that is due first."""
    from compliance import clock
    from erasure.models import SubTask
    from erasure.states import CLAIMABLE

    due = SubTask.objects.filter(status__in=CLAIMABLE, next_at__lte=clock.now()).order_by("next_at")
    return due.values_list("step", flat=True).first() or ""
