"""A stand-in's own time: it can be made to run fast, and be turned."""

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Begins at `begins` (default: now) and moves on by `days_per_second`; at 0 it moves only by `advance`."""

    def __init__(self, days_per_second: float = 0.0, begins: datetime | None = None) -> None:
        if not 0 <= days_per_second <= 100:
            raise ValueError("days_per_second must be between 0 and 100")
        self.days_per_second = days_per_second
        self._origin = begins or datetime.now(UTC)
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._origin + timedelta(days=(time.monotonic() - self._started) * self.days_per_second)

    def advance(self, days: float) -> datetime:
        """Turns the clock forward and returns the new time. ValueError for a step back or past the calendar's end."""
        if not 0 <= days <= 100_000:
            raise ValueError("days must be between 0 and 100000")
        with self._lock:
            self._origin += timedelta(days=days)
        return self.now()
