"""`manage.py sandbox`: the stand-in vendors on loopback, until Ctrl-C or SIGTERM."""

import json
import signal
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from erasure import sandbox


class Command(BaseCommand):
    help = "Runs stand-ins for the vendors on loopback, for trying things out: no real data, no real vendor."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=9101, help="the first port; each vendor takes the next (9101)")
        parser.add_argument(
            "--days-per-second", type=float, default=0.2, help="how many of a vendor's days pass in a second (0.2)"
        )
        parser.add_argument("--everyone", action="store_true", help="whoever is asked for is held, with made-up data")
        parser.add_argument("--journal", type=Path, metavar="FOLDER", help="append what was received to files there")

    def handle(self, **options: Any) -> None:
        names = list(sandbox.STAND_INS)
        port, days_per_second, journal = options["port"], options["days_per_second"], options["journal"]
        if not 1 <= port <= 65536 - len(names):
            raise CommandError(_("--port must be between 1 and %(last)d.") % {"last": 65536 - len(names)}, returncode=2)
        if not 0 <= days_per_second <= 100:
            raise CommandError(_("--days-per-second must be between 0 and 100."), returncode=2)
        if journal is not None and not journal.is_dir():
            raise CommandError(_("--journal must name a folder that exists."), returncode=2)
        # Both signals raise KeyboardInterrupt, also where a shell started this in the background with SIGINT ignored.
        for ending in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ending, signal.default_int_handler)
        ports = range(port, port + len(names))
        try:
            with self._start(names, ports, days_per_second, options["everyone"], journal) as running:
                self._introduce(running, days_per_second)
                while True:
                    time.sleep(3600)
        except KeyboardInterrupt:
            self.stdout.write(_("The sandbox has ended."))

    def _start(
        self, names: list[str], ports: range, days_per_second: float, everyone: bool, journal: Path | None
    ) -> sandbox.Running:
        try:
            return sandbox.start(names, ports, days_per_second, everyone=everyone, journal_folder=journal)
        except OSError as error:
            raise CommandError(
                _("The sandbox cannot listen on port %(port)d or the ones after it: %(error)s. Try another --port.")
                % {"port": ports[0], "error": error.strerror}
            ) from error

    def _introduce(self, running: sandbox.Running, days_per_second: float) -> None:
        for stand_in in running.stand_ins.values():
            self.stdout.write(f"{stand_in.label}  {stand_in.url}")
            for name, value in stand_in.credentials.items():
                self.stdout.write(f"    {name}: {value}")
            self.stdout.write("    " + _("for the vendor file: %(entry)s") % {"entry": json.dumps(_entry(stand_in))})
        self.stdout.write(
            _("%(days)g of the vendors' days pass each second. VENDOR_LOOPBACK=1 lets the desk call these addresses.")
            % {"days": days_per_second}
        )
        self.stdout.write(_("Ctrl-C ends it."))
        self.stdout.flush()


def _entry(stand_in: sandbox.StandIn) -> dict[str, Any]:
    """What `vendors load` takes to make an account at this stand-in."""
    return {
        "name": stand_in.label,
        "connector": stand_in.key,
        "base_url": stand_in.url,
        "options": dict(stand_in.options),
        "credentials": dict(stand_in.credentials),
    }
