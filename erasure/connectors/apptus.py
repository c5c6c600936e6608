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
from .zipped import count_records

#: The vendor's status words → ours. `not_found` comes as a status, not as HTTP 404; `error` was seen in Elevate 4.
STATUSES = dict.fromkeys(("created", "started", "waiting", "running"), "under way")
STATUSES |= {"done": "done", "not_found": "lost", "error": "failed"}
PREFIXES = {"v1": "/api/v1/event-data/", "v2": "/api/v2/event-data/", "admin-v4": "/api/admin/v4/event-data/"}
CREATE = {"export": "create-export-customer-job", "removal": "create-remove-customer-job"}
LEAST_DAYS_TO_HAND_OVER = 30
AT_ONCE = timedelta(0)
UNKNOWN_JOB = "00000000-0000-4000-8000-000000000000"  # asked for by `check`; no job has this number

Jobs = dict[str, dict[str, Any]]  # customer key → its job: "jid", then "fetching", then "done" (and what was "held")


class Apptus(Connector):
    key = "apptus"
    label = _("Apptus eSales")
    words = tuple(STATUSES)

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
            _("Days until data is archived"), 5, effect=False, minimum=0, maximum=365, help=_("For the expected date.")
        )
        keep_export_days: int = option(
            _("Days to keep an export"),
            30,
            effect=False,
            minimum=0,
            maximum=3650,
            help=_(
                "It is the person's whole file. 0 keeps hash and counts only; an export case keeps it for at least 30."
            ),
        )

        def __post_init__(self) -> None:
            if "customer_key" in self.customer_key_from:  # a hash of the hash would find nobody
                raise BadSettings({"customer_key_from": "customer_key is a hash already and always accepted"})
            twice = set(self.customer_key_from) & set(self.visitor_key_from)
            if twice:
                raise BadSettings({"visitor_key_from": f"{', '.join(sorted(twice))} is in customer_key_from already"})

    @dataclass(frozen=True, repr=False)
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

    def calls(self, operation: Operation) -> Sequence[tuple[str, str, str]]:
        export = [
            ("start_export", "POST", CREATE["export"]),
            ("await_export", "GET", "job-status"),
            ("fetch_export", "GET", "export-customer-job-result"),
        ]
        removal = [("start_removal", "POST", CREATE["removal"]), ("await_removal", "GET", "job-status")]
        if operation == Operation.ERASE:
            told = [*export, *removal] if self.options.export_before_erasing else removal
        else:
            told = export if operation == Operation.EXPORT else []
        return [(step, method, self._path(call)) for step, method, call in told]

    def explain(self, operation: Operation) -> Sequence[Any]:
        wait = _("Apptus works on archived data only: allow about %(days)s days.") % {"days": self.options.archive_days}
        if operation == Operation.EXPORT:
            return _("Exports what is held of each key and stores the download as evidence."), wait
        if self.options.export_before_erasing:
            return _("Exports and stores what is held of each key, then removes it; linked keys go with it."), wait
        return _("Removes each key, and linked keys, without an export: whether data was held stays unknown."), wait

    def headers(self, credentials: Any) -> Mapping[str, str]:
        if self.options.generation == "v1":
            if not (credentials.username and credentials.password):
                raise Misconfigured(
                    _t("Generation v1 needs a user and a password. Nothing was sent; enter both."),
                    code="credentials_missing",
                )
            return basic(credentials.username, credentials.password)
        if not credentials.api_key:
            raise Misconfigured(
                _t("This generation needs an API key. Nothing was sent; enter it."), code="credentials_missing"
            )
        return {"Api-Key": credentials.api_key}

    def check(self, http: Http) -> str:
        self._job(http.get(self._path("job-status"), query={"jid": UNKNOWN_JOB}), UNKNOWN_JOB)
        return _t("Apptus answers and takes the credentials.")

    def as_sent(self, kind: str, value: str) -> str:
        """The customer key for an identifier. The exact text is hashed, never case-folded."""
        if kind in self.options.customer_key_from:
            return hashlib.sha256(value.encode()).hexdigest()
        return value.lower() if kind == "customer_key" else value

    # --- the steps

    @step(_("start the export"), writes=True, if_unknown="start_export")  # a second export job harms nobody
    def start_export(self, work: Work, http: Http) -> Result:
        return self._start(work, http, "export")

    @step(_("wait for the export"), polls=True)
    def await_export(self, work: Work, http: Http) -> Result:
        key, jobs, not_done = self._ask(work, http, "export")
        if not_done:
            return not_done
        jobs[key]["fetching"] = True
        return Go("fetch_export", remember={"export": jobs})

    # The first download deletes the file at the vendor: if its outcome is unknown, a fresh export is the way on.
    @step(_("download the export"), writes=True, if_unknown="start_export")
    def fetch_export(self, work: Work, http: Http) -> Result:
        keys, jobs = self._keys(work), _jobs(work, "export")
        key = next(key for key in keys if jobs[key].get("fetching"))
        name = f"apptus-export-{list(keys).index(key) + 1}.zip"
        query = {"jid": jobs[key]["jid"]}
        download = http.download(self._path("export-customer-job-result"), query=query, name=name)
        counts = count_records(download, http.progress)
        days = self.options.keep_export_days
        if work.operation == Operation.EXPORT:  # it is what the person asked for: it must be there to hand over
            days = max(days, LEAST_DAYS_TO_HAND_OVER)
        kept = Kept(download, "export", timedelta(days=days), counts or {})
        if counts is None:
            note = _t(
                "What Apptus delivered is not a readable zip of records. Nothing was removed. What arrived is kept as "
                "evidence; a retry starts a fresh export."
            )
            return HandOver("attention", note, evidence=[kept])
        held = Held.YES if counts["records"] else Held.NO
        jobs[key] = {"jid": jobs[key]["jid"], "done": True, "held": held}
        outcome = Outcome.PENDING
        if work.operation == Operation.EXPORT:
            outcome = Outcome.EXPORTED if held == Held.YES else Outcome.NOT_HELD
        known: dict[str, Any] = {
            "remember": {"export": jobs},
            "evidence": [kept],
            "said": dict.fromkeys(keys[key], Said(outcome, held)),
        }
        if not all(jobs[key].get("done") for key in keys):
            return Go("await_export", after=AT_ONCE, **known)
        if work.operation == Operation.EXPORT:
            return Finish(assurance=Assurance.CONFIRMED, **known)
        return Go("start_removal", **known)

    @step(_("start the removal"), writes=True, commits=True, if_unknown="start_removal")  # what is gone stays gone
    def start_removal(self, work: Work, http: Http) -> Result:
        return self._start(work, http, "removal")

    @step(_("wait for the removal"), polls=True)
    def await_removal(self, work: Work, http: Http) -> Result:
        key, jobs, not_done = self._ask(work, http, "removal")
        if not_done:
            return not_done
        jobs[key]["done"] = True
        keys = self._keys(work)
        held = Held(_jobs(work, "export").get(key, {}).get("held", Held.UNKNOWN))
        outcome = Outcome.NOT_HELD if held == Held.NO else Outcome.ERASED
        known: dict[str, Any] = {"remember": {"removal": jobs}, "said": dict.fromkeys(keys[key], Said(outcome, held))}
        if all(jobs[key].get("done") for key in keys):
            return Finish(assurance=Assurance.CONFIRMED, **known)
        return Go("await_removal", after=AT_ONCE, **known)  # the others are probably done too: the pace begins anew

    # --- what the steps share

    def _keys(self, work: Work) -> dict[str, list[str]]:
        """Each customer key of the work once → the identifiers it stands for."""
        keys: dict[str, list[str]] = {}
        for item in work.ids:
            keys.setdefault(self.as_sent(item.kind, item.value), []).append(item.ref)
        return keys

    def _path(self, call: str) -> str:
        return PREFIXES[self.options.generation] + call

    def _job(self, reply: Reply, expected: str = "") -> tuple[str, str]:
        """The job's number and its status in our words, or BrokenReply."""
        job = reply.json()
        jid, word = job.get("jid"), job.get("status")
        right = isinstance(jid, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,100}", jid) and jid == (expected or jid)
        status = STATUSES.get(word.lower()) if isinstance(word, str) else None
        if not right or status is None:
            raise BrokenReply(
                _t(
                    "Apptus answered without a job number, for another job, or with a status that is not documented. "
                    "Nothing is assumed. Ask the vendor what came of the job, then try again."
                )
            )
        return str(jid), status

    def _start(self, work: Work, http: Http, phase: str) -> Result:
        """Starts the job of the first key that has none (or whose export was lost on the way), one a pass."""
        keys, jobs = list(self._keys(work)), _jobs(work, phase)
        key, *others = [key for key in keys if key not in jobs or jobs[key].get("fetching")]
        jid, status = self._job(http.post(self._path(CREATE[phase]), query={"customerKey": key}))
        known = {(name, other): job["jid"] for name in CREATE for other, job in _jobs(work, name).items()}
        known.pop((phase, key), None)
        if status in ("lost", "failed") or jid in known.values():
            raise BrokenReply(
                _t(
                    "Apptus answered the start of a job with the number or the status of an earlier one. Whether a job "
                    "was started is unknown. Try again: a retry starts one, and a second one does no harm."
                )
            )
        jobs[key] = {"jid": jid}
        number = f"_{keys.index(key) + 1}" if len(keys) > 1 else ""
        return Go(
            f"start_{phase}" if others else f"await_{phase}",
            remember={phase: jobs},
            references={f"{phase}_job{number}": jid},
            assurance=Assurance.ACCEPTED,
            expected=timedelta(days=self.options.archive_days + 1),
        )

    def _ask(self, work: Work, http: Http, phase: str) -> tuple[str, Jobs, Result | None]:
        """Asks for one unfinished job a pass: its key, all jobs, and what to answer if it is not done. A round asks for
        each in turn without a pause, lest an export expires unseen; the pace decides when the next one begins."""
        jobs, turn = _jobs(work, phase), work.memory.get("turn", 0)
        unfinished = [key for key in self._keys(work) if not jobs[key].get("done")]
        key = unfinished[turn % len(unfinished)]
        jid = jobs[key]["jid"]
        _same, status = self._job(http.get(self._path("job-status"), query={"jid": jid}), jid)
        if status == "done":
            return key, jobs, None
        if status == "under way":
            round_over = (turn + 1) % len(unfinished) == 0
            return key, jobs, Stay(None if round_over else AT_ONCE, remember={"turn": turn + 1})
        del jobs[key]
        note = (
            _t("Apptus no longer knows the job. Whether it ended is unknown; a retry starts a new one.")
            if status == "lost"
            else _t("Apptus' job ended in an error. Whether anything was done is unknown; a retry starts a new one.")
        )
        then = f"start_{phase}"
        return key, jobs, HandOver("attention", note, code=f"job_{status}", then=then, remember={phase: jobs})


def _jobs(work: Work, phase: str) -> Jobs:
    return {key: dict(job) for key, job in work.memory.get(phase, {}).items()}
