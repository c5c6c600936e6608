import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from getpass import getpass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance import first_environment
from compliance.staff import accounts
from erasure import vitals
from erasure.models import Vendor

BY = "system:command"


class Command(BaseCommand):
    help = _(
        "Makes a desk of what is installed: keys, tables, the first administrator; and says what to do next. What is "
        "there already stays as it is."
    )
    requires_system_checks = ()  # they ask for what is made here

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--username", help=_("the first administrator's name; asked for on a terminal"))
        parser.add_argument("--email", default="", help=_("their e-mail address"))
        parser.add_argument(
            "--password-file", metavar="FILE", help=_("a file with their password in its first line; -: standard input")
        )
        parser.add_argument("--no-input", action="store_false", dest="interactive", help=_("ask nothing"))
        parser.add_argument(
            first_environment.OPTION,
            metavar="FILE",
            help=_("before all else: begin the file with the settings, and do nothing else (its --help says more)"),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.DEMO:
            raise CommandError(_("This is the demo, which sets itself up. Nothing was changed."))
        self._is_the_desks_account()
        self._make_files()
        self._make_administrator(options)
        self._say_what_is_next()

    @staticmethod
    def _is_the_desks_account() -> None:
        """What root makes in somebody else's folder, the desk could not use."""
        owner = Path(settings.DATA_DIR).stat().st_uid
        if os.geteuid() != owner and os.geteuid() == 0:
            text = _("Run this as the account that the desk runs as: it owns %(folder)s. Nothing was changed.")
            raise CommandError(text % {"folder": settings.DATA_DIR})

    # --- keys and tables

    def _make_files(self) -> None:
        files = {
            _("Key ring"): Path(settings.KEY_RING),
            _("Signing key of the trail"): Path(settings.AUDIT_SIGNING_KEY),
            _("Folder for evidence"): Path(settings.EVIDENCE_DIR),
        }
        there = {path for path in files.values() if path.exists()}
        missing = len(vitals.unapplied())
        call_command("migrate", interactive=False, verbosity=0)  # it makes the keys as well
        if Path(settings.EVIDENCE_DIR) not in there:
            self._make_folder(Path(settings.EVIDENCE_DIR))
        for name, path in files.items():
            self._say(name, _("there: %s") % path if path in there else _("made: %s") % path)
        text = ngettext("%(count)d migration applied", "%(count)d migrations applied", missing) % {"count": missing}
        self._say(_("Database"), text if missing else _("up to date"))

    @staticmethod
    def _make_folder(path: Path) -> None:
        try:
            path.mkdir(parents=True, mode=0o700)
        except OSError as error:
            text = _("%(folder)s cannot be made: %(why)s.") % {"folder": path, "why": error.strerror}
            raise CommandError(text) from None

    # --- the first administrator

    def _make_administrator(self, options: dict[str, Any]) -> None:
        subject = _("Administrator")
        if names := list(accounts.administrators().order_by("pk").values_list("username", flat=True)[:5]):
            self._say(subject, _("there: %s") % ", ".join(names))
            return
        asks = options["interactive"] and sys.stdin.isatty() and options["password_file"] is None
        if not asks and not (options["username"] and options["password_file"]):
            text = _("There is no administrator yet. Give %(options)s, or run this on a terminal.")
            raise CommandError(text % {"options": "--username, --password-file"}, returncode=2)
        while True:
            try:
                name, email, password = self._asked(options) if asks else self._given(options)
                accounts.make_administrator(name, email, password, actor=BY)
            except ValidationError as error:
                if not asks:
                    raise CommandError(" ".join(error.messages)) from None
                self.stderr.write(" ".join(error.messages))
                options = {**options, "username": None, "email": ""}  # or a name that is taken would come again
            else:
                self._say(subject, _("made: %s; they set up their second factor when they first sign in") % name)
                return

    def _asked(self, options: dict[str, Any]) -> tuple[str, str, str]:
        try:
            name = options["username"] or input(_("Name of the first administrator: "))
            email = options["email"] or input(_("E-mail address (may be left empty): "))
            password = getpass(_("Password: "))
            if password != getpass(_("Once more: ")):
                raise ValidationError(_("These are two different passwords."))
        except (EOFError, KeyboardInterrupt):
            raise CommandError(_("No administrator was made. Run this again to make one.")) from None
        return name, email, password

    def _given(self, options: dict[str, Any]) -> tuple[str, str, str]:
        try:
            file = options["password_file"]
            text = sys.stdin.readline() if file == "-" else Path(file).read_text()
        except (OSError, UnicodeDecodeError):
            raise CommandError(_("The file of the password cannot be read. No administrator was made.")) from None
        return options["username"], options["email"], text.partition("\n")[0].removesuffix("\r")

    # --- what is next

    def _say_what_is_next(self) -> None:
        lines = [_("What to do next:"), ""]
        steps = [*self._lines_missing(), *self._steps()]
        lines += [f"{number}. {step}" for number, step in enumerate(steps, start=1)]
        self.stdout.write("\n" + "\n".join(lines))

    @staticmethod
    def _lines_missing() -> Iterator[str]:
        """What is not set and a real desk needs: one step with a line for each."""
        wanted = {
            "ALLOWED_HOSTS='desk.example.org,127.0.0.1'": bool(settings.ALLOWED_HOSTS),
            "CSRF_TRUSTED_ORIGINS='https://desk.example.org'": not settings.HTTPS or settings.CSRF_TRUSTED_ORIGINS,
            "TRUSTED_PROXIES='127.0.0.1'": not settings.HTTPS or settings.TRUSTED_PROXIES,
            "VENDOR_HOSTS='api.shop.example'": settings.VENDOR_HOSTS,
            "EMAIL_URL='smtp+tls://user:password@host:587'": settings.MAIL_IS_SET,
            "ALERTS_TO='desk@example.org'": settings.ALERTS_TO,
            "AUDIT_ANCHOR='file:///mnt/elsewhere'": settings.AUDIT_ANCHOR or settings.AUDIT_TIMESTAMP_URL,
        }
        if missing := [line for line, is_set in wanted.items() if not is_set]:
            text = _("Set what is missing in the environment, such as:")
            yield "\n".join((text, *(f"      {line}" for line in missing)))

    @staticmethod
    def _steps() -> Iterator[str]:
        keys = sorted({str(Path(key).parent) for key in (settings.KEY_RING, settings.AUDIT_SIGNING_KEY)})
        text = _(
            "Back up the keys, apart from all else: %(folders)s. Without the key ring no personal data can be read."
        )
        yield text % {"folders": ", ".join(keys)}
        yield _("Start web server and worker: %s") % "systemctl enable --now erasure-desk-web erasure-desk-worker"
        if not Vendor.objects.exists():
            yield _("Load your vendor accounts: %s") % "manage.py vendors load FILE, manage.py vendors check"
        yield _("Make an account for each person in the admin: whoever opens a case cannot approve it.")
        yield _("See whether all is in order: %s") % "manage.py doctor, manage.py check --deploy"

    def _say(self, subject: str, text: str) -> None:
        self.stdout.write(f"{subject}: {text}")
