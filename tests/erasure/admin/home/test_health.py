"""How the desk is: each line good, to be looked at, or to be acted on."""

import socket
from datetime import timedelta

import pytest

from compliance import clock
from compliance.audit import seal
from erasure import vendors
from erasure.admin.home import facts, health
from erasure.admin.home.health import Level
from erasure.models import Call, SubTask, Vendor, WorkerHost
from erasure.states import Pause, SubTaskStatus, Verdict
from tests.factories import approved_case, person, vendor, work

from .conftest import panel

NO_ANSWERS = {"oldest_pending": None, "ever_sealed": True, "worker_elsewhere": False, "worker_seen": True}


def standing(account: Vendor) -> tuple[Level, str]:
    (found,) = [item for item in health.accounts() if item.vendor.pk == account.pk]
    return found.level, found.text


def worker(**answers: object) -> health.Said:
    return health.worker_line({**NO_ANSWERS, **answers}, health.accounts())


# --- vendor accounts


def test_an_account_that_works_is_good_and_all_of_them_are_one_line(home, shop):
    vendor("Forum")
    assert standing(shop) == (Level.GOOD, "It works.")
    said = panel(home("vera", "intake"), "health")
    assert "All 2 accounts work." in said
    assert "Shop search" not in said


@pytest.mark.parametrize(
    ("pause", "days", "level"),
    [
        (Pause.CREDENTIALS, 0, Level.ACT),
        (Pause.FAILURES, 0, Level.LOOK),
        (Pause.FAILURES, 2, Level.ACT),
        (Pause.BY_HAND, 9, Level.LOOK),
    ],
)
def test_a_paused_account_is_told_by_its_name(home, shop, pause, days, level):
    vendor("Forum")
    vendors.pause(shop, pause, "x", clock.now() - timedelta(days=days), trial_at=None)
    assert standing(shop)[0] == level
    said = panel(home("olive", "intake"), "health")
    assert "Shop search" in said
    assert "The other account works." in said
    assert said.startswith(f"How the desk is {level.value[1]} {level.value[2]}")


def test_an_account_that_is_left_alone_is_looked_at(shop):
    Vendor.objects.filter(pk=shop.pk).update(quota_until=clock.now() + timedelta(days=1))
    level, text = standing(shop)
    assert (level, "quota of the week" in text) == (Level.LOOK, True)
    Vendor.objects.filter(pk=shop.pk).update(quota_until=None, not_before=clock.now() + timedelta(hours=1))
    level, text = standing(shop)
    assert (level, "takes no calls until" in text) == (Level.LOOK, True)


def test_an_account_that_is_not_in_use_is_not_told(shop):
    Vendor.objects.filter(pk=shop.pk).update(enabled=False)
    assert health.accounts() == []


def test_a_vendor_manager_sees_each_account_with_its_work(home, shop):
    vendor("Forum")
    approved_case()
    said = panel(home("vera", "vendor manager"), "health")
    assert "Shop search good: It works. 1 piece of work is with it." in said
    assert "Forum good: It works." in said


# --- workers


def test_a_worker_of_this_host_that_gave_a_sign_of_life_is_good(worker_age):
    worker_age(2.0)
    line = worker()
    assert (line.level, line.text) == (Level.GOOD, "At work on this host; last sign of life 2 seconds ago.")


def test_a_worker_of_another_host_is_good_and_ones_own_row_is_no_other(worker_age):
    worker_age(None)
    for name, level in ((socket.gethostname(), Level.LOOK), ("another", Level.GOOD)):
        WorkerHost.objects.create(name=name, seen_at=clock.now())
        assert health.worker_line(facts.ask(person("ada"), health.questions()), []).level == level


def test_no_worker_while_an_event_waits_to_be_sealed_is_to_be_acted_on(worker_age):
    worker_age(None)
    line = worker(oldest_pending=clock.now() - timedelta(minutes=3))
    assert (line.level, "manage.py work" in line.text) == (Level.ACT, True)
    assert worker(oldest_pending=clock.now()).level == Level.LOOK


def test_no_worker_while_work_is_due_is_to_be_acted_on(worker_age):
    worker_age(None)
    case = approved_case()
    assert worker().level == Level.LOOK
    SubTask.objects.filter(pk=work(case).pk).update(next_at=clock.now() - timedelta(hours=1))
    assert worker().level == Level.ACT
    type(case).objects.filter(pk=case.pk).update(held_at=clock.now())
    assert worker().level == Level.LOOK, "what is on hold is not due"


def test_a_worker_of_another_host_is_known_by_its_calls(worker_age, shop):
    worker_age(None)
    now = clock.now()
    Call.objects.create(
        vendor=shop, step="x", writes=False, started_at=now, lease_until=now, finished_at=now, verdict=Verdict.OK
    )
    line = worker()
    assert (line.level, "one elsewhere made a call" in line.text) == (Level.GOOD, True)


def test_a_worker_that_fell_silent_is_looked_at(worker_age):
    worker_age(3600.0)
    line = worker()
    assert (line.level, "Silent on this host for 1\xa0hour" in line.text) == (Level.LOOK, True)


def test_work_that_waits_for_a_person_needs_no_worker(worker_age):
    worker_age(None)
    SubTask.objects.filter(pk=work(approved_case()).pk).update(status=SubTaskStatus.AWAITING_ATTESTATION, next_at=None)
    assert worker().level == Level.LOOK


# --- the trail


def test_the_trail_is_told_to_whoever_may_read_it_alone(home):
    assert "Trail sealed" in panel(home("ann", "auditor"), "health")
    assert "Trail" not in panel(home("olive", "intake"), "health")


def test_a_sealed_trail_is_good(home, settings):
    approved_case()
    seal.seal()
    assert "Trail sealed good:" in panel(home("ann", "auditor"), "health")


def test_events_that_wait_too_long_to_be_sealed_are_to_be_acted_on(home, turn_clock):
    approved_case()
    turn_clock(timedelta(minutes=5))
    assert "Trail sealed act: Events have waited for" in panel(home("ann", "auditor"), "health")


def test_a_trail_that_is_anchored_nowhere_is_looked_at_and_the_setting_named(home, settings, tmp_path):
    said = panel(home("ann", "auditor"), "health")
    assert "Trail anchored look: Nowhere else" in said
    assert "AUDIT_ANCHOR" in said
    settings.AUDIT_ANCHOR = [f"file://{tmp_path}"]
    assert "Trail anchored look: Not yet" in panel(home("ann", "auditor"), "health")
