"""Whether the database is the newest state of this desk, or one that was put back from a backup.

What was sealed is compared with what is known of it elsewhere: the checkpoints anchored in folders, and the high-water
mark beside the key ring. A log that is shorter than these, or has another root at their size, has lost what happened
since: its work may have been sent, its references given out, its shredded cases are back. On a host without the mark,
such as one that has just taken over, a database in which a backup has begun and not ended is the copy that was made
then (`manage.py backup`).

Such a desk does nothing before `manage.py after_restore` has put it right, and has written down the gap (the event
desk.restored). What was sealed before that event no longer counts: the log goes on from where the backup ended.
"""

import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Q
from django.utils.translation import gettext as _

from . import highwater, signing
from .actions import BACKED_UP, BACKUP_BEGUN, BACKUP_FAILED, RESTORED
from .highwater import Known
from .models import Checkpoint, Event

LOOK_SECONDS = 3.0  # for how long an answer stands, in one process
_ANCHORED = re.compile(r"(\d{1,18})(-[0-9a-f]{8})?\.checkpoint")


@dataclass(frozen=True)
class Gap:
    """What the database lacks: it ends with the checkpoint `ends` (None: nothing is sealed in it), and `known` was.
    None there: it is the copy of a backup, and what was sealed after it is not known on this host."""

    ends: Checkpoint | None
    known: Known | None


class _Answer:
    at = -math.inf
    seen: Any = None
    gap: Gap | None = None


_last = _Answer()


def behind() -> str | None:
    """Why no work may be done on this database, in one line that says what to do; None if all is well. Cheap: it is
    asked for each call and each page, and asks the database every few seconds at most."""
    seen = _seen()
    if seen != _last.seen or time.monotonic() - _last.at > LOOK_SECONDS:
        _last.gap, _last.seen, _last.at = gap(), seen, time.monotonic()
    return _line(_last.gap) if _last.gap else None


def forget() -> None:
    """The next answer is a new one."""
    _last.at = -math.inf


def gap() -> Gap | None:
    """What the database lacks of what is known to have been sealed: by the largest checkpoint that speaks against it.
    None where nothing does."""
    if not _has_all(list(_known(None))):
        against = [known for known in _known(_restored_at()) if not _holds(known)]
        if against:
            return Gap(_end(), max(against, key=lambda known: known.size))
    return Gap(_end(), None) if not highwater.path().exists() and _is_copy() else None


def _end() -> Checkpoint | None:
    return Checkpoint.objects.order_by("size").last()


def _has_all(known: list[Known]) -> bool:
    """In one query, for the usual case."""
    states = {(one.size, one.root) for one in known}
    if not states:
        return True
    wanted = reduce(or_, (Q(size=size, root=root) for size, root in states))
    return Checkpoint.objects.filter(wanted).count() == len(states)


def _is_copy() -> bool:
    """Whether the newest that the database tells of backups is that one has begun: it is the copy, or the backup is
    under way, or its process was killed. Where a worker has sealed, its mark tells that the database is no copy."""
    told = Event.objects.filter(action__in=(BACKUP_BEGUN, BACKUP_FAILED, BACKED_UP, RESTORED))
    return told.order_by("-id").values_list("action", flat=True).first() == BACKUP_BEGUN


def is_of_the_past(file: Path) -> bool:
    """Whether an anchored checkpoint was written before the desk was put back from a backup: it may be of what was lost
    then. Raises OSError."""
    restored = _restored_at()
    return restored is not None and datetime.fromtimestamp(file.stat().st_mtime, UTC) <= restored


def _restored_at() -> datetime | None:
    """When the desk was last put right after a restore: no earlier than what was known then, whose host's clock may
    have been ahead."""
    event = Event.objects.filter(action=RESTORED).order_by("-id").first()
    if event is None:
        return None
    known_at = event.details.get("known_at")
    return max(event.at, datetime.fromisoformat(known_at)) if known_at else event.at


def _line(gap: Gap) -> str:
    if gap.known is None:
        return _(
            "The database is a copy that manage.py backup has made, and what happened after it is not known here. No "
            "work is done before manage.py after_restore has run."
        )
    text = _(
        "The database holds %(holds)d sealed events of the trail, and not the checkpoint of %(known)d that is kept "
        "%(where)s: it was put back from a backup. No work is done before manage.py after_restore has run."
    )
    where = _("beside the key ring") if gap.known.where == highwater.MARK else _("where checkpoints are anchored")
    return text % {"holds": gap.ends.size if gap.ends else 0, "known": gap.known.size, "where": where}


def _holds(known: Known) -> bool:
    """Whether the log has this checkpoint, or it is of another log than this desk's."""
    if Checkpoint.objects.filter(size=known.size, root=known.root).exists():
        return True
    return known.where == highwater.ANCHOR and not _is_ours(known.note)


def _is_ours(note: str) -> bool:
    """Whether a checkpoint is one of this desk: by the log's name or, in a database without one, by the key that
    signs."""
    name = note.partition("\n")[0]
    if known := signing.log_name():
        return name == known
    try:
        keys = signing.load()
    except ImproperlyConfigured:
        return False
    hints = {signing.key_hash(name, signing.public_bytes(key)) for key in keys}
    return any(signing.key_named(line) in hints for line in note.splitlines())


# --- what is known outside of the database ----------------------------------------------------------------------------


def _seen() -> list[Any]:
    """What tells that something has changed there; empty where nothing is known."""
    return [(str(path), *stat) for path in (highwater.path(), *folders()) if (stat := _stat(path))]


def _stat(path: Path) -> tuple[int, ...]:
    try:
        seen = path.stat()
    except OSError:
        return ()
    return seen.st_mtime_ns, seen.st_size, seen.st_ino


def _known(restored: datetime | None) -> Iterator[Known]:
    """The mark, and of each folder the largest checkpoint, without what was sealed before the last restore."""
    mark = highwater.read()
    if mark and not (restored and mark.at <= restored):
        yield mark
    for folder in folders():
        if newest := _newest_in(folder, restored):
            yield newest


def folders() -> list[Path]:
    """The folders of AUDIT_ANCHOR. What a webhook was sent cannot be read back."""
    urls = [url for url in settings.AUDIT_ANCHOR if url.startswith("file:")]
    return [Path(unquote(urlsplit(url).path)) for url in dict.fromkeys(urls)]


def _newest_in(folder: Path, restored: datetime | None) -> Known | None:
    try:
        names = [(int(found[1]), path) for path in folder.iterdir() if (found := _ANCHORED.fullmatch(path.name))]
    except OSError:  # a mount that is away; anchoring complains
        return None
    for _size, path in sorted(names, reverse=True):
        try:
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if not (restored and written <= restored):
                return highwater.known(path.read_text(encoding="utf-8"), written, highwater.ANCHOR)
        except (OSError, ValueError):  # away meanwhile, or half written
            continue
    return None
