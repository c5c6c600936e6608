"""By hand: one person asks for the destruction of a case's personal data, and another approves it."""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.record import actor_of
from erasure import actions
from erasure.errors import Conflict, Forbidden, Invalid
from erasure.lifecycle import be_newest, changing
from erasure.lifecycle.shared import case_event, keep_note
from erasure.models import Case, Shredding
from erasure.states import SHRED_REASONS

from .destroying import shred
from .obstacles import why_not


def asked(case: Case) -> Shredding | None:
    """What was asked for and is neither approved nor withdrawn."""
    found: Shredding | None = getattr(case, "shredding", None)
    return found if found and found.at is None else None


def may_ask(case: Case) -> bool:
    """Whether it makes sense to ask for it, as far as the case alone tells."""
    ended = case.closed_at is not None and not case.is_unanswered and not case.held_at
    restricts = case.restricted_at and not case.lifted_at
    return ended and not case.shredded_at and not restricts and asked(case) is None


def ask(case: Case, *, by: Any, reason: str, note: str = "") -> None:
    """Asks for it, with a `ShredReason`; the note is destroyed with the rest. Raises Conflict while something is in the
    way, or when somebody has asked for it before."""
    if reason not in SHRED_REASONS:
        raise Invalid([("/reason", _("Choose a reason: %(all)s.") % {"all": ", ".join(SHRED_REASONS)})])
    with changing(case, by) as case:
        if obstacle := why_not(case, by_hand=True):
            raise Conflict("wrong_state", obstacle)
        if asked(case):
            raise Conflict("shred_asked", _("Somebody has asked for it before. Nothing was changed."))
        Shredding.objects.create(case=case, reason=reason, asked_by=by, asked_at=clock.now())
        noted = keep_note(case, by, note, about="shredding")
        case_event(case, actions.SHRED_ASKED, by, reason=reason, **noted)


def withdraw(case: Case, *, by: Any, note: str = "") -> None:
    """Takes back what was asked for, by whoever asked or another; the case keeps its data. Raises Conflict when nobody
    asks for it."""
    with changing(case, by) as case:
        if not Shredding.objects.filter(case=case, at=None).delete()[0]:
            raise _not_asked()
        case_event(case, actions.SHRED_WITHDRAWN, by, **keep_note(case, by, note, about="shredding"))


def why_not_approve(case: Case, person: Any) -> str:
    """Why `person` may not approve it, or an empty text. Superusers and service accounts included."""
    found = asked(case)
    if found and found.asked_by_id == person.pk:
        return _("You have asked for the destruction; another person must approve it.")
    return ""


def approve(case: Case, *, by: Any) -> None:
    """Destroys the personal data that another person asked to destroy. Raises Forbidden for whoever asked, Conflict
    when nobody asks for it or something is in the way by now, Unavailable as `be_newest` does."""
    be_newest()
    with transaction.atomic():
        locked = Case.locked().get(pk=case.pk)
        found = asked(locked)
        if found is None:
            raise _not_asked()
        if reason := why_not_approve(locked, by):
            raise Forbidden("four_eyes", reason)
        asked_by = actor_of(found.asked_by)
        shred(locked, actor=actor_of(by), why=found.reason, asked_by=asked_by)
        try:
            with transaction.atomic():
                Shredding.objects.filter(pk=found.pk).update(approved_by=by)
        except IntegrityError:  # the database's own four-eyes rule
            raise Forbidden("four_eyes", _("Another person must approve it.")) from None


def _not_asked() -> Conflict:
    return Conflict("shred_not_asked", _("Nobody asks for the destruction of this personal data."))
