"""The files that we hand out: the template, and rows to be mended."""

import csv
import io
from collections.abc import Iterable

from compliance.audit.export import guard

from . import columns
from .reading import Table, unguarded

_BOM = "\ufeff"  # by which Excel knows UTF-8


def template(kinds: Iterable[str], *, delimiter: str = ",") -> bytes:
    """Every column, and one sample row, which is refused if it is left in."""
    header = [column.name for column in columns.FACTS]
    sample = [column.example for column in columns.FACTS]
    for kind in kinds:
        header.append(kind if kind not in columns.BY_NAME else columns.PREFIX + kind)
        sample.append(columns.SAMPLE_IDENTIFIERS.get(kind, ""))
    return _csv([header, sample], delimiter)


def to_mend(table: Table, rows: Iterable[tuple[list[str], str]]) -> bytes:
    """These rows with all their cells, and in one more column what is wrong with each: to be mended and uploaded again.
    That column is not looked at then, and one from an earlier time is left out."""
    wide = len(table.header)
    kept = [at for at, title in enumerate(table.header) if title.strip().casefold() != columns.PROBLEM]
    lines = [[*(guard(table.header[at]) for at in kept), columns.PROBLEM]]
    for given, problem in rows:
        cells = [*given, *[""] * (wide - len(given))]
        lines.append([*(guard(unguarded(cells[at])) for at in kept), problem, *map(guard, given[wide:])])
    return _csv(lines, table.delimiter)


def _csv(lines: Iterable[list[str]], delimiter: str) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter).writerows(lines)
    return (_BOM + written.getvalue()).encode()
