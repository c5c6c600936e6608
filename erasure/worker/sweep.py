"""Making up for what was lost. The supervisor ticks this every second or two; each part is safe to run at any time, by
any number of hosts."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet

from compliance import clock
from compliance.staff.models import IdempotentReply
from erasure import (
    dispatch,
    evidence,
    forecast,
    imports,
    lead_times,
    lifecycle,
    reminders,
    retention,
    suppression,
    vendors,
)
from erasure.models import BulkJob, Call, Case, SubTask, Vendor
from erasure.states import (
    CLAIMABLE,
    ENDED,
    Attention,
    BulkStatus,
    CaseStatus,
    IdentifierState,
    Pause,
    RevisionStatus,
    SubTaskStatus,
)

from . import attention, follow, pace, settle

log = logging.getLogger(__name__)
SLOW = timedelta(minutes=5)
AT_ONCE = 200  # of each kind in one tick
KEEP_REPLIES = timedelta(days=7)  # answers to an Idempotency-Key


def tick() -> None:
    """Settles calls whose worker is gone, wakes lanes that have due work and running bulk work, and now and then looks
    after the rest."""
    now = clock.now()
    for call in Call.objects.filter(verdict="", lease_until__lt=now).order_by("lease_until")[:AT_ONCE]:
        try:
            settle.abandon(call)
        except DatabaseError:
            raise
        except Exception as error:  # one call that cannot be settled must not hold up the others
            log.error("call %s could not be settled: %s", call.pk, type(error).__name__)
    hand_over(now)
    ask_for_confirmations(now)
    wake_due_lanes(now)
    dispatch.wake_bulk(BulkJob.objects.filter(status=BulkStatus.RUNNING).values_list("pk", flat=True))
    imports.wake_still(now)
    suppression.keep_due()
    retention.sweep()
    if cache.add("sweep:slow", True, timeout=SLOW.total_seconds()):
        close_ended_cases()
        lifecycle.move_standing()
        lifecycle.lift_untold()
        lead_times.measure()
        forecast.look_ahead()
        reminders.escalate()
        ask_about_unreachable(now)
        retention.give_dates()
        evidence.expire_due(now)
        evidence.remove_strays(now)
        imports.expire(now)
        suppression.forget(now)
        retention.wipe()
        IdempotentReply.forget(now - KEEP_REPLIES)


def wake_due_lanes(now: datetime) -> None:
    """A hint for each lane that has due work and an account that may be called."""
    may_run = Q(vendor__pause="") | (~Q(vendor__pause=Pause.BY_HAND) & Q(vendor__trial_at__lte=now))
    due = SubTask.objects.filter(
        may_run,
        lifecycle.goes_on(),
        Q(vendor__not_before=None) | Q(vendor__not_before__lte=now),
        Q(vendor__quota_until=None) | Q(vendor__quota_until__lte=now),
        status__in=CLAIMABLE,
        next_at__lte=now,
        vendor__enabled=True,
        case__held_at=None,
    )
    dispatch.wake(due.order_by().values_list("vendor_id", flat=True).distinct())


def hand_over(now: datetime) -> None:
    """Work of which a vendor says nothing more goes to a person when its time has come, in whatever state the account
    is."""
    _each(
        SubTask.objects.filter(
            lifecycle.acting_unasked(), next_at__lte=now, case__held_at=None, case__status=CaseStatus.IN_PROGRESS
        ),
        lambda sub_task: follow.ask_a_person(sub_task, now),
    )


def ask_for_confirmations(now: datetime) -> None:
    """Work that nobody has confirmed by hand in the time that there was for it needs attention."""
    _each(
        SubTask.objects.filter(status=SubTaskStatus.AWAITING_ATTESTATION, next_at__lte=now),
        lambda late: attention.set_aside(late, Attention.NOT_CONFIRMED, resume=late.resume_step),
    )


def ask_about_unreachable(now: datetime) -> None:
    """Work that was due for days while its account's calls or sign-ins only failed needs attention."""
    _each(
        SubTask.objects.filter(
            status=SubTaskStatus.READY,
            next_at__lte=now,
            step_since__lt=now - follow.PATIENCE,
            vendor__failures__gte=pace.FAILURES_TO_PAUSE,
            case__held_at=None,
        ),
        lambda late: attention.set_aside(late, Attention.UNREACHABLE, resume=late.step),
    )


def _each(found: QuerySet[SubTask], do: Callable[[SubTask], None]) -> None:
    """Does something with each of these sub-tasks, under its case's lock, if it is one of them by then. One that cannot
    be dealt with must not hold up the others."""
    for pk, case_id in found.values_list("pk", "case_id")[:AT_ONCE]:
        try:
            with transaction.atomic():
                case = Case.locked().get(pk=case_id)
                if sub_task := found.select_related("vendor", "revision").filter(pk=pk).first():
                    sub_task.case = case
                    do(sub_task)
        except DatabaseError:
            raise
        except Exception as error:
            log.error("sub_task:%s could not be dealt with: %s", pk, type(error).__name__)


def try_paused_accounts() -> None:
    """After a start, which may have come with corrected settings: a trial call for each account that paused itself.
    Starts that follow each other closely try none again."""
    now = clock.now()
    paused = Vendor.objects.filter(pause__in=vendors.SELF_MADE)
    paused.exclude(calls__started_at__gt=now - pace.TRIAL_AFTER_FAILURES).update(trial_at=now)


def close_ended_cases() -> None:
    """Cases whose vendors have all ended, should a crash have come between."""
    running = Case.objects.filter(status=CaseStatus.IN_PROGRESS)
    running = running.exclude(identifiers__state=IdentifierState.PROPOSED).exclude(
        revisions__status=RevisionStatus.OPEN
    )
    for case in running.exclude(sub_tasks__in=SubTask.objects.filter(follows=None).exclude(status__in=ENDED))[:100]:
        with transaction.atomic():
            lifecycle.close_if_ended(Case.locked().get(pk=case.pk))
