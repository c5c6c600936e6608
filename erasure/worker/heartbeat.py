"""A sign of life that only a worker can give: it is written by work being done, never by the process that watches."""

import socket
import time

from django.core.cache import cache

_KEY = f"heartbeat:{socket.gethostname()}"


def beat() -> None:
    """Called by workers: at each piece of work, in long downloads, and when the supervisor asks for a sign of life.
    The queue calls it by its dotted name."""
    cache.set(_KEY, time.time(), timeout=None)


def age() -> float | None:
    """Seconds since the last beat on this host, or None if there was none."""
    last = cache.get(_KEY)
    return None if last is None else max(0.0, time.time() - last)
