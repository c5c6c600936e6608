"""What a supervisor that was killed has left behind is ended by the next one, and nothing else ever is."""

import contextlib
import ctypes
import json
import logging
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from erasure.worker import group, heartbeat, processes
from erasure.worker.group import Group, end_orphans
from tests.desk import until

# In place of manage.py: a process with two more, which say their pids before they wait.
FAMILY = """
import os, time
from pathlib import Path
for _ in range(2):
    if not os.fork():
        break
(Path(__file__).parent / f"pid-{os.getpid()}").touch()
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def place(settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Path:
    caplog.set_level(logging.INFO)
    settings.DATA_DIR, settings.BASE_DIR = tmp_path, tmp_path
    (tmp_path / "manage.py").write_text(FAMILY)
    return tmp_path


@pytest.fixture
def family(place: Path) -> Iterator[Group]:
    """A group of three processes; its supervisor is this process."""
    started = Group()
    until(lambda: len(pids(place)) == 3)
    yield started
    started.end()


@contextlib.contextmanager
def program() -> Iterator[subprocess.Popen[bytes]]:
    """One that has nothing to do with the desk."""
    with subprocess.Popen(["/bin/sleep", "600"], start_new_session=True) as started:
        try:
            yield started
        finally:
            started.kill()


@pytest.fixture
def innocent() -> Iterator[subprocess.Popen[bytes]]:
    with program() as started:
        yield started
        assert started.poll() is None, "it was ended"


def pids(place: Path) -> list[int]:
    return [int(path.name.removeprefix("pid-")) for path in place.glob("pid-*")]


def living(place: Path) -> list[int]:
    return [pid for pid in pids(place) if processes.lives(pid)]


def records(place: Path) -> list[Path]:
    return list((place / "workers").glob("*.json"))


def tell(path: Path, **changed: str) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def of_a_dead_process() -> str:
    with program() as dead:
        return processes.known_as(dead.pid)


def test_the_group_of_a_supervisor_that_is_no_more_is_ended_and_one_line_says_so(
    family: Group, place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tell(records(place)[0], supervisor=of_a_dead_process())
    (heartbeat.folder(family.number) / "4711").write_text("some-call")
    end_orphans()
    assert not living(place)
    assert list((place / "workers").iterdir()) == []
    (line,) = [record.getMessage() for record in caplog.records]
    assert "left 3 processes; they are ended" in line
    assert "cut off: 1 (call:some-call)" in line


def test_so_it_is_if_the_first_of_its_processes_is_gone(family: Group, place: Path) -> None:
    tell(records(place)[0], supervisor=of_a_dead_process())
    os.kill(family.number, signal.SIGKILL)
    family.wait(10)
    assert len(living(place)) == 2
    end_orphans()
    assert not living(place)


def test_a_supervisor_that_only_waits_to_be_reaped_is_no_more(family: Group, place: Path) -> None:
    with program() as dead:
        tell(records(place)[0], supervisor=processes.known_as(dead.pid))
        end_orphans()
        assert len(living(place)) == 3, "it still ran"
        dead.kill()
        until(lambda: not processes.lives(dead.pid))
        end_orphans()
    assert not living(place)


def test_the_group_of_a_supervisor_that_runs_is_left_alone(
    family: Group, place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    end_orphans()
    assert len(living(place)) == 3
    assert len(records(place)) == 1
    assert not caplog.records


def test_a_process_is_known_by_when_it_has_started(innocent: subprocess.Popen[bytes]) -> None:
    boot, pid, start = processes.known_as(innocent.pid).split("/")
    assert boot
    assert int(pid) == innocent.pid
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert 0 <= since_boot - int(start) / os.sysconf("SC_CLK_TCK") < 60
    assert processes.known_as(os.getpid()).split("/")[2] != start


def test_another_program_with_the_pid_of_the_supervisor_is_not_the_supervisor(
    family: Group, place: Path, innocent: subprocess.Popen[bytes]
) -> None:
    boot, pid, start = processes.known_as(innocent.pid).split("/")
    tell(records(place)[0], supervisor=f"{boot}/{pid}/{int(start) - 1}")
    end_orphans()
    assert not living(place)


@pytest.mark.parametrize("what", ["start", "boot"])
def test_another_program_with_the_pid_of_the_group_is_not_the_group(
    place: Path, innocent: subprocess.Popen[bytes], what: str
) -> None:
    boot, pid, start = processes.known_as(innocent.pid).split("/")
    other = f"{boot}/{pid}/{int(start) - 1}" if what == "start" else f"an-earlier-{boot}/{pid}/{start}"
    group._record(innocent.pid, other)
    tell(records(place)[0], supervisor=of_a_dead_process())
    end_orphans()
    assert processes.lives(innocent.pid)
    assert not records(place)


def test_two_groups_are_not_taken_for_one(family: Group, place: Path) -> None:
    second = Group()
    until(lambda: len(pids(place)) == 6)
    first = next(path for path in records(place) if path.name.startswith(f"{family.number}@"))
    tell(first, supervisor=of_a_dead_process())
    end_orphans()
    assert len(living(place)) == 3
    assert second.has_ended() is None
    second.end()
    until(lambda: not living(place))


def test_records_of_other_hosts_in_the_same_folder_are_left_alone(family: Group, place: Path) -> None:
    path = records(place)[0]
    tell(path, supervisor=of_a_dead_process())
    path.rename(path.with_name(path.name.replace("@", "@another-")))
    end_orphans()
    assert len(living(place)) == 3
    assert len(records(place)) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"supervisor": 1}', '{"supervisor": "x", "group": "a/b"}'])
def test_a_record_that_says_nothing_is_removed(place: Path, caplog: pytest.LogCaptureFixture, text: str) -> None:
    end_orphans()  # without any folder
    path = heartbeat.folder(4711).with_name(heartbeat.folder(4711).name + ".json")
    path.parent.mkdir()
    path.write_text(text)
    end_orphans()
    assert not path.exists()
    assert "does not say whose workers" in caplog.text


def test_where_nothing_is_known_of_processes_nothing_is_ended(
    family: Group, place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tell(records(place)[0], supervisor=of_a_dead_process())
    monkeypatch.setattr(processes, "PROC", place / "no-proc")
    end_orphans()
    assert "There is no /proc here" in caplog.text
    second = Group()  # work goes on without a record
    until(lambda: len(pids(place)) == 6)
    assert len(records(place)) == 1
    second.end()
    monkeypatch.undo()
    until(lambda: len(living(place)) == 3)
    assert family.has_ended() is None


def test_a_group_that_cannot_be_recorded_is_not_started(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(group, "_record", no_room)
    with pytest.raises(OSError, match="No space"):
        Group()
    assert pids(place) == []
    assert not (place / "workers").exists()


def test_the_first_process_of_a_container_reaps_all_of_its_group(family: Group, place: Path) -> None:
    """Whoever inherits the processes of a dead one, here by PR_SET_CHILD_SUBREAPER, has to."""
    libc = ctypes.CDLL(None)
    assert libc.prctl(36, 1, 0, 0, 0) == 0
    try:
        family.end()
        assert not [pid for pid in pids(place) if (Path("/proc") / str(pid)).exists()], "left un-reaped"
    finally:
        libc.prctl(36, 0, 0, 0, 0)
