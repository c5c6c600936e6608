"""manage.py retention: how much personal data is destroyed when."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count
from django.db.models.functions import ExtractYear
from django.utils.translation import gettext as _

from compliance.audit.behind import behind
from compliance.deadlines import NEVER
from compliance.progress import Progress
from erasure import retention
from erasure.errors import DeskError
from erasure.lifecycle import be_newest
from erasure.models import Case


class Command(BaseCommand):
    help = (
        "Says how much personal data will be destroyed when. The worker does it, a few cases at a time; this changes "
        "nothing unless it is told to."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--redate",
            action="store_true",
            help="give every case its date anew, and every file that has none, after a change of RETENTION or an "
            "upgrade; nobody loses the notice of it",
        )
        parser.add_argument(
            "--now", action="store_true", help="destroy all that is due now, without waiting for the worker"
        )
        parser.add_argument("--list", action="store_true", help="name the cases whose data goes within the notice")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["redate"]:
            self.stdout.write(_("%(count)s cases have another date.") % {"count": self._redate()})
            text = _("%(count)s files that had no date of their own have one.")
            self.stdout.write(text % {"count": retention.redate_files()})
        if options["now"]:
            text = _("The personal data of %(count)s cases was destroyed.")
            self.stdout.write(text % {"count": self._destroy()})
        self._tell()
        if options["list"]:
            soon = Case.objects.filter(retention.soon()).order_by("shred_at", "reference")
            for day, reference in soon.values_list("shred_at", "reference").iterator():
                self.stdout.write(f"{day}  {reference}")

    def _redate(self) -> int:
        progress, total = Progress(self.stderr, look=1), Case.objects.filter(shredded_at=None).count() or 1
        count = seen = 0
        while given := retention.give_dates():
            count += given
            progress.at(count, count / total)
        after, more = None, True
        while more:
            page, changed, after = retention.redate(after=after)
            seen, count, more = seen + page, count + changed, after is not None
            progress.at(seen, seen / total)
        progress.end()
        return count

    def _destroy(self) -> int:
        try:
            be_newest()
        except DeskError as error:
            raise CommandError(error.text) from None
        progress, total = Progress(self.stderr, look=1), retention.due().count() or 1
        count = 0
        # What something is in the way of has another date after the first try.
        while retention.due().exists() and not behind():
            count += retention.sweep()
            progress.at(count, count / total)
        retention.wipe()
        progress.end()
        return count

    def _tell(self) -> None:
        numbers = [
            (_("Due now"), retention.due()),
            (_("Within the notice (RETENTION_NOTICE_DAYS)"), Case.objects.filter(retention.soon())),
            (_("Ended or drafts, and without a date (nobody has answered yet, or restricted)"), undated()),
            (_("Kept until somebody destroys it by hand"), Case.objects.filter(shred_at=NEVER, shredded_at=None)),
            (_("Destroyed so far"), Case.objects.filter(shredded_at__isnull=False)),
        ]
        for label, cases in numbers:
            self.stdout.write(f"{label}: {cases.count()}")
        dated = Case.objects.filter(shredded_at=None, shred_at__lt=NEVER).order_by()
        years = dated.annotate(year=ExtractYear("shred_at")).values_list("year").annotate(Count("pk"))
        for year, count in sorted(years):
            self.stdout.write(f"  {year}: {count}")


def undated() -> Any:
    return Case.objects.filter(Case.undated())
