"""manage.py export_register: one line a case, as CSV or JSON lines; or the figures of all, as a table or JSON lines."""

import argparse
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.output import write_file, write_output
from compliance.progress import Progress
from erasure.reports import register
from erasure.reports.figures import summary_jsonl, summary_lines
from erasure.states import Regime


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(_("“%s” is not a date, such as 2026-11-21.") % text) from None


class Command(BaseCommand):
    help = "Exports the register of requests and replies. The count goes to standard error, so the output can be piped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--regime", choices=Regime.values, default="", help="only requests under this law")
        parser.add_argument("--since", type=_day, metavar="D", help="received on that day or later")
        parser.add_argument("--until", type=_day, metavar="D", help="received on that day or before")
        parser.add_argument("--format", choices=["csv", "jsonl"], help="default: csv, or a table for --summary")
        parser.add_argument("--bom", action="store_true", help="CSV with a byte order mark, for Excel")
        parser.add_argument("--summary", action="store_true", help="only counts, and days to the reply")
        parser.add_argument("--out", type=Path, metavar="FILE", help="written whole or not at all; default: the output")

    def handle(self, *args: Any, **options: Any) -> None:
        since, until = options["since"], options["until"]
        if since and until and since > until:
            raise CommandError(_("--since must not be after --until. Nothing was exported."), returncode=2)
        if options["summary"] and options["format"] == "csv":
            raise CommandError(_("--summary is a table, or --format jsonl. Nothing was exported."), returncode=2)
        if options["bom"] and (options["summary"] or options["format"] == "jsonl"):
            raise CommandError(_("--bom is for CSV alone. Nothing was exported."), returncode=2)
        selection = register.Selection(options["regime"], since, until)
        form = "summary" if options["summary"] else options["format"] or "csv"
        count = selection.cases().count()

        def lines() -> Iterator[str]:
            register.record_export(selection, actor="system:command", form=form, count=count)
            if form == "summary":
                summary = summary_jsonl if options["format"] == "jsonl" else summary_lines
                yield from (f"{line}\n" for line in summary(entries()))
            elif form == "jsonl":
                yield from register.jsonl_lines(entries())
            else:
                yield from register.csv_lines(entries(), bom=options["bom"])

        def entries() -> Iterator[register.Entry]:
            progress = Progress(self.stderr)
            for done, entry in enumerate(register.entries(selection), start=1):
                progress.at(done, done / max(count, 1))
                yield entry
            progress.end()

        if options["out"]:
            write_file(options["out"], (line.encode() for line in lines()))
        elif not write_output(self, lines()):
            return
        if form == "summary":
            told = ngettext("%d case counted.", "%d cases counted.", count)
        else:
            told = ngettext("%d case exported.", "%d cases exported.", count)
        self.stderr.write(self.style.SUCCESS(told % count))
