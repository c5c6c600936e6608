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

    def __init__(self, case: Case, call_id: uuid.UUID | None = None) -> None:
        self.evidence_id = uuid.uuid4()
        self._key = case.data_key
        self.path = _path(case.pk, call_id, self.evidence_id)
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


def path_of(evidence: Evidence) -> Path:
    """Where its content is, or was."""
    return _path(evidence.case_id, evidence.call_id, evidence.pk)


def _path(case_id: uuid.UUID, call_id: uuid.UUID | None, evidence_id: uuid.UUID) -> Path:
    return Path(settings.EVIDENCE_DIR) / str(case_id) / f"{call_id or 'added'}.{evidence_id}.sealed"


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
    return open_sealed(path_of(evidence), evidence.case.data_key, **_place(evidence.pk))


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
    path = path_of(evidence)
    transaction.on_commit(lambda: path.unlink(missing_ok=True))


def expire_due(now: datetime, *, limit: int = 100) -> int:
    """Removes content whose time is over; returns of how many files."""
    due = list(Evidence.objects.filter(keep_until__lte=now, removed_at=None).select_related("case")[:limit])
    for evidence in due:
        with transaction.atomic():
            expire(evidence)
    return len(due)


def remove_strays(now: datetime) -> int:
    """Removes files whose worker died between the download and its commit. Returns how many.

    Only what this database knows to be one: its call is recorded here and has ended, and no evidence came of it. A file
    that belongs to another desk, or to a later state of a restored one, is not touched."""
    last_written = (now - STRAY_AFTER).timestamp()
    old: dict[uuid.UUID, tuple[uuid.UUID, Path]] = {}
    for path in Path(settings.EVIDENCE_DIR).glob("*/*.*.sealed"):
        with suppress(FileNotFoundError, ValueError):  # gone meanwhile; not one of ours
            call, evidence, _ending = path.name.split(".")
            if path.stat().st_mtime < last_written:
                old[uuid.UUID(evidence)] = (uuid.UUID(call), path)
    known = set(Evidence.objects.filter(pk__in=old).values_list("pk", flat=True))
    ended = set(
        Call.objects.exclude(verdict="").filter(pk__in={call for call, _p in old.values()}).values_list("pk", flat=True)
    )
    strays = [path for evidence, (call, path) in old.items() if evidence not in known and call in ended]
    for path in strays:
        path.unlink(missing_ok=True)
    return len(strays)
