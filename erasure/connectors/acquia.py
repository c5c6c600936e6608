"""Acquia CDP (formerly AgilOne): one call that queues the erasure of up to 200 customer ids.

Source: the vendor's page "Using the data erasure API"; for the token, see `acquia_sign_in`.

    POST /v2/{tenantId}/dw/dataerasure[?failOnNotFound=true]    → an event's number, and each id in one of four lists

Ids of cases with the same reason share a call. The vendor acts 14 to 30 days later and has no call that tells whether
it has: a person confirms what its screen says (`completion` "attest"), or the same ids are asked for again until none
is found ("rerequest"). An id that waits there already is passed over, so a call without an answer may be repeated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any, ClassVar

from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from .acquia_account import Credentials, Options
from .acquia_call import FAILED, LISTS, NOT_FOUND, READY, WAITING, Answer, ask, reason, record
from .acquia_sign_in import PATHS, data_host, door, token_of
from .base import (
    Assurance,
    Connector,
    Finish,
    Go,
    HandOver,
    Held,
    Id,
    Misconfigured,
    Operation,
    Outcome,
    Refused,
    Result,
    Said,
    Stay,
    Token,
    Work,
    step,
)
from .http import Http, basic, bearer
from .options import spelled

MOST_IDS = 200
MOST_TRIES = 3  # of an id that the vendor fails to accept
AT_ONCE = timedelta(0)


class Acquia(Connector):
    key = "acquia"
    label = _("Acquia CDP")
    about = _(
        "Erases customers from the customer data platform (formerly AgilOne), up to 200 in a call. By customer ids. It "
        "acts weeks later and does not report the end: a person confirms it. Restrictions and exports go to a person."
    )
    calls_per_week = 9_990  # published; signing in goes to another host and is not counted
    when_cancelled: ClassVar = {"submit": "await_acting", "ask_again": "await_acting"}  # asking again can erase

    Options, Credentials = Options, Credentials

    # --- what this account can do

    @property
    def accepts(self) -> Mapping[str, str]:
        return dict.fromkeys(self.options.customer_ids_from, "customerIds")

    @property
    def starts(self) -> Mapping[Operation, str]:
        return {Operation.ERASE: "submit"}

    def calls(self, operation: Operation) -> Sequence[tuple[str, str, str]]:
        steps = ["submit", "ask_again"] if self.options.completion == "rerequest" else ["submit"]
        return [(name, "POST", self._path) for name in steps if operation == Operation.ERASE]

    def explain(self, operation: Operation) -> Sequence[Any]:
        if operation != Operation.ERASE:
            return ()
        days = {"first": self.options.acts_after_days, "last": self.options.acts_within_days}
        asks = _("Acquia CDP is asked to erase each customer id; it acts %(first)s to %(last)s days later.") % days
        part = _("Only what belongs to these ids is erased: of an id that the case lacks, the data stays.")
        if self.options.completion == "attest":
            return asks, part, _("It does not report the end: a person looks at its own screen and confirms it here.")
        again = _(
            "It is asked again after %(time)s, until it finds nothing. Each time it erases what it finds, also new "
            "data of a customer who has come back."
        )
        return asks, part, again % {"time": spelled(self.options.rerequest_after_seconds)}

    def takes(self, operation: Operation) -> timedelta | None:
        by_asking = self._round if self.options.completion == "rerequest" else timedelta(0)
        return max(by_asking, timedelta(days=self.options.acts_within_days))

    @property
    def home(self) -> str:
        return data_host(self.options.region)

    @property
    def patience(self) -> timedelta:  # type: ignore[override]
        """Three rounds of asking again."""
        return 3 * self._round + timedelta(days=self.options.acts_within_days)

    def company(self, work: Work) -> str:
        return work.ref if self.options.fail_on_not_found else reason(work)

    def left(self, name: str, work: Work) -> Sequence[Id]:
        """To submit: what was not accepted yet. To ask for again: what is pending, each identifier once a round."""
        tries = work.memory.get("tries", {})
        pending = [item for item in work.ids if _said(work, item).outcome == Outcome.PENDING]
        pending.sort(key=lambda item: tries.get(item.ref, 0))  # what fails again and again holds up nothing else
        if name == "submit":
            return [item for item in pending if _said(work, item).assurance != Assurance.ACCEPTED]
        return [item for item in pending if item.ref not in work.memory.get("asked", ())] or pending

    # --- the account

    def headers(self, credentials: Any) -> Mapping[str, str]:
        if credentials.token:
            return bearer(credentials.token)
        if self.signs_in(credentials):
            return {}  # the token comes with the sign-in
        text = _t("Acquia CDP needs a token, or a user and a password. Nothing was sent; enter one or the other.")
        if credentials.username and credentials.password:
            text = _t("It is not known where to sign in. Nothing was sent; set the region or the sign-in address.")
        raise Misconfigured(text, code="credentials_missing")

    def signs_in(self, credentials: Any) -> str:
        usable = credentials.username and credentials.password and not credentials.token
        return self._door[0] if usable else ""

    def sign_in(self, credentials: Any, http: Http) -> Token:
        _base, path, query = self._door
        headers = basic(credentials.username, credentials.password)
        return token_of(http.post(path, query=query, headers=headers, expect=(200, 201)))

    def signs_out(self) -> bool:
        return bool(self.options.log_out)

    def sign_out(self, credentials: Any, http: Http) -> None:
        http.post(PATHS["login"], query={"action": "logout"}, headers=bearer(credentials.token), expect=(200, 204))

    def check(self, http: Http) -> str:
        return _t(
            "Acquia CDP has no call that only reads: this token cannot be tested without an erasure, so nothing was "
            "asked and nothing was sent. Whether it works shows with the first case."
        )

    @property
    def _door(self) -> tuple[str, str, dict[str, str]]:
        options = self.options
        return door(options.region, options.token_url, options.token_form, options.token_scheme)

    # --- the steps

    @step(_("ask for the erasure"), writes=True, commits=True, batch=MOST_IDS, if_unknown="submit")
    def submit(self, works: Sequence[Work], http: Http) -> Mapping[str, Result]:
        answer = self._ask(works, http, fail_on_not_found=self.options.fail_on_not_found)
        return {work.ref: self._result(work, answer, "submit", self._absent(work)) for work in works}

    @step(_("wait until the vendor acts"), by_hand=True)
    def await_acting(self, work: Work) -> Result:
        pending = [said.reference for said in work.said.values() if said.outcome == Outcome.PENDING]
        events = sorted({reference for reference in pending if reference})
        note = _t("Sign in to Acquia CDP, open Data Erasure, and confirm here when it says completed.")
        if events:
            more = ", …" if len(events) > 5 else ""
            note += " " + _t("Event: %(events)s.") % {"events": ", ".join(events[:5]) + more}
        if not all(pending):
            note += " " + _t("Of some ids the desk has no event's number; most likely they waited there already.")
        within = timedelta(days=self.options.acts_within_days - self.options.acts_after_days)
        return HandOver("attestation", note, within=within)

    # A repeat finds what is pending, or gone: it harms nobody that the first did not.
    @step(_("ask again"), writes=True, commits=True, polls=True, batch=MOST_IDS, if_unknown="ask_again")
    def ask_again(self, works: Sequence[Work], http: Http) -> Mapping[str, Result]:
        answer = self._ask(works, http)
        gone = Said(Outcome.ERASED, Held.YES, Assurance.ASKED_AGAIN)
        return {work.ref: self._result(work, answer, "ask_again", gone) for work in works}

    # --- what the steps share

    def _absent(self, work: Work) -> Said:
        """Of an id that is not found at first. A call that was not answered may have erased it, if it is long ago."""
        since = work.unknown_since
        by_then = since and work.sent_at - since >= timedelta(days=self.options.acts_after_days)
        return Said(Outcome.NOT_HELD, Held.UNKNOWN if by_then else Held.NO, Assurance.CONFIRMED)

    @property
    def _path(self) -> str:
        return f"/v2/{self.options.tenant_id}/dw/dataerasure"

    @property
    def _round(self) -> timedelta:
        return timedelta(seconds=self.options.rerequest_after_seconds)

    def _ask(self, works: Sequence[Work], http: Http, *, fail_on_not_found: bool = False) -> Answer:
        body = {"reason": reason(works[0]), "requestOrigin": self.options.request_origin}
        if self.options.requested_by:
            body["requestedBy"] = self.options.requested_by
        if self.options.send_tenant_id:
            body["tenantId"] = self.options.tenant_id
        query = {"failOnNotFound": "true"} if fail_on_not_found else {}
        answer = ask(http, self._path, query, body, works)
        if answer.none_known and fail_on_not_found and len(answer.found) > 1:
            raise Refused(
                _t(
                    "Acquia CDP does not know one of the ids and took none of them. Nothing was done there. The desk "
                    "asks again with fewer of them until it is known which one."
                )
            )
        return answer

    def _result(self, work: Work, answer: Answer, name: str, gone: Said) -> Result:
        """What the answer to the step `name` means for one sub-task; `gone` is said of an id that was not found."""
        own: dict[str, list[Id]] = {where: [] for where in LISTS}
        for item in work.due:
            own[answer.found[item.value]].append(item)
        said = {item.ref: Said(Outcome.PENDING, Held.YES, Assurance.ACCEPTED, answer.event) for item in own[READY]}
        said |= {item.ref: Said(Outcome.PENDING, Held.YES, Assurance.ACCEPTED) for item in own[WAITING]}
        said |= {item.ref: gone for item in own[NOT_FOUND]}
        said |= {item.ref: _said(work, item) for item in own[FAILED]}
        before = work.memory.get("tries", {})
        tries = {ref: count for ref, count in before.items() if ref not in said}
        tries |= {item.ref: before.get(item.ref, 0) + 1 for item in own[FAILED]}
        given_up = {ref for ref, count in tries.items() if count >= MOST_TRIES}
        if name == "submit":
            said |= {ref: Said(Outcome.FAILED) for ref in given_up}
        asked = [*work.memory.get("asked", ()), *(ref for ref in said if ref not in tries)]
        events, references = list(work.memory.get("events", ())), {}
        if own[READY] and answer.event not in events:
            events.append(answer.event)
            references["event" if len(events) == 1 else f"event_{len(events)}"] = answer.event
        if own[WAITING] and work.unknown_since and name == "submit":  # a call without an answer had them queued
            references["sent_without_event"] = work.unknown_since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

        now = replace(work, said={**work.said, **said}, memory={"asked": asked})
        remaining = [item for item in self.left(name, now) if name == "submit" or item.ref not in asked]
        left = [item for item in remaining if item.ref not in given_up]
        round_over = name == "submit" or not remaining
        if work.cancelled and name == "submit":
            said |= {item.ref: Said(Outcome.FAILED) for item in left}
            left = []
        known: dict[str, Any] = {
            "remember": {
                "events": events or None,
                "tries": tries if left else None,
                "asked": None if round_over else asked,
            },
            "references": references,
            "said": said,
            "evidence": [record(name, work, own, answer)],
            "expected": timedelta(days=self.options.acts_within_days) if own[READY] else None,
        }
        if left:
            return Stay(None if own[FAILED] else AT_ONCE, **known)
        outcomes = {_said(now, item).outcome for item in work.ids}
        if not work.cancelled and (given_up or outcomes & {Outcome.FAILED, Outcome.REFUSED}):
            note = _t(
                "Acquia CDP did not take every id: some it refused, or failed to accept several times. What it took "
                "stands. Try again, or have the rest erased on its own screen and confirm by hand."
            )
            return HandOver("attention", note, code="not_accepted", **known)
        if Outcome.PENDING not in outcomes:
            return Finish(**known)
        if name == "ask_again" and not work.cancelled:
            return Stay(self._round, **known)
        if self.options.completion == "rerequest" and not work.cancelled:
            return Go("ask_again", after=self._round, **known)
        return Go("await_acting", after=timedelta(days=self.options.acts_after_days), **known)


def _said(work: Work, item: Id) -> Said:
    return work.said.get(item.ref, Said(Outcome.PENDING, Held.UNKNOWN, Assurance.NONE))
