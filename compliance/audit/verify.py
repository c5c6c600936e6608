#!/usr/bin/env python3
"""Checks an export of the audit trail, with nothing but Python 3.11 or newer:

    python3 -I verify.py FILE [--public-key FILE] [--checkpoint FILE]

(-I, so that no file that lies beside this one is run in the place of a part of Python.)

FILE is what `manage.py export_audit`, the API or the admin wrote: CSV or JSON lines. This program imports nothing of
what wrote the export, so that you need not trust that. Copy it anywhere and read it: it is short on purpose.

The trail is a log: events in one order for ever, each with its place, an index from 0. Every few seconds its owner
signs a *checkpoint*: how many events there are by then, and a hash over all of them (the root of a Merkle tree, RFC
9162, section 2.1). Nobody can change, remove, add or move one of those events and still come to the same root.

Beside FILE are looked for
    FILE.checkpoint    the signed checkpoint at which the export was made (c2sp.org/tlog-checkpoint)
    FILE.proofs.json   for an export of a part: hashes that stand for the events between its rows, and tell nothing of
                       them. Without this file the rows must be the whole log
    FILE.leaves        the hash of each sealed row. It proves nothing; it helps to say which row was changed

What is checked of each row:
- `canonical` is JSON in its one canonical form: sorted keys, no spaces, UTF-8, exactly the fields named below;
- `leaf_hash` is the SHA-256 of a zero byte followed by `canonical`: a leaf of the tree;
- the cells event_id, at, actor, action, case and subject repeat what `canonical` says. `summary` is a sentence for
  people, outside of what is hashed: do not rely on it;
- no event appears twice.
What is checked of the sealed rows, those with an index, together:
- they and the hashes of FILE.proofs.json follow each other from 0 to the checkpoint's size, without hole or overlap;
- they come to the checkpoint's root;
- with --public-key, the checkpoint bears a valid signature (Ed25519) by a key in that file, one a line, as `manage.py
  audit_key` prints them. Have it from somebody else than the export, or the signature says nothing;
- with --checkpoint, a checkpoint that you kept from earlier, the log still begins with the log of then. Where there is
  no FILE.checkpoint, as beside a stream of the API, this one takes its place: the rows must come to its size and root.

What this cannot show:
- A log that its owner, or whoever stole the signing key, wrote anew as a whole and signed anew looks like any other. A
  checkpoint of the true log that was kept elsewhere, given with --checkpoint, catches it, and only that does.
- A part proves that its rows are in the log, unchanged and at their places. It does not prove that it holds every event
  of the case or the period that was asked for. Only the whole log does.
- Rows without an index are not sealed yet; they come last. Each is intact in itself, but nothing shows that none is
  missing, nor that none was written anew together with its hash. Ask again when they are sealed.
- That what an event says is true.

Exit status: 0 all is in order, 1 something is wrong (the first bad row is named where that can be told), 2 wrong usage,
or a file cannot be read. Rows are counted from 1.
"""

import argparse
import base64
import csv
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, NoReturn, TextIO

HEADER = ["index", "event_id", "at", "actor", "action", "case", "subject", "summary", "canonical", "leaf_hash"]
CANONICAL = ["action", "actor", "at", "case", "details", "id", "subject"]
#: The cell and the field of `canonical` that it repeats.
REPEATS = {name: name for name in ("at", "actor", "action", "case", "subject")} | {"event_id": "id"}

# What is larger is not ours, and must not fill the memory or the time.
LONGEST_ROW = 1024 * 1024  # characters
LONGEST_TEXT = 128 * 1024  # bytes of a checkpoint, or of a file of keys
MOST_SIGNATURES = 32  # of one checkpoint

NUMBER = re.compile("0|[1-9][0-9]{0,18}")
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PLAIN = re.compile(r'[^"\\\x00-\x1f]*')  # what JSON writes between two quotes as it is
SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/=]+)")
VERIFIER_KEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
# FILE.proofs.json is {"size": 9, "gaps": [ … ]} with one [first, count, "hash"] a line.
PROOFS_HEAD = re.compile(rf'\{{"size": ({NUMBER.pattern}), "gaps": \[')
GAP = re.compile(rf'\[({NUMBER.pattern}), ([1-9][0-9]{{0,18}}), "([0-9a-f]{{64}})"\]')


class Bad(Exception):
    """What is wrong; the text is for people."""


class NotAnExport(Bad):
    """It is no bad row: the file is something else."""


class OtherLog(Bad):
    """The rows do not come to the root of the checkpoint. Which of them it is, is another question."""


# --- reading rows -----------------------------------------------------------------------------------------------------

Row = tuple[int | None, list[str]]  # the index, None if not sealed; the other cells in the order of HEADER


class Lines:
    """The lines of a file. A row may span several, but be no longer than LONGEST_ROW: begin each with `taken` 0."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.taken = file, 0

    def __iter__(self) -> Iterator[str]:
        while line := self.file.readline(LONGEST_ROW):
            self.taken += len(line)
            if self.taken >= LONGEST_ROW:
                raise Bad(f"it is longer than {LONGEST_ROW} characters")
            yield line


def read_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        if not (first := file.read(1)):
            return  # JSON lines without a row; of a CSV there would be the header
        file.seek(0)
        yield from (read_jsonl if first == "{" else read_csv)(Lines(file))


def read_csv(lines: Lines) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_ROW)
    reader = csv.reader(lines, strict=True)
    header = next(reader, [])
    if header[: len(HEADER)] != HEADER:
        raise NotAnExport(f"this is no export of the audit trail: it does not begin with {','.join(HEADER)}")
    refuse_doubles(header[len(HEADER) :])
    for cells in reader:
        lines.taken = 0
        if len(cells) != len(header):
            raise Bad(f"it has {len(cells)} cells where the header has {len(header)}")
        if cells[0] and not NUMBER.fullmatch(cells[0]):
            raise Bad("the index is not a number")
        yield int(cells[0]) if cells[0] else None, cells[1 : len(HEADER)]


def refuse_doubles(others: Iterable[str]) -> None:
    """Further columns may follow, and are not checked. None may pass for one that is."""
    for name in others:
        if name.strip().casefold() in HEADER:
            raise NotAnExport(f"the column {short(name)} stands there a second time: two readers might read two things")


def read_jsonl(lines: Lines) -> Iterator[Row]:
    for line in lines:
        lines.taken = 0
        row = strict_json(line, "the line")
        refuse_doubles(row.keys() - HEADER)
        index, *cells = (row.get(name, ...) for name in HEADER)
        if index is not None and (type(index) is not int or not 0 <= index < 10**19):
            raise Bad("the index is not a number")
        for name, cell in zip(HEADER[1:], cells, strict=True):
            if not isinstance(cell, str):
                raise Bad(f"the field {name} is missing or is not text")
        yield index, cells


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("a key appears twice")
    return found


def no(number: str) -> NoReturn:
    raise ValueError("a number is not a whole number")


STRICT = json.JSONDecoder(object_pairs_hook=once, parse_float=no, parse_constant=no)
WHOLE_NUMBERS = json.JSONDecoder(parse_float=no, parse_constant=no)
canonical_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def strict_json(text: str, what: str) -> dict[str, Any]:
    """The object that `text` is. Doubled keys, and numbers outside of JSON or whole numbers, are refused."""
    try:
        value = STRICT.decode(text)
    except json.JSONDecodeError as error:
        raise Bad(f"{what} is not proper JSON ({error.msg} at character {error.pos})") from None
    except (ValueError, RecursionError) as error:
        raise Bad(f"{what} is not proper JSON ({error})") from None
    if not isinstance(value, dict):
        raise Bad(f"{what} is not a JSON object")
    return value


# --- one row ----------------------------------------------------------------------------------------------------------


def check_cells(cells: list[str]) -> bytes:
    """Checks a row by itself; returns the hash of its leaf. Raises Bad."""
    event_id, at, actor, action, case, subject, _summary, text, leaf_hash = cells
    try:
        leaf = hashlib.sha256(b"\x00" + text.encode()).digest()
    except UnicodeEncodeError:
        raise Bad("canonical holds half a character") from None
    if len(leaf_hash) != 64:
        raise Bad(f"leaf_hash has {len(leaf_hash)} characters, not 64: it was changed, or the file was cut off")
    if leaf.hex() != leaf_hash:
        raise Bad("leaf_hash is not the hash of canonical: one of the two was changed")
    # The quick way: if the cells, put at their places around details in canonical form, make `canonical`, then it is in
    # canonical form and says what the cells say. If they do not, it is looked at field by field.
    start = f'{{"action":"{action}","actor":"{actor}","at":"{at}","case":"{case}","details":'
    end = f',"id":"{event_id}","subject":"{subject}"}}'
    details = text[len(start) : -len(end)]
    plain = PLAIN.fullmatch(f"{action}{actor}{at}{case}{event_id}{subject}")
    if not plain or start + details + end != text or not is_canonical(details):
        check_fields(dict(zip(HEADER[1:], cells, strict=True)))
    if not UUID.fullmatch(event_id):
        raise Bad(f"the event id {short(event_id)} is not a UUID")
    return leaf


def is_canonical(details: str) -> bool:
    """Whether this is a JSON object that is written again as it is: without a doubled key or anything after it."""
    try:
        return details[:1] == "{" and canonical_json(WHOLE_NUMBERS.raw_decode(details)[0]) == details
    except (ValueError, RecursionError):
        return False


def check_fields(row: dict[str, str]) -> None:
    event = strict_json(row["canonical"], "canonical")
    if sorted(event) != CANONICAL or not isinstance(event["details"], dict):
        raise Bad(f"canonical does not hold exactly the fields {', '.join(CANONICAL)}")
    if canonical_json(event) != row["canonical"]:
        raise Bad("canonical is not in canonical form")
    for cell, name in REPEATS.items():
        if row[cell] != event[name]:
            raise Bad(f"the cell {cell} says {short(row[cell])}, canonical says {short(event[name])}")


def short(value: Any) -> str:
    """A value for a message: cut, and with nothing in it that a terminal would obey."""
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


# --- checkpoints and keys (c2sp.org/tlog-checkpoint, c2sp.org/signed-note) --------------------------------------------

Keys = dict[tuple[str, bytes], bytes]  # by the log's name and the four bytes by which a signature names its key


@dataclass(frozen=True)
class Checkpoint:
    """The log named `origin` has `size` events and this root: so says `text`, which is what was signed."""

    origin: str
    size: int
    root: bytes
    text: bytes
    signatures: list[tuple[str, bytes, bytes]]  # the log's name, the four bytes that name the key, the signature


def read_text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(LONGEST_TEXT + 1)
    if len(data) > LONGEST_TEXT:
        raise Bad(f"it is longer than {LONGEST_TEXT} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Bad("it is not text in UTF-8") from None


def from_base64(text: str) -> bytes:
    """Raises Bad for anything but the one way to write some bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if base64.b64encode(data).decode() != text:
        raise Bad(f"{short(text)} is not base64")
    return data


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads it; whether it is signed is for `signers` to say. Raises Bad for any other form."""
    note = read_text(path)
    text, _blank, signed = note.rpartition("\n\n")
    lines = text.split("\n")
    if "\r\n" in note:
        raise Bad("its line ends were changed (CR LF), as mail programs do: only the very bytes that were signed count")
    if re.search(r"[\x00-\x09\x0b-\x1f]", note):
        raise Bad("it is not a checkpoint: it holds control characters")
    if len(lines) < 3 or "" in lines or not NUMBER.fullmatch(lines[1]) or len(root := from_base64(lines[2])) != 32:
        raise Bad("it is not a checkpoint: a log's name, its size, its root, a blank line and signatures")
    signatures: list[tuple[str, bytes, bytes]] = []
    for line in signed.split("\n")[:-1]:
        match = SIGNATURE.fullmatch(line)
        if not match or len(data := from_base64(match[2])) < 5 or len(signatures) == MOST_SIGNATURES:
            raise Bad(f"what follows the blank line is not signatures, {MOST_SIGNATURES} at most")
        signatures.append((match[1], data[:4], data[4:]))
    if not signatures or not signed.endswith("\n"):
        raise Bad("its end was cut off")
    return Checkpoint(lines[0], int(lines[1]), root, f"{text}\n".encode(), signatures)


def read_keys(path: Path) -> Keys:
    """Verifier keys, one a line: <name>+<8 hex digits>+<base64 of a byte for the kind and the key>. Raises Bad."""
    keys: Keys = {}
    for line in filter(None, map(str.strip, read_text(path).removeprefix("\ufeff").split("\n"))):
        match = VERIFIER_KEY.fullmatch(line)
        if not match:
            raise Bad(f"{short(line)} is not a key as audit_key prints it")
        name, key_id, data = match[1], bytes.fromhex(match[2]), from_base64(match[3])
        if hashlib.sha256(name.encode() + b"\n" + data).digest()[:4] != key_id:
            raise Bad(f"the key {short(line)} is damaged: {match[2]} is not its hash")
        if data[0] != 1 or len(data) != 33 or not is_key(data[1:]):
            raise Bad(f"the key {short(line)} is not one for Ed25519")
        keys[name, key_id] = data[1:]
    if not keys:
        raise Bad("there is no key in it")
    return keys


def signers(checkpoint: Checkpoint, keys: Keys) -> str:
    """Which of `keys` signed it. Raises Bad if none did, or if a signature said to be by one of them is not."""
    found = {}
    for name, key_id, signature in checkpoint.signatures:
        if name != checkpoint.origin or (name, key_id) not in keys:
            continue  # whoever that is, it says nothing to us
        if not verify_ed25519(keys[name, key_id], checkpoint.text, signature):
            raise Bad(f"the signature said to be by the key {key_id.hex()} is not, or the text was changed")
        found[key_id.hex()] = True
    if not found:
        named = ", ".join(key_id.hex() for _name, key_id, _signature in checkpoint.signatures)
        raise Bad(f"it is of another log, or signed with none of the given keys, but with {short(named)}")
    return ", ".join(found)


# --- Ed25519 (RFC 8032, section 5.1) ----------------------------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]  # x, y with y² - x² = 1 + D·x²·y²


def add(one: Point, two: Point) -> Point:
    (a, b), (c, d) = one, two
    e = D * a * b * c * d
    return (a * d + b * c) * pow(1 + e, -1, P) % P, (b * d + a * c) * pow(1 - e, -1, P) % P


def times(number: int, point: Point) -> Point:
    result = (0, 1)
    for bit in f"{number:b}":
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def encode_point(point: Point) -> bytes:
    x, y = point
    return (y | x % 2 << 255).to_bytes(32, "little")


def decode_point(data: bytes) -> Point:
    """The point that these 32 bytes are the one encoding of. Raises ValueError if there is none."""
    odd, y = divmod(int.from_bytes(data, "little"), 2**255)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    other = root * pow(2, (P - 1) // 4, P) % P
    for x in (root, -root % P, other, -other % P):
        if y < P and x * x % P == square and x % 2 == odd:
            return x, y
    raise ValueError("no point of the curve")


def is_key(data: bytes) -> bool:
    """Whether it is a point that a key can be: under one of the few of small order anybody's signature would hold."""
    try:
        return times(8, decode_point(data)) != (0, 1)
    except ValueError:
        return False


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def verify_ed25519(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether S·B - h·A is R. Each must be in its one encoding, so that no signature has a second form."""
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if len(key) != 32 or len(signature) != 64 or s >= ORDER:
        return False
    try:
        x, y = decode_point(key)
    except ValueError:
        return False
    h = int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % ORDER
    return encode_point(add(times(s, BASE), times(h, (P - x, y)))) == r


# --- the log ----------------------------------------------------------------------------------------------------------


class Log:
    """The log as far as it was read: `size` events, as the roots of the full subtrees that they fall into, largest
    first. A leaf is a subtree of one; a gap, which stands for events that are not shown, is a subtree of any count."""

    def __init__(self, checkpoint: Checkpoint, proofs: Path | None, earlier: Checkpoint | None = None) -> None:
        self.checkpoint, self.earlier, self.part = checkpoint, earlier, proofs is not None
        self.continues: bool | None = None  # whether it had the root of `earlier` when it had its size; None: not seen
        self.gaps = read_gaps(proofs, checkpoint.size) if proofs else iter(())
        self.gap = next(self.gaps, None)
        self.whole = self.gap is None
        self.size = 0
        self.hashes: list[bytes] = []
        self._compare()

    def leaf(self, index: int, leaf: bytes) -> None:
        """Adds a row. Raises Bad if its place is not the next one."""
        if self.gap:
            self.skip()
        if index != self.size:
            why = "rows or gaps are missing or out of order"
            if not self.size and not self.part:
                why += ". If this is a part of the log, FILE.proofs.json is missing beside it"
            raise Bad(f"the index {self.size} comes next, this is {index}: {why}")
        if index >= self.checkpoint.size:
            raise OtherLog(f"it is beyond the {self.checkpoint.size} events of the checkpoint")
        self._add(1, leaf)

    def skip(self) -> None:
        """Adds the gaps that come next. Raises Bad if one does not fit."""
        while self.gap and self.gap[0] <= self.size:
            first, count, node = self.gap
            if first < self.size or first % count or first + count > self.checkpoint.size:
                raise Bad(f"the gap from index {first} in FILE.proofs.json does not fit between the rows")
            self._add(count, node)
            self.gap = next(self.gaps, None)

    def finish(self) -> None:
        """Raises OtherLog if this is not all of the log, or not this log."""
        self.skip()
        if self.size != self.checkpoint.size or self.gap:
            raise OtherLog(f"its rows end before index {self.size}, the checkpoint is of {self.checkpoint.size} events")
        if self.root() != self.checkpoint.root:
            raise OtherLog("its rows do not come to the root of the checkpoint")

    def root(self) -> bytes:
        node = self.hashes[-1] if self.hashes else hashlib.sha256().digest()
        for left in reversed(self.hashes[:-1]):
            node = hashlib.sha256(b"\x01" + left + node).digest()
        return node

    def _add(self, count: int, node: bytes) -> None:
        self.size += count
        while not self.size & count:  # there is one of this count already: the two make one of twice the count
            node = hashlib.sha256(b"\x01" + self.hashes.pop() + node).digest()
            count *= 2
        self.hashes.append(node)
        self._compare()

    def _compare(self) -> None:
        if self.earlier and self.size == self.earlier.size:
            self.continues = self.root() == self.earlier.root


def read_gaps(path: Path, size: int) -> Iterator[tuple[int, int, bytes]]:
    """The first index, the count and the hash of each. Raises Bad."""
    with path.open(encoding="ascii", errors="replace") as file:
        head = PROOFS_HEAD.fullmatch(file.readline(200).strip())
        if not head or int(head[1]) != size:
            raise Bad(f"FILE.proofs.json is not of the checkpoint of {size} events")
        while match := GAP.fullmatch((line := file.readline(200).strip()).removesuffix(",")):
            if (count := int(match[2])).bit_count() != 1:
                raise Bad(f"the gap from index {match[1]} in FILE.proofs.json is not a full subtree")
            yield int(match[1]), count, bytes.fromhex(match[3])
        if line != "]}" or file.read(1):
            raise Bad("FILE.proofs.json has another form")


def read_leaves(path: Path) -> Iterator[str]:
    with path.open(encoding="ascii", errors="replace") as file:
        while line := file.readline(100):
            if not re.fullmatch("[0-9a-f]{64}\n", line):
                raise Bad("FILE.leaves has another form")
            yield line[:-1]


# --- the whole check --------------------------------------------------------------------------------------------------


def beside(path: Path, suffix: str) -> Path | None:
    found = Path(f"{path}{suffix}")
    return found if found.exists() else None


def check_rows(path: Path, log: Log | None) -> tuple[int, int]:
    """How many rows are sealed, and how many are not. Raises Bad, naming the row."""
    seen: set[int] = set()
    sealed = unsealed = 0
    index = None
    try:
        for index, cells in read_rows(path):
            leaf = check_cells(cells)
            event = int(cells[0].replace("-", ""), 16)
            if event in seen:
                raise Bad(f"the event {cells[0]} appears a second time")
            seen.add(event)
            if index is None:
                unsealed += 1
                continue
            if log is None:
                raise Bad("it claims to be sealed, but there is no checkpoint that could prove it")
            if unsealed:
                raise Bad("it is sealed, but stands after a row that is not: one of the two was changed or moved")
            log.leaf(index, leaf)
            sealed += 1
            index = None  # what goes wrong next is not about this row
    except NotAnExport:
        raise
    except UnicodeDecodeError as error:  # the file is read ahead, so where it is cannot be told exactly
        raise Bad(f"somewhere after row {sealed + unsealed} it is not text in UTF-8 ({error.reason})") from None
    except (Bad, csv.Error) as error:
        row = f"row {sealed + unsealed + 1} ({'' if index is None else f'index {index}, '}the header not counted)"
        raise (OtherLog if isinstance(error, OtherLog) else Bad)(f"{row}: {error}") from None
    return sealed, unsealed


def first_other_row(path: Path, checkpoint: Checkpoint) -> str:
    """Which row is not the one that was sealed, if the files beside it can tell."""
    leaves = beside(path, ".leaves")
    if leaves is None:
        return "Without FILE.leaves it cannot be told which row was changed."
    try:
        log = Log(checkpoint, beside(path, ".proofs.json"))
        for leaf in read_leaves(leaves):
            log.skip()
            log.leaf(log.size, bytes.fromhex(leaf))
        log.finish()
    except Bad:
        return "FILE.leaves does not come to it either, so it cannot be told which row was changed."
    rows = ((index, cells[-1]) for index, cells in read_rows(path) if index is not None)
    for number, (row, leaf) in enumerate(zip_longest(rows, read_leaves(leaves)), 1):
        if row is None:
            return f"By FILE.leaves its {number - 1} sealed rows are in order; those after are missing or unsealed."
        if row[1] != leaf:
            return f"By FILE.leaves row {number} (index {row[0]}) is the first that is not the one sealed there."
    raise Bad("the files changed while they were read")


def verify(path: Path, keys: Keys | None = None, earlier: Checkpoint | None = None) -> str:
    """Checks the export; returns what it shows. Raises Bad, or OSError when a file cannot be read."""
    found = beside(path, ".checkpoint")
    if found is None and earlier is None:
        if keys:
            raise Bad("there is no FILE.checkpoint: nothing of it is signed")
        _none, unsealed = check_rows(path, None)
        if not path.stat().st_size:
            raise Bad("the file is empty: it has no header and no row, so it shows nothing")
        return f"{unsealed} rows: each is intact in itself; {told_of_tail(unsealed)}"
    try:
        checkpoint = read_checkpoint(found) if found else earlier
        assert checkpoint
        signed = signers(checkpoint, keys) if keys else ""
    except Bad as bad:
        raise Bad(f"{'FILE.checkpoint' if found else 'the checkpoint'}: {bad}") from None
    if found and earlier:
        check_earlier(earlier, checkpoint, keys)
    log = Log(checkpoint, beside(path, ".proofs.json"), earlier)
    try:
        sealed, unsealed = check_rows(path, log)
        log.finish()
    except OtherLog as other:
        where = first_other_row(path, checkpoint)
        if not found:
            where = f"There is no FILE.checkpoint, so the one given must be the one that the export is of. {where}"
        raise Bad(f"{other}. {where}") from None
    if not sealed and (keys or earlier):
        raise Bad("none of its rows is sealed, so no key and no checkpoint proves anything of them")
    if earlier and log.continues is None:
        ask = f"export_audit --consistent-with {earlier.size}, or an export of the whole log"
        raise Bad(f"it does not show the log at the {earlier.size} events of the earlier checkpoint. Ask for: {ask}")
    if earlier and not log.continues:
        raise Bad(f"the log was rewritten: its first {earlier.size} events are not those of the earlier checkpoint")
    return "\n".join(told(log, sealed, unsealed, signed))


def check_earlier(earlier: Checkpoint, checkpoint: Checkpoint, keys: Keys | None) -> None:
    try:
        if earlier.origin != checkpoint.origin:
            raise Bad(f"it is of another log, {short(earlier.origin)}, not {short(checkpoint.origin)}")
        if earlier.size > checkpoint.size:
            why = "the export was made before it, or events were removed from the end of the log. Ask for a new export"
            raise Bad(f"it is of {earlier.size} events, FILE.checkpoint only of {checkpoint.size}: {why}")
        if keys:
            signers(earlier, keys)
    except Bad as bad:
        raise Bad(f"the earlier checkpoint: {bad}") from None


def told(log: Log, sealed: int, unsealed: int, signed: str) -> Iterator[str]:
    """What an export in which all is in order shows, and what not."""
    yield f"{sealed + unsealed} rows: each is intact in itself; {sealed} are sealed in {short(log.checkpoint.origin)}."
    if log.whole:
        yield f"They are the whole log of {log.size} events: none is missing, moved or changed."
    else:
        yield f"Each has its place in the log of {log.size} events. That none is missing from this part is not shown."
    if signed:
        yield f"The checkpoint is signed with the key {signed}."
    else:
        yield "Nobody's signature was checked: without --public-key, anybody could have made all of this."
    if log.earlier is log.checkpoint:
        yield "There is no FILE.checkpoint: all this is by the one that was given."
    elif log.earlier:
        yield f"The log begins with the {log.earlier.size} events of the earlier checkpoint."
    if log.earlier is None or not log.earlier.size:
        yield "Without an earlier --checkpoint, a log that was rewritten and signed anew would look the same."
    if unsealed:
        yield told_of_tail(unsealed)


def told_of_tail(unsealed: int) -> str:
    return f"{unsealed} are not sealed yet, so a missing row cannot be noticed, nor one rewritten with its hash."


# --- from the command line --------------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="an export: CSV or JSON lines")
    parser.add_argument("--public-key", type=Path, metavar="FILE", help="the log's keys, as audit_key prints them")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="an earlier checkpoint, kept elsewhere")


def run(file: Path, public_key: Path | None = None, checkpoint: Path | None = None) -> tuple[int, str]:
    """The exit status, and the lines that explain it."""
    given = public_key
    try:
        keys = read_keys(public_key) if public_key else None
        given = checkpoint
        earlier = read_checkpoint(checkpoint) if checkpoint else None
        given = None
        return 0, verify(file, keys, earlier)
    except Bad as bad:  # of the export; or of what was given, which is no key or no checkpoint then
        return (2 if given else 1), f"{ascii(str(given or file))[1:-1]}: {bad}"
    except OSError as error:
        return 2, f"{ascii(str(error.filename or file))[1:-1]} cannot be read: {error.strerror}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks an export of the audit trail.")
    add_arguments(parser)
    status, text = run(**vars(parser.parse_args()))
    print(text, file=sys.stderr if status else sys.stdout)
    return status


if __name__ == "__main__":
    sys.exit(main())
