"""A key of its own for one list of fingerprints, in a file beside the key ring: 32 random bytes in base64.

Apart from the ring, so that neither a rotation nor the destruction of a case's data touches the list, and the list
tells nothing to whoever holds only the ring."""

import base64
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from .keys import KEY_BYTES, sync_folder


def fingerprint(setting: str, path: Path, text: str, *, in_use: Callable[[], bool]) -> str:
    """64 hex digits: HMAC-SHA256 of `text` under the key in this file, which is made if it is missing.

    Fails closed: once the list has entries (`in_use`), a missing key is a lost one, and a new one would find nobody.
    Raises ImproperlyConfigured, one line that names the `setting`."""
    return hmac.new(_key(setting, path, in_use), text.encode(), hashlib.sha256).hexdigest()


def _key(setting: str, path: Path, in_use: Callable[[], bool]) -> bytes:
    try:
        seen = path.stat()
    except FileNotFoundError:
        if in_use():
            raise ImproperlyConfigured(
                f"{setting}: there is no key at {path}, and the list that it is for has entries. Nothing was changed. "
                "Put the key back from its backup."
            ) from None
        _create(setting, path)
        seen = path.stat()
    except OSError as error:
        raise ImproperlyConfigured(f"{setting}: {path} cannot be read: {error.strerror}.") from None
    return _read(setting, path, (seen.st_mtime_ns, seen.st_size, seen.st_ino))


@lru_cache(maxsize=4)
def _read(setting: str, path: Path, _version: tuple[int, int, int]) -> bytes:
    try:
        key = base64.b64decode(path.read_bytes().strip(), validate=True)
    except ValueError:
        key = b""
    except OSError as error:
        raise ImproperlyConfigured(f"{setting}: {path} cannot be read: {error.strerror}.") from None
    if len(key) != KEY_BYTES:
        raise ImproperlyConfigured(f"{setting}: {path} is damaged or no key. Put it back from its backup.")
    return key


def _create(setting: str, path: Path) -> None:
    """Whoever is first makes it: a link replaces no key that somebody may have used."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=".key-") as file:  # 0600
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
            with suppress(FileExistsError):
                path.hardlink_to(file.name)
        sync_folder(path.parent)
    except OSError as error:
        raise ImproperlyConfigured(f"{setting}: {path} cannot be written: {error.strerror}.") from None
