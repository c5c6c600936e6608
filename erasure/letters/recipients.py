"""The ledger of recipients (GDPR art. 19), as a letter tells it."""

from django.utils.translation import gettext as _

from erasure.models import Case
from erasure.recipients import Line, Standing, lines
from erasure.reports.spoken import day


def told(case: Case) -> list[str]:
    """A line for each recipient: when and how it was told, or why not."""
    return [_line(line) for line in lines(case)]


def _line(line: Line) -> str:
    known = {"name": line.name, "how": line.how, "why": line.why_not}
    if line.told_on:
        return (_("%(name)s: told on {day}, %(how)s") % known).replace("{day}", day(line.told_on))
    text = {
        Standing.EXCUSED: _("%(name)s: not told; %(why)s"),
        Standing.NOT_HELD: _("%(name)s: searched, and held nothing about you"),
        Standing.NOT_OWED: "%(name)s",
    }.get(line.standing, _("%(name)s: not told yet"))
    return text % known
