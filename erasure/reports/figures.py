"""What of requests is published: how many came in and how each ended, and in how many days people were answered
(11 CCR §7102)."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from .register import Entry


@dataclass
class Figures:
    """Of requests of one law and type. Its size does not grow with the number of cases."""

    results: Counter[str] = field(default_factory=Counter)
    late: int = 0  # answered after the last day
    overdue: int = 0  # not answered, and the last day is over
    days: Counter[int] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        self.results[entry.result] += 1
        self.late += entry.on_time == "no"
        self.overdue += entry.on_time == "overdue"
        if entry.days_to_reply is not None:
            self.days[entry.days_to_reply] += 1

    @property
    def received(self) -> int:
        return self.results.total()

    @property
    def answered(self) -> int:
        return self.days.total()

    @property
    def mean_days(self) -> float | None:
        return sum(days * count for days, count in self.days.items()) / self.answered if self.answered else None

    @property
    def median_days(self) -> float | None:
        if not self.answered:
            return None
        middle = (self.answered - 1) // 2, self.answered // 2
        return (self._nth(middle[0]) + self._nth(middle[1])) / 2

    def _nth(self, place: int) -> int:
        """The days of the answer at that place, from 0, of all in their order."""
        for days in sorted(self.days):
            place -= self.days[days]
            if place < 0:
                return days
        raise IndexError


def figures(found: Iterable[Entry]) -> dict[tuple[str, str], Figures]:
    """Figures by law and request type, in order."""
    by_law: dict[tuple[str, str], Figures] = defaultdict(Figures)
    for entry in found:
        by_law[entry.regime, entry.kind].add(entry)
    return dict(sorted(by_law.items()))


#: How requests ended, or that they have not, in the order of the tables.
ENDS = ("complied", "complied_in_part", "not_complied", "denied", "cancelled", "open")


def summary_lines(found: Iterable[Entry]) -> Iterator[str]:
    """The figures as a table of plain text."""
    columns = (
        *(_("law"), _("request type"), _("received")),
        *(_("complied"), _("in part"), _("not done"), _("denied"), _("cancelled"), _("open")),
        *(_("answered"), _("late"), _("overdue"), _("mean days"), _("median days")),
    )
    rows = [
        (
            *(law, kind, item.received, *(item.results[end] for end in ENDS)),
            *(item.answered, item.late, item.overdue),
            *("–" if days is None else f"{days:.1f}" for days in (item.mean_days, item.median_days)),
        )
        for (law, kind), item in figures(found).items()
    ]
    widths = [max(len(str(row[place])) for row in (columns, *rows)) for place in range(len(columns))]
    for row in (columns, *rows):
        cells = (
            str(cell).ljust(width) if place < 2 else str(cell).rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def summary_jsonl(found: Iterable[Entry]) -> Iterator[str]:
    """The same, an object for each law and request type. Days are null if nobody was answered."""
    for (law, kind), item in figures(found).items():
        counts = {"received": item.received} | {end: item.results[end] for end in ENDS}
        answers = {"answered": item.answered, "late": item.late, "overdue": item.overdue}
        days = {"mean_days": item.mean_days, "median_days": item.median_days}
        yield json.dumps({"regime": law, "kind": kind} | counts | answers | days)
