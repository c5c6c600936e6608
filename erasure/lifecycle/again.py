"""Asking a vendor once more, after a time, whether what it has done holds.

It is work of its own (`SubTask.follows`): what it asks about has ended, and neither the case nor its reply waits for
it, so that it may go on long after the case is closed. The plan that was approved says that it comes.
"""

from contextlib import suppress

from django.db.models import Q
from django.utils.timezone import localtime

from compliance import clock
from erasure import actions
from erasure.connectors.base import BadSettings
from erasure.models import SubTask, SubTaskIdentifier
from erasure.states import Assurance, CaseStatus, Held, Operation, Outcome, SubTaskStatus

from .shared import end, told, work_event

#: What is asked about: what the vendor has done, or said that it held nothing of.
_DONE = (Outcome.ERASED, Outcome.NOT_HELD, Outcome.PROCESSED)


def goes_on() -> Q:
    """The sub-tasks that may be sent as far as their case is concerned, for a query."""
    return Q(case__status=CaseStatus.IN_PROGRESS) | Q(follows__isnull=False)


def after_end(sub_task: SubTask) -> None:
    """What follows from work that has just been done: that its vendor will be asked again; or, where it was asked
    again and held nothing, the better proof of what it was asked about. Call it under the case's lock."""
    if sub_task.follows:
        _prove(sub_task, sub_task.follows)
    elif not sub_task.case.cancelled_at:
        _plan(sub_task)


def _plan(sub_task: SubTask) -> None:
    again = None
    with suppress(BadSettings):
        again = sub_task.vendor.speaks().again(Operation(sub_task.operation))
    uses = list(sub_task.identifiers.filter(outcome__in=_DONE))
    if again is None or sub_task.by_hand or not uses:
        return
    now = clock.now()
    follow_up = SubTask.objects.create(
        case=sub_task.case,
        revision=sub_task.revision,
        vendor=sub_task.vendor,
        follows=sub_task,
        operation=sub_task.operation,
        digest=sub_task.digest,
        status=SubTaskStatus.WAITING,
        step=again.step,
        step_since=now + again.after,
        next_at=now + again.after,
        created_at=now,
    )
    SubTaskIdentifier.objects.bulk_create(
        SubTaskIdentifier(sub_task=follow_up, identifier_id=use.identifier_id, vendor_name=use.vendor_name)
        for use in uses
    )
    on = localtime(follow_up.next_at).date().isoformat()
    work_event(follow_up, actions.WORK_ASKS_AGAIN, follows=f"sub_task:{sub_task.pk}", on=on)


def _prove(follow_up: SubTask, asked_about: SubTask) -> None:
    gone = follow_up.identifiers.filter(outcome=Outcome.NOT_HELD, held=Held.NO).values("identifier")
    proven = asked_about.identifiers.filter(outcome__in=_DONE, identifier__in=gone)
    if not proven.update(assurance=Assurance.ASKED_AGAIN):
        return
    asked_about.case, asked_about.vendor = follow_up.case, follow_up.vendor
    asked_about.assurance = asked_about.weakest()
    asked_about.save(update_fields=["assurance"])
    work_event(asked_about, actions.WORK_ASKED_AGAIN, by_work=f"sub_task:{follow_up.pk}", **told(asked_about))


def not_asked_again(follow_up: SubTask) -> None:
    """What was approved is no longer what would be asked: it is left, and the proof stays as it was."""
    end(follow_up, SubTaskStatus.STOPPED, reason="settings_changed", event=actions.WORK_STOPPED)
