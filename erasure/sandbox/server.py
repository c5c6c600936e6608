"""One HTTP server for any stand-in vendor.

A vendor is a subclass of `StandIn` that declares its calls with `@route`. It gets from here: real HTTP on loopback, a
journal, a clock that can be turned, a switchboard for faults, and a control surface under `/_sandbox/` that never shows
in the journal:

    GET    /_sandbox/journal                   every request so far
    GET    /_sandbox/held                      what is still held: key → number of records
    POST   /_sandbox/hold      {…}             the arguments of the vendor's `hold`; so for each of its `controls`
    POST   /_sandbox/advance   {"days": 5}
    POST   /_sandbox/faults    {"kind": …}     the fields of `faults.Fault`; answers its number
    DELETE /_sandbox/faults                    all of them
    POST   /_sandbox/release   {"fault": 1}    without a number: all that hold a call
"""

import json
import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Self

from .clock import Clock
from .faults import Fault, Switchboard
from .journal import Journal
from .wire import Call, Reply, Server

Handler = Callable[[Any, Call], Reply]


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    """Declares that a method of a stand-in answers this call. `path` is a regular expression for the whole path."""

    def mark(function: Handler) -> Handler:
        function.route = (method, re.compile(path))  # type: ignore[attr-defined]
        return function

    return mark


class StandIn:
    """Base of every stand-in vendor. Vendor methods run one at a time, so that they need no locks of their own.

    `everyone`: whoever is asked for is held (once) with a small made-up record; for the demo."""

    key: ClassVar[str]
    label: ClassVar[str]
    routes: ClassVar[list[tuple[str, re.Pattern[str], Handler]]] = []
    credentials: Mapping[str, str] = {}  # what a vendor account must be given, by the connector's names
    options: Mapping[str, Any] = {}  # and what of its settings has no right default
    controls: ClassVar[frozenset[str]] = frozenset({"hold"})  # its methods that the control surface offers

    def __init__(
        self,
        *,
        days_per_second: float = 0.0,
        begins: datetime | None = None,
        everyone: bool = False,
        journal_file: Path | None = None,
    ) -> None:
        self.clock = Clock(days_per_second, begins)
        self.journal = Journal(journal_file)
        self.faults = Switchboard()
        self.everyone = everyone
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self._server: Server | None = None

    def __init_subclass__(cls) -> None:
        functions = (getattr(cls, name) for name in dir(cls))
        cls.routes = [(*function.route, function) for function in functions if hasattr(function, "route")]

    # --- what a vendor adds ---

    def authorised(self, call: Call) -> bool:
        """Whether the call carries the right credential."""
        raise NotImplementedError

    def refusal(self, call: Call) -> Reply:
        """The reply to a call that does not."""
        return Reply.page(401)

    def hold(self, *args: Any, **kwargs: Any) -> None:
        """Makes the vendor hold data about a made-up person."""
        raise NotImplementedError

    def held(self) -> dict[str, int]:
        """What is held now: key → number of records, without the keys that hold none."""
        raise NotImplementedError

    # --- answering ---

    def answer(self, call: Call) -> Reply:
        matches = [
            (method, found, function)
            for method, path, function in self.routes
            if (found := path.fullmatch(call.path)) is not None
        ]
        if not matches:
            return Reply.page(404)
        for method, found, function in matches:
            if method == call.method:
                with self.lock:
                    call.parts = found.groupdict()
                    call.entry.authorised = self.authorised(call)
                    return function(self, call) if call.entry.authorised else self.refusal(call)
        return Reply.page(405, Allow=", ".join(sorted({method for method, _, _ in matches})))

    def control(self, method: str, path: str, body: bytes) -> Reply:
        """The control surface. `path` is what follows `/_sandbox/`."""
        try:
            given = json.loads(body) if body else {}
            if not isinstance(given, dict):
                raise ValueError("the body must be a JSON object")
            match method, path:
                case "GET", "journal":
                    return Reply.json([entry.as_json() for entry in self.journal.entries()])
                case "GET", "held":
                    with self.lock:
                        return Reply.json(self.held())
                case "POST", name if name in self.controls:
                    with self.lock:
                        getattr(self, name)(**given)
                        return Reply.json(self.held())
                case "POST", "advance":
                    return Reply.json({"now": self.clock.advance(**given).isoformat()})
                case "POST", "faults":
                    return Reply.json({"fault": self.faults.add(Fault(**given)).number})
                case "DELETE", "faults":
                    self.faults.clear()
                    return Reply.json({})
                case "POST", "release":
                    self.faults.release(given.get("fault"))
                    return Reply.json({})
        except (TypeError, ValueError, OverflowError) as error:
            return Reply.json({"error": str(error)}, 400)
        return Reply.json({"error": "no such control"}, 404)

    # --- life ---

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError(f"the {self.key} stand-in is not running")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self, port: int = 0) -> Self:
        """Listens on loopback; port 0 takes a free one. OSError if the port is taken. A stopped stand-in may start
        again: it still knows its jobs and people."""
        self.closing.clear()
        self._server = Server(self, port)
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, name=f"sandbox-{self.key}", daemon=True
        ).start()
        return self

    def stop(self) -> None:
        """Ends the server and whatever a fault holds up."""
        self.closing.set()
        self.faults.clear()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
