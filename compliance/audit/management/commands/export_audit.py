"""manage.py export_audit: the trail as CSV or JSON lines, to a file or to standard output."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.audit import export
from compliance.audit.actions import EXPORTED
from compliance.audit.models import Event
from compliance.audit.record import CASE, record

_WRITERS = {"csv": export.write_csv, "jsonl": export.write_jsonl}


def _moment(end: bool) -> Callable[[str], datetime]:
    def read(text: str) -> datetime:
        try:
            return export.parse_moment(text, end=end)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _reference(text: str) -> str:
    if not text or not CASE.fullmatch(text):
        raise argparse.ArgumentTypeError(_("“%s” is not a case reference, such as DSR-2026-000123.") % text)
    return text


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(_("“%s” is not a whole number, 0 or more.") % text)
    return int(text)


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """A text file that takes the place of `path` when the block ends well, and otherwise leaves no trace."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class Command(BaseCommand):
    help = "Exports the audit trail. The count goes to standard error, so that the output can be piped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--case", type=_reference, metavar="REF", help="only the events of this case")
        parser.add_argument(
            "--since", type=_moment(end=False), metavar="D", help="a date or RFC 3339 time; from then on"
        )
        parser.add_argument(
            "--until", type=_moment(end=True), metavar="D", help="a date (that day included) or a time (not included)"
        )
        parser.add_argument("--after-index", type=_whole_number, metavar="N", help="only sealed events beyond index N")
        parser.add_argument("--format", choices=sorted(_WRITERS), default="csv")
        parser.add_argument("--out", type=Path, metavar="FILE", help="written whole or not at all; default: the output")

    def handle(self, *args: Any, **options: Any) -> None:
        since, until = options["since"], options["until"]
        if since and until and since >= until:
            raise CommandError(_("--since must be before --until. Nothing was exported."), returncode=2)
        if options["case"] and not Event.objects.filter(case=options["case"]).exists():
            raise CommandError(
                _("The trail holds no event of the case %s. Nothing was exported. Check the reference.")
                % options["case"]
            )
        selection = {name: options[name] for name in ("case", "since", "until", "after_index")}
        write = _WRITERS[options["format"]]

        def note(count: int) -> None:
            record(EXPORTED, actor="system:command", case=options["case"] or "", format=options["format"], count=count)

        count: int | None
        with closing(export.rows(**selection)) as rows:
            if options["out"]:
                count = self._to_file(options["out"], lambda stream: write(rows, stream), note)
            else:
                count = self._to_output(lambda stream: write(rows, stream))
        if count is None:
            return
        if not options["out"]:
            with transaction.atomic():
                note(count)
        self.stderr.write(self.style.SUCCESS(ngettext("%d event exported.", "%d events exported.", count) % count))
        if options["after_index"] is not None:
            self.stderr.write(_("No event is sealed yet, so none has an index."))

    def _to_file(self, out: Path, write: Callable[[Any], int], note: Callable[[int], None]) -> int:
        path = out.resolve()
        if path.exists() and not path.is_file():
            raise CommandError(_("%s is not a file. Nothing was exported.") % out, returncode=2)
        try:
            with _replacing(path) as stream:
                count = write(stream)
                with transaction.atomic():  # on record before the file can be read
                    note(count)
        except OSError as error:
            raise CommandError(
                _("%(file)s cannot be written: %(why)s. Nothing was exported.") % {"file": out, "why": error.strerror}
            ) from error
        return count

    def _to_output(self, write: Callable[[Any], int]) -> int | None:
        """None when the reader went away (`… | head`): that is its right, and no error."""
        reconfigure = getattr(self.stdout, "reconfigure", None)  # a real output, not a test's buffer
        if reconfigure:
            reconfigure(encoding="utf-8", newline="")
        try:
            count = write(_Plain(self.stdout))
            self.stdout.flush()
        except BrokenPipeError:
            # What is still buffered would raise again when the interpreter flushes at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return None
        except OSError as error:
            raise CommandError(_("The export broke off and is not complete: %s.") % error.strerror) from error
        return count


class _Plain:
    """Django's output wrapper without the line ends it adds."""

    def __init__(self, output: Any) -> None:
        self._output = output

    def write(self, text: str) -> None:
        self._output.write(text, ending="")
