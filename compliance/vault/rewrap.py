"""Which keys of the ring are in use, and wrapping living data keys anew. What the data keys seal is not touched."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import QuerySet

from .keys import ring
from .models import DataKey
from .seal import Unreadable, open_wrapped, wrap

BATCH = 500  # data keys in one transaction: on SQLite writers wait for it
PASSES = 5  # over what other transactions held the first time


@dataclass(frozen=True)
class Rewrapped:
    """How many data keys were wrapped anew, and how many are still under replaced keys: held by other work, or
    damaged, or there was a limit."""

    moved: int
    left: int


def living(ring_key: str) -> QuerySet[DataKey]:
    """The data keys under this key of the ring that are not destroyed."""
    return DataKey.objects.filter(ring_key=ring_key, destroyed_at=None)


def in_use() -> list[str]:
    """The keys of the ring that living data keys are under: one look into an index for each, however many data keys
    there are."""
    found, last = [], ""
    rows = DataKey.objects.filter(destroyed_at=None).order_by("ring_key").values_list("ring_key", flat=True)
    while (ring_key := rows.filter(ring_key__gt=last).first()) is not None:
        found.append(ring_key)
        last = ring_key
    return found


def behind() -> list[str]:
    """The replaced keys of the ring that living data keys are still under."""
    replaced = ring().replaced
    return [ring_key for ring_key in in_use() if ring_key in replaced]


def rewrap(*, at_most: int | None = None, progress: Callable[[int, int], None] = lambda done, total: None) -> Rewrapped:
    """Wraps the living data keys that are under replaced keys of the ring under the active one, in batches, each in a
    transaction of its own. May be ended anywhere and called again, by several at once; what is destroyed meanwhile
    stays destroyed.

    Raises ImproperlyConfigured as `ring` does."""
    total = sum(living(ring_key).count() for ring_key in behind())
    moved = 0
    for _number in range(PASSES):
        before = moved
        for batch in _batches():
            moved += batch
            progress(moved, total)
            if at_most is not None and moved >= at_most:
                return Rewrapped(moved, sum(living(ring_key).count() for ring_key in behind()))
        if moved == before:
            break
    return Rewrapped(moved, sum(living(ring_key).count() for ring_key in behind()))


def _batches() -> Iterator[int]:
    """How many of each batch were wrapped anew, over all once."""
    for ring_key in behind():
        last: uuid.UUID | None = uuid.UUID(int=0)
        while last is not None:
            moved, last = _batch(ring_key, last)
            yield moved


@transaction.atomic
def _batch(ring_key: str, after: uuid.UUID) -> tuple[int, uuid.UUID | None]:
    """How many were wrapped anew, and where to go on; None at the end. Rows that others hold are passed over, so that
    nobody who destroys several data keys in one transaction is in our way, or we in theirs."""
    rows = living(ring_key).filter(pk__gt=after).order_by("pk")
    batch = list(rows.select_for_update(skip_locked=True, no_key=True)[:BATCH])
    moved = [_wrapped_anew(key) for key in batch]
    if not {ring_key for ring_key in moved if ring_key} <= ring(anew=True).keys.keys():
        # We were held up for so long that the key has been replaced and destroyed: see `seal.new_key`.
        transaction.set_rollback(True)
        return 0, after
    return len(moved) - moved.count(""), batch[-1].pk if len(batch) == BATCH else None


def _wrapped_anew(key: DataKey) -> str:
    """The key of the ring that it is under now; empty where it was left alone."""
    try:
        active, wrapped = wrap(open_wrapped(ring(), key), key.pk)
    except (Unreadable, ImproperlyConfigured):
        return ""
    # Only what is still as it was read.
    unchanged = DataKey.objects.filter(pk=key.pk, wrapped=key.wrapped, destroyed_at=None)
    return active if unchanged.update(ring_key=active, wrapped=wrapped) else ""
