"""Before the due date: what is not settled by then is put before those who can, once a case and stage."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError

from compliance import clock
from erasure import lifecycle
from erasure.models import Case, Escalation

from .found import MADE_UP_FOR
from .staff import Staff, running, with_stage

log = logging.getLogger(__name__)
AT_ONCE = 200  # cases in one go


def escalate() -> None:
    """Escalates what is near its due date, and ends what is settled. Safe at any time, on any number of hosts."""
    settle()
    today = clock.today()
    near = (today - MADE_UP_FOR, today + timedelta(days=settings.ESCALATION_DAYS))
    cases = Case.objects.filter(Case.unanswered(), due_on__range=near)
    escalated = set(Escalation.objects.filter(case__in=cases).values_list("case", "stage"))
    found = []
    for case in with_stage(cases).order_by("due_on", "id").iterator(chunk_size=AT_ONCE):
        stage = lifecycle.stage_of(case)
        if stage and (case.pk, stage) not in escalated:
            found.append((case, stage))
        if len(found) == AT_ONCE:
            break
    staff = Staff(case.pk for case, _stage in found) if found else None
    for case, stage in found:
        assert staff
        told = staff.told(case, stage)
        try:
            lifecycle.escalate(case, stage, told=told.people, nobody=told.nobody)
        except DatabaseError:
            raise
        except Exception as error:  # one case must not hold up the others
            log.error("case %s could not be escalated: %s", case.reference, type(error).__name__)


def settle() -> None:
    """Ends escalations of what is settled, forgets those of a date that has moved away, and looks anew whether there is
    anybody who may go on."""
    now = clock.now()
    away = clock.today() + timedelta(days=settings.ESCALATION_DAYS)
    Escalation.objects.filter(case__in=Case.objects.filter(Case.unanswered(), due_on__gt=away)).delete()
    rows = running()
    staff = Staff(row.case_id for row in rows) if rows else None
    for row in rows:
        assert staff
        stage = lifecycle.stage_of(row.case)
        if stage != row.stage:
            Escalation.objects.filter(pk=row.pk).update(ended_at=now)
        elif (nobody := staff.told(row.case, stage).nobody) != row.nobody:
            Escalation.objects.filter(pk=row.pk).update(nobody=nobody)
