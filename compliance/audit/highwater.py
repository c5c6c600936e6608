"""The high-water mark: the newest checkpoint that this host has sealed, in a file beside the key ring.

It lies apart from the database, as the keys do, so that a database which was put back from a backup is noticed also
where no checkpoint is anchored anywhere. Every host that seals keeps its own. No backup holds it."""

import base64
import json
import logging
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

from compliance.vault.keys import sync_folder

from .models import Checkpoint

MARK, ANCHOR = "mark", "anchor"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """A checkpoint that was sealed, as it is known outside of the database: `at` is when that was, or when its file was
    written; `where` is MARK or ANCHOR."""

    size: int
    root: str  # hex
    at: datetime
    where: str
    note: str


def path() -> Path:
    return Path(settings.KEY_RING).resolve().parent / "sealed.json"


def keep(checkpoint: Checkpoint) -> None:
    """Replaces the mark. Where that cannot be done, it is logged: sealing goes on."""
    file, content = path(), json.dumps({"sealed": checkpoint.at.isoformat(), "checkpoint": checkpoint.note})
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".sealed-")  # 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(content)
                stream.flush()
                if os.geteuid() == 0:  # an administrator's command must not lock out the desk's own account
                    os.fchown(stream.fileno(), file.parent.stat().st_uid, file.parent.stat().st_gid)
                os.fsync(stream.fileno())
            Path(name).replace(file)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
        sync_folder(file.parent)
    except OSError as error:
        log.error(
            "The mark of what was sealed cannot be kept beside the key ring (%s): a database that is put back from a "
            "backup may not be noticed.",
            error.strerror,
        )


def keep_one() -> None:
    """Makes the mark where there is none: this host has sealed nothing yet. Ask `behind` first."""
    if not path().exists() and (newest := Checkpoint.objects.order_by("size").last()):
        keep(newest)


def read() -> Known | None:
    """The mark of this host; None if there is none, or it is none (which is logged)."""
    try:
        said = json.loads(path().read_text(encoding="utf-8"))
        return known(said["checkpoint"], datetime.fromisoformat(said["sealed"]), MARK)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.error("%s cannot be read (%s): the next sealing makes it anew.", path().name, type(error).__name__)
        return None


def known(note: str, at: datetime, where: str) -> Known:
    """A checkpoint of its text. Raises ValueError."""
    _name, size, root, *_rest = note.split("\n")
    return Known(int(size), base64.b64decode(root, validate=True).hex(), at, where, note)
