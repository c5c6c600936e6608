"""Claiming due work of one vendor: the record of a call commits before anything is sent."""

import logging
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet

from compliance import clock
from compliance.audit.behind import behind
from compliance.vault.seal import Unreadable
from erasure import actions, dispatch, lifecycle, planning
from erasure.connectors.base import BadSettings, Connector, Id, Step, Work
from erasure.connectors.http.verdicts import NO_ANSWER
from erasure.lifecycle import lost
from erasure.models import Call, CallSubTask, Case, SubTask, SubTaskIdentifier, Vendor
from erasure.states import CLAIMABLE, Attention, SubTaskStatus, Verdict

from . import attention, claims, follow, heartbeat, pace, points, settle, signing_in, steps
from .claims import Claim, Share
from .signing_in import SignIn

log = logging.getLogger(__name__)

SET_ASIDE_AT_ONCE = 50  # between two signs of life
RUN_SECONDS = 20  # after this a lane hands back and hints again, so that no vendor keeps a worker
MAX_ATTEMPTS = 6  # tries of one step that ended without an answer (crashes and timeouts)
TRIAL_EVERY = timedelta(minutes=10)


def run(vendor_id: str) -> None:
    """Works on a vendor's lane for a bounded time. The queue calls this by its dotted name."""
    vendor = uuid.UUID(vendor_id)
    dispatch.heard(vendor)
    until = time.monotonic() + RUN_SECONDS
    while time.monotonic() < until and not heartbeat.is_ending():
        heartbeat.beat()
        if behind():
            return
        points.reached(points.BEFORE_INTENT)
        claim = next_claim(vendor)
        if claim is None:
            signing_in.leave(vendor)
            return
        heartbeat.beat(claim.call.pk)
        points.reached(points.AFTER_INTENT, claim.step.name)
        if isinstance(claim, SignIn):
            signing_in.settle(claim, signing_in.perform(claim))
            continue
        if claim.more:
            dispatch.wake([vendor])  # another worker may take the next one, as far as the account's pace allows
        came = steps.perform(claim)
        points.reached(points.AFTER_REPLY, claim.step.name)
        settle.settle(claim, came)
        points.reached(points.AFTER_SETTLE, claim.step.name)
    dispatch.wake([vendor])


def next_claim(vendor_id: uuid.UUID) -> Claim | SignIn | None:
    """Claims the next due work of a vendor, or a sign-in that it needs first; None when there is none, or the account
    must not be called now, or nothing may be done at all (`audit.behind`).

    Locks in the order vendor, case, sub-task, as everything does that takes more than one of them."""
    if behind():
        return None
    for _sub_task in range(SET_ASIDE_AT_ONCE):
        with transaction.atomic():
            vendor = Vendor.locked(vendor_id)
            now = clock.now()  # after the wait for the lock: leases count from here
            if not pace.may_call(vendor, now):
                return None
            waiting = list(_gathered(vendor, now).order_by("next_at").values_list("pk", flat=True)[:20])
            first = next((sub_task for pk in waiting for sub_task in _locked(vendor, [pk])), None)
            if first is None:
                return None
            connector, step = _speaks(vendor, first)
            if connector is None or step is None:
                continue
            if first.case.cancelled_at and follow.let_go(first, connector, step, now):
                continue
            if signing_in.is_due(vendor, connector, now):
                return signing_in.claim(vendor, connector, now)
            claim = _claim_or_set_aside(vendor, connector, step, first, now)
        if claim is not None:
            return claim  # else this sub-task was set aside: take the next one
    dispatch.wake([vendor_id])
    return None


# --- what is due ------------------------------------------------------------------------------------------------------


def _due(vendor: Vendor, now: datetime) -> QuerySet[SubTask]:
    due = SubTask.objects.filter(
        lifecycle.goes_on(), vendor=vendor, status__in=CLAIMABLE, next_at__lte=now, case__held_at=None
    )
    return due.exclude(lifecycle.acting_unasked())  # nothing is sent for these: the sweep hands them to a person


def _gathered(vendor: Vendor, now: datetime) -> QuerySet[SubTask]:
    """What is due, without a batch that still gathers: one that is neither full nor has waited long enough."""
    due = _due(vendor, now)
    if not vendor.gather_seconds:
        return due
    try:
        batches = {name: step.batch for name, step in vendor.speaks().steps.items() if step.batch}
    except BadSettings:
        return due
    for name, most in batches.items():
        fresh = Q(step=name, batch_limit=None, next_at__gt=now - timedelta(seconds=vendor.gather_seconds))
        if SubTaskIdentifier.objects.filter(sub_task__in=due.filter(fresh)).count() < most:
            due = due.exclude(fresh)
    return due


def _locked(vendor: Vendor, waiting: list[uuid.UUID]) -> Iterator[SubTask]:
    """These sub-tasks in this order, each with its case locked; what somebody else is changing is passed over."""
    cases = {
        case.pk: case
        for case in Case.locked(skip_locked=True).filter(sub_tasks__in=waiting, held_at=None).order_by("pk")
    }
    rows = SubTask.objects.select_for_update(of=("self",), skip_locked=True).select_related("revision")
    found = {row.pk: row for row in rows.filter(pk__in=waiting, status__in=CLAIMABLE, case__in=cases)}
    for sub_task in (found[pk] for pk in waiting if pk in found):
        sub_task.case, sub_task.vendor = cases[sub_task.case_id], vendor
        yield sub_task


# --- claiming ---------------------------------------------------------------------------------------------------------


def _speaks(vendor: Vendor, sub_task: SubTask) -> tuple[Connector, Step] | tuple[None, None]:
    """The connector and the step of a due sub-task; or sets it aside."""
    try:
        connector = vendor.speaks()
        if step := connector.step(sub_task.step):
            sub_task.step = step.name
            return connector, step
    except BadSettings:
        pass
    attention.set_aside(sub_task, Attention.DEFECT)
    return None, None


def _claim_or_set_aside(
    vendor: Vendor, connector: Connector, step: Step, first: SubTask, now: datetime
) -> Claim | None:
    """One sub-task that cannot be claimed for an error of ours must not hold up the lane."""
    try:
        with transaction.atomic():
            return _claim(vendor, connector, step, first, now)
    except DatabaseError:
        raise
    except Exception as error:
        _blame(SubTask.objects.select_related("case", "vendor").get(pk=first.pk), step, error)
        return None


def _blame(sub_task: SubTask, step: Step, error: Exception) -> None:
    """Sets a sub-task aside for an error of ours. The error's text may hold personal data."""
    log.error("%s could not be claimed: %s in step %s", sub_task, type(error).__name__, step.name)
    attention.set_aside(sub_task, Attention.DEFECT)


def _claim(vendor: Vendor, connector: Connector, step: Step, first: SubTask, now: datetime) -> Claim | None:
    """Turns a locked, due sub-task, and others that share its batch, into a claim. None if it was set aside."""
    work = _sendable(first, connector, step, now)
    if work is None:
        return None
    works = [(first, work)]
    if step.batch:
        works, size = _batch(vendor, connector, step, first, work, now)
        if not works:
            return None
    else:
        size = 1
    call = Call.objects.create(
        vendor=vendor,
        step=step.name,
        writes=step.writes,
        attempt=max(sub_task.attempts for sub_task, _work in works) + 1,
        size=size,
        started_at=now,
        lease_until=now + claims.LEASE,
        host=pace.HOST,
    )
    before = _unanswered(step, works)
    CallSubTask.objects.bulk_create(
        CallSubTask(
            call=call,
            sub_task=sub_task,
            epoch=sub_task.epoch + 1,
            identifiers=[item.ref for item in work.due] if step.batch else [],
        )
        for sub_task, work in works
    )
    shares = []
    for sub_task, work in works:
        earliest, unanswered = before.get(sub_task.pk, (None, None))
        if earliest and unanswered:
            code = unanswered.code
            answered = code not in NO_ANSWER and code not in (follow.WORKER_LOST, lost.RESTORED)
            work = replace(
                work,
                unknown_since=earliest.started_at,
                unknown_at=unanswered.started_at,
                no_answer=not answered,
            )
        shares.append(Share(sub_task, work, _begin(sub_task, step, call, unanswered)))
    if vendor.pause:
        Vendor.objects.filter(pk=vendor.pk).update(trial_at=now + TRIAL_EVERY)
    more = _due(vendor, now).exists()
    return Claim(call, vendor, connector, step, tuple(shares), time.monotonic(), more)


def _sendable(sub_task: SubTask, connector: Connector, step: Step, now: datetime) -> Work | None:
    """What a due sub-task sends; or sets it aside, saying why, and returns None."""
    try:
        if not planning.still_approved(sub_task):
            if sub_task.follows_id:
                lifecycle.not_asked_again(sub_task)
                return None
            attention.set_aside(sub_task, Attention.PLAN_CHANGED)
            return None
        work = planning.work_of(sub_task)
    except Unreadable:
        attention.set_aside(sub_task, Attention.UNREADABLE)
        return None
    if sub_task.case.cancelled_at and lifecycle.stop_unsent(sub_task):
        lifecycle.close_if_ended(sub_task.case)
    elif sub_task.attempts >= MAX_ATTEMPTS:
        attention.set_aside(sub_task, Attention.TOO_MANY_TRIES, resume=step.if_unknown)
    elif (step.polls or step.batch) and sub_task.step_since and now - sub_task.step_since > connector.patience:
        attention.set_aside(sub_task, Attention.TOO_LONG, resume=step.name)
    else:
        return work
    return None


def _batch(
    vendor: Vendor, connector: Connector, step: Step, first: SubTask, work: Work, now: datetime
) -> tuple[list[tuple[SubTask, Work]], int]:
    """Who goes into one call with `first`, each with the identifiers that it carries, and how many distinct ones these
    are: at most as many as the step takes, or as a refusal has left (`SubTask.batch_limit`)."""
    limit = first.batch_limit or step.batch
    carried: set[str] = set()
    works: list[tuple[SubTask, Work]] = []

    def take(sub_task: SubTask, work: Work) -> None:
        due: list[Id] = []
        for item in connector.left(step.name, work):
            sent = connector.as_sent(item.kind, item.value)
            if sent in carried or len(carried) < limit:
                carried.add(sent)
                due.append(item)
        if due:
            works.append((sub_task, replace(work, due=tuple(due))))

    take(first, work)
    if not works:
        attention.set_aside(first, Attention.DEFECT)
        return [], 0
    company = connector.company(work)
    if company == work.ref:  # it keeps to itself
        return works, len(carried)
    others = _due(vendor, now).filter(step=step.name, batch_limit=first.batch_limit).exclude(pk=first.pk)
    waiting = list(others.order_by("next_at").values_list("pk", flat=True)[: 2 * limit])
    while waiting and len(carried) < limit:  # no more cases are locked than may come along
        some, waiting = waiting[: limit - len(carried)], waiting[limit - len(carried) :]
        for sub_task in _locked(vendor, some):
            try:
                other = _sendable(sub_task, connector, step, now)
                if other and connector.company(other) == company:
                    take(sub_task, other)
            except DatabaseError:
                raise
            except Exception as error:  # nobody else is to blame for it
                _blame(sub_task, step, error)
    return works, len(carried)


def _begin(sub_task: SubTask, step: Step, call: Call, unanswered: Call | None) -> dict[str, datetime | None]:
    """Makes a locked sub-task ours, and says so, also that it repeats a call which may have been carried out; returns
    what it had before."""
    now = call.started_at
    before = {"sent_at": sub_task.sent_at, "committed_at": sub_task.committed_at}
    lifecycle.move(
        sub_task,
        SubTaskStatus.RUNNING,
        step=step.name,
        epoch=sub_task.epoch + 1,
        attempts=sub_task.attempts + 1,
        lease_until=call.lease_until,
        sent_at=sub_task.sent_at or (now if step.writes else None),
        committed_at=sub_task.committed_at or (now if step.commits else None),
    )
    if step.writes:
        lifecycle.work_event(
            sub_task, actions.WORK_SENDING, step=step.name, attempt=sub_task.attempts, call=f"call:{call.pk}"
        )
    if unanswered:
        lifecycle.work_event(sub_task, actions.WORK_MAY_REPEAT, step=step.name, call=f"call:{unanswered.pk}")
    return before


def _unanswered(step: Step, works: list[tuple[SubTask, Work]]) -> dict[uuid.UUID, tuple[Call, Call]]:
    """For each sub-task the first and the last call of this step of which it is unknown what came of it for an
    identifier that is now sent again. A later call that was answered for the identifier ends that."""
    if not step.writes:
        return {}
    open_: dict[tuple[uuid.UUID, str], list[Call]] = defaultdict(list)
    rows = CallSubTask.objects.filter(sub_task__in=[sub_task for sub_task, _work in works], call__step=step.name)
    ended = rows.filter(call__verdict__in=[Verdict.OK, Verdict.UNKNOWN]).select_related("call")
    for row in ended.order_by("call__started_at"):
        for ref in row.identifiers or [""]:  # none named: all of the sub-task
            if row.call.verdict == Verdict.OK:
                open_.pop((row.sub_task_id, ref), None)
            else:
                open_[row.sub_task_id, ref].append(row.call)
    found: dict[uuid.UUID, tuple[Call, Call]] = {}
    for sub_task, work in works:
        refs = ("", *(item.ref for item in work.due))
        unknown = [call for ref in refs for call in open_.get((sub_task.pk, ref), ())]
        if unknown:
            unknown.sort(key=lambda call: call.started_at)
            found[sub_task.pk] = unknown[0], unknown[-1]
    return found
