"""manage.py export_audit: the trail as CSV or JSON lines, to a file or to standard output."""

import argparse
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.audit import export, files, seal
from compliance.audit.export import Row, Selection
from compliance.audit.known import knows_action, knows_actor, knows_case
from compliance.audit.record import ACTOR, CASE
from compliance.output import is_no_file, write_output
from compliance.progress import Progress

_LARGEST = 2**53 - 1  # a number that an event can hold
_LONGEST_NOTE = 128 * 1024  # bytes of a checkpoint's file


def _moment(end: bool) -> Callable[[str], datetime]:
    def read(text: str) -> datetime:
        try:
            return export.parse_moment(text, end=end)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _matching(pattern: re.Pattern[str], complaint: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not text or not pattern.fullmatch(text):
            raise argparse.ArgumentTypeError(complaint % text)
        return text

    return read


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST)) and int(text) <= _LARGEST):
        raise argparse.ArgumentTypeError(_("“%s” is not a whole number, 0 or more.") % text)
    return int(text)


def _size(text: str) -> int:
    """A size, or that of the checkpoint in a file."""
    if text.isascii() and text.isdigit():
        return _whole_number(text)
    try:
        with Path(text).open("rb") as file:
            _name, size, *_rest = file.read(_LONGEST_NOTE).decode().split("\n")
        return _whole_number(size)
    except OSError as error:
        raise argparse.ArgumentTypeError(
            _("“%(file)s” cannot be read: %(why)s.") % {"file": text, "why": error.strerror}
        ) from None
    except (ValueError, argparse.ArgumentTypeError):
        raise argparse.ArgumentTypeError(_("“%s” is neither a size nor a file with a checkpoint.") % text) from None


class Command(BaseCommand):
    help = (
        "Exports the audit trail, sealed first, as it is at its newest checkpoint. With --out, what proves it goes "
        "beside the file. The count goes to standard error, so that the output can be piped."
    )
    requires_system_checks = ()  # they load every page of the desk, which takes memory

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        case = _matching(CASE, _("“%s” is not a case reference, such as DSR-2026-000123."))
        actor = _matching(ACTOR, _("“%s” is not an actor of the trail, such as user:7 or system:worker."))
        add("--case", type=case, metavar="REF", help="only the events of this case")
        add("--actor", type=actor, metavar="WORD", help="only what user:7, or system:worker, did")
        add("--action", default="", metavar="NAME", help="only events of this name, such as case.opened")
        add("--since", type=_moment(end=False), metavar="D", help="a date or RFC 3339 time; from then on")
        add("--until", type=_moment(end=True), metavar="D", help="a date (that day included) or a time (not included)")
        add("--after-index", type=_whole_number, metavar="N", help="only sealed events beyond index N")
        add("--format", choices=["csv", "jsonl"], default="csv")
        add("--bom", action="store_true", help="begin the CSV with a byte order mark, as Excel wants it")
        add("--no-tail", action="store_true", help="leave out events that could not be sealed yet")
        add(
            "--consistent-with",
            type=_size,
            action="append",
            default=[],
            metavar="SIZE|FILE",
            help="make a part show that the log continues an earlier checkpoint, given by its size or its file",
        )
        add("--out", type=Path, metavar="FILE", help="written whole or not at all; default: the output")

    def handle(self, *args: Any, **options: Any) -> None:
        selection = self._selection(options)
        out, form, bom, cuts = (options[name] for name in ("out", "format", "bom", "consistent_with"))
        path = out.resolve() if out else None
        for place in [Path(f"{path}{suffix}") for suffix in ("", *files.BESIDE)] if path else []:
            if is_no_file(place):
                raise CommandError(_("%s is not a file. Nothing was exported.") % place, returncode=2)
        checkpoint = seal.newest_after_sealing()
        size = checkpoint.size if checkpoint else 0
        if too_large := [cut for cut in cuts if cut > size]:
            raise CommandError(
                _("The log has %(size)d sealed events: it cannot continue one of %(cut)d. Nothing was exported.")
                % {"size": size, "cut": max(too_large)}
            )
        tail = not options["no_tail"]
        told = _Told(export.rows(selection, size, tail=tail), selection, size, Progress(self.stderr))

        def record(count: int) -> None:
            export.record_export(selection, actor="system:command", form=form, count=count, size=size)

        if path:
            try:
                files.write(
                    path, told, selection, checkpoint, form=form, bom=bom, cuts=cuts, before=lambda: record(told.count)
                )
            except OSError as error:
                raise CommandError(
                    _("%(file)s cannot be written: %(why)s. Nothing was exported.")
                    % {"file": out, "why": error.strerror}
                ) from error
        else:
            record(export.count(selection, size, tail=tail))
            if not write_output(self, export.pieces(export.lines(told, form, bom=bom))):
                return
        self._sum_up(told, size, bool(path))

    def _selection(self, options: dict[str, Any]) -> Selection:
        names = ("case", "actor", "action", "since", "until", "after_index")
        selection = Selection(**{name: options[name] for name in names if options[name] not in (None, "")})
        if selection.since and selection.until and selection.since >= selection.until:
            raise CommandError(_("--since must be before --until. Nothing was exported."), returncode=2)
        if options["bom"] and options["format"] != "csv":
            raise CommandError(_("--bom is for CSV alone. Nothing was exported."), returncode=2)
        if selection.case and not knows_case(selection.case):
            raise CommandError(
                _("The trail holds no event of the case %s. Nothing was exported. Check the reference.")
                % selection.case
            )
        if selection.actor and not knows_actor(selection.actor):
            raise CommandError(_("The trail knows no “%s”. Nothing was exported.") % selection.actor)
        if selection.action and not knows_action(selection.action):
            raise CommandError(
                _("There is no action “%s” in the trail. Nothing was exported. The README lists them.")
                % selection.action
            )
        return selection

    def _sum_up(self, told: "_Told", size: int, to_file: bool) -> None:
        said = ngettext("%d event exported.", "%d events exported.", told.count) % told.count
        self.stderr.write(self.style.SUCCESS(said))
        if told.unsealed:
            self.stderr.write(
                ngettext("%d of them is not sealed yet.", "%d of them are not sealed yet.", told.unsealed)
                % told.unsealed
            )
        if not size:
            self.stderr.write(_("Nothing of the trail is sealed yet, so nothing proves what the rows say."))
        elif not to_file:
            self.stderr.write(_("Use --out FILE to have beside the rows what proves them."), str)


class _Told:
    """Counts the rows that go by, and shows how far they are."""

    def __init__(self, rows: Iterator[Row], selection: Selection, size: int, progress: Progress) -> None:
        self._rows, self._progress = rows, progress
        self._first, self._places = selection.first, max(size - selection.first, 1)
        self.count = self.unsealed = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            if row.index is None:
                self.unsealed += 1
                self._progress.at(self.count, 1)
            else:
                self._progress.at(self.count, (row.index - self._first) / self._places)
            yield row
        self._progress.end()
