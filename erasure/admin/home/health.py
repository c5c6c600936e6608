"""How the desk itself is: vendor accounts, workers, the trail. Each is good, to be looked at, or to be acted on."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.db.models import Exists, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timesince import timesince
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from compliance import clock
from compliance.audit import anchor
from compliance.audit.admin.panel import LATE, ago
from compliance.audit.models import Checkpoint, PendingEvent
from erasure import lifecycle
from erasure.alerts.causes import STALLED_AFTER
from erasure.models import AlertMail, Call, SubTask, Vendor, WorkerHost
from erasure.states import CLAIMABLE, CaseStatus, Pause
from erasure.worker import heartbeat
from erasure.worker.hosts import ALIVE
from erasure.worker.supervisor import SILENT_SECONDS

from .facts import CountedUpTo

COUNTED = 100
TRIED_LONG = timedelta(days=1)  # an account that failed for so long does not come back by itself


class Level(Enum):
    """Tone, sign and word."""

    GOOD = ("good", "✓", gettext_lazy("good"))
    LOOK = ("warn", "◔", gettext_lazy("look"))
    ACT = ("bad", "!", gettext_lazy("act"))

    @property
    def look(self) -> dict[str, Any]:
        return dict(zip(("tone", "sign", "word"), self.value, strict=True))


@dataclass(frozen=True)
class Said:
    """One line of the panel."""

    subject: str
    level: Level
    text: str
    address: str = ""


def worst(lines: Sequence[Said]) -> Level:
    order = list(Level)
    return max((line.level for line in lines), key=order.index, default=Level.GOOD)


# --- vendor accounts --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Account:
    """A vendor account and what stands before it: `waits` pieces of vendor work, or at least so many."""

    vendor: Vendor
    level: Level
    text: str
    waits: int
    waits_more: bool
    address: str


def accounts() -> list[Account]:
    """All accounts that are in use, those to be acted on first. One query."""
    now = clock.now()
    calls = Call.objects.filter(vendor=OuterRef("pk"))
    waiting = SubTask.objects.filter(vendor=OuterRef("pk"), status__in=CLAIMABLE)
    going = Q(case__held_at=None, case__status=CaseStatus.IN_PROGRESS, next_at__lte=now - STALLED_AFTER)
    due = waiting.filter(going).exclude(lifecycle.acting_unasked()).order_by("next_at")
    found = Vendor.objects.filter(enabled=True).annotate(
        last_call=Subquery(calls.order_by("-started_at").values("started_at")[:1]),
        calling=Exists(calls.filter(verdict="", lease_until__gt=now)),
        due_since=Subquery(due.values("next_at")[:1]),
        waits=CountedUpTo(waiting, COUNTED + 1),
    )
    listed = [_account(vendor, now) for vendor in found.defer("credentials_sealed", "token_sealed", "options")]
    order = list(Level)
    return sorted(listed, key=lambda account: -order.index(account.level))


def _account(vendor: Any, now: datetime) -> Account:
    level, text = _standing(vendor, now)
    return Account(
        vendor,
        level,
        text,
        min(vendor.waits, COUNTED),
        vendor.waits > COUNTED,
        reverse("admin:erasure_vendor_change", args=[vendor.pk]),
    )


def _standing(vendor: Vendor, now: datetime) -> tuple[Level, str]:
    since = timesince(vendor.paused_at, now, depth=1) if vendor.paused_at else ""
    match vendor.pause:
        case Pause.CREDENTIALS:
            return Level.ACT, _("Paused for %(time)s: its settings or credentials are wrong.") % {"time": since}
        case Pause.FAILURES:
            lasts = vendor.paused_at is not None and now - vendor.paused_at > TRIED_LONG
            text = _("Paused for %(time)s after failures. It is tried again by itself.") % {"time": since}
            return Level.ACT if lasts else Level.LOOK, text
        case Pause.BY_HAND:
            return Level.LOOK, _("Paused by hand for %(time)s, until somebody resumes it.") % {"time": since}
    if until := vendor.left_alone_until(now):
        at = date_format(localtime(until), "SHORT_DATETIME_FORMAT")
        if until == vendor.quota_until:
            return Level.LOOK, _("Its quota of the week is used up until %(at)s.") % {"at": at}
        return Level.LOOK, _("It takes no calls until %(at)s.") % {"at": at}
    return Level.GOOD, _("It works.")


def each_vendor(found: Sequence[Account]) -> list[Said]:
    """A line for each account, with what waits for it: for whoever looks after them and sees no cases."""
    return [Said(item.vendor.name, item.level, _with_work(item), item.address) for item in found]


def _with_work(account: Account) -> str:
    if not account.waits:
        return account.text
    if account.waits_more:
        text = _("More than %(count)d pieces of work are with it.") % {"count": account.waits}
    else:
        text = ngettext("%(count)d piece of work is with it.", "%(count)d pieces of work are with it.", account.waits)
        text %= {"count": account.waits}
    return f"{account.text} {text}"


def vendor_lines(found: Sequence[Account]) -> list[Said]:
    """A line for each account that does not work, and one for all that do."""
    lines = [Said(item.vendor.name, item.level, item.text, item.address) for item in found if item.level != Level.GOOD]
    working = sum(item.level == Level.GOOD for item in found)
    if working and not lines:
        text = ngettext("The one account works.", "All %(count)d accounts work.", working) % {"count": working}
    elif working:
        text = ngettext("The other account works.", "The other %(count)d accounts work.", working) % {"count": working}
    else:
        return lines
    return [*lines, Said(_("Vendor accounts"), Level.GOOD, text, reverse("admin:erasure_vendor_changelist"))]


# --- workers and the trail --------------------------------------------------------------------------------------------


def questions() -> dict[str, Any]:
    """For `facts.ask`."""
    alive = WorkerHost.objects.filter(seen_at__gt=clock.now() - ALIVE)
    return {
        "oldest_pending": Subquery(PendingEvent.objects.order_by("event__at").values("event__at")[:1]),
        "ever_sealed": Exists(Checkpoint.objects.all()),
        "worker_elsewhere": Exists(alive.exclude(name=socket.gethostname())),
        "worker_seen": Exists(AlertMail.objects.all()),  # the first thing that each supervisor makes
    }


def worker_line(answers: dict[str, Any], found: Sequence[Account]) -> Said:
    """By the signs of life on this host, by what other hosts tell of theirs, and by what workers of any host leave in
    the database."""
    now, age, subject = clock.now(), heartbeat.age(), _("Workers")
    if age is not None and age <= SILENT_SECONDS:
        return Said(subject, Level.GOOD, _("At work on this host; last sign of life %(ago)s.") % {"ago": _seconds(age)})
    if answers["worker_elsewhere"]:
        return Said(subject, Level.GOOD, _("None on this host; on another one they are at work."))
    if _is_late(answers, now) or any(_is_stalled(item.vendor, now) for item in found):
        text = _(
            "No worker is at work: what is due is not sent, what happened is not sealed. Nothing is lost. Run "
            "“manage.py work”."
        )
        return Said(subject, Level.ACT, text)
    if age is not None:
        text = _("Silent on this host for %(time)s. See whether “manage.py work” runs, and what its log says.")
        return Said(subject, Level.LOOK, text % {"time": timesince(now - timedelta(seconds=age), now, depth=1)})
    called = max((at for item in found if (at := _last_call(item.vendor))), default=None)
    if called and now - called < STALLED_AFTER:
        return Said(
            subject, Level.GOOD, _("None on this host; one elsewhere made a call %(ago)s.") % {"ago": ago(called)}
        )
    text = _("None seen on this host. If none runs on another one either, run “manage.py work”.")
    return Said(subject, Level.LOOK, text)


def _seconds(age: float) -> str:
    return ngettext("%(count)d second ago", "%(count)d seconds ago", int(age)) % {"count": int(age)}


def _is_late(answers: dict[str, Any], now: datetime) -> bool:
    oldest = answers["oldest_pending"]
    return oldest is not None and now - oldest > LATE


def _last_call(vendor: Any) -> datetime | None:
    at: datetime | None = vendor.last_call
    return at


def _is_stalled(vendor: Any, now: datetime) -> bool:
    """Whether work is due with it, it may be called, and nobody calls (as `alerts.causes` has it)."""
    since = now - STALLED_AFTER
    if vendor.pause or vendor.calling or vendor.left_alone_until(since) or (vendor.last_call or since) > since:
        return False
    return vendor.due_since is not None and vendor.due_since <= since - timedelta(seconds=vendor.gather_seconds)


def trail_lines(answers: dict[str, Any]) -> list[Said]:
    """Whether the trail is sealed, and anchored elsewhere."""
    address, oldest = reverse("admin:audit_event_changelist") + "#standing", answers["oldest_pending"]
    sealed = _("Trail sealed")
    if _is_late(answers, clock.now()):
        text = _("Events have waited for %(time)s to be sealed: until then their removal would not show.")
        lines = [Said(sealed, Level.ACT, text % {"time": timesince(oldest, clock.now(), depth=1)}, address)]
    elif not answers["ever_sealed"]:
        lines = [Said(sealed, Level.LOOK, _("Nothing is sealed yet: a worker does it."), address)]
    elif oldest:
        lines = [Said(sealed, Level.GOOD, _("All but what happened just now."), address)]
    else:
        lines = [Said(sealed, Level.GOOD, _("All that happened."), address)]
    return [*lines, _anchored(address)]


def _anchored(address: str) -> Said:
    subject, places = _("Trail anchored"), [place for place in anchor.standing() if place.configured or place.alarm]
    if alarm := next((place.alarm for place in places if place.alarm), ""):
        return Said(subject, Level.ACT, alarm, address)
    if not places:
        text = _("Nowhere else: whoever has the database and the key could rewrite it unseen. Set AUDIT_ANCHOR.")
        return Said(subject, Level.LOOK, text, address)
    if behind := [place for place in places if place.stale]:
        return Said(subject, Level.ACT, _("Fallen behind at %(place)s.") % {"place": behind[0].place}, address)
    if failed := [place for place in places if place.trouble]:
        text = _("The last try at %(place)s failed; it is tried again.") % {"place": failed[0].place}
        return Said(subject, Level.LOOK, text, address)
    oldest = min((place.at for place in places if place.at), default=None)
    if oldest is None or any(place.at is None for place in places):
        return Said(subject, Level.LOOK, _("Not yet: a worker does it."), address)
    return Said(subject, Level.GOOD, _("Elsewhere too; last %(ago)s.") % {"ago": ago(oldest)}, address)
