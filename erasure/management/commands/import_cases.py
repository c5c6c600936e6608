"""manage.py import_cases: a case for each row of a CSV file, with a report per row that names nobody."""

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from compliance.output import write_file
from compliance.progress import Progress
from compliance.staff.models import User
from erasure import imports
from erasure.errors import DeskError
from erasure.intake import Accounts
from erasure.models import Import
from erasure.states import RowOutcome

ACCOUNT = "import"  # opens the cases where nobody is named


class Command(BaseCommand):
    help = (
        "Opens a case for each right row of a CSV file, and says of each row what came of it. Running it again opens "
        "nothing twice. The columns are those of the template in the admin (Cases, Import cases)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--dry-run", action="store_true", help="only say what would come of each row")
        parser.add_argument("--submit", action="store_true", help="submit each case for approval; default: drafts")
        parser.add_argument(
            "--account",
            metavar="NAME",
            help=f"who opens the cases, and so cannot approve them; default: the service account “{ACCOUNT}”, which is "
            "made if missing",
        )
        parser.add_argument(
            "--days",
            choices=["day-first", "month-first"],
            help="how days such as 02/11/2026 are read; default: they are refused, 2026-11-02 never is",
        )
        parser.add_argument("--again", action="store_true", help="open rows that were imported before once more")
        parser.add_argument("--leave-out-unknown", action="store_true", help="leave out columns that are not known")
        parser.add_argument("--to-mend", type=Path, metavar="OUT", help="write the wrong rows, with what is wrong")

    def handle(self, *args: Any, **options: Any) -> None:
        content = _read(options["file"])
        day_first = {"day-first": True, "month-first": False}.get(options["days"])
        by = _account(options["account"], submits=options["submit"], make=not options["dry_run"])
        try:
            if options["dry_run"]:
                wrong = self._try(content, by, day_first, options)
            else:
                assert by is not None
                wrong = self._import(content, by, day_first, options)
        except imports.NotATable as error:
            raise CommandError(str(error)) from None
        except DeskError as error:
            raise CommandError(error.text) from None
        if wrong:
            raise CommandError(_("Rows that were not opened: %d. Mend them and run this again.") % wrong)

    def _try(self, content: bytes, by: User | None, day_first: bool | None, options: dict[str, Any]) -> int:
        accounts = Accounts.read()
        table = imports.table_of(content, accounts)
        judged = imports.judge(table, accounts, by=by, day_first=day_first, again=options["again"])
        unknown = imports.unknown(judged.places)
        if unknown and not options["leave_out_unknown"]:
            raise imports.NotATable(_columns(unknown))
        for row in judged.rows:
            if row.there:
                self._say(row.number, _("already there: %s") % row.there)
            elif row.same_as:
                self._say(row.number, _("says the same as row %d and would be skipped") % row.same_as)
            elif row.problems:
                told = [(problem.letter, problem.name, problem.text) for problem in row.problems]
                self._say(row.number, _problems(row.number, told))
            else:
                self._say(row.number, " ".join([_("would be opened."), *row.warnings]))
        wrong = judged.of(RowOutcome.WRONG)
        if wrong and options["to_mend"]:
            rows = ((row.cells, imports.by_column(row.problems)) for row in wrong)
            write_file(options["to_mend"], [imports.to_mend(table, rows)])
        self.stderr.write(_("Nothing was changed."))
        return len(wrong)

    def _import(self, content: bytes, by: User, day_first: bool | None, options: dict[str, Any]) -> int:
        accounts = Accounts.read()
        header = imports.table_of(content, accounts).header
        unknown = imports.unknown(imports.places(header, imports.kinds(accounts.kinds)))
        if unknown and not options["leave_out_unknown"]:
            raise imports.NotATable(_columns(unknown))
        kept = imports.upload(content, by=by, day_first=day_first)
        imports.accept(kept, submits=options["submit"], again=options["again"], leave_out=True)
        progress = Progress(self.stderr, look=1)
        told = iter(range(kept.rows))

        def goes_on() -> bool:
            done = next(told, kept.rows)
            progress.at(done, done / kept.rows)
            return True

        try:
            imports.carry_on(kept.pk, goes_on=goes_on)
        except KeyboardInterrupt:
            imports.finish(kept, stopped=True)
        progress.end()
        kept.refresh_from_db()
        for row in kept.results.select_related("case"):
            if row.outcome == RowOutcome.OPENED and row.case:
                self._say(row.number, _("opened: %s") % row.case.reference)
            elif row.case:
                self._say(row.number, _("already there: %s") % row.case.reference)
            else:
                self._say(row.number, _problems(row.number, row.problems))
        return self._end(kept, options["to_mend"])

    def _end(self, kept: Import, to_mend: Path | None) -> int:
        if to_mend and (rest := kept.content()):
            write_file(to_mend, [rest])
        imports.discard(kept, actor="system:command")  # the file is still where it was read from
        counts = {"opened": kept.opened, "skipped": kept.skipped, "wrong": kept.wrong, "left": kept.rows - kept.done}
        text = _("%(opened)s opened, %(skipped)s already there, %(wrong)s wrong, %(left)s not reached.")
        self.stderr.write(text % counts)
        return counts["wrong"] + counts["left"]

    def _say(self, number: int, text: str) -> None:
        self.stdout.write(_("row %(row)d: %(text)s") % {"row": number, "text": text})


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(imports.MOST_BYTES + 1)
    except OSError as error:
        text = _("%(file)s cannot be read: %(why)s. Nothing was opened.")
        raise CommandError(text % {"file": path, "why": error.strerror}, returncode=2) from None


def _account(name: str | None, *, submits: bool, make: bool) -> User | None:
    """Whoever opens the cases. A person must be allowed to; an account is only made where none is named."""
    found = User.objects.filter(username=name or ACCOUNT).first()
    if found is None and name is None:
        if not make:
            return None
        return User.objects.create(username=ACCOUNT, is_service=True, password=make_password(None))
    if found is None:
        raise CommandError(_("There is no account “%s”. Nothing was opened.") % name, returncode=2)
    if name is None and not found.is_service:
        text = _("“%s” is a person's account. Name one with --account. Nothing was opened.")
        raise CommandError(text % ACCOUNT, returncode=2)
    if not imports.may_open(found, submits=submits):
        text = _("The account “%s” may not open cases like this, or is closed. Nothing was opened.")
        raise CommandError(text % found.username, returncode=2)
    return found


def _columns(unknown: list[imports.Place]) -> str:
    """By their letters: what a header says may name a person, where a file has none."""
    text = _("Columns that are not known: %s. Rename them, or give --leave-out-unknown. Nothing was opened.")
    return text % ", ".join(place.letter for place in unknown)


def _problems(number: int, told: Any) -> str:
    def each() -> Iterator[str]:
        for letter, name, text in told:
            place = f"{letter}{number} {name}" if letter else name
            yield f"{place}: {text}" if place else text

    return " ".join(each())
