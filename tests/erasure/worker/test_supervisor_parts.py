"""What the supervisor does when a part of its work fails: the others go on, and it is said once, not every second."""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from compliance.audit import seal
from erasure.worker import heartbeat, supervisor
from erasure.worker.supervisor import Part, PutBack, Supervisor


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The supervisor's clock, in seconds: its only element."""
    seconds = [1000.0]
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: seconds[0])
    return seconds


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    found = [(record.levelname, record.getMessage()) for record in caplog.records]
    caplog.clear()
    return found


def test_a_part_runs_when_it_is_due(ticking):
    runs = []
    part = Part("sealing", 3.0, lambda: runs.append(ticking[0]))
    for second in range(1000, 1010):
        ticking[0] = second
        part.run_if_due()
    assert runs == [1000, 1003, 1006, 1009]


def test_trouble_is_said_at_once_and_then_every_few_minutes(ticking, caplog):
    trouble: list[Exception] = [ImproperlyConfigured("AUDIT_SIGNING_KEY: there is no key.")]

    def fail() -> None:
        if trouble:
            raise trouble[0]

    caplog.set_level(logging.INFO)
    part = Part("sealing the trail", 3.0, fail)
    for _hour in range(1200):
        part.run_if_due()
        ticking[0] += 3
    line = "sealing the trail does not work and is tried again: AUDIT_SIGNING_KEY: there is no key."
    assert said(caplog) == [("ERROR", line)] * 12
    trouble[0] = seal.LogDamaged("The frontier of checkpoint 7 does not make its root.")
    part.run_if_due()
    assert "does not make its root" in said(caplog)[0][1]  # another trouble is news
    trouble[0] = OperationalError("a line that may hold what was in the row")
    ticking[0] += 3
    part.run_if_due()
    assert said(caplog)[0][1].endswith("is tried again: OperationalError")
    trouble.clear()
    for _again in range(3):
        ticking[0] += 3
        part.run_if_due()
    assert said(caplog) == [("INFO", "sealing the trail works again")]


def test_trouble_that_comes_and_goes_is_said_no_more_often(ticking, caplog):
    """As on a host without the signing key, while another host seals."""
    times = iter(range(200))

    def fail_every_other_time() -> None:
        if next(times) % 2:
            raise OperationalError

    caplog.set_level(logging.INFO)
    part = Part("sealing the trail", 3.0, fail_every_other_time)
    for _again in range(200):
        part.run_if_due()
        ticking[0] += 3
    assert [level for level, _line in said(caplog)] == ["ERROR", "INFO"] * 2


def test_a_part_that_fails_stops_none_of_the_others(ticking, monkeypatch, caplog):
    done = []

    def fails(**_given: object) -> None:
        raise seal.LogDamaged("Nothing was sealed.")

    monkeypatch.setattr(supervisor, "close_old_connections", lambda: None)
    monkeypatch.setattr(supervisor.seal, "seal", fails)
    monkeypatch.setattr(supervisor.sweep, "try_paused_accounts", lambda: done.append("try"))
    monkeypatch.setattr(supervisor.dispatch, "forget_hints", lambda: done.append("hints"))
    monkeypatch.setattr(supervisor.sweep, "tick", lambda: done.append("sweep"))
    monkeypatch.setattr(supervisor.anchor, "wake", lambda: done.append("anchor"))
    monkeypatch.setattr(supervisor.letters, "look_after", lambda: done.append("letters"))
    monkeypatch.setattr(supervisor.alerts, "look_after", lambda: done.append("alerts"))
    monkeypatch.setattr(supervisor.highwater, "keep_one", lambda: None)
    monkeypatch.setattr(supervisor.rotation, "problem", lambda: None)
    monkeypatch.setattr(supervisor.rotation, "tick", lambda: done.append("ring"))
    monkeypatch.setattr(Supervisor, "_watch", lambda _self: done.append("watch"))
    started = Supervisor()
    for _tick in range(2):
        for part in started._parts:
            part.run_if_due()
        ticking[0] += 1
    assert done == ["watch", "try", "hints", "sweep", "ring", "anchor", "letters", "alerts", "watch", "sweep"]
    assert [line for _level, line in said(caplog)] == [
        "sealing the trail does not work and is tried again: Nothing was sealed."
    ]


# --- the group --------------------------------------------------------------------------------------------------------


class FakeGroup:
    """Ends by itself as soon as it is looked at, until `well` is set."""

    started: list[float]
    well = False
    number = 4711

    def __init__(self) -> None:
        self.started.append(supervisor.time.monotonic())

    def has_ended(self) -> int | None:
        return None if self.well else 1

    def ask_to_end(self) -> None:
        pass

    def wait(self, seconds: float) -> bool:
        return False

    def end(self) -> list[str]:
        self.ended.append(self)
        return ["a-call"]

    ended: list["FakeGroup"] = []


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> type[FakeGroup]:
    """Those that were started; none shows a sign of life before it is well."""

    def look(_number: int) -> heartbeat.Signs:
        now = supervisor.time.monotonic() if FakeGroup.well else 0
        return heartbeat.Signs(now, now, now, now, 0, ())

    FakeGroup.started, FakeGroup.ended, FakeGroup.well = [], [], False
    monkeypatch.setattr(supervisor, "Group", FakeGroup)
    monkeypatch.setattr(supervisor.heartbeat, "look", look)
    return FakeGroup


def test_a_group_that_ends_again_and_again_at_its_start_is_started_ever_more_rarely(ticking, groups, caplog):
    caplog.set_level(logging.INFO)
    keeping = Supervisor()._parts[0]
    for _second in range(240):
        keeping.run_if_due()
        ticking[0] += 1
    pauses = [later - earlier for earlier, later in zip(groups.started, groups.started[1:], strict=False)]
    assert pauses == [3, 5, 9, 17, 33, 61, 61], "each is looked at once, a second after its start"
    assert len(groups.ended) == len(groups.started)
    (told,) = said(caplog)
    assert told[0] == "ERROR"
    assert "is tried again: a new worker group has ended by itself (exit code 1); another is started" in told[1]
    groups.well = True
    for _second in range(100):
        keeping.run_if_due()
        ticking[0] += 1
    assert len(groups.started) == len(pauses) + 2
    assert said(caplog) == [("INFO", "keeping the workers running works again")]


def test_a_group_that_starts_slowly_is_given_more_time_each_time(ticking, groups, monkeypatch):
    """On a machine that needs two minutes for it."""
    monkeypatch.setattr(FakeGroup, "has_ended", lambda _self: None)
    keeping = Supervisor()._parts[0]
    for _second in range(600):
        groups.well = bool(groups.started) and ticking[0] - groups.started[-1] > 119
        keeping.run_if_due()
        ticking[0] += 1
    assert len(groups.started) == 4
    assert groups.well


def test_one_that_has_worked_is_replaced_at_once_each_time_it_ends(ticking, groups, caplog):
    keeping = Supervisor()._parts[0]
    for _time in range(3):
        groups.well = True
        for _second in range(3):
            keeping.run_if_due()
            ticking[0] += 1
        groups.well = False
        keeping.run_if_due()
    assert len(groups.started) == 4
    line = "The worker group has ended by itself (exit code 1); it is replaced, calls under way and cut off: 1 (call:"
    assert [level for level, told in said(caplog) if told.startswith(line)] == ["WARNING"] * 3


def test_where_the_key_ring_lacks_a_key_nothing_is_begun_until_it_is_there(ticking, groups, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    groups.well, swept = True, []
    trouble = ["KEY_RING: the key ring lacks the key 4711."]
    monkeypatch.setattr(supervisor.rotation, "problem", lambda: trouble[0])
    monkeypatch.setattr(supervisor.sweep, "tick", lambda: swept.append(ticking[0]))
    for name in ("try_paused_accounts", "forget_hints"):
        monkeypatch.setattr(supervisor.sweep if "try" in name else supervisor.dispatch, name, lambda: None)
    started = Supervisor()
    parts = [started._parts[0], *started._parts[2:4]]

    def for_seconds(seconds: int) -> None:
        for _second in range(seconds):
            for part in parts:
                part.run_if_due()
            ticking[0] += 1

    for_seconds(20)
    assert (len(groups.started), len(groups.ended), swept) == (1, 1, [])
    lines = [line for level, line in said(caplog) if level == "ERROR"]
    assert lines == [f"reading with the key ring does not work and is tried again: {trouble[0]}"]
    trouble[0] = None
    for_seconds(20)
    assert len(groups.started) == 2
    assert swept
    assert ("INFO", "reading with the key ring works again") in said(caplog)


def test_a_database_that_is_put_back_under_it_ends_the_group_at_once(ticking, groups, monkeypatch):
    """Nothing is sealed or sent on it, and no worker is waited for."""
    done = []
    groups.well = True
    monkeypatch.setattr(supervisor, "close_old_connections", lambda: None)
    monkeypatch.setattr(supervisor.behind, "behind", lambda: "It was put back.")
    monkeypatch.setattr(Supervisor, "_sweep", lambda _self: None)
    monkeypatch.setattr(supervisor.seal, "seal", lambda **_given: done.append("seal"))
    monkeypatch.setattr(supervisor.letters, "look_after", lambda: done.append("letters"))
    monkeypatch.setattr(FakeGroup, "ask_to_end", lambda _self: done.append("drain"))
    monkeypatch.setattr(supervisor.signal, "signal", lambda *_given: None)
    with pytest.raises(PutBack, match="It was put back"):
        Supervisor().run()
    assert done == []
    assert len(groups.started) == len(groups.ended) == 1


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch, groups: type[FakeGroup]) -> Iterator[None]:
    """Lets a supervisor run in this process, with times so short that a test can wait for them (but for the last one,
    which a busy machine must not reach by itself); takes its handlers away afterwards."""
    groups.well = True
    monkeypatch.setattr(supervisor, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(supervisor, "DRAIN_SECONDS", 0.5)
    monkeypatch.setattr(supervisor, "END_SECONDS", 60)
    # As a service manager starts it, whatever these tests were started by: `nohup` has hangups ignored.
    before = {number: signal.signal(number, signal.SIG_DFL) for number in supervisor.ENDING}
    yield
    signal.alarm(0)
    for number, handler in before.items():
        signal.signal(number, handler)


def ended(part: Callable[[], object]) -> float:
    """Runs a supervisor with this one part beside its group; how long it took."""
    supervised = Supervisor()
    supervised._parts = [supervised._parts[0], Part("the part", 0, part)]
    begun = time.perf_counter()
    supervised.run()
    return time.perf_counter() - begun


def tell_to_end(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_end_it_ends_its_group_and_says_what_was_cut_off(signals, groups, caplog, number):
    caplog.set_level(logging.INFO)
    ended(lambda: tell_to_end(number))
    assert len(groups.ended) == 1
    told = [line for _level, line in said(caplog)]
    assert told[0].startswith("Work still runs after")
    assert told[1].startswith("Ended: calls under way and cut off: 1 (call:a-call); whether their vendors carried")
    assert "settles them when their leases end, within 90 s" in told[1]


def test_told_twice_it_ends_at_once(signals, groups, caplog):
    def told_twice() -> None:
        tell_to_end()
        tell_to_end()
        time.sleep(30)

    assert ended(told_twice) < 20
    assert len(groups.ended) == 1
    assert said(caplog)[0] == ("WARNING", "Told to end at once.")


def test_it_ends_in_bounded_time_whatever_it_hangs_in(signals, groups, caplog, monkeypatch):
    monkeypatch.setattr(supervisor, "END_SECONDS", 0.5)

    def hangs() -> None:
        tell_to_end()
        time.sleep(30)

    assert ended(hangs) < 20
    assert len(groups.ended) == 1


def test_a_signal_before_the_start_starts_nothing(signals, groups):
    supervised = Supervisor()
    supervised._stop(signal.SIGTERM, None)
    supervised.run()
    assert groups.started == []


def test_a_hangup_is_ignored_where_nohup_has_said_so(signals, groups):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    left = iter([signal.SIGHUP, signal.SIGHUP, signal.SIGTERM])
    ended(lambda: tell_to_end(next(left)))
    assert not list(left), "the hangup has ended it"
