"""Where a command's export goes: a file that is written whole or not at all, or standard output."""

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _


def is_no_file(path: Path) -> bool:
    """Whether something else than a file stands there, as far as that may be seen: writing will tell the rest."""
    with suppress(OSError):
        return path.exists() and not path.is_file()
    return False


def write_file(path: Path, pieces: Iterable[bytes]) -> None:
    """Writes what `pieces` gives. It is asked only once the folder is known to take a file. Raises CommandError."""
    if is_no_file(path):
        raise CommandError(_("%s is not a file. Nothing was exported.") % path, returncode=2)
    try:
        with _replacing(path.resolve()) as stream:
            for piece in pieces:
                stream.write(piece)
    except OSError as error:
        text = _("%(file)s cannot be written: %(why)s. Nothing was exported.")
        raise CommandError(text % {"file": path, "why": error.strerror}) from error


def write_output(command: BaseCommand, lines: Iterable[str]) -> bool:
    """Writes lines, with the ends that they have. False when the reader went away (`… | head`), which is its right.
    Raises CommandError."""
    output: Any = command.stdout
    if reconfigure := getattr(output, "reconfigure", None):  # a real output, not a test's buffer
        reconfigure(encoding="utf-8", newline="")
    try:
        for line in lines:
            output.write(line, ending="")
        output.flush()
    except BrokenPipeError:
        # What is still buffered would raise again when the interpreter flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    except OSError as error:
        raise CommandError(_("The export broke off and is not complete: %s.") % error.strerror) from error
    return True


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` when the block ends well, and otherwise leaves no trace."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
