"""Changing the key ring's file: by one at a time, as a whole or not at all, and without a trace of what it held."""

import fcntl
import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from compliance import clock

from .keys import give_to_owner, new_entry, ring, sync_folder


@contextmanager
def changing() -> Iterator["RingFile"]:
    """The ring's file, while nobody else changes it: neither on this host nor on one that shares its folder.

    Raises ImproperlyConfigured, one line naming KEY_RING, as `ring` does and if the folder cannot be written."""
    path = Path(settings.KEY_RING).resolve()  # what a link leads to, not the link
    ring()
    try:
        lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _not_written(path, error) from None
    try:
        give_to_owner(lock, path)
        fcntl.flock(lock, fcntl.LOCK_EX)
        ring()  # it may have changed meanwhile
        yield RingFile(path)
    finally:
        os.close(lock)


class RingFile:
    """Made by `changing`. Each change is on the disk when its call returns; all raise ImproperlyConfigured if the file
    cannot be replaced, and then nothing was changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: dict[str, Any] = json.loads(path.read_bytes())

    def add(self) -> str:
        """A new key that is not active yet; returns its id."""
        key_id, entry = new_entry()
        self._content["keys"][key_id] = entry
        self._write()
        return key_id

    def activate(self) -> str:
        """Makes the oldest key that waits for it, or else a new one, the active key; returns its id."""
        waiting, keys, at = ring().prepared, self._content["keys"], clock.now().isoformat()
        if waiting:
            key_id = waiting[0]
        else:
            key_id, keys[key_id] = new_entry()
        keys[self._content["active"]]["replaced"] = at
        keys[key_id]["activated"] = at
        self._content["active"] = key_id
        self._write()
        return key_id

    def destroy(self, key_ids: Collection[str]) -> None:
        """Removes keys. That they were there is all that is kept of them."""
        at = clock.now().isoformat()
        for key_id in key_ids:
            del self._content["keys"][key_id]
            self._content.setdefault("retired", {})[key_id] = at
        self._write()

    def _write(self) -> None:
        # Always the same name: should we be killed here, the next change overwrites what this one leaves.
        new = self._path.with_name(f".{self._path.name}.new")
        try:
            try:
                new.unlink(missing_ok=True)
                with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                    give_to_owner(file.fileno(), self._path)
                    os.fchmod(file.fileno(), self._path.stat().st_mode & 0o777)
                    json.dump(self._content, file, indent=2)
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(self._path)
            except BaseException:
                new.unlink(missing_ok=True)
                raise
            for left in self._path.parent.glob(".ring-*"):  # by whoever was killed while the ring was made
                left.unlink(missing_ok=True)
            sync_folder(self._path.parent)
        except OSError as error:
            raise _not_written(self._path, error) from None


def _not_written(path: Path, error: OSError) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"KEY_RING: {path} cannot be replaced: {error.strerror}. Its folder must be writable for the desk. "
        "Nothing was changed."
    )
