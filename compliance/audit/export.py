"""The trail as rows, and rows as CSV or JSON lines. The command, the API and the admin all export through here.

The format is fixed by README, "Audit export"; verify.py reads it back."""

import json
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, islice
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import TextField
from django.db.models.functions import Cast
from django.utils.timezone import get_default_timezone, is_naive
from django.utils.translation import gettext as _

from compliance import language

from .actions import ACTIONS, EXPORTED, sentence
from .models import Event, Leaf, PendingEvent
from .record import record, timestamp

_PAGE = 1000  # rows read at once
_STRIDE = 50_000  # places in the log looked up at once, for a part of it
_HEX = 32  # digits of an id as SQLite keeps it
_TO_MICROSECONDS = len("2026-11-22 01:44:12.123456")


class Row(NamedTuple):
    """One event as exported. `index` is its place in the sealed log, None until it is sealed."""

    index: int | None  # type: ignore[assignment]  # nobody looks for a cell with tuple.index
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
HEADER = Row._fields


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which events: of a case, an actor, an action, with since ≤ time < until, sealed beyond `after_index`. An empty
    one is the whole log. Raises ValueError for a naive time."""

    case: str = ""
    actor: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None
    after_index: int | None = None

    def __post_init__(self) -> None:
        if any(moment is not None and is_naive(moment) for moment in (self.since, self.until)):
            raise ValueError("a time without a zone")

    @property
    def whole(self) -> bool:
        return self == Selection()

    @property
    def first(self) -> int:
        """The first index that may be in it."""
        return 0 if self.after_index is None else self.after_index + 1

    def filters(self, event: str = "") -> dict[str, Any]:
        """Lookups for its events, but for their place in the log; `event` is the way to them, such as "event__"."""
        found: dict[str, Any] = {"case": self.case, "actor": self.actor, "action": self.action}
        found |= {"at__gte": self.since, "at__lt": self.until}
        return {f"{event}{name}": value for name, value in found.items() if value}

    def details(self) -> dict[str, Any]:
        """What the trail may say of it, but for the case, which is the subject of an export's event."""
        said = {name: value for name, value in asdict(self).items() if name != "case" and value not in ("", None)}
        return {
            f"only_{name}": timestamp(value) if isinstance(value, datetime) else value for name, value in said.items()
        }


def rows(
    selection: Selection, size: int, *, tail: bool = False, limit: int | None = None
) -> Generator[Row, None, None]:
    """The selected events of the log of `size` leaves in its order, at most `limit`, streamed in constant memory.

    With `tail`, the events follow that this log does not hold yet, in the order of their numbers and without an index:
    those that were there at the call. `after_index` asks for sealed rows alone, with `tail` or without."""
    newest = 0
    if tail and selection.after_index is None:
        newest = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0
    return _rows(selection, size, newest, limit)


def count(selection: Selection, size: int, *, tail: bool = False, limit: int | None = None) -> int:
    """How many rows that is. Of a part of the log it is one query that reads the part."""
    filters = selection.filters("event__")
    found = max(size - selection.first, 0)
    if filters:
        found = Leaf.objects.filter(index__gte=selection.first, index__lt=size, **filters).count()
    if tail and selection.after_index is None:
        found += PendingEvent.objects.filter(**filters).count()
        found += Leaf.objects.filter(index__gte=size, **filters).count()
    return found if limit is None else min(found, limit)


def record_export(selection: Selection, *, actor: str, form: str, count: int, size: int, **more: str) -> None:
    """Puts on record that `count` rows of the log at `size` were exported, with `more` details. Call it before they
    can be read. The event is about the case and not of it: looking changes nothing in what the case's own trail holds.
    """
    subject = f"case:{selection.case}" if selection.case else ""
    with transaction.atomic():
        details = selection.details() | more
        record(EXPORTED, actor=actor, subject=subject, format=form, count=count, size=size, **details)


def _rows(selection: Selection, size: int, newest: int, limit: int | None) -> Generator[Row, None, None]:
    templates: dict[str, str] = {}
    stride = _STRIDE if limit is None else min(limit, _STRIDE)
    pages = (_made(page, templates) for page in _pages(selection, size, newest, stride))
    yield from islice(chain.from_iterable(pages), limit)


def rows_at(indexes: Sequence[int], unsealed: Sequence[int]) -> list[Row]:
    """The rows at these places of the log, then those of the events with these numbers, which have no place yet."""
    return _made([*_sealed(indexes), *_unsealed(unsealed)], {})


def _made(values: Iterable[Sequence[Any]], templates: dict[str, str]) -> list[Row]:
    """Rows of values. Their sentences are English: a file is not for one reader. `templates` keeps those of the actions
    that were met."""
    with language.of_record():
        return [_row(each, templates) for each in values]


def _row(values: Sequence[Any], templates: dict[str, str]) -> Row:
    index, actor, action, case, subject, canonical, leaf_hash, event_id, at = values
    if len(event_id) == _HEX:  # SQLite
        event_id = "-".join((event_id[:8], event_id[8:12], event_id[12:16], event_id[16:20], event_id[20:]))
    if action not in templates:
        templates[action] = str(ACTIONS.get(action, ""))
    template = templates[action]
    words = {"case": case, "subject": subject, "actor": actor}
    summary = sentence(template, canonical, words) if template else action
    return Row(index, event_id, _rfc3339(at), actor, action, case, subject, summary, canonical, leaf_hash)


def _rfc3339(text: str) -> str:
    """A time as a database writes it: 2026-11-22 01:44:12.123456, PostgreSQL with an offset and no more digits than it
    takes. What somebody damaged stays as it is."""
    bare = text.removesuffix("+00")
    if len(bare) == _TO_MICROSECONDS and bare[20:].isdigit():
        return f"{bare[:10]}T{bare[11:]}Z"
    try:
        moment = datetime.fromisoformat(text)
        return timestamp(moment.replace(tzinfo=moment.tzinfo or UTC))
    except (ValueError, OverflowError):
        return text


def _columns(event: str = "") -> list[Any]:
    """What _row takes, but for the index; `event` is the way there. Ids and times come as the database's own text:
    making objects of them, for all that they are written at once, takes longer than all else about a row."""
    plain = [f"{event}{name}" for name in ("actor", "action", "case", "subject", "canonical", "leaf_hash")]
    return plain + [Cast(f"{event}{name}", TextField()) for name in ("event_id", "at")]


def _pages(selection: Selection, size: int, newest: int, stride: int) -> Iterator[list[Sequence[Any]]]:
    """Values of _row, in pages. Each page is a query of its own, by place: the log does not change, and a reader
    however slow holds no transaction open."""
    part = selection.filters("event__")
    if not part:  # the log has no gap: so many places are so many rows
        page = Leaf.objects.filter(index__gte=0, index__lt=0).order_by("index")
        # Written once: else writing the query takes a third of the time that a page takes.
        sql, _sample = page.values_list("index", *_columns("event__")).query.sql_with_params()
        first = selection.first
        while first < size:
            with connection.cursor() as cursor:
                cursor.execute(sql, [first, min(first + _PAGE, size)])
                found = cursor.fetchall()
            yield found
            first += _PAGE
            if not found:  # a damaged log; the hole may be as long as somebody has chosen
                beyond = Leaf.objects.filter(index__gte=first).order_by("index")
                first = beyond.values_list("index", flat=True).first() or size
    else:
        # Places first: whichever way the database finds them, it goes through the selection once a stride, not a page.
        for places in _places(part, selection.first, size, stride):
            for start in range(0, len(places), _PAGE):
                yield _sealed(places[start : start + _PAGE])
    after = 0
    while after < newest and (ids := tail_ids(selection, size, _PAGE, after=after, newest=newest)):
        yield _unsealed(ids)
        after = ids[-1]


def _places(part: dict[str, Any], first: int, size: int, stride: int) -> Iterator[list[int]]:
    """The indexes of the leaves that a part of the log takes, `stride` at a time."""
    while stride:
        found = Leaf.objects.filter(index__gte=first, index__lt=size, **part).order_by("index")
        places = list(found.values_list("index", flat=True)[:stride])
        yield places
        if len(places) < stride:
            return
        first = places[-1] + 1


def _sealed(indexes: Sequence[int]) -> list[Sequence[Any]]:
    found = Leaf.objects.filter(index__in=indexes).order_by("index")
    return list(found.values_list("index", *_columns("event__")))


def _unsealed(ids: Sequence[int]) -> list[Sequence[Any]]:
    found = Event.objects.filter(id__in=ids).order_by("id")
    return [(None, *values) for values in found.values_list(*_columns())]


def tail_ids(
    selection: Selection,
    size: int,
    most: int,
    *,
    after: int = 0,
    newest: int | None = None,
    before: int | None = None,
) -> list[int]:
    """The numbers of the selected events that the log of `size` leaves lacks: the lowest `most` beyond `after` and up
    to `newest`; with `before` the highest below it. In rising order."""
    span: dict[str, Any] = {"event_id__gt": after, **selection.filters("event__")}
    span |= {} if newest is None else {"event_id__lte": newest}
    span |= {} if before is None else {"event_id__lt": before}
    order = "event_id" if before is None else "-event_id"
    # In this order: an event that is sealed between the two queries is in both, never in none.
    found = set(PendingEvent.objects.filter(**span).order_by(order).values_list("event_id", flat=True)[:most])
    sealed = Leaf.objects.filter(index__gte=size, **span).order_by(order).values_list("event_id", flat=True)
    ids = sorted(found.union(sealed[:most]))
    return ids[:most] if before is None else ids[-most:]


_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")


def guard(text: str) -> str:
    """`text` for a CSV cell: one that a spreadsheet would run as a formula gets a leading apostrophe
    (owasp.org/www-community/attacks/CSV_Injection)."""
    return f"'{text}" if text[:1] in _FORMULA else text


def csv_lines(rows: Iterable[Row], *, bom: bool = False) -> Iterator[str]:
    """RFC 4180 lines, the header first; for a streamed response. With `bom` a byte order mark comes first, by which
    Excel knows UTF-8.

    The lines are those of csv.writer, which takes several times as long: it looks at each character by itself."""
    yield ("\ufeff" if bom else "") + ",".join(HEADER) + "\r\n"
    for index, *plain, summary, canonical, leaf_hash in rows:
        line = ",".join(plain)
        if line.count(",") != len(plain) - 1 or '"' in line or "\n" in line or "\r" in line:  # a damaged row
            line = ",".join(map(_cell, plain))
        place = "" if index is None else index
        last = leaf_hash if leaf_hash.isalnum() else _cell(leaf_hash)
        yield f"{place},{line},{_cell(guard(summary))},{_cell(canonical)},{last}\r\n"


def _cell(text: str) -> str:
    if '"' in text or "," in text or "\n" in text or "\r" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def jsonl_lines(rows: Iterable[Row]) -> Iterator[str]:
    """One JSON object a line, the same fields; an event that is not sealed has the index null."""
    for row in rows:
        yield json.dumps(row._asdict(), ensure_ascii=False) + "\n"


def lines(rows: Iterable[Row], form: str, *, bom: bool = False) -> Iterator[str]:
    """The lines of a file of the format `form`, csv or jsonl."""
    return csv_lines(rows, bom=bom) if form == "csv" else jsonl_lines(rows)


def pieces(lines: Iterable[str], size: int = 64 * 1024) -> Iterator[str]:
    """The lines, about `size` characters at once: a network, a pipe and a zip are slow with small pieces."""
    held: list[str] = []
    length = 0
    for line in lines:
        held.append(line)
        length += len(line)
        if length >= size:
            yield "".join(held)
            held, length = [], 0
    yield "".join(held)


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
