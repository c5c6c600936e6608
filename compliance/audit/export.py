"""The trail as rows, and rows as CSV or JSON lines. The command, the API and the admin all export through here.

The format is fixed by README, "Audit export"; verify.py reads it back."""

import csv
import json
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from operator import attrgetter
from typing import Any, Protocol

from django.db.models import QuerySet
from django.utils.timezone import get_default_timezone, is_naive
from django.utils.translation import gettext as _

from .actions import summarise
from .models import Event
from .record import timestamp

_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Row:
    """One event as exported. `index` is its place in the sealed log, None until it is sealed."""

    index: int | None
    event_id: str
    at: str
    actor: str
    action: str
    case: str
    subject: str
    summary: str
    canonical: str
    leaf_hash: str


#: The columns, in order.
HEADER = tuple(field.name for field in fields(Row))
_cells = attrgetter(*HEADER)


class _Writable(Protocol):
    def write(self, text: str, /) -> Any: ...


def rows(
    case: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after_index: int | None = None,
    limit: int | None = None,
) -> Generator[Row, None, None]:
    """The events of `case`, with since ≤ time < until, at most `limit`, in the order of the log, streamed.

    `after_index` asks for sealed rows alone, beyond that index: none, as long as the trail is not sealed.
    Raises ValueError for a naive time."""
    for moment in (since, until):
        if moment is not None and is_naive(moment):
            raise ValueError("a time without a zone")
    events = Event.objects.all()
    if case is not None:
        events = events.filter(case=case)
    if since is not None:
        events = events.filter(at__gte=since)
    if until is not None:
        events = events.filter(at__lt=until)
    if after_index is not None:
        events = events.none()
    return as_rows(events, limit)


def as_rows(events: QuerySet[Event], limit: int | None = None) -> Generator[Row, None, None]:
    """The rows of a selection of events, in the order of the log, in constant memory."""
    for event in events.order_by("id")[:limit].iterator(chunk_size=_CHUNK):
        yield Row(
            index=None,
            event_id=str(event.event_id),
            at=timestamp(event.at),
            actor=event.actor,
            action=event.action,
            case=event.case,
            subject=event.subject,
            summary=summarise(event),
            canonical=event.canonical,
            leaf_hash=event.leaf_hash,
        )


_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def guard(text: str) -> str:
    """`text` for a CSV cell: one that a spreadsheet would run as a formula gets a leading apostrophe
    (owasp.org/www-community/attacks/CSV_Injection)."""
    return f"'{text}" if text.startswith(_FORMULA) else text


class _Echo:
    """A stream that hands back what is written to it, so that csv.writer makes lines without a file."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: Iterable[Row]) -> Iterator[str]:
    """RFC 4180 lines, the header first; for a streamed response."""
    writer: Any = csv.writer(_Echo())
    yield writer.writerow(HEADER)
    for row in rows:
        index, *cells = _cells(row)
        yield writer.writerow(["" if index is None else index, *cells[:6], guard(row.summary), *cells[7:]])


def jsonl_lines(rows: Iterable[Row]) -> Iterator[str]:
    """One JSON object a line, the same fields; an event that is not sealed has the index null."""
    for row in rows:
        yield json.dumps(dict(zip(HEADER, _cells(row), strict=True)), ensure_ascii=False) + "\n"


def write_csv(rows: Iterable[Row], stream: _Writable) -> int:
    """Writes to a text stream opened with newline=""; returns the number of rows."""
    return _write(csv_lines(rows), stream) - 1


def write_jsonl(rows: Iterable[Row], stream: _Writable) -> int:
    """Writes to a text stream; returns the number of rows."""
    return _write(jsonl_lines(rows), stream)


def _write(lines: Iterable[str], stream: _Writable) -> int:
    count = 0
    for line in lines:
        stream.write(line)
        count += 1
    return count


_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}(?P<clock>[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?(?P<zone>[Zz]|[+-]\d{2}:\d{2})?)?", re.ASCII
)


def parse_moment(text: str, *, end: bool = False) -> datetime:
    """A date (a day in the desk's zone: its start, or with `end` the start of the next) or an RFC 3339 time, as an
    aware time in UTC. Raises ValueError with a sentence for people; a time without a zone is refused."""
    match = _MOMENT.fullmatch(text)
    if match and match["clock"] and not match["zone"]:
        raise ValueError(_("“%s” has no time zone: end it with Z or an offset such as +01:00.") % text)
    try:
        if match and match["clock"]:
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
        if match:
            day = date.fromisoformat(text) + timedelta(days=end)
            return datetime.combine(day, time.min, get_default_timezone()).astimezone(UTC)
    except OverflowError:
        raise ValueError(_("“%s” is too long ago or too far ahead for any event.") % text) from None
    except ValueError:
        pass  # such as the 30th of February
    raise ValueError(_("“%s” is neither a date (2026-11-21) nor a time (2026-11-21T09:30:00Z).") % text)
