"""Running one step of a connector: one HTTP call, outside every transaction."""

import dataclasses
import hashlib
import logging
import time
from typing import Any

from django.db.models import F
from django.utils.translation import gettext as _

from compliance import clock
from compliance.vault.seal import Unreadable
from erasure import vendors
from erasure.connectors.base import BadSettings, Kept, Misconfigured, Result, RetryLater, VendorError
from erasure.connectors.http import Download, Http, Transcript
from erasure.evidence import Sink
from erasure.models import Call, CallSubTask, SubTask
from erasure.states import SubTaskStatus

from . import claims, heartbeat, points
from .claims import Came, Claim, Share

log = logging.getLogger(__name__)


def perform(claim: Claim) -> Came:
    """Runs the claimed step. Whatever happens comes back as a value, so that it can be written down."""
    came = Came()
    http: Http | None = None
    case = claim.shares[0].sub_task.case

    def keep(_name: str) -> Sink:
        came.sinks.append(Sink(case, claim.call.pk))
        return came.sinks[-1]

    try:
        credentials = vendors.credentials_in_use(claim.vendor)
        http = Http(
            claim.vendor.base_url,
            vendors.network(),
            headers=claim.connector.headers(credentials),
            secrets=_secrets(claim, credentials),
            words=claim.connector.words,
            deadline=max(0.1, claims.SEND_SECONDS - (time.monotonic() - claim.begun)),
            keep=keep,
            on_send=lambda: still_quick(claim.begun, claim.step.name),
            on_progress=lambda: _renew(claim),
        )
        results = claim.connector.run(claim.step.name, [share.work for share in claim.shares], http)
        came.files = {share.work.ref: _files(claim, share, results[share.work.ref], came) for share in claim.shares}
        came.results = results
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
        came.transcript = shown(http.calls)
    return came


def _files(claim: Claim, share: Share, result: Result, came: Came) -> list[tuple[Kept, Sink]]:
    """What the step wants kept for one sub-task, each with the sealed file that it is in by now."""
    downloads = iter(list(came.sinks))  # a download that the step does not keep is discarded
    files: list[tuple[Kept, Sink]] = []
    for item in result.evidence:
        if isinstance(item, Kept):
            files.append((item, next(downloads)))
            continue
        sink = Sink(share.sub_task.case, claim.call.pk)
        came.sinks.append(sink)
        sink.write(item.content)
        written = Download(item.name, len(item.content), hashlib.sha256(item.content).hexdigest(), sink.finish())
        files.append((Kept(written, item.kind, item.keep, item.counts), sink))
    return files


def _secrets(claim: Claim, credentials: Any) -> tuple[str, ...]:
    """What must not stand in a transcript, should a vendor send it back: credentials, and who the people are."""
    return (*vendors.secrets_of(credentials), *claim.private)


def still_quick(begun: float, step: str) -> None:
    """The last moment: a worker that was stopped for too long must not send what may no longer be its to send."""
    points.reached(points.BEFORE_SEND, step)
    if time.monotonic() - begun > claims.SEND_SECONDS:
        raise RetryLater(
            _("The worker was too slow; nothing was sent. The desk tries again by itself."), code="not_sent"
        )


def _renew(claim: Claim) -> None:
    """A long download keeps its lease, and counts as a sign of life."""
    heartbeat.beat(claim.call.pk)
    until = clock.now() + claims.LEASE
    claimed = CallSubTask.objects.filter(call=claim.call, epoch=F("sub_task__epoch"))
    mine = SubTask.objects.filter(claims__in=claimed, status=SubTaskStatus.RUNNING)
    if mine.update(lease_until=until):
        Call.objects.filter(pk=claim.call.pk, verdict="").update(lease_until=until)


def shown(calls: list[Transcript]) -> dict[str, Any]:
    return dataclasses.asdict(calls[0]) if calls else {}
