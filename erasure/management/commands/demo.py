import signal
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.core.management.base import CommandParser as Parser

from erasure import sandbox
from erasure.demo import cases, once, parts

DAYS_PER_SECOND = 0.5


class Command(BaseCommand):
    help = "A desk to try out: sample cases, an account for each role, stand-in vendors. Ctrl-C ends all of it."

    def add_arguments(self, parser: Parser) -> None:
        parser.add_argument("--once", action="store_true", help="carry out one case without a browser, verify, and end")
        parser.add_argument("--port", type=int, default=8000, help="the web server's port (8000)")

    def handle(self, *args: Any, **options: Any) -> None:
        for ending in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ending, signal.default_int_handler)
        try:
            with parts.alone() as alone:
                if not alone:
                    raise CommandError(f"A demo is running in {settings.DATA_DIR} already. End it first (Ctrl-C).")
                if options["once"]:
                    once.run(self._say)
                else:
                    self._run(options["port"])
        except once.Failed as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            self._say("\nThe demo has ended.")

    def _run(self, port: int) -> None:
        if not parts.is_free(port):
            raise CommandError(f"Port {port} is in use, perhaps by another demo. Choose another one with --port.")
        self._say("Making the demo's database …")
        parts.fresh_database()
        people = cases.make_people()
        folder = Path(settings.DATA_DIR)
        with sandbox.start(days_per_second=DAYS_PER_SECOND, everyone=True) as running:
            apptus = running["apptus"]
            cases.make_vendors(apptus.url, dict(apptus.credentials))
            cases.make_cases(people)
            with parts.worker(folder / "worker.log"), parts.web(port, folder / "web.log") as web:
                self._introduce(port, apptus)
                while web.poll() is None:
                    time.sleep(0.5)
        raise CommandError(f"The web server ended by itself; {folder / 'web.log'} says why.")

    def _introduce(self, port: int, apptus: sandbox.StandIn) -> None:
        accounts = "\n".join(f"    {name:<10} {role}" for name, role in cases.PEOPLE.items())
        self._say(
            f"\nErasure Desk is at http://127.0.0.1:{port}/\n\n"
            f"Sign in with the password {cases.PASSWORD} as\n{accounts}\n\n"
            "Open a case as intake, submit it, approve it as approver, and watch it end.\n\n"
            f"The stand-in for Apptus is at {apptus.url} (user {apptus.credentials['username']}, "
            f"password {apptus.credentials['password']}).\n"
            "Other commands reach this desk so: ERASURE_DESK_DEMO=demo .venv/bin/python manage.py vendors check\n\n"
            f"{DAYS_PER_SECOND:g} of the vendor's days pass each second. Everything is in {settings.DATA_DIR};\n"
            "the next start of the demo begins anew. Ctrl-C ends it."
        )

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
