"""Waking a vendor's lane, or bulk work. A message in the queue is only a hint that there is work; the database is the
truth."""

import uuid
from collections.abc import Iterable

from django.core.cache import cache
from django.db import transaction
from django_q.tasks import async_task

from erasure.models import BulkJob, Vendor
from erasure.states import BulkStatus

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


def forget_hints() -> None:
    """Workers were lost with what they had taken from the queue: each lane may be given another hint at once."""
    for vendor in Vendor.objects.values_list("pk", flat=True):
        heard(vendor)
    for job in BulkJob.objects.filter(status=BulkStatus.RUNNING).values_list("pk", flat=True):
        bulk_heard(job)


def _hint(vendor: uuid.UUID) -> None:
    if cache.add(f"lane:{vendor}", True, timeout=HINT_LASTS):
        async_task("erasure.worker.lanes.run", str(vendor), group="lanes")


# --- bulk work --------------------------------------------------------------------------------------------------------


def wake_bulk(jobs: Iterable[uuid.UUID]) -> None:
    """The same for each of these jobs: one hint, unless one is under way or a worker is at it."""
    for job in jobs:
        transaction.on_commit(lambda job=job: _hint_bulk(job), robust=True)  # type: ignore[misc]


def hold_bulk(job: uuid.UUID) -> None:
    """A worker is at it: no other one is sent for as long as a hint lasts, so that it takes up one worker alone."""
    cache.set(f"bulk:{job}", True, timeout=HINT_LASTS)


def bulk_heard(job: uuid.UUID) -> None:
    """The worker has handed back: the next hint may be made."""
    cache.delete(f"bulk:{job}")


def _hint_bulk(job: uuid.UUID) -> None:
    if cache.add(f"bulk:{job}", True, timeout=HINT_LASTS):
        async_task("erasure.bulk.running.run", str(job), group="bulk")
