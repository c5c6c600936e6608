"""Leaves out one guard of the engine at a time: the matrix must notice. Only `worker.set_up` uses it."""

from collections.abc import Callable
from typing import Any

from django.db import transaction

from erasure.worker import follow, lanes, settle, steps


def _intent() -> None:
    """The claim is committed only with what came of it."""
    run = lanes.run

    def in_one_transaction(vendor: str) -> None:
        with transaction.atomic():
            run(vendor)

    lanes.run = in_one_transaction


def _fence() -> None:
    """A late worker writes down what came of its call, whoever has gone on meanwhile."""
    close, mine = settle._close_call, settle._mine

    def close_in_any_case(*args: Any, **named: Any) -> bool:
        close(*args, **named)
        return True

    settle._close_call = close_in_any_case
    settle._mine = lambda cases, epochs, _in_time: mine(cases, epochs, False)


def _unknown() -> None:
    """A call without an answer is made again, as if nothing had been sent."""

    def again(sub_task: Any, step: Any, _code: str, _call: Any, now: Any) -> None:
        follow._again(sub_task, step.name, now)

    follow.unanswered = again
    lanes._unanswered = lambda _step, _works: {}


def _renewal() -> None:
    """A long download does not keep its lease."""
    steps._renew = lambda _claim: None


GUARDS: dict[str, Callable[[], None]] = {
    "intent": _intent,
    "fence": _fence,
    "unknown": _unknown,
    "renewal": _renewal,
}


def leave_out(name: str) -> None:
    GUARDS[name]()
