"""Rotation of the key ring: a new key becomes active, living data keys are wrapped anew under it, and some time later
the replaced key is destroyed. From then on nothing opens what only it had wrapped: the data keys in old backups of the
database, and with them what was destroyed here and lives on there.

Each part may be killed anywhere and called again. No host ever meets a data key that it cannot open, if all share the
ring's folder, or have got a prepared key before it is made active.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection, transaction

from compliance import clock
from compliance.audit.models import Event

from . import shredded
from .actions import KEY_ACTIVATED
from .keys import Ring, ring
from .models import DataKey
from .on_record import put_on_record
from .rewrap import Rewrapped, in_use, living, rewrap
from .ring_file import changing
from .seal import Unreadable, lacks, open_wrapped

GRACE = timedelta(minutes=10)  # at the least between replacing and destroying by schedule
AT_ONCE = 5_000  # data keys that one tick wraps anew
WAIT_SECONDS = 5  # for transactions that are changing data keys, before a ring key is destroyed
SAMPLE = 3  # data keys that are tried for each key of the ring
_TIMED_OUT = "55P03"  # PostgreSQL's lock_not_available
_ONE_ROTATES = f"SELECT pg_advisory_xact_lock({0x512D})"
_NOBODY_WRITES = f"LOCK TABLE {DataKey._meta.db_table} IN SHARE ROW EXCLUSIVE MODE"


class Busy(Exception):
    """Somebody else's transaction holds data keys for long. Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("Other work has held data keys for a while. Nothing was changed. Try again in a minute.")


@dataclass(frozen=True)
class Rotated:
    """`activated`: the key that was made active now; empty when an earlier rotation, cut off, was brought to its end
    instead."""

    activated: str
    rewrapped: Rewrapped


@dataclass(frozen=True)
class InBackups:
    """Whether a destroyed data key can still be opened in old backups of the database with today's ring. `until`: then
    the time when its ring key is to be destroyed, None without a schedule; once gone, since when, if that is known."""

    readable: bool
    until: datetime | None


def problem() -> str | None:
    """Why this host must not work with the key ring that it has, in one line; None if all is well. A missing or damaged
    ring, one that lacks keys, or another desk's. Cheap: a few look-ups for each key of the ring."""
    # Looked at twice: a rotation may change the database and the ring between a look at one and at the other.
    return _trouble() and _trouble()


def _trouble() -> str | None:
    used = in_use()
    try:
        held = ring(anew=True)
    except ImproperlyConfigured as error:
        return str(error)
    for ring_key in used:
        if at := held.retired.get(ring_key):
            return (
                f"KEY_RING: data of this desk is sealed under the key {ring_key}, which this ring destroyed on "
                f"{at.date()}. Either the database is an old backup, or another host still uses an old copy of the "
                "file: then copy that one here, and rotate again. Nothing was erased."
            )
        if ring_key not in held.keys:
            return lacks(ring_key)
        # Under a replaced key only what is damaged may be left: that is a matter of these data keys alone.
        sample = () if ring_key in held.replaced else living(ring_key)[:SAMPLE]
        if sample and not any(_opens(held, key) for key in sample):
            return (
                f"KEY_RING: the key {ring_key} of this ring does not open what the database holds under it. The ring "
                "or the database was changed, or they are of two desks. Nothing was erased. Put the right one back."
            )
    return None


def _opens(held: Ring, key: DataKey) -> bool:
    try:
        return bool(open_wrapped(held, key))
    except Unreadable:
        return False


# --- the deeds --------------------------------------------------------------------------------------------------------


def prepare(*, actor: str) -> str:
    """Adds a key to the ring that is not active yet, and returns its id. Where hosts have copies of the file, it is
    copied to each of them then, before `rotate`. Raises ImproperlyConfigured."""
    _demand_order()
    with changing() as file:
        key_id = file.add()
        put_on_record(actor)
    return key_id


def rotate(*, actor: str, progress: Callable[[int, int], None] = lambda done, total: None) -> Rotated:
    """Makes a prepared key, or else a new one, active, and wraps every living data key under it. If a rotation before
    this was cut off, that is brought to its end instead. Raises ImproperlyConfigured."""
    _demand_order()
    put_on_record(actor)
    ended = rewrap(progress=progress)
    if ended.moved:
        return Rotated("", ended)
    return Rotated(_activate(actor), rewrap(progress=progress))


def retire(*, actor: str, replaced_before: datetime | None = None) -> list[str]:
    """Destroys the keys of the ring that were replaced (before a time), unless a living data key is under them; returns
    their ids. Raises ImproperlyConfigured and Busy.

    Nobody can be left with a data key under a key that goes: the transactions that change data keys are waited for, and
    `seal.new_key` looks at the ring once more after its insert."""
    if not ring().replaced:
        return []
    _demand_order()
    rewrap()
    with changing() as file, _once(_NOBODY_WRITES):
        used = in_use()
        gone = [
            key_id
            for key_id, at in ring().replaced.items()
            if key_id not in used and (replaced_before is None or at <= replaced_before)
        ]
        if gone:
            file.destroy(gone)
            put_on_record(actor)
    return gone


def tick() -> None:
    """What the schedule wants done by now, on any number of hosts. Raises ImproperlyConfigured."""
    shredded.keep()
    _demand_order()
    put_on_record("system:worker")
    if settings.KEY_ROTATION_DAYS:
        oldest = clock.now() - _days(settings.KEY_ROTATION_DAYS)
        with suppress(Busy):  # a later tick does it
            if ring().active_since <= oldest:
                _activate("system:worker", if_older_than=oldest)
    rewrapped = rewrap(at_most=AT_ONCE)
    if settings.KEY_ROTATION_DAYS and not rewrapped.moved:
        _retire_due(clock.now() - _kept())


def _retire_due(due: datetime) -> None:
    late = [key_id for key_id, at in ring().replaced.items() if at <= due]
    if not late:
        return
    with suppress(Busy):
        retire(actor="system:worker", replaced_before=due)
    if kept := [key_id for key_id in late if key_id in in_use()]:
        raise ImproperlyConfigured(
            f"KEY_RING: the key {kept[0]} should be destroyed by now and is kept: data keys that do not open are "
            "under it. Put these rows of vault_datakey back from a backup, or destroy the data of their cases."
        )


def _activate(actor: str, *, if_older_than: datetime | None = None) -> str:
    """The key that is active from now on: another one, unless the one that is was made so after that time."""
    with changing() as file, _once(_ONE_ROTATES):
        if if_older_than:
            if ring().active_since > if_older_than:
                return ring().active
            _demand_newest()
        key_id = file.activate()
        put_on_record(actor)
    return key_id


def _demand_order() -> None:
    if line := problem():
        raise ImproperlyConfigured(line)


def _demand_newest() -> None:
    """Refuses to go on by schedule with a copy of the ring that another host has left behind: each would make a key
    that the other lacks."""
    if newest := Event.objects.filter(action=KEY_ACTIVATED).order_by("-id").first():
        ring_key = newest.subject.removeprefix("ring_key:")
        if ring_key not in ring().keys and ring_key not in ring().retired:
            raise ImproperlyConfigured(lacks(ring_key))


@contextmanager
def _once(lock: str) -> Iterator[None]:
    """A transaction under this lock of PostgreSQL; on SQLite only one writes anyway. Raises Busy."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
                    cursor.execute(lock)
                    cursor.execute("SET LOCAL lock_timeout = DEFAULT")
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", "") != _TIMED_OUT:
                    raise
                raise Busy from None
        yield


# --- until when -------------------------------------------------------------------------------------------------------


def readable_in_backups_until(key: DataKey) -> InBackups:
    """Of a destroyed data key, whether and until when an old backup of the database still opens with today's ring. No
    query. Raises ImproperlyConfigured as `ring` does.

    A living data key is wrapped anew at each rotation, so older backups have it under keys that go before this one."""
    held = ring()
    if key.ring_key not in held.keys:
        return InBackups(readable=False, until=held.retired.get(key.ring_key))
    return InBackups(readable=True, until=destroyed_on(held, key.ring_key))


def destroyed_on(held: Ring, ring_key: str) -> datetime | None:
    """When the schedule destroys this key of the ring, at the latest and if a worker runs; None without a schedule."""
    if not settings.KEY_ROTATION_DAYS or ring_key in held.prepared:
        return None
    replaced = held.replaced.get(ring_key) or held.active_since + _days(settings.KEY_ROTATION_DAYS)
    return max(replaced + _kept(), clock.now())


def _kept() -> timedelta:
    return max(_days(settings.KEY_KEEP_DAYS), GRACE)


def _days(count: int) -> timedelta:
    return timedelta(days=count)
