"""One zip for whoever checks the trail: the rows, what proves them, the verifier, and how to use it."""

import io
import tempfile
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from . import proofs, read_me, signing, verify
from .export import Selection, count, lines, pieces, rows
from .models import Checkpoint

_PIECE = 256 * 1024  # bytes handed on at once
# A row is 64 Ki characters of canonical text at most, of which quotes are doubled. So many do not come to the 2 GiB at
# which a zip needs its later form (ZIP64), which not every program can unpack from a stream.
_FIT = 15_000
_BEGINNING = (1980, 1, 1, 0, 0, 0)  # of time in a zip; when it was packed is nobody's concern
_UNIX, _READABLE = 3, 0o100644 << 16


def zip_stream(
    selection: Selection,
    checkpoint: Checkpoint,
    *,
    name: str = "trail",
    form: str = "csv",
    bom: bool = False,
    cuts: Collection[int] = (),
    extra: Mapping[str, bytes] | None = None,
    about: Mapping[str, str] | None = None,
    pinned: bool = False,
) -> Iterator[bytes]:
    """The zip, piece by piece, in constant memory. The same log, selection and checkpoint give the same bytes.

    It holds the sealed rows of `selection` as `<name>.csv` (`form` csv or jsonl), the files beside it, the public keys,
    the verifier, a page for the reader, and `extra` (file name → content, in this order), of which the page says what
    `about` has (file name → a sentence). `cuts` are sizes of earlier checkpoints to prove consistency with, beside the
    anchored ones. `pinned` leaves out what may still be added beside the checkpoint: anchored sizes, and keys that did
    not sign it. Raises ValueError for a name that is taken."""
    file = f"{name}.{form}"
    anchored = [] if pinned else proofs.anchored(checkpoint.size)
    cuts = sorted({cut for cut in (*cuts, *anchored) if 0 < cut < checkpoint.size})
    said = {other: (about or {}).get(other, "") for other in extra or {}}
    content = {
        "READ-ME.txt": read_me.text(selection, checkpoint, file, cuts, said).encode(),
        file: None,
        f"{file}.checkpoint": checkpoint.note.encode(),
        f"{file}.proofs.json": None,
        f"{file}.leaves": None,
        "audit-key.txt": public_keys(checkpoint if pinned else None).encode(),
        "verify.py": Path(verify.__file__).read_bytes(),
    }
    if taken := content.keys() & (extra or {}).keys():
        raise ValueError(f"these names are taken: {', '.join(sorted(taken))}")
    return _zip(selection, checkpoint.size, content | dict(extra or {}), file, form, bom, cuts)


def public_keys(of: Checkpoint | None = None) -> str:
    """The public keys of the log on record, oldest first, one a line; or those alone that signed a checkpoint."""
    keys = signing.keys_on_record()
    if of:
        signed = signing.signed_by(of.note, keys)
        keys = [key for key in keys if key in signed]
    return "".join(f"{key.verifier_key}\n" for key in keys)


def _zip(
    selection: Selection,
    size: int,
    content: Mapping[str, bytes | None],
    file: str,
    form: str,
    bom: bool,
    cuts: Collection[int],
) -> Iterator[bytes]:
    """`content` says what comes in which order; where it is None, it is made here."""
    sink = _Sink()
    with (
        tempfile.TemporaryFile("w+", encoding="ascii", newline="\n") as leaves,
        tempfile.TemporaryFile("w+", encoding="ascii", newline="\n") as gaps,
        zipfile.ZipFile(sink, "w") as archive,
    ):
        found = proofs.beside(
            rows(selection, size), size, leaves=leaves, proofs=None if selection.whole else gaps, cuts=cuts
        )
        shown = (piece.encode() for piece in pieces(lines(found, form, bom=bom)))
        made: dict[str, Iterable[bytes]] = {file: shown, f"{file}.leaves": _read(leaves)}
        if not selection.whole:
            made[f"{file}.proofs.json"] = _read(gaps)
        for name, data in content.items():
            if data is None and name not in made:
                continue
            entry = _entry(name)
            large = name == file and count(selection, size) > _FIT
            with archive.open(entry, "w", force_zip64=large) as out:
                for piece in [data] if data is not None else made[name]:
                    out.write(piece)
                    if sink.held >= _PIECE:
                        yield sink.take()
    yield sink.take()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _BEGINNING)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system, entry.external_attr = _UNIX, _READABLE
    return entry


def _read(file: Any) -> Iterator[bytes]:
    """The bytes of a text file, from its start, once it is written."""
    file.seek(0)
    while piece := file.buffer.read(_PIECE):
        yield piece


class _Sink(io.RawIOBase):
    """Where the zip is written to: it cannot seek, so what was written can be handed on."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.held = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        self.held += len(data)
        return len(data)

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces, self.held = [], 0
        return taken
