from typing import Any

from django.core.management.base import BaseCommand

from erasure.worker.supervisor import Supervisor


class Command(BaseCommand):
    help = "The supervised worker of one host: runs django-q2's qcluster and keeps it running."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stderr.write("Working. Ctrl-C or SIGTERM ends it.")
        Supervisor().run()
