"""When the personal data of a case is destroyed by itself: a pure function of the case and of its law's rules."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils.timezone import get_default_timezone

from compliance import clock
from compliance.deadlines import NEVER
from erasure import evidence
from erasure.models import Case
from erasure.states import CancelReason, CaseStatus


@dataclass(frozen=True)
class Rule:
    """`name` is a field of `Keeping`; `since`: the day from which it counts; `on`: the day on which it ends, NEVER for
    one that does not end by itself."""

    name: str
    since: date
    on: date


def rule_of(case: Case) -> Rule | None:
    """The rule that a case falls under. None while none does: it goes on, its reply is still owed, its restriction is
    in force, it is on hold, or its data was destroyed."""
    if case.shredded_at or case.held_at:
        return None
    if case.status == CaseStatus.DRAFT:
        return _rule(case, "draft_days", case.updated_at)
    restricts = case.restricted_at and not case.lifted_at
    if case.closed_at is None or case.is_unanswered or restricts:
        return None
    if case.status == CaseStatus.CANCELLED:
        mistaken = case.cancel_reason == CancelReason.MISTAKEN
        return _rule(case, "mistaken_days" if mistaken else "cancelled_days", case.closed_at)
    known = (case.closed_at, case.replied_at, case.lifted_at)
    name = "refused_months" if case.status == CaseStatus.REJECTED else "answered_months"
    return _rule(case, name, max(at for at in known if at))


def _rule(case: Case, name: str, since: datetime) -> Rule:
    day = since.astimezone(get_default_timezone()).date()
    return Rule(name, day, evidence.policy(case).ends_on(name, day))


def noticed(rule: Rule | None, before: date | None = None) -> date | None:
    """The date to give to a case: the rule's, but no sooner than the notice that people get of it, unless they had it
    by the date from before."""
    if rule is None:
        return None
    soonest = clock.today() + timedelta(days=settings.RETENTION_NOTICE_DAYS)
    if rule.on >= soonest:
        return rule.on
    return max(rule.on, min(before, soonest)) if before else soonest


def shown(case: Case) -> date | None:
    """The date of a case, for people; None where it has none, or will never have one by itself."""
    return case.shred_at if case.shred_at and case.shred_at != NEVER and rule_of(case) else None


def soon() -> Q:
    """The cases whose personal data is destroyed within the notice, for a query."""
    until = clock.today() + timedelta(days=settings.RETENTION_NOTICE_DAYS)
    return Q(shred_at__lte=until, shred_at__isnull=False, shredded_at__isnull=True, held_at__isnull=True)
