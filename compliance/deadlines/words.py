"""The working of a clock as a sentence in the reader's language."""

from datetime import date

from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from .days import holiday
from .reckoning import Reckoning, Rule, Step


def working(reckoning: Reckoning) -> str:
    """How the last day was found: "received Sat 31 Jan 2026, 1 month → Sat 28 Feb 2026, not a working day → …"."""
    return ", ".join(_told(step, reckoning) for step in reckoning.steps)


def _told(step: Step, reckoning: Reckoning) -> str:
    facts = {"day": _day(step.day), "count": step.months or step.days}
    match step.rule:
        case Rule.RECEIVED:
            text = _("received %(day)s")
        case Rule.EXTENSION if step.months:
            text = ngettext(
                "extended: %(count)s month from receipt → %(day)s",
                "extended: %(count)s months from receipt → %(day)s",
                step.months,
            )
        case Rule.EXTENSION if step.with_receipt:
            text = ngettext(
                "extended: %(count)s day, the day of receipt included → %(day)s",
                "extended: %(count)s days, the day of receipt included → %(day)s",
                step.days,
            )
        case Rule.EXTENSION:
            text = ngettext(
                "extended: %(count)s day from receipt → %(day)s",
                "extended: %(count)s days from receipt → %(day)s",
                step.days,
            )
        case Rule.LENGTH if step.months:
            text = ngettext("%(count)s month → %(day)s", "%(count)s months → %(day)s", step.months)
        case Rule.LENGTH if step.with_receipt:
            text = ngettext(
                "%(count)s day, the day of receipt included → %(day)s",
                "%(count)s days, the day of receipt included → %(day)s",
                step.days,
            )
        case Rule.LENGTH:
            text = ngettext("%(count)s day → %(day)s", "%(count)s days → %(day)s", step.days)
        case Rule.PAUSE if step.since and step.until:
            text = ngettext(
                "%(count)s day not counted (%(since)s to %(until)s) → %(day)s",
                "%(count)s days not counted (%(since)s to %(until)s) → %(day)s",
                step.days,
            )
            facts |= {"since": _day(step.since), "until": _day(step.until)}
        case Rule.ROLLS if step.holidays:
            text = _("not a working day (%(names)s) → %(day)s")
            facts["names"] = ", ".join(_name(off, reckoning) for off in step.holidays)
        case Rule.ROLLS:
            text = _("not a working day → %(day)s")
    return text % facts


def _name(off: date, reckoning: Reckoning) -> str:
    language = (get_language() or "").partition("-")[0]
    return holiday(off, reckoning.country, reckoning.subdivision, "en_US" if language in ("", "en") else language)


def _day(day: date) -> str:
    """How a day is written within a sentence: by the letters of Django's date filter."""
    return date_format(day, _("D j M Y"))
