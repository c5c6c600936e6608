"""What the list and the page of a vendor account say of its queue, its quota and its calls."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from erasure.connectors import REGISTRY
from erasure.forecast import whole_days
from erasure.states import Operation, SubTaskStatus

from .vendor_health import CALLS_COUNTED, LATELY, QUOTA_COUNTED, at, health_of, number


def listed(lines: Iterable[Any]) -> SafeString:
    return format_html(
        '<ul class="desk-whys">{}</ul>', format_html_join("", "<li>{}</li>", ((line,) for line in lines))
    )


def work_link(account: Any, status: SubTaskStatus, text: str) -> SafeString:
    """To the account's work of that status."""
    asked = urlencode({"status__exact": status, "vendor__id__exact": account.pk})
    return format_html('<a href="{}?{}">{}</a>', reverse("admin:erasure_subtask_changelist"), asked, text)


def queue_of(account: Any, *, links: bool = False) -> list[Any]:
    """The account's queue, a line for each number that is not 0. `links`: for whoever may read vendor work."""

    def linked(status: SubTaskStatus, text: str) -> Any:
        return work_link(account, status, text) if links else text

    lines: list[Any] = []
    if account.due:
        text = _("%(count)s due now, the oldest since %(at)s")
        lines.append(text % {"count": number(account.due), "at": at(account.due_since)})
    if account.later:
        lines.append(_("%s waiting for their time") % number(account.later))
    if account.asks:
        lines.append(linked(SubTaskStatus.NEEDS_ATTENTION, _("%s needing attention") % number(account.asks)))
    if account.to_confirm:
        text = _("%s awaiting confirmation by hand") % number(account.to_confirm)
        lines.append(linked(SubTaskStatus.AWAITING_ATTESTATION, text))
    return lines or [_("empty")]


def quota_of(account: Any) -> str:
    """How much of its quota the account has used; empty if it has none."""
    if not account.calls_per_week:
        return ""
    used = f"{QUOTA_COUNTED}+" if account.used >= QUOTA_COUNTED else str(account.used)
    return _("%(used)s of %(quota)s calls") % {"used": used, "quota": account.calls_per_week}


def lately_of(account: Any) -> list[str]:
    """The last good call, and how the calls of the last day ended."""
    if REGISTRY[account.connector].by_hand if account.connector in REGISTRY else False:
        return [_("by hand: nothing is sent")]
    good = _("last good call: none in %d days") % LATELY.days
    if account.answered_at:
        good = _("last good call: %s") % at(account.answered_at)
    return [good, errors_of(account)]


def errors_of(account: Any) -> str:
    if not account.calls_today:
        return _("no call in the last day")
    share = f"{account.failed_today / account.calls_today:.0%}"
    numbers = {"share": share, "failed": account.failed_today, "calls": account.calls_today}
    if account.calls_today >= CALLS_COUNTED:
        return _("errors: %(share)s of the last %(calls)s calls") % numbers
    return _("errors: %(share)s of the last day's calls (%(failed)s of %(calls)s)") % numbers


def facts_of(account: Any, now: datetime, *, links: bool = False) -> list[tuple[str, Any]]:
    """The account's state as names and values."""
    facts: list[tuple[str, Any]] = [
        (_("Health"), health_of(account, now).shown),
        (_("In its queue"), listed(queue_of(account, links=links))),
    ]
    if not REGISTRY[account.connector].by_hand:
        facts.append((_("Lately"), listed(lately_of(account))))
    if quota := quota_of(account):
        facts.append((_("Calls of the last seven days"), quota))
    if taken := usually_of(account):
        facts.append((_("From approval to end"), listed(taken)))
    return facts


def usually_of(account: Any) -> list[str]:
    """How long the account's work lately took, a line for each operation of which enough was done."""
    lines = []
    for operation, seconds in account.lead_times.items():
        days = max(1, whole_days(timedelta(seconds=seconds)).days)
        text = ngettext("%(what)s: lately within %(days)s day", "%(what)s: lately within %(days)s days", days)
        lines.append(text % {"what": Operation(operation).label, "days": days})
    return lines
