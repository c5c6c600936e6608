"""Changes of a whole case."""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.record import actor_of
from erasure import actions, dispatch, planning
from erasure.errors import Conflict, Forbidden, Invalid
from erasure.models import Case, PlanParty, PlanRevision
from erasure.states import (
    CASE_MOVES,
    CLAIMABLE,
    ENDED,
    CancelReason,
    CaseStatus,
    IdentifierState,
    Outcome,
    RevisionStatus,
    Role,
    SubTaskStatus,
)

from .identity import why_not_identified
from .ledger import add_standing
from .proposals import note_undecided, restate
from .refusals import check_ground
from .shared import (
    be_newest,
    case_event,
    changing,
    check_words,
    close_if_ended,
    end,
    expect,
    keep_note,
    late_for_refusal,
    move_case,
    open_revision,
    stop_unsent,
    wrong_state,
)
from .starting import start


def submit(case: Case, *, by: Any) -> None:
    """Draft → awaiting approval, with a plan."""
    with changing(case, by) as case:
        expect(case, CaseStatus.DRAFT)
        if not case.identifiers.filter(state=IdentifierState.ACCEPTED).exists():
            raise Conflict("no_identifiers", _("The case has no identifier. Add one, then submit it."))
        revision = planning.redraw(case)
        if revision is None or not revision.sub_tasks.exists():
            raise _no_vendors()
        move_case(case, CaseStatus.AWAITING_APPROVAL)
        case_event(
            case, actions.CASE_SUBMITTED, by, f"plan:{revision.pk}", revision=revision.number, digest=revision.digest
        )


def _no_vendors() -> Conflict:
    return Conflict("no_vendors", _("There is no enabled vendor, so there is nothing to approve."))


def approve(case: Case, *, by: Any, digest: str, note: str = "") -> None:
    """Approves the open plan version whose digest is `digest`, and sets its work going.

    Raises Forbidden for whoever opened the case or changed that version; Conflict when nothing awaits approval or the
    plan is not (or no longer) the one with this digest. A plan that has gone stale is drawn again before the refusal,
    so that the next reader sees what would really be done. Raises Unavailable as `be_newest` does."""
    be_newest()
    with changing(case, by) as case:
        revision = open_revision(case)
        if revision is None or case.status not in (CaseStatus.AWAITING_APPROVAL, CaseStatus.IN_PROGRESS):
            raise Conflict("nothing_to_approve", _("No plan of this case awaits approval."))
        if reason := why_not_approve(revision, by):
            raise Forbidden("four_eyes", reason)
        if refused := why_not_identified(case):
            raise refused
        stale = not planning.is_current(case, revision)
        if stale:
            planning.redraw(case)
        elif digest != revision.digest:
            stale = True
        elif not revision.sub_tasks.exists():
            raise _no_vendors()
        else:
            _approve(case, revision, by, note)
    if stale:
        raise Conflict(
            "plan_changed",
            _("The plan has changed since it was read. Nothing was approved. Read it again, then decide."),
        )


def why_not_approve(revision: PlanRevision, person: Any) -> str:
    """Why `person` may not approve this plan version, or an empty text. Superusers and service accounts included."""
    if any(party.person_id == person.pk and party.role == Role.AUTHOR for party in revision.parties.all()):
        return author_may_not(revision.case, person)
    return ""


def author_may_not(case: Case, person: Any) -> str:
    """Why `person`, an author of the case's open plan version, may not approve it."""
    if case.opened_by_id == person.pk:
        return _("You opened this case; another person must approve it.")
    return _("You changed this plan; another person must approve it.")


def _approve(case: Case, revision: PlanRevision, by: Any, note: str) -> None:
    now = clock.now()
    try:
        with transaction.atomic():
            PlanParty.objects.create(revision=revision, person=by, role=Role.APPROVER, at=now)
    except IntegrityError:  # the database's own four-eyes rule
        raise Forbidden("four_eyes", _("Another person must approve this plan.")) from None
    changed = PlanRevision.objects.filter(pk=revision.pk, status=RevisionStatus.OPEN).update(
        status=RevisionStatus.APPROVED, approved_at=now
    )
    if changed != 1:
        raise Conflict(
            "nothing_to_approve", _("Somebody else has just decided about this plan. Your decision changed nothing.")
        )
    noted = keep_note(case, by, note, about=f"plan:{revision.pk}")
    case_event(
        case,
        actions.CASE_APPROVED,
        by,
        f"plan:{revision.pk}",
        revision=revision.number,
        digest=revision.digest,
        **noted,
    )
    start(case, revision, by)
    if case.status == CaseStatus.AWAITING_APPROVAL:
        move_case(case, CaseStatus.IN_PROGRESS)
        add_standing(case, by=by)
    _replace_waiting(case, revision)
    close_if_ended(case)


def _replace_waiting(case: Case, revision: PlanRevision) -> None:
    """A vendor that waited for an identifier and now has one is served by the new plan version."""
    served = revision.sub_tasks.exclude(reason=planning.NO_IDENTIFIER).values_list("vendor_id", flat=True)
    waiting = case.sub_tasks.filter(status=SubTaskStatus.AWAITING_IDENTIFIER, vendor__in=list(served))
    for sub_task in waiting.exclude(revision=revision).select_related("vendor"):
        end(sub_task, SubTaskStatus.SKIPPED, reason="replaced", event=actions.WORK_SKIPPED)


def reject(case: Case, *, by: Any, ground: str, note: str = "") -> None:
    """Refuses the request (GDPR art. 12(4), 17(3)). In a case under way, refuses the open plan version alone."""
    check_ground(ground)
    with changing(case, by) as case:
        revision = open_revision(case)
        if case.status == CaseStatus.IN_PROGRESS and revision:
            noted = keep_note(case, by, note, about=f"plan:{revision.pk}")
            _discard(case, revision, by, refuse=True, ground=ground, **late_for_refusal(case), **noted)
            close_if_ended(case)
            return
        expect(case, CaseStatus.DRAFT, CaseStatus.AWAITING_APPROVAL)
        if revision:
            _discard(case, revision, by, refuse=True)
        case.refusal_ground = ground
        noted = keep_note(case, by, note, about="rejection")
        move_case(case, CaseStatus.REJECTED, closed_at=clock.now())
        case_event(case, actions.CASE_REJECTED, by, ground=ground, **late_for_refusal(case), **noted)


def _discard(case: Case, revision: PlanRevision, by: Any, *, refuse: bool = False, **details: Any) -> None:
    """`refuse`: what it held is refused, and in a case under way its identifiers are dismissed, unless an approved plan
    version uses them."""
    approved = case.identifiers.filter(uses__sub_task__revision__status=RevisionStatus.APPROVED).values("pk")
    PlanRevision.objects.filter(pk=revision.pk, status=RevisionStatus.OPEN).update(status=RevisionStatus.DISCARDED)
    for sub_task in revision.sub_tasks.select_related("vendor"):
        end(sub_task, SubTaskStatus.SKIPPED, reason="discarded", event=actions.WORK_SKIPPED, by=by)
        if refuse:
            sub_task.identifiers.update(outcome=Outcome.REFUSED)
        if refuse and case.status == CaseStatus.IN_PROGRESS:
            added = case.identifiers.filter(uses__sub_task=sub_task, state=IdentifierState.ACCEPTED)
            restate(case, added.exclude(pk__in=approved), IdentifierState.DISMISSED, actions.IDENTIFIER_DISMISSED, by)
    case_event(case, actions.PLAN_DISCARDED, by, f"plan:{revision.pk}", revision=revision.number, **details)


def cancel(case: Case, *, by: Any, reason: str, note: str = "", duplicate_of: str = "") -> None:
    """Stops what is unsent; what was sent is followed to its end.

    A case of which nothing was sent ends cancelled; any other goes on until its sent work has ended, and then ends
    partly completed."""
    problems = []
    if reason not in CancelReason.values:
        problems.append(("/reason", _("Choose a reason: %(all)s.") % {"all": ", ".join(CancelReason.values)}))
    named = duplicate_of if duplicate_of.isprintable() else ""  # PostgreSQL takes no NUL in a text
    original = Case.objects.filter(reference=named).exclude(pk=case.pk).first() if named else None
    if duplicate_of and original is None:
        problems.append(("/duplicate_of", _("There is no other case with this reference.")))
    elif reason == CancelReason.DUPLICATE and original is None:
        problems.append(("/duplicate_of", _("Name the reference of the case that this one repeats.")))
    if problems:
        raise Invalid(problems)
    with changing(case, by) as case:
        if case.cancelled_at or case.status not in CASE_MOVES:
            raise wrong_state(case)
        case.cancel_reason, case.duplicate_of, case.cancelled_at = reason, original, clock.now()
        case.held_at = None  # what was sent is followed to its end
        noted = keep_note(case, by, note, about="cancelling")
        case_event(case, actions.CASE_CANCELLED, by, reason=reason, **noted)
        if revision := open_revision(case):
            _discard(case, revision, by)
        note_undecided(case, by)
        for sub_task in case.sub_tasks.exclude(status__in=ENDED).select_related("vendor"):
            stop_unsent(sub_task)
        if case.status == CaseStatus.IN_PROGRESS:
            case.save()
            close_if_ended(case)
        else:
            move_case(case, CaseStatus.CANCELLED, closed_at=clock.now())


def hold(case: Case, *, by: Any, note: str = "") -> None:
    """No further call is made for the case until it is released; the legal clock runs on. One that has ended keeps its
    personal data until then (a legal hold)."""
    with changing(case, by) as case:
        if case.held_at:
            raise wrong_state(case)
        case.held_at = clock.now()
        case_event(case, actions.CASE_HELD, by, **keep_note(case, by, note, about="hold"))


def release(case: Case, *, by: Any, note: str = "") -> None:
    """Ends a hold."""
    with changing(case, by) as case:
        if not case.held_at:
            raise Conflict("not_held", _("The case is not on hold. Nothing was changed."))
        case.held_at = None
        now = clock.now()  # the hold was not the vendor's silence; what is to be asked again later has not begun
        case.sub_tasks.filter(status__in=CLAIMABLE, step_since__lt=now).update(step_since=now)
        case_event(case, actions.CASE_RELEASED, by, **keep_note(case, by, note, about="hold"))
        dispatch.wake(case.sub_tasks.values_list("vendor_id", flat=True))


def reply(case: Case, *, by: Any, channel: str, note: str = "") -> None:
    """Records that the person was answered, once and now: the time that the law gives ends here, whatever vendors have
    still to do. Raises Conflict for a case that was answered, is a draft or was cancelled."""
    check_words(channel)
    with changing(case, by) as case:
        if case.replied_at:
            raise Conflict("already_answered", _("A reply was recorded before. Nothing was changed."))
        if case.cancelled_at or case.status == CaseStatus.DRAFT:
            raise wrong_state(case)
        case.replied_at, case.reply_channel = clock.now(), channel
        noted = keep_note(case, by, note, about="reply")
        case_event(case, actions.CASE_REPLIED, by, channel=channel, **noted)


def assign(case: Case, *, by: Any, handler: Any) -> None:
    """Makes `handler` (an account, or None) the one who looks after the case."""
    with changing(case, by) as case:
        case.handler = handler
        case_event(case, actions.CASE_ASSIGNED, by, handler=actor_of(handler) if handler else None)


def add_note(case: Case, *, by: Any, text: str) -> None:
    with changing(case, by) as case:
        if not (noted := keep_note(case, by, text, about="case")):
            raise Invalid([("/note", _("The note is empty."))])
        case_event(case, actions.NOTE_ADDED, by, **noted)
