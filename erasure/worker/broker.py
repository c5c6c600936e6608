"""django-q2's brokers, which also ask the group that they feed for a sign of life.

The question goes the way of all work: from the process that feeds the queue through a worker to the monitor. It is made
in this group's own process and never put into a queue that other hosts read, as one of them might always be quicker.
"""

import time
from typing import Any

from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.brokers.redis_broker import Redis
from django_q.humanhash import uuid
from django_q.signing import SignedPackage

from . import heartbeat

ASK_SECONDS = 3.0  # how often a sign of life is asked for
QUESTION = "sign-of-life"  # in place of a message's number


class _Asks:
    _asked = 0.0

    def dequeue(self) -> Any:
        if time.monotonic() - self._asked < ASK_SECONDS:
            return super().dequeue()  # type: ignore[misc]
        self._asked = time.monotonic()
        heartbeat.asked()
        return [(QUESTION, _question())]

    def acknowledge(self, task_id: Any) -> Any:
        return heartbeat.taken_in() if task_id == QUESTION else super().acknowledge(task_id)  # type: ignore[misc]


class OrmBroker(_Asks, ORM):
    pass


class RedisBroker(_Asks, Redis):
    pass


def _question() -> str:
    """A signed package as `async_task` makes it."""
    name, number = uuid()
    task = {"id": number, "name": name, "func": "erasure.worker.heartbeat.answer", "args": (), "kwargs": {}}
    return str(SignedPackage.dumps(task | {"started": timezone.now(), "ack_failure": True}))
