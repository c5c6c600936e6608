"""Changes of one vendor's part that people make."""

from typing import Any

from django.utils.translation import gettext as _

from compliance import clock
from erasure import actions, dispatch
from erasure.errors import Conflict
from erasure.models import SubTask
from erasure.states import Assurance, Operation, Outcome, SubTaskStatus, Verdict

from .shared import changing_work, close_if_ended, end, move, required_note, work_event


def attest(sub_task: SubTask, *, by: Any, note: str) -> None:
    """A person confirms that the vendor's part is done: what its screen says, or what they did themselves."""
    with changing_work(sub_task, by) as (case, sub_task):
        if sub_task.status not in (SubTaskStatus.AWAITING_ATTESTATION, SubTaskStatus.NEEDS_ATTENTION):
            raise Conflict("not_awaiting_attestation", _("This vendor work does not wait for a confirmation by hand."))
        noted = required_note(case, by, note, sub_task)
        done = _CONFIRMED[Operation(sub_task.operation)]
        sub_task.identifiers.filter(outcome__in=_UNDONE).update(outcome=done)
        sub_task.assurance = Assurance.CONFIRMED
        end(sub_task, SubTaskStatus.DONE, event=actions.WORK_ATTESTED, by=by, **noted)
        close_if_ended(case)


_UNDONE = (Outcome.PENDING, Outcome.FAILED, Outcome.REFUSED)
_CONFIRMED = {
    Operation.ERASE: Outcome.ERASED,
    Operation.RESTRICT: Outcome.RESTRICTED,
    Operation.UNRESTRICT: Outcome.UNRESTRICTED,
    Operation.EXPORT: Outcome.EXPORTED,
}


def searched(sub_task: SubTask, *, by: Any, note: str) -> None:
    """Records that the person was looked up at a vendor by hand and not found."""
    with changing_work(sub_task, by) as (case, sub_task):
        if sub_task.status != SubTaskStatus.AWAITING_IDENTIFIER:
            raise Conflict("not_awaiting_identifier", _("This vendor work does not wait for an identifier."))
        noted = required_note(case, by, note, sub_task)
        sub_task.assurance = Assurance.CONFIRMED
        end(sub_task, SubTaskStatus.DONE, reason="searched_none", event=actions.WORK_SEARCHED, by=by, **noted)
        close_if_ended(case)


def retry(sub_task: SubTask, *, by: Any) -> None:
    """Tries again what needs attention, from the step that its connector names for it. What is approved is checked
    again before anything is sent."""
    with changing_work(sub_task, by) as (_case, sub_task):
        if sub_task.status != SubTaskStatus.NEEDS_ATTENTION:
            raise Conflict("not_retryable", _("This vendor work does not wait to be tried again."))
        now = clock.now()
        step = sub_task.resume_step or sub_task.step
        cleared = {"attention_code": "", "attention_text": "", "resume_step": ""}
        counters = {"attempts": 0, "polls": 0, "unknowns": 0, "step_since": now}
        sub_task.identifiers.filter(outcome__in=_UNDONE).update(outcome=Outcome.PENDING)
        move(sub_task, SubTaskStatus.READY, step=step, next_at=now, **counters, **cleared)
        work_event(sub_task, actions.WORK_RETRIED, by, step=step)
        before = sub_task.calls.filter(step=step, writes=True).exclude(verdict=Verdict.FAILED).first()
        if before:
            work_event(sub_task, actions.WORK_MAY_REPEAT, by, step=step, call=f"call:{before.pk}")
        dispatch.wake([sub_task.vendor_id])


def give_up(sub_task: SubTask, *, by: Any, note: str) -> None:
    """Ends what cannot be carried out. The case can then only end partly completed."""
    with changing_work(sub_task, by) as (case, sub_task):
        if sub_task.status not in (SubTaskStatus.NEEDS_ATTENTION, SubTaskStatus.AWAITING_ATTESTATION):
            raise Conflict("not_stoppable", _("Only vendor work that waits for a person can be given up."))
        noted = required_note(case, by, note, sub_task)
        sub_task.identifiers.filter(outcome=Outcome.PENDING).update(outcome=Outcome.FAILED)
        end(sub_task, SubTaskStatus.STOPPED, reason="given_up", event=actions.WORK_STOPPED, by=by, **noted)
        close_if_ended(case)
