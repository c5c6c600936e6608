"""What the faces say of the end of a case's personal data, in the reader's language."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from compliance.deadlines import NEVER
from compliance.vault import rotation
from erasure.models import Case
from erasure.states import ShredReason

from . import dates
from .by_hand import asked
from .obstacles import of_the_case

#: What a rule is of, in words (`Keeping`).
_RULES = {
    "answered_months": lambda: _("the time for keeping a request that was carried out"),
    "refused_months": lambda: _("the time for keeping a request that was refused"),
    "cancelled_days": lambda: _("the time for keeping a cancelled request"),
    "mistaken_days": lambda: _("the time for keeping what was opened by mistake"),
    "draft_days": lambda: _("the time for which a draft may lie untouched"),
}


def told(case: Case) -> list[str]:
    """What there is to say of a case: when its personal data is destroyed, or was, by whom or by which rule, and until
    when backups could still be read; empty where there is nothing to say yet."""
    if case.shredded_at:
        return [_done(case), backups(case)]
    lines = []
    if found := asked(case):
        text = _(
            "%(who)s asked on %(day)s for the destruction of the personal data (%(why)s). Another person has to "
            "approve it."
        )
        asked_on = _day(localtime(found.asked_at))
        lines.append(text % {"who": found.asked_by, "day": asked_on, "why": ShredReason(found.reason).label})
    if rule := dates.rule_of(case):
        lines += _ahead(case, rule)
    elif case.closed_at:
        lines.append(_("The personal data is kept for now.") + " " + of_the_case(case))
    return lines


def _ahead(case: Case, rule: dates.Rule) -> Iterator[str]:
    if rule.on == NEVER:
        yield _("The personal data is not destroyed by itself: somebody has to ask for it.")
        return
    on = dates.shown(case) or dates.noticed(rule) or rule.on  # the worker gives the date some minutes later
    text = _("The personal data will be destroyed on %(day)s: %(rule)s ends.")
    yield text % {"day": _day(on), "rule": _RULES[rule.name]()}
    if on > rule.on:
        yield _("It is kept a little longer, so that whoever needs it can put the case on hold.")


def _done(case: Case) -> str:
    found: Any = getattr(case, "shredding", None)
    words = {"day": _day(localtime(case.shredded_at)), "why": ShredReason(found.reason).label if found else "–"}
    if found and found.approved_by:
        words |= {"asked": str(found.asked_by), "approved": str(found.approved_by)}
        text = _(
            "The personal data was destroyed on %(day)s (%(why)s): %(asked)s asked for it, %(approved)s approved it."
        )
        return text % words
    return _("The personal data was destroyed on %(day)s: %(why)s.") % words


def readable_until(case: Case) -> rotation.InBackups | None:
    """As `compliance.vault.rotation.readable_in_backups_until`, of the key of a case: whether (`readable`) and until
    when (`until`, or None) the backups that were made before its destruction can be read. None if it cannot be told."""
    try:
        return rotation.readable_in_backups_until(case.data_key)
    except ImproperlyConfigured:
        return None


def backups(case: Case) -> str:
    """`readable_until`, as a sentence."""
    found = readable_until(case)
    if found and found.readable and found.until:
        text = _("Backups that were made before can be read until %(day)s, when a key of the key ring is destroyed.")
        return text % {"day": _day(localtime(found.until))}
    if found and not found.readable:
        return _("Backups that were made before cannot be read any more: their key of the key ring is destroyed.")
    return _(
        "Backups that were made before can be read until the key of the key ring is replaced and destroyed. No date is "
        "set for that: an administrator does it, or sets a schedule (KEY_ROTATION_DAYS)."
    )


def _day(day: date) -> str:
    return date_format(day, "DATE_FORMAT")
