"""The geometry of the charts: whole numbers for the SVG in templates/admin/erasure/home/."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import get_language_bidi

from .flow import Moved, Replies

COLUMN, TOP, BOTTOM, HEIGHT = 30, 14, 20, 110  # HEIGHT: of the field in which bars stand
SIDE, EDGE = 30, 8  # beside the field: where the scale's numbers stand, and opposite
GAP = 4  # between a number and the field


@dataclass(frozen=True)
class Bar:
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Chart:
    """A field with a scale. `top` is the number at its upper edge."""

    weeks: int
    top: int

    @property
    def width(self) -> int:
        return SIDE + self.weeks * COLUMN + EDGE

    @property
    def height(self) -> int:
        return TOP + HEIGHT + BOTTOM

    @property
    def base(self) -> int:
        return TOP + HEIGHT

    @property
    def lines(self) -> list[tuple[int, int]]:
        """The numbers at the left, and how high each stands."""
        return [(number, self.y(number)) for number in (0, self.top // 2, self.top)]

    @property
    def field(self) -> tuple[int, int, int]:
        """Where lines begin and end, and where their numbers stand."""
        if get_language_bidi():
            return EDGE, self.width - SIDE, self.width
        return SIDE, self.width - EDGE, SIDE - GAP

    def x(self, week: int) -> int:
        """Time runs as the language reads."""
        return EDGE + (self.weeks - 1 - week) * COLUMN if get_language_bidi() else SIDE + week * COLUMN

    def y(self, number: int) -> int:
        return self.base - round(HEIGHT * number / self.top)

    def bar(self, week: int, number: int, begin: int, width: int) -> Bar:
        """From the base up, `begin` from the edge of the week's column."""
        y = self.y(number)
        return Bar(self.x(week) + begin, y, width, self.base - y)


def rounded(most: int) -> int:
    """An even number that is not below `most`, easy to halve and to read."""
    size = 1
    while True:
        for step in (2, 4, 6, 10):
            if most <= step * size:
                return step * size
        size *= 10


def _label(monday: date, week: int, weeks: int) -> str:
    """Every other week has its day below it, the last one among them."""
    return date_format(monday, "j M") if (weeks - 1 - week) % 2 == 0 else ""


def flow_chart(weeks: Sequence[Moved]) -> dict[str, Any]:
    chart = Chart(len(weeks), rounded(max(max(week.opened, week.closed) for week in weeks)))
    columns = [
        {
            "week": week,
            "opened": chart.bar(number, week.opened, 4, 10),
            "closed": chart.bar(number, week.closed, 16, 10),
            "middle": chart.x(number) + COLUMN // 2,
            "label": _label(week.monday, number, len(weeks)),
        }
        for number, week in enumerate(weeks)
    ]
    any_moved = any(week.opened or week.closed for week in weeks)
    return {"chart": chart, "columns": columns, "weeks": weeks, "any": any_moved}


def reply_chart(weeks: Sequence[Replies]) -> dict[str, Any]:
    chart = Chart(len(weeks), rounded(max(max(week.most or 0, week.limit or 0) for week in weeks)))
    columns = [
        {
            "week": week,
            "half": chart.bar(number, week.half or 0, 9, 12),
            "most": chart.y(max(week.most or 0, 0)),
            "limit": chart.y(week.limit or 0),
            "left": chart.x(number),
            "right": chart.x(number) + COLUMN,
            "middle": chart.x(number) + COLUMN // 2,
            "label": _label(week.monday, number, len(weeks)),
        }
        for number, week in enumerate(weeks)
    ]
    return {"chart": chart, "columns": columns, "weeks": weeks}
