"""A CSV file of any size against the suppression list: read, looked up and answered a part at a time."""

import csv
import io
from collections.abc import Callable, Generator
from itertools import islice
from typing import BinaryIO

from django.utils.translation import gettext as _

from compliance.audit.export import guard
from erasure import suppression
from erasure.suppression import Checked, Counts

from .cells import check_whole
from .reading import NotATable, stream, unguarded

COLUMNS = ("row", "kind", "value", "listed", "since", "problem")
AT_ONCE = 500  # rows


def check_file(
    file: BinaryIO,
    *,
    actor: str,
    kind: str = "",
    country: str = "",
    progress: Callable[[Counts], None] = lambda _counts: None,
) -> Generator[str, None, None]:
    """The lines of the result, as CSV: each row of the file with whether it is on the list, and since when.

    The file has the columns `kind` and `value`; with a `kind` given, a column of that name or `value` is enough, and
    others are passed over. Cells are kept from being run as formulas. `country`: in which phone numbers without a
    country code are read. The check goes on record at its end, also if that comes early. Raises NotATable."""
    rows = stream(file, lambda cell: _name(cell) in ("kind", "value", kind))
    kind_at, value_at = _columns(next(rows)[1], kind)
    counts = Counts()
    try:
        yield _line(COLUMNS)
        while some := list(islice(rows, AT_ONCE)):
            wanted = [(_name(_cell(cells, kind_at)) or kind, unguarded(_cell(cells, value_at))) for _row, cells in some]
            found = [
                _spoilt(value) or said for (_kind, value), said in zip(wanted, _looked_up(wanted, country), strict=True)
            ]
            progress(counts.of(found))
            for (number, _cells), (of_kind, value), said in zip(some, wanted, found, strict=True):
                yield _answer(number, of_kind, value, said)
    finally:
        suppression.recorded(counts, actor=actor)


def _looked_up(wanted: list[tuple[str, str]], country: str) -> list[Checked]:
    return suppression.look_up(wanted, country=country)


def _spoilt(value: str) -> Checked | None:
    """What a spreadsheet has made of a long number is another number."""
    try:
        check_whole(value)
    except ValueError as error:
        return Checked(problem=str(error))
    return None


def _columns(header: list[str], kind: str) -> tuple[int | None, int]:
    names = [_name(cell) for cell in header]
    if kind:
        for name in (kind, "value"):
            if names.count(name) == 1:
                return None, names.index(name)
        text = _("The first row must name the column with the identifiers: %(kind)s, or value. Nothing was looked up.")
        raise NotATable(text % {"kind": kind})
    if names.count("kind") == 1 and names.count("value") == 1:
        return names.index("kind"), names.index("value")
    raise NotATable(
        _(
            "The first row must name the columns kind and value, unless it is said of which kind all are. "
            "Nothing was looked up."
        )
    )


def _name(cell: str) -> str:
    return cell.strip().casefold()


def _cell(cells: list[str], at: int | None) -> str:
    return cells[at] if at is not None and at < len(cells) else ""


def _answer(number: int, kind: str, value: str, said: Checked) -> str:
    listed = "" if said.problem else "yes" if said.listed else "no"
    since = said.since.strftime("%Y-%m-%dT%H:%M:%SZ") if said.since else ""
    return _line((str(number), guard(kind), guard(value), listed, since, said.problem))


def _line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
