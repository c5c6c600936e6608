"""When a person was answered, counted as the law counts: in days of the desk's zone. Needs no clock."""

from dataclasses import dataclass
from datetime import date

from django.utils.timezone import get_default_timezone

from erasure.models import Case


@dataclass(frozen=True)
class Answer:
    """`days` from the day of receipt to the day of the reply; `late` how many days after the last one that the law
    gives, 0 or less if in time."""

    on: date
    days: int
    late: int


def answer(case: Case) -> Answer | None:
    """How the person was answered, or None as long as they were not."""
    if not case.replied_at:
        return None
    on = case.replied_at.astimezone(get_default_timezone()).date()
    return Answer(on, (on - case.received_on).days, (on - case.due_on).days)
