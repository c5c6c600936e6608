"""Checkpoints under a signature: the text of C2SP tlog-checkpoint in a signed note (c2sp.org/signed-note), Ed25519.

The private key is a PEM file (setting AUDIT_SIGNING_KEY), kept apart from the database; `LogKey` holds the public ones,
so that what was signed under an earlier key can still be checked.
"""

import base64
import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import QuerySet, Subquery

from compliance import clock
from compliance.vault.keys import sync_folder

from .models import Checkpoint, Leaf, LogKey

_ED25519 = b"\x01"  # the signature type of a signed note
_NAME = re.compile(r"erasure-desk/[0-9a-f]{16}")  # of a log, as `recorded` makes it
_LOOKED_AT = 100  # checkpoints, for one that is signed
_PEM = re.compile(rb"-----BEGIN [A-Z0-9 ]+-----.+?-----END [A-Z0-9 ]+-----", re.DOTALL)


@dataclass(frozen=True)
class Signer:
    """A private key under the log's name."""

    name: str
    private: Ed25519PrivateKey = field(repr=False)

    def line(self, text: bytes) -> str:
        """The signature line of a note with this text."""
        signed = key_hash(self.name, public_bytes(self.private)) + self.private.sign(text)
        return f"— {self.name} {base64.b64encode(signed).decode()}\n"


def public_bytes(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes_raw()


def key_hash(name: str, public: bytes) -> bytes:
    """The four bytes by which a signature names its key."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def verifier_key(name: str, public: bytes) -> str:
    """`<name>+<8 hex digits>+<base64>`, as c2sp.org/signed-note encodes a key that others verify with."""
    return f"{name}+{key_hash(name, public).hex()}+{base64.b64encode(_ED25519 + public).decode()}"


def checkpoint_note(size: int, root: bytes, signers: Sequence[Signer]) -> str:
    """The checkpoint of a log of `size` leaves, signed by each of `signers`, which share the log's name."""
    text = f"{signers[0].name}\n{size}\n{base64.b64encode(root).decode()}\n"
    return text + "\n" + "".join(signer.line(text.encode()) for signer in signers)


def has_signed(signer: Signer, note: str, size: int, root: bytes) -> bool:
    """Whether the checkpoint `note` says this size and root and bears this signer's own signature as the first: a key
    that only leads over to its successor signs after it, and is used no more. To sign again is to check: Ed25519 gives
    the same signature for the same text (RFC 8032, section 5.1.6)."""
    text, _, line = checkpoint_note(size, root, [signer]).partition("\n\n")
    said, _, lines = note.partition("\n\n")
    return said == text and lines.startswith(line)


# --- the key file -----------------------------------------------------------------------------------------------------


def load() -> list[Ed25519PrivateKey]:
    """The signing key; while it is being replaced, the new one and then the old one. Raises ImproperlyConfigured, one
    line naming AUDIT_SIGNING_KEY, if there is none or the file is not Ed25519 keys in PEM."""
    path = Path(settings.AUDIT_SIGNING_KEY)
    try:
        text = path.read_bytes()
        keys = [serialization.load_pem_private_key(block, password=None) for block in _PEM.findall(text) or [text]]
    except FileNotFoundError:
        raise ImproperlyConfigured(
            f"AUDIT_SIGNING_KEY: there is no key at {path}. Put it back from its backup, "
            "or if it is lost for good, run manage.py audit_key --rotate --without-the-old-key."
        ) from None
    except OSError as error:
        raise ImproperlyConfigured(f"AUDIT_SIGNING_KEY: {path} cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        keys = []  # the parser's own error may carry the text of the file
    found = [key for key in keys if isinstance(key, Ed25519PrivateKey)]
    if not found or len(found) < len(keys):
        raise ImproperlyConfigured(
            f"AUDIT_SIGNING_KEY: {path} is not an Ed25519 private key in PEM without a password."
        )
    return found


def ensure(using: str = DEFAULT_DB_ALIAS) -> None:
    """Makes the first signing key where there has never been one. With keys on record a missing file is a lost one: it
    is left missing, and whoever needs it is told by `load`. Safe to call from several processes.

    Raises ImproperlyConfigured if the file cannot be written."""
    path = Path(settings.AUDIT_SIGNING_KEY)
    if path.exists() or LogKey._meta.db_table not in connections[using].introspection.table_names():
        return
    if LogKey.objects.using(using).exists():
        return
    try:
        with _written(path, [Ed25519PrivateKey.generate()]) as file, suppress(FileExistsError):
            path.hardlink_to(file.name)  # whoever is first
        sync_folder(path.parent)
    except OSError as error:
        raise ImproperlyConfigured(f"AUDIT_SIGNING_KEY: {path} cannot be written: {error.strerror}.") from None


def replace(keys: Sequence[Ed25519PrivateKey]) -> None:
    """Puts these keys in the place of what the file holds. Raises ImproperlyConfigured if it cannot be written."""
    path = Path(settings.AUDIT_SIGNING_KEY)
    try:
        with _written(path, keys) as file:
            made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            made.hardlink_to(file.name)
            made.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise ImproperlyConfigured(f"AUDIT_SIGNING_KEY: {path} cannot be written: {error.strerror}.") from None


def _written(path: Path, keys: Sequence[Ed25519PrivateKey]) -> "tempfile._TemporaryFileWrapper[bytes]":
    """The keys in a file beside `path` that only its owner may read, and that goes when it is closed."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = tempfile.NamedTemporaryFile(dir=path.parent, prefix=".audit-")  # noqa: SIM115 - the caller's `with`
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.writelines(private.private_bytes(*form) for private in keys)
    file.flush()
    os.fsync(file.fileno())
    return file


# --- the keys on record -----------------------------------------------------------------------------------------------


def log_name(newest: Checkpoint | None = None) -> str:
    """As the newest checkpoint has it; before the first one, as the first key on record. Empty if there is neither."""
    if last := newest or newest_signed():
        return last.note.partition("\n")[0]
    names = (key.name for key in LogKey.objects.order_by("id") if _well_formed(key) and _NAME.fullmatch(key.name))
    return next(names, "")


def keys_on_record(newest: Checkpoint | None = None) -> list[LogKey]:
    """The log's keys, oldest first. A row that is none, or speaks of another log, was put there by somebody else. Who
    has the newest checkpoint can hand it over."""
    name = log_name(newest)
    return [key for key in LogKey.objects.filter(name=name).order_by("id") if _well_formed(key)]


def _well_formed(key: LogKey) -> bool:
    try:
        public = bytes.fromhex(key.public_key)
    except ValueError:
        return False
    return key.pk > 0 and len(public) == 32 and key.verifier_key == verifier_key(key.name, public)


def newest_signed() -> Checkpoint | None:
    """The newest checkpoint that is of no more leaves than there are and bears a signature by a key on record."""
    last_leaf = Subquery(Leaf.objects.order_by("-index").values("index")[:1])
    return first_signed(Checkpoint.objects.filter(size__lte=last_leaf + 1).order_by("-size"))


def first_signed(found: QuerySet[Checkpoint]) -> Checkpoint | None:
    """The first of the first hundred of these that bears a signature by a key on record."""
    pages = found[:1], found[1:_LOOKED_AT]  # as a rule the first is the one
    return next(filter(is_signed, chain.from_iterable(pages)), None)


def is_signed(checkpoint: Checkpoint) -> bool:
    """Whether its note says its size and root, under a signature by a key on record."""
    name, *said = checkpoint.note.partition("\n\n")[0].split("\n")
    try:
        root = base64.b64encode(bytes.fromhex(checkpoint.root)).decode()
    except ValueError:
        return False
    return said == [str(checkpoint.size), root] and bool(signed_by(checkpoint.note, LogKey.objects.filter(name=name)))


def signed_by(note: str, keys: Iterable[LogKey]) -> list[LogKey]:
    """Those of `keys` whose signatures are on a checkpoint, in their order there."""
    text, _, lines = note.partition("\n\n")
    well_formed = {key.verifier_key.split("+")[1]: key for key in keys if _well_formed(key)}
    found = []
    for line in lines.splitlines():
        try:
            _dash, name, encoded = line.split(" ")
            signature = base64.b64decode(encoded)
            key = well_formed[signature[:4].hex()]
            public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public_key))
            public.verify(signature[4:], f"{text}\n".encode())
        except (ValueError, LookupError, InvalidSignature):
            continue
        if name == key.name:
            found.append(key)
    return found


def key_named(line: str) -> bytes:
    """The four bytes by which a signature line names its key; empty if it is none."""
    try:
        _dash, _name, encoded = line.split(" ")
        return base64.b64decode(encoded)[:4]
    except ValueError:
        return b""


def recorded(private: Ed25519PrivateKey) -> tuple[Signer, bool]:
    """The signer of a key, and whether it is new: then it is put on record. The first one names the log. Call it as the
    only sealer."""
    public = public_bytes(private)
    name = log_name() or f"erasure-desk/{secrets.token_hex(8)}"
    new = not LogKey.objects.filter(public_key=public.hex()).exists()
    if new:
        LogKey.objects.create(
            name=name, public_key=public.hex(), verifier_key=verifier_key(name, public), at=clock.now()
        )
    return Signer(name, private), new
