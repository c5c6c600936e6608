"""The calls of an account over the last days, by how they ended: drawn on the server as an SVG, and told in a table."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime, make_aware
from django.utils.translation import gettext as _

from erasure.models import Call, Vendor
from erasure.states import Verdict

DAYS = 14
MOST = 5_000  # calls, the newest: nobody reads more
COLUMN, BAR, HEIGHT, FOOT = 40, 24, 100, 18  # in the drawing's own units
#: From the foot of a column upwards, with the signs that tell them apart without colour.
ORDER = (Verdict.OK, Verdict.FAILED, Verdict.UNKNOWN)
SIGNS = {Verdict.OK: "✓", Verdict.FAILED: "✗", Verdict.UNKNOWN: "?"}


@dataclass(frozen=True)
class Bar:
    verdict: str
    x: int
    y: float
    height: float
    told: str

    @property
    def middle(self) -> float:
        return self.y + self.height / 2 + 4

    @property
    def sign(self) -> str:
        """Shown in it where it has room."""
        return SIGNS[Verdict(self.verdict)] if self.height >= 14 else ""


@dataclass(frozen=True)
class Day:
    day: date
    x: int
    counts: Mapping[str, int]
    bars: list[Bar]

    @property
    def numbers(self) -> list[int]:
        return [self.counts.get(verdict, 0) for verdict in ORDER]

    @property
    def middle(self) -> float:
        return self.x + COLUMN / 2


@dataclass(frozen=True)
class Drawing:
    """`whole`: every call of these days is in it; else only the newest MOST are."""

    days: list[Day]
    top: int
    whole: bool
    width: int = DAYS * COLUMN
    height: int = HEIGHT + FOOT
    foot: int = HEIGHT + FOOT - 4
    ground: int = HEIGHT

    @property
    def headings(self) -> list[str]:
        return [str(verdict.label) for verdict in ORDER]

    @property
    def legend(self) -> list[tuple[str, str, str]]:
        return [(verdict.value, SIGNS[verdict], str(verdict.label)) for verdict in ORDER]

    @property
    def told(self) -> str:
        """What the drawing shows, for whoever does not see it."""
        sums = [sum(day.numbers[place] for day in self.days) for place in range(len(ORDER))]
        text = _("Calls of the last %(days)s days: %(ok)s answered, %(failed)s not done, %(unknown)s unknown.")
        return text % {"days": DAYS, "ok": sums[0], "failed": sums[1], "unknown": sums[2]}


def drawing(account: Vendor, now: datetime) -> Drawing | None:
    """The last DAYS days in the desk's zone, today included; None where no call ended in them."""
    today = localtime(now).date()
    first = today - timedelta(days=DAYS - 1)
    since = make_aware(datetime.combine(first, time.min))
    ended = Call.objects.filter(vendor=account, started_at__gte=since).order_by("-started_at")
    found = list(ended.values_list("started_at", "verdict")[: MOST + 1])
    counts = Counter((localtime(at).date(), verdict) for at, verdict in found[:MOST] if verdict)
    if not counts:
        return None
    days = [first + timedelta(days=number) for number in range(DAYS)]
    by_day: dict[date, dict[str, int]] = {
        day: {verdict: counts[day, verdict] for verdict in ORDER if counts[day, verdict]} for day in days
    }
    top = max(sum(numbers.values()) for numbers in by_day.values()) or 1
    shown = [_day(day, place * COLUMN, by_day[day], top) for place, day in enumerate(days)]
    return Drawing(shown, top, len(found) <= MOST)


def _day(day: date, x: int, counts: dict[str, int], top: int) -> Day:
    bars: list[Bar] = []
    y: float = HEIGHT
    for verdict, count in counts.items():
        height = round(max(count / top * (HEIGHT - 6), 2), 1)
        y = round(y - height, 1)
        told = f"{date_format(day, 'SHORT_DATE_FORMAT')}: {count} {Verdict(verdict).label}"
        bars.append(Bar(verdict, x + (COLUMN - BAR) // 2, y, height, told))
    return Day(day, x, counts, bars)


def context(account: Vendor, now: datetime) -> dict[str, Any]:
    return {"calls_drawn": drawing(account, now), "bar_width": BAR}
