"""Ending a case because its personal data goes: nothing can be done for a person whom nobody can name any more."""

from compliance import clock
from compliance.audit.record import record
from erasure import actions
from erasure.models import Case, SubTask
from erasure.states import (
    CLAIMABLE,
    ENDED,
    CancelReason,
    CaseStatus,
    IdentifierState,
    Outcome,
    RevisionStatus,
    SubTaskStatus,
)

from .shared import end, move_case


def conclude(case: Case, *, actor: str) -> None:
    """Ends an open case as it stands, cancelled, or partly completed where something was sent; and the work of any, as
    stopped. Then no reply is owed. What is ended and answered stays as it is. Call it under the case's lock."""
    sub_tasks = list(case.sub_tasks.select_related("vendor"))
    for sub_task in sub_tasks:
        if sub_task.status not in ENDED:
            _stop(case, sub_task)
    case.revisions.filter(status=RevisionStatus.OPEN).update(status=RevisionStatus.DISCARDED)
    case.identifiers.filter(state=IdentifierState.PROPOSED).update(state=IdentifierState.NOTED)
    if not (case.is_unanswered or CaseStatus(case.status).is_open):
        return
    if not case.replied_at:
        case.cancel_reason, case.cancelled_at = case.cancel_reason or CancelReason.OTHER, clock.now()
        record(
            actions.CASE_CANCELLED,
            actor=actor,
            case=case.reference,
            subject=f"case:{case.pk}",
            reason=case.cancel_reason,
        )
    if not CaseStatus(case.status).is_open:
        case.save()
        return
    was_sent = any(sub_task.sent_at for sub_task in sub_tasks)
    begun = case.status == CaseStatus.IN_PROGRESS and (was_sent or case.replied_at)
    status = CaseStatus.PARTLY_COMPLETED if begun else CaseStatus.CANCELLED
    move_case(case, status, held_at=None, closed_at=clock.now())
    record(actions.CASE_CLOSED, actor=actor, case=case.reference, subject=f"case:{case.pk}", status=status)


def _stop(case: Case, sub_task: SubTask) -> None:
    sub_task.case = case
    sub_task.identifiers.filter(outcome=Outcome.PENDING).update(outcome=Outcome.FAILED)
    end(sub_task, SubTaskStatus.STOPPED, reason="shredded", event=actions.WORK_STOPPED)


def stop_asking(case: Case) -> None:
    """Vendors are not asked once more. Call it under the lock of a case that has ended."""
    for sub_task in case.sub_tasks.filter(follows__isnull=False, status__in=CLAIMABLE).select_related("vendor"):
        _stop(case, sub_task)
