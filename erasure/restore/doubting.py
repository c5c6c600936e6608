"""What was under way when the backup was made may have gone on since: nothing of it is repeated in silence."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet

from compliance import clock
from erasure import bulk, imports, letters
from erasure.lifecycle import lost
from erasure.models import BulkJob, Call, Case, Import, SubTask
from erasure.states import CLAIMABLE, ENDED, BulkStatus, ImportStatus, SubTaskStatus
from erasure.worker import settle

log = logging.getLogger(__name__)
#: Nothing is sent for these before their plan is approved, or an identifier is there: both lead to new work, which
#: `lifecycle.starting` doubts.
_NOT_STARTED = (SubTaskStatus.PLANNED, SubTaskStatus.AWAITING_IDENTIFIER)


def doubt_work(since: datetime) -> int:
    """Settles the calls that were under way as unknown, and puts in doubt what each vendor's part would send next;
    returns of how many parts. Call it in a transaction, while no worker runs."""
    open_ = list(_under_way(clock.now()).order_by("case_id", "pk").values_list("pk", "case_id"))
    _settle_calls()
    doubted = 0
    for pk, case_id in open_:
        case = Case.locked().get(pk=case_id)
        sub_task = SubTask.objects.select_related("vendor", "revision").get(pk=pk)
        if sub_task.status not in ENDED:
            sub_task.case = case
            doubted += lost.doubt(sub_task, since)
    Case.objects.filter(Q(closed_at=None) | Case.unanswered(), lost_since=None).update(lost_since=since)
    return doubted


def _under_way(now: datetime) -> QuerySet[SubTask]:
    """What can have been sent since the backup. What is only due in times to come was not."""
    begun = SubTask.objects.filter(by_hand=False).exclude(status__in=[*ENDED, *_NOT_STARTED])
    return begun.exclude(status__in=CLAIMABLE, next_at__gt=now)


def _settle_calls() -> None:
    """Their workers are gone, or run on another database."""
    for call in Call.objects.filter(verdict=""):
        try:
            with transaction.atomic():
                Call.objects.filter(pk=call.pk).update(lease_until=clock.now() - timedelta(seconds=1))
                settle.abandon(call)
        except DatabaseError:
            raise
        except Exception as error:  # the sweep tries again; one must not keep the desk from its work
            log.error("call %s could not be settled: %s", call.pk, type(error).__name__)


def doubt_letters() -> int:
    """E-mails that were still to be sent may have gone; returns how many."""
    return letters.put_in_doubt()


def stop_lists(actor: str) -> dict[str, Any]:
    """Bulk work and imports that were under way: who started them looks, and starts the rest again."""
    jobs = [job for job in BulkJob.objects.filter(status=BulkStatus.RUNNING) if bulk.stop_for(job, actor=actor)]
    files = list(Import.objects.filter(status=ImportStatus.RUNNING).select_related("owner", "data_key"))
    for kept in files:
        imports.finish(kept, stopped=True, actor=actor)
    return {"bulk": len(jobs), "imports": len(files)}
