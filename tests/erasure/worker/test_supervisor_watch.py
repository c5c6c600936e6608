"""When a group has to be replaced, and when it must not be, by the signs of life that are there."""

import os
import pydoc
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django_q.signing import SignedPackage

from erasure.worker import broker, heartbeat, supervisor
from erasure.worker.heartbeat import Signs
from erasure.worker.supervisor import Watch
from tests.desk import until

WORKERS = settings.Q_CLUSTER["workers"]
START = 1000.0
WELL = Signs(asked=START, answered=START, taken_in=START, last=START, at_work=0, lost=())


class Looking:
    """Looks once a second; what each look finds is told by the test."""

    def __init__(self) -> None:
        self.now, self.watch = START, Watch(START, supervisor.STARTING_SECONDS)

    def for_seconds(self, seconds: float, signs: Signs, **ages: float) -> str:
        """The first fault found within these seconds, or none. `ages`: signs that are always so old."""
        end = self.now + seconds
        while self.now < end:
            self.now += 1
            fresh = {name: self.now - age for name, age in ages.items()}
            if fault := self.watch.fault(replace(signs, **fresh), self.now):
                return fault
        return ""


@pytest.fixture
def looking() -> Looking:
    """At a group that has shown that it works."""
    looking = Looking()
    assert looking.for_seconds(3, WELL, asked=2, answered=1.9, taken_in=1.8, last=1.9) == ""
    return looking


def test_a_group_that_answers_is_left_alone(looking: Looking) -> None:
    assert looking.for_seconds(3600, WELL, asked=2, answered=1.9, taken_in=1.8, last=1.9) == ""


def test_a_new_group_is_given_time_to_start_and_no_more(looking: Looking) -> None:
    silent = replace(WELL, asked=0, answered=0, taken_in=0, last=0)
    new = Looking()
    assert new.for_seconds(supervisor.STARTING_SECONDS, silent) == ""
    assert "since its start" in new.for_seconds(2, silent)


def test_a_question_that_nobody_takes_up_is_a_fault_if_a_worker_is_free(looking: Looking) -> None:
    signs = replace(WELL, asked=looking.now, at_work=WORKERS - 1)
    assert looking.for_seconds(supervisor.ANSWER_SECONDS, signs, last=0) == ""
    assert "takes up no work" in looking.for_seconds(1, signs, last=0)


def test_it_is_none_while_all_workers_are_at_work(looking: Looking) -> None:
    signs = replace(WELL, asked=looking.now, at_work=WORKERS)
    assert looking.for_seconds(600, signs, last=20) == ""


def test_a_worker_that_is_free_for_a_moment_has_not_kept_anybody_waiting(looking: Looking) -> None:
    for _piece_of_work in range(20):
        asked = replace(WELL, asked=looking.now)
        assert looking.for_seconds(2, replace(asked, at_work=WORKERS - 1), last=0) == ""
        assert looking.for_seconds(1, replace(asked, at_work=WORKERS), last=0) == ""


def test_workers_that_all_wait_for_slow_vendors_are_not_taken_for_dead(looking: Looking) -> None:
    """Each shows a sign of life when it claims, and then waits for as long as a call may take."""
    for _call in range(20):
        signs = replace(WELL, asked=looking.now, at_work=WORKERS, last=looking.now)
        assert looking.for_seconds(supervisor.claims.SEND_SECONDS + 10, signs) == ""


def test_workers_that_all_hang_are(looking: Looking) -> None:
    signs = replace(WELL, asked=looking.now, at_work=WORKERS)
    assert looking.for_seconds(supervisor.SILENT_SECONDS, signs) == ""
    assert "no sign of life any more" in looking.for_seconds(2, signs)


def test_a_group_that_is_asked_nothing_any_more_is_silent(looking: Looking) -> None:
    """Whoever feeds its queue hangs."""
    assert "no sign of life any more" in looking.for_seconds(supervisor.SILENT_SECONDS + 2, WELL)


def test_a_monitor_that_takes_nothing_in_is_a_fault_though_not_an_urgent_one(looking: Looking) -> None:
    signs = replace(WELL, taken_in=looking.now - 1)
    fresh = {"asked": 2.0, "answered": 1.9, "last": 1.9}
    assert looking.for_seconds(supervisor.TAKE_IN_SECONDS, signs, **fresh) == ""
    assert "does not take in" in looking.for_seconds(2, signs, **fresh)


def test_a_supervisor_that_was_away_has_not_seen_that_nothing_came(looking: Looking) -> None:
    """It hung in the database for minutes, or was stopped; the group may have answered in a moment."""
    looking.now += 600
    asked = replace(WELL, asked=looking.now - 300)
    assert looking.for_seconds(supervisor.ANSWER_SECONDS - supervisor.LOOK_SECONDS, asked, last=0) == ""
    assert looking.for_seconds(600, WELL, asked=2, answered=1.9, taken_in=1.8, last=1.9) == ""


def test_a_worker_that_has_died_is_not_at_work_and_its_call_is_told_once(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    heartbeat.open_for(4711)
    with subprocess.Popen(["/bin/sleep", "600"]) as worker:
        (heartbeat.folder(4711) / str(worker.pid)).write_text("a-call")
        (heartbeat.folder(4711) / str(os.getpid())).write_text("another-call")
        signs = heartbeat.look(4711)
        assert (signs.at_work, signs.lost) == (2, ())
        assert heartbeat.calls(4711) == ["a-call", "another-call"]
        worker.kill()
        until(lambda: heartbeat.look(4711).lost == ("a-call",))  # dead, though not yet reaped
    assert (heartbeat.look(4711).at_work, heartbeat.look(4711).lost) == (1, ())


def test_a_worker_without_a_supervisor_leaves_no_sign(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    heartbeat.beat("a-call")
    heartbeat.answer()
    assert not heartbeat.is_ending()
    assert heartbeat.age() is None
    assert list(tmp_path.iterdir()) == []


def test_the_age_of_the_last_sign_is_that_of_the_newest_of_all_groups(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    for group, seconds in ((4711, 60), (4712, 20)):
        heartbeat.open_for(group)
        sign = heartbeat.folder(group) / heartbeat.ANSWERED
        sign.touch()
        at = time.monotonic_ns() - seconds * 10**9
        os.utime(sign, ns=(at, at))
    age = heartbeat.age()
    assert age is not None
    assert 20 <= age < 60


def test_the_question_needs_no_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> None:
    """A group whose database is away is not replaced for it: it would cut off the calls that are under way."""
    settings.DATA_DIR = tmp_path
    heartbeat.open_for(os.getsid(0))
    asks = object.__new__(broker.OrmBroker)  # making it opens the database
    asks.list_key = "queue"
    assert settings.Q_CLUSTER["broker_class"].endswith(".OrmBroker")
    ((number, package),) = asks.dequeue()
    assert heartbeat.look(os.getsid(0)).asked > 0
    pydoc.locate(SignedPackage.loads(package)["func"])()  # type: ignore[operator]
    assert heartbeat.look(os.getsid(0)).answered > 0
    asks.acknowledge(number)
    assert heartbeat.look(os.getsid(0)).taken_in > 0
    with pytest.raises(RuntimeError, match="Database access not allowed"):
        asks.dequeue()  # the queue itself
    monkeypatch.setattr(broker, "ASK_SECONDS", 0)
    assert asks.dequeue()[0][0] == number


def test_the_times_are_such_that_work_goes_on_within_30_seconds_of_a_fault() -> None:
    """A question, the wait for an answer, a look; the rest is for the start of a new group."""
    noticed = broker.ASK_SECONDS + supervisor.ANSWER_SECONDS + supervisor.TICK_SECONDS
    assert noticed <= 15
    assert supervisor.SILENT_SECONDS > supervisor.claims.SEND_SECONDS + broker.ASK_SECONDS
    assert settings.Q_CLUSTER["retry"] > 2 * supervisor.TAKE_IN_SECONDS
