"""What Apptus' calls are named and what its replies mean, apart from what is done with them."""

import re
from typing import Any

from django.utils.translation import gettext as _t

from .base import BrokenReply, Work
from .http import Reply

#: The vendor's status words → ours. `not_found` comes as a status, not as HTTP 404; `error` was seen in Elevate 4.
STATUSES = dict.fromkeys(("created", "started", "waiting", "running"), "under way")
STATUSES |= {"done": "done", "not_found": "lost", "error": "failed"}
PREFIXES = {"v1": "/api/v1/event-data/", "v2": "/api/v2/event-data/", "admin-v4": "/api/admin/v4/event-data/"}
CREATE = {"export": "create-export-customer-job", "removal": "create-remove-customer-job"}
CREATE["again"] = CREATE["export"]

Jobs = dict[str, dict[str, Any]]  # customer key → its job: "jid", then "fetching", then "done" (and what was "held")


def jobs(work: Work, phase: str) -> Jobs:
    return {key: dict(job) for key, job in work.memory.get(phase, {}).items()}


def read(reply: Reply, expected: str = "") -> tuple[str, str]:
    """The job's number and its status in our words. Raises BrokenReply, also for another job than `expected`."""
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


def started(reply: Reply, work: Work, phase: str, key: str) -> str:
    """The number of the job that was started for `key`. Raises BrokenReply, also for the number of an earlier job."""
    jid, status = read(reply)
    known = {(name, other): job["jid"] for name in CREATE for other, job in jobs(work, name).items()}
    known.pop((phase, key), None)
    if status in ("lost", "failed") or jid in known.values():
        raise BrokenReply(
            _t(
                "Apptus answered the start of a job with the number or the status of an earlier one. Whether a job "
                "was started is unknown. Try again: a retry starts one, and a second one does no harm."
            )
        )
    return jid
