"""What one sub-task does after its call: on to the next step, again, to a person, or to its end."""

import logging
import re
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError
from django.utils.translation import gettext as _

from compliance.vault.seal import Unreadable
from erasure import actions, evidence, lifecycle, planning
from erasure.connectors.base import (
    BrokenReply,
    Connector,
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
from erasure.lifecycle import proposals
from erasure.models import Call, SubTask, SubTaskIdentifier
from erasure.states import Assurance, Attention, Outcome, SubTaskStatus, Verdict

from . import attention, numbers, pace
from .claims import Came, Claim, Share

log = logging.getLogger(__name__)

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}")  # a vendor's number that the trail may hold
WORKER_LOST = "worker_lost"  # the code of a call whose lease ran out
MAX_UNKNOWNS = 8
TRIES_OF_A_BATCH = 3  # without an answer; then it is split
PATIENCE = timedelta(days=3)  # a vendor that cannot be reached for longer than this needs attention


# --- after an answer --------------------------------------------------------------------------------------------------


def answered(sub_task: SubTask, claim: Claim, share: Share, came: Came, result: Result, now: datetime) -> set[Any]:
    """Writes down what a step said of this sub-task, and goes on as it says; returns the ids of evidence kept."""
    kept = _take_in(sub_task, claim, share, came, result, now)
    step = claim.step
    match result:
        case Finish() if sub_task.identifiers.filter(outcome=Outcome.PENDING).exists():
            attention.set_aside(sub_task, Attention.DEFECT, resume=step.if_unknown)
        case Finish():
            lifecycle.end(sub_task, SubTaskStatus.DONE, event=actions.WORK_DONE, **lifecycle.told(sub_task))
            lifecycle.after_end(sub_task)
        case HandOver(to="attestation"):
            hand_over(sub_task, step, result, now)
        case HandOver():
            attention.ask(sub_task, result.code, result.note, result.then or step.if_unknown, batch_limit=None)
        case Go():
            target = claim.connector.steps[result.step]
            wait = pace.poll(claim.vendor, 0) if target.polls else timedelta(0)
            if result.after is not None:
                wait = result.after
            _again(
                sub_task,
                target.name,
                now + wait,
                waits=bool(wait),
                attempts=0,
                polls=0,
                step_since=now,
                batch_limit=_more(sub_task, step) if target == step else None,
            )
            lifecycle.work_event(sub_task, actions.WORK_WENT_ON, step=step.name, next_step=target.name)
            if sub_task.case.cancelled_at:
                lifecycle.stop_unsent(sub_task)
        case Stay():
            wait = result.after if result.after is not None else pace.poll(claim.vendor, sub_task.polls + 1)
            polls = sub_task.polls + (result.after is None)
            taken = any(_is_news(said) for said in result.said.values())
            limit = _more(sub_task, step) if taken else sub_task.batch_limit
            _again(sub_task, step.name, now + wait, waits=True, attempts=0, polls=polls, batch_limit=limit)
            if sub_task.case.cancelled_at:
                lifecycle.stop_unsent(sub_task)
        case _:
            attention.set_aside(sub_task, Attention.DEFECT, resume=step.if_unknown)
    return kept


def ask_a_person(sub_task: SubTask, now: datetime) -> None:
    """Runs a step that sends nothing: it says what a person has to confirm."""
    step = result = None
    try:
        connector = sub_task.vendor.speaks()
        if step := connector.step(sub_task.step):
            result = connector.run(step.name, [planning.work_of(sub_task)], None)[str(sub_task.pk)]
    except Unreadable:
        attention.set_aside(sub_task, Attention.UNREADABLE)
        return
    except DatabaseError:
        raise
    except Exception as error:  # its text may hold personal data
        log.error("%s: %s in step %s", sub_task, type(error).__name__, sub_task.step)
    if step and isinstance(result, HandOver):
        hand_over(sub_task, step, result, sub_task.next_at or now)
    else:
        attention.set_aside(sub_task, Attention.DEFECT)


def let_go(sub_task: SubTask, connector: Connector, step: Step, now: datetime) -> bool:
    """In a cancelled case: gives up what a batch step has not sent yet. True if nothing is left to be found out by the
    step: the sub-task then goes on with the one that its connector names, or ends."""
    instead = connector.when_cancelled.get(step.name)
    if instead is None:
        return False
    carried = sub_task.claims.filter(call__step=step.name).exclude(call__verdict=Verdict.FAILED)
    sent = {ref for refs in carried.values_list("identifiers", flat=True) for ref in refs}
    pending = sub_task.identifiers.filter(outcome=Outcome.PENDING)
    pending.filter(assurance=Assurance.NONE).exclude(identifier_id__in=sent).update(outcome=Outcome.FAILED)
    if pending.filter(assurance=Assurance.NONE).exists() and not step.polls:
        return False
    if pending.exists():
        SubTask.objects.filter(pk=sub_task.pk).update(step=instead, step_since=now, next_at=now, attempts=0, polls=0)
    else:
        lifecycle.end(sub_task, SubTaskStatus.STOPPED, reason="stopped_before_sending", event=actions.WORK_STOPPED)
        lifecycle.close_if_ended(sub_task.case)
    return True


def hand_over(sub_task: SubTask, step: Step, result: HandOver, now: datetime) -> None:
    """From now on a person confirms that the vendor's part is done."""
    lifecycle.move(
        sub_task,
        SubTaskStatus.AWAITING_ATTESTATION,
        attention_text=result.note[:600],
        resume_step=result.then or step.if_unknown,
        next_at=None if result.within is None else now + result.within,
        lease_until=None,
    )
    lifecycle.work_event(sub_task, actions.WORK_HANDED_OVER)


def _more(sub_task: SubTask, step: Step) -> int | None:
    """After a batch that was taken, the next may be larger again."""
    limit = (sub_task.batch_limit or step.batch) * 2
    return limit if limit < step.batch else None


def _is_news(said: Said) -> bool:
    return said.outcome != Outcome.PENDING or said.assurance not in (None, Assurance.NONE)


def _take_in(sub_task: SubTask, claim: Claim, share: Share, came: Came, result: Result, now: datetime) -> set[Any]:
    """What every result may carry beside the way on."""
    work = share.work
    memory = {**work.memory, **result.remember}
    sub_task.seal("memory", {name: value for name, value in memory.items() if value is not None} or None)
    plain = {name: number for name, number in result.references.items() if not claim.names(number)}
    for name, number in plain.items():
        if sub_task.references.get(name) != number and PLAIN.fullmatch(number):
            lifecycle.work_event(sub_task, actions.WORK_REFERENCE, name=name, number=number)
    sub_task.references = {**sub_task.references, **plain}
    if not claim.step.batch:
        numbers.keep(sub_task, plain.values())
    sub_task.counters = {**sub_task.counters, **result.counters}
    if result.expected is not None:
        sub_task.expected_at = now + result.expected
    _say(sub_task, claim, share, result)
    sub_task.save(update_fields=["memory_sealed", "references", "counters", "assurance", "expected_at"])
    if result.found:
        proposals.take_in(sub_task, result.found)
    return {
        evidence.store(kept, sink, sub_task=sub_task, call=claim.call).pk for kept, sink in came.files.get(work.ref, ())
    }


def _say(sub_task: SubTask, claim: Claim, share: Share, result: Result) -> None:
    """Outcome and proof of each identifier; those that the step does not speak of were sent, if it writes."""
    carried = {item.ref for item in share.work.due}
    uses = list(sub_task.identifiers.all())
    for use in uses:
        ref = str(use.identifier_id)
        proven = result.assurance if ref in carried else None
        if ref in result.said:
            said = result.said[ref]
            use.outcome, use.held = said.outcome, said.held
            if said.reference and not claim.names(said.reference):
                use.reference = said.reference
            proven = said.assurance or proven
        elif proven is None and claim.step.writes and use.assurance == Assurance.NONE and ref in carried:
            proven = Assurance.SUBMITTED
        use.assurance = proven or use.assurance
    SubTaskIdentifier.objects.bulk_update(uses, ["outcome", "held", "assurance", "reference"])
    sub_task.assurance = sub_task.weakest()


# --- after a failure --------------------------------------------------------------------------------------------------


def failed(
    sub_task: SubTask, claim: Claim, share: Share, came: Came, verdict: Verdict, code: str, now: datetime
) -> None:
    """Nothing is known to be done, or it is unknown whether it was: the sub-task goes where its step says."""
    error, step, call = came.failure, claim.step, claim.call
    if verdict == Verdict.FAILED and step.writes:
        # A case that is cancelled now has sent nothing by this call.
        SubTask.objects.filter(pk=sub_task.pk).update(**share.before)
        sub_task.sent_at, sub_task.committed_at = share.before["sent_at"], share.before["committed_at"]
        lifecycle.work_event(sub_task, actions.WORK_NOT_DONE, step=step.name, code=code, call=f"call:{call.pk}")
    match error:
        case OutcomeUnknown() if step.writes:
            unanswered(sub_task, step, code, call, now)
        case RetryLater() | OutcomeUnknown():
            _retry_later(sub_task, claim, error, now)
        case Misconfigured():
            _again(sub_task, step.name, now, attempts=0)
        case Refused():
            _refused(sub_task, claim, share, error, now)
        case BrokenReply():  # a retry splits the batch: one of it may be what the vendor cannot answer for
            limit = call.size // 2 or None
            attention.ask(sub_task, error.code, error.text, step.if_unknown, batch_limit=limit)
        case _:
            attention.set_aside(sub_task, Attention.DEFECT, resume=step.if_unknown)
    if sub_task.case.cancelled_at:
        lifecycle.stop_unsent(sub_task)


def _refused(sub_task: SubTask, claim: Claim, share: Share, error: Refused, now: datetime) -> None:
    """A batch is split before anybody is blamed; what is refused alone is refused."""
    step, size = claim.step, claim.call.size
    if size > 1:
        _again(sub_task, step.name, now, attempts=0, batch_limit=size // 2)
        return
    if step.writes:  # a question that is refused says nothing of what was asked before
        refused = [item.ref for item in share.work.due]
        sub_task.identifiers.filter(outcome=Outcome.PENDING, identifier_id__in=refused).update(outcome=Outcome.REFUSED)
    if step.batch and claim.connector.left(step.name, planning.work_of(sub_task)):
        _again(sub_task, step.name, now, attempts=0, batch_limit=_more(sub_task, step))
    else:
        text = error.text
        if sub_task.batch_limit:
            text += " " + _("It was sent by itself after each batch that held it had been refused.")
        if sub_task.identifiers.exclude(assurance__in=[Assurance.NONE, Assurance.SUBMITTED]).exists():
            text += " " + _("What it took before stands.")
        attention.ask(sub_task, error.code, text, step.if_unknown, batch_limit=None)


def _retry_later(sub_task: SubTask, claim: Claim, error: RetryLater | OutcomeUnknown, now: datetime) -> None:
    """Nothing was done, or the step only reads: it is run again, for as long as the desk has patience."""
    wait = getattr(error, "after", None) or pace.backoff(sub_task.polls, claim.call)
    if sub_task.step_since and now - sub_task.step_since > PATIENCE + claim.connector.patience * claim.step.polls:
        attention.ask(sub_task, error.code, error.text, claim.step.name)
    else:
        _again(sub_task, claim.step.name, now + wait, attempts=0, polls=sub_task.polls + 1)


def unanswered(sub_task: SubTask, step: Step, code: str, call: Call, now: datetime) -> None:
    """No answer came. A reading step asks again; a writing one goes where its connector says; a batch that killed its
    worker, or brings no answer again and again, is split."""
    if not step.writes:
        _again(sub_task, step.name, now + pace.backoff(sub_task.attempts, call))
        return
    lifecycle.work_event(sub_task, actions.WORK_UNKNOWN, step=step.name, code=code, call=f"call:{call.pk}")
    fields: dict[str, Any] = {}
    if call.size > 1:
        if code == WORKER_LOST or sub_task.attempts >= TRIES_OF_A_BATCH:
            fields = {"attempts": 0, "batch_limit": call.size // 2}
    else:
        fields = {"unknowns": sub_task.unknowns + 1}
        if sub_task.unknowns >= MAX_UNKNOWNS:
            attention.set_aside(sub_task, Attention.TOO_MANY_TRIES, resume=step.if_unknown, **fields)
            return
    if step.if_unknown != step.name:
        fields |= {"attempts": 0, "polls": 0, "step_since": now}
    _again(sub_task, step.if_unknown, now + pace.backoff(sub_task.attempts, call), **fields)


def _again(sub_task: SubTask, step: str, at: datetime, *, waits: bool = False, **fields: Any) -> None:
    status = SubTaskStatus.WAITING if waits else SubTaskStatus.READY
    lifecycle.move(sub_task, status, step=step, next_at=at, lease_until=None, **fields)
