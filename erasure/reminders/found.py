"""Whom to tell of what, as the database has it now."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from typing import Any

from django.conf import settings
from django.db.models import Q

from compliance import clock
from erasure import absences, due, lifecycle
from erasure.models import Absence, Case, Escalation, Reminder
from erasure.states import Escalated, Notice

from .staff import Staff, running
from .stages import is_news, kept, reached

MADE_UP_FOR = timedelta(days=30)  # what was due before is overdue by so much that a mail tells nothing new


@dataclass(frozen=True)
class Item:
    """One thing to tell a person: the case, its date, and the distance that is reached."""

    kind: Notice
    case: Case
    day: date
    stage: int


def look() -> dict[Any, list[Item]]:
    """Person → what they are to be told now and were not. Brings what was told up to date: a date that has moved away
    is told of anew, and nothing is kept of cases that are done."""
    forget()
    absent = list(absences.running())
    told = {(row.case_id, row.kind, row.person_id): row for row in Reminder.objects.all()}
    found: dict[Any, list[Item]] = defaultdict(list)
    theirs = ((item, recipients(item.case, absent)) for item in dates())
    for item, people in chain(theirs, escalated()):
        for person in people:
            row = told.get((item.case.pk, item.kind, person.pk))
            if row and (stage := kept(item.stage, row.stage)) is not None and stage != row.stage:
                Reminder.objects.filter(pk=row.pk).update(stage=stage)
            elif is_news(item.stage, row.stage if row else None):
                found[person].append(item)
    return found


def dates() -> Iterator[Item]:
    """Each date that is so near that it is told."""
    today, distances = clock.today(), settings.REMINDERS
    if not distances:
        return
    near = Q(due_on__range=(today - MADE_UP_FOR, today + timedelta(days=max(distances))))
    for case in _open().filter(near).order_by("due_on", "reference"):
        yield from _at(Notice.REPLY, case, case.due_on, today)
    for case in to_confirm().order_by("received_on", "reference"):
        if (day := due.confirm_by(case)) and day >= today - MADE_UP_FOR:
            yield from _at(Notice.CONFIRM, case, day, today)


def _at(kind: Notice, case: Case, day: date, today: date) -> Iterator[Item]:
    stage = reached((day - today).days, settings.REMINDERS)
    if stage is not None:
        yield Item(kind, case, day, stage)


def _open() -> Any:
    shown = ("reference", "due_on", "received_on", "regime", "country", "subdivision", "handler", "opened_by")
    return Case.objects.filter(Case.unanswered()).select_related("handler", "opened_by").only(*shown, *_person())


def _person() -> Iterable[str]:
    names = ("username", "email", "is_active", "is_service")
    return (f"{role}__{name}" for role in ("handler", "opened_by") for name in names)


def to_confirm() -> Any:
    """The cases whose receipt is still to be confirmed to the person, where their law asks for it."""
    asking = [regime for regime, law in settings.REGIMES.items() if law.confirm_working_days]
    since = clock.today() - MADE_UP_FOR - timedelta(days=60)
    return _open().filter(regime__in=asking, acknowledged_at=None, received_on__gte=since)


def escalated() -> Iterator[tuple[Item, list[Any]]]:
    """What is escalated and not settled, and who is told of it."""
    rows = running()
    staff = Staff(row.case_id for row in rows)
    for row in rows:
        stage = lifecycle.stage_of(row.case)
        if stage == row.stage:
            yield Item(_notice(stage), row.case, row.case.due_on, 0), staff.told(row.case, stage).people


def _notice(stage: Escalated) -> Notice:
    return Notice(f"escalated_{stage}")


def recipients(case: Case, absent: Sequence[Absence]) -> list[Any]:
    """Who looks after the case: its handler, else whoever opened it, and who stands in for them now; nobody where that
    is a service or an account that is no longer used."""
    person = case.handler or case.opened_by
    found = [person, *absences.deputies(person, absent)]
    return [account for account in found if account.is_active and not account.is_service]


def forget() -> None:
    """Removes what was told of cases that were answered, confirmed or cancelled, and of dates that have moved away."""
    away = clock.today() + timedelta(days=max(settings.REMINDERS, default=0))
    cases = Case.objects.filter(pk__in=Reminder.objects.values("case"))  # which keeps SQLite from reading all of them
    Reminder.objects.filter(case__in=cases.exclude(Case.unanswered())).delete()
    Reminder.objects.filter(kind=Notice.REPLY, case__in=cases.filter(due_on__gt=away)).delete()
    Reminder.objects.filter(kind=Notice.CONFIRM, case__in=cases.filter(acknowledged_at__isnull=False)).delete()
    for stage in Escalated:
        told = Reminder.objects.filter(kind=_notice(stage))
        told.exclude(case__in=Escalation.objects.filter(stage=stage, ended_at=None).values("case")).delete()
