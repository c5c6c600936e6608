import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from erasure import doctor
from erasure.doctor import Finding, Level


class Command(BaseCommand):
    help = _("Looks an installation over: what is in order, what is not, and the cure. Calls no vendor.")
    requires_system_checks = ()  # they are among what is told

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help=_("one JSON array, for programs"))

    def handle(self, *args: Any, **options: Any) -> None:
        found = []
        for name, finding in doctor.examine():
            found.append((name, finding))
            if not options["json"]:
                self._tell(name, finding)
        if options["json"]:
            fields = [{"check": name, **vars(finding)} for name, finding in found]
            self.stdout.write(json.dumps(fields, ensure_ascii=False, indent=2))
        problems = sum(finding.level == Level.PROBLEM for _name, finding in found)
        if problems:
            text = ngettext("%(count)d problem was found.", "%(count)d problems were found.", problems)
            raise CommandError(text % {"count": problems})

    def _tell(self, name: str, finding: Finding) -> None:
        style = {Level.OK: self.style.SUCCESS, Level.WARNING: self.style.WARNING, Level.PROBLEM: self.style.ERROR}
        self.stdout.write(f"{style[finding.level](f'{finding.level.label:8}')} {name:16} {finding.text}")
        if finding.cure:
            self.stdout.write(" " * 26 + _("Cure: %s") % finding.cure)
