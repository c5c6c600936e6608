"""What a stand-in saw, in order: the oracle of the tests. It knows what a vendor would know and nothing of the desk."""

import dataclasses
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass
class Entry:
    """One request. It is entered when it has been read, and filled in while it is answered.

    at          real time (UTC); `clock` is the stand-in's own time
    query       decoded; of a name given twice the last value (`target` is the path and query as sent)
    authorised  whether the credential was right; None when nobody looked (unknown path, or a fault struck first)
    status      of the reply; None when none was sent, or not yet
    effect      what was done at the vendor, such as "removal_started"; empty for nothing
    job         the vendor's own number for it
    ids         whom it was done to, where one call is about several
    fault       the kind of the fault that struck, if one did
    """

    number: int
    at: datetime
    clock: datetime
    method: str
    target: str
    path: str
    query: dict[str, str]
    content_type: str
    body: str
    authorised: bool | None = None
    status: int | None = None
    effect: str = ""
    job: str = ""
    ids: tuple[str, ...] = ()
    fault: str = ""

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"at": self.at.isoformat(), "clock": self.clock.isoformat()}


@dataclass
class Journal:
    """Append-only. With `file`, each entry is also added to it as a line of JSON, once: just before its reply is sent,
    or when it is clear that none will be."""

    file: Path | None = None
    _entries: list[Entry] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, **facts: Any) -> Entry:
        with self._lock:
            entry = Entry(number=len(self._entries) + 1, at=datetime.now(UTC), **facts)
            self._entries.append(entry)
            return entry

    def close(self, entry: Entry, status: int | None) -> None:
        entry.status = status
        if self.file is not None:
            line = json.dumps(entry.as_json()) + "\n"
            with self._lock, self.file.open("a", encoding="utf-8") as out:
                out.write(line)

    def entries(self, *, effect: str | None = None, path: str = "") -> list[Entry]:
        """All entries so far, or those with this effect, or whose path ends so."""
        with self._lock:
            return [
                entry
                for entry in self._entries
                if (effect is None or entry.effect == effect) and entry.path.endswith(path)
            ]
