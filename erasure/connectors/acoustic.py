"""Acoustic Exchange (formerly IBM UBX): a GDPR job that erases, restricts or lifts the restriction of x1IDs.

Source: the vendor's page "Perform GDPR Right to Erasure with Acoustic Exchange APIs".

    POST   /v1/jobs/gdprRequest                    → {"jobId"}: an open job, which does nothing yet
    GET    /v1/jobs/GDPR_REQUEST/{jobId}           → {"status", …} until it waits for data
    POST   /v1/jobs/{jobId}/data                   CSV, a row an identifier: from here on data changes
    GET    /v1/jobs/GDPR_REQUEST/{jobId}           → COMPLETE, or READY_FOR_DOWNLOAD and the names in "gdprDataFiles"
    GET    /v1/jobs/gdprDataFiles/{jobId}/{file}   → CSV: every identifier of the x1IDs that matched
    DELETE /v1/jobs/gdprDataFile/{jobId}/{file}    deletes those identifiers; the path is in the singular here
    PUT    /v1/jobs/{jobId}/status/complete        closes the job

An x1ID may be split over files, so all are fetched and kept before the first is deleted. A DELETE is what erases: it is
never sent for a restriction. No reply to the upload, the DELETE and the PUT is documented: any success that is not a
page, another job's or an error counts.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from . import acoustic_replies as exchange
from .acoustic_account import Credentials, Options
from .acoustic_rows import NotAList, Pair, ends_with_a_line, read_list, write_rows
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
from .http import Http, bearer
from .options import spelled

NAMES = {"email": "email", "phone": "phone", "cookie_id": "cookieId", "x1_id": "x1Id"}
REQUEST, STATUS, DATA = "/v1/jobs/gdprRequest", "/v1/jobs/GDPR_REQUEST/{jobId}", "/v1/jobs/{jobId}/data"
FETCH, DELETE = "/v1/jobs/gdprDataFiles/{jobId}/{file}", "/v1/jobs/gdprDataFile/{jobId}/{file}"
COMPLETE = "/v1/jobs/{jobId}/status/complete"
UNKNOWN_JOB = "0"  # asked for by `check`
CSV_TYPES = ("text/csv", "application/csv", "text/plain", "application/octet-stream", "")
LARGEST_FILE = 64 << 20  # bytes
UNREAD = dict.fromkeys(("files", "skipped", "listed", "fetched", "found", "rows", "whole"))  # no list was read yet
MOST_FOUND = 1000  # further identifiers of one sub-task


class AcousticExchange(Connector):
    key = "acoustic"
    label = _("Acoustic Exchange")
    about = _(
        "Erases a person's x1IDs in Exchange (formerly IBM UBX), restricts them and lifts the restriction. By e-mail "
        "address, phone, cookie id, x1ID and others that you name. Exports go to a person."
    )
    patience = timedelta(days=7)
    words = (*exchange.STATUSES, *exchange.OPERATIONS.values(), "GDPR_REQUEST", "true", "false")

    Options, Credentials = Options, Credentials

    # --- what this account can do

    @property
    def accepts(self) -> Mapping[str, str]:
        return {**NAMES, **self.options.names}

    @property
    def starts(self) -> Mapping[Operation, str]:
        return dict.fromkeys(exchange.OPERATIONS, "create_job")

    def calls(self, operation: Operation) -> Sequence[tuple[str, str, str]]:
        job = [("create_job", "POST", REQUEST), ("await_intake", "GET", STATUS)]
        job += [("upload", "POST", DATA), ("await_result", "GET", STATUS)]
        files = [("fetch_file", "GET", FETCH), ("delete_file", "DELETE", DELETE), ("complete", "PUT", COMPLETE)]
        return [*job, *files] if self._lists(operation) else job if operation in exchange.OPERATIONS else []

    def again(self, operation: Operation) -> Again | None:
        """The same once more: a job that matches nobody says so. One that does erases what it lists."""
        seconds = self.options.ask_again_after_seconds
        if operation != Operation.ERASE or not seconds:
            return None
        return Again(timedelta(seconds=seconds), "create_job", self.calls(operation))

    def explain(self, operation: Operation) -> Sequence[Any]:
        what = {
            Operation.ERASE: _("Erases every x1ID that an identifier matches, with all identifiers on it."),
            Operation.RESTRICT: _("Restricts every x1ID that an identifier matches, with all identifiers on it."),
            Operation.UNRESTRICT: _("Lifts the restriction of every x1ID that an identifier matches."),
        }
        if operation not in what:
            return ()
        if self._lists(operation):
            told: list[Any] = [
                what[operation],
                _("They are listed first: kept as evidence, and further ones are suggested."),
            ]
            if seconds := self.options.ask_again_after_seconds:
                again = _(
                    "It is asked again after %(time)s. That erases what it finds by then, also new data of a person "
                    "who has come back."
                )
                told.append(again % {"time": spelled(seconds)})
            return told
        return what[operation], _(
            "Exchange does not say which identifiers matched: whether data was held stays unknown."
        )

    def headers(self, credentials: Any) -> Mapping[str, str]:
        if not credentials.account_key:
            raise Misconfigured(
                _t("Exchange needs the account level key. Nothing was sent; enter it."), code="credentials_missing"
            )
        return bearer(credentials.account_key)

    def check(self, http: Http) -> str:
        """What is said of an unknown job is not documented: a refusal that is no page comes from the API."""
        if exchange.is_page(http.get(STATUS.format(jobId=UNKNOWN_JOB), expect=(400, 404))):
            raise exchange.broken()
        return _t(
            "Exchange answers and takes the key. It was asked for the status of a job that does not exist; nothing was "
            "written there."
        )

    # --- the steps

    @step(_("open a job"), writes=True, if_unknown="create_job")  # a job without data does nothing: open another
    def create_job(self, work: Work, http: Http) -> Result:
        payload = {"operationType": exchange.OPERATIONS[work.operation], "generateOutput": self._lists(work.operation)}
        job = exchange.new_job(http.post(REQUEST, json=payload, expect=(200, 201, 202)), work.operation)
        afresh = {**UNREAD, **dict.fromkeys(("uploaded", "waited", "refused", "offered", "deleted"))}
        return Go(
            "await_intake", remember={**afresh, "job": job, "opened": work.sent_at.isoformat()}, references={"job": job}
        )

    @step(_("wait for the job to open"), polls=True)
    def await_intake(self, work: Work, http: Http) -> Result:
        _told, status = _ask(work, http)
        if status == "open":
            return Go("upload")
        if status == "running":
            return Stay()
        if status in ("failed", "lost"):
            note = _t(
                "Exchange did not open the job, or no longer knows it. Nothing was sent; a retry opens a new one."
            )
            return HandOver("attention", note, code=f"job_{status}", then="create_job")
        raise exchange.broken()

    @step(_("send the identifiers"), writes=True, commits=True, if_unknown="await_result")
    def upload(self, work: Work, http: Http) -> Result:
        body = write_rows(self._rows(work))
        media_type = self.options.upload_content_type
        try:
            reply = http.post(_at(DATA, work), body=body, content_type=media_type, expect=(200, 201, 202, 204))
        except Refused:
            if work.memory.get("refused") or not exchange.unanswered(work):
                raise
            return Go("await_result", remember={"refused": True})  # the earlier try may have come through
        exchange.succeeded(reply, work.memory["job"])
        return Go("await_result", remember={"uploaded": True, "waited": None}, assurance=Assurance.ACCEPTED)

    @step(_("wait for the result"), polls=True)
    def await_result(self, work: Work, http: Http) -> Result:
        told, status = _ask(work, http)
        counters, asked = exchange.counters(told), self._lists(work.operation)
        if status == "open":
            return exchange.still_open(work)
        if status == "running":
            return Stay(remember={"uploaded": True}, assurance=Assurance.ACCEPTED)
        status = exchange.relied_on(status, told, counters, work, sent=len(self._rows(work)), asked=asked)
        if status in exchange.NOTES:
            return HandOver(
                "attention",
                str(exchange.NOTES[status]),
                code=f"job_{status}",
                then="create_job",
                remember={"sent_before": True},
                counters=counters,
            )
        if status == "complete":
            said = dict.fromkeys((item.ref for item in work.ids), exchange.nothing_listed(work, told, asked))
            return Finish(said=said, counters=counters, assurance=Assurance.CONFIRMED)
        if status != "ready":
            raise exchange.broken()
        if not asked:
            note = _t(
                "Exchange offers files that were not asked for. None was deleted, since that is what erases. Whether "
                "the work was done is unknown: look at the job in Exchange, then try again or confirm by hand."
            )
            return HandOver("attention", note, code="files_offered", counters=counters)
        names = exchange.file_names(told, work.memory["job"])
        counted = {"skipped": counters.get(exchange.SKIPPED), "listed": counters.get(exchange.OUTPUT)}
        remember = {**UNREAD, **counted, "files": names, "offered": True}
        return Go("fetch_file", remember=remember, counters=counters, assurance=Assurance.ACCEPTED)

    @step(_("download a list"), if_unknown="await_result")  # a retry by hand asks anew which files there are
    def fetch_file(self, work: Work, http: Http) -> Result:
        files, number = work.memory["files"], work.memory.get("fetched", 0)
        path, name = _at(FETCH, work, files[number]), f"acoustic-output-{number + 1}.csv"
        download = http.download(path, name=name, content_types=CSV_TYPES, max_bytes=LARGEST_FILE)
        keep, before = timedelta(days=self.options.keep_output_days), work.memory.get("found", 0)
        kinds = {name: kind for kind, name in reversed([*self.accepts.items()])}
        try:
            listed = read_list(download, self._rows(work), kinds, MOST_FOUND - before, http.progress)
        except NotAList:
            note = _t(
                "What Exchange delivered is not the list of identifiers that it should be. Nothing was deleted. What "
                "arrived is kept as evidence; a retry downloads it again."
            )
            return HandOver("attention", note, code="file_unreadable", evidence=[Kept(download, "output", keep)])
        rows = work.memory.get("rows", 0) + listed.counts["rows"]
        whole = work.memory.get("whole", True) and download.framed
        last = number + 1 == len(files)
        cut = not download.framed and not ends_with_a_line(download)
        if cut or (last and not whole and rows < (work.memory.get("listed") or rows + 1)):
            note = _t(
                "Exchange did not say how long its lists are, and fewer identifiers arrived than it counted, or it did "
                "not count them: they may have been cut off. Nothing was deleted. A retry downloads them again."
            )
            kept = [Kept(download, "output", keep, listed.counts)]
            return HandOver(
                "attention", note, code="lists_cut_off", then="await_result", remember=UNREAD, evidence=kept
            )
        return Go(
            "delete_file" if last else "fetch_file",
            remember={"fetched": number + 1, "found": before + len(listed.found), "rows": rows, "whole": whole},
            evidence=[Kept(download, "output", keep, listed.counts)],
            said=dict.fromkeys(listed.ours, Said(Outcome.PENDING, Held.YES)),
            found=listed.found,
        )

    @step(_("delete what is listed"), writes=True, commits=True, if_unknown="delete_file")  # what is gone stays gone
    def delete_file(self, work: Work, http: Http) -> Result:
        files, number = work.memory["files"], work.memory.get("deleted", 0)
        reply = http.delete(_at(DELETE, work, files[number]), expect=(200, 204, 400, 404, 409, 410, 422))
        if not exchange.done(reply, work, by_now=(404,)):
            note = _t(
                "Exchange did not delete a file: it refused, or does not know it though no earlier try can have "
                "deleted it. What the file names may still be held. Look at the job in Exchange, then try again or "
                "confirm by hand."
            )
            return HandOver("attention", note, code="file_not_deleted")
        known = {"deleted": number + 1}
        if number + 1 < len(files):
            return Go("delete_file", remember=known)
        return Go(
            "complete",
            remember=known,
            said=exchange.what_was_listed(work, self._rows(work).values()),
            assurance=Assurance.CONFIRMED,
        )

    @step(_("close the job"), writes=True, if_unknown="complete")
    def complete(self, work: Work, http: Http) -> Result:
        if not exchange.done(http.put(_at(COMPLETE, work), expect=(200, 204, 404, 409)), work, by_now=(404, 409)):
            note = _t(
                "What Exchange listed is deleted, but the job is not closed. Close it in Exchange and confirm by hand, "
                "or try again."
            )
            return HandOver("attention", note, code="job_not_closed")
        return Finish(assurance=Assurance.CONFIRMED)

    # --- what the steps share

    def _lists(self, operation: Operation) -> bool:
        """Whether a job is asked for output: never for a restriction, of which no file may be deleted."""
        return operation == Operation.ERASE and bool(self.options.generate_output)

    def _rows(self, work: Work) -> dict[Pair, list[str]]:
        """What is sent, each once → the identifiers that it stands for."""
        rows: dict[Pair, list[str]] = {}
        for item in work.ids:
            rows.setdefault((self.accepts[item.kind], item.value), []).append(item.ref)
        return rows


def _at(path: str, work: Work, file: str = "") -> str:
    return path.format(jobId=work.memory["job"], file=quote(file, safe=""))


def _ask(work: Work, http: Http) -> tuple[dict[str, Any], str]:
    return exchange.job_status(http.get(_at(STATUS, work), expect=(200, 404)), work.operation, work.memory["job"])
