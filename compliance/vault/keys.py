"""The key ring: the file (setting KEY_RING) whose keys wrap the data keys. It is backed up apart from the database.

    {"active": "<id>", "keys": {"<id>": {"key": "<base64>", "created": "<ISO 8601>"}}, "index_key": "<base64>"}

Every key is 32 random bytes. The *active* key wraps new data keys, the others open what they wrapped; the *index key*
makes fingerprints. A key that a rotation made active has "activated", one that it took the place of has "replaced"; one
with neither waits to be made active. "retired" names the keys that were destroyed, with the time: `ring_file` changes
the file, `rotation` says when.
"""

import base64
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections

from compliance import clock

from .models import DataKey

KEY_BYTES = 32


@dataclass(frozen=True)
class Dates:
    """When a key of the ring was made, made active by a rotation, and replaced by one."""

    created: datetime
    activated: datetime | None
    replaced: datetime | None


@dataclass(frozen=True)
class Ring:
    """The ring as read: `keys` by id, 32 bytes each, the dates of each, and when those were destroyed that it no longer
    has. Its repr shows no key."""

    active: str
    keys: Mapping[str, bytes] = field(repr=False)
    index_key: bytes = field(repr=False)
    dates: Mapping[str, Dates] = field(repr=False)
    retired: Mapping[str, datetime] = field(repr=False)

    @property
    def active_since(self) -> datetime:
        dates = self.dates[self.active]
        return dates.activated or dates.created

    @property
    def replaced(self) -> dict[str, datetime]:
        """The keys that a rotation has replaced, and when."""
        dates = self.dates.items()
        return {key_id: of.replaced for key_id, of in dates if of.replaced and key_id != self.active}

    @property
    def prepared(self) -> list[str]:
        """The keys that wait to be made active, the oldest first."""
        waiting = [key_id for key_id, of in self.dates.items() if not of.replaced and key_id != self.active]
        return sorted(waiting, key=lambda key_id: (self.dates[key_id].created, key_id))


def ring(*, anew: bool = False) -> Ring:
    """The key ring, read again whenever the file has changed, so that a rotation reaches running processes. In a folder
    of the network that may take seconds; `anew` asks the server.

    Raises ImproperlyConfigured, one line naming KEY_RING, if the file is missing or is not a key ring.
    """
    path = Path(settings.KEY_RING)
    try:
        if anew:
            path.open("rb").close()  # which a network file system may not answer from its memory, as it may `stat`
        seen = path.stat()
        # The inode too: a ring replaced within one tick of the file system's clock has the same time and size.
        return _read(path, (seen.st_mtime_ns, seen.st_size, seen.st_ino))
    except FileNotFoundError:
        raise ImproperlyConfigured(
            f"KEY_RING: there is no key ring at {path}. Put it back from its backup, "
            "or, for a new desk, run manage.py migrate."
        ) from None
    except OSError as error:
        raise ImproperlyConfigured(f"KEY_RING: {path} cannot be read: {error.strerror}.") from None


def ensure_ring(using: str = DEFAULT_DB_ALIAS) -> None:
    """Make the key ring if there is none. Runs before each migrate.

    Fails closed: with data keys in the database a missing ring is a lost ring, and a new one would hide that until
    somebody needs the data. Raises ImproperlyConfigured, one line naming KEY_RING. Safe to call from several processes.
    """
    # Asked before the file is looked for: a data key found now was wrapped by a ring that was there already.
    in_use = _data_keys_exist(using)
    path = Path(settings.KEY_RING)
    if not path.exists():
        if in_use:
            raise ImproperlyConfigured(
                f"KEY_RING: there is no key ring at {path}, and the database holds data sealed with one. "
                "Nothing was changed. Put the key ring back from its backup."
            )
        try:
            _create(path)
        except OSError as error:
            raise ImproperlyConfigured(f"KEY_RING: {path} cannot be written: {error.strerror}.") from None
    ring()


@lru_cache(maxsize=1)
def _read(path: Path, _version: tuple[int, int, int]) -> Ring:
    try:
        given = json.loads(path.read_bytes())
        loaded = Ring(
            active=given["active"],
            keys={key_id: _key(entry["key"]) for key_id, entry in given["keys"].items()},
            index_key=_key(given["index_key"]),
            dates={key_id: _dates(entry) for key_id, entry in given["keys"].items()},
            retired={key_id: _moment(at) for key_id, at in given.get("retired", {}).items()},
        )
        _ = loaded.keys[loaded.active]
    except (ValueError, KeyError, TypeError, AttributeError):
        # "from None": the parser's own error carries the text of the file.
        raise ImproperlyConfigured(
            f"KEY_RING: {path} is damaged or not a key ring. Nothing was changed. Put it back from its backup."
        ) from None
    return loaded


def _key(text: str) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != KEY_BYTES:
        raise ValueError
    return key


def _dates(entry: Mapping[str, str]) -> Dates:
    activated, replaced = (_moment(entry[name]) if name in entry else None for name in ("activated", "replaced"))
    return Dates(_moment(entry["created"]), activated, replaced)


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError
    return at


def _data_keys_exist(using: str) -> bool:
    tables = connections[using].introspection.table_names()
    return DataKey._meta.db_table in tables and DataKey.objects.using(using).exists()


def _create(path: Path) -> None:
    key_id, entry = new_entry()
    content = {"active": key_id, "keys": {key_id: entry}, "index_key": _new_key_text()}
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".ring-") as file:  # 0600
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
        # A link, not a rename: a rename would replace the ring of another process that was faster and may have used it.
        with suppress(FileExistsError):
            path.hardlink_to(file.name)
    sync_folder(path.parent)


def new_entry() -> tuple[str, dict[str, Any]]:
    """The id of a new key, and what the file says of it."""
    return secrets.token_hex(8), {"key": _new_key_text(), "created": clock.now().isoformat()}


def _new_key_text() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def sync_folder(folder: Path) -> None:
    """Put the folder's entries on the disk: a file is there after a power cut only if its name is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def give_to_owner(descriptor: int, ring_file: Path) -> None:
    """A file beside the ring belongs to whom the ring belongs to, also when root made it by hand: the desk would else
    be shut out."""
    if os.geteuid() == 0:
        seen = ring_file.stat()
        os.fchown(descriptor, seen.st_uid, seen.st_gid)
