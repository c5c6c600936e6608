"""`manage.py work`: keeps one qcluster alive on this host, and ticks the sweep.

django-q2 can wedge without a word when one of its processes is killed, so the supervisor does not ask it how it is: it
watches a heartbeat that only a working worker writes, and when that stops it replaces the whole process group.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from types import FrameType

from django.conf import settings
from django.db import close_old_connections
from django_q.tasks import async_task

from . import claims, heartbeat, sweep

TICK_SECONDS = 1.0
ASK_SECONDS = 5.0  # how often a sign of life is asked for
# After this long without one the group is replaced. A worker shows none while it waits for a slow vendor, and a vendor
# that is slow with every worker must not cost the others theirs.
SILENT_SECONDS = claims.SEND_SECONDS + 15.0
STARTING_SECONDS = 30.0  # what a new group is given to show its first sign of life
DRAIN_SECONDS = 20.0  # what running work is given at the end; a lease covers what is cut off

log = logging.getLogger(__name__)


class Supervisor:
    """Runs until SIGTERM or SIGINT."""

    def __init__(self) -> None:
        self._stopping = False
        self._group: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._asked = 0.0
        self._tried = False

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        self._start()
        try:
            while not self._stopping:
                for part in (self._tick, self._watch):
                    try:
                        part()
                    except Exception as error:  # the database or the cache is away: nothing may end the supervisor
                        log.warning("%s in the supervisor; it tries again", type(error).__name__)
                time.sleep(TICK_SECONDS)
        finally:
            self._drain()

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _tick(self) -> None:
        close_old_connections()
        if not self._tried:
            sweep.try_paused_accounts()
            self._tried = True
        sweep.tick()
        if time.monotonic() - self._asked > ASK_SECONDS:
            self._asked = time.monotonic()
            async_task("erasure.worker.heartbeat.beat", group="heartbeat")

    def _watch(self) -> None:
        assert self._group
        if self._group.poll() is not None:
            log.warning("the worker group ended by itself; a new one is started")
            self._replace()
            return
        running = time.monotonic() - self._started
        age = heartbeat.age()
        silent = running if age is None else min(age, running)
        if silent > (STARTING_SECONDS if running < STARTING_SECONDS + 1 else SILENT_SECONDS):
            log.warning("no sign of life from the workers for %d s; the group is replaced", silent)
            self._replace()

    def _start(self) -> None:
        self._group = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "qcluster"],
            start_new_session=True,  # a process group of its own, so that all of it can be ended
        )
        self._started = time.monotonic()

    def _replace(self) -> None:
        self._kill()
        self._start()

    def _kill(self) -> None:
        assert self._group
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._group.pid, signal.SIGKILL)
        self._group.wait()

    def _drain(self) -> None:
        """Lets running work end for a bounded time; what is cut off is taken up again when its lease ends."""
        assert self._group
        if self._group.poll() is None:
            self._group.terminate()
            try:
                self._group.wait(DRAIN_SECONDS)
            except subprocess.TimeoutExpired:
                log.warning("work still ran after %d s and was cut off; it goes on at the next start", DRAIN_SECONDS)
        self._kill()
