from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from compliance.staff import tokens
from compliance.staff.models import Scope


def _days(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 36_500:
        raise ArgumentTypeError(_("must be a whole number of days from 1 to 36500"))
    return int(text)


class Command(BaseCommand):
    help = _("Makes a token for a service account and prints it alone, once. The account is made if it is missing.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        create = commands.add_parser("create", help=_("make a token and print it"))
        create.add_argument("account", help=_("the service account's name"))
        create.add_argument(
            "--scope",
            action="append",
            required=True,
            choices=Scope.values,
            dest="scopes",
            help=_("what the token may do; give it once for each scope"),
        )
        create.add_argument("--expires-in-days", type=_days, metavar="N", help=_("without it: valid until revoked"))

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["expires_in_days"]
        try:
            _token, text = tokens.issue(options["account"], options["scopes"], timedelta(days=days) if days else None)
        except tokens.NotIssued as error:
            raise CommandError(str(error)) from None
        self.stdout.write(text)
