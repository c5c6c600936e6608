"""manage.py after_restore: what must happen before work goes on upon a database that was put back from a backup."""

import re
import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.audit.highwater import MARK
from compliance.audit.record import timestamp
from compliance.vault.keys import ring
from erasure import restore
from erasure.restore import putting_right

SHOWN = 20  # references, tokens


def _number(text: str) -> int:
    if not (found := re.fullmatch(r"DSR-\d{4}-(\d{6,9})", text)):
        raise ArgumentTypeError(_("“%s” is not a reference, such as DSR-2026-000123.") % text)
    return int(found[1])


class Command(BaseCommand):
    help = (
        "After the database was put back from a backup, before workers run: puts in doubt what may have been sent, "
        "destroys again what was destroyed, leaves out references, ends sessions, and writes the gap into the trail."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument("--no-input", action="store_true", help="do not ask before it is done")
        parser.add_argument("--revoke-tokens", action="store_true", help="revoke all service tokens")
        parser.add_argument(
            "--references-after",
            type=_number,
            default=0,
            metavar="REF",
            help="the newest reference that anybody has seen, if it is known: the next one lies beyond it",
        )
        parser.add_argument(
            "--anyway", action="store_true", help="also if nothing is known to have been sealed after the backup"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        ring()  # ImproperlyConfigured says what is missing
        lost = restore.look()
        self._say_what_is_lost(lost)
        if lost.gap is None and lost.shredded and putting_right.came_before() and not options["anyway"]:
            self._destroy_again(dry_run=options["dry_run"])
            return
        if lost.gap is None and lost.is_right and not lost.shredded and not options["anyway"]:
            self.stdout.write(_("The desk was put right before, and nothing has happened since. Nothing was done."))
            return
        if lost.gap is None and not options["anyway"]:
            raise CommandError(
                _(
                    "Nothing that is known to have been sealed is missing here. Nothing was done. If the database was "
                    "put back from a backup all the same, run this again with --anyway."
                )
            )
        asked = {"beyond": options["references_after"], "revoke_tokens": options["revoke_tokens"]}
        if options["dry_run"]:
            self._say(restore.put_right(lost, dry_run=True, **asked), _("Would be done:"))
            self._say_what_to_look_at(options["revoke_tokens"])
            return
        if sys.stdin.isatty() and not options["no_input"]:
            self._ask()
        self._say(restore.put_right(lost, **asked), _("Done:"))
        self._say_what_to_look_at(options["revoke_tokens"])
        self.stdout.write(_("Workers may be started: manage.py work."))

    def _destroy_again(self, *, dry_run: bool) -> None:
        """Nothing else is missing: another host has put the desk right, and its list of destroyed keys was shorter."""
        count = restore.shred_again(dry_run=dry_run)
        heading = _("Would be done:") if dry_run else _("Done:")
        self.stdout.write(f"{heading}\n  - {_destroyed(count)}")

    def _ask(self) -> None:
        question = _("No worker must run now. Put the desk right and let it go on from here? Type yes: ")
        if input(question).strip().lower() not in ("yes", _("yes")):
            raise CommandError(_("Nothing was done."))

    # --- what is said ---

    def _say_what_is_lost(self, lost: restore.Lost) -> None:
        size = lost.ends.size if lost.ends else 0
        text = _("The database ends with %(size)d sealed events; things are lost from %(at)s on.")
        self.stdout.write(text % {"size": size, "at": timestamp(lost.since)})
        if lost.gap and (known := lost.gap.known):
            where = _("the mark beside the key ring") if known.where == MARK else _("an anchored checkpoint")
            text = _("%(size)d events were sealed by %(at)s, says %(where)s. What happened since the backup is lost.")
            self.stdout.write(text % {"size": known.size, "at": timestamp(known.at), "where": where})

    def _say(self, report: restore.Report, heading: str) -> None:
        done = [
            ngettext(
                "%d piece of vendor work in doubt: what it would send next may have been sent",
                "%d pieces of vendor work in doubt: what they would send next may have been sent",
                report.work,
            )
            % report.work,
            _("letters that may have gone, for a person to decide: %d") % report.letters,
            _("stopped: bulk work %(bulk)d, imports %(imports)d") % {"bulk": report.bulk, "imports": report.imports},
            _destroyed(report.shredded),
            _("left out: the references %(first)s to %(last)s")
            % dict(zip(("first", "last"), report.left_out, strict=True)),
            _("sessions ended: %d; everybody signs in again") % report.sessions,
            _("tokens revoked: %d") % report.revoked,
        ]
        self.stdout.write("\n".join([heading, *(f"  - {line}" for line in done)]))

    def _say_what_to_look_at(self, revoked: bool) -> None:
        self.stdout.write(_("For you to look through, as all of it is as it was when the backup was made:"))
        if not revoked and (living := putting_right.living_tokens()):
            self._list(
                _("service tokens that live; one that was revoked since lives again (--revoke-tokens ends all)"),
                [f"{token.account.username} …{token.hint} ({token.created_at:%Y-%m-%d})" for token in living],
            )
        if missing := putting_right.missing_evidence():
            self._list(
                _("evidence whose file is not there: put the evidence folder back too"),
                sorted({reference for _pk, reference in missing}),
            )
        for line in (
            _("accounts: people who left since, roles, second factors that were reset, recovery codes"),
            _("vendor accounts: addresses, options, credentials"),
            _("open cases (%d): each page says since when what was done with it is lost") % putting_right.open_cases(),
            _("requests that came in since: they are not here. Enter them again"),
            _("holds that were placed since: place them again. What is due to be destroyed gives its notice anew"),
        ):
            self.stdout.write(f"  - {line}")

    def _list(self, heading: str, items: list[str]) -> None:
        more = len(items) - SHOWN
        shown = [*items[:SHOWN], *([_("and %d more") % more] if more > 0 else [])]
        self.stdout.write("\n".join([f"  - {heading}:", *(f"      {item}" for item in shown)]))


def _destroyed(count: int) -> str:
    return _("personal data destroyed again, cases and files: %d") % count
