"""manage.py replay_erasures: a vendor was put back from its backup, and what it did since is to be done again."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date, datetime, time
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from compliance import clock
from compliance.progress import Progress
from compliance.staff.models import User
from erasure import imports, restore
from erasure.errors import DeskError
from erasure.lifecycle import be_newest
from erasure.models import Vendor
from erasure.restore import replaying

ACCOUNT = "replay"  # a service account, so that whoever may approve may approve this too


def _moment(text: str) -> datetime:
    """A day (in the desk's zone, from its beginning) or a time."""
    try:
        if len(text) == len("2026-11-21"):
            return datetime.combine(date.fromisoformat(text), time.min, timezone.get_default_timezone())
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(_("“%s” is not a day, such as 2026-11-21, or a time.") % text) from None
    return moment if timezone.is_aware(moment) else moment.replace(tzinfo=timezone.get_default_timezone())


class Command(BaseCommand):
    help = (
        "A vendor was put back to an earlier state: opens again, for approval, what it erased or restricted after that "
        "time, for this vendor alone. Repeated, it opens nothing twice."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--vendor", required=True, metavar="V", help="the vendor account's short name")
        parser.add_argument(
            "--restored-to", required=True, type=_moment, metavar="DATE", help="the time that the vendor went back to"
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would be opened")
        parser.add_argument(
            "--account", metavar="NAME", help=f"who opens the cases and so cannot approve them (default: {ACCOUNT})"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        vendor = Vendor.objects.filter(slug=options["vendor"]).first()
        if vendor is None:
            raise CommandError(
                _("There is no vendor account %s. Nothing was opened.") % options["vendor"], returncode=2
            )
        restored_to: datetime = options["restored_to"]
        if restored_to > clock.now():
            raise CommandError(_("--restored-to is in the future. Nothing was opened."), returncode=2)
        if not vendor.enabled and not options["dry_run"]:
            raise CommandError(_("The vendor account is disabled. Nothing was opened. Enable it first."))
        try:
            be_newest()
        except DeskError as error:
            raise CommandError(error.text) from None
        by = _account(options["account"], make=not options["dry_run"])
        count = replaying.forgotten(vendor, restored_to).count()
        progress = Progress(self.stderr, look=1)
        unreadable = 0
        for done, item in enumerate(restore.replay(vendor, restored_to, by=by, dry_run=options["dry_run"]), start=1):
            progress.at(done, done / max(count, 1))
            unreadable += bool(item.why_not)
            self.stdout.write(f"{item.original}: {_said(item)}")
        progress.end()
        for key, text in (
            ("lifted", _("Restrictions whose lifting the vendor has forgotten; have them lifted again: %s")),
            ("under_way", _("Work under way, which the vendor may have forgotten; look at each: %s")),
        ):
            if references := replaying.to_look_at(vendor, restored_to)[key]:
                self.stdout.write(text % ", ".join(references))
        if unreadable:
            text = _(
                "Cases that cannot be opened again: %d. The vendor holds data of these people again. Ask it which came "
                "back with its backup, and have that erased there."
            )
            raise CommandError(text % unreadable)


def _said(item: restore.Replay) -> str:
    if item.opened:
        return _("opened as %s, awaits approval") % item.opened
    if item.before:
        return _("is done again by %s already") % item.before
    return item.why_not or _("would be opened again")


def _account(name: str | None, *, make: bool) -> User | None:
    found = User.objects.filter(username=name or ACCOUNT).first()
    if found is None and name is None:
        if not make:
            return None
        return User.objects.create(username=ACCOUNT, is_service=True, password=make_password(None))
    if found is None:
        raise CommandError(_("There is no account “%s”. Nothing was opened.") % name, returncode=2)
    if not imports.may_open(found, submits=True):
        text = _("The account “%s” may not open cases, or is closed. Nothing was opened.")
        raise CommandError(text % found.username, returncode=2)
    return found
