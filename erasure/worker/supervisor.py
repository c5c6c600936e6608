"""`manage.py work`: keeps one worker group alive on this host, ticks the sweep, and seals the trail.

django-q2 can wedge without a word when one of its processes is killed, so the supervisor does not ask it how it is: it
watches signs of life that only working workers give, and when these stop it replaces the whole group.
"""

import logging
import math
import signal
import time
from collections.abc import Callable
from types import FrameType

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections

from compliance.audit import anchor, behind, highwater, seal
from compliance.vault import rotation
from erasure import alerts, dispatch, letters, reminders

from . import claims, heartbeat, hosts, sweep
from .group import Group, cut_off

TICK_SECONDS = 1.0
SEAL_SECONDS = 3.0  # how often the trail is sealed: a checkpoint each time, if anything happened
SEAL_BATCHES = 5  # at a time: a backlog, after the key was away, must not keep the supervisor from all else
ANCHOR_SECONDS = 3.0  # how often it is looked whether a checkpoint is to be sent elsewhere; a worker does it
LETTER_SECONDS = 3.0  # how often it is looked whether a letter is to be sent by e-mail
ALERT_SECONDS = 30.0  # how often it is looked whether people are to be told of something
RING_SECONDS = 5.0  # how often it is looked whether the key ring opens what the database holds
ROTATION_SECONDS = 60.0  # how often it is looked whether a key of the ring is to be made, or destroyed
TELL_SECONDS = 10.0  # how often others are told that workers of this host are at work
REMINDER_SECONDS = 300.0  # how often it is looked whether people are to be reminded
BEHIND_SECONDS = 3.0  # how often it is looked whether the database was put back from a backup
STARTING_SECONDS = 30.0  # what a new group is given to show its first sign of life
# A worker that is free takes up a question at once. Longer than a busy machine may take over it.
ANSWER_SECONDS = 10.0
# Workers that all wait for slow vendors take up nothing, and show no sign of life but at each claim.
SILENT_SECONDS = claims.SEND_SECONDS + 15.0
# The monitor waits for the database, and nothing waits for the monitor: what it does not take in is done once more, but
# not before the queue's `retry` has passed.
TAKE_IN_SECONDS = 120.0
LOOK_SECONDS = 3.0  # time between two looks counts as at most this: who does not look has not seen that nothing came
LONGEST_PAUSE = 60.0  # between two starts of a group that never shows a sign of life
DRAIN_SECONDS = 20.0  # what running work is given at the end; a lease covers what is cut off
END_SECONDS = 8.0  # what the supervisor itself is given beyond that
REMIND_SECONDS = 300.0  # how often a trouble that lasts is said again
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)

log = logging.getLogger(__name__)


class NoSignOfLife(Exception):
    """Groups are started again and again, and none shows a sign of life."""


class AtOnce(BaseException):
    """Somebody does not want to wait for running work, or has waited long enough."""


class PutBack(Exception):
    """The database was put back from a backup under the running worker, which has ended. The text says what to do."""


class Part:
    """One thing that the supervisor does every so many seconds. Trouble with it ends nothing, neither the supervisor
    nor the other parts; it is said once, and then every few minutes while it lasts."""

    def __init__(self, name: str, seconds: float, do: Callable[[], object]) -> None:
        self._name, self._seconds, self._do = name, seconds, do
        self._begun = self._said_at = -math.inf
        self._trouble, self._told = "", False

    def run_if_due(self) -> None:
        now = time.monotonic()
        if now - self._begun < self._seconds:
            return
        self._begun = now
        try:
            self._do()
        except Exception as error:  # the database or the cache is away, the trail cannot be sealed, …
            # Only these are known to tell nothing but what is wrong with the installation.
            known = isinstance(error, ImproperlyConfigured | seal.LogDamaged | NoSignOfLife)
            self._complain(str(error) if known else type(error).__name__, now)
        else:
            if self._told:
                log.info("%s works again", self._name)
            self._told = False

    def _complain(self, trouble: str, now: float) -> None:
        """Trouble that comes and goes is no news either."""
        if trouble != self._trouble or now - self._said_at >= REMIND_SECONDS:
            log.error("%s does not work and is tried again: %s", self._name, trouble)
            self._trouble, self._said_at, self._told = trouble, now, True


class Watch:
    """Over one group, from its start on."""

    def __init__(self, now: float, starting_seconds: float) -> None:
        self._looked, self._start_ends = now, now + starting_seconds
        self._last = 0.0
        self._unanswered = self._not_taken_in = self._silent = 0.0
        self.answered = False  # the group has shown that it works

    def fault(self, signs: heartbeat.Signs, now: float) -> str:
        """Why the group has to be replaced; empty while it has not."""
        passed, self._looked = min(now - self._looked, LOOK_SECONDS), now
        self.answered = self.answered or signs.answered > 0
        if not self.answered:
            return "shows no sign of life since its start" if now > self._start_ends else ""
        is_free = signs.at_work < settings.Q_CLUSTER["workers"]
        self._unanswered = self._unanswered + passed if is_free and signs.asked > signs.answered else 0.0
        self._not_taken_in = self._not_taken_in + passed if signs.answered > signs.taken_in else 0.0
        self._silent = self._silent + passed if signs.last == self._last else 0.0
        self._last = signs.last
        if self._unanswered > ANSWER_SECONDS:
            return "takes up no work, although a worker is free"
        if self._silent > SILENT_SECONDS:
            return "shows no sign of life any more"
        if self._not_taken_in > TAKE_IN_SECONDS:
            return "does not take in what its workers have done"
        return ""


class Supervisor:
    """Runs until SIGTERM, SIGINT or SIGHUP; a second one ends it at once. Raises PutBack."""

    def __init__(self) -> None:
        self._stopping, self._put_back = False, ""
        self._group: Group | None = None
        self._watching = Watch(-math.inf, 0)
        self._fruitless, self._why = 0, ""  # groups in a row that never showed a sign of life; what the last one did
        self._not_before = -math.inf  # of the next start
        self._tried = self._hints_count = False
        self._ring_fits = True
        self._parts = [
            Part("keeping the workers running", 0, self._watch),
            Part("closing what the database has closed", 0, close_old_connections),
            Part("reading with the key ring", RING_SECONDS, self._look_at_ring),
            Part("the sweep", 0, self._sweep),
            Part("looking whether the database was put back", BEHIND_SECONDS, self._look_behind),
            Part("telling that workers are at work", TELL_SECONDS, lambda: hosts.tell(SILENT_SECONDS)),
            Part("sealing the trail", SEAL_SECONDS, lambda: seal.seal(batches=SEAL_BATCHES)),
            Part("looking after the key ring", ROTATION_SECONDS, rotation.tick),
            Part("anchoring the trail", ANCHOR_SECONDS, anchor.wake),
            Part("sending letters", LETTER_SECONDS, letters.look_after),
            Part("looking after alerts", ALERT_SECONDS, alerts.look_after),
            Part("sending reminders", REMINDER_SECONDS, reminders.look_after),
        ]

    def run(self) -> None:
        for number in ENDING:
            if signal.getsignal(number) != signal.SIG_IGN:  # as `nohup` has it with SIGHUP
                signal.signal(number, self._stop)
        try:
            try:
                self._work()
                if not self._put_back:  # what still runs knows nothing of the other database: it is cut off
                    self._drain()
            finally:
                _ignore_signals()
        except AtOnce:
            log.warning("Told to end at once.")
        finally:
            log.info("Ended: %s.", cut_off(self._group.end() if self._group else []))
        if self._put_back:
            raise PutBack(self._put_back)

    def _work(self) -> None:
        while not (self._stopping or self._put_back):
            for part in self._parts:
                if not (self._stopping or self._put_back):
                    part.run_if_due()
            time.sleep(TICK_SECONDS)

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        if self._stopping:
            _ignore_signals()
            raise AtOnce
        self._stopping = True
        signal.alarm(math.ceil(DRAIN_SECONDS + END_SECONDS))  # whatever the supervisor hangs in by then

    def _drain(self) -> None:
        """Lets running work end for a bounded time; what is cut off is taken up again when its lease ends."""
        if self._group and self._group.has_ended() is None:
            self._group.ask_to_end()
            if not self._group.wait(DRAIN_SECONDS):
                log.warning("Work still runs after %d s.", DRAIN_SECONDS)

    # --- its parts ---

    def _look_behind(self) -> None:
        self._put_back = behind.behind() or ""
        if not self._put_back:
            highwater.keep_one()

    def _sweep(self) -> None:
        if not self._ring_fits:
            return
        if not self._tried:
            sweep.try_paused_accounts()
            self._tried = True
        if not self._hints_count:
            dispatch.forget_hints()
            self._hints_count = True
        sweep.tick()

    def _look_at_ring(self) -> None:
        """Without the keys, workers would set aside or refuse what the other hosts can read: so there are none."""
        line = rotation.problem()
        self._ring_fits = line is None
        if line:
            if self._group:
                self._drain()
                log.warning("The worker group is ended, %s.", cut_off(self._group.end()))
                self._group = None
            raise ImproperlyConfigured(line)

    def _watch(self) -> None:
        if not self._ring_fits:
            return
        if self._group is None:
            if time.monotonic() >= self._not_before:
                self._start()
        elif fault := self._fault(self._group):
            self._replace(self._group, fault)
        if self._watching.answered:
            self._fruitless = 0
        if self._fruitless:
            raise NoSignOfLife(
                f"a new worker group {self._why}; another is started, after ever longer pauses. What they write here "
                "themselves may say why"
            )

    def _fault(self, group: Group) -> str:
        signs = heartbeat.look(group.number)
        for call in signs.lost:
            log.warning("A worker has died; %s.", cut_off([call] if call else []))
        fault = self._watching.fault(signs, time.monotonic())
        code = group.has_ended()
        return fault if code is None else f"has ended by itself (exit code {code})"

    def _start(self) -> None:
        self._group = Group()
        slow = min(1 + self._fruitless, 4)  # what starts slowly is given more each time
        self._watching = Watch(time.monotonic(), STARTING_SECONDS * slow)
        self._hints_count = False  # what an earlier one had taken from the queue is lost

    def _replace(self, group: Group, fault: str) -> None:
        calls = group.end()
        self._group = None
        if self._watching.answered:
            log.warning("The worker group %s; it is replaced, %s.", fault, cut_off(calls))
            self._start()
        else:
            self._fruitless, self._why = self._fruitless + 1, fault
            self._not_before = time.monotonic() + min(2.0**self._fruitless, LONGEST_PAUSE)


def _ignore_signals() -> None:
    """What is left to do at the end is short, and must be done."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
