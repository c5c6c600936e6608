"""Signs of life of a worker group: files in a folder that its supervisor makes for it.

    asked       the queue has been given a question              (by the process that feeds it, see `broker`)
    answered    a worker has taken it up
    taken_in    the monitor has taken in that it is done
    <pid>       a worker at work: there from the beginning of a piece of work to its end; holds the id of its call
    ending      no worker begins another call

Files of this host, not the cache or the database: one that is away, or a host that is quicker, must not make a living
group look dead. Their times are those of the clock that never jumps (`time.monotonic`).
"""

import contextlib
import os
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.dispatch import receiver
from django_q.signals import post_execute_in_worker, pre_execute

from . import processes

ASKED, ANSWERED, TAKEN_IN, ENDING = "asked", "answered", "taken_in", "ending"


@dataclass(frozen=True)
class Signs:
    """Of one group, in seconds of `time.monotonic`; 0 for never."""

    asked: float
    answered: float
    taken_in: float
    last: float  # of any worker
    at_work: int  # how many workers are
    lost: tuple[str, ...]  # calls of workers that died since the last look; empty ids where there was no call


def place() -> Path:
    """Where the groups of this host have their folders and records (see `group`)."""
    return settings.DATA_DIR / "workers"


def folder(group: int) -> Path:
    """Of the group with this session, which is the pid of its first process."""
    return place() / f"{group}@{socket.gethostname()}"


# --- in the group -----------------------------------------------------------------------------------------------------


def beat(call: object = "") -> None:
    """A worker's sign of life: before each claim, with the call that it then holds, and in long downloads."""
    _write(str(os.getpid()), str(call))


def answer() -> None:
    """What the supervised queue is asked to do, and no more. It calls this by its dotted name."""
    _write(ANSWERED)


def asked() -> None:
    _write(ASKED)


def taken_in() -> None:
    _write(TAKEN_IN)


def is_ending() -> bool:
    return (folder(os.getsid(0)) / ENDING).exists()


@receiver(pre_execute)
def _begins(**_given: object) -> None:
    beat()


@receiver(post_execute_in_worker)
def _ends(**_given: object) -> None:
    with contextlib.suppress(OSError):
        (folder(os.getsid(0)) / str(os.getpid())).unlink()


def _write(name: str, text: str = "") -> None:
    """Nothing may fail here: django-q2 loses a worker over it. A group that nobody supervises has no folder."""
    path, now = folder(os.getsid(0)) / name, time.monotonic_ns()
    with contextlib.suppress(OSError):
        path.write_text(text)
        os.utime(path, ns=(now, now))


# --- for the supervisor -----------------------------------------------------------------------------------------------


def open_for(group: int) -> None:
    close(group)
    folder(group).mkdir(parents=True)


def close(group: int) -> None:
    shutil.rmtree(folder(group), ignore_errors=True)


def let_end(group: int) -> None:
    """From now on its workers end what they are at, and begin no other call."""
    (folder(group) / ENDING).touch()


def calls(group: int) -> list[str]:
    """The ids of the calls that its workers hold."""
    return sorted(filter(None, (_text(path) for path in _workers(group))))


def look(group: int) -> Signs:
    """Forgets workers that are no more: none of them is at work."""
    lost, at_work, last = [], 0, 0.0
    for path in _workers(group):
        if processes.lives(int(path.name)):
            at_work += 1
            last = max(last, _time(path))
        else:
            lost.append(_text(path))
            path.unlink(missing_ok=True)
    told = {name: _time(folder(group) / name) for name in (ASKED, ANSWERED, TAKEN_IN)}
    return Signs(**told, last=max(last, told[ANSWERED]), at_work=at_work, lost=tuple(lost))


def age() -> float | None:
    """Seconds since a worker on this host last gave a sign of life, or None if none has."""
    here, now = f"*@{socket.gethostname()}", time.monotonic()
    signs = map(_time, [*place().glob(f"{here}/{ANSWERED}"), *place().glob(f"{here}/[0-9]*")])
    return min((now - at for at in signs if 0 < at <= now), default=None)


def _workers(group: int) -> list[Path]:
    return list(folder(group).glob("[0-9]*"))


def _time(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime_ns / 1e9
    return 0.0


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""
