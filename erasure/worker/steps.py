"""Running one step of a connector: one HTTP call, outside every transaction."""

import dataclasses
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from compliance import clock
from compliance.vault.seal import Unreadable
from erasure import vendors
from erasure.connectors.base import BadSettings, Misconfigured, Result, RetryLater, VendorError
from erasure.connectors.http import Http, Transcript
from erasure.evidence import Sink
from erasure.models import Call, SubTask
from erasure.states import SubTaskStatus

from . import heartbeat, points

if TYPE_CHECKING:
    from datetime import timedelta

    from .lanes import Claim

SEND_SECONDS = 30  # from the claim to the last byte of an ordinary reply
log = logging.getLogger(__name__)


@dataclass
class Came:
    """What came of a step: a result, a failure, or (both None) an error in Erasure Desk itself."""

    result: Result | None = None
    failure: VendorError | None = None
    sent: bool = False
    transcript: dict[str, Any] = field(default_factory=dict)
    sinks: list[Sink] = field(default_factory=list)


def perform(claim: "Claim") -> Came:
    """Runs the claimed step. Whatever happens comes back as a value, so that it can be written down."""
    came = Came()
    http: Http | None = None

    def keep(_name: str) -> Sink:
        came.sinks.append(Sink(claim.sub_task.case))
        return came.sinks[-1]

    try:
        headers = claim.connector.headers(claim.vendor.opened_credentials())
        http = Http(
            claim.vendor.base_url,
            vendors.network(),
            headers=headers,
            deadline=max(0.1, SEND_SECONDS - (time.monotonic() - claim.begun)),
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


def _before_send(claim: "Claim") -> None:
    """The last moment: a worker that was stopped for too long must not send what may no longer be its to send."""
    points.reached(points.BEFORE_SEND)
    if time.monotonic() - claim.begun > SEND_SECONDS:
        raise RetryLater(
            _("The worker was too slow; nothing was sent. The desk tries again by itself."), code="not_sent"
        )


def _renew(claim: "Claim") -> None:
    """A long download keeps its lease, and counts as a sign of life."""
    heartbeat.beat()
    until = clock.now() + _lease()
    mine = SubTask.objects.filter(pk=claim.sub_task.pk, epoch=claim.sub_task.epoch, status=SubTaskStatus.RUNNING)
    if mine.update(lease_until=until):
        Call.objects.filter(pk=claim.call.pk, verdict="").update(lease_until=until)


def _lease() -> "timedelta":
    from .lanes import LEASE

    return LEASE


def _shown(calls: list[Transcript]) -> dict[str, Any]:
    return dataclasses.asdict(calls[0]) if calls else {}
