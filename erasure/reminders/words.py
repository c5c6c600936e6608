"""What a mail says: references, days and what to do. Nothing of the people whom cases are about."""

from collections.abc import Sequence
from datetime import date
from itertools import groupby

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance import clock
from erasure.alerts.words import link
from erasure.states import Notice

from .found import Item

NAMED = 20  # cases of one day, of which as many are named


def subject(items: Sequence[Item]) -> str:
    count = len({item.case.pk for item in items})
    text = ngettext("%(count)s case needs you soon", "%(count)s cases need you soon", count)
    return f"Erasure Desk: {text % {'count': count}}"


def body(items: Sequence[Item]) -> str:
    parts = []
    for kind in Notice:
        if mine := sorted((item for item in items if item.kind == kind), key=_order):
            parts.append("\n".join([str(kind.label), "", *_days(mine)]))
    where = link(reverse("admin:index"))
    end = _("Each case is told at set distances from its date, and all of a day in one mail.")
    return "\n\n".join([*parts, *([where] if where else []), f"-- \n{end}\n"])


def _order(item: Item) -> tuple[date, str]:
    return item.day, item.case.reference


def _days(items: Sequence[Item]) -> list[str]:
    lines = []
    for day, group in groupby(items, key=lambda item: item.day):
        references = [item.case.reference for item in group]
        named = ", ".join([*references[:NAMED], *(["…"] if len(references) > NAMED else [])])
        lines.append(f"* {when(day)}: {named}")
    return lines


def when(day: date) -> str:
    """Such as "in 3 days (Thursday, 2026-11-05)"."""
    left = (day - clock.today()).days
    shown = f"{date_format(day, 'l')}, {date_format(day, 'SHORT_DATE_FORMAT')}"
    if left < 0:
        text = ngettext("%(days)d day overdue", "%(days)d days overdue", -left) % {"days": -left}
    elif left == 0:
        text = _("today")
    elif left == 1:
        text = _("tomorrow")
    else:
        text = ngettext("in %(days)d day", "in %(days)d days", left) % {"days": left}
    return f"{text} ({shown})"
