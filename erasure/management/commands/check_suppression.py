"""manage.py check_suppression: which rows of a CSV file are of people who were erased."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from compliance.output import write_file, write_output
from compliance.progress import Progress
from erasure.imports import NotATable
from erasure.imports.checking import check_file
from erasure.normalise import check_kind
from erasure.suppression import Counts


class Command(BaseCommand):
    help = "Says of each row of a CSV file whether it is on the suppression list. Counts go to standard error."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv", help="with the columns kind and value")
        parser.add_argument(
            "--kind", default="", help="all are of this kind, such as email; a column of that name will do"
        )
        parser.add_argument("--country", default="", help="two letters: where phone numbers without a country code are")
        parser.add_argument("--out", type=Path, metavar="FILE", help="written whole or not at all; default: the output")

    def handle(self, *args: Any, **options: Any) -> None:
        path, out, kind = options["file"], options["out"], options["kind"]
        try:
            if kind:
                check_kind(kind)
            size = max(path.stat().st_size, 1)
            file = path.open("rb")
        except ValueError as error:
            raise CommandError(f"--kind: {error}", returncode=2) from None
        except OSError as error:
            text = _("%(file)s cannot be read: %(why)s.")
            raise CommandError(text % {"file": path, "why": error.strerror}, returncode=2) from None
        progress, told = Progress(self.stderr, look=1), Counts()

        def note(counts: Counts) -> None:
            told.checked, told.listed, told.unreadable = counts.checked, counts.listed, counts.unreadable
            progress.at(counts.checked, file.tell() / size)

        with file:
            if not file.seekable():
                text = _("%(file)s cannot be read: %(why)s.")
                why = _("it must be a file, which is read twice")
                raise CommandError(text % {"file": path, "why": why}, returncode=2)
            lines = check_file(file, actor="system:command", kind=kind, country=options["country"], progress=note)
            try:
                if out:
                    write_file(out, (line.encode() for line in lines))
                elif not write_output(self, lines):
                    return
            except NotATable as error:
                raise CommandError(str(error)) from None
            finally:
                lines.close()
                progress.end()
        text = _("%(checked)d checked: %(listed)d on the list, %(unreadable)d could not be read.")
        self.stderr.write(self.style.SUCCESS(text % vars(told)))
