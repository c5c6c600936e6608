"""manage.py move_database: from the SQLite file to PostgreSQL, whole or not at all."""

import argparse
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from compliance import clock
from compliance.environment import database_url
from compliance.moving import target
from compliance.moving.move import Moved, NotTheSame, move, moved_away
from compliance.moving.trail import TrailDamaged
from compliance.progress import Progress
from erasure.models import Call
from erasure.worker.group import supervisors


def _address(text: str) -> dict[str, Any]:
    try:
        found = database_url(text.strip())
    except ValueError:
        found = {}
    if not found.get("ENGINE", "").endswith("postgresql") or not found["NAME"]:
        raise argparse.ArgumentTypeError(_("it must be postgres://user:password@host:5432/name"))
    return found


def _address_in(file: str) -> dict[str, Any]:
    try:
        return _address(Path(file).read_text())
    except (OSError, UnicodeDecodeError):
        raise argparse.ArgumentTypeError(_("“%s” is not a file of text that can be read") % file) from None


class Command(BaseCommand):
    help = (
        "Moves the desk from its SQLite file to PostgreSQL: every row of every table, compared on both sides, or "
        "nothing. Stop the web server and all workers first. Keys and evidence are files and stay where they are."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        where = parser.add_mutually_exclusive_group(required=True)
        add = where.add_argument
        add("--to", type=_address, metavar="URL", help="postgres://user@host:5432/name, empty or just migrated")
        add("--to-file", type=_address_in, metavar="FILE", dest="to", help="a file that holds it, with its password")
        parser.add_argument("--no-input", "--noinput", action="store_true", help="do not ask whether all is stopped")

    def handle(self, *args: Any, to: dict[str, Any], no_input: bool, **options: Any) -> None:
        self._look_at_the_desk()
        if not no_input and not self._all_is_stopped():
            raise CommandError(_("Nothing was changed. Stop the web server and all workers first."))
        with target.reached(to) as alias:
            try:
                connections[alias].ensure_connection()
            except Error as error:
                raise CommandError(
                    _("The new database cannot be reached: %s. Nothing was changed.") % _first_line(error)
                ) from None
            try:
                target.make_empty(alias)
            except target.InUse as error:
                raise CommandError(
                    _("The new database cannot be used: %s. Nothing was changed. Make an empty one (createdb).") % error
                ) from None
            moved = self._move(alias)
        self._sum_up(moved)

    def _look_at_the_desk(self) -> None:
        own = connections[DEFAULT_DB_ALIAS]
        if own.vendor != "sqlite":
            raise CommandError(_("This desk is on PostgreSQL already. Nothing was changed."))
        executor = MigrationExecutor(own)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError(_("The database is not migrated. Nothing was changed. Run manage.py migrate first."))
        if line := moved_away():
            raise CommandError(line)
        if pids := supervisors():
            raise CommandError(
                _("A worker runs here (process %s). Nothing was changed. Stop it first.") % ", ".join(map(str, pids))
            )
        under_way = Call.objects.filter(verdict="", lease_until__gt=clock.now()).order_by("lease_until").last()
        if under_way:
            raise CommandError(
                _(
                    "A call to a vendor is under way, or was cut off a moment ago. Nothing was changed. Stop all "
                    "workers, and try again after %s UTC."
                )
                % f"{under_way.lease_until:%H:%M:%S}"
            )

    def _all_is_stopped(self) -> bool:
        self.stderr.write(
            _(
                "What the web server or a worker writes from now on would be lost. Are the web server and all workers "
                "stopped, and have you made a backup? Type yes:"
            ),
            str,
        )
        try:
            return input().strip().lower() == "yes"
        except EOFError:
            return False

    def _move(self, alias: str) -> Moved:
        progress = Progress(self.stderr)
        try:
            return move(alias, progress.at)
        except (NotTheSame, TrailDamaged) as error:
            raise CommandError(
                _("Nothing was moved: %s. The old database is as it was.") % str(error).rstrip(".")
            ) from None
        except Error as error:  # a text of ours never holds personal data, but a database's may repeat a value
            raise CommandError(
                _("Nothing was moved: a database refused (%s). The old one is as it was.") % _first_line(error)
            ) from None
        finally:
            progress.end()

    def _sum_up(self, moved: Moved) -> None:
        for table, count in sorted(moved.rows.items()):
            self.stdout.write(f"{table:<40} {count:>12,}")
        told = {"rows": sum(moved.rows.values()), "tables": len(moved.rows), "size": moved.size, "root": moved.root}
        self.stdout.write(
            self.style.SUCCESS(
                _("Moved: %(rows)d rows in %(tables)d tables, each the same on both sides.") % told
                + "\n"
                + _("The trail has %(size)d sealed events and the root %(root)s on both sides.") % told
            )
        )
        self.stdout.write(
            _(
                "Now set DATABASE_URL (or DATABASE_URL_FILE) to the new database for the web server and every worker, "
                "and start them. No worker starts on the old file any more: keep it until the new database is backed "
                "up, then destroy it: %s"
            )
            % settings.DATABASES[DEFAULT_DB_ALIAS]["NAME"]
        )


def _first_line(error: Exception) -> str:
    """Of what a database says. What comes after may repeat a row."""
    return str(error).strip().partition("\n")[0].rstrip(".")
