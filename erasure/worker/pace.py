"""How long the engine waits, when it leaves a vendor alone, and how many workers one account may keep busy.

What an account may do now is asked under its row's lock, in the transaction that records the next call: its calls a
minute, a week and at once hold over all workers and hosts."""

import random
import socket
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from erasure import vendors
from erasure.models import Call, Vendor
from erasure.states import Pause

HOST = socket.gethostname()
MINUTE, WEEK = timedelta(minutes=1), timedelta(days=7)
FAILURES_TO_PAUSE = 5
# The first trial call of a paused account, and the longest time to the next one: a vendor that is back is found out
# within ten minutes, and one that stays away gets some ten calls an hour.
TRIAL_AFTER_FAILURES, LONGEST_TRIAL = timedelta(minutes=1), timedelta(minutes=10)
FIRST_RETRY, LONGEST_RETRY = 5.0, 3000.0  # seconds, before they are spread
SPREAD = 0.2
#: Signing in and out: neither in an account's calls a minute, as each serves the next call, nor in its quota.
UNCOUNTED = ("sign_in", "sign_out")


def poll(vendor: Vendor, polls: int) -> timedelta:
    """Until the vendor is asked again: from the account's first time to its longest, doubling."""
    return timedelta(seconds=min(vendor.first_poll_seconds * 2 ** min(polls, 30), vendor.max_poll_seconds))


def backoff(tries: int, call: Call) -> timedelta:
    """Until a failed call is made again: doubling, up to an hour, spread so that calls do not march in step. It is the
    same for all who shared the call."""
    seconds = min(FIRST_RETRY * 2 ** min(tries, 30), LONGEST_RETRY)
    return timedelta(seconds=seconds * random.Random(call.pk.int).uniform(1 - SPREAD, 1 + SPREAD))  # noqa: S311


def trial(failures: int) -> timedelta:
    """Until one call finds out whether a vendor is back that has failed so often in a row: doubling."""
    doubled = min(max(failures - FAILURES_TO_PAUSE, 0), 30)
    return min(TRIAL_AFTER_FAILURES * 2**doubled, LONGEST_TRIAL)


# --- what an account may do now ---------------------------------------------------------------------------------------


def may_call(vendor: Vendor, now: datetime) -> bool:
    """Whether the account may make another call, from this host. Call it under the vendor's lock. A paused account gets
    one trial call at a time."""
    if not vendor.enabled or (vendor.not_before and vendor.not_before > now):
        return False
    under_way = list(Call.objects.filter(verdict="", lease_until__gt=now).values_list("vendor_id", "host"))
    own = [host for account, host in under_way if account == vendor.pk]
    on_trial = vendor.trial_at and vendor.trial_at <= now and not own
    if vendor.pause and (vendor.pause == Pause.BY_HAND or not on_trial):
        return False
    if len(own) >= vendor.parallel_calls or not _leaves_a_worker(own, [host for _account, host in under_way]):
        return False
    lately = Call.objects.filter(vendor=vendor, started_at__gt=now - MINUTE).exclude(step__in=UNCOUNTED).count()
    return lately < vendor.calls_per_minute and not _used_up(vendor, now)


def _leaves_a_worker(own: list[str], under_way: list[str]) -> bool:
    """A vendor that hangs keeps a worker waiting. So a further call of an account begins only if a worker of this host
    stays free for all others; the first one on this host always may."""
    return HOST not in own or under_way.count(HOST) < settings.Q_CLUSTER["workers"] - 1


def _used_up(vendor: Vendor, now: datetime) -> bool:
    """Whether the account's calls of the last seven days use up its quota. It is then written down until when."""
    until = quota_until(vendor, now)
    if vendor.quota_until != until:
        vendor.quota_until = until
        vendor.save(update_fields=["quota_until"])
    return until is not None


def quota_until(vendor: Vendor, now: datetime) -> datetime | None:
    """When the oldest call that fills the account's quota leaves its week; None while there is room."""
    if not vendor.calls_per_week:
        return None
    last = _of_the_week(vendor, now).order_by("-started_at")[vendor.calls_per_week - 1 : vendor.calls_per_week]
    return next((at + WEEK for at in last.values_list("started_at", flat=True)), None)


def used(vendor: Vendor, now: datetime) -> int:
    """How many calls of the last seven days count at the vendor."""
    return _of_the_week(vendor, now).count()


def _of_the_week(vendor: Vendor, now: datetime) -> QuerySet[Call]:
    return Call.objects.filter(vendor=vendor, counts=True, started_at__gt=now - WEEK)


# --- how it fares -----------------------------------------------------------------------------------------------------


def count_failure(vendor: Vendor, text: str, now: datetime) -> None:
    """A vendor that fails again and again is paused; one trial call at a time finds out when it is back."""
    vendor.failures += 1
    vendor.save(update_fields=["failures"])
    if vendor.failures >= FAILURES_TO_PAUSE and vendor.pause != Pause.CREDENTIALS:
        vendors.pause(vendor, Pause.FAILURES, text, now, trial_at=now + trial(vendor.failures))


def count_success(vendor: Vendor) -> None:
    """An answer ends a pause that failures or refused credentials brought."""
    if vendor.pause:
        vendors.resume(vendor, ends=vendors.SELF_MADE)
    if vendor.failures or vendor.token_refusals:
        vendor.failures = vendor.token_refusals = 0
        vendor.save(update_fields=["failures", "token_refusals"])
