"""Files that vendors deliver: sealed on arrival, kept outside the database, and removed when their time is over."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction

from compliance import clock
from compliance.audit.record import record
from compliance.vault.chunks import SealedWriter, open_sealed
from erasure import actions
from erasure.connectors.base import Kept
from erasure.models import Call, Case, Evidence, SubTask

#: A file that nobody has written to for so long is in no worker's hands (a download's lease is renewed each second).
STRAY_AFTER = timedelta(hours=1)


class Sink:
    """Where a download streams to: a sealed file under the case's key, bound to the evidence row it will become."""

    def __init__(self, case: Case) -> None:
        self.evidence_id = uuid.uuid4()
        self._case, self._key = case, case.data_key
        self.path = path_of(case.pk, self.evidence_id)
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._writer = SealedWriter(self.path, self._key, **_place(self.evidence_id))

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def finish(self) -> Callable[[], BinaryIO]:
        self._writer.finish()
        return lambda: open_sealed(self.path, self._key, **_place(self.evidence_id))

    def discard(self) -> None:
        self._writer.__exit__(None, None, None)
        self.path.unlink(missing_ok=True)


def path_of(case_id: uuid.UUID, evidence_id: uuid.UUID) -> Path:
    return Path(settings.EVIDENCE_DIR) / str(case_id) / f"{evidence_id}.sealed"


def _place(evidence_id: uuid.UUID) -> dict[str, str]:
    return {"table": Evidence._meta.db_table, "row": str(evidence_id), "field": "file"}


def store(kept: Kept, sink: Sink, *, sub_task: SubTask, call: Call) -> Evidence:
    """The row of a file that has arrived. Runs in the transaction that settles its call."""
    now = clock.now()
    evidence = Evidence.objects.create(
        id=sink.evidence_id,
        case=sub_task.case,
        sub_task=sub_task,
        call=call,
        kind=kept.kind,
        name=kept.download.name,
        size=kept.download.size,
        sha256=kept.download.sha256,
        counts=dict(kept.counts),
        created_at=now,
        keep_until=None if kept.keep is None else now + kept.keep,
    )
    record(
        actions.EVIDENCE_STORED,
        actor="system:worker",
        case=sub_task.case.reference,
        subject=f"evidence:{evidence.pk}",
        sub_task=str(sub_task.pk),
        kind=kept.kind,
        size=kept.download.size,
        sha256=kept.download.sha256,
    )
    if kept.keep == timedelta(0):
        expire(evidence)
    return evidence


def open_evidence(evidence: Evidence) -> BinaryIO:
    """The plain content. Raises FileNotFoundError when it has been removed, `vault.Unreadable` when it was changed."""
    if evidence.removed_at:
        raise FileNotFoundError(evidence.pk)
    return open_sealed(path_of(evidence.case_id, evidence.pk), evidence.case.data_key, **_place(evidence.pk))


def expire(evidence: Evidence) -> None:
    """Removes the content; hash, size and counts stay. Runs in a transaction; the file goes once it has committed."""
    evidence.removed_at = clock.now()
    evidence.save(update_fields=["removed_at"])
    record(
        actions.EVIDENCE_EXPIRED,
        actor="system:worker",
        case=evidence.case.reference,
        subject=f"evidence:{evidence.pk}",
        kind=evidence.kind,
    )
    path = path_of(evidence.case_id, evidence.pk)
    transaction.on_commit(lambda: path.unlink(missing_ok=True))


def expire_due(now: datetime, *, limit: int = 100) -> int:
    """Removes content whose time is over; returns of how many files."""
    due = list(Evidence.objects.filter(keep_until__lte=now, removed_at=None).select_related("case")[:limit])
    for evidence in due:
        with transaction.atomic():
            expire(evidence)
    return len(due)


def remove_strays(now: datetime) -> int:
    """Removes files that no row knows: their worker died between the download and its commit. Returns how many."""
    last_written = (now - STRAY_AFTER).timestamp()
    old = {}
    for path in Path(settings.EVIDENCE_DIR).glob("*/*.sealed"):
        with suppress(FileNotFoundError, ValueError):  # gone meanwhile; not one of ours
            if path.stat().st_mtime < last_written:
                old[str(uuid.UUID(path.stem))] = path
    known = {str(pk) for pk in Evidence.objects.in_bulk(list(old))} if old else set()
    strays = [path for name, path in old.items() if name not in known]
    for path in strays:
        path.unlink(missing_ok=True)
    return len(strays)
