"""How the case stands for the person who looks: what the next action is computed from, and what is said of it."""

from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from compliance import clock
from erasure import lifecycle, recipients, retention
from erasure.errors import Conflict
from erasure.models import PlanRevision, SubTask
from erasure.states import CLAIMABLE, CaseStatus, IdentifierState, SubTaskStatus
from erasure.waiting import for_a_person, notice, until

from ..deeds import CASE_DEEDS, WORK_DEEDS, awaits_approval
from .facts import Facts
from .next_action import Part, Situation

_AT_WORK = CLAIMABLE | {SubTaskStatus.RUNNING}


def situation(facts: Facts) -> Situation:
    """How the case stands for `facts.user`."""
    case, revision = facts.case, facts.open_revision
    awaiting = revision if awaits_approval(case, revision) else None
    asks = [(sub_task, says) for sub_task in facts.work if (says := for_a_person(sub_task))]
    at_work = [sub_task for sub_task in facts.work if sub_task.status in _AT_WORK]
    return Situation(
        status=CaseStatus(case.status),
        held=bool(case.held_at),
        shredding=retention.asked(case) is not None,
        why_not_shred=retention.why_not_approve(case, facts.user),
        shredded=bool(case.shredded_at),
        cancelled=bool(case.cancelled_at),
        answered=bool(case.replied_at),
        days_left=(case.due_on - clock.today()).days,
        has_identifier=any(item.state == IdentifierState.ACCEPTED for item in facts.identifiers),
        open_plan=awaiting.number if awaiting else None,
        why_not=_why_not(facts, awaiting) if awaiting else "",
        identify=_text(lifecycle.why_not_identified(case)) if awaiting else "",
        notice=notice(case),
        suggestions=sum(item.state == IdentifierState.PROPOSED for item in facts.identifiers),
        parts=tuple(
            Part(sub_task.pk, str(sub_task.vendor), SubTaskStatus(sub_task.status), says) for sub_task, says in asks
        ),
        at_work=tuple(dict.fromkeys(str(sub_task.vendor) for sub_task in at_work)),
        asked_next=_asked_next(at_work),
        untold=sum(line.is_open for line in recipients.lines(case)),
        may=may(facts.user),
    )


def _why_not(facts: Facts, awaiting: PlanRevision) -> str:
    return lifecycle.why_not_approve(awaiting, facts.user) or _text(lifecycle.why_not_identified(facts.case))


def _text(refused: Conflict | None) -> str:
    return refused.text if refused else ""


def may(user: Any) -> frozenset[str]:
    """The names of the deeds that a person's permissions allow."""
    return frozenset(name for name, deed in (CASE_DEEDS | WORK_DEEDS).items() if user.has_perm(deed.permission))


def _asked_next(at_work: list[SubTask]) -> str:
    """When the first of them is asked next; empty where something else comes before."""
    times = [sub_task.next_at for sub_task in at_work if sub_task.next_at and until(sub_task)]
    if not times or (first := min(times)) <= clock.now():
        return ""
    text = _("The next time one of them is asked: %(at)s.")
    return text % {"at": date_format(localtime(first), "SHORT_DATETIME_FORMAT")}
