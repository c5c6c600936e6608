"""A long log, made in bulk: the same rows that `record` writes, without a transaction for each."""

import json
import uuid
from datetime import datetime, timedelta

from compliance import clock
from compliance.audit import seal
from compliance.audit.models import Event, PendingEvent
from compliance.audit.record import leaf_hash, timestamp

_AT_ONCE = 1000


def bulk_events(count: int, *, cases: int = 50, actors: int = 7, at: datetime | None = None) -> None:
    """Adds `count` events of `cases` cases in turn, a millisecond apart, that nobody has sealed yet."""
    at = at or clock.now()
    for first in range(0, count, _AT_ONCE):
        numbers = range(first, min(first + _AT_ONCE, count))
        events = Event.objects.bulk_create(
            [_event(at + timedelta(milliseconds=number), number % cases, number % actors) for number in numbers]
        )
        PendingEvent.objects.bulk_create([PendingEvent(event=event) for event in events])


def bulk_log(count: int, **given: int) -> int:
    """Adds `count` events and seals them; returns the size of the log."""
    bulk_events(count, **given)
    seal.seal(wait=True)
    checkpoint = seal.newest()
    assert checkpoint is not None
    return checkpoint.size


def _event(at: datetime, case: int, actor: int) -> Event:
    said = {
        "action": "staff.signed_in",  # not an export: of those an account has only so many
        "actor": f"user:{actor}",
        "at": timestamp(at),
        "case": f"DSR-2026-{case:06}",
        "details": {"count": case, "format": "csv", "step": "start_export", "identifiers": [str(uuid.uuid4())]},
        "id": str(uuid.uuid4()),
        "subject": f"sub_task:{uuid.uuid4()}",
    }
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    cells = {name: said[name] for name in ("action", "actor", "case", "subject")}
    return Event(event_id=said["id"], at=at, canonical=canonical, leaf_hash=leaf_hash(canonical), **cells)
