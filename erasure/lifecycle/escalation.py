"""That a case is put before approvers shortly before it is due."""

from collections.abc import Sequence
from typing import Any

from compliance import clock
from compliance.audit.record import actor_of, record
from erasure import actions
from erasure.models import Case, Escalation
from erasure.states import CaseStatus, Escalated, RevisionStatus, SubTaskStatus

from .shared import changing

MOST_NAMED = 50  # people whom one event names


def stage_of(case: Case) -> Escalated | None:
    """What of a case is to be settled before it is due, the first thing first: its plan is approved, then what needs
    attention is taken up, then the person is answered. None where no reply is owed."""
    if not case.is_unanswered:
        return None
    under_way = case.status in (CaseStatus.AWAITING_APPROVAL, CaseStatus.IN_PROGRESS)
    if under_way and any(revision.status == RevisionStatus.OPEN for revision in case.revisions.all()):
        return Escalated.APPROVAL
    if any(
        sub_task.status == SubTaskStatus.NEEDS_ATTENTION and not sub_task.follows_id
        for sub_task in case.sub_tasks.all()
    ):
        return Escalated.ATTENTION
    return Escalated.REPLY


def escalate(case: Case, stage: Escalated, *, told: Sequence[Any], nobody: bool) -> bool:
    """Records that `told` are told of it, once a case and stage; False where that was done or is settled by now."""
    with changing(case, None) as locked:
        if stage_of(locked) != stage or locked.escalations.filter(stage=stage).exists():
            return False
        Escalation.objects.create(case=locked, stage=stage, nobody=nobody, at=clock.now())
        record(
            actions.CASE_ESCALATED,
            actor="system:worker",
            case=locked.reference,
            subject=f"case:{locked.pk}",
            stage=str(stage),
            due_on=locked.due_on.isoformat(),
            told=len(told),
            people=[actor_of(person) for person in told[:MOST_NAMED]],
            nobody_may=nobody,
        )
    return True
