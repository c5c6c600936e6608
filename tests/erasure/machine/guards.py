"""The guards that the promises rest on, each with what the desk is without it: for a test of the test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from erasure import actions, lifecycle, planning
from erasure.connectors.base import OutcomeUnknown
from erasure.lifecycle import case as case_changes
from erasure.models import Call, SubTask
from erasure.planning import drawing
from erasure.states import Verdict
from erasure.worker import follow, lanes, settle


@contextmanager
def no_intent() -> Iterator[None]:
    """Nothing tells that something is about to be sent."""
    work_event = lifecycle.work_event

    def silent(sub_task: SubTask, action: str, *args: Any, **details: Any) -> None:
        if action != actions.WORK_SENDING:
            work_event(sub_task, action, *args, **details)

    with patch.object(lifecycle, "work_event", silent):
        yield


@contextmanager
def no_fence() -> Iterator[None]:
    """Whoever settles, settles: a call may end twice, and a sub-task need not be as it was claimed."""

    def close(call_id: Any, verdict: str, code: str, transcript: Any, **_: Any) -> bool:
        ended = {"verdict": verdict, "code": code[:40], "transcript": transcript, "finished_at": settle.clock.now()}
        return Call.objects.filter(pk=call_id).update(**ended) == 1

    mine = settle._mine
    with (
        patch.object(settle, "_close_call", close),
        patch.object(settle, "_mine", lambda cases, epochs, in_time: mine(cases, epochs, False)),
    ):
        yield


@contextmanager
def no_unknown() -> Iterator[None]:
    """No answer means that nothing was done."""
    verdict = settle._verdict

    def certain(step: Any, came: Any) -> tuple[Verdict, str]:
        told, code = verdict(step, came)
        return (Verdict.FAILED if isinstance(came.failure, OutcomeUnknown) else told), code

    def again(sub_task: SubTask, step: Any, code: str, call: Call, now: Any) -> None:
        follow._again(sub_task, step.name, now + follow.pace.backoff(sub_task.attempts, call))

    with patch.object(settle, "_verdict", certain), patch.object(follow, "unanswered", again):
        yield


@contextmanager
def no_repeats_named() -> Iterator[None]:
    """What is sent again is not told as possibly sent twice."""
    with patch.object(lanes, "_unanswered", lambda step, works: {}):
        yield


@contextmanager
def no_digest() -> Iterator[None]:
    """What is sent is not compared with what was approved."""
    with patch.object(planning, "still_approved", lambda sub_task: True):
        yield


@contextmanager
def no_second_look() -> Iterator[None]:
    """An approval is of whatever the plan is by then."""
    with patch.object(planning, "is_current", lambda case, revision: True):
        yield


@contextmanager
def two_eyes() -> Iterator[None]:
    """Nobody is an author of a plan."""
    with patch.object(drawing, "_authors", lambda *_: set()):
        yield


@contextmanager
def no_stop() -> Iterator[None]:
    """Cancelling stops nothing."""
    with (
        patch.object(lifecycle, "stop_unsent", lambda sub_task: False),
        patch.object(case_changes, "stop_unsent", lambda sub_task: False),
    ):
        yield


@contextmanager
def no_hold() -> Iterator[None]:
    """A lane does not look whether a case is on hold."""

    def due(vendor: Any, now: Any) -> Any:
        found = SubTask.objects.filter(vendor=vendor, status__in=["ready", "waiting"], next_at__lte=now)
        return found.filter(case__status="in_progress").exclude(lifecycle.acting_unasked())

    def locked(vendor: Any, waiting: list[Any]) -> Iterator[SubTask]:
        rows = SubTask.objects.filter(pk__in=waiting).select_related("revision", "case__data_key")
        for sub_task in rows:
            sub_task.vendor = vendor
            yield sub_task

    with patch.object(lanes, "_due", due), patch.object(lanes, "_locked", locked):
        yield


@contextmanager
def no_sweep() -> Iterator[None]:
    """Nobody settles the calls of workers that are gone."""
    with patch.object(settle, "abandon", lambda call: None):
        yield


Without = Callable[[], Any]
ALL: tuple[Without, ...] = (
    *(no_intent, no_fence, no_unknown, no_repeats_named, no_digest, no_second_look, two_eyes, no_stop, no_hold),
    no_sweep,
)
#: Those whose loss shows within seconds.
AT_ONCE: tuple[Without, ...] = (no_intent, no_repeats_named, two_eyes)
#: Those whose loss shows only when everything should have ended.
SEEN_AT_THE_END = (no_sweep,)
