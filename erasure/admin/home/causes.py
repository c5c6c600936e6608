"""What needs attention: a line for each cause, however many cases it stops, with its way out."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from erasure import codes
from erasure.alerts import causes
from erasure.states import Attention, Pause, SubTaskStatus

MOST = 8

_RETRY = gettext_lazy("Try again.")
_DECIDE = gettext_lazy("Decide by hand: each case's page says what happened.")
#: The way out of each of the engine's own codes; of a connector's, `_DECIDE`.
WAYS_OUT: dict[str, Any] = {
    Attention.PLAN_CHANGED: gettext_lazy("Undo the change of the account, then try again; or give it up."),
    Attention.TOO_MANY_TRIES: _RETRY,
    Attention.UNREACHABLE: _RETRY,
    Attention.TOO_LONG: gettext_lazy("Ask the vendor, then try again or confirm by hand."),
    Attention.NOT_CONFIRMED: gettext_lazy("Look at the vendor's own screen, then confirm by hand."),
    Attention.BROKEN_REPLY: _DECIDE,
    Attention.REFUSED: _DECIDE,
    Attention.UNREADABLE: gettext_lazy("Check the key ring (KEY_RING), then try again."),
    Attention.DEFECT: gettext_lazy("Look at the worker's log, then try again."),
}
_PAUSED: dict[str, Any] = {
    Pause.CREDENTIALS: gettext_lazy("Fix the account: it goes on by itself then."),
    Pause.FAILURES: gettext_lazy("It is tried again by itself. If this lasts, ask the vendor."),
}


@dataclass(frozen=True)
class Line:
    """`count`: how many pieces of vendor work it stops; `more`: at least so many."""

    vendor: str
    why: str
    count: int
    way_out: str
    address: str
    more: bool = False

    @property
    def shown(self) -> str:
        return _("%(count)d+") % {"count": self.count} if self.more else str(self.count)


def asking() -> list[Line]:
    """The causes for which vendor work needs attention, those that stop most first; at most MOST, and one more if there
    are more."""
    found = causes.asking().order_by().values_list("vendor", "vendor__name", "attention_code")
    counted = found.annotate(work=Count("pk")).order_by("-work", "vendor__name", "attention_code")
    return [_line(*row) for row in counted[: MOST + 1]]


def all_that_asks() -> str:
    """The address of the list of all vendor work that needs attention."""
    return _list()


def _list(**asked: Any) -> str:
    asked = {"status__exact": SubTaskStatus.NEEDS_ATTENTION, **asked}
    return f"{reverse('admin:erasure_subtask_changelist')}?{urlencode(asked)}"


def _line(vendor: Any, name: str, code: str, count: int) -> Line:
    address = _list(vendor__id__exact=vendor, cause=code)
    return Line(name, codes.label(code), count, str(WAYS_OUT.get(code, _DECIDE)), address)


def paused(accounts: Iterable[Any]) -> list[Line]:
    """A line for each of the accounts (of `health.accounts`) that has paused itself."""
    return [
        Line(
            account.vendor.name,
            str(Pause(account.vendor.pause).label),
            account.waits,
            str(_PAUSED[account.vendor.pause]),
            account.address,
            account.waits_more,
        )
        for account in accounts
        if account.vendor.enabled and account.vendor.pause in _PAUSED
    ]
