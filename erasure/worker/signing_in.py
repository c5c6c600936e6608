"""Fetching an account's token before a step: a call of its own, one at a time, under a lease of the account. And
ending it, for accounts that are to leave nothing open."""

import logging
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance import clock
from compliance.vault.seal import Unreadable
from erasure import dispatch, vendors
from erasure.connectors.base import (
    BadSettings,
    BrokenReply,
    Connector,
    Misconfigured,
    OutcomeUnknown,
    Refused,
    RetryLater,
    Step,
    Token,
    VendorError,
)
from erasure.connectors.http import Http
from erasure.models import Call, CallCount, Vendor
from erasure.states import CLAIMABLE, Pause, SubTaskStatus, Verdict

from . import claims, pace, points
from .steps import shown, still_quick

log = logging.getLogger(__name__)

IN, OUT = pace.UNCOUNTED
STEP = Step(
    name=IN,
    label=gettext_lazy("sign in"),
    writes=False,
    if_unknown=IN,
    polls=False,
    commits=False,
    batch=0,
    by_hand=False,
)


@dataclass(frozen=True)
class SignIn:
    """A sign-in that is ours until its lease ends: no other is begun for the account before."""

    call: Call
    vendor: Vendor
    connector: Connector
    begun: float
    step: Step = STEP


@dataclass
class Came:
    """What came of it: a token, a failure, or (both None) an error in Erasure Desk itself."""

    token: Token | None = None
    failure: VendorError | None = None
    transcript: dict[str, Any] = field(default_factory=dict)


def is_due(vendor: Vendor, connector: Connector, now: datetime) -> bool:
    """Whether the account has to sign in before its next call."""
    try:
        return bool(connector.signs_in(vendor.opened_credentials())) and not vendors.has_token(vendor, now)
    except (BadSettings, Unreadable):
        return False  # the step finds out, and says so


def claim(vendor: Vendor, connector: Connector, now: datetime) -> SignIn | None:
    """Records the call, under the vendor's lock; None while another worker signs in."""
    if Call.objects.filter(vendor=vendor, step=STEP.name, verdict="", lease_until__gt=now).exists():
        return None
    return SignIn(_recorded(vendor, IN, now), vendor, connector, time.monotonic())


def _recorded(vendor: Vendor, step: str, now: datetime) -> Call:
    return Call.objects.create(
        vendor=vendor,
        step=step,
        writes=False,
        started_at=now,
        lease_until=now + claims.LEASE,
        host=pace.HOST,
        counts=False,
    )


def perform(sign_in: SignIn) -> Came:
    """Makes the call. Whatever happens comes back as a value."""
    came, http = Came(), None
    try:
        credentials = sign_in.vendor.opened_credentials()
        http = Http(
            sign_in.connector.signs_in(credentials),
            vendors.network(),
            secrets=vendors.secrets_of(credentials),
            deadline=max(0.1, claims.SEND_SECONDS - (time.monotonic() - sign_in.begun)),
            on_send=lambda: still_quick(sign_in.begun, STEP.name),
        )
        came.token = sign_in.connector.sign_in(credentials, http)
    except VendorError as error:
        came.failure = error
    except Exception as error:  # its text may hold a secret
        log.error("call %s: %s in signing in", sign_in.call.pk, type(error).__name__)
    if http is not None:
        came.transcript = shown(http.calls)
    return came


def settle(sign_in: SignIn, came: Came) -> None:
    """Keeps the token, or lets the account wait or pause: no case is to blame for its sign-in."""
    points.reached(points.AFTER_REPLY, STEP.name)
    failure, now = came.failure, clock.now()
    verdict, code = (Verdict.OK, "") if came.token else (Verdict.FAILED, failure.code if failure else "defect")
    with transaction.atomic():
        vendor = Vendor.locked(sign_in.vendor.pk)
        mine = Call.objects.filter(pk=sign_in.call.pk, verdict="")
        if not mine.update(verdict=verdict, code=code[:40], finished_at=now, transcript=came.transcript):
            return
        CallCount.add(vendor, verdict)
        if vendor.token_number != sign_in.vendor.token_number:
            pass  # the account has changed meanwhile: its token may be for another server
        elif came.token:
            vendors.keep_token(vendor, came.token, now)
        elif isinstance(failure, Misconfigured | Refused | BrokenReply):
            trial_at = now + vendors.TRIAL_AFTER_CREDENTIALS
            vendors.pause(vendor, Pause.CREDENTIALS, _explained(failure), now, trial_at=trial_at)
        else:
            asked = failure.after if isinstance(failure, RetryLater) else None
            wait = asked or pace.backoff(vendor.failures, sign_in.call)
            vendor.not_before = now + max(wait, timedelta(seconds=1))
            vendor.save(update_fields=["not_before"])
            known = isinstance(failure, RetryLater | OutcomeUnknown)
            text = failure.text if failure and known else _("Erasure Desk itself failed at signing in; see the log.")
            pace.count_failure(vendor, text, now)
        dispatch.wake([vendor.pk])
    points.reached(points.AFTER_SETTLE, STEP.name)


def leave(vendor_id: uuid.UUID) -> None:
    """Ends the token of an account that signs out, once nothing of it is due or under way. The token is forgotten
    before the call: nobody may use it meanwhile, and whether the call comes through changes nothing here."""
    if not Vendor.objects.filter(pk=vendor_id, token_sealed__isnull=False).exists():
        return
    with transaction.atomic():
        vendor, now = Vendor.locked(vendor_id), clock.now()
        try:
            connector, credentials = vendor.speaks(), vendors.credentials_in_use(vendor)
            due = Q(status__in=CLAIMABLE, next_at__lte=now, case__held_at=None)
            busy = vendor.sub_tasks.filter(Q(status=SubTaskStatus.RUNNING) | due)
            stopped = vendor.pause == Pause.BY_HAND or not vendor.enabled
            if stopped or vendor.token_sealed is None or not connector.signs_out() or busy.exists():
                return
        except (BadSettings, Unreadable):
            return
        call = _recorded(vendor, OUT, now)
        vendors.drop_token(vendor)
    host = connector.signs_in(vendor.opened_credentials())
    http = Http(host, vendors.network(), secrets=vendors.secrets_of(credentials), deadline=claims.SEND_SECONDS)
    verdict, code = Verdict.OK, ""
    try:
        connector.sign_out(credentials, http)
    except VendorError as error:
        verdict, code = Verdict.FAILED, error.code
    except Exception as error:  # its text may hold a secret
        log.error("call %s: %s in signing out", call.pk, type(error).__name__)
        verdict, code = Verdict.FAILED, "defect"
    with transaction.atomic():
        ended = {"verdict": verdict, "code": code[:40], "finished_at": clock.now(), "transcript": shown(http.calls)}
        if Call.objects.filter(pk=call.pk, verdict="").update(**ended):
            CallCount.add(vendor, verdict)


def _explained(failure: VendorError) -> str:
    return _("Signing in failed. %(why)s") % {"why": failure.text}
