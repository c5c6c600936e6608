"""A worker group: one qcluster with all its processes, in a session of its own, and the record of whose it is.

The record lies in DATA_DIR before anything of the group runs: its first process waits for a word on its standard input,
which comes once the record is written, and ends if it never comes. So whenever a supervisor is killed, the next one
finds what it has left.
"""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from django.conf import settings

from . import claims, heartbeat, processes

GONE_SECONDS = 10.0  # what killed processes are given to be gone

# The word is which process this is, and goes on to all that it starts. `exec` keeps pid and start time.
WAIT_FOR_WORD = f'read -r {processes.MARK} && export {processes.MARK} && exec "$@" </dev/null'

log = logging.getLogger(__name__)


class Group:
    """Starts it."""

    def __init__(self) -> None:
        manage = str(settings.BASE_DIR / "manage.py")
        self._process = subprocess.Popen(  # noqa: S603 - our own command line
            ["/bin/sh", "-c", WAIT_FOR_WORD, "sh", sys.executable, manage, "qcluster"],
            stdin=subprocess.PIPE,
            start_new_session=True,  # all of it can be ended at once, and Ctrl-C does not reach it
        )
        self.number = self._process.pid
        try:
            first = processes.known_as(self.number)
            if first:
                _record(self.number, first)
            heartbeat.open_for(self.number)
            assert self._process.stdin
            with contextlib.suppress(BrokenPipeError), self._process.stdin as word:
                word.write(f"{first}\n".encode())
        except BaseException:
            self.end()
            raise

    def has_ended(self) -> int | None:
        """The exit code of its first process, once that has ended; the others may still be there."""
        return self._process.poll()

    def ask_to_end(self) -> None:
        with contextlib.suppress(OSError):  # it may end without
            heartbeat.let_end(self.number)
        self._process.terminate()

    def wait(self, seconds: float) -> bool:
        """Whether it ended within this time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def end(self) -> list[str]:
        """Ends all its processes, whatever they do. Returns the ids of the calls that were under way."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.number, signal.SIGKILL)
        self._process.wait()
        with contextlib.suppress(ChildProcessError):
            while True:  # the first process of a container inherits the others, and has to reap them
                os.waitpid(-self.number, 0)
        calls = heartbeat.calls(self.number)
        _forget(self.number)
        return calls


def cut_off(calls: list[str]) -> str:
    """What to say of calls that were under way when their worker was ended."""
    if not calls:
        return "no call was under way"
    ids = ", ".join(f"call:{call}" for call in calls)
    return (
        f"calls under way and cut off: {len(calls)} ({ids}); whether their vendors carried them out is not known, and "
        f"a worker settles them when their leases end, within {claims.LEASE.total_seconds():.0f} s"
    )


# --- what an earlier run has left -------------------------------------------------------------------------------------


def end_orphans() -> None:
    """Ends the groups of supervisors on this host that are no more, and says so. Those of others that run are left."""
    if not processes.can_tell():
        log.warning("There is no /proc here: workers that a killed run may have left are not looked for.")
        return
    for path in sorted(heartbeat.place().glob(f"*@{socket.gethostname()}.json")):
        try:
            told = json.loads(path.read_text())
            supervisor, first, number = told["supervisor"], told["group"], int(told["group"].split("/")[1])
            runs = processes.is_there(supervisor)
        except FileNotFoundError:
            continue  # its supervisor has just ended
        except (ValueError, LookupError, TypeError, AttributeError):
            log.warning("%s does not say whose workers they are, and is removed.", path.name)
            path.unlink(missing_ok=True)
            continue
        if not runs:
            _end_orphans(first, number)


def supervisors() -> list[int]:
    """The pids of this host's supervisors that run. Where there is no /proc, none is known."""
    found = []
    for path in heartbeat.place().glob(f"*@{socket.gethostname()}.json"):
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            known = json.loads(path.read_text())["supervisor"]
            if processes.is_there(known):
                found.append(int(known.split("/")[1]))
    return sorted(found)


def _end_orphans(first: str, number: int) -> None:
    found, until = processes.group_of(first), time.monotonic() + GONE_SECONDS
    left = found
    while left and time.monotonic() < until:
        for pid in left:  # each has just been looked at; what it starts meanwhile is found in the next round
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
        left = processes.group_of(first)
    if left:
        log.error("Processes that an earlier run has left cannot be ended: %s.", ", ".join(map(str, left)))
        return
    if found:
        calls = heartbeat.calls(number)
        log.warning("An earlier run was killed and left %d processes; they are ended, %s.", len(found), cut_off(calls))
    _forget(number)


def _record(number: int, first: str) -> None:
    path = _path(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"supervisor": processes.known_as(os.getpid()), "group": first}))
    new.replace(path)


def _forget(number: int) -> None:
    """The record goes last: what cannot be removed now is found again."""
    heartbeat.close(number)
    _path(number).unlink(missing_ok=True)


def _path(number: int) -> Path:
    folder = heartbeat.folder(number)
    return folder.with_name(f"{folder.name}.json")
