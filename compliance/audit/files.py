"""An export as files: the rows, and beside them what proves them."""

import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from . import proofs
from .export import Row, Selection, lines
from .models import Checkpoint

BESIDE = (".checkpoint", ".proofs.json", ".leaves")


def write(
    path: Path,
    found: Iterable[Row],
    selection: Selection,
    checkpoint: Checkpoint | None,
    *,
    form: str,
    bom: bool = False,
    cuts: Collection[int] = (),
    before: Callable[[], None],
) -> None:
    """Writes the rows `found` of `selection` to `path`, and the files beside it; without a checkpoint there are none.
    Calls `before` when all is written and nothing is in its place yet.

    All files are there at the end, in place of those of a former export. If anything fails until `before` has returned,
    nothing has changed; if putting files in their places fails, there is no file at `path`: what proves rows never lies
    beside others. Raises OSError."""
    parts: dict[str, Path] = {}
    try:
        with ExitStack() as opened:

            def new(suffix: str) -> IO[str]:
                handle, name = tempfile.mkstemp(prefix=f".{path.name}{suffix}.", suffix=".part", dir=path.parent)
                parts[suffix] = Path(name)
                return opened.enter_context(_synced(handle))

            rows = new("")
            if checkpoint:
                new(".checkpoint").write(checkpoint.note)
                gaps = None if selection.whole else new(".proofs.json")
                cuts = {*cuts, *proofs.anchored(checkpoint.size)}
                found = proofs.beside(found, checkpoint.size, leaves=new(".leaves"), proofs=gaps, cuts=cuts)
            rows.writelines(lines(found, form, bom=bom))
        before()
        path.unlink(missing_ok=True)
        for suffix in (*BESIDE, ""):
            if suffix in parts:
                parts[suffix].replace(f"{path}{suffix}")
            else:
                Path(f"{path}{suffix}").unlink(missing_ok=True)
    except BaseException:
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)
        raise


@contextmanager
def _synced(handle: int) -> Iterator[IO[str]]:
    """The text file, whose content is on the disk when the block ends well."""
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
