"""Files that vendors deliver and people add: sealed on arrival, kept outside the database, and removed when their time
is over."""

import hashlib
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from compliance import clock
from compliance.audit.record import actor_of, record
from compliance.deadlines import Keeping
from compliance.vault.chunks import SealedWriter, open_sealed
from compliance.vault.models import DataKey
from compliance.vault.seal import destroy, new_key
from erasure import actions
from erasure.connectors.base import Kept
from erasure.errors import Conflict, Invalid
from erasure.models import Call, Case, Evidence, SubTask

#: A file that nobody has written to for so long is in no worker's hands (a download's lease is renewed each second).
STRAY_AFTER = timedelta(hours=1)
ADDED = "added"  # in a file's name where a vendor's file has its call
IDENTITY = "identity"  # the kind of what was seen when it was checked who a person is
#: What people read for a kind that is stored; one that is not here stands for itself.
KINDS = {
    "attestation": gettext_lazy("confirmation by hand"),
    "certificate": gettext_lazy("certificate"),
    "export": gettext_lazy("export"),
    IDENTITY: gettext_lazy("check of identity"),
    "letter": pgettext_lazy("evidence", "letter"),
    "output": pgettext_lazy("evidence", "output"),
    "reply": pgettext_lazy("evidence", "reply"),
}


class Sink:
    """Where a download streams to: a sealed file bound to the evidence row it will become, under a key of its own,
    which has the same number."""

    def __init__(self, case: Case, call_id: uuid.UUID | None = None) -> None:
        self.evidence_id = uuid.uuid4()
        self.key = new_key(self.evidence_id)
        self.path = _path(case.pk, call_id, self.evidence_id)
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._writer = SealedWriter(self.path, self.key, **_place(self.evidence_id))

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def finish(self) -> Callable[[], BinaryIO]:
        self._writer.finish()
        return lambda: open_sealed(self.path, self.key, **_place(self.evidence_id))

    def discard(self) -> None:
        """Removes the file and its key, of which no evidence came."""
        self.drop()
        DataKey.objects.filter(pk=self.evidence_id, evidence=None).delete()

    def drop(self) -> None:
        """Removes the file alone, where the transaction that fails takes the key with it."""
        self._writer.__exit__(None, None, None)
        self.path.unlink(missing_ok=True)


def policy(case: Case) -> Keeping:
    """For how long the law of a case, as this installation has it, keeps what."""
    found: Keeping = settings.RETENTION[case.regime]
    return found


def _until(now: datetime, said: timedelta | None, days: int) -> datetime | None:
    """The end of a file's own time: what is said of it, but no more than so many days (0: any number)."""
    longest = timedelta(days=days) if days else None
    known = [time for time in (said, longest) if time is not None]
    return now + min(known) if known else None


def path_of(evidence: Evidence) -> Path:
    """Where its content is, or was."""
    return _path(evidence.case_id, evidence.call_id, evidence.pk)


def _path(case_id: uuid.UUID, call_id: uuid.UUID | None, evidence_id: uuid.UUID) -> Path:
    return Path(settings.EVIDENCE_DIR) / str(case_id) / f"{call_id or ADDED}.{evidence_id}.sealed"


def _place(evidence_id: uuid.UUID) -> dict[str, str]:
    return {"table": Evidence._meta.db_table, "row": str(evidence_id), "field": "file"}


def store(kept: Kept, sink: Sink, *, sub_task: SubTask, call: Call) -> Evidence:
    """The row of a file that has arrived. Runs in the transaction that settles its call."""
    now = clock.now()
    evidence = Evidence.objects.create(
        id=sink.evidence_id,
        case=sub_task.case,
        data_key=sink.key,
        sub_task=sub_task,
        call=call,
        kind=kept.kind,
        name=kept.download.name,
        size=kept.download.size,
        sha256=kept.download.sha256,
        counts=dict(kept.counts),
        created_at=now,
        keep_until=_until(now, kept.keep, policy(sub_task.case).output_days),
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


#: What is said to be in a file that somebody added. Any other ending becomes .bin.
ENDINGS = frozenset(
    {
        "csv",
        "docx",
        "eml",
        "gif",
        "heic",
        "htm",
        "html",
        "jpeg",
        "jpg",
        "json",
        "msg",
        "odt",
        "ods",
        "pdf",
        "png",
        "tif",
    }
    | {"tiff", "txt", "webp", "xlsx", "xml", "zip"}
)


@dataclass(frozen=True)
class File:
    """What a person adds. `name` counts for its ending alone: a name that somebody typed may name somebody."""

    name: str = field(repr=False)
    content: bytes = field(repr=False)


def check(size: int) -> None:
    """Raises Invalid for a file that is empty or has more bytes than FILE_UPLOAD_MAX_MEMORY_SIZE."""
    most = settings.FILE_UPLOAD_MAX_MEMORY_SIZE
    if not size:
        raise Invalid([("/file", _("The file is empty."))])
    if size > most:
        text = _(
            "The file is larger than %(most)s MiB. Nothing was done. Add a smaller one, or say in the note where it is."
        )
        raise Invalid([("/file", text % {"most": most // 2**20})])


def add(
    case: Case, *, by: Any, name: str, content: bytes, sub_task: SubTask | None = None, kind: str = "attestation"
) -> Evidence:
    """Keeps, sealed, what a person shows for what they say, as of a sub-task: as long as the case, or what was seen of
    an identity (kind `IDENTITY`) for a shorter time. Runs in the transaction of what is said. Raises Invalid as `check`
    does, Conflict as `keep` does."""
    check(len(content))
    ending = PurePath(name).suffix.lower().removeprefix(".")
    ending = ending if ending in ENDINGS else "bin"
    return keep(
        case,
        by=by,
        kind=kind,
        name=lambda pk: f"{kind}-{pk[:8]}.{ending}",
        content=content,
        sub_task=sub_task,
    )


def keep(
    case: Case, *, by: Any, kind: str, name: Callable[[str], str], content: bytes, sub_task: SubTask | None = None
) -> Evidence:
    """Keeps a file, sealed; `name` makes its name of its id, and names nobody. Runs in the transaction of what it is
    evidence of, under the case's lock. Raises Conflict for a case whose personal data was destroyed: the file has a key
    of its own and would outlive it."""
    if case.shredded_at:
        raise Conflict("destroyed", _("The personal data of this case was destroyed. Nothing was changed."))
    sink, now = Sink(case), clock.now()
    try:
        sink.write(content)
        sink.finish()
        evidence = Evidence.objects.create(
            id=sink.evidence_id,
            case=case,
            data_key=sink.key,
            sub_task=sub_task,
            kind=kind,
            name=name(str(sink.evidence_id)),
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            created_at=now,
            keep_until=_until(now, None, policy(case).identity_days) if kind == IDENTITY else None,
        )
        record(
            actions.EVIDENCE_STORED,
            actor=actor_of(by),
            case=case.reference,
            subject=f"evidence:{evidence.pk}",
            **({"sub_task": str(sub_task.pk)} if sub_task else {}),
            kind=evidence.kind,
            size=evidence.size,
            sha256=evidence.sha256,
        )
    except BaseException:
        sink.drop()
        raise
    return evidence


def open_evidence(evidence: Evidence) -> BinaryIO:
    """The plain content. Raises FileNotFoundError when it has been removed, `vault.Unreadable` when it was changed."""
    if evidence.removed_at:
        raise FileNotFoundError(evidence.pk)
    return open_sealed(path_of(evidence), evidence.data_key or evidence.case.data_key, **_place(evidence.pk))


def expire(evidence: Evidence) -> None:
    """Removes the content, with its key; hash, size and counts stay. Runs in a transaction; the file goes once it has
    committed."""
    remove([evidence])
    record(
        actions.EVIDENCE_EXPIRED,
        actor="system:worker",
        case=evidence.case.reference,
        subject=f"evidence:{evidence.pk}",
        kind=evidence.kind,
    )


def remove(items: Iterable[Evidence]) -> None:
    """Removes the content of these with its keys, without an event. Runs in a transaction; the files go once it has
    committed, or else with the strays."""
    for item in items:
        item.removed_at = item.removed_at or clock.now()
        item.save(update_fields=["removed_at"])
        if item.data_key:
            destroy(item.data_key)
        transaction.on_commit(partial(_unlink, path_of(item)))


def _unlink(path: Path) -> None:
    """A file, and its folder once that is empty. What cannot be removed now goes with the strays."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
        path.parent.rmdir()


def expire_due(now: datetime, *, limit: int = 100) -> int:
    """Removes content whose time is over; returns of how many files. A case on hold keeps all of its files."""
    due, count = Evidence.objects.filter(keep_until__lte=now, removed_at=None, case__held_at=None), 0
    for pk, case_id in due.values_list("pk", "case_id")[:limit]:
        with transaction.atomic():
            Case.locked().get(pk=case_id)  # whoever puts it on hold now was here first, or comes too late
            if evidence := due.select_related("case", "data_key").filter(pk=pk).first():
                expire(evidence)
                count += 1
    return count


def remove_strays(now: datetime) -> int:
    """Removes files whose worker died between the download and its commit, with their keys, and those that outlived
    their evidence. Returns how many.

    Only what this database knows to be one: its evidence is recorded here as removed; or its call is recorded here and
    has ended, and no evidence came of it. A file that belongs to another desk, or to a later state of a restored one,
    is not touched; nor is one that a person added, of which without its row nothing is known."""
    last_written = (now - STRAY_AFTER).timestamp()
    old: dict[uuid.UUID, tuple[uuid.UUID | None, Path]] = {}
    for path in Path(settings.EVIDENCE_DIR).glob("*/*.*.sealed"):
        with suppress(FileNotFoundError, ValueError):  # gone meanwhile; not one of ours
            call, evidence, _ending = path.name.split(".")
            if path.stat().st_mtime < last_written:
                old[uuid.UUID(evidence)] = (None if call == ADDED else uuid.UUID(call), path)
    known = dict(Evidence.objects.filter(pk__in=old).values_list("pk", "removed_at"))
    calls = {call for call, _path in old.values() if call}
    ended = set(Call.objects.exclude(verdict="").filter(pk__in=calls).values_list("pk", flat=True))
    strays = {
        evidence: path
        for evidence, (call, path) in old.items()
        if known.get(evidence) or (evidence not in known and call in ended)
    }
    for path in strays.values():
        _unlink(path)
    DataKey.objects.filter(pk__in=set(strays) - set(known), evidence=None).delete()
    return len(strays)
