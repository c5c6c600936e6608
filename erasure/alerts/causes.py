"""What deserves an alert, as the database tells it now. Whatever stops many cases for one reason is one cause."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from compliance.audit.models import PendingEvent
from erasure import lifecycle, vendors
from erasure.models import Call, Case, Escalation, Letter, SubTask, Vendor
from erasure.states import CLAIMABLE, CaseStatus, MailState, SubTaskStatus, Trouble

#: Far beyond what a busy desk needs to take up what is due, or to seal an event.
STALLED_AFTER = timedelta(minutes=10)
UNSEALED_AFTER = timedelta(minutes=10)


@dataclass(frozen=True)
class Cause:
    """`count`: how much work it stops; of unsealed events, how many."""

    kind: Trouble
    count: int
    vendor: Vendor | None = None
    code: str = ""

    @property
    def name(self) -> str:
        return ":".join((self.kind, str(self.vendor.pk) if self.vendor else "", self.code))


def now_wrong(now: datetime) -> list[Cause]:
    """Every cause there is, each once."""
    accounts = {vendor.pk: vendor for vendor in Vendor.objects.defer("credentials_sealed", "token_sealed")}
    return [
        *_paused(accounts.values()),
        *_asking(accounts),
        *_stalled(accounts.values(), now),
        *_unsealed(now),
        *_letters(),
        *_nobody(),
    ]


def asking() -> QuerySet[SubTask]:
    """The work that needs attention."""
    return SubTask.objects.filter(lifecycle.goes_on(), status=SubTaskStatus.NEEDS_ATTENTION)


def _paused(accounts: Iterable[Vendor]) -> Iterator[Cause]:
    """Accounts that have paused themselves. Who paused one by hand knows it."""
    for vendor in accounts:
        if vendor.enabled and vendor.pause in vendors.SELF_MADE:
            yield Cause(Trouble.PAUSED, _waiting(vendor).count(), vendor, vendor.pause)


def _asking(accounts: Mapping[UUID, Vendor]) -> Iterator[Cause]:
    for pk, code, count in asking().order_by().values_list("vendor", "attention_code").annotate(Count("pk")):
        yield Cause(Trouble.ATTENTION, count, accounts[pk], code)


def _stalled(accounts: Iterable[Vendor], now: datetime) -> Iterator[Cause]:
    if late := stalled(now, accounts):
        yield Cause(Trouble.STALLED, late)


def stalled(now: datetime, accounts: Iterable[Vendor] | None = None) -> int:
    """How much work is due with accounts that may be called, and no worker of any host calls: as much as can be known
    here of workers that are gone. `accounts`: all of them, where somebody has them already."""
    late = 0
    if accounts is None:
        accounts = Vendor.objects.filter(enabled=True).defer("credentials_sealed", "token_sealed")
    for vendor in accounts:
        since = now - STALLED_AFTER
        if not vendor.enabled or vendor.pause or vendor.left_alone_until(since):
            continue
        called = Q(started_at__gt=since) | Q(verdict="", lease_until__gt=now)  # a download may take as long
        if not Call.objects.filter(called, vendor=vendor).exists():
            due = _waiting(vendor).filter(next_at__lte=since - timedelta(seconds=vendor.gather_seconds))
            late += due.exclude(lifecycle.acting_unasked()).count()
    return late


def _unsealed(now: datetime) -> Iterator[Cause]:
    if count := PendingEvent.objects.filter(event__at__lt=now - UNSEALED_AFTER).count():
        yield Cause(Trouble.UNSEALED, count)


def unsent() -> QuerySet[Letter]:
    """Letters whose e-mail waits for somebody to decide: not sent, or perhaps sent."""
    return Letter.objects.filter(mail__in=(MailState.UNKNOWN, MailState.FAILED), case__shredded_at=None)


def _letters() -> Iterator[Cause]:
    if count := unsent().count():
        yield Cause(Trouble.LETTERS, count)


def _nobody() -> Iterator[Cause]:
    """Cases that were escalated, and nobody who is here may go on with them."""
    owing = Case.objects.filter(Case.unanswered())
    if count := Escalation.objects.filter(nobody=True, ended_at=None, case__in=owing).count():
        yield Cause(Trouble.ESCALATED, count)


def _waiting(vendor: Vendor) -> QuerySet[SubTask]:
    return SubTask.objects.filter(
        vendor=vendor, status__in=CLAIMABLE, case__held_at=None, case__status=CaseStatus.IN_PROGRESS
    )
