"""The list of destroyed data keys, in a file beside the key ring: what a database that comes back from a backup has
forgotten is destroyed there again.

A line for each key, `{"key": "<uuid>", "at": "<ISO 8601>"}`, added at the end and never changed; a key may stand there
twice. `{"complete": "<ISO 8601>"}` says that all that the database knew to be destroyed by then stands above it. Each
host keeps a list of its own, or they share one with the ring.
"""

import fcntl
import json
import os
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from compliance import clock

from .keys import give_to_owner, sync_folder
from .models import DataKey

# No transaction lasts as long: one that was open when the list was complete has told of what it destroyed by then.
OVERLAP = timedelta(minutes=10)
BLOCK = 64 * 1024
LINES = 10_000  # written at once
_BEGINNINGS = (b'{"key": "', b'{"complete": "')

Entry = tuple[uuid.UUID, datetime]


def keep(*keys: DataKey) -> int:
    """Lists destroyed data keys, safely on the disk; returns how many. Without `keys`: every one of the database that
    the list lacks, which takes as long as what was destroyed lately is long, not the list.

    Call it after the commit: what a transaction takes back must not be listed. Raises ImproperlyConfigured, one line,
    if the file cannot be read or written."""
    path = _path()
    try:
        if keys:
            return _append(path, (_line(key.pk, key.destroyed_at) for key in keys if key.destroyed_at))
        now = clock.now()
        since, known, is_marked = _tail(path, now)
        destroyed = DataKey.objects.filter(destroyed_at__gte=since).order_by("destroyed_at")
        rows = destroyed.values_list("pk", "destroyed_at").iterator(chunk_size=LINES)
        lines = (_line(key_id, at) for key_id, at in rows if key_id not in known and at)
        added = _append(path, lines)
        if added or not is_marked:
            _append(path, [json.dumps({"complete": now.isoformat()})])
        return added
    except OSError as error:
        raise _unusable(path, f"cannot be read or written: {error.strerror}.") from None


def listed() -> dict[uuid.UUID, datetime]:
    """Every destroyed data key that the list names, and when it was destroyed first. Empty without a list.

    Raises ImproperlyConfigured if the file cannot be read, or a line of it is damaged: it may be the one that counts. A
    line that was cut off when its writer was killed is none: it was written again."""
    path, found = _path(), dict[uuid.UUID, datetime]()
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    entry = _read(line)
                except ValueError:
                    raise _unusable(path, f"is damaged in line {number}. Put it back from its backup.") from None
                if isinstance(entry, tuple):
                    found[entry[0]] = min(entry[1], found.get(entry[0], entry[1]))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}.") from None
    return found


def _path() -> Path:
    return Path(settings.KEY_RING).resolve().parent / "shredded.jsonl"


def _unusable(path: Path, why: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"KEY_RING: the list of destroyed keys beside it, {path}, {why}")


def _line(key_id: uuid.UUID, at: datetime) -> str:
    return json.dumps({"key": str(key_id), "at": at.astimezone(UTC).isoformat()})


def _read(line: bytes) -> Entry | datetime | None:
    """What a line says: a destroyed key, until when the list is complete, or nothing, if its writer was killed in it.
    Raises ValueError for what was damaged later."""
    text = line.strip(b"\0\r\n")  # a file system may have made room for what was never written
    if not text.endswith(b"}"):
        if any(text.startswith(beginning[: len(text)]) for beginning in _BEGINNINGS):
            return None
        raise ValueError
    try:
        said = json.loads(text)
        if "complete" in said:
            return _moment(said["complete"])
        return uuid.UUID(said["key"]), _moment(said["at"])
    except (KeyError, TypeError, AttributeError):
        raise ValueError from None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _append(path: Path, lines: Iterable[str]) -> int:
    """Adds lines at the end of the file, which is made with the first; returns how many."""
    lines = iter(lines)
    first = next(lines, None)
    if first is None:
        return 0
    lines, count, is_new = chain([first], lines), 0, not path.exists()
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b", buffering=0) as file:
        give_to_owner(file.fileno(), Path(settings.KEY_RING))
        fcntl.flock(file, fcntl.LOCK_EX)
        if file.seek(0, os.SEEK_END) and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
            file.write(b"\n")  # after what somebody who was killed has left
        while piece := list(islice(lines, LINES)):
            _write_all(file.fileno(), "".join(f"{line}\n" for line in piece).encode())
            count += len(piece)
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)
    return count


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _tail(path: Path, now: datetime) -> tuple[datetime, set[uuid.UUID], bool]:
    """From when on a destroyed key may be lacking, the keys that are listed of those, and whether the end of the list
    says all that: nothing was added since it was complete, and it was said so once more when that was a while ago, so
    that none of what stands above need be read again."""
    since, known = datetime.fromtimestamp(0, UTC), set[uuid.UUID]()
    found, is_marked = False, True
    try:
        with path.open("rb") as file:
            for line in _backwards(file):
                try:
                    said = _read(line)
                except ValueError:  # `listed` complains
                    continue
                if isinstance(said, tuple):
                    known.add(said[0])
                    is_marked = is_marked and found
                elif said and said <= now:  # a clock that was wrong must not hide what comes
                    if found and said < since:
                        break  # what stands above was destroyed before
                    if not found:
                        since, found = said - OVERLAP, True
    except FileNotFoundError:
        pass
    return since, known, is_marked and not (known and since < now - 2 * OVERLAP)


def _backwards(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file, the last one first."""
    position, rest = file.seek(0, os.SEEK_END), b""
    while position:
        start = max(0, position - BLOCK)
        file.seek(start)
        first, *lines = (file.read(position - start) + rest).split(b"\n")
        yield from reversed(lines)
        position, rest = start, first
    yield rest
