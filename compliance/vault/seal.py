"""Sealing values with a data key, and the keyed digests that stand in for them.

A sealed value is AES-256-GCM (NIST SP 800-38D): a version byte, a random 12-byte nonce, the ciphertext and its 16-byte
tag. The associated data is the place it was written for, ``table|row|field``: copied anywhere else it does not open.
Sealing and opening are explicit calls. No error raised here holds plaintext or key bytes.
"""

import hashlib
import hmac
import json
import os
import uuid
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from compliance import clock

from .keys import KEY_BYTES, Ring, ring
from .models import DataKey

VERSION = b"\x01"
NONCE_BYTES = 12


class Unreadable(Exception):
    """Sealed data cannot be opened: its key is destroyed or missing, or it was changed or moved. The text is for
    people and names no value."""

    @classmethod
    def changed(cls) -> "Unreadable":
        return cls(
            _(
                "Stored data cannot be decrypted: it was changed or moved, or belongs to another key. "
                "Nothing was erased. Compare the database and the evidence folder with a backup."
            )
        )


class Destroyed(Unreadable):
    """It was destroyed on purpose, with its key."""


#: What a page catches that says in words what cannot be opened. Who works with it leaves ImproperlyConfigured alone:
#: that the ring is missing, or lacks a key, is no fault of the data.
NOT_OPENED = (Unreadable, ImproperlyConfigured)


# --- data keys --------------------------------------------------------------------------------------------------------


def new_key(key_id: uuid.UUID | None = None) -> DataKey:
    """A new data key, saved. The caller's transaction decides whether it stays. `key_id`: its number, if not any."""
    key_id, secret, at = key_id or uuid.uuid4(), os.urandom(KEY_BYTES), clock.now()
    ring_key, wrapped = wrap(secret, key_id)
    key = DataKey.objects.create(id=key_id, ring_key=ring_key, wrapped=wrapped, created_at=at)
    # Who destroys a ring key waits for open transactions that have inserted by then (`rotation.retire`); whoever
    # inserts after that sees it here.
    if key.ring_key not in ring(anew=True).keys:
        key.ring_key, key.wrapped = wrap(secret, key_id)
        key.save(update_fields=["ring_key", "wrapped"])
    return key


def wrap(secret: bytes, key_id: uuid.UUID) -> tuple[str, bytes]:
    """The id of the active key of the ring, and the data key as it is stored under it; for this package alone."""
    held = ring()
    return held.active, _encrypt(held.keys[held.active], secret, _wrapped_at(key_id))


def destroy(key: DataKey) -> None:
    """Destroy the data key: what it sealed can never be opened again. A key already destroyed keeps its first date.

    Older backups of the database still hold the wrapped bytes, until the ring key that wrapped them is gone too.
    """
    DataKey.objects.filter(pk=key.pk, destroyed_at=None).update(wrapped=b"", destroyed_at=clock.now())
    key.refresh_from_db()


def unwrap(key: DataKey) -> bytes:
    """The 32 bytes of the data key, for this package alone. Raises Unreadable, and ImproperlyConfigured for a ring that
    is missing or lacks the key: that is no fault of the data, and mended it opens.

    Not cached: unwrapping takes microseconds, and a cache would keep a destroyed key alive.
    """
    if key.destroyed_at is None and key.ring_key not in ring().keys:
        # A rotation may have wrapped it anew since the row was read, or with a key that is not seen here yet.
        ring(anew=True)
        key.refresh_from_db(fields=["ring_key", "wrapped", "destroyed_at"])
    if key.destroyed_at is not None:
        raise Destroyed(_("This personal data was destroyed on purpose, with its key. It cannot be read any more."))
    return open_wrapped(ring(), key)


def open_wrapped(held: Ring, key: DataKey) -> bytes:
    """As `unwrap`, of the row as it was read, with this ring; for this package alone."""
    if key.ring_key in held.retired:
        raise Unreadable(
            _(
                "The key “%(key)s” of the key ring, which this was sealed under, was destroyed on purpose on %(day)s. "
                "It cannot be read any more."
            )
            % {"key": key.ring_key, "day": held.retired[key.ring_key].date()}
        )
    if key.ring_key not in held.keys:
        raise ImproperlyConfigured(lacks(key.ring_key))
    return _decrypt(held.keys[key.ring_key], bytes(key.wrapped), _wrapped_at(key.pk))


def lacks(ring_key: str) -> str:
    """What to say of a ring that lacks this key, in one line."""
    return (
        f"KEY_RING: the key ring lacks the key {ring_key}, which data of this desk is sealed under. Nothing was "
        "erased. Copy the file from the host on which the keys were rotated, or put it back from its newest backup."
    )


def derive(key: DataKey, *, salt: bytes | None, info: bytes) -> bytes:
    """A 256-bit key for one purpose, by HKDF-SHA256 (RFC 5869), for this package alone. Raises Unreadable."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(unwrap(key))


# --- values -----------------------------------------------------------------------------------------------------------


def seal(key: DataKey, plain: str | bytes, *, table: str, row: uuid.UUID | str, field: str) -> bytes:
    """`plain` (text as UTF-8), sealed for one place. Raises Unreadable if the key is destroyed or missing."""
    return _encrypt(unwrap(key), _utf8(plain) if isinstance(plain, str) else plain, place(table, row, field))


def unseal(key: DataKey, sealed: bytes | memoryview, *, table: str, row: uuid.UUID | str, field: str) -> bytes:
    """The bytes that were sealed for this place with this key. Raises Unreadable for anything else."""
    return _decrypt(unwrap(key), bytes(sealed), place(table, row, field))


def seal_json(key: DataKey, value: Any, *, table: str, row: uuid.UUID | str, field: str) -> bytes:
    """As `seal`, of a JSON value. Raises TypeError or ValueError for what JSON cannot hold (NaN included)."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return seal(key, text, table=table, row=row, field=field)


def unseal_json(key: DataKey, sealed: bytes | memoryview, *, table: str, row: uuid.UUID | str, field: str) -> Any:
    """As `unseal`, of what `seal_json` made."""
    return json.loads(unseal(key, sealed, table=table, row=row, field=field))


def place(table: str, row: uuid.UUID | str, field: str) -> bytes:
    """The associated data of one place. No part may be empty or hold the separator: no two places may look alike."""
    parts = (table, str(row), field)
    if any(not part or "|" in part for part in parts):
        raise ValueError("table, row and field must be given, without “|”")
    return "|".join(parts).encode()


# --- digests ----------------------------------------------------------------------------------------------------------


def fingerprint(kind: str, value: str) -> str:
    """The blind index of a value: 64 hex digits, HMAC-SHA256 under the ring's index key.

    The same for equal kinds and values everywhere on this desk, so it can be searched for; not to be guessed from
    outside, as a bare hash of an e-mail address can. `value` is taken as it is: normalise it first.
    """
    if "\0" in kind:
        raise ValueError("a kind has no NUL in it")
    return hmac.new(ring().index_key, _utf8(f"{kind}\0{value}"), hashlib.sha256).hexdigest()


def keyed_digest(key: DataKey, purpose: str, data: bytes) -> str:
    """64 hex digits that bind `data` for one purpose (HMAC-SHA256), comparable only while the key lives.
    Raises Unreadable."""
    return hmac.new(derive(key, salt=None, info=b"digest|" + purpose.encode()), data, hashlib.sha256).hexdigest()


# --- the cipher -------------------------------------------------------------------------------------------------------


def _encrypt(secret: bytes, plain: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return VERSION + nonce + AESGCM(secret).encrypt(nonce, plain, associated)


def _decrypt(secret: bytes, sealed: bytes, associated: bytes) -> bytes:
    version, nonce, body = sealed[:1], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    if version != VERSION or len(nonce) != NONCE_BYTES:
        raise Unreadable.changed()
    try:
        return AESGCM(secret).decrypt(nonce, body, associated)
    except InvalidTag:
        raise Unreadable.changed() from None


def _wrapped_at(key_id: uuid.UUID) -> bytes:
    return place("vault_datakey", key_id, "wrapped")


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # "from None": the codec's own error carries the whole text into tracebacks and error mails.
        raise ValueError("the text holds half of a surrogate pair and is not valid Unicode") from None
