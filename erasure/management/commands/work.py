from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from compliance.audit import checks
from compliance.audit.behind import behind
from compliance.moving.move import moved_away
from compliance.vault import rotation
from erasure.worker.group import end_orphans
from erasure.worker.supervisor import PutBack, Supervisor


class Command(BaseCommand):
    help = "The supervised worker of one host: runs django-q2's qcluster and keeps it running."

    def handle(self, *args: Any, **options: Any) -> None:
        end_orphans()  # also if no worker is started: the code or the database may be another by now
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError("The database is not migrated. No worker was started. Run manage.py migrate.")
        if line := checks.unprotected():
            raise CommandError(f"{line} No worker was started.")
        if line := moved_away():
            raise CommandError(f"{line} No worker was started.")
        if trouble := rotation.problem():  # no work could be read
            raise CommandError(f"{trouble} No worker was started.")
        if put_back := behind():
            raise CommandError(f"{put_back} No worker was started.")
        self.stderr.write("Working. Ctrl-C or SIGTERM ends it.")
        try:
            Supervisor().run()
        except PutBack as error:
            raise CommandError(f"{error} The worker has ended.") from None
