"""The switchboard: what is to go wrong, at which calls, and how often."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

Kind = Literal["reply", "close", "half", "slow", "endless", "fields", "hold", "delay"]
KINDS: tuple[str, ...] = get_args(Kind)
LONGEST_SECONDS = 60.0


@dataclass
class Fault:
    """Strikes the next `times` calls (None: all) whose method and path match (shell patterns; the query is no part).

    reply    answer `status`, `headers`, `body` instead: a 429 with Retry-After, a redirect with Location, bad JSON
    close    hang up without a reply
    half     announce the whole reply, send half of its body, hang up
    slow     send the right reply in small pieces spread over `seconds`
    endless  begin a reply and drip blanks for `seconds`, then hang up
    fields   the right reply with these JSON fields changed (another status word, another job's number)
    hold     wait until `release()`, at most 60 seconds, then go on as if nothing had happened
    delay    the same, for `seconds`

    `process`: the call is carried out *before* the fault strikes. Without it, reply, close, half and endless mean that
    nothing was done at the vendor; slow and fields need the real reply and always carry it out; hold and delay carry it
    out afterwards. `reached` is set when the fault first strikes, `struck` counts.
    """

    kind: Kind
    method: str = "*"
    path: str = "*"
    times: int | None = 1
    process: bool = False
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = "<!DOCTYPE html><html><body><h1>Internal Server Error</h1></body></html>"
    content_type: str = "text/html; charset=utf-8"
    fields: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 1.0
    number: int = field(default=0, init=False)
    struck: int = field(default=0, init=False)
    reached: threading.Event = field(default_factory=threading.Event, init=False, repr=False)
    released: threading.Event = field(default_factory=threading.Event, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if self.times is not None and self.times < 1:
            raise ValueError("times must be 1 or more, or null for all calls")
        if not 0 <= self.seconds <= LONGEST_SECONDS:
            raise ValueError(f"seconds must be between 0 and {LONGEST_SECONDS:g}")
        if not 100 <= self.status <= 599:
            raise ValueError("status must be an HTTP status")

    def matches(self, method: str, path: str) -> bool:
        spent = self.times is not None and self.struck >= self.times
        return not spent and fnmatchcase(method, self.method) and fnmatchcase(path, self.path)

    def release(self) -> None:
        """Lets every call go on that this fault holds, now and later."""
        self.released.set()


class Switchboard:
    """The faults of one stand-in; of several that match a call the oldest strikes."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
            fault.number = len(self._faults)
        return fault

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that strikes this call, counted; None for none."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(method, path):
                    fault.struck += 1
                    fault.reached.set()
                    return fault
        return None

    def release(self, number: int | None = None) -> None:
        """Releases one fault by its number, or all."""
        with self._lock:
            for fault in self._faults:
                if number in (None, fault.number):
                    fault.release()

    def clear(self) -> None:
        """Nothing goes wrong from here on; held calls go on. Numbers are not used again."""
        self.release()
        with self._lock:
            for fault in self._faults:
                fault.times = 0
