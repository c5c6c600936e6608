"""manage.py backup DIR: a consistent copy of the desk while it works; keys apart."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from compliance.progress import Progress
from erasure import backup


class Command(BaseCommand):
    help = "Copies database and evidence into DIR, a new or empty folder, while the desk works. Keys go elsewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="new or empty; it gets the name when it is whole")
        parser.add_argument(
            "--keys", type=Path, metavar="OTHER_DIR", help="copies the keys too, into this folder outside of DIR"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        progress = Progress(self.stderr, look=1)
        try:
            made = backup.back_up(options["folder"], keys=options["keys"], progress=progress.at)
        except backup.CannotBackUp as error:
            code = 2 if isinstance(error, backup.WrongFolder) else 1
            raise CommandError(_("%s No backup was made.") % error, returncode=code) from None
        except OSError as error:
            text = _("%(file)s cannot be written: %(why)s. No backup was made.")
            raise CommandError(text % {"file": error.filename or options["folder"], "why": error.strerror}) from None
        finally:
            progress.end()
        text = _("Backup made: database with %(size)d sealed events, %(files)d evidence files.")
        self.stdout.write(text % {"size": made.tree_size, "files": made.evidence})
        if not made.keys:
            self.stdout.write(_("Keys are not in it. Back them up elsewhere, once after each rotation (--keys)."))
        if made.missing:
            text = _("Evidence whose file this desk itself lacks: %(count)d (%(first)s, …). The backup is made.")
            raise CommandError(text % {"count": len(made.missing), "first": made.missing[0]})
