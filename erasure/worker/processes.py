"""Which process is which. A pid alone may be another program's by now, so a process is known by the boot, its pid and
the time at which it started: `boot/pid/start`, from /proc. Where there is no /proc, nothing is known of any."""

import contextlib
import os
from pathlib import Path

#: In the environment of each process of a worker group: which process its first one is.
MARK = "ERASURE_DESK_WORKERS"
PROC = Path("/proc")


def can_tell() -> bool:
    return (PROC / "self" / "stat").exists()


def known_as(pid: int) -> str:
    """Empty if there is no such process, or if it has ended and only waits to be reaped."""
    state, start = _state_and_start(pid)
    return f"{_boot()}/{pid}/{start}" if state not in ("", "Z", "X") else ""


def is_there(known: str) -> bool:
    """Whether the process that was known as this still runs."""
    return known == known_as(int(known.split("/")[1]))


def lives(pid: int) -> bool:
    """Whether a process with this pid runs, whichever it is."""
    if can_tell():
        return known_as(pid) != ""
    with contextlib.suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True


def group_of(first: str) -> list[int]:
    """The living processes of the group whose first process was known as this; it may itself be gone."""
    mark = f"{MARK}={first}".encode()
    found = {int(first.split("/")[1])} if is_there(first) else set()
    for entry in PROC.iterdir():
        with contextlib.suppress(OSError):  # it has just ended, or is somebody else's
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.add(int(entry.name))
    return sorted(found)


def _state_and_start(pid: int) -> tuple[str, str]:
    """The fields 3 and 22 of /proc/<pid>/stat; the second one may itself hold spaces and brackets."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]


def _boot() -> str:
    with contextlib.suppress(OSError):
        return (PROC / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
    return ""
