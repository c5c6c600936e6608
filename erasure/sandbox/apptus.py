"""The Apptus eSales stand-in: its GDPR calls, made from the vendor's public pages ("Remove Customer Data", "Export
Customer Data", "Customer Data Job Status", "Download Customer Data"; versions 3, 2 of the web API, and Elevate 4).

A job works on archived data. Data is archived `archive_days` after it arrived, and a job waits until the data of its
own start has been archived, and in any case until the next day (UTC). What arrives later is not touched by it: the
unarchived tail. What the pages do not say is strict here: error bodies are HTML, an unknown or spent result is a 404.
"""

import hashlib
import io
import json
import re
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from .server import StandIn, route
from .wire import Call, Reply

EVENT_DATA = r"/api/(?P<generation>v1|v2|admin/v4)/event-data"
CUSTOMER_KEY = re.compile(r"[0-9a-f]{64}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

FRESH = timedelta(minutes=15)  # how long a job still says what its creation said
RUNS = timedelta(hours=6)
RESULT_KEPT = timedelta(days=7)


@dataclass
class Job:
    """`word` is the status it was created with. `result` is the export's zip, from the time it is done until it has
    been fetched or has grown old; then the job is gone as well. `touched` counts the records removed or exported."""

    jid: str
    removes: bool
    customer_key: str
    word: str
    created: datetime
    ready: datetime
    done: datetime
    settled: bool = False
    result: bytes | None = field(default=None, repr=False)
    touched: int = 0

    def status(self, now: datetime) -> str:
        if now < min(self.created + FRESH, self.ready):
            return self.word
        if now < self.ready:
            return "waiting"
        return "running" if now < self.done else "done"


@dataclass(frozen=True)
class Record:
    arrived: datetime
    content: Mapping[str, Any]


class Apptus(StandIn):
    key = "apptus"
    label = "Apptus eSales"

    def __init__(
        self,
        *,
        username: str = "sandbox",
        password: str = "sandbox-password",  # noqa: S107 — a stand-in's, printed for whoever starts it
        api_key: str = "sandbox-api-key",
        archive_days: float = 5,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.credentials = {"username": username, "password": password, "api_key": api_key}
        self.archiving = timedelta(days=archive_days)
        self.jobs: dict[str, Job] = {}
        self._records: dict[str, list[Record]] = {}
        self._links: dict[str, set[str]] = {}

    # --- the people it holds ---

    def hold(
        self,
        key: str,
        *,
        records: Sequence[Mapping[str, Any]] = ({"type": "click", "product": "P-1"},),
        linked: Sequence[str] = (),
        days_ago: float = 30,
    ) -> None:
        """Adds data about a made-up person. `key` and `linked` are customer keys, taken as they are; links hold both
        ways and onwards. A record is a JSON object, and its `type` names its file in an export. The records arrived
        `days_ago`; a job leaves alone what arrived after it was created."""
        with self.lock:
            self._settle()
            arrived = self.clock.now() - timedelta(days=days_ago)
            new = [Record(arrived, dict(record)) for record in records]
            self._records.setdefault(key, []).extend(new)
            for other in linked:
                self._links.setdefault(key, set()).add(other)
                self._links.setdefault(other, set()).add(key)

    def held(self) -> dict[str, int]:
        with self.lock:
            self._settle()
            return {key: len(records) for key, records in self._records.items() if records}

    def _all_linked(self, key: str) -> list[str]:
        found, todo = {key}, [key]
        while todo:
            new = self._links.get(todo.pop(), set()) - found
            found |= new
            todo += new
        return sorted(found)

    # --- calls ---

    def authorised(self, call: Call) -> bool:
        if call.parts["generation"] != "v1":
            return call.headers.get("Api-Key") == self.credentials["api_key"]
        return call.basic() == (self.credentials["username"], self.credentials["password"])

    def refusal(self, call: Call) -> Reply:
        if call.parts["generation"] == "v1":
            return Reply.page(401, WWW_Authenticate='Basic realm="eSales"')
        return Reply.page(401)

    @route("POST", EVENT_DATA + "/create-export-customer-job")
    def create_export(self, call: Call) -> Reply:
        return self._create(call, removes=False)

    @route("POST", EVENT_DATA + "/create-remove-customer-job")
    def create_removal(self, call: Call) -> Reply:
        return self._create(call, removes=True)

    @route("GET", EVENT_DATA + "/job-status")
    def job_status(self, call: Call) -> Reply:
        jid = call.one("jid")
        if not jid:
            return Reply.page(400)
        self._settle()
        job = self.jobs.get(jid)
        call.entry.job = jid if job else ""
        return Reply.json({"jid": jid, "status": job.status(self.clock.now()) if job else "not_found"})

    @route("GET", EVENT_DATA + "/export-customer-job-result")
    def export_result(self, call: Call) -> Reply:
        jid = call.one("jid")
        if not jid:
            return Reply.page(400)
        self._settle()
        job = self.jobs.get(jid)
        if job is None or job.result is None:
            return Reply.page(404)
        del self.jobs[jid]
        call.did("export_fetched", jid)
        return Reply(200, job.result, "application/zip")

    # --- jobs ---

    def _create(self, call: Call, *, removes: bool) -> Reply:
        key = call.one("customerKey")
        if key is None or not CUSTOMER_KEY.fullmatch(key):
            return Reply.page(400)
        self._settle()
        if self.everyone and key not in self._records:
            self.hold(key, records=made_up(key))
        now = self.clock.now()
        tomorrow = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        ready = max(tomorrow, now + self.archiving)
        # The first generation's page on removal shows "started" where every other page shows "created".
        word = "started" if removes and call.parts["generation"] == "v1" else "created"
        job = Job(str(uuid.uuid4()), removes, key, word, now, ready, ready + RUNS)
        self.jobs[job.jid] = job
        call.did("removal_started" if removes else "export_started", job.jid)
        return Reply.json({"jid": job.jid, "status": job.word})

    def _settle(self) -> None:
        """Carries out what the clock has made due, in the order in which it fell due."""
        now = self.clock.now()
        for job in sorted(self.jobs.values(), key=lambda job: job.done):
            if not job.settled and job.done <= now:
                self._carry_out(job)
            if not job.removes and job.done + RESULT_KEPT <= now:
                del self.jobs[job.jid]

    def _carry_out(self, job: Job) -> None:
        archived = job.ready - self.archiving
        kept: dict[str, list[Record]] = {}
        taken: dict[str, list[Record]] = {}
        keys = self._all_linked(job.customer_key)
        for key in keys:
            for record in self._records.get(key, []):
                (taken if record.arrived <= archived else kept).setdefault(key, []).append(record)
        job.touched = sum(map(len, taken.values()))
        job.settled = True
        if job.removes:
            # The keys stay known, with nothing: `everyone` must not bring a removed person back.
            self._records |= {key: kept.get(key, []) for key in keys}
        else:
            job.result = zipped(taken)


def zipped(records: Mapping[str, Sequence[Record]]) -> bytes:
    """The export: one JSON Lines file for each type of record, or an `empty.txt`."""
    files: dict[str, list[str]] = {}
    for key, of_key in records.items():
        for record in of_key:
            line = json.dumps({"customerKey": key, "time": record.arrived.isoformat(), **record.content})
            files.setdefault(f"{record.content.get('type', 'event')}.jsonl", []).append(line)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, lines in files.items():
            archive.writestr(name, "\n".join(lines) + "\n")
        if not files:
            archive.writestr("empty.txt", "")
    return out.getvalue()


def made_up(key: str) -> list[dict[str, Any]]:
    """A few records about nobody, the same for the same key."""
    number = hashlib.sha256(key.encode()).digest()[0]
    return [
        {"type": "click", "product": f"P-{100 + number}"},
        {"type": "recent_atc", "product": f"P-{100 + number}", "quantity": 1 + number % 3},
        {"type": "search", "phrase": ("boots", "raincoat", "teapot")[number % 3]},
    ]
