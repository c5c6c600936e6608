"""Sealing: what it takes, in which order, at what cost, and what it refuses to put a signature under."""

import base64
import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.test.utils import CaptureQueriesContext

from compliance.audit import highwater, merkle, seal, signing
from compliance.audit.models import Checkpoint, Event, Leaf, LogKey, PendingEvent
from compliance.audit.nodes import Nodes

from .bulk import bulk_events, bulk_log
from .hand import by_hand, change
from .whole import consistent, hold_together

KEY_EVENT = 1  # the first sealing puts the signing key on record, which is an event


def test_what_was_recorded_is_sealed_in_its_order_under_a_signed_checkpoint(tell):
    events = [tell() for _number in range(5)]
    assert seal.status() == seal.Status(None, 5, events[0].at, None)
    assert seal.seal() == 5 + KEY_EVENT
    assert list(Leaf.objects.order_by("index").values_list("event_id", flat=True))[:5] == [event.id for event in events]
    (checkpoint,) = hold_together()
    assert seal.newest() == seal.at_size(6) == checkpoint
    assert seal.status() == seal.Status(checkpoint, 0, None, None)


def test_there_is_no_checkpoint_without_a_new_event(tell):
    assert (seal.seal(), seal.newest()) == (0, None)
    tell()
    seal.seal()
    assert seal.seal() == 0
    assert Checkpoint.objects.count() == 1


def test_each_checkpoint_is_consistent_with_all_before_it(tell):
    for count in (1, 1, 2, 3, 5, 8, 13, 4, 60, 1, 255):
        for _event in range(count):
            tell()
        seal.seal()
    checkpoints = hold_together()
    assert len(checkpoints) == 11
    nodes = Nodes()
    for old, new in itertools.combinations(checkpoints, 2):
        proof = merkle.consistency(old.size, new.size, nodes)
        roots = bytes.fromhex(old.root), bytes.fromhex(new.root)
        assert consistent(old.size, roots[0], new.size, roots[1], proof)
        assert not consistent(old.size, roots[1], new.size, roots[1], proof)


def test_what_is_more_than_a_batch_is_sealed_in_several(tell, monkeypatch):
    monkeypatch.setattr(seal, "BATCH", 4)
    for _event in range(9):
        tell()
    assert seal.seal() == 9 + KEY_EVENT
    assert [checkpoint.size for checkpoint in hold_together()] == [4, 8, 10]


def test_a_backlog_can_be_sealed_a_few_batches_at_a_time(tell, monkeypatch):
    monkeypatch.setattr(seal, "BATCH", 2)
    for _event in range(8):
        tell()
    assert seal.seal(batches=3) == 6
    assert (seal.seal(batches=0), seal.seal(batches=3)) == (0, 2 + KEY_EVENT)
    hold_together()


def placed(number: int) -> Event:
    """A pending event under a number of its own."""
    return by_hand(id=number)


def test_an_event_that_appears_late_comes_after_those_with_later_numbers(tell):
    """As a transaction leaves it that took its number early and ended late. test_sealers.py has real ones."""
    first = tell().id
    placed(first + 1000)
    seal.seal()
    placed(first + 500)
    placed(first + 400)
    seal.seal()
    order = [event - first for event in Leaf.objects.order_by("index").values_list("event_id", flat=True)]
    assert [number for number in order if number in (0, 400, 500, 1000)] == [0, 1000, 400, 500]
    hold_together()


# --- the cost of a batch ----------------------------------------------------------------------------------------------


@dataclass
class Cost:
    """What the database was asked and did: statements, rows handed over, and its own steps (SQLite) or rows read
    (PostgreSQL)."""

    statements: list[str] = field(default_factory=list)
    rows: int = 0
    steps: int = 0


@contextmanager
def measured() -> Iterator[Cost]:
    cost = Cost()

    def counting(name: str) -> Any:
        def fetch(cursor: CursorWrapper, *given: Any) -> Any:
            found = getattr(cursor.cursor, name)(*given)
            cost.rows += len(found) if isinstance(found, list) else found is not None
            return found

        return fetch

    def step() -> None:
        cost.steps += 1

    with pytest.MonkeyPatch.context() as patch, CaptureQueriesContext(connection) as queries:
        for name in ("fetchone", "fetchmany", "fetchall"):
            patch.setattr(CursorWrapper, name, counting(name), raising=False)
        before = rows_read()
        if connection.vendor == "sqlite":
            connection.connection.set_progress_handler(step, 1)
        yield cost
        if connection.vendor == "sqlite":
            connection.connection.set_progress_handler(None, 1)
        cost.steps += rows_read() - before
    cost.statements = [re.split(r" WHERE | \(|\d", query["sql"])[0] for query in queries]


def rows_read() -> int:
    """In this transaction, of the trail's tables and their indexes."""
    if connection.vendor != "postgresql":
        return 0
    with connection.connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int FROM pg_stat_xact_user_tables "
            "WHERE relname LIKE 'audit%'"
        )
        return cursor.fetchone()[0]


@pytest.mark.django_db
def test_a_batch_costs_the_same_however_long_the_log_is():
    """40 events on a log of 300, and on one of 20,000; neither completes a subtree that is kept."""
    costs = []
    for length in (300, 20_268):
        sealed = Leaf.objects.count()
        assert bulk_log(length - sealed - (not sealed) * KEY_EVENT) == length
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")  # as autovacuum does
        bulk_events(40)
        highwater.keep(Checkpoint.objects.latest("size"))
        with measured() as cost:
            assert seal.seal() == 40
        costs.append(cost)
    short, long = costs
    assert long.statements == short.statements
    assert long.rows == short.rows < 60
    # PostgreSQL would rather read all of a table of a few pages than an index: there the long log is the cheaper one.
    assert 0 < long.steps <= (short.steps if connection.vendor == "sqlite" else 40 * 10)


# --- what nobody signs ------------------------------------------------------------------------------------------------


def refused(match: str) -> None:
    before = Leaf.objects.count(), Checkpoint.objects.count(), PendingEvent.objects.count()
    with pytest.raises(seal.LogDamaged, match=match):
        seal.seal()
    assert (Leaf.objects.count(), Checkpoint.objects.count(), PendingEvent.objects.count()) == before


@pytest.fixture
def log(tell) -> Checkpoint:
    """A log of six, and an event that waits to be sealed; its newest checkpoint."""
    for _event in range(5):
        tell()
    seal.seal()
    tell()
    return seal.newest()


@pytest.mark.parametrize(
    "frontier",
    [
        lambda hashes: ["00" * 32, *hashes[1:]],
        lambda hashes: hashes[::-1],
        lambda hashes: hashes[:-1],
        lambda hashes: [*hashes, "00" * 32],
        lambda hashes: [],
        lambda hashes: ["not", "hex"],
    ],
)
def test_nothing_is_sealed_on_a_frontier_that_does_not_make_the_root(log, frontier):
    change("UPDATE audit_checkpoint SET frontier = %s", " ".join(frontier(log.frontier.split())))
    refused("frontier of checkpoint 6 does not make its root")


def test_nothing_is_sealed_on_another_root(log):
    change("UPDATE audit_checkpoint SET root = %s", "00" * 32)
    refused("frontier of checkpoint 6 does not make its root")


def forged(log: Checkpoint, key: Ed25519PrivateKey | None = None) -> None:
    """Another history of the same length in the place of the sealed one, under the old note or one by `key`."""
    nodes = [bytes([number]) * 32 for number in range(2)]
    frontier = merkle.Frontier(6, nodes)
    change(
        "UPDATE audit_checkpoint SET root = %s, frontier = %s, note = %s",
        frontier.root().hex(),
        " ".join(node.hex() for node in nodes),
        signing.checkpoint_note(6, frontier.root(), [signing.Signer(log.note.split()[0], key)]) if key else log.note,
    )


def test_the_signing_key_does_not_vouch_for_a_history_that_was_put_in_the_place_of_its_own(log):
    """Whoever owns the database but has no key would need only to wait for the next sealing."""
    forged(log)
    refused("was not signed with the key")


def test_nor_for_one_under_a_key_that_was_put_on_record_with_it(log):
    key = Ed25519PrivateKey.generate()
    forged(log, key)
    signing.recorded(key)
    refused("was not signed with the key")


def test_nothing_is_sealed_when_the_last_leaves_have_gone(log):
    change('DELETE FROM audit_leaf WHERE "index" = 5')
    refused(r"not that of the last leaf \(4\)")


def test_nothing_is_sealed_when_the_newest_checkpoints_have_gone(log):
    change("DELETE FROM audit_checkpoint")
    refused(r"not that of the last leaf \(5\)")


def test_nothing_is_sealed_beside_a_leaf_that_no_sealer_made(log):
    """This one can be inserted without lifting a trigger."""
    Leaf.objects.create(index=4711, event=PendingEvent.objects.get().event)
    refused(r"not that of the last leaf \(4711\)")


def test_who_asks_for_the_newest_checkpoint_gets_it_in_spite_of_that(log, caplog):
    change("UPDATE audit_checkpoint SET frontier = ''")
    assert seal.newest_after_sealing() == log
    assert "does not make its root" in caplog.text


def test_who_asks_for_the_newest_checkpoint_has_all_that_was_committed_before(tell):
    tell()
    checkpoint = seal.newest_after_sealing()
    assert checkpoint.size == 1 + KEY_EVENT
    assert base64.b64decode(checkpoint.note.splitlines()[2]).hex() == checkpoint.root
    assert LogKey.objects.count() == 1
    with transaction.atomic():
        assert seal.newest_after_sealing() == checkpoint
