"""Writing down what came of a call, in one transaction, and only if the claim still holds (fencing).

Three verdicts: `ok`, `failed` (nothing was done), `unknown` (it may have been done). Unknown is never retried blindly:
the sub-task goes to the step that its connector names, and the trail names a possible duplicate.
"""

import random
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from compliance import clock
from erasure import actions, dispatch, evidence, lifecycle, vendors
from erasure.connectors.base import (
    BadSettings,
    BrokenReply,
    Finish,
    Go,
    HandOver,
    Misconfigured,
    OutcomeUnknown,
    Refused,
    Result,
    RetryLater,
    Said,
    Stay,
    Step,
)
from erasure.models import Call, Case, SubTask, Vendor
from erasure.states import Assurance, Attention, Outcome, Pause, SubTaskStatus, Verdict

from .claims import Came, Claim

FAILURES_TO_PAUSE = 5
MAX_UNKNOWNS = 8
PATIENCE = timedelta(days=3)  # a vendor that cannot be reached for longer than this needs attention
FIRST_RETRY, LONGEST_RETRY = 5.0, 3600.0  # seconds
TRIAL_AFTER_FAILURES = timedelta(minutes=1)


def settle(claim: Claim, came: Came) -> None:
    """Settles a call by its own worker."""
    try:
        with transaction.atomic():
            vendor = _lock(claim.vendor.pk, claim.sub_task.case_id)
            verdict, code = _verdict(claim.step, came)
            if not _close_call(claim.call.pk, verdict, code, came.transcript):
                sub_task = _mine(claim.sub_task.pk, None)
                lifecycle.work_event(sub_task, actions.WORK_LATE, step=claim.step.name, call=f"call:{claim.call.pk}")
                kept: set[Any] = set()
            else:
                sub_task = _mine(claim.sub_task.pk, claim.sub_task.epoch)
                kept = _apply(sub_task, claim, came, vendor, verdict, code)
                lifecycle.close_if_ended(sub_task.case)
    except BaseException:
        _discard(came, set())
        raise
    _discard(came, kept)


def abandon(call: Call) -> None:
    """Settles a call whose worker let the lease run out. What it wrote may have been done."""
    with transaction.atomic():
        sub_task_id, case_id, epoch = call.claims.values_list("sub_task_id", "sub_task__case_id", "epoch").get()
        vendor = _lock(call.vendor_id, case_id)
        if not _close_call(call.pk, Verdict.UNKNOWN, "worker_lost", call.transcript, expired_at=clock.now()):
            return
        sub_task = _mine(sub_task_id, epoch)
        try:
            connector = vendor.speaks()
            step = connector.steps[connector.renamed.get(call.step, call.step)]
        except (BadSettings, KeyError):
            _attention(sub_task, Attention.DEFECT, ATTENTION_TEXTS[Attention.DEFECT](), sub_task.step)
        else:
            _unknown(sub_task, step, "worker_lost", call)
        lifecycle.close_if_ended(sub_task.case)
        dispatch.wake([vendor.pk])


def set_aside(sub_task: SubTask, code: Attention, *, resume: str = "") -> None:
    """A due sub-task that cannot be sent: it needs attention, and says what a person can do."""
    _attention(sub_task, code, ATTENTION_TEXTS[code](), resume)


#: What staff read. Each says what happened, whether anything was done, and what to do.
ATTENTION_TEXTS = {
    Attention.PLAN_CHANGED: lambda: _(
        "What would be sent next is not what was approved: identifiers, the vendor's address or an option changed "
        "after the approval. Nothing more was sent; what was sent before stands. Undo the change and try again, or "
        "give this work up and open a new case."
    ),
    Attention.TOO_MANY_TRIES: lambda: _(
        "Several tries of this step ended without an answer. If it changes something at the vendor, it may have been "
        "done more than once; the trail names each try. Look at the vendor's own screen, then try again or confirm by "
        "hand."
    ),
    Attention.TOO_LONG: lambda: _(
        "The vendor has not finished in the time it should need. What was sent stands. Ask the vendor, then try again "
        "(the desk goes on asking) or confirm by hand."
    ),
    Attention.UNREADABLE: lambda: _(
        "The sealed identifiers could not be opened, so nothing was sent. Check the key ring (KEY_RING), then try "
        "again."
    ),
    Attention.DEFECT: lambda: _(
        "Erasure Desk itself failed at this step. If the step writes, it may have been done. The log has the call's "
        "number; look at the vendor's screen before you try again."
    ),
}


# --- what came of it --------------------------------------------------------------------------------------------------


def _verdict(step: Step, came: Came) -> tuple[Verdict, str]:
    failure = came.failure
    if came.result is not None:
        return Verdict.OK, ""
    if failure is None:
        return (Verdict.UNKNOWN if step.writes and came.sent else Verdict.FAILED), Attention.DEFECT
    if isinstance(failure, OutcomeUnknown) or (isinstance(failure, BrokenReply) and step.writes):
        return Verdict.UNKNOWN, failure.code
    return Verdict.FAILED, failure.code


def _apply(sub_task: SubTask, claim: Claim, came: Came, vendor: Vendor, verdict: Verdict, code: str) -> set[Any]:
    """Moves the sub-task on; returns the ids of evidence that was kept."""
    now, failure = clock.now(), came.failure
    if came.result is not None:
        if vendor.pause in (Pause.FAILURES, Pause.CREDENTIALS):
            vendors.resume(vendor)
        elif vendor.failures:
            vendor.failures = 0
            vendor.save(update_fields=["failures"])
        return _go_on(sub_task, claim, came, came.result, now)
    if verdict == Verdict.FAILED and claim.step.writes:
        # A case that is cancelled now has sent nothing by this call.
        SubTask.objects.filter(pk=sub_task.pk).update(**claim.before)
        lifecycle.work_event(
            sub_task, actions.WORK_NOT_DONE, step=claim.step.name, code=code, call=f"call:{claim.call.pk}"
        )
    if isinstance(failure, OutcomeUnknown) and claim.step.writes:
        _count_failure(vendor, failure.text, now)
        _unknown(sub_task, claim.step, code, claim.call)
    elif isinstance(failure, RetryLater | OutcomeUnknown):
        _retry_later(sub_task, claim, failure, vendor, now)
    elif isinstance(failure, Misconfigured):
        if vendor.pause != Pause.BY_HAND:
            vendors.pause(vendor, Pause.CREDENTIALS, failure.text, now, trial_at=now + vendors.TRIAL_AFTER_CREDENTIALS)
        _again(sub_task, claim.step.name, now, attempts=0)
    elif isinstance(failure, Refused | BrokenReply):
        if isinstance(failure, Refused):
            sub_task.identifiers.filter(outcome=Outcome.PENDING).update(outcome=Outcome.REFUSED)
        _attention(sub_task, failure.code, failure.text, claim.step.if_unknown)
    else:
        text = ATTENTION_TEXTS[Attention.DEFECT]()
        _attention(sub_task, Attention.DEFECT, text, claim.step.if_unknown)
    return set()


def _retry_later(
    sub_task: SubTask, claim: Claim, failure: RetryLater | OutcomeUnknown, vendor: Vendor, now: datetime
) -> None:
    """Nothing was done, or the step only reads: it is run again, for as long as the desk has patience."""
    after = getattr(failure, "after", None)
    wait = after or timedelta(seconds=_backoff(sub_task.polls))
    if failure.code == "asked_to_wait" or after:
        vendor.not_before = now + wait
        vendor.save(update_fields=["not_before"])
    else:
        _count_failure(vendor, failure.text, now)
    if sub_task.step_since and now - sub_task.step_since > PATIENCE + claim.connector.patience * claim.step.polls:
        _attention(sub_task, failure.code, failure.text, claim.step.name)
    else:
        _again(sub_task, claim.step.name, now + wait, attempts=0, polls=sub_task.polls + 1)


def _go_on(sub_task: SubTask, claim: Claim, came: Came, result: Result, now: datetime) -> set[Any]:
    kept = _take_in(sub_task, claim, came, result, now)
    step = claim.step
    match result:
        case Finish() if sub_task.identifiers.filter(outcome=Outcome.PENDING).exists():
            _attention(sub_task, Attention.DEFECT, ATTENTION_TEXTS[Attention.DEFECT](), step.if_unknown)
        case Finish():
            _finish(sub_task)
        case HandOver(to="attestation"):
            text = result.note[:600]
            lifecycle.move(
                sub_task, SubTaskStatus.AWAITING_ATTESTATION, attention_text=text, lease_until=None, next_at=None
            )
            lifecycle.work_event(sub_task, actions.WORK_HANDED_OVER)
        case HandOver():
            _attention(sub_task, result.code, result.note, result.then or step.if_unknown)
        case Go():
            target = claim.connector.steps[result.step]
            wait = timedelta(seconds=_pace(claim.vendor, 0) if target.polls else 0)
            if result.after is not None:
                wait = result.after
            _again(sub_task, target.name, now + wait, attempts=0, polls=0, step_since=now, waits=bool(wait))
            lifecycle.work_event(sub_task, actions.WORK_WENT_ON, step=step.name, next_step=target.name)
            if sub_task.case.cancelled_at:
                lifecycle.stop_unsent(sub_task)
        case Stay():
            if result.after is None:
                sub_task.polls += 1
                wait = timedelta(seconds=_pace(claim.vendor, sub_task.polls))
            else:
                wait = result.after
            _again(sub_task, step.name, now + wait, attempts=0, polls=sub_task.polls, waits=True)
            if sub_task.case.cancelled_at:
                lifecycle.stop_unsent(sub_task)
        case _:
            _attention(sub_task, Attention.DEFECT, ATTENTION_TEXTS[Attention.DEFECT](), step.if_unknown)
    return kept


def _take_in(sub_task: SubTask, claim: Claim, came: Came, result: Result, now: datetime) -> set[Any]:
    """What every result may carry beside the way on."""
    memory = {**claim.work.memory, **result.remember}
    sub_task.seal("memory", {name: value for name, value in memory.items() if value is not None} or None)
    private = [text for item in claim.work.ids for text in (item.value, claim.connector.as_sent(item.kind, item.value))]
    plain = {name: ref for name, ref in result.references.items() if not any(text in ref for text in private)}
    sub_task.references = {**sub_task.references, **plain}  # a number that names the person stays in the sealed memory
    sub_task.counters = {**sub_task.counters, **result.counters}
    if result.assurance is not None:
        sub_task.assurance = result.assurance
    elif sub_task.assurance == Assurance.NONE and claim.step.writes:
        sub_task.assurance = Assurance.SUBMITTED
    if result.expected is not None:
        sub_task.expected_at = now + result.expected
    sub_task.save(update_fields=["memory_sealed", "references", "counters", "assurance", "expected_at"])
    for ref, said in result.said.items():
        _say(sub_task, ref, said)
    pairs = zip(result.evidence, came.sinks, strict=False)  # a download that the step does not keep is discarded
    return {evidence.store(kept, sink, sub_task=sub_task, call=claim.call).pk for kept, sink in pairs}


def _say(sub_task: SubTask, ref: str, said: Said) -> None:
    sub_task.identifiers.filter(identifier_id=ref).update(outcome=said.outcome, held=said.held)


def _finish(sub_task: SubTask) -> None:
    outcomes = sorted(set(sub_task.identifiers.values_list("outcome", flat=True)))
    lifecycle.end(
        sub_task,
        SubTaskStatus.DONE,
        event=actions.WORK_DONE,
        outcomes=outcomes,
        assurance=sub_task.assurance,
        held=sub_task.held(),
    )


def _unknown(sub_task: SubTask, step: Step, code: str, call: Call) -> None:
    """No answer came. A reading step asks again; a writing one goes where its connector says."""
    now = clock.now()
    if not step.writes:
        _again(sub_task, step.name, now + timedelta(seconds=_backoff(sub_task.attempts)))
        return
    lifecycle.work_event(sub_task, actions.WORK_UNKNOWN, step=step.name, code=code, call=f"call:{call.pk}")
    sub_task.unknowns += 1
    if sub_task.unknowns > MAX_UNKNOWNS:
        text = ATTENTION_TEXTS[Attention.TOO_MANY_TRIES]()
        _attention(sub_task, Attention.TOO_MANY_TRIES, text, step.if_unknown, unknowns=sub_task.unknowns)
        return
    if step.if_unknown == step.name:
        lifecycle.work_event(sub_task, actions.WORK_MAY_REPEAT, step=step.name, call=f"call:{call.pk}")
        fields: dict[str, Any] = {}
    else:
        fields = {"attempts": 0, "polls": 0, "step_since": now}
    wait = timedelta(seconds=_backoff(sub_task.attempts))
    _again(sub_task, step.if_unknown, now + wait, unknowns=sub_task.unknowns, **fields)


# --- small moves ------------------------------------------------------------------------------------------------------


def _again(sub_task: SubTask, step: str, at: datetime, *, waits: bool = False, **fields: Any) -> None:
    status = SubTaskStatus.WAITING if waits else SubTaskStatus.READY
    lifecycle.move(sub_task, status, step=step, next_at=at, lease_until=None, **fields)


def _attention(sub_task: SubTask, code: str, text: str, resume: str, **fields: Any) -> None:
    lifecycle.move(
        sub_task,
        SubTaskStatus.NEEDS_ATTENTION,
        attention_code=code,
        attention_text=text[:600],
        resume_step=resume or sub_task.step,
        next_at=None,
        lease_until=None,
        **fields,
    )
    lifecycle.work_event(sub_task, actions.WORK_ATTENTION, step=sub_task.step, code=code)


def _count_failure(vendor: Vendor, text: str, now: datetime) -> None:
    """A vendor that fails again and again is paused; one trial call at a time finds out when it is back."""
    vendor.failures += 1
    vendor.save(update_fields=["failures"])
    if vendor.failures >= FAILURES_TO_PAUSE and vendor.pause in ("", Pause.FAILURES):
        vendors.pause(vendor, Pause.FAILURES, text, now, trial_at=now + TRIAL_AFTER_FAILURES)


def _pace(vendor: Vendor, polls: int) -> float:
    """Seconds until the vendor is asked again: from the account's first to its longest, doubling."""
    return float(min(vendor.first_poll_seconds * 2 ** min(polls, 30), vendor.max_poll_seconds))


def _backoff(tries: int) -> float:
    """Seconds until a failed call is made again: doubling, up to an hour, spread so that cases do not march in step."""
    return float(min(FIRST_RETRY * 2 ** min(tries, 30), LONGEST_RETRY) * random.uniform(0.8, 1.2))  # noqa: S311


def _lock(vendor_id: Any, case_id: Any) -> Vendor:
    """Vendor, then case: the order of every transaction that takes both."""
    vendor = Vendor.locked(vendor_id)
    Case.locked().get(pk=case_id)
    return vendor


def _mine(sub_task_id: Any, epoch: int | None) -> SubTask:
    """The sub-task as it stands, under its case's lock. With an epoch: it must still be the one that was claimed."""
    found = SubTask.objects.select_related("case__data_key", "vendor", "revision").filter(pk=sub_task_id)
    if epoch is not None:
        found = found.filter(epoch=epoch, status=SubTaskStatus.RUNNING)
    return found.get()


def _close_call(
    call_id: Any, verdict: Verdict, code: str, transcript: Any, *, expired_at: datetime | None = None
) -> bool:
    """The conditional update that makes a call's end happen once. False: somebody else has ended it."""
    found = Call.objects.filter(pk=call_id, verdict="")
    if expired_at is not None:
        found = found.filter(lease_until__lt=expired_at)
    changed = found.update(verdict=verdict, code=code[:40], finished_at=clock.now(), transcript=transcript)
    return changed == 1


def _discard(came: Came, kept: set[Any]) -> None:
    for sink in came.sinks:
        if sink.evidence_id not in kept:
            sink.discard()
