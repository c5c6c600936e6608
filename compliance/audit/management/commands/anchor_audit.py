"""manage.py anchor_audit: the newest checkpoint to each place of AUDIT_ANCHOR, now; or the time stamps as files."""

from collections import Counter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.audit import anchor, seal
from compliance.audit.models import Anchor


class Command(BaseCommand):
    help = (
        "Seals what is pending and anchors the checkpoint at each place of AUDIT_ANCHOR and AUDIT_TIMESTAMP_URL that "
        "lacks it, whether it is due or not. For hosts without workers, and to try the settings out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--receipts",
            type=Path,
            metavar="FOLDER",
            help="anchor nothing; write each time stamp as <size>.tsr, and what it stamps as <size>.checkpoint",
        )

    def handle(self, *args: Any, receipts: Path | None, **options: Any) -> None:
        if receipts:
            self._write(receipts)
        else:
            self._anchor()

    def _anchor(self) -> None:
        if not (settings.AUDIT_ANCHOR or settings.AUDIT_TIMESTAMP_URL):
            raise CommandError(_("AUDIT_ANCHOR names no place. Nothing was anchored."), returncode=2)
        troubles = []
        try:
            seal.seal(wait=True)
        except (ImproperlyConfigured, seal.LogDamaged) as error:
            troubles.append(str(error))
        checkpoint = seal.newest()
        outcomes = anchor.anchor_all(checkpoint) if checkpoint else []
        for outcome in outcomes:
            said = outcome.trouble or _("has checkpoint %d") % outcome.size
            self.stdout.write(f"{outcome.place}: {said}")
        if not outcomes:
            self.stdout.write(_("Nothing is sealed, so there is no checkpoint. Nothing was anchored."))
        if failed := sum(bool(outcome.trouble) for outcome in outcomes):
            said = ngettext(
                "%(failed)d of %(all)d place has not taken the checkpoint.",
                "%(failed)d of %(all)d places have not taken the checkpoint.",
                len(outcomes),
            )
            troubles.append(said % {"failed": failed, "all": len(outcomes)})
        troubles += [f"{place.place}: {place.alarm}" for place in anchor.standing() if place.alarm]
        if troubles:
            raise CommandError(" ".join(troubles))

    def _write(self, folder: Path) -> None:
        """What is there already is left as it is."""
        seen: Counter[int] = Counter()
        written = 0
        stamped = Anchor.objects.filter(receipt__isnull=False).order_by("size", "id")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for size, receipt in stamped.values_list("size", "receipt").iterator():
                seen[size] += 1
                again = f"-{seen[size]}" if seen[size] > 1 else ""  # of another authority
                checkpoint = seal.at_size(size)
                written += _new(folder / f"{size}{again}.tsr", bytes(receipt or b""))
                if checkpoint:
                    _new(folder / f"{size}.checkpoint", checkpoint.note.encode())
        except OSError as error:
            raise CommandError(
                _("%(file)s cannot be written: %(why)s.") % {"file": error.filename, "why": error.strerror}
            ) from None
        self.stdout.write(ngettext("%d time stamp written.", "%d time stamps written.", written) % written)


def _new(path: Path, content: bytes) -> bool:
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True
