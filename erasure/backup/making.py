"""One backup, from the empty folder to the event that tells of it."""

import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit import actions
from compliance.audit.models import Event
from compliance.audit.record import record, timestamp
from compliance.vault.keys import ring, sync_folder

from . import files, snapshot
from .snapshot import CannotBackUp, Snapshot

ACTOR = "system:command"
MANIFEST = "manifest.json"
#: The keys of the ring that what the copy holds is under.
_RING_KEYS = "SELECT DISTINCT ring_key FROM vault_datakey WHERE destroyed_at IS NULL"
Progress = Callable[[int, float], None]


class WrongFolder(CannotBackUp):
    """A folder that was named cannot take it."""


@dataclass(frozen=True)
class Made:
    """`missing`: the evidence whose file the desk itself lacks."""

    tree_size: int
    evidence: int
    missing: list[str]
    keys: bool


def last_backup() -> datetime | None:
    """When the newest backup was made that this database tells of."""
    return Event.objects.filter(action=actions.BACKED_UP).order_by("-id").values_list("at", flat=True).first()


def back_up(target: Path, *, keys: Path | None = None, progress: Progress = lambda _done, _part: None) -> Made:
    """Copies database and evidence into the folder `target`, which is new or empty, and the keys into `keys`, if that
    is given: neither may lie in the other. While it is made, its name says that it is not whole. `progress` is told a
    number and a part of the whole. Raises CannotBackUp, with nothing left, and OSError."""
    target, keys = target.resolve(), keys.resolve() if keys else None
    if keys and (keys == target or keys in target.parents or target in keys.parents):
        raise WrongFolder(_("The keys must be kept apart from the backup: name a folder outside of it."))
    before = _ring_keys()
    with _growing(target) as folder, _told() as backup:
        with snapshot.taken(folder, lambda part: progress(0, part / 2)) as shot:
            facts, used = _facts(shot), {str(key) for (key,) in shot.rows(_RING_KEYS)}
            count = facts["counts"]["erasure_evidence"] or 1
            (folder / "evidence").mkdir(mode=0o700)
            copied, missing = files.copy_evidence(
                shot.rows(files.ROWS), folder / "evidence", lambda done: progress(done, 0.5 + done / count / 2)
            )
            facts |= {"engine": shot.engine, "engine_version": shot.version, "database": shot.file}
        facts |= {"evidence": copied, "evidence_missing": missing}
        facts["sha256"] = {"database": files.sha256(folder / shot.file), "sums": files.sha256(files.write_sums(folder))}
        _write(folder / MANIFEST, facts)
        with _growing(keys) if keys else nullcontext() as kept:
            if kept:
                for path in files.key_files():
                    files.copy(path, kept / path.name)
            if used & (before - _ring_keys()):
                text = _("A key of the key ring was destroyed while the backup was made, which nobody could open now.")
                raise CannotBackUp(text)
    made = Made(facts["tree_size"], copied, missing, keys is not None)
    with transaction.atomic():
        record(
            actions.BACKED_UP,
            actor=ACTOR,
            subject=backup,
            tree_size=made.tree_size,
            root=facts["root"],
            evidence=made.evidence,
            missing=len(made.missing),
            keys=made.keys,
        )
    return made


def _ring_keys() -> set[str]:
    """Those that are there; a ring that is missing or damaged keeps nobody from a backup."""
    try:
        return set(ring(anew=True).keys)
    except ImproperlyConfigured:
        return set()


@contextmanager
def _told() -> Iterator[str]:
    """Tells the trail before the copy is made, so that the copy itself tells what it is (`compliance.audit.behind`)."""
    subject = f"backup:{uuid.uuid4()}"
    with transaction.atomic():
        record(actions.BACKUP_BEGUN, actor=ACTOR, subject=subject)
    try:
        yield subject
    except BaseException:
        with transaction.atomic():
            record(actions.BACKUP_FAILED, actor=ACTOR, subject=subject)
        raise


def _facts(shot: Snapshot) -> dict[str, Any]:
    """What the copied state says of itself."""
    newest = next(shot.rows("SELECT size, root FROM audit_checkpoint ORDER BY size DESC LIMIT 1"), (0, ""))
    tables = sorted({model._meta.db_table for model in apps.get_models(include_auto_created=True)})
    counts = {table: next(shot.rows(f'SELECT count(*) FROM "{table}"'))[0] for table in tables}  # noqa: S608
    return {
        "made_at": timestamp(clock.now()),
        "erasure_desk": _version(),
        "tree_size": newest[0],
        "root": newest[1],
        "counts": counts,
    }


def _version() -> str:
    try:
        return version("erasure-desk")
    except PackageNotFoundError:  # run from its sources
        return ""


def _write(path: Path, facts: dict[str, Any]) -> None:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        json.dump(facts, file, indent=2, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _growing(target: Path) -> Iterator[Path]:
    """A folder beside `target` that takes its place when the block ends well, and otherwise goes. One that a kill has
    left is called `<name>.unfinished-…`."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise WrongFolder(_("%s is there and not an empty folder. Name a new one.") % target)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(prefix=f"{target.name}.unfinished-", dir=target.parent))  # 0700
    try:
        yield folder
        files.sync(folder)
        folder.replace(target)
        sync_folder(target.parent)
    except BaseException:
        with suppress(OSError):
            shutil.rmtree(folder)
        raise
