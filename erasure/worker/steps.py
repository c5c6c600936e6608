"""Running one step of a connector: one HTTP call, outside every transaction."""

import dataclasses
import logging
import time
from typing import Any

from django.utils.translation import gettext as _

from compliance import clock
from compliance.vault.seal import Unreadable
from erasure import vendors
from erasure.connectors.base import BadSettings, Misconfigured, RetryLater, VendorError
from erasure.connectors.http import Http, Transcript
from erasure.evidence import Sink
from erasure.models import Call, SubTask
from erasure.states import SubTaskStatus

from . import claims, heartbeat, points
from .claims import Came, Claim

log = logging.getLogger(__name__)


def perform(claim: Claim) -> Came:
    """Runs the claimed step. Whatever happens comes back as a value, so that it can be written down."""
    came = Came()
    http: Http | None = None

    def keep(_name: str) -> Sink:
        came.sinks.append(Sink(claim.sub_task.case, claim.call.pk))
        return came.sinks[-1]

    try:
        credentials = claim.vendor.opened_credentials()
        headers = claim.connector.headers(credentials)
        http = Http(
            claim.vendor.base_url,
            vendors.network(),
            headers=headers,
            secrets=_secrets(claim, credentials),
            words=claim.connector.words,
            deadline=max(0.1, claims.SEND_SECONDS - (time.monotonic() - claim.begun)),
            keep=keep,
            on_send=lambda: _before_send(claim),
            on_progress=lambda: _renew(claim),
        )
        came.result = getattr(claim.connector, claim.step.name)(claim.work, http)
    except VendorError as error:
        came.failure = error
    except (BadSettings, Unreadable):
        came.failure = Misconfigured(
            _("The account's credentials cannot be read or do not fit. Nothing was sent. Enter them again."),
            code="credentials_unusable",
        )
    except Exception as error:  # a defect must not take the lane with it; its text may hold personal data
        log.error("call %s: %s in step %s", claim.call.pk, type(error).__name__, claim.step.name)
    if http is not None:
        came.sent = http.sent
        came.transcript = _shown(http.calls)
    return came


def _secrets(claim: Claim, credentials: Any) -> tuple[str, ...]:
    """What must not stand in a transcript, should a vendor send it back: credentials, and who the person is."""
    values = list(vendors.secrets_of(credentials))
    for item in claim.work.ids:
        values += [item.value, claim.connector.as_sent(item.kind, item.value)]
    return tuple(values)


def _before_send(claim: Claim) -> None:
    """The last moment: a worker that was stopped for too long must not send what may no longer be its to send."""
    points.reached(points.BEFORE_SEND, claim.step.name)
    if time.monotonic() - claim.begun > claims.SEND_SECONDS:
        raise RetryLater(
            _("The worker was too slow; nothing was sent. The desk tries again by itself."), code="not_sent"
        )


def _renew(claim: Claim) -> None:
    """A long download keeps its lease, and counts as a sign of life."""
    heartbeat.beat()
    until = clock.now() + claims.LEASE
    mine = SubTask.objects.filter(pk=claim.sub_task.pk, epoch=claim.sub_task.epoch, status=SubTaskStatus.RUNNING)
    if mine.update(lease_until=until):
        Call.objects.filter(pk=claim.call.pk, verdict="").update(lease_until=until)


def _shown(calls: list[Transcript]) -> dict[str, Any]:
    return dataclasses.asdict(calls[0]) if calls else {}
