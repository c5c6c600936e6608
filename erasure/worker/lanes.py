"""Claiming due work of one vendor: the record of a call commits before anything is sent."""

import time
import uuid
from datetime import datetime, timedelta

from django.db import transaction

from compliance import clock
from compliance.vault.seal import Unreadable
from erasure import actions, dispatch, lifecycle, planning
from erasure.connectors.base import BadSettings
from erasure.models import Call, CallSubTask, Case, SubTask, Vendor
from erasure.states import CLAIMABLE, Attention, CaseStatus, Pause, SubTaskStatus

from . import claims, heartbeat, points, settle, steps
from .claims import Claim

RUN_SECONDS = 20  # after this a lane hands back and hints again, so that no vendor keeps a worker
MAX_ATTEMPTS = 6  # tries of one step that ended without an answer (crashes and timeouts)
TRIAL_EVERY = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)


def run(vendor_id: str) -> None:
    """Works on a vendor's lane for a bounded time. The queue calls this by its dotted name."""
    vendor = uuid.UUID(vendor_id)
    dispatch.heard(vendor)
    until = time.monotonic() + RUN_SECONDS
    while time.monotonic() < until:
        heartbeat.beat()
        points.reached(points.BEFORE_INTENT)
        claim = next_claim(vendor)
        if claim is None:
            return
        points.reached(points.AFTER_INTENT, claim.step.name)
        if claim.more:
            dispatch.wake([vendor])  # another worker may take the next one, as far as the account's pace allows
        came = steps.perform(claim)
        points.reached(points.AFTER_REPLY, claim.step.name)
        settle.settle(claim, came)
        points.reached(points.AFTER_SETTLE, claim.step.name)
    dispatch.wake([vendor])


def next_claim(vendor_id: uuid.UUID) -> Claim | None:
    """Claims the next due sub-task of a vendor, or None when there is none or the account must not be called now.

    Locks in the order vendor, case, sub-task, as everything does that takes more than one of them."""
    while True:
        with transaction.atomic():
            now = clock.now()
            vendor = Vendor.locked(vendor_id)
            if not _may_call(vendor, now):
                return None
            sub_task, more = _next_due(vendor, now)
            if sub_task is None:
                return None
            claim = _claim(vendor, sub_task, now, more=more)
        if claim is not None:
            return claim  # else this sub-task was set aside: take the next one


def _may_call(vendor: Vendor, now: datetime) -> bool:
    """Pace, pause and Retry-After of the account. A paused account gets one trial call at a time."""
    if not vendor.enabled or (vendor.not_before and vendor.not_before > now):
        return False
    under_way = Call.objects.filter(vendor=vendor, verdict="", lease_until__gt=now).count()
    on_trial = vendor.trial_at and vendor.trial_at <= now and not under_way
    if vendor.pause and (vendor.pause == Pause.BY_HAND or not on_trial):
        return False
    lately = Call.objects.filter(vendor=vendor, started_at__gt=now - MINUTE).count()
    return lately < vendor.calls_per_minute and under_way < vendor.parallel_calls


def _next_due(vendor: Vendor, now: datetime) -> tuple[SubTask | None, bool]:
    """The sub-task that has waited longest, its case locked, and whether there are more; cases that somebody else is
    changing are passed over."""
    due = SubTask.objects.filter(
        vendor=vendor, status__in=CLAIMABLE, next_at__lte=now, case__held_at=None, case__status=CaseStatus.IN_PROGRESS
    )
    waiting = list(due.order_by("next_at").values_list("pk", "case_id")[:20])
    for pk, case_id in waiting:
        case = Case.locked(skip_locked=True).filter(pk=case_id, held_at=None).first()
        sub_task = (
            SubTask.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(pk=pk, status__in=CLAIMABLE, next_at__lte=now)
            .select_related("revision")
            .first()
        )
        if case and sub_task:
            sub_task.case, sub_task.vendor = case, vendor
            return sub_task, len(waiting) > 1
    return None, False


def _claim(vendor: Vendor, sub_task: SubTask, now: datetime, *, more: bool) -> Claim | None:
    """Turns a locked, due sub-task into a claim; or sets it aside, saying why, and returns None."""
    try:
        connector = vendor.speaks()
        sub_task.step = connector.renamed.get(sub_task.step, sub_task.step)
        step = connector.steps[sub_task.step]
        if not planning.still_approved(sub_task):
            settle.set_aside(sub_task, Attention.PLAN_CHANGED)
            return None
        work = planning.work_of(sub_task)
    except (BadSettings, KeyError):
        settle.set_aside(sub_task, Attention.DEFECT)
        return None
    except Unreadable:
        settle.set_aside(sub_task, Attention.UNREADABLE)
        return None
    if sub_task.case.cancelled_at and lifecycle.stop_unsent(sub_task):
        lifecycle.close_if_ended(sub_task.case)
        return None
    if sub_task.attempts >= MAX_ATTEMPTS:
        settle.set_aside(sub_task, Attention.TOO_MANY_TRIES, resume=step.if_unknown)
        return None
    if step.polls and sub_task.step_since and now - sub_task.step_since > connector.patience:
        settle.set_aside(sub_task, Attention.TOO_LONG, resume=step.name)
        return None

    before = {"sent_at": sub_task.sent_at, "committed_at": sub_task.committed_at}
    sub_task.attempts += 1
    call = Call.objects.create(
        vendor=vendor,
        step=step.name,
        writes=step.writes,
        attempt=sub_task.attempts,
        started_at=now,
        lease_until=now + claims.LEASE,
    )
    CallSubTask.objects.create(call=call, sub_task=sub_task, epoch=sub_task.epoch + 1)
    lifecycle.move(
        sub_task,
        SubTaskStatus.RUNNING,
        step=step.name,
        epoch=sub_task.epoch + 1,
        attempts=sub_task.attempts,
        lease_until=call.lease_until,
        sent_at=sub_task.sent_at or (now if step.writes else None),
        committed_at=sub_task.committed_at or (now if step.commits else None),
    )
    if step.writes:
        lifecycle.work_event(
            sub_task, actions.WORK_SENDING, step=step.name, attempt=sub_task.attempts, call=f"call:{call.pk}"
        )
    if vendor.pause:
        Vendor.objects.filter(pk=vendor.pk).update(trial_at=now + TRIAL_EVERY)
    return Claim(call, vendor, connector, step, sub_task, work, before, time.monotonic(), more)
