"""What somebody who leaves looks after, and who does it from now on.

Whoever carries this out has the command line; `by` is an account or an actor word."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from compliance import clock
from erasure import absences, lifecycle
from erasure.models import Absence, Case, PlanParty
from erasure.states import CaseStatus, RevisionStatus, Role


@dataclass(frozen=True)
class Held:
    """`handled`: the open cases that a person is the handler of; `drafts`: those they opened, not submitted and in
    nobody else's hands; `stuck`: cases whose plan nobody could approve without them; `absences`: theirs, and
    `deputising`: those of others in which they stand in, as far as they are not over."""

    handled: list[Case]
    drafts: list[Case]
    stuck: list[Case]
    absences: list[Absence]
    deputising: list[Absence]


def held_by(person: Any) -> Held:
    open_ = Case.objects.filter(closed_at=None).order_by("due_on", "pk")
    to_come = Absence.objects.filter(until_on__gte=clock.today()).select_related("person", "deputy").order_by("from_on")
    return Held(
        handled=list(open_.filter(handler=person)),
        drafts=list(open_.filter(opened_by=person, handler=None, status=CaseStatus.DRAFT)),
        stuck=_stuck_without(person),
        absences=list(to_come.filter(person=person)),
        deputising=list(to_come.filter(deputy=person)),
    )


def _stuck_without(person: Any) -> list[Case]:
    others = set(absences.approvers().exclude(pk=person.pk).values_list("pk", flat=True))
    authors: dict[Any, set[int]] = {}
    rows = PlanParty.objects.filter(
        role=Role.AUTHOR, revision__status=RevisionStatus.OPEN, revision__case__closed_at=None
    )
    for case, author in rows.exclude(revision__case__status=CaseStatus.DRAFT).values_list("revision__case", "person"):
        authors.setdefault(case, set()).add(author)
    stuck = [case for case, by in authors.items() if not others - by]
    return list(Case.objects.filter(pk__in=stuck).order_by("due_on", "pk"))


def hand_over(held: Held, to: Any, *, by: Any) -> int:
    """Makes `to` the handler of what a person looked after; returns how many cases. Each leaves its event."""
    for case in (*held.handled, *held.drafts):
        lifecycle.assign(case, by=by, handler=to)
    return len(held.handled) + len(held.drafts)


def end_absences(held: Held, *, by: Any) -> None:
    """Takes back the absences that nobody needs any more, and those that have no deputy any more."""
    with transaction.atomic():
        for absence in (*held.absences, *held.deputising):
            absences.remove(absence, by=by)
