"""Making up for what was lost. The supervisor ticks this every second or two; each part is safe to run at any time, by
any number of hosts."""

import logging
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.db.models import Q

from compliance import clock
from compliance.staff.models import IdempotentReply
from erasure import dispatch, evidence, lifecycle
from erasure.models import Call, Case, SubTask, Vendor
from erasure.states import CLAIMABLE, ENDED, CaseStatus, Pause

from . import settle

log = logging.getLogger(__name__)
SLOW = timedelta(minutes=5)
KEEP_REPLIES = timedelta(days=7)  # answers to an Idempotency-Key


def tick() -> None:
    """Settles calls whose worker is gone, wakes lanes that have due work, and now and then looks after the rest."""
    now = clock.now()
    for call in Call.objects.filter(verdict="", lease_until__lt=now).order_by("lease_until")[:200]:
        try:
            settle.abandon(call)
        except DatabaseError:
            raise
        except Exception as error:  # one call that cannot be settled must not hold up the others
            log.error("call %s could not be settled: %s", call.pk, type(error).__name__)
    wake_due_lanes(now)
    if cache.add("sweep:slow", True, timeout=SLOW.total_seconds()):
        close_ended_cases()
        evidence.expire_due(now)
        evidence.remove_strays(now)
        IdempotentReply.forget(now - KEEP_REPLIES)


def wake_due_lanes(now: datetime) -> None:
    """A hint for each lane that has due work and an account that may be called."""
    may_run = Q(vendor__pause="") | (~Q(vendor__pause=Pause.BY_HAND) & Q(vendor__trial_at__lte=now))
    due = SubTask.objects.filter(
        may_run,
        Q(vendor__not_before=None) | Q(vendor__not_before__lte=now),
        status__in=CLAIMABLE,
        next_at__lte=now,
        vendor__enabled=True,
        case__held_at=None,
        case__status=CaseStatus.IN_PROGRESS,
    )
    dispatch.wake(due.order_by().values_list("vendor_id", flat=True).distinct())


def try_paused_accounts() -> None:
    """After a start, which may have come with corrected settings: a trial call for each account that paused itself."""
    Vendor.objects.filter(pause__in=[Pause.CREDENTIALS, Pause.FAILURES]).update(trial_at=clock.now())


def close_ended_cases() -> None:
    """Cases whose vendors have all ended, should a crash have come between."""
    running = Case.objects.filter(status=CaseStatus.IN_PROGRESS)
    for case in running.exclude(sub_tasks__in=SubTask.objects.exclude(status__in=ENDED))[:100]:
        with transaction.atomic():
            lifecycle.close_if_ended(Case.locked().get(pk=case.pk))
