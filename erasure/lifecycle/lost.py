"""What is not known after a restore of the desk's own database: whether work went on after the backup.

Every writing step that a vendor's part has still to come to may have been sent in the time that was lost. So each gets
the record of a call without an answer, as of the time of the backup: the step's own way of finding out decides, and
where it is sent again the trail names the possible duplicate (`sub_task.may_repeat`).
"""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from compliance import clock
from compliance.audit.record import timestamp
from erasure import actions
from erasure.connectors.base import BadSettings, Connector, Step
from erasure.models import Call, CallSubTask, SubTask
from erasure.states import CLAIMABLE, Operation, Outcome, Verdict

from .shared import work_event

RESTORED = "restored"  # the code of such a call


def doubt(sub_task: SubTask, since: datetime, *, by: Any = None) -> bool:
    """Takes note that what a vendor's part would send next may have been sent after `since`; whether there is anything
    to doubt. Call it under the case's lock, while no worker is at the sub-task (`running` is to be settled first)."""
    steps = _in_doubt(sub_task)
    if not steps:
        return False
    calls = _record(sub_task, steps, since)
    current = next((step for step in steps if step.name == sub_task.step), None)
    fields: dict[str, Any] = {"epoch": sub_task.epoch + len(steps), "sent_at": sub_task.sent_at or since}
    if current and current.commits:
        fields["committed_at"] = sub_task.committed_at or since
    if current and sub_task.status in CLAIMABLE:
        fields |= {"step": current.if_unknown, "attempts": 0, "polls": 0, "step_since": clock.now()}
    SubTask.objects.filter(pk=sub_task.pk).update(**fields)
    for name, value in fields.items():
        setattr(sub_task, name, value)
    work_event(
        sub_task,
        actions.WORK_IN_DOUBT,
        by,
        since=timestamp(since),
        steps=[step.name for step in steps],
        calls=[f"call:{call.pk}" for call in calls],
    )
    return True


def _in_doubt(sub_task: SubTask) -> list[Step]:
    """The writing steps of a vendor's part, as its plan names them; none where the desk sends nothing."""
    connector: Connector | None = None
    with suppress(BadSettings):  # nothing can be sent; staff are told when it is due
        connector = sub_task.vendor.speaks()
    if connector is None or sub_task.by_hand:
        return []
    operation = Operation(sub_task.operation)
    again = connector.again(operation) if sub_task.follows_id else None
    names = [name for name, _method, _path in (again.calls if again else connector.calls(operation))]
    found = [connector.step(name) for name in dict.fromkeys([*names, sub_task.step] if sub_task.step else names)]
    return list({step.name: step for step in found if step and step.writes}.values())


def _record(sub_task: SubTask, steps: Sequence[Step], since: datetime) -> list[Call]:
    pending = sub_task.identifiers.filter(outcome=Outcome.PENDING).values_list("identifier_id", flat=True)
    refs = [str(ref) for ref in pending]
    calls = [
        Call(
            id=uuid.uuid4(),
            vendor=sub_task.vendor,
            step=step.name,
            writes=True,
            size=max(len(refs), 1) if step.batch else 1,
            counts=False,
            started_at=since,
            lease_until=since,
            finished_at=clock.now(),
            verdict=Verdict.UNKNOWN,
            code=RESTORED,
        )
        for step in steps
    ]
    Call.objects.bulk_create(calls)
    CallSubTask.objects.bulk_create(
        CallSubTask(
            call=call,
            sub_task=sub_task,
            epoch=sub_task.epoch + number,
            identifiers=refs if step.batch else [],
        )
        for number, (call, step) in enumerate(zip(calls, steps, strict=True), start=1)
    )
    return calls
