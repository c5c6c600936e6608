"""What has to happen before work goes on upon a database that was put back from a backup.

All of it is one transaction: either the desk is put right, with an event that names the gap, or nothing has changed
and the command is run again. Only what lies outside of the database comes after it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Q
from django_q.brokers import get_broker

from compliance import clock
from compliance.audit import actions, behind, seal
from compliance.audit.models import Checkpoint, Event
from compliance.audit.record import record, timestamp
from compliance.staff import tokens
from compliance.staff.models import ServiceToken
from compliance.vault import shredded
from compliance.vault.models import DataKey
from erasure import evidence, retention
from erasure.models import Case, Evidence

from . import doubting, references

ACTOR = "system:command"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lost:
    """What a database from a backup lacks. `ends`: its newest checkpoint; `since`: until when it is known to be whole;
    `gap`: what is known to have been sealed after it (None: nothing speaks against the database); `shredded`: how many
    keys of cases and files are back that were destroyed; `is_right`: it was put right, and that is the last thing in
    it."""

    ends: Checkpoint | None
    since: datetime
    gap: behind.Gap | None
    shredded: int
    is_right: bool


@dataclass(frozen=True)
class Report:
    """What was done: parts of vendors' work and letters put in doubt, bulk work and imports stopped, keys destroyed
    again, sessions ended, tokens revoked, and the first and last reference that is left out."""

    work: int
    letters: int
    bulk: int
    imports: int
    shredded: int
    sessions: int
    revoked: int
    left_out: tuple[str, str]


def look() -> Lost:
    """Reads only."""
    newest = Checkpoint.objects.order_by("size").last()
    # The first sealing may tell of its key.
    done = Event.objects.exclude(action=actions.KEY_ADDED).order_by("-id").first()
    is_right = done is not None and done.action == actions.RESTORED
    return Lost(newest, _since(newest), behind.gap(), back(), is_right)


def back() -> int:
    """How many keys live here that the list beside this host's key ring names as destroyed."""
    return len(_back())


def came_before() -> bool:
    """Whether all that is back was destroyed before the desk was last put right: the restore that was put right then
    has brought it, and none that nobody has noticed."""
    restored = Event.objects.filter(action=actions.RESTORED).order_by("-id").first()
    return restored is not None and all(at <= restored.at for at in _back())


def _back() -> list[datetime]:
    gone = shredded.listed()
    living = DataKey.objects.filter(destroyed_at=None).values_list("pk", flat=True)
    return [gone[pk] for pk in living.iterator() if pk in gone] if gone else []  # the list is longer than a query takes


def _since(newest: Checkpoint | None) -> datetime:
    """The time from which on things may be lost, rather too early than too late. What the database was told after it
    was put back, such as who signed in, is not of the backup: so the beginning of the backup counts, or what was
    sealed, and the newest event only where there is neither."""
    about = Event.objects.filter(action__in=(actions.BACKUP_BEGUN, actions.BACKED_UP, actions.BACKUP_FAILED))
    begun = about.order_by("-id").first()
    known = [newest.at] if newest else []
    if begun and begun.action == actions.BACKUP_BEGUN:
        known.append(begun.at)
    last = Event.objects.order_by("-id").first()
    return max(known, default=last.at if last else clock.now())


def put_right(lost: Lost, *, beyond: int = 0, revoke_tokens: bool = False, dry_run: bool = False) -> Report:
    """Puts right what `look` has found, or with `dry_run` says what would be. `beyond`: the number of the newest
    reference that anybody knows of. Broken off, it has done nothing."""
    with transaction.atomic():
        report = Report(
            work=doubting.doubt_work(lost.since),
            letters=doubting.doubt_letters(),
            **doubting.stop_lists(ACTOR),
            shredded=shred_again(dry_run=dry_run),  # files go with it, for good
            sessions=Session.objects.all().delete()[0],
            revoked=sum(tokens.revoke(token, actor=ACTOR) for token in living_tokens()) if revoke_tokens else 0,
            left_out=references.leave_out(lost.since, clock.now(), beyond=beyond),
        )
        retention.give_notice_anew()
        _tell(lost, report)
        if dry_run:
            transaction.set_rollback(True)
    if not dry_run:
        _outside()
    return report


def shred_again(*, dry_run: bool = False) -> int:
    """Destroys again what the list beside this host's key ring names; returns how many cases and files. Also where
    another host has put the desk right, whose list lacked them. With `dry_run` only counts them."""
    if dry_run:
        return retention.count_again(shredded.listed())
    return retention.shred_again(shredded.listed(), actor=ACTOR)


def _tell(lost: Lost, report: Report) -> None:
    """The last thing of the transaction: whatever was sealed before it no longer speaks against this database."""
    known = lost.gap.known if lost.gap else None
    record(
        actions.RESTORED,
        actor=ACTOR,
        tree_size=lost.ends.size if lost.ends else 0,
        root=lost.ends.root if lost.ends else "",
        last_event_at=timestamp(lost.since),
        known_size=known.size if known else None,
        known_root=known.root if known else None,
        known_at=timestamp(known.at) if known else None,
        known_by=known.where if known else None,
        in_doubt=report.work,
        letters=report.letters,
        bulk=report.bulk,
        imports=report.imports,
        shredded_again=report.shredded,
        sessions_ended=report.sessions,
        tokens_revoked=report.revoked,
        first_left_out=report.left_out[0],
        last_left_out=report.left_out[1],
    )


def _outside() -> None:
    """What another database has left in the queue and in the cache, and the first checkpoint of the log as it goes on.
    None of it holds up the desk if it fails."""
    behind.forget()
    for what, do in (("queue", _empty_queue), ("cache", cache.clear), ("trail", lambda: seal.seal(wait=True))):
        _try(what, do)


def _try(what: str, do: Callable[[], object]) -> None:
    try:
        do()
    except (ImproperlyConfigured, seal.LogDamaged) as error:
        log.error("%s", error)
    except Exception as error:  # the queue or the cache is away, or not the desk's to clear
        log.error("The %s was not cleared after the restore: %s", what, type(error).__name__)


def _empty_queue() -> None:
    get_broker().purge_queue()


# --- what a person has to look through --------------------------------------------------------------------------------


def living_tokens() -> list[ServiceToken]:
    """Also those that were revoked since the backup."""
    now = clock.now()
    living = ServiceToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)
    return list(living.select_related("account").order_by("account__username", "pk"))


def missing_evidence() -> list[Any]:
    """The evidence whose file is not there: ids, with the references of their cases."""
    kept = Evidence.objects.filter(removed_at=None).select_related("case").order_by("case__reference", "pk")
    return [(item.pk, item.case.reference) for item in kept.iterator() if not evidence.path_of(item).exists()]


def open_cases() -> int:
    return Case.objects.filter(closed_at=None).count()
