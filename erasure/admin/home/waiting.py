"""The queues: what waits, for the person who looks and for others, and what is due first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance import clock
from erasure.admin.queues import COUNTED, QUEUES, Queue
from erasure.admin.standing import DUE_SOON
from erasure.models import Case

from .facts import CountedUpTo

FIRST = 6  # cases shown of what is due, and of what awaits approval


@dataclass(frozen=True)
class Place:
    """Where a queue stands on the page: how it looks, and with which permissions one can work through it."""

    slug: str
    tone: str
    sign: str
    worked_by: tuple[str, ...]


PLACES = (
    Place("overdue", "bad", "!", ("erasure.change_case", "erasure.approve_case")),
    Place("escalated", "bad", "!", ("erasure.approve_case",)),
    Place("due-soon", "warn", "◔", ("erasure.change_case", "erasure.approve_case")),
    Place("at-risk", "warn", "▲", ("erasure.change_case", "erasure.approve_case")),
    Place("my-approval", "waiting", "◔", ("erasure.approve_case",)),
    Place("approval", "waiting", "◔", ("erasure.approve_case",)),
    Place("attention", "bad", "!", ("erasure.retry_subtask",)),
    Place("confirmation", "warn", "☐", ("erasure.attest_subtask",)),
    Place("identifier", "warn", "?", ("erasure.add_identifier",)),
    Place("proposals", "warn", "?", ("erasure.add_identifier",)),
    Place("unanswered", "warn", "✉", ("erasure.change_case",)),
    Place("to-destroy", "warn", "?", ("erasure.shred_case",)),
    Place("destroyed-soon", "quiet", "∅", ("erasure.hold_case",)),
)


@dataclass(frozen=True)
class Line:
    """One queue with its number, as the page shows it."""

    place: Place
    queue: Queue
    number: int

    @property
    def shown(self) -> str:
        return _("%(number)d+") % {"number": COUNTED} if self.number > COUNTED else str(self.number)


def _places(user: Any) -> Iterable[Place]:
    """Whoever approves sees what they may approve; others, that something awaits it."""
    left_out = "approval" if user.has_perm("erasure.approve_case") else "my-approval"
    return (place for place in PLACES if place.slug != left_out)


def questions(user: Any) -> dict[str, Any]:
    return {place.slug: CountedUpTo(QUEUES[place.slug].cases(user), COUNTED + 1) for place in _places(user)}


def lines(user: Any, numbers: dict[str, int]) -> tuple[list[Line], list[Line]]:
    """What the person can work through, and what others can."""
    yours: list[Line] = []
    others: list[Line] = []
    for place in _places(user):
        line = Line(place, QUEUES[place.slug], numbers[place.slug])
        (yours if any(map(user.has_perm, place.worked_by)) else others).append(line)
    return yours, others


# --- the first few


@dataclass(frozen=True)
class First:
    """A case and its due date in words. `tone` and `sign` are those of the date."""

    case: Case
    words: str
    tone: str
    sign: str


def due_first() -> list[First]:
    """Of what is overdue or due soon, what is due first."""
    until = clock.today() + DUE_SOON
    return _first(Case.objects.filter(Case.unanswered(), due_on__lte=until))


def mine_first(user: Any) -> list[First]:
    """Of what the person looks after (as its handler, or as who opened it where it has none), what is due within the
    longest distance at which people are reminded."""
    until = clock.today() + max([timedelta(days=days) for days in settings.REMINDERS], default=DUE_SOON)
    mine = Q(handler=user.pk) | Q(handler=None, opened_by=user.pk)
    return _first(Case.objects.filter(Case.unanswered(), mine, due_on__lte=until))


def to_approve_first(user: Any) -> list[First]:
    """Of what the person may approve and nobody has answered, what is due first."""
    if not user.has_perm("erasure.approve_case"):
        return []
    return _first(QUEUES["my-approval"].cases(user).filter(Case.unanswered(), held_at=None))


def _first(cases: Any) -> list[First]:
    today = clock.today()
    found = cases.only("reference", "kind", "due_on").order_by("due_on", "reference")[:FIRST]
    return [First(case, due_in_words(case.due_on, today), *_look(case.due_on, today)) for case in found]


def _look(due_on: date, today: date) -> tuple[str, str]:
    if due_on < today:
        return "bad", "!"
    return ("warn", "◔") if due_on <= today + DUE_SOON else ("quiet", "·")


def due_in_words(due_on: date, today: date) -> str:
    """Such as "due tomorrow", "4 days overdue"."""
    days = (due_on - today).days
    if days < 0:
        return ngettext("%(days)d day overdue", "%(days)d days overdue", -days) % {"days": -days}
    if days == 0:
        return _("due today")
    if days == 1:
        return _("due tomorrow")
    return ngettext("due in %(days)d day", "due in %(days)d days", days) % {"days": days}
