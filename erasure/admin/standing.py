"""How a case stands, at a glance: its badges, its due date, and one line for each thing that waits for a person."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from compliance import clock
from erasure.models import Case, Identifier, SubTask
from erasure.states import CaseStatus, IdentifierState, SubTaskStatus
from erasure.waiting import for_a_person

from .shared import badge, status_badge

DUE_SOON = timedelta(days=7)


def is_followed(case: Case) -> bool:
    """Whether the case is cancelled and what was sent is still followed to its end."""
    return bool(case.cancelled_at) and CaseStatus(case.status).is_open


def state_badges(case: Case) -> SafeString:
    """The badges of a case's status, and of what stands beside it."""
    if is_followed(case):
        shown = [badge("quiet", "⊘", _("cancelled, vendor work continues"))]
    else:
        shown = [status_badge(CaseStatus(case.status))]
    if case.held_at:
        shown.append(badge("warn", "‖", _("on hold")))
    if case.shredded_at:
        shown.append(badge("quiet", "∅", _("personal data destroyed")))
    if is_forgotten(case):
        shown.append(badge("warn", "✉", _("not answered yet")))
    return format_html_join(" ", "{}", ((item,) for item in shown))


def is_forgotten(case: Case) -> bool:
    """Whether the case has ended and the person has not been answered."""
    return case.is_unanswered and not CaseStatus(case.status).is_open


def due_badge(case: Case) -> str:
    """The due date, and in words what it means today, where it means anything. The time ends with the reply."""
    day = format_html('<span class="desk-nowrap">{}</span>', date_format(case.due_on, "SHORT_DATE_FORMAT"))
    left = case.due_on - clock.today()
    risk = badge("warn", "▲", _("at risk")) if case.at_risk and case.is_unanswered and not case.closed_at else ""
    if case.replied_at and CaseStatus(case.status).is_open:
        said = badge("good", "✓", _("answered, vendor work continues"))
    elif not case.is_unanswered:
        return day
    elif left < timedelta(0):
        said = badge("bad", "!", _("overdue"))
    elif left <= DUE_SOON:
        said = badge("warn", "◔", _("due soon"))
    else:
        return format_html("{} {}", day, risk) if risk else day
    return format_html("{} {} {}", day, said, risk) if risk else format_html("{} {}", day, said)


def countdown(case: Case) -> SafeString:
    """What the due date means today, in words, as a badge. The time ends with the reply; a cancelled case owes none."""
    left = (case.due_on - clock.today()).days
    if case.replied_at:
        day = date_format(localtime(case.replied_at), "SHORT_DATE_FORMAT")
        goes_on = CaseStatus(case.status).is_open
        text = _("answered on %(day)s, vendor work continues") if goes_on else _("answered on %(day)s")
        return badge("good", "✓", text % {"day": day})
    if case.cancelled_at:
        return badge("quiet", "⊘", _("cancelled: no reply is owed"))
    if left < 0:
        return badge("bad", "!", ngettext("%(days)s day overdue", "%(days)s days overdue", -left) % {"days": -left})
    if left == 0:
        return badge("warn", "◔", _("due today"))
    text = ngettext("%(days)s day left", "%(days)s days left", left) % {"days": left}
    return badge("warn", "◔", text) if left <= DUE_SOON.days else badge("quiet", "◔", text)


def identifier_badge(item: Identifier) -> SafeString:
    """The state of an identifier that is not accepted."""
    tone, sign = ("warn", "?") if item.state == IdentifierState.PROPOSED else ("quiet", "–")
    return badge(tone, sign, item.get_state_display())


# --- one line for each thing that waits for a person ------------------------------------------------------------------


def lines(case: Case, user: Any, sub_tasks: Iterable[SubTask]) -> list[tuple[str, str]]:
    """What of the case waits for a person, and for whom: an anchor on its page, and a sentence. What awaits approval
    or a decision about suggestions is told elsewhere."""
    found: list[tuple[str, str]] = []
    if is_forgotten(case):
        text = _("The case has ended, but the person has not been answered yet: answer them, then record the reply.")
        who = _who(user, "erasure.change_case", _("intake"))
        found.append(("" if who else "reply-case", f"{text} {who}".strip()))
    if is_followed(case):
        text = _(
            "The case is cancelled. What was not sent is stopped; what was sent cannot be recalled and is followed to "
            "its end."
        )
        found.append(("", text))
    for sub_task in sub_tasks:
        if text := for_a_person(sub_task):
            who = _who(user, *_WHO[SubTaskStatus(sub_task.status)])
            found.append((f"work-{sub_task.pk}", f"{text} {who}".strip()))
    return found


def _who(user: Any, permission: str, roles: str) -> str:
    """Who can go on, for whoever cannot; empty for whoever can."""
    if user.has_perm(permission):
        return ""
    return _("Somebody with the role %(roles)s can do it.") % {"roles": roles}


#: Status of work that waits for a person → the permission it takes to go on, and the roles that have it.
_WHO: dict[SubTaskStatus, tuple[str, Any]] = {
    SubTaskStatus.NEEDS_ATTENTION: ("erasure.retry_subtask", gettext_lazy("approver")),
    SubTaskStatus.AWAITING_ATTESTATION: ("erasure.attest_subtask", gettext_lazy("intake or approver")),
    SubTaskStatus.AWAITING_IDENTIFIER: ("erasure.add_identifier", gettext_lazy("intake")),
}


def who_else(sub_task: SubTask, user: Any) -> str:
    """Who can go on with one vendor's part that waits for a person, for whoever cannot."""
    match SubTaskStatus(sub_task.status):
        case SubTaskStatus.NEEDS_ATTENTION if not user.has_perm("erasure.retry_subtask"):
            return _("Somebody with the role approver can try it again or give it up.")
        case SubTaskStatus.AWAITING_IDENTIFIER if not user.has_perm("erasure.add_identifier"):
            return _("Somebody with the role intake can add one.")
    return ""
