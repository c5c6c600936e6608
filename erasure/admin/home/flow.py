"""Twelve weeks: cases opened and closed, and the time that replies took against the time the law gives."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, DateField, DurationField, ExpressionWrapper, F, Q
from django.db.models.functions import TruncDate, TruncWeek
from django.utils import timezone

from compliance import clock
from erasure.admin.counting import Counted
from erasure.models import Case

WEEKS = 12


def mondays() -> list[date]:
    """The first days of the weeks shown, this one last."""
    today = clock.today()
    this = today - timedelta(days=today.weekday())
    return [this - timedelta(weeks=back) for back in reversed(range(WEEKS))]


def _begin(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=timezone.get_default_timezone())


@dataclass(frozen=True)
class Moved:
    """How many cases were opened and closed in the week that begins on `monday`."""

    monday: date
    opened: int
    closed: int


def questions() -> dict[str, Any]:
    """For `facts.ask`: a count for each week, over what the indexes hold of it."""
    days = mondays()
    return {
        f"{field} {number}": Counted(Case.objects.filter(_week(field, days, number)).order_by().values("pk"))
        for field in ("created_at", "closed_at")
        for number in range(len(days))
    }


def moved(answers: dict[str, Any]) -> list[Moved]:
    return [
        Moved(day, answers[f"created_at {number}"], answers[f"closed_at {number}"])
        for number, day in enumerate(mondays())
    ]


def _week(field: str, days: Sequence[date], number: int) -> Q:
    since = Q(**{f"{field}__gte": _begin(days[number])})
    return since & Q(**{f"{field}__lt": _begin(days[number + 1])}) if number + 1 < len(days) else since


@dataclass(frozen=True)
class Replies:
    """The replies of one week, in days from receipt: half of them took `half` at most, nine of ten `most`. `limit`: the
    time that half of these had, or less. Without a reply there is none of the three."""

    monday: date
    count: int = 0
    late: int = 0
    half: int | None = None
    most: int | None = None
    limit: int | None = None


def replies() -> list[Replies]:
    """One query, over the replies of these weeks. A case that does another's work again has its reply there."""
    days, zone = mondays(), timezone.get_default_timezone()
    answered = TruncDate("replied_at", tzinfo=zone)
    rows = (
        Case.objects.filter(replied_at__gte=_begin(days[0]), replays=None)
        .order_by()
        .annotate(
            week=TruncWeek("replied_at", tzinfo=zone, output_field=DateField()),
            took=ExpressionWrapper(answered - F("received_on"), output_field=DurationField()),
            had=ExpressionWrapper(F("due_on") - F("received_on"), output_field=DurationField()),
        )
        .values_list("week", "took", "had")
        .annotate(count=Count("*"))
    )
    weeks: dict[date, list[tuple[int, int, int]]] = {}
    for week, took, had, count in rows:
        weeks.setdefault(week, []).append((took.days, had.days, count))
    return [_replies(day, weeks.get(day, [])) for day in days]


def _replies(monday: date, rows: Sequence[tuple[int, int, int]]) -> Replies:
    if not rows:
        return Replies(monday)
    took = [(days, count) for days, _had, count in rows]
    return Replies(
        monday,
        count=sum(count for _days, count in took),
        late=sum(count for days, had, count in rows if days > had),
        half=_within(took, 50),
        most=_within(took, 90),
        limit=_within(((had, count) for _days, had, count in rows), 50),
    )


def _within(counted: Iterable[tuple[int, int]], percent: int) -> int:
    """The smallest of the values that at least `percent` of all do not exceed; each stands beside how often it is."""
    ordered = sorted(counted)
    enough, seen = sum(count for _value, count in ordered) * percent, 0
    for value, count in ordered:
        seen += count
        if seen * 100 >= enough:
            return value
    return ordered[-1][0]


@dataclass(frozen=True)
class Total:
    """Over all weeks."""

    count: int
    late: int

    @property
    def in_time(self) -> int:
        return self.count - self.late


def total(weeks: Sequence[Replies]) -> Total:
    return Total(sum(week.count for week in weeks), sum(week.late for week in weeks))
