"""A bad vendor harms only itself: pace, pauses, Retry-After, the breaker, and questions that become rarer."""

import socket
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from erasure import lifecycle, vendors
from erasure.connectors.apptus import Apptus as Connector
from erasure.models import Call, Vendor
from erasure.sandbox import Apptus, Fault
from erasure.states import Pause
from erasure.worker import claims, lanes, pace, settle, steps, sweep
from tests import factories
from tests.factories import person

from .lane import GOOD, Lane
from .test_two_workers import together

MINUTE = timedelta(minutes=1)


def test_wrong_credentials_pause_the_account_and_blame_no_case(lane: Lane) -> None:
    for number in range(3):
        lane.case(identifiers=[("customer_id", f"C-{number}")])
    lane.save(credentials={"password": "wrong"})
    lane.run()
    account = lane.account()
    assert (account.pause, len(lane.apptus.journal.entries())) == (Pause.CREDENTIALS, 1)
    assert {work.status for work in account.sub_tasks.all()} == {"ready"}
    lane.turn(MINUTE)
    lane.run()
    sweep.tick()
    assert len(lane.apptus.journal.entries()) == 1


def test_corrected_credentials_set_the_waiting_work_going(lane: Lane) -> None:
    lane.save(credentials={"password": "wrong"})
    case = lane.case()
    lane.run()
    assert lane.account().pause == Pause.CREDENTIALS
    lane.save(credentials=GOOD)
    assert lane.account().pause == ""
    assert lane.to_end(case).status == "completed"


def test_credentials_that_were_put_right_at_the_vendor_are_found_out_by_a_trial(lane: Lane) -> None:
    case = lane.case()
    lane.apptus.faults.add(Fault("reply", status=401))
    lane.run()
    lane.turn(vendors.TRIAL_AFTER_CREDENTIALS + timedelta(seconds=1))
    lane.run()
    assert lane.account().pause == ""
    assert lane.to_end(case).status == "completed"


def test_a_pause_by_hand_lasts_until_a_hand_ends_it(lane: Lane) -> None:
    case = lane.case()
    claim = lane.claim()
    vendors.pause(lane.account(), Pause.BY_HAND, "", claim.call.started_at, trial_at=None, by=person("ada"))
    lane.apptus.faults.add(Fault("reply", status=401))
    settle.settle(claim, steps.perform(claim))
    assert lane.account().pause == Pause.BY_HAND
    lane.turn(timedelta(days=3))
    lane.run()
    assert len(lane.apptus.journal.entries()) == 1
    vendors.resume(lane.account(), by=person("ada"))
    assert lane.to_end(case).status == "completed"


@pytest.mark.parametrize("header", ["120", None])
def test_an_account_that_was_asked_to_wait_is_quiet_for_all_its_cases(lane: Lane, header: str | None) -> None:
    for number in range(3):
        lane.case(identifiers=[("customer_id", f"C-{number}")])
    lane.apptus.faults.add(Fault("reply", status=429, headers={"Retry-After": header} if header else {}))
    lane.run()
    assert len(lane.apptus.journal.entries()) == 1
    account = lane.account()
    assert (account.pause, account.failures) == ("", 0)
    if header:
        lane.turn(timedelta(seconds=119))
        lane.run()
        assert len(lane.apptus.journal.entries()) == 1
    lane.turn(timedelta(seconds=10))
    lane.run()
    assert len(lane.apptus.journal.entries()) == 4


def test_a_vendor_that_fails_again_and_again_is_paused_and_tried_with_one_call(lane: Lane) -> None:
    cases = [lane.case(identifiers=[("customer_id", f"C-{number}")]) for number in range(8)]
    fault = lane.apptus.faults.add(Fault("reply", status=503, times=None))
    lane.run()
    assert (lane.account().pause, fault.struck) == (Pause.FAILURES, pace.FAILURES_TO_PAUSE)
    lane.turn(timedelta(seconds=50))
    lane.run()
    assert fault.struck == pace.FAILURES_TO_PAUSE
    lane.turn(timedelta(seconds=20))
    lane.run()
    assert fault.struck == pace.FAILURES_TO_PAUSE + 1
    lane.apptus.faults.clear()
    lane.turn(2 * pace.TRIAL_AFTER_FAILURES + timedelta(seconds=10))
    lane.run()
    assert (lane.account().pause, lane.account().failures) == ("", 0)
    assert [told["code"] for told in lane.told("vendor.paused")] == ["failures"]
    assert len(lane.told("vendor.resumed")) == 1
    for case in cases:
        assert lane.to_end(case).status == "completed"


def test_a_trial_is_one_call_even_with_two_workers(lane: Lane) -> None:
    for number in range(2):
        lane.case(identifiers=[("customer_id", f"C-{number}")])
    now = lane.turn(timedelta(0))
    vendors.pause(lane.account(), Pause.FAILURES, "", now, trial_at=now)
    assert lane.claim()
    assert lanes.next_claim(lane.vendor.pk) is None


def test_a_trial_waits_for_the_calls_that_were_under_way_before_the_pause(lane: Lane) -> None:
    for number in range(2):
        lane.case(identifiers=[("customer_id", f"C-{number}")])
    earlier, now = lane.claim(), lane.turn(timedelta(0))
    vendors.pause(lane.account(), Pause.FAILURES, "", now, trial_at=now)
    assert lanes.next_claim(lane.vendor.pk) is None
    lane.apptus.faults.add(Fault("reply", status=503))
    settle.settle(earlier, steps.perform(earlier))
    assert lane.claim()


def test_an_outage_of_a_day_leaves_questions_to_be_asked_again_not_to_people(lane: Lane) -> None:
    case = lane.case()
    lane.to_step("await_export")
    lane.apptus.faults.add(Fault("reply", status=500, times=None))
    for _ in range(30):
        lane.turn(timedelta(minutes=50))
        lane.run()
    assert lane.work().status == "ready"
    lane.apptus.faults.clear()
    assert lane.to_end(case).status == "completed"


def test_a_vendor_that_cannot_be_reached_for_days_needs_attention(lane: Lane) -> None:
    lane.case()
    lane.apptus.stop()
    for _ in range(15):
        lane.turn(timedelta(hours=8))
        lane.run()
    assert (lane.work().status, lane.work().attention_code) == ("needs_attention", "not_sent")
    assert lane.work().sent_at is None


def test_the_pace_of_an_account_is_kept(lane: Lane) -> None:
    lane.save(pace={"calls_per_minute": 3})
    for number in range(5):
        lane.case(identifiers=[("customer_id", f"C-{number}")])
    lane.run()
    assert Call.objects.count() == 3
    lane.turn(timedelta(seconds=30))
    lane.run()
    assert Call.objects.count() == 3
    lane.turn(timedelta(seconds=31))
    lane.run()
    assert Call.objects.count() > 3


def test_no_more_calls_at_once_than_the_account_bears(lane: Lane) -> None:
    lane.save(pace={"parallel_calls": 2})
    for number in range(3):
        lane.case(identifiers=[("customer_id", f"C-{number}")])
    first, _second = lane.claim(), lane.claim()
    assert lanes.next_claim(lane.vendor.pk) is None
    settle.settle(first, steps.perform(first))
    assert lane.claim()


def test_a_call_whose_worker_is_gone_takes_no_place_for_longer_than_its_lease(lane: Lane) -> None:
    lane.save(pace={"parallel_calls": 1})
    for number in range(2):
        lane.case(identifiers=[("customer_id", f"C-{number}")])
    lane.claim()
    assert lanes.next_claim(lane.vendor.pk) is None
    lane.turn(claims.LEASE + timedelta(seconds=1))
    assert lane.claim()


def test_a_disabled_account_is_not_called(lane: Lane) -> None:
    lane.case()
    lane.save(enabled=False)
    lane.run()
    assert lane.apptus.journal.entries() == []
    lane.save(enabled=True)
    lane.run()
    assert len(lane.apptus.journal.entries()) == 1


def test_questions_become_rarer_from_the_first_to_the_longest_wait(lane: Lane) -> None:
    lane.case()
    lane.once()
    waits = []
    for _ in range(6):
        work = lane.work()
        waits.append(round((work.next_at - lane.turn(timedelta(0))).total_seconds()))
        lane.due()
        lane.once()
    assert waits == [60, 120, 240, 240, 240, 240]
    assert lane.work().status == "waiting"


def test_a_vendor_that_takes_longer_than_it_should_needs_attention_and_is_asked_on(lane: Lane) -> None:
    case = lane.case()
    lane.to_step("await_removal")
    lane.apptus.faults.add(Fault("fields", path="*/job-status", fields={"status": "running"}, times=None))
    for _ in range(12):
        lane.turn(timedelta(days=3))
        lane.run()
    assert (lane.work().status, lane.work().attention_code) == ("needs_attention", "too_long")
    assert lane.turn(timedelta(0)) - lane.work().step_since > Connector.patience
    lane.apptus.faults.clear()
    lifecycle.retry(lane.work(), by=person("ada"))
    assert lane.to_end(case).status == "completed"
    assert Counter(lane.effects())["removal_started"] == 1


def test_one_vendor_that_is_down_does_not_hold_up_another(lane: Lane) -> None:
    with Apptus(archive_days=0).start() as other:
        second = factories.vendor("Outlet search", base_url=other.url, credentials=GOOD)
        case = lane.case()
        lane.apptus.stop()
        for _ in range(4):
            lanes.run(str(second.pk))
            lane.run()
            lane.turn(timedelta(hours=7))
            other.clock.advance(3)
        assert case.sub_tasks.get(vendor=second).status == "done"
        assert case.sub_tasks.get(vendor=lane.vendor).status == "ready"


# --- back-off, trials ---


def test_back_off_doubles_up_to_an_hour_and_is_spread(lane: Lane) -> None:
    calls = [Call(pk=uuid.UUID(int=number)) for number in range(200)]
    for tries, seconds in ((0, 5), (1, 10), (5, 160), (30, 3000), (10**6, 3000)):
        waits = [pace.backoff(tries, call).total_seconds() for call in calls]
        assert min(waits) >= seconds * 0.8
        assert max(waits) <= min(seconds * 1.2, 3600)
        assert max(waits) - min(waits) > seconds * 0.3, "they march in step"
        assert waits == [pace.backoff(tries, call).total_seconds() for call in calls], "who shares a call comes along"


def test_a_vendor_that_is_dead_for_an_hour_gets_few_calls_and_is_found_out_soon_after(lane: Lane) -> None:
    for number in range(30):
        lane.case(identifiers=[("customer_id", f"C-{number}")])
    fault = lane.apptus.faults.add(Fault("reply", status=503, times=None))
    for _ in range(360):
        sweep.tick()
        lane.run()
        lane.turn(timedelta(seconds=10))
    trials = fault.struck - pace.FAILURES_TO_PAUSE
    assert 6 <= trials <= 10  # after 1, 3, 7 and 15 minutes, then every ten
    lane.apptus.faults.clear()
    lane.turn(pace.LONGEST_TRIAL)
    lane.run()
    assert lane.account().pause == ""
    assert all(work.attention_code == "" for work in lane.account().sub_tasks.all())


def test_starts_that_follow_each_other_closely_try_a_paused_account_once(lane: Lane) -> None:
    lane.case()
    fault = lane.apptus.faults.add(Fault("reply", status=401, times=None))
    lane.run()
    for _ in range(5):
        sweep.try_paused_accounts()
        lane.run()
        lane.turn(timedelta(seconds=10))
    assert fault.struck == 1
    lane.turn(MINUTE)
    sweep.try_paused_accounts()
    lane.run()
    assert fault.struck == 2


def test_workers_of_two_hosts_at_once_keep_the_pace_of_one_account(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each claims until it gets no more; the account's row is what they share."""
    lane.save(pace={"parallel_calls": 3, "calls_per_minute": 5})
    for number in range(12):
        lane.case(identifiers=[("customer_id", f"C-{number}")])

    def claim_all() -> list[claims.Claim]:
        found = []
        while claim := lanes.next_claim(lane.vendor.pk):
            found.append(claim)
        return found

    first = [claim for found in together(claim_all, claim_all, claim_all) for claim in found]
    assert len(first) == 3
    for claim in first:
        settle.settle(claim, steps.perform(claim))
    assert sum(len(found) for found in together(claim_all, claim_all, claim_all)) == 2


# --- the workers of a host ---


@pytest.fixture
def outlet(lane: Lane) -> Vendor:
    """A second account, with work of its own in each case."""
    return factories.vendor("Outlet search", base_url=lane.apptus.url, credentials=GOOD)


@pytest.mark.parametrize(("workers", "bounded"), [(1, 1), (2, 1), (3, 2), (8, 7)])
def test_one_account_leaves_a_worker_of_the_host_free(
    lane: Lane, outlet: Vendor, settings: Any, workers: int, bounded: int
) -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "workers": workers}
    for number in range(9):
        lane.case(identifiers=[("customer_id", f"C-{number}")])
    under_way = [lane.claim() for _ in range(bounded)]
    assert lanes.next_claim(lane.vendor.pk) is None
    assert lanes.next_claim(outlet.pk), "the other account has no worker left"
    settle.settle(under_way[0], steps.perform(under_way[0]))
    if workers > 2:
        assert lanes.next_claim(lane.vendor.pk) is None, "now the last free worker would be taken"


def test_what_other_hosts_have_under_way_takes_no_worker_of_this_one(
    lane: Lane, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "workers": 2}
    for number in range(3):
        lane.case(identifiers=[("customer_id", f"C-{number}")])
    lane.claim()
    assert lanes.next_claim(lane.vendor.pk) is None
    monkeypatch.setattr(pace, "HOST", "another-host")
    lane.claim()
    assert lanes.next_claim(lane.vendor.pk) is None
    assert sorted(Call.objects.values_list("host", flat=True)) == sorted(["another-host", socket.gethostname()])
