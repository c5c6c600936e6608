"""manage.py verify_audit: the checks of the stand-alone verify.py, from here."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance.audit import verify


class Command(BaseCommand):
    help = "Checks an export of the audit trail, as compliance/audit/verify.py does with bare Python."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        verify.add_arguments(parser)

    def handle(self, *args: Any, file: Path, public_key: Path | None, checkpoint: Path | None, **options: Any) -> None:
        status, line = verify.run(file, public_key, checkpoint)
        if status:
            raise CommandError(line, returncode=status)
        self.stdout.write(line)
