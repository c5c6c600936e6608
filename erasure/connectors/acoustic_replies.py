"""What Acoustic Exchange says of a GDPR job, read strictly: words that are not documented are never guessed at."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from .base import BrokenReply, Go, HandOver, Held, Operation, Outcome, Result, Said, Stay, Work
from .http import Reply

OPERATIONS = {
    Operation.ERASE: "remove",
    Operation.RESTRICT: "addRestriction",
    Operation.UNRESTRICT: "removeRestriction",
}
#: The vendor's status words → ours. One of its other APIs misspells the first.
STATUSES = dict.fromkeys(("waiting_to_receive_data", "waiting_to_recieve_data"), "open")
STATUSES |= {"running": "running", "ready_for_download": "ready", "complete": "complete", "error": "failed"}
INPUT, UPDATED = "inputRecordCount", "updatedOrRemovedIdentityCount"
OUTPUT, SKIPPED = "outputRecordCount", "skippedInputRecordCount"

JOB = re.compile(r"[0-9]{1,20}")
BLANKS = b"\xef\xbb\xbf \t\r\n"
#: What no reply says of a call that was carried out, and the names by which one may say that it was.
BAD_NEWS = re.compile(
    r"\b(?:error|fail|denied|forbid|unauthor|invalid|exception|refus|reject|unable|unsuccess|unknown|cannot|false\b"
    r"|no such\b|not\b(?! yet))",
    re.IGNORECASE,
)
NO_BAD_NEWS = re.compile(r"\b(?:no|0|without) (?:error|fail)\w*", re.IGNORECASE)
BETWEEN_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|[_-]+")  # as in DELETE_FAILED and deleteFailed
YESES = frozenset({"success", "succeeded", "successful", "ok", "deleted", "accepted", "completed"})
CODES = frozenset({"status", "statuscode", "code", "httpstatus"})
MOST_FILES = 1000  # of one job: it may offer one for each x1ID that matched
STILL_WAITING = 5  # times that a job may say it waits for the data it was sent

#: Jobs that cannot be relied on, though they had the identifiers.
NOTES = {
    "failed": _(
        "The job ended in an error. Whether anything was done is unknown; a retry opens a new job and sends the "
        "identifiers again."
    ),
    "lost": _(
        "Exchange no longer knows the job. Whether anything was done is unknown; a retry opens a new job and sends the "
        "identifiers again."
    ),
    "short": _(
        "Exchange read fewer identifiers than it was sent, so some were not looked for. A retry opens a new job and "
        "sends all of them again."
    ),
    "belied": _(
        "Exchange says that the job is complete and lists nobody, which means that nobody matched; but it counts some "
        "that it changed or listed. Whether they are erased is unknown. Look at the job in Exchange and confirm by "
        "hand, or try again: a retry opens a new job and sends the identifiers again."
    ),
    "closed": _(
        "Exchange says that the job is complete, though it never said that it had the identifiers, or had offered "
        "lists that are gone now. Whether anything was done is unknown; a retry opens a new job and sends the "
        "identifiers again."
    ),
}


def broken() -> BrokenReply:
    return BrokenReply(
        _t(
            "Exchange answered with a page, for another job, or in words and names that are not documented. Nothing is "
            "assumed. Look at the job in Exchange, or ask the vendor, then try again."
        )
    )


def is_page(reply: Reply) -> bool:
    """Whether it is a web server's page, such as a sign-in, and not an answer of the API."""
    content_type = reply.headers.get("Content-Type", "").lower()
    return "html" in content_type or reply.body.lstrip(BLANKS).startswith(b"<")


def new_job(reply: Reply, operation: Operation) -> str:
    """The number of the job that was opened: text at first, a number later on. Raises BrokenReply."""
    told, _status = job_status(reply, operation)
    job = str(told.get("jobId"))
    if not JOB.fullmatch(job):
        raise broken()
    return job


def job_status(reply: Reply, operation: Operation, job: str = "") -> tuple[dict[str, Any], str]:
    """What is said of a job, and its status in our words: `lost` for a 404, empty if none is told. Raises BrokenReply
    for a page, for another job or operation than asked for, and for a status that is not documented."""
    if reply.status == 404 and not is_page(reply):
        return {}, "lost"
    told = reply.json()
    others = {word.lower() for word in OPERATIONS.values()} - {OPERATIONS[operation].lower()}
    word = told.get("status")
    status = STATUSES.get(str(word).lower(), "")
    nameless = status in ("complete", "ready") and "jobId" not in told  # such a claim must be about a job
    if nameless or (job and not _is_of(told, job)) or str(told.get("jobName")).lower() in others:
        raise broken()
    if word is not None and not status:
        raise broken()
    return told, status


def succeeded(reply: Reply, job: str) -> None:
    """For a call whose reply is not documented: any success counts. Raises BrokenReply for a page, for another job, and
    for a success that speaks of an error or says no."""
    if is_page(reply):
        raise broken()
    body = reply.body.lstrip(BLANKS)
    plain = reply.headers.get("Content-Type", "text/plain").lower().startswith("text/plain")
    if not body or (plain and not body.startswith((b"{", b"["))):
        if _is_bad_news(reply.text):
            raise broken()
        return
    told = reply.json()
    if not _is_of(told, job) or any(_is_bad(name, value) for name, value in _facts(told)):
        raise broken()


def _facts(told: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in a JSON value that is neither a list nor an object, with the names that lead to it."""
    if isinstance(told, dict):
        for key, value in told.items():
            yield from _facts(value, f"{name}.{key}".lower())
    elif isinstance(told, list):
        for value in told:
            yield from _facts(value, name)
    else:
        yield name, told


def _is_bad(name: str, value: Any) -> bool:
    last, text = name.rpartition(".")[2], str(value).lower()
    if last in YESES:
        return text in ("false", "no", "0")
    if "error" in name:
        return bool(value) and text not in ("0", "none", "false")
    if last in CODES and text.isdecimal():
        return int(text[:9]) >= 400
    return isinstance(value, str) and _is_bad_news(value)


def _is_bad_news(text: str) -> bool:
    return BAD_NEWS.search(NO_BAD_NEWS.sub("", BETWEEN_WORDS.sub(" ", text))) is not None


def _is_of(told: Mapping[str, Any], job: str) -> bool:
    number = told.get("jobId")
    return number is None or str(number) == job


def counters(told: Mapping[str, Any]) -> dict[str, int]:
    """The vendor's counters by their right names (its page misspells one). What is not a count is passed over."""
    numbers = {OUTPUT: told.get("outoutRecordCount"), **told}
    return {
        name: numbers[name]
        for name in (INPUT, UPDATED, OUTPUT, SKIPPED)
        if type(numbers.get(name)) is int and 0 <= numbers[name] < 10**12
    }


def file_names(told: Mapping[str, Any], job: str) -> list[str]:
    """The names of a job's files. A name becomes part of a path: BrokenReply for anything but the documented form, for
    another job's file, for one named twice and for none."""
    names = told.get("gdprDataFiles")
    form = re.compile(rf"[0-9]{{1,20}}\|gdpr\|{job}_[0-9]{{1,20}}\.segment\.output")
    if (
        not isinstance(names, list)
        or not names
        or len(names) > MOST_FILES
        or not all(isinstance(name, str) and form.fullmatch(name) for name in names)
        or len(set(names)) < len(names)
    ):
        raise broken()
    return names


def still_open(work: Work) -> Result:
    """The job waits for data: either it never came, or the job has yet to notice."""
    waited = work.memory.get("waited", 0)
    if not work.memory.get("uploaded"):
        return Go("upload")
    if waited < STILL_WAITING:
        return Stay(remember={"waited": waited + 1})
    note = _t(
        "Exchange took the identifiers, and still says that it waits for them. Nothing seems to be done. Ask the "
        "vendor; a retry asks once more, and sends them again if it still waits."
    )
    afresh = {"uploaded": None, "waited": None}
    return HandOver("attention", note, code="job_still_waiting", then="await_result", remember=afresh)


def relied_on(
    status: str, told: Mapping[str, Any], counters: Mapping[str, int], work: Work, *, sent: int, asked: bool
) -> str:
    """The status of a job that has ended, if its other words go with it, else one of NOTES, or empty for what is not
    documented at all. `sent`: how many rows; `asked`: whether output was asked for."""
    if status in ("complete", "ready") and counters.get(INPUT, sent) + counters.get(SKIPPED, 0) < sent:
        return "short"
    if status != "complete":
        return status
    if told.get("gdprDataFiles"):
        return "" if asked else "ready"
    if _lists(told, asked) and (counters.get(UPDATED) or counters.get(OUTPUT)):
        return "belied"
    had_them = work.memory.get("uploaded") or INPUT in counters
    return status if had_them and not work.memory.get("offered") else "closed"


def nothing_listed(work: Work, told: Mapping[str, Any], asked: bool) -> Said:
    """What a complete job without files means: it has matched nobody if output was `asked` for and the vendor knows of
    that; else nothing is itemised."""
    return _nobody(work) if _lists(told, asked) else Said(Outcome.PROCESSED)


def _lists(told: Mapping[str, Any], asked: bool) -> bool:
    return asked and str(told.get("generateOutput")).lower() in ("true", "none")


def what_was_listed(work: Work, sent: Collection[Collection[str]]) -> dict[str, Said]:
    """What is listed was held. What is not was not, if the vendor skipped exactly as many. `sent`: the refs that each
    row of the upload stood for."""
    held = {ref for ref, said in work.said.items() if said.held == Held.YES}
    unlisted = [refs for refs in sent if held.isdisjoint(refs)]
    other = _nobody(work) if work.memory.get("skipped") == len(unlisted) else Said(Outcome.PROCESSED)
    return {item.ref: Said(Outcome.ERASED, Held.YES) if item.ref in held else other for item in work.ids}


def _nobody(work: Work) -> Said:
    """What it means to match nobody. Where an earlier job had the identifiers, it may have erased what was held."""
    return Said(Outcome.ERASED) if work.memory.get("sent_before") else Said(Outcome.NOT_HELD, Held.NO)


def done(reply: Reply, work: Work, by_now: tuple[int, ...]) -> bool:
    """Whether a call without a documented reply was carried out; at a status in `by_now`, by an earlier try of which no
    answer came. Raises BrokenReply."""
    if reply.status < 400 or is_page(reply):
        succeeded(reply, work.memory["job"])
        return True
    return reply.status in by_now and unanswered(work)


def unanswered(work: Work) -> bool:
    """Whether an earlier try of this step, for this job, got no answer at all. One that was answered with a page may
    never have reached Exchange."""
    return work.no_answer and work.unknown_at is not None and work.unknown_at.isoformat() > work.memory["opened"]
