"""By schedule: every case that has ended, and every draft, gets a date; what is due is destroyed, a few at a time."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q, QuerySet

from compliance import clock
from compliance.audit.behind import behind
from erasure import evidence, lifecycle
from erasure.models import Case, Evidence
from erasure.states import CaseStatus, ShredReason

from .dates import Rule, noticed, rule_of, soon
from .destroying import shred
from .obstacles import why_not

log = logging.getLogger(__name__)
ACTOR = "system:retention"
DATED_AT_ONCE = 2_000
SHREDDED_AT_ONCE = 10  # in one tick of one host: each writes much, and the vendors' work goes first
LATER = timedelta(days=1)  # what is in the way is asked about once a day


def due() -> QuerySet[Case]:
    """The cases whose date has come, the oldest first."""
    found = Case.objects.filter(shred_at__lte=clock.today(), shredded_at=None, held_at=None)
    return found.order_by("shred_at", "id")


def sweep() -> int:
    """Destroys what is due, a few cases at a time; returns how many. Safe at any time, on any number of hosts; nothing
    on a database that was put back from a backup, where what was put on hold since is not known."""
    if behind():
        return 0
    count = 0
    for pk in due().values_list("pk", flat=True)[:SHREDDED_AT_ONCE]:
        try:
            count += _take(pk)
        except DatabaseError:
            raise
        except Exception as error:  # one case that cannot be destroyed must not hold up the others
            log.error("case:%s could not be destroyed: %s", pk, type(error).__name__)
            Case.objects.filter(pk=pk).update(shred_at=clock.today() + LATER)
    return count


def _take(pk: Any) -> bool:
    """One case, if it is due by its own rule now: its date may have been given by another."""
    with transaction.atomic():
        case = Case.locked(skip_locked=True).filter(pk=pk).first()
        if case is None or case.shred_at is None or case.shred_at > clock.today():
            return False
        rule = rule_of(case)
        if rule is None or rule.on > clock.today():
            _date(case, noticed(rule))
            return False
        with transaction.atomic():
            why = ShredReason.TIME_OVER
            if case.status == CaseStatus.DRAFT:
                why = ShredReason.ABANDONED
                lifecycle.conclude(case, actor=ACTOR)
            if not why_not(case):
                return shred(case, actor=ACTOR, why=why, rule=rule.name, since=rule.since.isoformat())
            transaction.set_rollback(True)  # a draft stays one while something is in the way
        _date(case, clock.today() + LATER)
        return False


def _date(case: Case, on: date | None) -> None:
    Case.objects.filter(pk=case.pk).update(shred_at=on)


def wipe() -> None:
    """On SQLite, takes what was overwritten out of the write-ahead log as well. While others read or write it does
    nothing, and the next time does."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            (waits,) = cursor.execute("PRAGMA busy_timeout").fetchone()
            cursor.execute("PRAGMA busy_timeout = 0")
            try:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {int(waits)}")


# --- dates ------------------------------------------------------------------------------------------------------------


def give_dates(*, limit: int = DATED_AT_ONCE) -> int:
    """Gives a date to so many of the cases that may have one and have none; returns to how many."""
    restricted = Case.restricted()
    found = Case.objects.filter(Case.undated()).exclude(restricted)
    found = found.filter(Q(status=CaseStatus.DRAFT) | Q(replied_at__isnull=False) | Q(cancelled_at__isnull=False))
    return _give(list(found.order_by("created_at", "id").only(*_FIELDS)[:limit]))


def give_notice_anew() -> int:
    """Takes its date from every case that would be destroyed within the notice, so that it gets another with all of it;
    returns from how many. After a restore: a hold that was placed meanwhile is lost."""
    return Case.objects.filter(soon()).update(shred_at=None)


def redate(*, after: Any = None, limit: int = DATED_AT_ONCE) -> tuple[int, int, Any]:
    """Gives dates anew, as the rules are now, to the next cases by their number: how many it looked at, how many got
    another, and the last number (None: there are no more). Nobody loses the notice that a case gives."""
    found = Case.objects.filter(shredded_at=None, shred_at__isnull=False).order_by("pk")
    page = list((found.filter(pk__gt=after) if after else found).only(*_FIELDS)[:limit])
    return len(page), _give(page), page[-1].pk if len(page) == limit else None


def redate_files() -> int:
    """Gives an end to files that came before their kind had one of its own, as the rules are now and no sooner than the
    notice; returns to how many."""
    soonest, count = clock.now() + timedelta(days=settings.RETENTION_NOTICE_DAYS), 0
    for regime, keeping in settings.RETENTION.items():
        files = Evidence.objects.filter(case__regime=regime, keep_until=None, removed_at=None)
        for found, days in (
            (files.filter(kind=evidence.IDENTITY), keeping.identity_days),
            (files.filter(call__isnull=False), keeping.output_days),
        ):
            if days:
                kept = timedelta(days=days)
                count += found.filter(created_at__lte=soonest - kept).update(keep_until=soonest)
                count += found.update(keep_until=F("created_at") + kept)
    return count


#: What `rule_of` looks at.
_FIELDS = (
    *("status", "regime", "updated_at", "closed_at", "replied_at", "cancelled_at", "cancel_reason", "held_at"),
    *("restricted_at", "lifted_at", "shred_at", "shredded_at"),
)


def _give(cases: Iterable[Case]) -> int:
    """One update for each date. A case that has changed meanwhile is left for the next time."""
    same: dict[tuple[date | None, date | None], list[Case]] = defaultdict(list)
    for case in cases:
        rule: Rule | None = rule_of(case)
        on = noticed(rule, case.shred_at)
        if on != case.shred_at:
            same[case.shred_at, on].append(case)
    count = 0
    for (before, on), mine in same.items():
        found = Case.objects.filter(pk__in=[case.pk for case in mine], shred_at=before, shredded_at=None)
        count += (found if before else found.filter(Case.undated())).update(shred_at=on)
    return count
