"""Sealed files: written and read in chunks, so that a file of any size streams in constant memory.

The STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár, CRYPTO 2015; laid out as in Tink's AES-GCM-HKDF): each
file has a key of its own, by HKDF-SHA256 from the data key, a random salt and the place the file is for. Each 64 KiB of
plaintext is sealed with AES-256-GCM under a nonce made of a random prefix, the chunk's number, and a flag on the last.

    file  = version (1 byte) · salt (32) · nonce prefix (7) · chunk · chunk · …
    chunk = ciphertext (65,536 bytes; the last 0 to 65,536) · tag (16)

So a chunk that was changed, moved, dropped, repeated or brought from another file does not open.
"""

import hashlib
import io
import os
import uuid
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .keys import sync_folder
from .models import DataKey
from .seal import VERSION, Unreadable, derive, place

CHUNK = 64 * 1024
TAG = 16
SALT = 32
PREFIX = 7
HEADER = len(VERSION) + SALT + PREFIX


class SealedWriter:
    """Seals what is written, into a new file (made 0600; FileExistsError if there is one) or an open binary file.

        with SealedWriter(path, key, table="erasure_evidence", row=evidence.pk, field="file") as sealed:
            for part in download:
                sealed.write(part)
            size, sha256 = sealed.finish()

    Only `finish` makes it whole. Leaving the block without it removes the new file; in a file that the caller opened,
    what was written so far can never be opened.
    """

    def __init__(
        self, target: Path | str | BinaryIO, key: DataKey, *, table: str, row: uuid.UUID | str, field: str
    ) -> None:
        salt, prefix = os.urandom(SALT), os.urandom(PREFIX)
        self._cipher = _Cipher(key, salt, prefix, place(table, row, field))
        self._path: Path | None = None
        if isinstance(target, Path | str):
            Path(target).touch(mode=0o600, exist_ok=False)
            self._path = Path(target)
            self._file: BinaryIO = self._path.open("wb")
        else:
            self._file = target
        self._file.write(VERSION + salt + prefix)
        self._waiting = bytearray()
        self._number = 0
        self._size = 0
        self._hash = hashlib.sha256()
        self._finished = False

    def write(self, data: bytes) -> int:
        """Take `data`; returns its length. Raises OSError as the file does, and ValueError after `finish`."""
        self._must_be_open()
        self._waiting += data
        self._size += len(data)
        self._hash.update(data)
        while len(self._waiting) > CHUNK:  # a full chunk waits for the next byte: it may be the last
            self._put(last=False)
        return len(data)

    def finish(self) -> tuple[int, str]:
        """Write the last chunk; a file that was given by path is now safely on the disk.

        Returns the size in bytes and the SHA-256 (hex) of the plaintext.
        """
        self._must_be_open()
        self._put(last=True)
        self._file.flush()
        if self._path:
            os.fsync(self._file.fileno())
            self._file.close()
            sync_folder(self._path.parent)
        self._finished = True
        return self._size, self._hash.hexdigest()

    def _put(self, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(bytes(self._waiting[:CHUNK]), self._number, last=last))
        del self._waiting[:CHUNK]
        self._number += 1

    def _must_be_open(self) -> None:
        if self._finished:
            raise ValueError("the sealed file is finished")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path and not self._finished:
            self._file.close()
            self._path.unlink(missing_ok=True)


def open_sealed(path: Path | str, key: DataKey, *, table: str, row: uuid.UUID | str, field: str) -> io.BufferedReader:
    """The plaintext of a sealed file, as a binary file to read and seek in. Close it.

    The last chunk is checked at once, so a file that was cut or added to does not open; any other chunk is checked when
    it is read, before a byte of it is handed out. Raises Unreadable, from here or from a read, and OSError as files do.
    """
    file = Path(path).open("rb")  # noqa: SIM115 - the reader closes it
    try:
        return io.BufferedReader(_SealedReader(file, key, place(table, row, field)), buffer_size=CHUNK)
    except BaseException:
        file.close()
        raise


class _Cipher:
    def __init__(self, key: DataKey, salt: bytes, prefix: bytes, associated: bytes) -> None:
        self._aead = AESGCM(derive(key, salt=salt, info=b"stream|" + associated))
        self._prefix = prefix

    def encrypt(self, plain: bytes, number: int, *, last: bool) -> bytes:
        return self._aead.encrypt(self._nonce(number, last), plain, None)

    def decrypt(self, sealed: bytes, number: int, *, last: bool) -> bytes:
        try:
            return self._aead.decrypt(self._nonce(number, last), sealed, None)
        except InvalidTag:
            raise Unreadable.changed() from None

    def _nonce(self, number: int, last: bool) -> bytes:
        return self._prefix + number.to_bytes(4, "big") + bytes([last])


class _SealedReader(io.RawIOBase):
    def __init__(self, file: BinaryIO, key: DataKey, associated: bytes) -> None:
        header = file.read(HEADER)
        body = file.seek(0, os.SEEK_END) - HEADER
        if header[:1] != VERSION or body < TAG:
            raise Unreadable.changed()
        self._file = file
        self._cipher = _Cipher(key, header[1 : 1 + SALT], header[1 + SALT :], associated)
        self._last = (body - 1) // (CHUNK + TAG)
        self._size = body - TAG * (self._last + 1)
        self._position = 0
        self._held = -1
        self._plain = b""
        self._load(self._last)

    def _load(self, number: int) -> None:
        if number == self._held:
            return
        self._file.seek(HEADER + number * (CHUNK + TAG))
        self._plain = self._cipher.decrypt(self._file.read(CHUNK + TAG), number, last=number == self._last)
        self._held = number

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        if self._position >= self._size:
            return 0
        number, start = divmod(self._position, CHUNK)
        self._load(number)
        part = self._plain[start : start + len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the start of the file")
        self._position = base + offset
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        # Also called by the garbage collector, on a reader whose making failed.
        if not self.closed and hasattr(self, "_file"):
            self._file.close()
        self._plain = b""
        super().close()
