"""The Acoustic Exchange stand-in: its GDPR calls, made from the vendor's public page "Perform GDPR Right to Erasure".

Exchange keeps identifiers (an e-mail address, a cookie id) together under x1IDs. A job opens, takes a CSV of them, runs
for hours, and works on every x1ID that one of them is on. With output it offers files that name all identifiers of
those x1IDs, and what a file names is deleted by the DELETE of that file and by nothing else.

The page's spellings and shapes are kept, the wrong ones too. What it does not say is strict here: JSON and CSV are sent
as such, types and values match exactly, a name is percent-encoded in a path, an error is `{"error": …}`, and a call out
of its turn is a 409. The three calls without a documented reply are answered 200 with nothing.
"""

import csv
import hashlib
import io
import json
import re
import uuid
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from .server import StandIn, route
from .wire import Call, Reply

JOB = r"(?P<job>[^/]+)"
FILE = r"(?P<file>[^/]+)"
OPERATIONS = ("remove", "addRestriction", "removeRestriction")

SWITCHES: Mapping[str, Container[Any]] = {
    "rows_per_file": range(1, 1_000_001),
    "fails": ("", "intake", "run"),
    "restrictions_offer_files": (True, False),
    "upload_type": ("text/csv", "text/plain", "application/octet-stream"),
    "misspells_waiting": (True, False),
    "spells_output_right": (True, False),
    "text_booleans": (True, False),
}
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")

OPENS = timedelta(minutes=5)
RUNS = timedelta(hours=3)

Identifier = tuple[str, str]  # Exchange's name for its type, and the value
FileRow = tuple[str, Identifier]  # the x1ID it is on


@dataclass
class Job:
    """`rows` is what was uploaded (None: nothing yet). `files` are those still offered, by name. `effect` is what the
    job did to `x1_ids` by itself when it ended; the journal has it at the first status call that shows the end."""

    number: int
    operation: str
    output: bool
    opens: datetime
    fails: str
    rows: list[Identifier] | None = field(default=None, repr=False)
    ends: datetime | None = None
    settled: bool = False
    offers: bool = False
    closed: bool = False
    files: dict[str, list[FileRow]] = field(default_factory=dict, repr=False)
    effect: str = ""
    x1_ids: list[str] = field(default_factory=list)
    written: int = 0
    skipped: int = 0

    @property
    def id(self) -> str:
        return str(self.number)

    def status(self, now: datetime) -> str:
        if self.closed:
            return "COMPLETE"
        if self.ends is None:
            if now < self.opens:
                return "RUNNING"  # of the words on the page the only one that fits
            return "ERROR" if self.fails == "intake" else "WAITING_TO_RECEIVE_DATA"
        if not self.settled:
            return "RUNNING"
        if self.fails == "run":
            return "ERROR"
        return "READY_FOR_DOWNLOAD" if self.offers else "COMPLETE"


class Acoustic(StandIn):
    """Its switches are attributes, to be set at any time, here or by `switch`."""

    key = "acoustic"
    label = "Acoustic Exchange"
    controls = frozenset({"hold", "switch"})

    rows_per_file = 1000  # an x1ID with more identifiers is split over several files
    fails = ""  # "intake" or "run": jobs created from now on end in ERROR, before they take data or after
    restrictions_offer_files = False  # also where no output was asked for; a DELETE of such a file erases
    upload_type = "text/csv"  # the only one that is taken
    misspells_waiting = False  # as a sibling API does
    spells_output_right = False  # `outputRecordCount`
    text_booleans = False  # `generateOutput` comes back as "true", as the page's own example sends it
    account_id = 2

    def __init__(self, *, account_key: str = "sandbox-account-key", **common: Any) -> None:
        super().__init__(**common)
        self.credentials = {"account_key": account_key}
        self.jobs: dict[str, Job] = {}
        self.restricted: set[str] = set()
        self._people: dict[str, list[Identifier]] = {}
        self._known: set[Identifier] = set()

    def switch(self, **values: Any) -> None:
        """Sets switches by name. ValueError for an unknown one or a value it cannot have; then none is set."""
        for name, value in values.items():
            if value not in SWITCHES.get(name, ()):
                raise ValueError(f"no such switch or value: {name}")
        for name, value in values.items():
            setattr(self, name, value)

    # --- the people it holds ---

    def hold(self, identifiers: Sequence[Sequence[str]], *, x1_id: str = "") -> None:
        """Adds identifiers, as pairs of Exchange's type and a value, to one x1ID: the one named, or one that follows
        from the first identifier. An identifier may be on several x1IDs. ValueError for anything but such pairs."""
        pairs = [(kind, value) for kind, value in identifiers]
        if not pairs or not all(isinstance(text, str) and text for text in chain(*pairs)):
            raise ValueError("identifiers must be pairs of a type and a value")
        x1_id = x1_id or x1_id_of(pairs[0])
        with self.lock:
            self._settle()
            person = self._people.setdefault(x1_id, [])
            person += [pair for pair in dict.fromkeys(pairs) if pair not in person]
            self._known |= {*pairs, ("x1Id", x1_id)}

    def held(self) -> dict[str, int]:
        with self.lock:
            self._settle()
            return {x1_id: len(identifiers) for x1_id, identifiers in self._people.items()}

    def _holding(self, wanted: Identifier) -> list[str]:
        """The x1IDs that this identifier is on, or is."""
        return [x1_id for x1_id, of_it in self._people.items() if wanted in of_it or wanted == ("x1Id", x1_id)]

    def _delete(self, rows: Iterable[FileRow]) -> None:
        for x1_id, identifier in rows:
            left = [other for other in self._people.get(x1_id, []) if other != identifier]
            if left:
                self._people[x1_id] = left
            else:
                self._people.pop(x1_id, None)
                self.restricted.discard(x1_id)

    # --- calls ---

    def authorised(self, call: Call) -> bool:
        return call.bearer() == self.credentials["account_key"]

    def refusal(self, call: Call) -> Reply:
        return Reply(401, b'{"error": "unauthorized"}', headers={"WWW-Authenticate": "Bearer"})

    @route("POST", r"/v1/jobs/gdprRequest")
    def create_job(self, call: Call) -> Reply:
        if call.headers.get_content_type() != "application/json":
            return refused(415, "the payload must be application/json")
        try:
            asked = json.loads(call.body)
        except (ValueError, RecursionError):
            return refused(400, "the payload is not JSON")
        if not isinstance(asked, dict) or not asked.keys() <= {"operationType", "generateOutput"}:
            return refused(400, "the payload takes operationType and generateOutput")
        operation, output = asked.get("operationType"), asked.get("generateOutput", False)
        if output in ("true", "false"):
            output = output == "true"
        if operation not in OPERATIONS or not isinstance(output, bool):
            return refused(400, "operationType or generateOutput has no such value")
        self._settle()
        job = Job(2345 + len(self.jobs), operation, output, self.clock.now() + OPENS, self.fails)
        self.jobs[job.id] = job
        call.did("job_created", job.id)
        return Reply.json({"jobId": job.id})

    @route("GET", rf"/v1/jobs/GDPR_REQUEST/{JOB}")
    def job_status(self, call: Call) -> Reply:
        job = self._job(call)
        if job is None:
            return refused(404, "no such job")
        if job.effect:
            call.did(job.effect, job.id, job.x1_ids)
            job.effect = ""
        return Reply.json(self._described(job))

    @route("POST", rf"/v1/jobs/{JOB}/data")
    def receive_data(self, call: Call) -> Reply:
        job = self._job(call)
        if job is None:
            return refused(404, "no such job")
        if call.headers.get_content_type() != self.upload_type:
            return refused(415, "the data must be " + self.upload_type)
        now = self.clock.now()
        if job.status(now) != "WAITING_TO_RECEIVE_DATA":
            return refused(409, "the job does not wait for data")
        rows = uploaded(call.body)
        if not rows:
            return refused(400, "the data must be CSV with the header Type,Value and a row an identifier")
        for row in rows if self.everyone else ():
            if row not in self._known:
                self.hold(made_up(row), x1_id=row[1] if row[0] == "x1Id" else "")
        job.rows, job.ends = rows, now + RUNS
        call.did("data_received", job.id)
        return Reply()

    @route("GET", rf"/v1/jobs/gdprDataFiles/{JOB}/{FILE}")
    def fetch_file(self, call: Call) -> Reply:
        rows = self._offered(call)
        if isinstance(rows, Reply):
            return rows
        call.did("file_fetched", call.parts["job"], x1_ids_of(rows))
        return Reply(200, as_csv(rows), "text/csv")

    @route("DELETE", rf"/v1/jobs/gdprDataFile/{JOB}/{FILE}")
    def delete_file(self, call: Call) -> Reply:
        rows = self._offered(call)
        if isinstance(rows, Reply):
            return rows
        del self.jobs[call.parts["job"]].files[call.parts["file"]]
        self._delete(rows)
        call.did("file_deleted", call.parts["job"], x1_ids_of(rows))
        return Reply()

    @route("PUT", rf"/v1/jobs/{JOB}/status/complete")
    def complete_job(self, call: Call) -> Reply:
        """Closes a job, also one whose files have not been deleted: then what they name stays."""
        job = self._job(call)
        if job is None:
            return refused(404, "no such job")
        if job.status(self.clock.now()) not in ("WAITING_TO_RECEIVE_DATA", "READY_FOR_DOWNLOAD"):
            return refused(409, "the job cannot be completed now")
        job.closed = True
        job.files.clear()
        call.did("job_completed", job.id)
        return Reply()

    # --- jobs ---

    def _job(self, call: Call) -> Job | None:
        self._settle()
        job = self.jobs.get(call.parts["job"])
        call.entry.job = job.id if job else ""
        return job

    def _offered(self, call: Call) -> list[FileRow] | Reply:
        """The rows of the file that this call names, or the refusal."""
        if "|" in call.entry.target:
            return Reply.page(400)  # no character of a URL: web servers refuse it before an API is asked
        job = self._job(call)
        rows = job.files.get(call.parts["file"]) if job else None
        return refused(404, "no such file") if rows is None else rows

    def _described(self, job: Job) -> dict[str, Any]:
        word = job.status(self.clock.now())
        if word == "WAITING_TO_RECEIVE_DATA" and self.misspells_waiting:
            word = "WAITING_TO_RECIEVE_DATA"
        # A vendor's free text may name people, so this one does.
        failed = f"failed at record 1: {','.join(job.rows[0])}" if job.rows else "failed before data was received"
        return {
            "jobCategory": "GDPR_REQUEST",
            "jobId": job.number,
            "status": word,
            "jobName": job.operation,
            "accountId": self.account_id,
            "subStatus": None,
            "errorDetails": failed if word == "ERROR" else None,
            "generateOutput": str(job.output).lower() if self.text_booleans else job.output,
            "gdprDataFiles": list(job.files),
            "inputRecordCount": len(job.rows or ()),
            "updatedOrRemovedIdentityCount": len(job.x1_ids),
            "outputRecordCount" if self.spells_output_right else "outoutRecordCount": job.written,
            "skippedInputRecordCount": job.skipped,
        }

    def _settle(self) -> None:
        """Carries out the jobs whose end has come, in the order of their ends."""
        now = self.clock.now()
        due = [(job.ends, job) for job in self.jobs.values() if job.ends and job.ends <= now and not job.settled]
        for _, job in sorted(due, key=lambda pair: pair[0]):
            job.settled = True
            if job.fails != "run":
                self._carry_out(job)

    def _carry_out(self, job: Job) -> None:
        found = [self._holding(row) for row in job.rows or ()]
        x1_ids = list(dict.fromkeys(chain(*found)))
        named = {x1_id: [(x1_id, identifier) for identifier in self._people[x1_id]] for x1_id in x1_ids}
        job.skipped, job.x1_ids = found.count([]), x1_ids
        effect = ""
        if job.operation == "addRestriction":
            self.restricted.update(x1_ids)
            effect = "restriction_set"
        elif job.operation == "removeRestriction":
            self.restricted.difference_update(x1_ids)
            effect = "restriction_cleared"
        elif not job.output:
            self._delete(chain(*named.values()))
            effect = "identifiers_deleted"
        job.effect = effect if x1_ids else ""
        if job.output or (job.operation != "remove" and self.restrictions_offer_files):
            size = self.rows_per_file
            parts = [rows[at : at + size] for rows in named.values() for at in range(0, len(rows), size)]
            name = f"{self.account_id}|gdpr|{job.id}_%d.segment.output"
            job.files = {name % number: rows for number, rows in enumerate(parts, 1)}
            job.offers, job.written = bool(parts), sum(map(len, parts))


def refused(status: int, error: str) -> Reply:
    return Reply.json({"error": error}, status)


def uploaded(body: bytes) -> list[Identifier]:
    """The rows of an upload; none at all when it is not what the page shows. A blank after a comma and empty lines are
    in the page's own example; a control character never is."""
    try:
        text = io.StringIO(body.decode(), newline="")
        header, *rows = [row for row in csv.reader(text, strict=True, skipinitialspace=True) if row]
    except (ValueError, csv.Error):
        return []
    plain = all(len(row) == 2 and all(cell and not CONTROL_CHARACTER.search(cell) for cell in row) for row in rows)
    return [(kind, value) for kind, value in rows] if header == ["Type", "Value"] and plain else []


def as_csv(rows: Iterable[FileRow]) -> bytes:
    """An output file. Its header names five columns and its rows have six, as on the page."""
    out = io.StringIO()
    out.write("X1Id, Type, Endpoint ID, Name, Value\n")
    csv.writer(out, lineterminator="\n").writerows(
        (x1_id, kind.upper(), 45, 61, f"{kind}_src", value) for x1_id, (kind, value) in rows
    )
    return out.getvalue().encode()


def x1_ids_of(rows: Iterable[FileRow]) -> list[str]:
    return list(dict.fromkeys(x1_id for x1_id, _ in rows))


def x1_id_of(identifier: Identifier) -> str:
    digest = hashlib.sha256("\n".join(identifier).encode()).hexdigest()
    return "-".join((digest[:9], digest[9:13], digest[13:17], digest[17:21]))


def made_up(identifier: Identifier) -> list[Identifier]:
    """What else is known of nobody, the same for the same input: an e-mail address or an x1ID brings a cookie id."""
    kind, value = identifier
    cookie = ("cookieId", str(uuid.uuid5(uuid.NAMESPACE_OID, value)))
    return {"email": [identifier, cookie], "x1Id": [cookie]}.get(kind, [identifier])
