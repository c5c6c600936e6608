"""Apptus eSales 3 (today: Voyado Elevate): customer data jobs that export and remove what is held of a visitor.

Sources: the vendor's pages "Remove Customer Data" and "Export Customer Data" (December 2021) and the Elevate API pages.

    POST create-export-customer-job?customerKey=…   → {"jid", "status"}
    GET  job-status?jid=…                           → {"jid", "status"}
    GET  export-customer-job-result?jid=…           → a zip, deleted by the first download
    POST create-remove-customer-job?customerKey=…   → {"jid", "status"}

A key is the SHA-256 of the customer's id where the visitor was signed in, else the visitor's own UUID; one job a key.
Jobs work on archived data only, so a removal takes days (five by default). The vendor advises to export and download
before anything is removed: with `export_before_erasing` no removal starts before every export is stored as evidence.
"""

import hashlib
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from .base import (
    Assurance,
    BadSettings,
    BrokenReply,
    Connector,
    Finish,
    Go,
    HandOver,
    Held,
    Kept,
    Misconfigured,
    Operation,
    Outcome,
    Result,
    Said,
    Secret,
    Stay,
    Work,
    option,
    step,
)
from .http import Http, Reply, basic

#: The vendor's status words → ours. `not_found` comes as a status, not as HTTP 404; `error` was seen in Elevate 4.
STATUSES = {
    "created": "under way",
    "started": "under way",
    "waiting": "under way",
    "running": "under way",
    "done": "done",
    "not_found": "lost",
    "error": "failed",
}
PREFIXES = {"v1": "/api/v1/event-data/", "v2": "/api/v2/event-data/", "admin-v4": "/api/admin/v4/event-data/"}
UNKNOWN_JOB = "00000000-0000-4000-8000-000000000000"  # asked for by `check`; no job has this number


class Apptus(Connector):
    key = "apptus"
    label = _("Apptus eSales")

    @dataclass(frozen=True)
    class Options:
        generation: str = option(
            _("API generation"),
            "v1",
            choices=tuple(PREFIXES),
            help=_("v1 signs in with the cluster's user and password; v2 and admin-v4 (Elevate) with an API key."),
        )
        export_before_erasing: bool = option(
            _("Export before erasing"),
            True,
            help=_("Download and keep what is held before it is removed, as the vendor advises."),
        )
        customer_key_from: tuple[str, ...] = option(
            _("Signed-in customers: identifier kinds"),
            ("customer_id",),
            help=_("Their exact text, hashed with SHA-256, is the customer key."),
        )
        visitor_key_from: tuple[str, ...] = option(
            _("Visitors: identifier kinds"), ("visitor_id",), help=_("Sent as they are.")
        )
        archive_days: int = option(
            _("Days until data is archived"), 5, effect=False, minimum=0, help=_("Shown as the expected duration.")
        )
        keep_export_days: int = option(
            _("Days to keep an export"),
            30,
            effect=False,
            minimum=0,
            help=_("It is the person's whole file. 0 keeps only its hash and counts."),
        )

        def __post_init__(self) -> None:
            twice = set(self.customer_key_from) & set(self.visitor_key_from)
            if twice:
                raise BadSettings({"visitor_key_from": f"{', '.join(sorted(twice))} is in customer_key_from already"})

    @dataclass(frozen=True)
    class Credentials:
        username: Secret = option(_("User"), Secret(""))
        password: Secret = option(_("Password"), Secret(""))
        api_key: Secret = option(_("API key"), Secret(""), help=_("For the generations v2 and admin-v4."))

    # --- what this account can do

    @property
    def accepts(self) -> Mapping[str, str]:
        hashed = dict.fromkeys(self.options.customer_key_from, "customerKey (SHA-256)")
        return {"customer_key": "customerKey", **hashed, **dict.fromkeys(self.options.visitor_key_from, "customerKey")}

    @property
    def starts(self) -> Mapping[Operation, str]:
        first = "start_export" if self.options.export_before_erasing else "start_removal"
        return {Operation.ERASE: first, Operation.EXPORT: "start_export"}

    def explain(self, operation: Operation) -> Sequence[Any]:
        wait = _("Apptus works on archived data only: allow about %(days)s days.") % {"days": self.options.archive_days}
        if operation == Operation.EXPORT:
            return (_("Exports what is held of each key and stores the download as evidence."), wait)
        if self.options.export_before_erasing:
            first = _(
                "Exports and downloads what is held of each key, then removes it; linked keys are removed as well."
            )
        else:
            first = _(
                "Removes each key without an export; linked keys are removed as well. Whether data was held stays unknown."
            )
        return (first, wait)

    def headers(self, credentials: Any) -> Mapping[str, str]:
        if self.options.generation == "v1":
            if not (credentials.username and credentials.password):
                raise Misconfigured(_t("Generation v1 needs a user and a password."), code="credentials_missing")
            return basic(credentials.username, credentials.password)
        if not credentials.api_key:
            raise Misconfigured(_t("This generation needs an API key."), code="credentials_missing")
        return {"Api-Key": credentials.api_key}

    def check(self, http: Http) -> str:
        self._job(self._get(http, "job-status", UNKNOWN_JOB), UNKNOWN_JOB)
        return _t("Apptus answers and takes the credentials.")

    def as_sent(self, kind: str, value: str) -> str:
        """The customer key for an identifier. The exact text is hashed, never case-folded."""
        if kind in self.options.customer_key_from:
            return hashlib.sha256(value.encode()).hexdigest()
        return value.lower() if kind == "customer_key" else value

    # --- the steps

    @step(_("start the export"), writes=True, if_unknown="start_export")  # a second export job harms nobody
    def start_export(self, work: Work, http: Http) -> Result:
        return self._start(
            work, http, "exports", "create-export-customer-job", again="start_export", then="await_export"
        )

    @step(_("wait for the export"), polls=True)
    def await_export(self, work: Work, http: Http) -> Result:
        def done(key: str, jobs: dict[str, Any]) -> Result:
            jobs[key]["fetching"] = True
            return Go("fetch_export", remember={"exports": jobs})

        return self._await(work, http, "exports", done, again="start_export")

    # The first download deletes the file at the vendor: if its outcome is unknown, a fresh export is the way on.
    @step(_("download the export"), writes=True, if_unknown="start_export")
    def fetch_export(self, work: Work, http: Http) -> Result:
        jobs = _copy(work.memory["exports"])
        key = next(key for key, job in jobs.items() if job.get("fetching"))
        number = list(self._keys(work)).index(key) + 1
        download = http.download(
            self._path("export-customer-job-result"),
            query={"jid": jobs[key]["jid"]},
            name=f"apptus-export-{number}.zip",
        )
        counts = _inspect(download)
        keep = Kept(download, "export", timedelta(days=self.options.keep_export_days), counts or {})
        if counts is None:
            del jobs[key]
            return HandOver(
                "attention",
                _t(
                    "The export that Apptus delivered is not a readable zip. Nothing was removed. What arrived is kept as "
                    "evidence; a retry starts a fresh export."
                ),
                then="start_export",
                evidence=[keep],
                remember={"exports": jobs},
            )
        held = Held.YES if counts["records"] else Held.NO
        jobs[key] = {"jid": jobs[key]["jid"], "done": True, "held": held}
        exporting = work.operation == Operation.EXPORT
        outcome = Outcome.NOT_HELD if held == Held.NO else Outcome.EXPORTED if exporting else Outcome.PENDING
        shared: dict[str, Any] = {
            "evidence": [keep],
            "remember": {"exports": jobs},
            "said": dict.fromkeys(self._keys(work)[key], Said(outcome if exporting else Outcome.PENDING, held)),
        }
        if not all(jobs.get(key, {}).get("done") for key in self._keys(work)):
            return Go("await_export", **shared)
        if exporting:
            return Finish(assurance=Assurance.CONFIRMED, **shared)
        return Go("start_removal", **shared)

    @step(_("start the removal"), writes=True, commits=True, if_unknown="start_removal")  # what is gone stays gone
    def start_removal(self, work: Work, http: Http) -> Result:
        call = "create-remove-customer-job"
        return self._start(work, http, "removals", call, again="start_removal", then="await_removal")

    @step(_("wait for the removal"), polls=True)
    def await_removal(self, work: Work, http: Http) -> Result:
        keys = self._keys(work)

        def done(key: str, jobs: dict[str, Any]) -> Result:
            jobs[key]["done"] = True
            held = Held(work.memory.get("exports", {}).get(key, {}).get("held", Held.UNKNOWN))
            outcome = Outcome.NOT_HELD if held == Held.NO else Outcome.ERASED
            shared: dict[str, Any] = {
                "remember": {"removals": jobs},
                "said": dict.fromkeys(keys[key], Said(outcome, held)),
            }
            if all(jobs[key].get("done") for key in keys):
                return Finish(assurance=Assurance.CONFIRMED, **shared)
            return Stay(after=timedelta(0), **shared)

        return self._await(work, http, "removals", done, again="start_removal")

    # --- what the steps share

    def _keys(self, work: Work) -> dict[str, list[str]]:
        """Each customer key of the work once → the identifiers it stands for."""
        keys: dict[str, list[str]] = {}
        for item in work.ids:
            keys.setdefault(self.as_sent(item.kind, item.value), []).append(item.ref)
        return keys

    def _path(self, call: str) -> str:
        return PREFIXES[self.options.generation] + call

    def _get(self, http: Http, call: str, jid: str) -> Reply:
        return http.get(self._path(call), query={"jid": jid})

    def _job(self, reply: Reply, expected: str = "") -> tuple[str, str]:
        """The job's number and its status in our words, or BrokenReply."""
        job = reply.json()
        jid, word = job.get("jid"), job.get("status")
        if not isinstance(jid, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", jid) or (expected and jid != expected):
            raise BrokenReply(_t("Apptus answered for another job, or without a job number. Nothing is assumed."))
        if not isinstance(word, str) or word.lower() not in STATUSES:
            raise BrokenReply(
                _t("Apptus answered with a status that its documentation does not have. Nothing is assumed.")
            )
        return jid, STATUSES[word.lower()]

    def _start(self, work: Work, http: Http, phase: str, call: str, *, again: str, then: str) -> Result:
        """Starts the job of the first key that has none (or whose export was lost on the way), one a pass."""
        keys, jobs = self._keys(work), _copy(work.memory.get(phase, {}))
        missing = [key for key in keys if key not in jobs or jobs[key].get("fetching")]
        jid, status = self._job(http.post(self._path(call), query={"customerKey": missing[0]}))
        if status in ("lost", "failed"):
            raise BrokenReply(_t("Apptus answered the start of a job with a status that only an old job can have."))
        jobs[missing[0]] = {"jid": jid}
        number = f"_{list(keys).index(missing[0]) + 1}" if len(keys) > 1 else ""
        return Go(
            again if missing[1:] else then,
            remember={phase: jobs},
            references={f"{phase.removesuffix('s')}_job{number}": jid},
            assurance=Assurance.ACCEPTED,
            expected=timedelta(days=self.options.archive_days + 1),
        )

    def _await(self, work: Work, http: Http, phase: str, done: Any, *, again: str) -> Result:
        """Asks for one unfinished job a pass: each in turn without a pause, so that no export expires unseen while
        others are asked for; then the account's pace decides when the next round begins."""
        jobs = _copy(work.memory[phase])
        open_keys = [key for key in self._keys(work) if not jobs[key].get("done")]
        turn = work.memory.get("turn", 0) % len(open_keys)
        key = open_keys[turn]
        _jid, status = self._job(self._get(http, "job-status", jobs[key]["jid"]), jobs[key]["jid"])
        if status == "done":
            return done(key, jobs)  # type: ignore[no-any-return]
        if status == "under way":
            if turn + 1 < len(open_keys):
                return Stay(after=timedelta(0), remember={"turn": turn + 1})
            return Stay(remember={"turn": 0})
        del jobs[key]
        note = (
            _t("Apptus no longer knows the job. Whether it ended is unknown; a retry starts a new one.")
            if status == "lost"
            else _t("Apptus' job ended in an error. Whether anything was done is unknown; a retry starts a new one.")
        )
        return HandOver("attention", note, code=f"job_{status}", then=again, remember={phase: jobs})


def _copy(jobs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {key: dict(job) for key, job in jobs.items()}


def _inspect(download: Any) -> dict[str, int] | None:
    """How many files and JSON lines the zip holds; `empty.txt` alone means that nothing is held. None: not readable."""
    try:
        with download.open() as stream, zipfile.ZipFile(stream) as archive:
            names = [info for info in archive.infolist() if not info.is_dir()]
            if [info.filename for info in names] == ["empty.txt"]:
                return {"files": 0, "records": 0}
            records = 0
            for info in names:
                with archive.open(info) as lines:
                    records += _count_lines(lines)
            return {"files": len(names), "records": records} if records else None
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError):
        return None


def _count_lines(stream: Any) -> int:
    """Lines that are not blank, in constant memory however long a line is."""
    count, inside = 0, False
    while block := stream.read(1 << 20):
        first, *rest = block.split(b"\n")
        inside = inside or bool(first.strip())
        for part in rest:
            count += inside
            inside = bool(part.strip())
    return count + inside
