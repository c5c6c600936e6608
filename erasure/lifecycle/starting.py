"""Approved work is set going: at once, or once what it waits for is there."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from compliance import clock
from erasure import actions, dispatch, due, planning
from erasure.models import Case, PlanRevision, SubTask
from erasure.states import Operation, SubTaskStatus

from . import lost
from .refusals import end_refused
from .shared import move, work_event


def start(case: Case, revision: PlanRevision, by: Any) -> None:
    """Hands the planned work of an approved plan version to the vendor queues and to people, after the time for an
    Undo. A restriction that the person has not been told of stays planned. Call it under the case's lock."""
    if due.awaits_notice(case):
        return
    at = clock.now() + timedelta(minutes=settings.DISPATCH_DELAY_MINUTES)
    planned = list(revision.sub_tasks.filter(status=SubTaskStatus.PLANNED).select_related("vendor"))
    for sub_task in planned:
        sub_task.case = case
        _set_going(sub_task, at, by)
    dispatch.wake(sub_task.vendor_id for sub_task in planned)


def _set_going(sub_task: SubTask, at: datetime, by: Any) -> None:
    if ground := planning.refused_on(sub_task.reason):
        end_refused(sub_task, ground, by)
    elif sub_task.reason == planning.NO_IDENTIFIER:
        move(sub_task, SubTaskStatus.AWAITING_IDENTIFIER)
        work_event(sub_task, actions.WORK_AWAITS_IDENTIFIER, by)
    elif sub_task.by_hand:
        move(sub_task, SubTaskStatus.AWAITING_ATTESTATION)
        work_event(sub_task, actions.WORK_HANDED_OVER, by)
    else:
        step = sub_task.vendor.speaks().starts[Operation(sub_task.operation)]
        move(sub_task, SubTaskStatus.READY, step=step, step_since=at, next_at=at)
        work_event(sub_task, actions.WORK_READY, by, operation=sub_task.operation)
        if case_lost := sub_task.case.lost_since:
            lost.doubt(sub_task, case_lost, by=by)
