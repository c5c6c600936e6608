"""What goes with the copy of the database: the evidence of its rows. And what goes elsewhere: the keys."""

import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from compliance.vault.keys import sync_folder
from erasure import evidence
from erasure.models import Evidence

_CHUNK = 1024 * 1024
#: What the rows of the copy say is there. Ids as text or UUID, as the database has them.
ROWS = "SELECT id, case_id, call_id FROM erasure_evidence WHERE removed_at IS NULL ORDER BY id"


def copy_evidence(rows: Iterator[tuple[Any, ...]], into: Path, done: Callable[[int], None]) -> tuple[int, list[str]]:
    """Copies the file of each row: after the snapshot, so that each is there by now. Returns how many, and the ids of
    those that the desk itself lacks. One that was removed meanwhile is missing by right."""
    copied, absent = 0, []
    for number, row in enumerate(rows, start=1):
        item = Evidence(**dict(zip(("id", "case_id", "call_id"), map(_uuid, row), strict=True)))
        source = evidence.path_of(item)
        target = into / source.relative_to(settings.EVIDENCE_DIR)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            copy(source, target)
            copied += 1
        except FileNotFoundError:
            absent.append(item.pk)
        done(number)
    still = Evidence.objects.filter(pk__in=absent, removed_at=None) if absent else Evidence.objects.none()
    return copied, sorted(str(pk) for pk in still.values_list("pk", flat=True))


def _uuid(value: Any) -> uuid.UUID | None:
    return value if value is None or isinstance(value, uuid.UUID) else uuid.UUID(str(value))


def key_files() -> list[Path]:
    """The key ring, the list of destroyed keys, the key of the suppression list, and the key that signs the trail: what
    of them is there. Not the mark of what was sealed: it tells that a database is old."""
    ring = Path(settings.KEY_RING).resolve()
    named = [ring, ring.parent / "shredded.jsonl", Path(settings.SUPPRESSION_KEY), Path(settings.AUDIT_SIGNING_KEY)]
    return [path for path in named if path.exists()]


def copy(source: Path, target: Path) -> None:
    """Copies a file, for its owner alone, onto the disk. Raises OSError, and then leaves no half of it."""
    with source.open("rb") as found:
        handle = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as written:
            while chunk := found.read(_CHUNK):
                written.write(chunk)
            written.flush()
            os.fsync(written.fileno())


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sums(folder: Path) -> Path:
    """SHA256SUMS of all files in `folder`, as `sha256sum --check` reads it."""
    sums = folder / "SHA256SUMS"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with os.fdopen(os.open(sums, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as lines:
        lines.writelines(f"{sha256(path)}  {path.relative_to(folder)}\n" for path in files)
    return sums


def sync(folder: Path) -> None:
    for path in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        sync_folder(path)
