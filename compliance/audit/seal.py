"""Sealing: pending events become leaves of a log, in one order for ever, under a signed checkpoint.

Writers of events never wait for each other or for the sealer. Whoever seals takes what has been committed by then; an
event whose transaction ends later is pending until the next time, and so never skipped. One seals at a time, whoever it
is. The work for a batch does not grow with the log: only its frontier is read.
"""

import logging
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, OperationalError, connection, transaction

from compliance import clock

from . import behind, highwater, pending, signing
from .actions import KEY_ADDED
from .merkle import Frontier
from .models import Anchor, Checkpoint, Leaf, LogKey, PendingEvent, Subtree
from .record import record

BATCH = 2000  # events under one checkpoint, and in one transaction: on SQLite writers wait for it
TILE = 8  # every so many levels the full subtrees are kept
WAIT_SECONDS = 60  # for somebody else to have sealed; whoever may connect to the database could keep the lock
_LOCK = 0x5EA1  # PostgreSQL's advisory lock, of this database
_TIMED_OUT = "55P03"  # PostgreSQL's lock_not_available
_COUNTED = 500  # the oldest pending events, in which those at fault gather
_refused = pending.Refused()

log = logging.getLogger(__name__)


class LogDamaged(Exception):
    """Somebody changed the database. Where the end of the log is not as this code left it, nothing is sealed on it: a
    signature would vouch for the change. Where what is to be added is not, it is left out and the rest is sealed."""


@dataclass(frozen=True)
class Status:
    """How far the trail is sealed and anchored. `pending`: events that no checkpoint holds yet, `oldest` of them.
    `refused`: how many of these, among the first few hundred, were not written by the desk and stay out of the log."""

    checkpoint: Checkpoint | None
    pending: int
    oldest: datetime | None
    anchor: Anchor | None
    refused: int = 0


def status() -> Status:
    waiting = pending.oldest(_COUNTED)
    refused = sum(bool(pending.fault(row)) for row in waiting if row.leaf is None)
    oldest = None
    if waiting:
        with suppress(ValueError, OverflowError):
            oldest = pending.moment(waiting[0].at)
    anchor = Anchor.objects.order_by("size", "id").last()
    return Status(newest(), PendingEvent.objects.count(), oldest, anchor, refused)


def newest() -> Checkpoint | None:
    """The newest checkpoint that a key on record has signed."""
    return signing.newest_signed()


def at_size(size: int) -> Checkpoint | None:
    """The checkpoint of exactly this size, if the log was ever sealed at it."""
    found = Checkpoint.objects.filter(size=size).first()
    return found if found and signing.is_signed(found) else None


def first_over(index: int) -> Checkpoint | None:
    """The smallest checkpoint that holds the leaf `index` and that a key on record has signed; None if none of the
    next few is."""
    return signing.first_signed(Checkpoint.objects.filter(size__gt=index).order_by("size"))


def seal(*, wait: bool = False, batches: float = math.inf) -> int:
    """Seals all that is pending, in batches, or in so many at most; returns how many events. Somebody else who is
    sealing is left alone, or with `wait` waited for.

    Raises ImproperlyConfigured without a signing key, and LogDamaged, also on a database that was put back from a
    backup (`behind`); what was recorded stays pending. LogDamaged is also raised if all went well but for events that
    the desk did not write: then the others are sealed. With `wait`, it is raised too after WAIT_SECONDS."""
    sealed = 0
    while batches > 0 and PendingEvent.objects.exists():
        with transaction.atomic():
            if not _alone(wait):
                return sealed
            _be_newest()
            signers = [_signer(private) for private in signing.load()]
            taken, count = _seal_batch(_end_of_log(signers), signers)
        sealed, batches = sealed + count, batches - 1
        if taken < BATCH:
            if complaint := _refused.complaint():
                raise LogDamaged(complaint)
            break
    return sealed


def newest_after_sealing() -> Checkpoint | None:
    """The newest checkpoint, after an attempt to seal what is pending: it holds every event committed before the call,
    unless that could not be sealed, which is logged."""
    try:
        seal(wait=True)
    except (ImproperlyConfigured, LogDamaged) as error:
        log.error("%s", error)
    return newest()


def public_keys() -> list[LogKey]:
    """The keys under which checkpoints were or will be signed, oldest first. Makes and records the first if need be.
    Raises ImproperlyConfigured if the signing key is there and cannot be used."""
    signing.ensure()
    if Path(settings.AUDIT_SIGNING_KEY).exists():  # a host that only serves pages may have none
        with transaction.atomic():
            _alone(wait=True)
            for private in signing.load():
                _signer(private)
    return signing.keys_on_record()


def key_in_use() -> LogKey:
    """The key that signs now, made and recorded if need be; on a host without the key file the newest on record.
    Raises ImproperlyConfigured if none can be made, or the signing key is there and cannot be used."""
    keys = public_keys()
    if not Path(settings.AUDIT_SIGNING_KEY).exists():
        last = newest()
        signed = signing.signed_by(last.note, keys) if last else keys[-1:]
        if not signed:
            signing.load()  # tells that there is none
        return signed[0]
    now = signing.public_bytes(signing.load()[0]).hex()
    return next(key for key in keys if key.public_key == now)


def rotate(*, without_the_old_key: bool = False) -> LogKey:
    """Goes on under a new signing key; returns it as recorded. One checkpoint is signed with both keys, so that whoever
    trusts the old one can trust the new one. If the old one's file is missing, or the old one has not signed the newest
    checkpoint, LogDamaged is raised: the log may have been rewritten by somebody who lacks the key. Only
    `without_the_old_key` the new one then signs alone, and whoever checks the log needs to be told why.

    The key file holds both keys until that checkpoint is there. Broken off, sealing goes on with both, and the next
    call ends what this one began. Raises ImproperlyConfigured if the file cannot be used or written, or LogDamaged."""
    with transaction.atomic():
        _alone(wait=True)
        _be_newest()
        frontier, last = _end_of_log(), _last()
        old = signing.load() if Path(settings.AUDIT_SIGNING_KEY).exists() else []
        known = [_signer(private) for private in old]
        new = old.pop(0) if len(old) > 1 else Ed25519PrivateKey.generate()
        before = [key for key in known if key.private in old]
        if last:
            known = [key for key in known if signing.has_signed(key, last.note, last.size, frontier.root())]
            before = [key for key in before if key in known]
            if not known and not without_the_old_key:
                raise LogDamaged(
                    f"Checkpoint {last.size} was not signed with the key of AUDIT_SIGNING_KEY, or that key is missing. "
                    "A new key would vouch for whatever the log now holds. Nothing was changed. If the old key is lost "
                    "for good: audit_key --rotate --without-the-old-key."
                )
        signing.replace([new, *(key.private for key in before)])
        signers = [_signer(new), *before]
        while _seal_batch(frontier, signers)[0] == BATCH:
            pass
    signing.replace([new])
    return LogKey.objects.get(public_key=signing.public_bytes(new).hex())


def _alone(wait: bool) -> bool:
    """Whether nobody else seals until this transaction ends. SQLite has one writer at a time anyway. With `wait`, it is
    waited for them; raises LogDamaged where that lasts longer than any batch takes."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        if wait:
            try:
                with transaction.atomic():
                    cursor.execute(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
                    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
                    cursor.execute("SET LOCAL lock_timeout = DEFAULT")
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", "") != _TIMED_OUT:
                    raise
                raise LogDamaged(
                    f"Another connection to the database has held the sealer's lock for {WAIT_SECONDS} s (advisory "
                    f"lock {_LOCK} in pg_locks). Nothing was sealed."
                ) from None
            return True
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _be_newest() -> None:
    """Raises LogDamaged where the database is not the newest state of the desk: nothing goes on from there unasked."""
    behind.forget()
    if line := behind.behind():
        raise LogDamaged(f"{line} Nothing was sealed.")


def _signer(private: Ed25519PrivateKey) -> signing.Signer:
    signer, new = signing.recorded(private)
    if new:
        key = signing.key_hash(signer.name, signing.public_bytes(private)).hex()
        record(
            KEY_ADDED, actor="system:audit", subject=f"audit_key:{key}", public_key=signing.public_bytes(private).hex()
        )
    return signer


def _last() -> Checkpoint | None:
    """The last row, whoever made it: the sealer looks for itself whether it is signed."""
    return Checkpoint.objects.order_by("size").last()


def _end_of_log(signers: Sequence[signing.Signer] = ()) -> Frontier:
    """Where the log goes on, as the newest checkpoint says. Raises LogDamaged if that is not as a sealer left it, or
    is not signed by one of `signers` first: a key never vouches for a past that it has not signed itself, nor is it
    used where another has replaced it."""
    last = _last()
    places = Leaf.objects.order_by("index").values_list("index", flat=True)
    first, final = places.first(), places.last()
    if first:
        raise LogDamaged(f"The first leaf of the log is not 0 but {first}. Nothing was sealed.")
    if final != (last.size - 1 if last else None):
        raise LogDamaged(f"The newest checkpoint is not that of the last leaf ({final}). Nothing was sealed.")
    if last is None:
        return Frontier()
    try:
        frontier = Frontier(last.size, map(bytes.fromhex, last.frontier.split()))
    except ValueError:
        frontier = Frontier()
    if frontier.size != last.size or frontier.root().hex() != last.root:
        raise LogDamaged(f"The frontier of checkpoint {last.size} does not make its root. Nothing was sealed.")
    if signers and not any(signing.has_signed(key, last.note, last.size, frontier.root()) for key in signers):
        raise LogDamaged(
            f"Checkpoint {last.size} was not signed with the key of AUDIT_SIGNING_KEY. Nothing was sealed. Every host "
            "needs the same key. If this one has it, the log was changed: see docs/trail.md."
        )
    return frontier


def _seal_batch(frontier: Frontier, signers: Sequence[signing.Signer]) -> tuple[int, int]:
    """Appends one batch to the log that ends at `frontier`, under a checkpoint signed by all of `signers`, within the
    caller's transaction. Returns of how many pending events, and how many of them it sealed. Raises LogDamaged."""
    found = pending.oldest(BATCH, _refused)
    leaves, subtrees = [], []
    done = [row.number for row in found if row.leaf is not None]  # somebody marked it a second time
    for row in found:
        if row.leaf is not None:
            continue
        if why := pending.fault(row):
            _refused.add(row, why)
            continue
        leaves.append(Leaf(index=frontier.size, event_id=row.number))
        for level, index, node in frontier.append(bytes.fromhex(row.leaf_hash)):
            if level % TILE == 0:
                subtrees.append(Subtree(level=level, index=index, hash=node.hex()))
    try:
        Leaf.objects.bulk_create(leaves)
        Subtree.objects.bulk_create(subtrees)
        PendingEvent.objects.filter(event_id__in=[*done, *(leaf.event_id for leaf in leaves)]).delete()
        if leaves:
            root = frontier.root()
            sealed = Checkpoint.objects.create(
                size=frontier.size,
                at=clock.now(),
                root=root.hex(),
                frontier=" ".join(node.hex() for node in frontier.hashes),
                note=signing.checkpoint_note(frontier.size, root, signers),
            )
            transaction.on_commit(lambda: highwater.keep(sealed))
    except IntegrityError as error:
        raise LogDamaged(
            f"A row stands where the batch from leaf {frontier.size - len(leaves)} on belongs, or its event is sealed "
            f"elsewhere ({str(error).partition(chr(10))[0]}). Nothing was sealed."
        ) from None
    return len(found), len(leaves)
