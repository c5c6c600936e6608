"""manage.py keys: the keys of the key ring, and their rotation."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance.progress import Progress
from compliance.vault import rotation
from compliance.vault.keys import Ring, ring
from compliance.vault.rewrap import living

ACTOR = "system:command"


class Command(BaseCommand):
    help = "Shows and rotates the keys of the key ring (KEY_RING), which everything personal is sealed under."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        commands.add_parser("status", help="each key of the ring, and how much is under it")
        commands.add_parser(
            "prepare", help="add a key that is not active yet, to be copied to every host before the rotation"
        )
        rotate = commands.add_parser(
            "rotate", help="make the prepared key, or a new one, active, and put all living data under it"
        )
        rotate.add_argument("--retire", action="store_true", help="then destroy every replaced key")
        retire = commands.add_parser("retire", help="destroy every replaced key of the ring")
        for parser_ in (rotate, retire):
            parser_.add_argument("--no-input", action="store_true", help="ask nothing before keys are destroyed")

    def handle(self, *args: Any, command: str, **options: Any) -> None:
        deeds: dict[str, Callable[[], None]] = {
            "status": self._status,
            "prepare": self._prepare,
            "rotate": lambda: self._rotate(retires=options["retire"], asks=not options["no_input"]),
            "retire": lambda: self._retire(asks=not options["no_input"]),
        }
        try:
            deeds[command]()
        except (ImproperlyConfigured, rotation.Busy) as error:
            raise CommandError(str(error)) from None

    # --- status ---

    def _status(self) -> None:
        held = ring()
        for key_id in held.dates:
            self.stdout.write(f"{key_id}  {_standing(held, key_id)}")
        for key_id, at in held.retired.items():
            self.stdout.write(key_id + "  " + _("destroyed on %(day)s") % {"day": _day(at)})
        if settings.KEY_ROTATION_DAYS:
            said = _("Rotated every %(rotation)d days; a replaced key is kept for %(keep)d days.")
            self.stdout.write(said % {"rotation": settings.KEY_ROTATION_DAYS, "keep": settings.KEY_KEEP_DAYS})
        else:
            self.stdout.write(_("Rotated by hand alone: KEY_ROTATION_DAYS is 0."))
        if line := rotation.problem():
            raise CommandError(line)

    # --- the deeds ---

    def _prepare(self) -> None:
        key_id = rotation.prepare(actor=ACTOR)
        self.stdout.write(
            _(
                "The key %(key)s is in the ring and not active yet. Copy %(file)s to every host that has a copy of its "
                "own, and back it up. Then: manage.py keys rotate."
            )
            % {"key": key_id, "file": settings.KEY_RING}
        )

    def _rotate(self, *, retires: bool, asks: bool) -> None:
        if retires:
            self._confirm(asks)
        with self._progress() as progress:
            rotated = rotation.rotate(actor=ACTOR, progress=progress)
        moved, left = rotated.rewrapped.moved, rotated.rewrapped.left
        if rotated.activated:
            self.stdout.write(_("The key %(key)s is active.") % {"key": rotated.activated})
        else:
            self.stdout.write(
                _(
                    "An earlier rotation was cut off and has been brought to its end: the key %(key)s stays active. "
                    "Run it again for a new key."
                )
                % {"key": ring().active}
            )
        said = ngettext("%(count)d data key was wrapped anew.", "%(count)d data keys were wrapped anew.", moved)
        self.stdout.write(said % {"count": moved})
        self.stdout.write(_("Back up %(file)s now: older copies of it lack this key.") % {"file": settings.KEY_RING})
        if left:
            raise CommandError(
                ngettext(
                    "%(count)d data key is still under a replaced key, because other work holds it or it is damaged. "
                    "Nothing was destroyed. Run it again.",
                    "%(count)d data keys are still under replaced keys, because other work holds them or they are "
                    "damaged. Nothing was destroyed. Run it again.",
                    left,
                )
                % {"count": left}
            )
        if retires:
            self._destroy()

    def _retire(self, *, asks: bool) -> None:
        if ring().replaced:
            self._confirm(asks)
        self._destroy()

    def _destroy(self) -> None:
        gone = rotation.retire(actor=ACTOR)
        for key_id in gone:
            self.stdout.write(_("The key %(key)s is destroyed.") % {"key": key_id})
        if gone:
            self.stdout.write(
                _(
                    "Backups of the database made before now no longer open with this ring: make one now. Destroy "
                    "every older copy of %(file)s: whoever has one can still open old backups."
                )
                % {"file": settings.KEY_RING}
            )
        else:
            self.stdout.write(_("No replaced key could be destroyed."))
        if kept := list(ring().replaced):
            raise CommandError(
                _("Living data is still under %(keys)s: not destroyed. Run keys status.") % {"keys": ", ".join(kept)}
            )

    def _confirm(self, asks: bool) -> None:
        if not asks:
            return
        if not sys.stdin.isatty():
            raise CommandError(_("Say --no-input where nobody can be asked. Nothing was changed."), returncode=2)
        self.stdout.write(
            _(
                "This destroys every replaced key of the ring at once. No backup of the database that was made before "
                "can then be opened with today's ring, and nothing brings the keys back."
            )
        )
        if input(_("Type “destroy” to go on: ")).strip() != _("destroy"):
            raise CommandError(_("Nothing was changed."))

    @contextmanager
    def _progress(self) -> Iterator[Callable[[int, int], None]]:
        shown = Progress(self.stderr, look=1)
        try:
            yield lambda done, total: shown.at(done, done / max(total, 1))
        finally:
            shown.end()


def _standing(held: Ring, key_id: str) -> str:
    """What a key of the ring is, and how many data keys are under it."""
    words = {"count": living(key_id).count(), "day": _day(held.dates[key_id].created)}
    if key_id == held.active:
        return _("active since %(since)s, %(count)d data keys") % {**words, "since": _day(held.active_since)}
    if key_id in held.prepared:
        return _("prepared on %(day)s, not active yet") % words
    words["since"] = _day(held.replaced[key_id])
    if goes := rotation.destroyed_on(held, key_id):
        words["goes"] = _day(goes)
        return _("replaced on %(since)s, %(count)d data keys, to be destroyed on %(goes)s") % words
    return _("replaced on %(since)s, %(count)d data keys, kept until keys retire") % words


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
