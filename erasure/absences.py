"""Absences: recorded, changed, taken back; and who stands in for whom.

A deputy is told of what the absent person would be told of. It gives them no right: they need the permission to approve
themselves, and four eyes hold for them as for everybody."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.record import actor_of, record
from erasure import actions
from erasure.errors import Invalid
from erasure.models import Absence

APPROVES = "erasure.approve_case"


def approvers() -> QuerySet[Any]:
    """The people who may approve plans of others: those who can be a deputy."""
    people: Any = get_user_model()._default_manager
    found: QuerySet[Any] = people.with_perm(APPROVES).filter(is_staff=True, is_service=False)
    return found


def save(absence: Absence, *, by: Any) -> Absence:
    """Records an absence, or its change. Raises Invalid for days out of order or over, for a deputy who may not approve
    or is away meanwhile, and where the person has another absence then."""
    with transaction.atomic():
        # Two that would make each other the deputy wait for one another here.
        both = get_user_model()._default_manager.filter(pk__in=(absence.person_id, absence.deputy_id))
        list(both.select_for_update().order_by("pk"))
        if problems := wrong(absence):
            raise Invalid(problems)
        absence.save()
        _tell(actions.ABSENCE_SAVED, absence, by)
    return absence


def remove(absence: Absence, *, by: Any) -> None:
    """Takes an absence back, whether it has begun or not."""
    with transaction.atomic():
        _tell(actions.ABSENCE_REMOVED, absence, by)
        absence.delete()


def _tell(action: str, absence: Absence, by: Any) -> None:
    record(
        action,
        actor=actor_of(by),
        subject=f"absence:{absence.pk}",
        person=actor_of(absence.person),
        deputy=actor_of(absence.deputy),
        from_on=absence.from_on.isoformat(),
        until_on=absence.until_on.isoformat(),
    )


def wrong(absence: Absence) -> list[tuple[str, str]]:
    """What is wrong with an absence: pairs of a JSON pointer and a sentence."""
    itself = absence.deputy_id == absence.person_id
    found = [("/deputy", _("Nobody stands in for themselves."))] if itself else []
    if absence.until_on < absence.from_on:
        return [("/until_on", _("The last day cannot come before the first.")), *found]
    if absence.until_on < clock.today():
        found.append(("/until_on", _("This day is over.")))
    meanwhile = Absence.objects.exclude(pk=absence.pk).filter(
        from_on__lte=absence.until_on, until_on__gte=absence.from_on
    )
    if meanwhile.filter(person=absence.person_id).exists():
        found.append(("/from_on", _("There is another absence on some of these days: change that one.")))
    if itself:
        return found
    if not approvers().filter(pk=absence.deputy_id).exists():
        found.append(("/deputy", _("The deputy must be in use and hold a role that approves cases.")))
    elif meanwhile.filter(person=absence.deputy_id).exists():
        found.append(("/deputy", _("The deputy is away on some of these days: choose somebody else.")))
    return found


# --- who stands in ----------------------------------------------------------------------------------------------------


def running(on: date | None = None) -> QuerySet[Absence]:
    day = on or clock.today()
    return Absence.objects.filter(from_on__lte=day, until_on__gte=day).select_related("person", "deputy")


def deputies(person: Any, absent: Iterable[Absence]) -> list[Any]:
    """Who stands in for a person, by the absences that run: their deputy; if that one is away too by now, the deputy's
    own as well. Nobody twice, whatever the rows say; nobody who is not in use or may not approve any more."""
    by_person = {absence.person_id: absence for absence in absent}
    found, seen, at = [], {person.pk}, by_person.get(person.pk)
    while at and at.deputy_id not in seen:
        seen.add(at.deputy_id)
        if at.deputy.is_active and at.deputy.has_perm(APPROVES):
            found.append(at.deputy)
        at = by_person.get(at.deputy_id)
    return found
