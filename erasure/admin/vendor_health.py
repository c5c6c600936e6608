"""How the vendor accounts do, in three levels: running, to be looked at, to be acted on. What the list and an account's
page tell of each comes from one query, and nothing in it counts a whole table."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance import language
from erasure.alerts.causes import STALLED_AFTER
from erasure.connectors.base import BadSettings
from erasure.lifecycle.lost import RESTORED
from erasure.models import Call, SubTask, Vendor
from erasure.states import CLAIMABLE, CaseStatus, Pause, SubTaskStatus, Verdict
from erasure.worker.pace import WEEK

from .counting import Counted
from .queues import COUNTED
from .shared import badge

DAY = timedelta(days=1)
LATELY = timedelta(days=30)  # a good call is looked for so far back
CALLS_COUNTED = 1_000  # of the last day, the newest
QUOTA_COUNTED = 20_000
FEW, MANY_FAIL = 5, 0.2  # so many calls tell something, and such a share of failures is one to look at


def annotated(accounts: QuerySet[Vendor], now: datetime) -> QuerySet[Any]:
    """The accounts with what `health_of` and the pages tell of each: `due`, `later`, `asks` and `to_confirm` (each up
    to COUNTED + 1), `due_since`, `answered_at`, `calls_today` and `failed_today`, `used`."""
    work = SubTask.objects.filter(vendor=OuterRef("pk"), case__status=CaseStatus.IN_PROGRESS).order_by()
    open_ = work.filter(status__in=CLAIMABLE, case__held_at=None)
    due = open_.filter(next_at__lte=now)
    calls = Call.objects.filter(vendor=OuterRef("pk")).order_by("-started_at")
    # What a restore has put in doubt is on record as a call without an answer, and is no failure of the vendor.
    made = Q(started_at__gt=now - DAY) & ~Q(code=RESTORED)
    newest = Call.objects.filter(made, vendor=OuterRef(OuterRef("pk"))).order_by("-started_at")
    failed = Call.objects.filter(
        pk__in=newest.values("pk")[:CALLS_COUNTED], verdict__in=(Verdict.FAILED, Verdict.UNKNOWN)
    )
    good = calls.filter(verdict=Verdict.OK, started_at__gt=now - LATELY)
    return accounts.annotate(
        due=_up_to(due),
        later=_up_to(open_.filter(next_at__gt=now)),
        asks=_up_to(work.filter(status=SubTaskStatus.NEEDS_ATTENTION)),
        to_confirm=_up_to(work.filter(status=SubTaskStatus.AWAITING_ATTESTATION)),
        due_since=Subquery(due.order_by("next_at").values("next_at")[:1]),
        answered_at=Subquery(good.values("started_at")[:1]),
        calls_today=Counted(calls.filter(made).values("pk")[:CALLS_COUNTED]),
        failed_today=Counted(failed.order_by().values("pk")),
        used=Counted(
            calls.filter(Q(vendor__calls_per_week__gt=0), counts=True, started_at__gt=now - WEEK).values("pk")[
                :QUOTA_COUNTED
            ]
        ),
    )


def _up_to(work: QuerySet[SubTask]) -> Counted:
    return Counted(work.values("pk")[: COUNTED + 1])


def number(counted: int) -> str:
    """A number of which only so much was counted."""
    return _("more than %d") % COUNTED if counted > COUNTED else str(counted)


def at(moment: datetime) -> str:
    return date_format(localtime(moment), "SHORT_DATETIME_FORMAT")


# --- three levels -----------------------------------------------------------------------------------------------------


class Level(StrEnum):
    OFF = "off"
    RUNNING = "running"
    LOOK = "look"
    ACT = "act"


@dataclass(frozen=True)
class Health:
    """How an account does, and why, a sentence for each reason: what is, and what to do about it."""

    level: Level
    why: tuple[str, ...] = ()

    @property
    def badge(self) -> SafeString:
        match self.level:
            case Level.ACT:
                return badge("bad", "!", _("act"))
            case Level.LOOK:
                return badge("warn", "◔", _("look"))
            case Level.OFF:
                return badge("quiet", "–", _("disabled"))
        return badge("good", "✓", _("running"))

    @property
    def shown(self) -> SafeString:
        """The badge, and under it each reason."""
        reasons = format_html_join("", "<li>{}</li>", ((text,) for text in self.why))
        return format_html('{}<ul class="desk-whys">{}</ul>', self.badge, reasons) if self.why else self.badge


def health_of(account: Any, now: datetime) -> Health:
    """The health of an account as `annotated` gives it."""
    if not account.enabled:
        waits = account.due + account.later
        text = _("Nothing is sent. Work that was approved before waits until the account is enabled again.")
        return Health(Level.OFF, (text,) if waits else ())
    if acts := [*_to_act_on(account)]:
        return Health(Level.ACT, (*acts, *_to_look_at(account, now)))
    looks = tuple(_to_look_at(account, now))
    return Health(Level.LOOK if looks else Level.RUNNING, looks)


def _to_act_on(account: Any) -> Any:
    try:
        account.speaks()
    except BadSettings:
        yield _("Its stored options do not fit this release, so nothing is sent. Open the account and save it again.")
    if account.pause == Pause.CREDENTIALS:
        yield _("Paused: account settings or credentials are wrong. Correct them here, and its work goes on by itself.")
        yield language.shown(account.pause_note)
    if account.pause == Pause.FAILURES:
        yield breaker(account)
        yield language.shown(account.pause_note)


def breaker(account: Any) -> str:
    """What the engine does about an account that it has paused after failures."""
    if account.trial_at:
        text = _("Paused after failures (%(count)s in a row): tried again with one call at %(at)s. Nothing is lost.")
        return text % {"count": account.failures, "at": at(account.trial_at)}
    return _("Paused after failures (%(count)s in a row). Nothing is lost.") % {"count": account.failures}


def _to_look_at(account: Any, now: datetime) -> Any:
    if account.pause == Pause.BY_HAND:
        text = _("Paused by hand since %(at)s: nothing is sent until somebody resumes it. Reason: %(reason)s")
        yield text % {"at": at(account.paused_at or now), "reason": account.pause_note}
    if account.asks:
        text = ngettext(
            "%(count)s piece of vendor work needs attention.",
            "%(count)s pieces of vendor work need attention.",
            account.asks,
        )
        yield text % {"count": number(account.asks)}
    if rests := account.left_alone_until(now):
        yield (
            _("Its quota of calls is used up: it goes on by itself from %(at)s.")
            if rests == account.quota_until
            else _("The vendor asked to be left alone, or its sign-in failed: it goes on by itself from %(at)s.")
        ) % {"at": at(rests)}
    elif not account.pause:
        yield from _slow(account, now)
    if account.calls_today >= FEW and account.failed_today / account.calls_today >= MANY_FAIL:
        text = _("Of %(calls)s calls of the last day, %(failed)s were not done or are unknown.")
        yield text % {"calls": account.calls_today, "failed": account.failed_today}
    elif account.failures and not account.pause:
        text = ngettext("The last call failed.", "The last %(count)s calls failed.", account.failures)
        yield text % {"count": account.failures}


def _slow(account: Any, now: datetime) -> Any:
    since = account.due_since
    if since and since < now - STALLED_AFTER - timedelta(seconds=account.gather_seconds):
        text = _("Work has been due since %(at)s. If this lasts, see whether a worker runs (manage.py doctor).")
        yield text % {"at": at(since)}
