"""Waking a vendor's lane. A message in the queue is only a hint that a lane has work; the database is the truth."""

import uuid
from collections.abc import Iterable

from django.core.cache import cache
from django.db import transaction
from django_q.tasks import async_task

#: A hint that was lost is made up for after this time (seconds).
HINT_LASTS = 15


def wake(vendors: Iterable[uuid.UUID]) -> None:
    """Once the transaction has committed, one hint for each lane that has none under way."""
    for vendor in sorted(set(vendors)):
        # robust: what was committed stands, even if the queue cannot be reached; the sweep makes up for the hint.
        # No functools.partial here: Django logs such a failure by the __qualname__, which a partial does not have.
        transaction.on_commit(lambda vendor=vendor: _hint(vendor), robust=True)  # type: ignore[misc]


def heard(vendor: uuid.UUID) -> None:
    """A worker has taken up the lane's hint: the next one may be made."""
    cache.delete(f"lane:{vendor}")


def _hint(vendor: uuid.UUID) -> None:
    if cache.add(f"lane:{vendor}", True, timeout=HINT_LASTS):
        async_task("erasure.worker.lanes.run", str(vendor), group="lanes")
