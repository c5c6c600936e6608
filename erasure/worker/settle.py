"""Writing down what came of a call, in one transaction, and only if the claim still holds (fencing).

Three verdicts: `ok`, `failed` (nothing was done), `unknown` (it may have been done). Unknown is never retried blindly:
a sub-task goes to the step that its connector names, and the trail names a possible duplicate.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from compliance import clock
from erasure import actions, dispatch, lifecycle, vendors
from erasure.connectors.base import BadSettings, BrokenReply, Misconfigured, OutcomeUnknown, Refused, RetryLater, Step
from erasure.connectors.http.verdicts import REFUSED_BY_VENDOR
from erasure.models import Call, CallCount, Case, SubTask, Vendor
from erasure.states import Attention, Pause, SubTaskStatus, Verdict

from . import attention, follow, numbers, pace, signing_in
from .claims import Came, Claim


def settle(claim: Claim, came: Came) -> None:
    """Settles a call by its own worker."""
    kept: set[Any] = set()
    try:
        with transaction.atomic():
            now = clock.now()
            vendor, cases = _lock(claim.vendor.pk, [share.sub_task.case_id for share in claim.shares])
            if came.results is not None and (broken := numbers.foreign(claim, came.results)):
                came.results, came.failure = None, broken
            verdict, code = _verdict(claim.step, came)
            in_time = _close_call(vendor, claim.call.pk, verdict, code, came.transcript, sent=came.sent)
            if in_time:
                _account(vendor, claim, came, now)
            sub_tasks = _mine(cases, {share.sub_task.pk: share.sub_task.epoch for share in claim.shares}, in_time)
            for share in claim.shares:
                sub_task, result = sub_tasks[share.sub_task.pk], (came.results or {}).get(share.work.ref)
                if not in_time or sub_task.case.shredded_at:
                    lifecycle.work_event(
                        sub_task, actions.WORK_LATE, step=claim.step.name, call=f"call:{claim.call.pk}"
                    )
                elif result is not None:
                    kept |= follow.answered(sub_task, claim, share, came, result, now)
                else:
                    follow.failed(sub_task, claim, share, came, verdict, code, now)
            if in_time:
                for case in cases.values():
                    lifecycle.close_if_ended(case)
    except BaseException:
        for sink in came.sinks:
            sink.drop()  # the database may be away: no question to it must hide what went wrong
        raise
    for sink in came.sinks:
        if sink.evidence_id not in kept:
            sink.discard()


def abandon(call: Call) -> None:
    """Settles a call whose worker let the lease run out. What it wrote may have been done."""
    with transaction.atomic():
        claimed = list(call.claims.values_list("sub_task_id", "sub_task__case_id", "epoch"))
        vendor, cases = _lock(call.vendor_id, [case for _sub_task, case, _epoch in claimed])
        now = clock.now()
        if not _close_call(vendor, call.pk, Verdict.UNKNOWN, follow.WORKER_LOST, call.transcript, expired_at=now):
            return
        try:
            step = vendor.speaks().step(call.step)
        except BadSettings:
            step = None
        if call.step == signing_in.STEP.name:
            pace.count_failure(vendor, _("Signing in took too long, or the worker was lost."), now)
        sub_tasks = _mine(cases, {sub_task: epoch for sub_task, _case, epoch in claimed}, True)
        for sub_task in sub_tasks.values():
            if sub_task.case.shredded_at:
                continue
            if step is None:
                attention.set_aside(sub_task, Attention.DEFECT)
            else:
                follow.unanswered(sub_task, step, follow.WORKER_LOST, call, now)
        for case in cases.values():
            lifecycle.close_if_ended(case)
        dispatch.wake([vendor.pk])


# --- what came of it --------------------------------------------------------------------------------------------------


def _verdict(step: Step, came: Came) -> tuple[Verdict, str]:
    failure = came.failure
    if came.results is not None:
        return Verdict.OK, ""
    if failure is None:
        return (Verdict.UNKNOWN if step.writes and came.sent else Verdict.FAILED), Attention.DEFECT
    if isinstance(failure, OutcomeUnknown) or (isinstance(failure, BrokenReply) and step.writes):
        return Verdict.UNKNOWN, failure.code
    return Verdict.FAILED, failure.code


def _account(vendor: Vendor, claim: Claim, came: Came, now: datetime) -> None:
    """What a call means for the whole account, once however many sub-tasks it carried."""
    failure = came.failure
    if not came.sent and vendor.quota_until:
        vendor.quota_until = None  # this one is not counted after all
        vendor.save(update_fields=["quota_until"])
    if came.results is not None:
        pace.count_success(vendor)
    elif isinstance(failure, Misconfigured):
        changed = claim.vendor.token_number != vendor.token_number  # another token, or the account was corrected
        if changed or _token_refused(vendor, claim, came):
            return
        trial_at = now + vendors.TRIAL_AFTER_CREDENTIALS
        vendors.pause(vendor, Pause.CREDENTIALS, failure.text, now, trial_at=trial_at)
    elif isinstance(failure, RetryLater) and (failure.code == "asked_to_wait" or failure.after):
        vendor.not_before = now + (failure.after or pace.backoff(claim.shares[0].sub_task.polls, claim.call))
        vendor.save(update_fields=["not_before"])
    elif isinstance(failure, RetryLater | OutcomeUnknown):
        pace.count_failure(vendor, failure.text, now)
    elif isinstance(failure, Refused) and failure.code == REFUSED_BY_VENDOR and claim.call.size > 1:
        pace.count_failure(vendor, failure.text, now)  # a vendor that refuses every batch is set up wrongly


def _token_refused(vendor: Vendor, claim: Claim, came: Came) -> bool:
    """A 401 to a call with a token: once, another token is fetched and the work is tried again. The one that was
    refused may have run out, or a later sign-in may have disabled it."""
    if not claim.vendor.token_sealed or came.transcript.get("status") != 401:
        return False
    if vendor.token_sealed is None:
        return True  # another call has found out before
    vendors.drop_token(vendor)
    vendor.token_refusals += 1
    vendor.save(update_fields=["token_refusals"])
    return vendor.token_refusals == 1


# --- locks and fences -------------------------------------------------------------------------------------------------


def _lock(vendor_id: UUID, case_ids: Iterable[UUID]) -> tuple[Vendor, dict[UUID, Case]]:
    """Vendor, then cases in the order of their ids: the order of every transaction that takes more than one."""
    vendor = Vendor.locked(vendor_id)
    return vendor, {case.pk: case for case in Case.locked().filter(pk__in=set(case_ids)).order_by("pk")}


def _mine(cases: dict[UUID, Case], epochs: dict[UUID, int], in_time: bool) -> dict[UUID, SubTask]:
    """The sub-tasks as they stand, under their cases' locks; in time, they must be as they were claimed. A restore that
    destroyed the personal data of a case again has stopped its work, whatever was under way."""
    found = SubTask.objects.select_related("vendor", "revision").in_bulk(epochs)
    for pk, epoch in epochs.items():
        sub_task = found[pk]
        sub_task.case = cases[sub_task.case_id]
        going = in_time and not sub_task.case.shredded_at
        if going and (sub_task.epoch, sub_task.status) != (epoch, SubTaskStatus.RUNNING):
            raise RuntimeError(f"{sub_task} is not as it was claimed")
    return found


def _close_call(
    vendor: Vendor,
    call_id: UUID,
    verdict: Verdict,
    code: str,
    transcript: Any,
    *,
    sent: bool = True,
    expired_at: datetime | None = None,
) -> bool:
    """The conditional update that makes a call's end happen once. False: somebody else has ended it."""
    found = Call.objects.filter(pk=call_id, verdict="")
    if expired_at is not None:
        found = found.filter(lease_until__lt=expired_at)
    ended = {"verdict": verdict, "code": code[:40], "finished_at": clock.now(), "transcript": transcript}
    if not found.update(**ended, **({} if sent else {"counts": False})):
        return False
    CallCount.add(vendor, verdict)
    return True
