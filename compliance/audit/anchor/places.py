"""The places that checkpoints go to, as the settings name them."""

import base64
import errno
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from cryptography import x509
from django.conf import settings
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from compliance.vault.keys import sync_folder

from .. import behind
from . import timestamp
from .post import NotAnchored, post

_LONGEST_NAME = 120  # characters, of the column


class Place(Protocol):
    """`name` says where it is, in words without a secret: logs, rows and pages show it."""

    @property
    def name(self) -> str: ...

    def take(self, size: int, note: str) -> bytes | None:
        """Keeps the signed checkpoint of the log at `size`; returns what came back as a receipt, if anything did.
        The same one twice does no harm. Raises NotAnchored."""


@dataclass(frozen=True)
class Folder:
    """A folder, such as the mount of another machine or storage on which a file is written once. It is not made if it
    is missing: that is a mount which is not there. After a restore it has two checkpoints of some sizes: the second
    one's name ends with the beginning of its root."""

    name: str
    path: Path

    def take(self, size: int, note: str) -> None:
        file = self.path / f"{size}.checkpoint"
        try:
            if _holds_another(file, note) and behind.is_of_the_past(file):
                file = file.with_name(f"{size}-{_root(note)}.checkpoint")
            _write_once(file, note.encode())
            _sync(self.path)
        except OSError as error:
            raise NotAnchored(_("%(file)s: %(why)s") % {"file": file.name, "why": error.strerror}) from None


@dataclass(frozen=True)
class Webhook:
    """An address that is sent the checkpoint as it is. It is signed, so nobody on the way can put another in its place;
    what the other side answers, beyond that it took it, is not read."""

    name: str
    url: str = field(repr=False)

    def take(self, size: int, note: str) -> None:
        post(self.url, note.encode(), "text/plain; charset=utf-8")


@dataclass(frozen=True)
class Authority:
    """A time-stamping authority. It keeps nothing: the receipt proves that this very checkpoint existed at a time."""

    name: str
    url: str = field(repr=False)

    def take(self, size: int, note: str) -> bytes:
        trusted = []
        if settings.AUDIT_TIMESTAMP_CA:
            try:
                trusted = x509.load_pem_x509_certificates(Path(settings.AUDIT_TIMESTAMP_CA).read_bytes())
            except (OSError, ValueError):
                raise NotAnchored(_("the certificates of AUDIT_TIMESTAMP_CA cannot be read")) from None
        return timestamp.stamp(self.url, note.encode(), trusted)


def places() -> list[Place]:
    """The places of AUDIT_ANCHOR in their order, then the authority of AUDIT_TIMESTAMP_URL."""
    found: list[Place] = []
    for url in dict.fromkeys(settings.AUDIT_ANCHOR):
        if url.startswith("file:"):
            path = unquote(urlsplit(url).path)
            found.append(Folder(_fit(f"file://{path}"), Path(path)))
        else:
            found.append(Webhook(_fit(_spoken(url)), url))
    if settings.AUDIT_TIMESTAMP_URL:
        name = f"time stamp: {_spoken(settings.AUDIT_TIMESTAMP_URL)}"
        found.append(Authority(_fit(name), settings.AUDIT_TIMESTAMP_URL))
    return found


def _spoken(url: str) -> str:
    """The scheme and host of an address. All else in it may be a secret, and is told apart by a hint that is keyed, so
    that nobody can try guesses on it. (With a new SECRET_KEY the place counts as a new one: no harm.)"""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"
    if url.rstrip("/").lower() == origin:
        return origin
    return f"{origin} ({_hint(url)})"


def _fit(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 10]}… ({_hint(name)})"


def _hint(text: str) -> str:
    return salted_hmac("compliance.audit.anchor", text, algorithm="sha256").hexdigest()[:6]


def _holds_another(file: Path, note: str) -> bool:
    return file.exists() and not note.encode().startswith(file.read_bytes())


def _root(note: str) -> str:
    """The first eight hex digits of the root that a checkpoint says."""
    return base64.b64decode(note.split("\n")[2]).hex()[:8]


def _write_once(path: Path, content: bytes) -> None:
    """A new file, on the disk. One that is there is never replaced: it must hold the same, or the beginning of it (a
    write that was cut off), which is then completed. Two that write at once write the same bytes to the same places.

    Raises NotAnchored if it holds something else; OSError."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        with path.open("rb") as file:
            there = file.read(len(content) + 1)
            if there == content:
                os.fsync(file.fileno())
                return
        if not content.startswith(there):
            raise NotAnchored(
                _(
                    "%s is there with another content. The log is not the one that was anchored: find out whether "
                    "the database was put back from a backup, or who has rewritten it"
                )
                % path.name
            ) from None
        descriptor = os.open(path, os.O_WRONLY)
    try:
        done = 0
        while done < len(content):
            done += os.pwrite(descriptor, content[done:], done)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    try:
        sync_folder(folder)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot do it for a folder
            raise
