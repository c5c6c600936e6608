"""One call of Acquia CDP's data erasure API: what is sent, what may come back, and the record of it. Source: the
vendor's page "Using the data erasure API"."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.utils.translation import gettext as _t

from .base import BrokenReply, Id, Work, Written
from .http import Http, Reply

READY, WAITING, NOT_FOUND, FAILED = "readyForDataErasure", "pendingForDataErasure", "notFound", "failedToAccept"
LISTS = (READY, WAITING, NOT_FOUND, FAILED)
#: Law and ground of a case → the reason in the vendor's words, else in ours, which its page allows.
REASONS = {
    ("gdpr", "subject_request"): "GDPR: Erasure request is made by the data subject.",
    ("gdpr", "no_longer_needed"): "GDPR: Data is no longer relevant to the business.",
    ("ccpa", "subject_request"): "CCPA: Erasure request is made by the consumer.",
}
OTHER_REASONS = {
    "subject_request": "Other: The person asks for the erasure.",
    "no_longer_needed": "Other: The data is no longer needed.",
    "consent_withdrawn": "Other: Consent was withdrawn.",
    "objection": "Other: The person objects to the processing.",
    "unlawful": "Other: The processing was unlawful.",
    "legal_obligation": "Other: A law demands the erasure.",
}


def reason(work: Work) -> str:
    """What a call says about why. The UK's GDPR is a GDPR."""
    known = REASONS.get((work.regime.removeprefix("uk_"), work.ground))
    return known or OTHER_REASONS.get(work.ground, "Other: None of the listed reasons.")


@dataclass(frozen=True)
class Answer:
    """A reply that was understood: each id of the call → its list, and the number of the event if there is one.
    `none_known`: it was the documented 404. `whole`: what evidence says of the call as a whole."""

    found: Mapping[str, str]
    event: str
    none_known: bool
    whole: Mapping[str, Any]


def ask(http: Http, path: str, query: Mapping[str, str], fixed: Mapping[str, str], works: Sequence[Work]) -> Answer:
    """Makes the call: `fixed` is the body but for the ids, each distinct one once, and the date, which is the time of
    sending in whole seconds that have passed. Raises as a step does."""
    ids = list(dict.fromkeys(item.value for work in works for item in work.due))
    date = min(work.sent_at for work in works).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    body = {**fixed, "customerIds": ids, "requestedDate": date}
    reply = http.post(path, query=query, json=body, expect=(200, 404))
    none_known = reply.status == 404
    found, event = _not_found(reply, ids) if none_known else _shared_out(reply, ids)
    request = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    hashes = {"requestSha256": request, "replySha256": hashlib.sha256(reply.body).hexdigest()}
    whole = {"requestedDate": date, "status": reply.status, "eventId": event, **hashes}
    return Answer(found, event, none_known, whole)


def _not_found(reply: Reply, ids: Sequence[str]) -> tuple[dict[str, str], str]:
    """A 404 says that no id is known, but only with the documented error: a page may be a wrong host's or tenant's."""
    said = reply.json()
    code, texts = said.get("errorCode"), (said.get("userMessage"), said.get("developerMessage"))
    if type(code) not in (int, str) or not all(isinstance(text, str) for text in texts):
        raise _broken()
    return dict.fromkeys(ids, NOT_FOUND), ""


def _shared_out(reply: Reply, ids: Sequence[str]) -> tuple[dict[str, str], str]:
    """The four lists hold exactly what was sent, each id once; what is ready has an event."""
    said = reply.json()
    found: dict[str, str] = {}
    for where in LISTS:
        listed = said.get(where)
        for each in listed if isinstance(listed, list) else [None]:
            if not isinstance(each, str) or each in found:
                raise _broken()
            found[each] = where
    event = "" if said.get("eventId") is None else said["eventId"]
    named = isinstance(event, str) and re.fullmatch(r"[A-Za-z0-9_.:-]{0,100}", event) and event not in found
    if found.keys() != set(ids) or not named or (READY in found.values() and not event):
        raise _broken()
    return found, event


def _broken() -> BrokenReply:
    return BrokenReply(
        _t(
            "Acquia CDP did not answer for each id exactly once, or without an event's number, or with an error that "
            "it does not document. Nothing is assumed; ids may have been queued. Check the tenant and look at Data "
            "Erasure on its own screen, then try again: what waits there is not queued twice."
        )
    )


def record(name: str, work: Work, own: Mapping[str, Sequence[Id]], answer: Answer) -> Written:
    """What was asked and answered about one sub-task, and hashes of the whole call. The salt keeps its own hash, which
    stands in the trail, from telling a short id."""
    lists = {where: list(dict.fromkeys(item.value for item in items)) for where, items in own.items()}
    content = json.dumps({**answer.whole, **lists, "salt": work.salt}, ensure_ascii=False, indent=2).encode()
    return Written(f"acquia-{name}.json", content, "reply", counts={where: len(ids) for where, ids in lists.items()})
