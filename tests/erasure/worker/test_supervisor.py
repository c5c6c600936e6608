"""`manage.py work` and what it watches over, with real processes that are killed."""

import json
import os
import signal
import time

import pytest

from erasure.sandbox import Fault
from tests.crash.apps import STRUCK
from tests.desk import until

from .shop import Shop, hold_to_promises, verify_trail

pytestmark = pytest.mark.slow


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
    held = shop.apptus.faults.add(Fault("hold", path="*/create-remove-customer-job", process=True))
    supervisor = shop.desk.start("work")
    reference = shop.approved("C-1")
    until(lambda: shop.look(reference) and held.reached.is_set())
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(30) == 0
    assert shop.desk.processes() == {}
    held.release()
    shop.desk.start("work")
    assert shop.ends(reference)["status"] == "completed"
    hold_to_promises(shop, "C-1", reference)
    removals = [entry for entry in shop.effects("C-1") if entry.effect == "removal_started"]
    assert len(removals) == 2
    assert [event["step"] for event in shop.trail(reference) if event["action"] == "sub_task.may_repeat"] == [
        "start_removal"
    ]


def test_killed_workers_monitors_and_whole_groups_are_replaced(shop: Shop) -> None:
    """Each process of the group in turn, then all at once: whatever wedges, the heartbeat stops and the group goes."""
    supervisor = shop.desk.start("work")
    first = shop.approved("C-0")
    assert shop.ends(first)["status"] == "completed"
    for round_, count in enumerate((1, 2, 99), start=1):
        victims = sorted(shop.desk.workers(), reverse=round_ != 2)[:count]
        assert victims
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        reference = shop.approved(f"C-{round_}")
        assert shop.ends(reference, 60)["status"] == "completed"
        hold_to_promises(shop, f"C-{round_}", reference)
    assert supervisor.poll() is None


def test_a_group_that_hangs_is_replaced(shop: Shop) -> None:
    shop.desk.start("work")
    assert shop.ends(shop.approved("C-0"))["status"] == "completed"
    hung = shop.desk.workers()
    for pid in hung:
        os.kill(pid, signal.SIGSTOP)
    reference = shop.approved("C-1")
    assert shop.ends(reference, 60)["status"] == "completed"
    assert not set(hung) & set(shop.desk.workers())
    hold_to_promises(shop, "C-1", reference)


def test_hints_that_are_lost_are_made_up_for(shop: Shop) -> None:
    reference = shop.approved("C-1")
    assert shop.desk.run("from django_q.models import OrmQ; result = OrmQ.objects.count(); OrmQ.objects.all().delete()")
    shop.desk.start("work")
    assert shop.ends(reference)["status"] == "completed"


def test_two_supervisors_do_each_thing_once(shop: Shop) -> None:
    shop.desk.start("work")
    shop.desk.start("work")
    references = {f"C-{number}": shop.approved(f"C-{number}") for number in range(4)}
    for customer, reference in references.items():
        assert shop.ends(reference, 60)["status"] == "completed"
        assert [entry.effect for entry in shop.effects(customer)] == [
            *("export_started", "export_fetched", "removal_started")
        ]


def test_a_supervisor_that_is_killed_leaves_workers_that_a_second_one_gets_along_with(shop: Shop) -> None:
    supervisor = shop.desk.start("work")
    assert shop.ends(shop.approved("C-0"))["status"] == "completed"
    supervisor.kill()
    supervisor.wait()
    assert shop.desk.workers()
    shop.desk.start("work")
    reference = shop.approved("C-1")
    assert shop.ends(reference)["status"] == "completed"
    hold_to_promises(shop, "C-1", reference)


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
