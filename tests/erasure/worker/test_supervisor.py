"""`manage.py work` and what it watches over, with real processes that are killed."""

import contextlib
import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator

import pytest

from erasure.sandbox import Fault
from tests.crash.apps import STRUCK
from tests.desk import ON_POSTGRESQL, Desk, until

from .shop import Shop, hold_to_promises, verify_trail

pytestmark = pytest.mark.slow


def under_way(shop: Shop) -> list[str]:
    """The ids of the calls that have been recorded and not settled."""
    code = "from erasure.models import Call; result = [str(call.pk) for call in Call.objects.filter(verdict='')]"
    return list(shop.desk.run(code))


@contextlib.contextmanager
def nobody_writes(desk: Desk) -> Iterator[None]:
    """Meanwhile no process of the desk is inside a transaction that changes an SQLite database."""
    if ON_POSTGRESQL:
        yield
        return
    with contextlib.closing(sqlite3.connect(desk.folder / "desk.sqlite3", timeout=90, isolation_level=None)) as own:
        own.execute("BEGIN IMMEDIATE")
        yield
        own.execute("ROLLBACK")


def test_it_carries_a_case_to_its_end_and_ends_in_time_with_all_its_processes(shop: Shop) -> None:
    supervisor = shop.desk.start("work")
    reference = shop.approved("C-1")
    assert shop.ends(reference)["status"] == "completed"
    hold_to_promises(shop, "C-1", reference)
    assert len(shop.desk.workers()) >= 4
    begun = time.monotonic()
    supervisor.terminate()
    assert supervisor.wait(30) == 0
    assert time.monotonic() - begun < 30
    assert shop.desk.processes() == {}
    verify_trail(shop.desk)


def test_work_that_is_cut_off_at_the_end_goes_on_at_the_next_start(shop: Shop) -> None:
    """The vendor has carried out the removal and keeps its reply to itself."""
    held = shop.vendor.faults.add(Fault("hold", path="*/create-remove-customer-job", process=True))
    supervisor = shop.desk.start("work")
    reference = shop.approved("C-1")
    until(lambda: shop.look(reference) and held.reached.is_set())
    (call,) = under_way(shop)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(30) == 0
    assert shop.desk.processes() == {}
    assert f"Ended: calls under way and cut off: 1 (call:{call});" in shop.desk.log.read_text()
    held.release()
    shop.desk.start("work")
    assert shop.ends(reference)["status"] == "completed"
    hold_to_promises(shop, "C-1", reference)
    removals = [entry for entry in shop.effects("C-1") if entry.effect == "removal_started"]
    assert len(removals) == 2
    assert [event["step"] for event in shop.trail(reference) if event["action"] == "sub_task.may_repeat"] == [
        "start_removal"
    ]


def test_told_again_it_cuts_off_what_runs_and_ends_at_once(shop: Shop) -> None:
    held = shop.vendor.faults.add(Fault("hold", path="*/create-export-customer-job", times=None))
    supervisor = shop.desk.start("work")
    reference = shop.approved("C-1")
    until(lambda: shop.look(reference) and held.reached.is_set())
    begun = time.monotonic()
    supervisor.terminate()
    until(lambda: list((shop.desk.folder / "workers").glob("*/ending")))
    supervisor.terminate()
    assert supervisor.wait(30) == 0
    assert time.monotonic() - begun < 30
    assert "Told to end at once." in shop.desk.log.read_text()
    assert "Work still runs" not in shop.desk.log.read_text()
    assert shop.desk.processes() == {}


def test_told_to_end_it_begins_no_other_call(shop: Shop) -> None:
    """Its workers have a lane full of work, and end the one call that each is at."""
    held = shop.vendor.faults.add(Fault("hold", path="*/create-export-customer-job", times=2))
    supervisor = shop.desk.start("work")
    shop.approved_at_once(*(f"C-{number}" for number in range(9)))
    until(lambda: held.struck == 2)
    supervisor.terminate()
    until(lambda: list((shop.desk.folder / "workers").glob("*/ending")))
    held.release()
    assert supervisor.wait(30) == 0
    assert "Ended: no call was under way." in shop.desk.log.read_text()
    assert under_way(shop) == []
    assert len(shop.vendor.journal.entries(effect="export_started")) == 2


def test_a_group_of_which_nothing_is_left_is_replaced(shop: Shop) -> None:
    """What is killed one by one: `test_supervisor_kills`."""
    supervisor = shop.desk.start("work")
    assert shop.ends(shop.approved("C-0"))["status"] == "completed"
    for pid in sorted(shop.desk.workers(), reverse=True):
        os.kill(pid, signal.SIGKILL)
    reference = shop.approved("C-1")
    assert shop.ends(reference)["status"] == "completed"
    hold_to_promises(shop, "C-1", reference)
    assert supervisor.poll() is None


def test_a_group_that_hangs_is_replaced(shop: Shop) -> None:
    shop.desk.start("work")
    assert shop.ends(shop.approved("C-0"))["status"] == "completed"
    hung = shop.desk.workers()
    reference = shop.approved("C-1")
    with nobody_writes(shop.desk):  # one that stops inside a transaction keeps SQLite to itself
        for pid in hung:
            os.kill(pid, signal.SIGSTOP)
    assert shop.ends(reference)["status"] == "completed"
    assert not set(hung) & set(shop.desk.workers())
    hold_to_promises(shop, "C-1", reference)


def test_hints_that_are_lost_are_made_up_for(shop: Shop) -> None:
    reference = shop.approved("C-1")
    assert shop.desk.run("from django_q.models import OrmQ; result = OrmQ.objects.count(); OrmQ.objects.all().delete()")
    shop.desk.start("work")
    assert shop.ends(reference)["status"] == "completed"


def test_two_supervisors_do_each_thing_once(shop: Shop) -> None:
    shop.desk.start("work")
    until(lambda: list((shop.desk.folder / "workers").glob("*/answered")))
    first = set(shop.desk.workers())
    shop.desk.start("work")
    references = {f"C-{number}": shop.approved(f"C-{number}") for number in range(4)}
    for customer, reference in references.items():
        assert shop.ends(reference)["status"] == "completed"
        hold_to_promises(shop, customer, reference)
    assert first < set(shop.desk.workers()), "the second one has ended what the first one watches over"
    assert "replaced" not in shop.desk.log.read_text()


def test_a_worker_woken_after_its_lease_changes_nothing(shop: Shop) -> None:
    """It is stopped with the vendor's reply in its hands, and wakes up to find that others have gone on."""
    switch = shop.strike_at("after_reply", "start_export", "SIGSTOP")
    shop.desk.start("work")
    reference = shop.approved("C-1")
    assert shop.ends(reference)["status"] == "completed"
    assert not switch.exists()
    os.kill(json.loads((shop.desk.folder / STRUCK).read_text()), signal.SIGCONT)
    late = until(lambda: [event for event in shop.trail(reference) if event["action"] == "sub_task.late"])
    assert late[0]["step"] == "start_export"
    assert shop.look(reference)["status"] == "completed"
    hold_to_promises(shop, "C-1", reference)


def test_it_seals_the_trail_and_without_a_key_does_all_the_rest(shop: Shop) -> None:
    key = shop.desk.folder / "keys" / "audit-signing.pem"
    before = "from compliance.audit.models import PendingEvent"
    shop.desk.start("work")
    until(lambda: shop.desk.run("result = not PendingEvent.objects.exists()", before))
    away = key.rename(key.with_suffix(".away"))
    reference = shop.approved("C-1")
    assert shop.ends(reference)["status"] == "completed"
    until(lambda: "sealing the trail does not work and is tried again: AUDIT_SIGNING_KEY" in shop.desk.log.read_text())
    assert shop.desk.run("result = PendingEvent.objects.exists()", before)
    away.rename(key)
    until(lambda: shop.desk.run("result = not PendingEvent.objects.exists()", before))
    until(lambda: "sealing the trail works again" in shop.desk.log.read_text())
    assert shop.desk.log.read_text().count("sealing the trail") == 2
    verify_trail(shop.desk)
