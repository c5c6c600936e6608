"""What a demo runs beside itself: every process it starts, it ends."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from django.conf import settings
from django.core.management import call_command

from erasure import sandbox

LIMIT_SECONDS = 52.0  # for the whole of `demo --once`; what is not over by then is not as it should be


@dataclass(frozen=True)
class StandIns:
    """The three vendors, each with its own journal and clock."""

    apptus: sandbox.Apptus
    acquia: sandbox.Acquia
    acoustic: sandbox.Acoustic

    def __iter__(self) -> Iterator[sandbox.StandIn]:
        return iter((self.apptus, self.acquia, self.acoustic))

    def hurry(self, days: float) -> None:
        """Lets so many days pass at the vendors. At Apptus none while an export waits for its download: a week later it
        would be gone, and a slow machine must not lose it."""
        self.acquia.clock.advance(days)
        self.acoustic.clock.advance(days)
        with self.apptus.lock:
            self.apptus.held()  # it carries out what is due by now
            if all(job.result is None for job in self.apptus.jobs.values()):
                self.apptus.clock.advance(days)

    def shows_completed(self, event: str) -> bool:
        """Whether Acquia's own screen says of the event with this number that it is completed."""
        with self.acquia.lock:
            self.acquia.held()  # it carries out what is due by now
            return event in self.acquia.events and self.acquia.events[event].completed


@contextmanager
def stand_ins(days_per_second: float = 0) -> Iterator[StandIns]:
    """The sandbox on free ports. Whoever the vendors are asked for, they hold something made up."""
    with sandbox.start(days_per_second=days_per_second, everyone=True) as running:
        yield StandIns(
            cast(sandbox.Apptus, running["apptus"]),
            cast(sandbox.Acquia, running["acquia"]),
            cast(sandbox.Acoustic, running["acoustic"]),
        )


@contextmanager
def alone() -> Iterator[bool]:
    """Whether this is the only demo in its folder; held until the block ends, however the process ends."""
    with (Path(settings.DATA_DIR).parent / f".{settings.DEMO}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def fresh_database() -> None:
    """Empties the demo's own data folder (never a real desk's: see settings.DEMO) and migrates a new database."""
    if not settings.DEMO:
        raise RuntimeError("the demo runs in its own data folder only")
    for item in Path(settings.DATA_DIR).iterdir():
        if item.is_dir():
            shutil.rmtree(item)
        elif item.name != "secret-key":
            item.unlink()
    call_command("migrate", verbosity=0)


def is_free(port: int) -> bool:
    """Whether a server on loopback could take this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def worker(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The supervised worker, its output in `log`."""
    with _process([sys.executable, str(settings.BASE_DIR / "manage.py"), "work"], log) as process:
        yield process


@contextmanager
def web(port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The web server on loopback, its output in `log`."""
    command = [sys.executable, "-m", "gunicorn", "compliance.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "4"]
    with _process(command, log) as process:
        yield process


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        # A session of its own: Ctrl-C reaches the demo alone, which then ends its parts in order.
        process = subprocess.Popen(  # noqa: S603 - our own command line
            command, stdout=output, stderr=output, cwd=settings.BASE_DIR, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
