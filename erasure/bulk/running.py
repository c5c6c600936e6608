"""Carrying it out. A few rows are done at once, in the request; many by a worker, in slices. Both do the same.

Who runs it may be killed at any point, and two may run it at once: a row is locked, done, and given its result in one
transaction. What is left is taken up again, for the sweep wakes every job that runs.
"""

import logging
import time
import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import InterfaceError, OperationalError, transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance import clock
from compliance.audit.behind import behind
from compliance.audit.record import actor_of, record
from compliance.vault import seal
from compliance.vault.seal import Unreadable
from erasure import actions, dispatch
from erasure.errors import Conflict, DeskError, Forbidden
from erasure.models import BulkJob, BulkRow
from erasure.states import BulkStatus, RowResult
from erasure.worker import heartbeat

from .deeds import DEEDS, Deed, Given

log = logging.getLogger(__name__)

SMALL = 50  # rows: so many are done while the person waits for the page
RUN_SECONDS = 10  # after this a worker hands back and hints again, so that no job keeps it
VIEW = "erasure.view_case"

DEFECT = gettext_lazy("An error in Erasure Desk: nothing was changed here. The worker's log names it.")
UNREADABLE = gettext_lazy(
    "What was given for all could not be opened. Nothing was done here. Check the key ring (KEY_RING)."
)
NOT_ALLOWED = gettext_lazy("Whoever started it may no longer do this, or was deactivated. Nothing was done here.")
PUT_BACK = gettext_lazy(
    "The desk was put back from a backup before this was done, or after: look at the case, then do it again if need be."
)
STOPPED = gettext_lazy("Stopped by hand before its turn. Nothing was done here.")


def may_do(person: Any, deed: Deed) -> bool:
    return bool(person.is_staff and person.has_perms((VIEW, deed.permission)))


# --- starting and stopping --------------------------------------------------------------------------------------------


def start(job: BulkJob, *, by: Any, given: Given) -> None:
    """Starts what `by` has prepared and read. Few rows are done when it returns; many are left to the worker.

    Raises Forbidden for anybody else, Conflict for what was started before or has nothing that could be done."""
    with transaction.atomic():
        locked = _locked(job.pk)
        if locked.person_id != by.pk:
            raise Forbidden("not_yours", _("Somebody else has prepared this. Nothing was done; prepare it yourself."))
        if not locked.is_prepared:
            raise Conflict("started", _("This was started before. Nothing was done a second time."))
        left = locked.rows.filter(result="").count()
        if not left or DEEDS[locked.deed].reads:
            raise Conflict("nothing_to_do", _("Nothing of this can be done by you now."))
        if given:
            locked.data_key = locked.data_key or seal.new_key()
            locked.seal("given", given)
        locked.status, locked.started_at = BulkStatus.RUNNING, clock.now()
        locked.language = translation.get_language() or ""
        locked.save()
        record(actions.BULK_STARTED, actor=actor_of(by), subject=str(locked), deed=locked.deed, count=left)
        if left > SMALL:
            dispatch.wake_bulk([locked.pk])
    if left <= SMALL:
        _work(job.pk, actor=actor_of(by), until=None)
    job.refresh_from_db()


def stop(job: BulkJob, *, by: Any) -> None:
    """Leaves undone what has not been done yet. Raises Conflict when it does not run (any more)."""
    if not _end(job.pk, BulkStatus.STOPPED, actor=actor_of(by), rest=(RowResult.SKIPPED, str(STOPPED))):
        raise Conflict("not_running", _("This is not under way any more. Nothing was stopped."))
    job.refresh_from_db()


def stop_for(job: BulkJob, *, actor: str) -> bool:
    """The same on nobody's word, after a restore; whether it ran."""
    return _end(job.pk, BulkStatus.STOPPED, actor=actor, rest=(RowResult.SKIPPED, str(PUT_BACK)))


# --- carrying it out --------------------------------------------------------------------------------------------------


def run(job_id: str) -> None:
    """Works on a job for a bounded time. The queue calls this by its dotted name."""
    number = uuid.UUID(job_id)
    dispatch.hold_bulk(number)  # no other worker is sent here meanwhile
    try:
        goes_on = _work(number, actor="system:worker", until=time.monotonic() + RUN_SECONDS)
    finally:
        dispatch.bulk_heard(number)
    if goes_on:
        dispatch.wake_bulk([number])


def _work(number: uuid.UUID, *, actor: str, until: float | None) -> bool:
    """Does row after row, and ends the job after the last one; returns whether there is more to do. Nothing is done
    where the database was put back from a backup (`audit.behind`)."""
    job = BulkJob.objects.filter(pk=number, status=BulkStatus.RUNNING).select_related("data_key").first()
    if job is None or behind():
        return False
    with translation.override(job.language or settings.LANGUAGE_CODE):
        try:
            given: Given = (job.unseal("given") if job.data_key else None) or {}
        except Unreadable:
            _end(number, BulkStatus.ENDED, actor=actor, rest=(RowResult.FAILED, str(UNREADABLE)))
            return False
        while until is None or time.monotonic() < until:
            if heartbeat.is_ending():
                return True
            heartbeat.beat()
            if not _next(job, DEEDS[job.deed], given, actor):
                _end(number, BulkStatus.ENDED, actor=actor)
                return False
    return True


def _next(job: BulkJob, deed: Deed, given: Given, actor: str) -> bool:
    """Does the next row that nobody else is at; whether there was one."""
    person = get_user_model()._default_manager.filter(pk=job.person_id).first()
    if person is None or not may_do(person, deed):  # asked anew for each row
        _end(job.pk, BulkStatus.ENDED, actor=actor, rest=(RowResult.SKIPPED, str(NOT_ALLOWED)))
        return False
    with transaction.atomic():
        rows = BulkRow.objects.select_for_update(of=("self",), skip_locked=True).select_related("case__data_key")
        row = rows.filter(job=job.pk, job__status=BulkStatus.RUNNING, result="").order_by("number").first()
        if row is None:
            return False
        row.job = job
        result, text = _done(row, deed, person, given)
        BulkRow.objects.filter(pk=row.pk).update(result=result, text=text[:600], at=clock.now(), case=row.case)
    return True


def _done(row: BulkRow, deed: Deed, person: Any, given: Given) -> tuple[RowResult, str]:
    """Does one row; what came of it. A refusal may leave something written on purpose, such as a plan drawn again."""
    try:
        with transaction.atomic():
            try:
                return RowResult.DONE, deed.do(row, person, given) or ""
            except DeskError as error:
                return RowResult.SKIPPED, error.text
            except Unreadable as error:
                return RowResult.FAILED, str(error)
    except (OperationalError, InterfaceError):  # the database is away or busy: the row is as it was, and comes again
        raise
    except Exception as error:  # one that cannot be done must not hold up the others; its text may name a person
        log.error("%s could not be done: %s", row, type(error).__name__)
        return RowResult.FAILED, str(DEFECT)


def _end(number: uuid.UUID, status: BulkStatus, *, actor: str, rest: tuple[RowResult, str] | None = None) -> bool:
    """Ends a job that runs, giving what is left of it the result `rest`; without one it ends only when nothing is left.
    Returns whether this call has ended it."""
    with transaction.atomic():
        job = _locked(number)
        left = job.rows.filter(result="")
        if not job.is_running or (rest is None and left.exists()):
            return False
        if rest:
            left.update(result=rest[0], text=rest[1], at=clock.now())
        told = job.counts()
        job.status, job.ended_at, job.given_sealed = status, clock.now(), None
        job.save(update_fields=["status", "ended_at", "given_sealed"])
        if job.data_key:
            job.rows.update(given_sealed=None)
            seal.destroy(job.data_key)
        action = actions.BULK_STOPPED if status == BulkStatus.STOPPED else actions.BULK_ENDED
        numbers: dict[str, Any] = {result: told[result] for result in RowResult.values}
        record(action, actor=actor, subject=str(job), deed=job.deed, **numbers)
    return True


def _locked(number: uuid.UUID) -> BulkJob:
    rows = BulkJob.objects.select_for_update(of=("self",), no_key=True).select_related("data_key")
    return rows.get(pk=number)
