#!/usr/bin/env python3
"""Checks an export of the audit trail, with nothing but Python 3.11 or newer:

    python verify.py FILE

FILE is what `manage.py export_audit` or the API wrote, CSV or JSON lines. This file imports nothing of the program that
wrote the export, so that you need not trust that program. Copy it anywhere and read it: it is short on purpose.

What is checked of each row:
- `canonical` is JSON in its one canonical form: sorted keys, no spaces, UTF-8, exactly the fields named below;
- `leaf_hash` is the SHA-256 of a zero byte followed by `canonical` (a leaf of RFC 9162, section 2.1.1);
- the cells event_id, at, actor, action, case and subject repeat what `canonical` says. `summary` is a sentence for
  people, outside of what is hashed: do not rely on it;
- no event appears twice;
- no row claims a place in a sealed log: its `index` is empty. Nothing here could prove such a claim yet. (With proof,
  the indexes must follow each other without a gap.)

What this cannot show for rows that are not sealed (their `index` is empty): that none is missing, and that none was
rewritten together with its hash. Only a log sealed under a signature shows that.

Exit status: 0 every row is in order, 1 a row is not (the first is named), 2 wrong usage.
"""

import argparse
import csv
import hashlib
import json
import re
import sys
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO

HEADER = ["index", "event_id", "at", "actor", "action", "case", "subject", "summary", "canonical", "leaf_hash"]
CANONICAL = ["action", "actor", "at", "case", "details", "id", "subject"]
#: The cell and the field of `canonical` that it repeats.
REPEATS = {name: name for name in ("at", "actor", "action", "case", "subject")} | {"event_id": "id"}
LONGEST_LINE = 1024 * 1024  # characters; a longer line is not ours, and must not fill the memory


class Bad(Exception):
    """What is wrong with the file; the text is for people."""


@dataclass(frozen=True)
class Checked:
    """A row that is intact in itself: its place in the log (None: not sealed) and the hash of its leaf."""

    index: int | None
    leaf: bytes


# --- reading ----------------------------------------------------------------------------------------------------------


def lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise Bad(f"a line is longer than {LONGEST_LINE} characters")
        yield line


def read_csv(file: TextIO) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(LONGEST_LINE)
    reader = csv.reader(lines(file), strict=True)
    header = next(reader, [])
    if header[: len(HEADER)] != HEADER:
        raise Bad(f"this is not an export of the audit trail: its header does not begin with {','.join(HEADER)}")
    return csv_rows(reader, len(header))


def csv_rows(reader: Iterable[list[str]], width: int) -> Iterator[dict[str, Any]]:
    for cells in reader:
        if len(cells) != width:
            raise Bad(f"it has {len(cells)} cells where the header has {width}")
        row: dict[str, Any] = dict(zip(HEADER, cells, strict=False))
        if row["index"] and not re.fullmatch(r"0|[1-9][0-9]{0,18}", row["index"]):
            raise Bad("the index is not a number")
        yield row | {"index": int(row["index"]) if row["index"] else None}


def read_jsonl(file: TextIO) -> Iterator[dict[str, Any]]:
    for line in lines(file):
        row = strict_json(line, "the line")
        if missing := [name for name in HEADER if name not in row]:
            raise Bad(f"the field {missing[0]} is missing")
        if row["index"] is not None and (type(row["index"]) is not int or row["index"] < 0):
            raise Bad("the index is not a number")
        if odd := [name for name in HEADER[1:] if not isinstance(row[name], str)]:
            raise Bad(f"the field {odd[0]} is not text")
        yield row


def strict_json(text: str, what: str) -> dict[str, Any]:
    """The object that `text` is. Doubled keys and numbers outside of JSON or whole numbers are refused."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) != len(pairs):
            raise ValueError("a key appears twice")
        return found

    def no(number: str) -> NoReturn:
        raise ValueError("a number is not a whole number")

    try:
        value = json.loads(text, object_pairs_hook=once, parse_float=no, parse_constant=no)
    except (ValueError, RecursionError) as error:
        raise Bad(f"{what} is not proper JSON ({error})") from None
    if not isinstance(value, dict):
        raise Bad(f"{what} is not a JSON object")
    return value


# --- checking ---------------------------------------------------------------------------------------------------------


def check_row(row: dict[str, Any]) -> Checked:
    """One row by itself. Raises Bad."""
    text = row["canonical"]
    event = strict_json(text, "canonical")
    if sorted(event) != CANONICAL:
        raise Bad(f"canonical does not hold exactly the fields {', '.join(CANONICAL)}")
    if json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False) != text:
        raise Bad("canonical is not in canonical form")
    try:
        leaf = hashlib.sha256(b"\x00" + text.encode()).digest()
    except UnicodeEncodeError:
        raise Bad("canonical holds half a character") from None
    if leaf.hex() != row["leaf_hash"]:
        raise Bad("leaf_hash is not the hash of canonical: one of the two was changed")
    for cell, name in REPEATS.items():
        if row[cell] != event[name]:
            raise Bad(f"the cell {cell} says {short(row[cell])}, canonical says {short(event[name])}")
    return Checked(row["index"], leaf)


def check_rows(rows: Iterable[dict[str, Any]], *, proven: bool = False) -> Iterator[Checked]:
    """Each row, checked by itself and against those before it, in the order of the file. Raises Bad, naming the row.

    The leaves come out one by one, so that a check of the whole log (its root, a checkpoint) can follow this one;
    `proven` says that it will. Without it a row must not claim to be sealed."""
    seen: set[bytes] = set()
    last: int | None = None
    number, iterator = 0, iter(rows)
    while True:
        number += 1
        try:
            row = next(iterator, None)
            if row is None:
                return
            checked = check_row(row)
            try:
                event_id = uuid.UUID(row["event_id"])
            except ValueError:
                raise Bad(f"the event id {short(row['event_id'])} is not a UUID") from None
            if event_id.bytes in seen:
                raise Bad(f"the event {event_id} appears a second time")
            seen.add(event_id.bytes)
            if checked.index is not None:
                if not proven:
                    raise Bad(f"it claims to be sealed (index {checked.index}), but nothing proves it")
                if last is not None and checked.index != last + 1:
                    raise Bad(f"the index is {checked.index}, after {last}: rows are missing or out of order")
                last = checked.index
        except (Bad, csv.Error, UnicodeDecodeError) as error:
            raise Bad(f"row {number} (the header not counted): {error}") from None
        yield checked


def short(value: Any) -> str:
    """A value for a message: cut, and with nothing in it that a terminal would obey."""
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def verify(path: Path) -> str:
    """Checks the file; returns the closing sentence. Raises Bad, or OSError when it cannot be read."""
    with path.open(encoding="utf-8", newline="") as file:
        try:
            first = file.read(1)
            if not first:
                raise Bad("the file is empty: it has no header and no row, so it shows nothing")
            file.seek(0)
            rows = read_jsonl(file) if first == "{" else read_csv(file)
        except (csv.Error, UnicodeDecodeError) as error:
            raise Bad(f"this is not an export of the audit trail: {error}") from None
        total = unsealed = 0
        for checked in check_rows(rows):
            total += 1
            unsealed += checked.index is None
    return (
        f"{total} rows: each is intact in itself; {unsealed} are not sealed yet, so a missing row cannot be noticed, "
        "nor one rewritten together with its hash."
    )


# --- from the command line --------------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="an export: CSV or JSON lines")
    parser.add_argument("--public-key", type=Path, metavar="FILE", help="the log's key, as audit_key prints it")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="a signed checkpoint to check the rows against")


def run(file: Path, public_key: Path | None = None, checkpoint: Path | None = None) -> tuple[int, str]:
    """The exit status, and the line that explains it."""
    if public_key or checkpoint:
        return 2, "Rows of this export are not sealed yet: there is nothing that a key or a checkpoint could prove."
    try:
        return 0, verify(file)
    except Bad as bad:
        return 1, f"{file}: {bad}"
    except OSError as error:
        return 2, f"{file} cannot be read: {error.strerror}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks an export of the audit trail, row by row.")
    add_arguments(parser)
    status, line = run(**vars(parser.parse_args()))
    print(line, file=sys.stderr if status else sys.stdout)
    return status


if __name__ == "__main__":
    sys.exit(main())
