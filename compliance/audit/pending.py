"""What waits to be sealed, and what of it is left out: whatever is not an event just as `record` writes it.

Who may only add rows may add any. One that no verifier accepts would spoil every check of the log for ever, and one at
which the sealer stopped would stop it for ever. So such a row waits, is complained about, and the rest goes on.
"""

import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast, Substr

from .models import PendingEvent
from .record import LONGEST, canonical_text, leaf_hash, timestamp

_LOOK_AGAIN = 300.0  # seconds: whoever owns the database may have put right by then what was refused


class Waiting(NamedTuple):
    """A pending event's row, its id and time as the database's own text: what somebody wrote there may be none.
    `leaf` is its place in the log if it has one already."""

    number: int
    leaf: int | None
    event_id: str
    at: str
    actor: str
    action: str
    case: str
    subject: str
    canonical: str
    leaf_hash: str


def oldest(limit: int, refused: "Refused | None" = None) -> list[Waiting]:
    """The pending events with the lowest numbers, but for those known to be refused."""
    found = PendingEvent.objects.order_by("event_id")
    if refused:
        found = found.filter(event_id__in=refused.others(found, limit))
    return [Waiting(*row) for row in _rows(found)[:limit]]


def _rows(found: QuerySet[PendingEvent]) -> QuerySet[PendingEvent, tuple[Any, ...]]:
    plain = [f"event__{name}" for name in ("actor", "action", "case", "subject")]
    text = Cast("event__event_id", TextField()), Cast("event__at", TextField())
    canonical = Substr("event__canonical", 1, LONGEST + 1)  # no more is read of one that is too long
    return found.values_list("event_id", "event__leaf__index", *text, *plain, canonical, "event__leaf_hash")


def moment(text: str) -> datetime:
    """A time as a database writes it. Raises ValueError or OverflowError for what is none, such as infinity."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def fault(row: Waiting) -> str:
    """Why the event cannot be sealed; empty if it is just as `record` writes events."""
    if row.number < 1:
        return "its number is below 1"
    try:
        event_id = uuid.UUID(row.event_id)
        if row.event_id not in (str(event_id), event_id.hex):
            return "its id is in another form"
        details = json.loads(row.canonical)["details"]
        said = canonical_text(
            event_id, timestamp(moment(row.at)), row.actor, row.action, row.case, row.subject, dict(details)
        )
        if said != row.canonical:
            return "its canonical text is not what its columns say"
        if leaf_hash(row.canonical) != row.leaf_hash:
            return "its leaf hash is not that of its text"
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        return "it is not of the form of an event"
    return ""


class Refused:
    """The pending events that this process has found to be at fault, each with why. They are kept in mind for a while,
    so that reading them again and again does not hold up the others."""

    def __init__(self) -> None:
        self._why: dict[tuple[int, str], str] = {}  # of an event's number and hash
        self._until = 0.0

    def __bool__(self) -> bool:
        if time.monotonic() >= self._until:
            self._why, self._until = {}, time.monotonic() + _LOOK_AGAIN
        return bool(self._why)

    def add(self, row: Waiting, why: str) -> None:
        self._why[row.number, row.leaf_hash] = why

    def others(self, pending: QuerySet[PendingEvent], limit: int) -> list[int]:
        """The numbers of the first that are not among them. Those that wait no longer are forgotten."""
        met: set[tuple[int, str]] = set()
        numbers: list[int] = []
        for each in pending.values_list("event_id", "event__leaf_hash").iterator():
            if each in self._why:
                met.add(each)
            elif len(numbers) < limit:
                numbers.append(each[0])
            else:
                break
        else:
            self._why = {each: why for each, why in self._why.items() if each in met}
        return numbers

    def complaint(self) -> str:
        """One line; empty if there are none."""
        if not self._why:
            return ""
        (number, _hash), why = min(self._why.items())
        return (
            f"{len(self._why)} pending event(s) were not written by the desk and were left out; sealing goes on "
            f'without them. The first is event {number}: {why}. See "When sealing stops" in docs/trail.md.'
        )
