"""Cases at their end, and time that is over."""

from datetime import timedelta

from django.db import transaction

from erasure import lifecycle, retention
from erasure.models import Case, SubTask
from erasure.states import Outcome, SubTaskStatus
from tests.factories import approved_case, opened_case, person


def ended_case(*, answered: bool = True, **values: object) -> Case:
    """A case that every vendor has done its part of. Make the vendors first."""
    case = approved_case(**values)
    for sub_task in case.sub_tasks.select_related("vendor"):
        with transaction.atomic():
            sub_task.case = Case.locked().get(pk=case.pk)
            sub_task.identifiers.update(outcome=Outcome.ERASED, held="yes", assurance="confirmed")
            SubTask.objects.filter(pk=sub_task.pk).update(status=SubTaskStatus.DONE, next_at=None)
            lifecycle.close_if_ended(sub_task.case)
    case = Case.objects.get(pk=case.pk)
    if answered:
        lifecycle.reply(case, by=person("olive"), channel="email", note="Answered.")
    return case


def cancelled_case(reason: str = "withdrawn", **values: object) -> Case:
    case = opened_case(**values)
    lifecycle.cancel(case, by=person("olive"), reason=reason)
    return case


def rejected_case(*, answered: bool = True) -> Case:
    case = opened_case(submit=True)
    lifecycle.reject(case, by=person("ada"), ground="unfounded")
    if answered:
        lifecycle.reply(case, by=person("olive"), channel="email")
    return case


def anew(case: Case) -> Case:
    return Case.objects.get(pk=case.pk)


def asked_for(case: Case, *, by: str = "olive") -> Case:
    """One person asks for the destruction."""
    retention.ask(case, by=person(by, "intake"), reason="person_asks", note="She asks for it.")
    return anew(case)


def shredded(case: Case) -> Case:
    retention.shred(case, actor="system:retention", why="time_over")
    return anew(case)


DAY = timedelta(days=1)
