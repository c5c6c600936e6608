import signal
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.core.management.base import CommandParser as Parser

from erasure.demo import cases, once, parts
from erasure.demo.story import Story
from erasure.errors import DeskError

DAYS_PER_SECOND = 0.5
OPENING_SECONDS = 25.0
OPENING_DAYS = 0.9  # of the vendors' time, each round of the opening


class Command(BaseCommand):
    help = "A desk to try out: sample cases, an account for each role, stand-in vendors. Ctrl-C ends all of it."

    def add_arguments(self, parser: Parser) -> None:
        parser.add_argument("--once", action="store_true", help="carry out one case without a browser, verify, and end")
        parser.add_argument("--port", type=int, default=8000, help="the web server's port (8000)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["port"] <= 65535:
            raise CommandError("--port must be between 1 and 65535.", returncode=2)
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
        except (once.Failed, DeskError) as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            self._say("\nThe demo has ended.")

    def _run(self, port: int) -> None:
        if not parts.is_free(port):
            raise CommandError(f"Port {port} is in use, perhaps by another demo. Choose another one with --port.")
        self._say("Making the demo's database …")
        parts.fresh_database()
        people = cases.make_people(cases.PASSWORD)
        folder = Path(settings.DATA_DIR)
        with parts.stand_ins(DAYS_PER_SECOND) as stand_ins:
            story = Story(people, stand_ins)
            story.begin()
            with parts.worker(folder / "worker.log") as worker, parts.web(port, folder / "web.log") as web:
                self._play(story, stand_ins)
                self._introduce(port, story, stand_ins)
                while web.poll() is None and worker.poll() is None:
                    for line in story.play():  # what a slow machine has left over
                        self._say(f"There to see now: {line}.")
                    time.sleep(0.5)
                ended = ("web server", "web.log") if web.poll() is not None else ("worker", "worker.log")
        raise CommandError(f"The {ended[0]} ended by itself; {folder / ended[1]} says why.")

    def _play(self, story: Story, stand_ins: parts.StandIns) -> None:
        """Lets days pass quickly until every state is there to see, or the time for it is over."""
        self._say("The worker and the vendors begin with the sample cases. There to see so far:")
        until = time.monotonic() + OPENING_SECONDS
        while story.acts and time.monotonic() < until:
            for line in story.play():
                self._say(f"    {line}")
            time.sleep(0.4)
            stand_ins.hurry(OPENING_DAYS)

    def _introduce(self, port: int, story: Story, stand_ins: parts.StandIns) -> None:
        if story.acts:
            self._say("This takes longer here than usual: some of the sample cases are still on their way.")
        samples = "\n".join(f"    {reference}  {shows}" for reference, shows in story.samples)
        accounts = "\n".join(f"    {name:<10} {role}" for name, role in cases.PEOPLE.items())
        addresses = "\n".join(f"    {stand_in.label:<18} {stand_in.url}" for stand_in in stand_ins)
        self._say(
            f"\nThe sample cases are of made-up people:\n{samples}\n\n"
            f"The vendors are stand-ins. /_sandbox/journal tells what each was asked, /_sandbox/held what it holds:\n"
            f"{addresses}\n"
            f"{DAYS_PER_SECOND:g} of their days pass each second.\n\n"
            "Other commands reach this desk so: ERASURE_DESK_DEMO=demo .venv/bin/python manage.py vendors check\n"
            f"Everything is in {settings.DATA_DIR}; the next start of the demo begins anew. Ctrl-C ends it.\n\n"
            f"Erasure Desk is at http://127.0.0.1:{port}/\n\n"
            f"Sign in with the password {cases.PASSWORD} as\n{accounts}\n\n"
            "Open a case with an e-mail address and a customer id as intake, submit it, and approve it as approver.\n"
            "Exchange then finds a cookie id, which you may accept; the CDP waits for somebody to confirm it by hand."
        )

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
