"""What every change shares: the lock, the conditional update of one row, the event, the sealed note."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import TextChoices
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.behind import behind
from compliance.audit.record import actor_of, record
from compliance.moving.move import moved_away
from compliance.vault.seal import keyed_digest
from erasure import actions, due, suppression
from erasure.errors import Conflict, Invalid, Unavailable
from erasure.models import Case, Note, PlanRevision, SubTask, SubTaskIdentifier
from erasure.normalise import clean_text
from erasure.states import (
    CASE_MOVES,
    ENDED,
    SUBTASK_MOVES,
    CaseStatus,
    Channel,
    IdentifierState,
    Origin,
    Outcome,
    RevisionStatus,
    SubTaskStatus,
)

from . import register

MAX_NOTE = 10_000
MOST_TOLD = 500  # identifiers that one event speaks of
_CHANGED = (
    *("status", "held_at", "updated_at", "closed_at", "cancelled_at", "handler_id", "due_on"),
    *("acknowledged_at", "extended_at", "replied_at", "reply_channel"),
    *("identity_method", "identity_result", "identity_checked_at", "identity_checked_by_id"),
    *("refused_vendors", "told_of_lifting_at", "restricted_at", "lifted_at", "shred_at"),
    *("lost_since", "replays_id"),
)


@contextmanager
def changing(case: Case, by: Any) -> Iterator[Case]:
    """The case, locked and read anew, in a transaction that ends with it saved. Raises Conflict for one whose personal
    data was destroyed: nothing of it is changed any more."""
    with transaction.atomic():
        locked = Case.locked().get(pk=case.pk)
        if locked.shredded_at:
            raise Conflict("destroyed", _("The personal data of this case was destroyed. Nothing was changed."))
        yield locked
        locked.shred_at = None  # the sweep gives it another date, with its notice
        locked.updated_at = clock.now()
        locked.save()
    for field in _CHANGED:
        setattr(case, field, getattr(locked, field))


@contextmanager
def changing_work(sub_task: SubTask, by: Any) -> Iterator[tuple[Case, SubTask]]:
    """A sub-task under its case's lock, read anew."""
    with changing(sub_task.case, by) as case:
        locked = SubTask.objects.select_for_update(of=("self",)).select_related("vendor").get(pk=sub_task.pk)
        locked.case = case
        yield case, locked
    sub_task.refresh_from_db()


def be_newest() -> None:
    """Raises Unavailable where the database was put back from a backup and `after_restore` has not run: a reference
    would be given out twice, and what is approved may have been sent. And where the desk has moved away from it: what
    came in would be lost."""
    if line := behind() or moved_away():
        raise Unavailable("put_back", _("%(why)s Nothing was done.") % {"why": line})


def check_words(channel: str | None = None, reason: tuple[str, type[TextChoices]] | None = None) -> None:
    """Raises Invalid for a channel that is none, and for a reason that is none of its words."""
    problems = []
    if reason and reason[0] not in reason[1].values:
        problems.append(("/reason", _("Choose a reason: %(all)s.") % {"all": ", ".join(reason[1].values)}))
    if channel is not None and channel not in Channel.values:
        problems.append(("/channel", _("Choose a channel: %(all)s.") % {"all": ", ".join(Channel.values)}))
    if problems:
        raise Invalid(problems)


def late_for_refusal(case: Case) -> dict[str, Any]:
    """What an event says of a refusal that comes after the time for it: the first deadline, whatever was extended
    (GDPR art. 12(4)). It is recorded all the same: a late refusal is better than none."""
    return {"late": True} if clock.today() > due.reckoning(case).first_due_on else {}


def expect(case: Case, *statuses: CaseStatus) -> None:
    if case.status not in statuses:
        raise wrong_state(case)


def wrong_state(case: Case) -> Conflict:
    if case.shredded_at:
        return Conflict("wrong_state", _("The personal data of this case was destroyed. Nothing was changed."))
    status = str(CaseStatus(case.status).label)
    if case.cancelled_at and case.status == CaseStatus.IN_PROGRESS:
        status = _("cancelled; what was sent is followed to its end")
    elif case.held_at:
        status = _("on hold")
    return Conflict("wrong_state", _("This is not possible now: the case is %(status)s.") % {"status": status})


def move_case(case: Case, to: CaseStatus, **fields: Any) -> None:
    if to not in CASE_MOVES.get(CaseStatus(case.status), frozenset()):
        raise wrong_state(case)
    for name, value in {"status": to, "updated_at": clock.now(), "shred_at": None, **fields}.items():
        setattr(case, name, value)
    case.save()


def case_event(case: Case, action: str, by: Any, subject: str = "", **details: Any) -> None:
    record(action, actor=actor_of(by), case=case.reference, subject=subject or f"case:{case.pk}", **details)


def keep_note(case: Case, by: Any, text: str, *, about: str) -> dict[str, str]:
    """Keeps a note sealed; returns what an event may say of it: its id and a keyed hash."""
    try:
        text = clean_text(text, max_length=MAX_NOTE, lines=True)
    except ValueError as error:
        raise Invalid([("/note", str(error))]) from None
    if not text:
        return {}
    note = Note(id=uuid.uuid4(), case=case, author=by, about=about, at=clock.now())
    note.seal("text", text)
    note.save(force_insert=True)
    return {"note": f"note:{note.pk}", "note_hash": keyed_digest(case.data_key, "note", text.encode())}


def required_note(case: Case, by: Any, text: str, sub_task: SubTask) -> dict[str, str]:
    if noted := keep_note(case, by, text, about=f"sub_task:{sub_task.pk}"):
        return noted
    raise Invalid([("/note", _("Say in a note what was seen or done: it is the evidence."))])


def move(sub_task: SubTask, to: SubTaskStatus, **fields: Any) -> None:
    """One conditional update of one row: the status it was read with must still stand, or Conflict."""
    if to not in SUBTASK_MOVES.get(SubTaskStatus(sub_task.status), frozenset()):
        raise Conflict("wrong_state", _("This vendor work is %(status)s.") % {"status": sub_task.get_status_display()})
    found = SubTask.objects.filter(pk=sub_task.pk, status=sub_task.status, epoch=sub_task.epoch)
    if found.update(status=to, **fields) != 1:
        raise Conflict("changed", _("This vendor work has just changed. Nothing was done; read it again, then decide."))
    for name, value in {"status": to, **fields}.items():
        setattr(sub_task, name, value)


def end(sub_task: SubTask, to: SubTaskStatus, *, event: str, by: Any = None, reason: str = "", **details: Any) -> None:
    """Ends a sub-task and says so."""
    reason = reason or sub_task.reason
    cleared = {"attention_code": "", "attention_text": "", "next_at": None, "lease_until": None}
    move(sub_task, to, ended_at=clock.now(), reason=reason, assurance=sub_task.assurance, **cleared)
    if to != SubTaskStatus.DONE:
        details["reason"] = reason
    work_event(sub_task, event, by, **details)


def told(sub_task: SubTask) -> dict[str, Any]:
    """What an event says of the outcome of a sub-task: of the whole, and of each identifier as "<id> <outcome> <held>
    <assurance>"."""
    uses = list(sub_task.identifiers.order_by("id"))
    return {
        "outcomes": sorted({use.outcome for use in uses}),
        "held": sub_task.held(),
        "assurance": sub_task.assurance,
        "identifiers": [f"{use.identifier_id} {use.outcome} {use.held} {use.assurance}" for use in uses[:MOST_TOLD]],
        **({"identifiers_left_out": len(uses) - MOST_TOLD} if len(uses) > MOST_TOLD else {}),
    }


def work_event(sub_task: SubTask, action: str, by: Any = None, **details: Any) -> None:
    """An event about one vendor's part; `by` None means the worker."""
    case = sub_task.case
    record(
        action,
        actor=actor_of(by) if by else "system:worker",
        case=case.reference,
        subject=f"sub_task:{sub_task.pk}",
        vendor=sub_task.vendor.slug,
        **details,
    )
    Case.objects.filter(pk=case.pk).update(updated_at=clock.now())


def close_if_ended(case: Case) -> None:
    """Ends a case whose vendors have all ended; one that is only asked again holds it up no longer. Call it under the
    case's lock."""
    if case.status != CaseStatus.IN_PROGRESS or open_revision(case):
        return
    if case.identifiers.filter(state=IdentifierState.PROPOSED).exists():
        return
    sub_tasks = list(case.sub_tasks.filter(follows=None).exclude(revision__status=RevisionStatus.DISCARDED))
    if any(sub_task.status not in ENDED for sub_task in sub_tasks):
        return
    uses = SubTaskIdentifier.objects.filter(sub_task__case=case, sub_task__follows=None)
    # What a vendor found and people dismissed was not asked for: leaving it out leaves nothing undone.
    uses = uses.exclude(identifier__origin=Origin.DISCOVERED, identifier__state=IdentifierState.DISMISSED)
    outcomes = set(uses.values_list("outcome", flat=True))
    stopped = any(sub_task.status == SubTaskStatus.STOPPED for sub_task in sub_tasks)
    if case.cancelled_at and not any(_has_begun(sub_task) for sub_task in sub_tasks):
        status = CaseStatus.CANCELLED
    elif stopped or case.cancelled_at or outcomes & {Outcome.FAILED, Outcome.REFUSED}:
        status = CaseStatus.PARTLY_COMPLETED
    else:
        status = CaseStatus.COMPLETED
    move_case(case, status, closed_at=clock.now())
    register.enter(case)
    suppression.ended(case)
    record(actions.CASE_CLOSED, actor="system:worker", case=case.reference, subject=f"case:{case.pk}", status=status)


def _has_begun(sub_task: SubTask) -> bool:
    """Whether something was sent, or a person did the vendor's part by hand. A search that found nobody is neither."""
    by_hand = sub_task.status == SubTaskStatus.DONE and sub_task.reason != "searched_none"
    return by_hand or sub_task.sent_at is not None


def open_revision(case: Case) -> PlanRevision | None:
    """The plan version that is not yet approved, if there is one."""
    return case.revisions.filter(status=RevisionStatus.OPEN).first()


def stop_unsent(sub_task: SubTask) -> bool:
    """In a cancelled case: stops a sub-task that has not asked its vendor to change anything. One that is being sent at
    this moment is left to its worker, which asks here again. Returns whether it was stopped."""
    if sub_task.committed_at or sub_task.status == SubTaskStatus.RUNNING:
        return False
    reason = "stopped_before_effect" if sub_task.sent_at else "stopped_before_sending"
    end(sub_task, SubTaskStatus.STOPPED, reason=reason, event=actions.WORK_STOPPED)
    return True
