"""Changes of the time that the law gives for the reply, and what is recorded of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from compliance import clock
from erasure import actions, due
from erasure.errors import Conflict, Invalid
from erasure.models import Case, Inquiry
from erasure.states import CaseStatus, ExtensionReason, InquiryReason

from .shared import case_event, changing, check_words, keep_note, wrong_state


def acknowledge(case: Case, *, by: Any, channel: str, note: str = "") -> None:
    """Records, once, that the person was told of the receipt of their request (11 CCR §7021(a))."""
    check_words(channel=channel)
    with changing(case, by) as case:
        if case.acknowledged_at:
            raise Conflict("already_acknowledged", _("The receipt was confirmed before. Nothing was changed."))
        if case.cancelled_at:
            raise wrong_state(case)
        case.acknowledged_at = clock.now()
        noted = keep_note(case, by, note, about="acknowledgement")
        case_event(case, actions.CASE_ACKNOWLEDGED, by, channel=channel, **noted)


def ask(case: Case, *, by: Any, reason: str, channel: str, on: date | None = None, note: str = "") -> None:
    """Records that the person was asked who they are or what they ask for, today or `on` a day since receipt. Where the
    law of the case lets the clock stand (UK GDPR art. 12A), it stands until the answer."""
    check_words(reason=(reason, InquiryReason), channel=channel)
    with _owing(case, by) as case:
        asked_on = _day(on, case.received_on, _("The person cannot be asked before the request came in."))
        try:
            with transaction.atomic():
                Inquiry.objects.create(case=case, reason=reason, asked_on=asked_on)
        except IntegrityError:
            text = _("The person was asked this before and has not answered yet. Nothing was changed.")
            raise Conflict("already_asked", text) from None
        _reckon_anew(case, reason)
        noted = keep_note(case, by, note, about="question")
        case_event(
            case,
            actions.CASE_ASKED,
            by,
            reason=reason,
            channel=channel,
            asked_on=asked_on.isoformat(),
            due_on=case.due_on.isoformat(),
            **noted,
        )


def answered(case: Case, *, by: Any, reason: str, on: date | None = None, note: str = "") -> None:
    """Records that the person has answered what they were asked, today or `on` a day since they were: the clock goes
    on the day after."""
    check_words(reason=(reason, InquiryReason))
    with _owing(case, by) as case:
        inquiry = case.inquiries.filter(reason=reason, answered_on=None).first()
        if inquiry is None:
            raise Conflict("not_asked", _("The person has not been asked this. Nothing was changed."))
        inquiry.answered_on = _day(on, inquiry.asked_on, _("The answer cannot come before the question."))
        inquiry.save(update_fields=["answered_on"])
        _reckon_anew(case, reason)
        noted = keep_note(case, by, note, about="question")
        case_event(
            case,
            actions.CASE_ANSWERED,
            by,
            reason=reason,
            answered_on=inquiry.answered_on.isoformat(),
            due_on=case.due_on.isoformat(),
            **noted,
        )


def move_standing() -> None:
    """Moves on the due dates of the cases whose clock stands: with each day that a question is open."""
    open_ = Inquiry.objects.filter(answered_on=None, case__in=Case.objects.filter(Case.unanswered()))
    found = open_.values_list("case", "case__regime", "reason")
    for pk in {case for case, regime, reason in found if due.stands_for(regime, reason)}:
        with transaction.atomic():
            case = Case.locked().get(pk=pk)
            before, case.due_on = case.due_on, due.reckoning(case).due_on
            if case.due_on != before:
                case.save(update_fields=["due_on"])


def _reckon_anew(case: Case, reason: str) -> None:
    """The due date, after a question or an answer for which the clock stands; any other leaves it as it was found."""
    if due.stands_for(case.regime, reason):
        case.due_on = due.reckoning(case).due_on


def extend(case: Case, *, by: Any, reason: str, channel: str, note: str = "") -> None:
    """Records that the person was told, with the reasons, that the reply takes longer, and moves the due date (GDPR
    art. 12(3); 11 CCR §7021(b)).

    Raises Conflict where the law of the case knows no extension, once the first deadline has ended, the second time,
    and for a case that owes no reply or is a draft."""
    check_words(reason=(reason, ExtensionReason), channel=channel)
    with _owing(case, by) as case:
        if case.status == CaseStatus.DRAFT:
            raise wrong_state(case)
        if refused := why_not_extend(case):
            raise refused
        first, case.extended_at = case.due_on, clock.now()
        case.due_on = due.reckoning(case).due_on
        noted = keep_note(case, by, note, about="extension")
        case_event(
            case,
            actions.CASE_EXTENDED,
            by,
            reason=reason,
            channel=channel,
            due_before=first.isoformat(),
            due_on=case.due_on.isoformat(),
            **noted,
        )


def why_not_extend(case: Case) -> Conflict | None:
    """Why the time cannot be extended, whoever asks; None if it can."""
    if case.extended_at:
        return Conflict(
            "already_extended", _("The time was extended before, and can be only once. Nothing was changed.")
        )
    longer = due.reckoning(case).extended_due_on
    if longer is None or longer <= case.due_on:
        return Conflict("no_extension", _("The law of this case knows no extension. Nothing was changed."))
    if clock.today() > case.due_on:
        text = _(
            "The time ended on %(day)s, and an extension must be told to the person before that. Nothing was changed."
        )
        return Conflict("too_late_to_extend", text % {"day": case.due_on.isoformat()})
    return None


# --- what they share --------------------------------------------------------------------------------------------------


@contextmanager
def _owing(case: Case, by: Any) -> Iterator[Case]:
    """A case that owes a reply, locked."""
    with changing(case, by) as case:
        if case.replied_at:
            raise Conflict("already_answered", _("A reply was recorded before. Nothing was changed."))
        if case.cancelled_at:
            raise wrong_state(case)
        yield case


def _day(given: date | None, earliest: date, too_early: str) -> date:
    """Today, or a day of the past that is not before `earliest`."""
    today = clock.today()
    if given and given > today:
        raise Invalid([("/on", _("This day is still to come."))])
    if given and given < earliest:
        raise Invalid([("/on", too_early)])
    return given or today
