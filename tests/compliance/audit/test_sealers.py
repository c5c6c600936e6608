"""Sealing while others write, seal and die: late commits, several sealers at once, a sealer that is killed."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.db import OperationalError, connection, transaction

from compliance.audit import seal
from compliance.audit.models import Event, Leaf, PendingEvent
from tests.desk import ROOT, Desk

from .whole import hold_together

KEY_EVENT = 1


def committed(tell: Callable[..., Event]) -> int:
    with transaction.atomic():
        return tell().id


@contextmanager
def held_open(tell: Callable[..., Event]) -> Iterator[int]:
    """Another connection's transaction that has recorded an event, whose number is given, and ends with the block."""
    recorded, may_end = threading.Event(), threading.Event()
    numbers: list[int] = []

    def work() -> None:
        try:
            with transaction.atomic():
                numbers.append(tell().id)
                recorded.set()
                assert may_end.wait(60)
        finally:
            recorded.set()
            connection.close()

    with ThreadPoolExecutor() as pool:
        done = pool.submit(work)
        assert recorded.wait(60)
        try:
            yield numbers[0]
        finally:
            may_end.set()
        done.result()


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_is_open_across_several_seals_is_not_skipped(tell):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time: see the next test")
    order = [committed(tell)]
    with held_open(tell) as late:
        for _again in range(3):
            order.append(committed(tell))
            assert late < order[-1]
            seal.seal()
        hold_together()
        assert not Leaf.objects.filter(event_id=late).exists()
    assert seal.seal() == 1
    assert Leaf.objects.get(event_id=late).index == Leaf.objects.count() - 1
    sealed = Leaf.objects.filter(event__action="test.happened").order_by("index").values_list("event_id", flat=True)
    assert list(sealed) == [*order, late]
    hold_together()


@pytest.mark.django_db(transaction=True)
def test_on_sqlite_a_sealer_waits_for_the_writer_and_one_that_cannot_leaves_nothing_half(tell):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL's writers never wait for each other")
    first = committed(tell)
    with ThreadPoolExecutor(1) as pool:
        with held_open(tell) as late:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA busy_timeout = 50")
            with pytest.raises(OperationalError, match="locked"):
                seal.seal()
            connection.close()  # and with it the short patience
            assert set(PendingEvent.objects.values_list("event_id", flat=True)) == {first}
            assert hold_together() == []
            waiting = pool.submit(sealed_by_another)
        assert waiting.result() + seal.seal() == 2 + KEY_EVENT
    assert Leaf.objects.get(event_id=first).index < Leaf.objects.get(event_id=late).index
    hold_together()


@pytest.mark.django_db(transaction=True)
def test_whoever_keeps_the_sealers_lock_is_not_waited_for_without_end(tell, monkeypatch):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no such lock")
    monkeypatch.setattr(seal, "WAIT_SECONDS", 1)
    tell_of = committed(tell)
    with psycopg.connect(**connection.get_connection_params() | {"autocommit": True}) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [seal._LOCK])
        with pytest.raises(seal.LogDamaged, match="held the sealer's lock for 1 s"):
            seal.seal(wait=True)
        assert seal.newest_after_sealing() is None
        assert seal.seal() == 0, "who need not wait goes away"
    assert seal.seal(wait=True) == 1 + KEY_EVENT
    assert Leaf.objects.filter(event_id=tell_of).exists()
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",), "what comes after waits as long as ever"


def sealed_by_another() -> int:
    """Seals on a connection of its own."""
    try:
        return seal.seal(wait=True)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_eight_writers_and_three_sealers_at_once_make_one_log_without_a_gap(tell, monkeypatch):
    monkeypatch.setattr(seal, "BATCH", 7)  # so that batches are broken up, too
    together = threading.Barrier(8 + 3)
    written = threading.Event()

    def write() -> list[int]:
        try:
            together.wait(60)
            return [committed(tell) for _number in range(20)]
        finally:
            connection.close()

    def seal_until_all_is_written(wait: bool) -> int:
        count = 0
        try:
            together.wait(60)
            while not written.wait(0.001):
                count += seal.seal(wait=wait)
            return count
        finally:
            connection.close()

    with ThreadPoolExecutor(8 + 3) as pool:
        sealers = [pool.submit(seal_until_all_is_written, wait) for wait in (True, False, False)]
        writers = [pool.submit(write) for _number in range(8)]
        try:
            events = [event for writer in writers for event in writer.result()]
        finally:
            written.set()
        count = sum(sealer.result() for sealer in sealers) + seal.seal()
    assert len(set(events)) == 160
    assert count == Event.objects.count() > 160
    assert hold_together()[-1].size == count
    assert not PendingEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_who_does_not_wait_leaves_another_sealer_alone_and_who_waits_finds_its_work_done(tell):
    """The other one is held in the middle of its batch."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's sealers wait for each other like any writers")
    committed(tell)
    locked, may_end = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                assert seal.seal() == 1 + KEY_EVENT
                locked.set()
                assert may_end.wait(60)
        finally:
            locked.set()
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(slow)
        assert locked.wait(60)
        assert seal.seal() == 0
        late = pool.submit(sealed_by_another)
        may_end.set()
        other.result()
        assert late.result() == 0
    assert [checkpoint.size for checkpoint in hold_together()] == [2]


# --- a sealer that is killed ------------------------------------------------------------------------------------------

DIES = """
import os, signal, sys, django
django.setup()
from compliance.audit import seal
from compliance.audit.models import Checkpoint, Leaf, PendingEvent

name, batch = sys.argv[1], int(sys.argv[2])
manager, method = {"leaves": (Leaf.objects, "bulk_create"), "checkpoint": (Checkpoint.objects, "create")}[name]
do = getattr(manager, method)

def do_and_die(*given, **named):
    global batch
    made = do(*given, **named)
    batch -= 1
    if not batch:
        os.kill(os.getpid(), signal.SIGKILL)
    return made

setattr(manager, method, do_and_die)
seal.BATCH = 5
seal.seal()
"""
BEFORE = """
from django.db import transaction
from compliance.audit import seal
from compliance.audit.models import *
from compliance.audit.record import record
from tests.compliance.audit.whole import hold_together
"""


@pytest.mark.slow
@pytest.mark.parametrize(("after", "batch"), [("leaves", 1), ("checkpoint", 1), ("leaves", 2), ("checkpoint", 3)])
def test_a_sealer_that_is_killed_in_a_batch_leaves_nothing_of_it(tmp_path: Path, after: str, batch: int) -> None:
    with Desk(tmp_path) as desk:
        pending = desk.run(
            """
            seal.seal()  # what the migrations have recorded, and the key
            for number in range(12):
                with transaction.atomic():
                    record("audit.exported", actor="system:test", format="csv", count=number)
            result = PendingEvent.objects.count(), Leaf.objects.count()
            """,
            BEFORE,
        )
        assert pending[0] == 12
        first = pending[1]
        sealer = subprocess.run(
            [sys.executable, "-c", DIES, after, str(batch)],
            cwd=ROOT,
            env=desk.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert sealer.returncode == -signal.SIGKILL, sealer.stderr
        sizes = "result = [checkpoint.size for checkpoint in hold_together()], PendingEvent.objects.count()"
        whole = [first + 5 * number for number in range(batch)]
        left = 12 - 5 * (batch - 1)
        assert desk.run(sizes, BEFORE) == [whole, left]
        assert desk.run("result = seal.seal(wait=True)", BEFORE) == left
        assert desk.run(sizes, BEFORE) == [[*whole, first + 12], 0]
