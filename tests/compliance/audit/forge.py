"""Logs and exports made by hand, so that a test can tamper with any part of one. Needs no database: the exporter's own
files are checked in test_exports_verify."""

import csv
import io
import json
import random
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from compliance.audit import merkle, signing, verify
from compliance.audit.signing import Signer

Row = dict[str, Any]
FIELDS = {"actor": "user:1", "at": "2026-11-02T12:00:00.000000Z", "case": "DSR-2026-000001", "subject": "sub_task:7"}


def a_signer(seed: int = 1, name: str = "erasure-desk/00ff") -> Signer:
    return Signer(name, Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "big")))


def public(*signers: Signer) -> str:
    """A file of keys, as audit_key prints it."""
    return "".join(f"{signing.verifier_key(one.name, signing.public_bytes(one.private))}\n" for one in signers)


# --- rows -------------------------------------------------------------------------------------------------------------


_ids = random.Random(9162)  # the same in each run: tests are named after what is made here


def an_id() -> str:
    return str(uuid.UUID(int=_ids.getrandbits(128), version=4))


def canonical(event: dict[str, Any]) -> str:
    return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def leaf(text: str) -> str:
    return merkle.leaf_hash(text.encode()).hex()


def row(index: int | None = None, event: dict[str, Any] | None = None, text: str | None = None, **cells: Any) -> Row:
    """A sound row, but for the `cells` that are given. `event` changes what happened, `text` the canonical text."""
    event = {"action": "case.opened", "details": {"count": 1}, "id": an_id()} | FIELDS | (event or {})
    text = canonical(event) if text is None else text
    made = {name: event[name] for name in ("at", "actor", "action", "case", "subject")}
    made |= {"index": index, "event_id": event["id"], "summary": "Opened.", "canonical": text, "leaf_hash": leaf(text)}
    return made | cells


def as_csv(rows: Iterable[Row], header: Sequence[str] = verify.HEADER) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([["" if row[name] is None else row[name] for name in verify.HEADER] for row in rows])
    return out.getvalue()


def as_jsonl(rows: Iterable[Row]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


FORMS: list[Callable[[Iterable[Row]], str]] = [as_csv, as_jsonl]

# --- logs and exports -------------------------------------------------------------------------------------------------


@dataclass
class Export:
    """What lies in the folder: `gaps` None for an export of the whole log, `note` None without a checkpoint."""

    rows: list[Row]
    leaves: list[str] | None
    gaps: list[tuple[int, int, str]] | None
    size: int
    note: str | None

    def copy(self, **changes: Any) -> "Export":
        return replace(deepcopy(self), **changes)

    def write(self, folder: Path, form: Callable[[Iterable[Row]], str] = as_csv, *, bom: bool = False) -> Path:
        file = folder / "trail"
        file.write_bytes((b"\xef\xbb\xbf" if bom else b"") + form(self.rows).encode())
        beside = {".checkpoint": self.note, ".proofs.json": None, ".leaves": None}
        if self.leaves is not None:
            beside[".leaves"] = "".join(f"{one}\n" for one in self.leaves)
        if self.gaps is not None:
            lines = ",".join(f"\n{json.dumps(gap)}" for gap in self.gaps)
            beside[".proofs.json"] = f'{{"size": {self.size}, "gaps": [{lines}\n]}}\n'
        for suffix, text in beside.items():
            path = Path(f"{file}{suffix}")
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_bytes(text.encode())
        return file


def root_of(rows: Iterable[Row]) -> bytes:
    frontier = merkle.Frontier()
    for one in rows:
        list(frontier.append(bytes.fromhex(one["leaf_hash"])))
    return frontier.root()


class Log:
    """A sealed log of the given rows."""

    def __init__(self, rows: Iterable[Row], signer: Signer | None = None) -> None:
        self.rows = [row | {"index": index} for index, row in enumerate(rows)]
        self.size = len(self.rows)
        self.signers = [signer or a_signer()]

    @classmethod
    def of(cls, size: int, signer: Signer | None = None) -> "Log":
        return cls((row(event={"details": {"number": number}}) for number in range(size)), signer)

    def node(self, level: int, index: int) -> bytes:
        return root_of(self.rows[index << level : (index + 1) << level])

    def root(self, size: int) -> bytes:
        return root_of(self.rows[:size])

    def note(self, size: int | None = None) -> str:
        size = self.size if size is None else size
        return signing.checkpoint_note(size, self.root(size), self.signers)

    def gaps(self, kept: Collection[int], size: int, cuts: Collection[int] = ()) -> list[tuple[int, int, str]]:
        found, first = [], 0
        for end in sorted({*kept, *cuts, size}):
            for level, index in merkle.cover(first, end):
                found.append((index << level, 1 << level, self.node(level, index).hex()))
            first = max(first, end + (end in kept))
        return found

    def export(
        self,
        kept: Collection[int] | None = None,
        *,
        size: int | None = None,
        cuts: Collection[int] = (),
        tail: Iterable[Row] = (),
    ) -> Export:
        """The whole log, or the rows with the indexes `kept`."""
        size = self.size if size is None else size
        rows = [self.rows[index] for index in (range(size) if kept is None else sorted(kept))]
        return Export(
            rows=deepcopy([*rows, *tail]),
            leaves=[one["leaf_hash"] for one in rows],
            gaps=None if kept is None else self.gaps(kept, size, cuts),
            size=size,
            note=self.note(size),
        )
