"""A vendor's quota of calls a week: what counts, who waits for it, and until when. No case is to blame."""

from datetime import datetime, timedelta

import pytest

from erasure import vendors
from erasure.connectors.acquia import Acquia
from erasure.models import Call
from erasure.sandbox import Fault
from erasure.waiting import until, waits_for
from erasure.worker import lanes, pace, sweep

from .cdp import Cdp
from .lane import Lane
from .test_two_workers import together

DAY = timedelta(days=1)


@pytest.fixture
def narrow(lane: Lane) -> Lane:
    """An account that may make three calls a week."""
    lane.save(pace={"calls_per_week": 3})
    return lane


def cases(lane: Lane, count: int) -> None:
    for number in range(count):
        lane.case(identifiers=[("customer_id", f"C-{number}")])


def sent(lane: Lane) -> int:
    return len(lane.apptus.journal.entries())


def test_a_used_up_quota_waits_for_its_oldest_call_to_leave_the_week(narrow: Lane) -> None:
    begun = narrow.turn(timedelta(0))
    cases(narrow, 1)
    narrow.run()
    narrow.turn(DAY)
    cases(narrow, 4)
    narrow.run()
    assert sent(narrow) == 3
    assert narrow.account().quota_until == begun + 7 * DAY
    narrow.turn(begun + 7 * DAY - timedelta(seconds=1))
    narrow.run()
    assert sent(narrow) == 3
    narrow.turn(begun + 7 * DAY)
    narrow.run()
    assert sent(narrow) == 4
    assert narrow.account().quota_until == begun + 8 * DAY


def test_nobody_is_blamed_and_no_lane_is_woken_for_nothing(narrow: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    cases(narrow, 5)
    narrow.run()
    account = narrow.account()
    assert (account.pause, account.failures) == ("", 0)
    assert sorted(account.sub_tasks.values_list("status", "attempts", "attention_code")) == [
        ("ready", 0, ""),
        ("ready", 0, ""),
        ("waiting", 0, ""),
        ("waiting", 0, ""),
        ("waiting", 0, ""),
    ]
    woken: list[object] = []
    monkeypatch.setattr(sweep.dispatch, "wake", lambda found: woken.extend(found))
    sweep.wake_due_lanes(narrow.turn(timedelta(hours=1)))
    assert woken == []
    sweep.wake_due_lanes(narrow.turn(7 * DAY))
    assert woken == [narrow.vendor.pk]


def test_staff_read_why_and_until_when(narrow: Lane) -> None:
    cases(narrow, 3)
    narrow.run()
    case = narrow.case(identifiers=[("customer_id", "C-9")])
    narrow.run()
    at = f"{pace.quota_until(narrow.account(), narrow.turn(timedelta(0))):%Y-%m-%d %H:%M:%S}"
    said = waits_for(narrow.work(case))
    assert said == f"The vendor's quota of 3 calls a week is used up: it goes on from {at}."
    assert until(narrow.work(case)) == ""


def test_what_was_not_sent_does_not_count(narrow: Lane) -> None:
    narrow.case()
    narrow.apptus.stop()
    narrow.once()  # nobody listens: nothing was sent
    assert list(Call.objects.values_list("code", "counts")) == [("not_sent", False)]
    assert pace.used(narrow.account(), narrow.turn(timedelta(0))) == 0


def test_what_may_have_been_sent_counts(narrow: Lane) -> None:
    narrow.case()
    narrow.apptus.faults.add(Fault("close"))
    narrow.once()
    narrow.due()
    narrow.claim()  # its worker is gone: it may have sent it
    assert pace.used(narrow.account(), narrow.turn(timedelta(0))) == 2


def test_a_call_that_turns_out_unsent_frees_its_place_at_once(narrow: Lane) -> None:
    narrow.save(pace={"calls_per_week": 1})
    cases(narrow, 2)
    narrow.apptus.stop()
    claim = narrow.claim()
    assert lanes.next_claim(narrow.vendor.pk) is None
    assert narrow.account().quota_until
    lanes.settle.settle(claim, lanes.steps.perform(claim))
    assert narrow.account().quota_until is None
    assert narrow.claim()


def test_raising_the_quota_sets_the_work_going_and_none_is_no_quota(narrow: Lane) -> None:
    cases(narrow, 6)
    narrow.run()
    assert sent(narrow) == 3
    narrow.save(pace={"calls_per_week": 4})
    assert narrow.account().quota_until is None
    narrow.run()
    assert sent(narrow) == 4
    narrow.save(pace={"calls_per_week": None})
    assert narrow.account().calls_per_week == 0
    narrow.run()
    assert sent(narrow) == 6


def test_resuming_by_hand_does_not_overdraw_it(narrow: Lane) -> None:
    cases(narrow, 5)
    narrow.run()
    vendors.pause(narrow.account(), vendors.Pause.BY_HAND, "", narrow.turn(timedelta(0)), trial_at=None)
    vendors.resume(narrow.account())
    narrow.run()
    assert sent(narrow) == 3


def test_three_workers_at_once_do_not_overdraw_it(narrow: Lane) -> None:
    cases(narrow, 9)

    def claim_all() -> int:
        found = 0
        while lanes.next_claim(narrow.vendor.pk):
            found += 1
        return found

    assert sum(together(claim_all, claim_all, claim_all)) == 3


def test_acquia_has_its_published_quota_unless_the_account_says_otherwise(cdp: Cdp) -> None:
    assert cdp.account().calls_per_week == Acquia.calls_per_week == 9_990
    cdp.save(pace={"calls_per_week": 100})
    cdp.save(enabled=True)
    assert cdp.account().calls_per_week == 100


def test_signing_in_does_not_count(cdp: Cdp) -> None:
    cdp.sign_in_instead()
    cdp.save(pace={"calls_per_week": 1})
    cdp.case("C-1")
    cdp.run_all()
    assert [entry.effect for entry in cdp.acquia.journal.entries()] == ["token_made", "erasure_queued"]
    assert sorted(call.step for call in Call.objects.all()) == ["sign_in", "submit"]
    assert pace.used(cdp.account(), cdp.turn(timedelta(0))) == 1
    assert len(cdp.batches()) == 1


def test_a_full_week_is_counted_from_an_index(narrow: Lane) -> None:
    from django.db import connection

    narrow.save(pace={"calls_per_week": 2000})
    now: datetime = narrow.turn(timedelta(0))
    old = {"vendor": narrow.vendor, "step": "x", "writes": False, "verdict": "ok", "lease_until": now}
    Call.objects.bulk_create(
        Call(**old, started_at=now - timedelta(minutes=number), finished_at=now) for number in range(2500)
    )
    if connection.vendor == "sqlite":
        last = pace._of_the_week(narrow.account(), now).order_by("-started_at").values_list("started_at")[1999:2000]
        assert "call_of_the_quota" in last.explain()
    assert pace.quota_until(narrow.account(), now) == now - timedelta(minutes=1999) + pace.WEEK
