"""manage.py export_pack REF --out FILE.zip: the regulator pack of a case."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from compliance.output import write_file
from erasure.errors import Conflict
from erasure.models import Case
from erasure.reports.pack import export_pack


def _content(case: Case) -> Iterator[bytes]:
    yield export_pack(case, actor="system:command").content


class Command(BaseCommand):
    help = "Exports the regulator pack of a case: a readable record, its events with what proves them, the verifier."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("reference", metavar="REF", help="the case, such as DSR-2026-000123")
        parser.add_argument("--out", type=Path, metavar="FILE", required=True, help="written whole or not at all")

    def handle(self, *args: Any, reference: str, out: Path, **options: Any) -> None:
        case = Case.objects.filter(reference=reference).first() if reference.isascii() else None
        if case is None:
            raise CommandError(_("There is no case %s. Nothing was exported. Check the reference.") % ascii(reference))
        try:
            write_file(out, _content(case))
        except Conflict as error:
            raise CommandError(error.text) from None
        self.stderr.write(self.style.SUCCESS(_("The pack of %(case)s is in %(file)s.") % {"case": case, "file": out}))
