"""Apptus eSales 3 (today: Voyado Elevate): customer data jobs that export and remove what is held of a visitor.

Sources: the vendor's pages "Remove Customer Data" and "Export Customer Data" (December 2021) and the Elevate API pages.

    POST create-export-customer-job?customerKey=…   → {"jid", "status"}
    GET  job-status?jid=…                           → {"jid", "status"}
    GET  export-customer-job-result?jid=…           → a zip, deleted by the first download
    POST create-remove-customer-job?customerKey=…   → {"jid", "status"}

A key is the SHA-256 of the customer's id where the visitor was signed in, else the visitor's own UUID; one job a key.
Jobs work on archived data only, so a removal takes days (five by default). The vendor advises to export and download
before anything is removed: with `export_before_erasing` no removal starts before every export is stored as evidence.
Asked again, it exports once more: an export that holds `empty.txt` alone says that nothing is held.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from . import apptus_jobs
from .apptus_account import Credentials, Options
from .apptus_jobs import CREATE, PREFIXES, STATUSES, Jobs
from .base import (
    Again,
    Assurance,
    Connector,
    Finish,
    Go,
    HandOver,
    Held,
    Kept,
    Misconfigured,
    Operation,
    Outcome,
    Refused,
    Result,
    Said,
    Stay,
    Work,
    step,
)
from .http import Download, Http, basic
from .options import spelled
from .zipped import count_records

# The names of a zip. What counts is whether it is one: the download has deleted it there, so nothing is thrown away.
ZIP_TYPES = ("application/zip", "application/x-zip-compressed", "application/x-zip", "application/octet-stream", "")
LARGEST_EXPORT = 2048 << 20  # bytes
LEAST_DAYS_TO_HAND_OVER = 30
AT_ONCE = timedelta(0)
UNKNOWN_JOB = "00000000-0000-4000-8000-000000000000"  # asked for by `check`; no job has this number


class Apptus(Connector):
    key = "apptus"
    label = _("Apptus eSales")
    about = _(
        "Erases and exports what the shop search (today Voyado Elevate) holds of a customer or visitor. By customer "
        "ids, which are hashed to the vendor's customer key, and by visitor ids. Restrictions go to a person."
    )
    words = tuple(STATUSES)

    Options, Credentials = Options, Credentials

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
        wait = [
            _("Apptus works on archived data only: allow about %(days)s days.") % {"days": self.options.archive_days}
        ]
        if operation == Operation.EXPORT:
            return _("Exports what is held of each key and stores the download as evidence."), *wait
        if seconds := self.options.ask_again_after_seconds:
            text = _("It is asked again after %(time)s whether anything is held, by a further export: that only reads.")
            wait.append(text % {"time": spelled(seconds)})
        if self.options.export_before_erasing:
            return _("Exports and stores what is held of each key, then removes it; linked keys go with it."), *wait
        return _("Removes each key, and linked keys, without an export: whether data was held stays unknown."), *wait

    def again(self, operation: Operation) -> Again | None:
        seconds = self.options.ask_again_after_seconds
        if operation != Operation.ERASE or not seconds:
            return None
        calls = [
            ("start_again", "POST", CREATE["again"]),
            ("await_again", "GET", "job-status"),
            ("fetch_again", "GET", "export-customer-job-result"),
        ]
        named = [(step, method, self._path(call)) for step, method, call in calls]
        return Again(timedelta(seconds=seconds), "start_again", named)

    def takes(self, operation: Operation) -> timedelta | None:
        return timedelta(days=self.options.archive_days + 1)

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
        apptus_jobs.read(http.get(self._path("job-status"), query={"jid": UNKNOWN_JOB}), UNKNOWN_JOB)
        return _t(
            "Apptus answers and takes the credentials. It was asked for the status of a job that does not exist; "
            "nothing was written there."
        )

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
        return self._await(work, http, "export")

    # The first download deletes the file at the vendor: if its outcome is unknown, a fresh export is the way on.
    @step(_("download the export"), writes=True, if_unknown="start_export")
    def fetch_export(self, work: Work, http: Http) -> Result:
        keys = self._keys(work)
        key, jobs, download, counts = self._fetch(work, http, "export")
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
            return self._end(work, **known)
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
        held = Held(apptus_jobs.jobs(work, "export").get(key, {}).get("held", Held.UNKNOWN))
        outcome = Outcome.NOT_HELD if held == Held.NO else Outcome.ERASED
        known: dict[str, Any] = {"remember": {"removal": jobs}, "said": dict.fromkeys(keys[key], Said(outcome, held))}
        if all(jobs[key].get("done") for key in keys):
            return self._end(work, **known)
        return Go("await_removal", after=AT_ONCE, **known)  # the others are probably done too: the pace begins anew

    # --- the steps by which it is asked again

    @step(_("ask again: start an export"), writes=True, if_unknown="start_again")  # harms nobody, as the first did
    def start_again(self, work: Work, http: Http) -> Result:
        return self._start(work, http, "again")

    @step(_("ask again: wait for the export"), polls=True)
    def await_again(self, work: Work, http: Http) -> Result:
        return self._await(work, http, "again")

    @step(_("ask again: look at the export"), writes=True, if_unknown="start_again")  # deleted there by the download
    def fetch_again(self, work: Work, http: Http) -> Result:
        keys = self._keys(work)
        key, jobs, download, counts = self._fetch(work, http, "again")
        # Whoever has come back has asked for nothing: of what is there now, no content is kept.
        kept = Kept(download, "export", AT_ONCE, counts or {})
        if counts is None:
            note = _t(
                "Asked again, Apptus delivered what is not a readable zip of records. Nothing was changed; what was "
                "erased stays as it was reported. A retry asks once more."
            )
            return HandOver("attention", note, evidence=[kept])
        held = Held.YES if counts["records"] else Held.NO
        jobs[key] = {"jid": jobs[key]["jid"], "done": True, "held": held}
        outcome = Outcome.NOT_HELD if held == Held.NO else Outcome.PENDING
        known: dict[str, Any] = {"evidence": [kept], "said": dict.fromkeys(keys[key], Said(outcome, held))}
        if not all(jobs[key].get("done") for key in keys):
            return Go("await_again", after=AT_ONCE, remember={"again": jobs}, **known)
        gone = {key: job for key, job in jobs.items() if job.get("held") == Held.NO}
        known["remember"] = {"again": gone}  # a retry asks about the others
        if len(gone) < len(keys):
            note = _t(
                "Data of this person is there again, though it was erased as reported: it came in since then, or the "
                "person has come back. Nothing was removed. Look at the customer in the shop. If it is to be erased, "
                "open a new case; then close this with a note. A retry asks once more."
            )
            return HandOver("attention", note, code="there_again", then="start_again", **known)
        if _refused(work):
            note = _t(
                "Asked again, Apptus refused some of the keys; of the others it holds nothing. Nothing was changed; "
                "what was erased stays as it was reported. Check these identifiers, then try again, or close this "
                "with a note."
            )
            return HandOver("attention", note, code="key_refused", then="start_again", **known)
        return Finish(assurance=Assurance.ASKED_AGAIN, **known)

    # --- what the steps share

    def _await(self, work: Work, http: Http, phase: str) -> Result:
        key, jobs, not_done = self._ask(work, http, phase)
        if not_done:
            return not_done
        jobs[key]["fetching"] = True
        return Go(f"fetch_{phase}", remember={phase: jobs})

    def _fetch(self, work: Work, http: Http, phase: str) -> tuple[str, Jobs, Download, dict[str, int] | None]:
        """Downloads the export that is ready: its key, all jobs, and how many records it holds (None: unreadable)."""
        keys, jobs = list(self._keys(work)), apptus_jobs.jobs(work, phase)
        key = next(key for key in keys if jobs[key].get("fetching"))
        name = f"apptus-{phase}-{keys.index(key) + 1}.zip"
        query = {"jid": jobs[key]["jid"]}
        path = self._path("export-customer-job-result")
        download = http.download(path, query=query, name=name, content_types=ZIP_TYPES, max_bytes=LARGEST_EXPORT)
        return key, jobs, download, count_records(download, http.progress)

    def _keys(self, work: Work) -> dict[str, list[str]]:
        """Each customer key of the work once → the identifiers it stands for; without those that were refused."""
        keys: dict[str, list[str]] = {}
        refused = _refused(work)
        for item in work.ids:
            if item.ref in refused:
                continue
            keys.setdefault(self.as_sent(item.kind, item.value), []).append(item.ref)
        return keys

    def _path(self, call: str) -> str:
        return PREFIXES[self.options.generation] + call

    def _start(self, work: Work, http: Http, phase: str) -> Result:
        """Starts the job of the first key that has none (or whose export was lost on the way), one a pass."""
        keys, jobs = list(self._keys(work)), apptus_jobs.jobs(work, phase)
        key, *others = [key for key in keys if key not in jobs or jobs[key].get("fetching")]
        try:
            reply = http.post(self._path(CREATE[phase]), query={"customerKey": key}, expect=(200, 201, 202))
        except Refused:  # one key is no reason to leave the others undone
            if len(keys) == 1:
                raise
            said = dict.fromkeys(self._keys(work)[key], Said(Outcome.REFUSED, assurance=Assurance.NONE))
            return Go(f"start_{phase}" if others else f"await_{phase}", said=said)
        jid = apptus_jobs.started(reply, work, phase, key)
        jobs[key] = {"jid": jid}
        number = f"_{keys.index(key) + 1}" if len(keys) > 1 else ""
        return Go(
            f"start_{phase}" if others else f"await_{phase}",
            remember={phase: jobs},
            references={f"{phase}_job{number}": jid},
            assurance=Assurance.ACCEPTED,
            expected=timedelta(days=self.options.archive_days + 1),
        )

    def _end(self, work: Work, **known: Any) -> Result:
        """The end of all keys but those that were refused: for these a person is asked."""
        refused = _refused(work)
        if not refused:
            return Finish(assurance=Assurance.CONFIRMED, **known)
        known["said"] = dict.fromkeys(refused, Said(Outcome.REFUSED, assurance=Assurance.NONE)) | known["said"]
        sent = {self.as_sent(item.kind, item.value) for item in work.ids if item.ref in refused}
        exported = self.starts[work.operation] == "start_removal" or sent <= apptus_jobs.jobs(work, "export").keys()
        note = _t(
            "Apptus refused some of the keys; with the others it is done. Check these identifiers, then try again "
            "(they alone are sent), or finish the work at the vendor by hand."
        )
        then = "start_removal" if exported else "start_export"
        return HandOver("attention", note, code="key_refused", then=then, assurance=Assurance.CONFIRMED, **known)

    def _ask(self, work: Work, http: Http, phase: str) -> tuple[str, Jobs, Result | None]:
        """Asks for one unfinished job a pass: its key, all jobs, and what to answer if it is not done. A round asks for
        each in turn without a pause, lest an export expires unseen; the pace decides when the next one begins."""
        jobs, turn = apptus_jobs.jobs(work, phase), work.memory.get("turn", 0)
        unfinished = [key for key in self._keys(work) if not jobs[key].get("done")]
        key = unfinished[turn % len(unfinished)]
        jid = jobs[key]["jid"]
        _same, status = apptus_jobs.read(http.get(self._path("job-status"), query={"jid": jid}), jid)
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


def _refused(work: Work) -> set[str]:
    return {ref for ref, said in work.said.items() if said.outcome == Outcome.REFUSED}
