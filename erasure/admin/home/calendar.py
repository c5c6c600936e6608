"""When replies are due: six weeks from this one on, drawn as SVG."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Count
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import get_language_bidi, ngettext
from django.utils.translation import gettext as _

from compliance import clock
from compliance.deadlines import is_working_day
from erasure.models import Case

WEEKS = 6
WIDTH, HEIGHT, HEAD = 56, 40, 22  # of a cell, and of the row of weekdays
STEPS = (1, 3, 10, 30)  # from so many cases on, a cell is of the next shade


@dataclass(frozen=True)
class Day:
    """A cell. `x` and `y` are its corner; `number` what stands in it; `said` what it is called."""

    day: date
    count: int
    x: int
    y: int
    classes: str
    number: str
    said: str
    working: bool
    late: bool

    @property
    def address(self) -> str:
        return f"{reverse('admin:erasure_case_changelist')}?due_on={self.day.isoformat()}"

    @property
    def name(self) -> str:
        return f"{date_format(self.day, 'l')}, {self.day.isoformat()}"


def calendar() -> dict[str, Any]:
    """For templates/admin/erasure/home/calendar.html."""
    today = clock.today()
    monday = today - timedelta(days=today.weekday())
    days = [monday + timedelta(days=number) for number in range(7 * WEEKS)]
    due = Case.objects.filter(Case.unanswered(), due_on__range=(days[0], days[-1])).order_by()
    counts = dict(due.values_list("due_on").annotate(count=Count("*")))
    cells = [_day(day, counts.get(day, 0), number, today) for number, day in enumerate(days)]
    return {
        "days": cells,
        "weekdays": [(_x(number) + WIDTH // 2, date_format(day, "D")) for number, day in enumerate(days[:7])],
        "width": 7 * WIDTH,
        "height": HEAD + WEEKS * HEIGHT,
        "cell": (WIDTH - 4, HEIGHT - 4),
        "busy": [cell for cell in cells if cell.count],
    }


def _x(column: int) -> int:
    return (6 - column if get_language_bidi() else column) * WIDTH


def _day(day: date, count: int, number: int, today: date) -> Day:
    working = is_working_day(day)
    shade = sum(count >= step for step in STEPS)
    classes = [f"home-shade-{shade}"]
    if not working:
        classes.append("home-free")
    if day == today:
        classes.append("home-today")
    if day < today:
        classes.append("home-late" if count else "home-past")
    return Day(
        day,
        count,
        x=_x(number % 7) + 2,
        y=HEAD + number // 7 * HEIGHT + 2,
        classes=" ".join(classes),
        number=date_format(day, "j M") if number == 0 or day.day == 1 else str(day.day),
        said=_said(day, count, working, today),
        working=working,
        late=bool(count) and day < today,
    )


def _said(day: date, count: int, working: bool, today: date) -> str:
    due = ngettext("%(day)s: %(count)d case due", "%(day)s: %(count)d cases due", count)
    if day < today:
        due = ngettext("%(day)s: %(count)d case overdue", "%(day)s: %(count)d cases overdue", count)
    text = due % {"day": day.isoformat(), "count": count}
    return text if working else _("%(due)s, no working day") % {"due": text}
