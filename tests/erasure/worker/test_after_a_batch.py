"""After a batch was taken: waiting for the vendor to act, asking again, cancelling; and errors of our own."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from erasure import lifecycle, vendors
from erasure.connectors.acquia import Acquia
from erasure.connectors.base import Id, Result, Work
from erasure.lifecycle import shared
from erasure.models import Call, SubTask
from erasure.sandbox import Fault
from erasure.states import Pause
from erasure.worker import follow, sweep
from tests.factories import person

from .cdp import Cdp

# --- waiting for the vendor to act ------------------------------------------------------------------------------------


def test_it_waits_until_the_vendor_acts_then_for_a_person_and_then_needs_attention(cdp: Cdp) -> None:
    case = cdp.case("C-1")
    cdp.run()
    assert cdp.work(case).status == "waiting"
    cdp.turn(timedelta(days=13))
    cdp.run()
    assert cdp.work(case).status == "waiting"
    cdp.turn(timedelta(days=1, minutes=1))
    cdp.run()
    work = cdp.work(case)
    assert work.status == "awaiting_attestation"
    (event,) = cdp.acquia.events
    assert event in work.attention_text
    cdp.turn(timedelta(days=15))
    sweep.tick()
    assert cdp.work(case).status == "awaiting_attestation"
    cdp.turn(timedelta(days=1, minutes=1))
    sweep.tick()
    work = cdp.work(case)
    assert (work.status, work.attention_code) == ("needs_attention", "not_confirmed")
    lifecycle.retry(work, by=person("ada"))
    cdp.run()
    assert cdp.work(case).status == "awaiting_attestation"
    assert len(cdp.batches()) == 1, "waiting on sends nothing"


def test_no_call_is_recorded_for_a_step_that_sends_nothing(cdp: Cdp) -> None:
    cdp.case("C-1")
    cdp.run()
    cdp.turn(timedelta(days=15))
    cdp.run()
    assert Call.objects.count() == len(cdp.acquia.journal.entries()) == 1


def test_a_person_may_confirm_as_soon_as_the_vendors_screen_says_so(cdp: Cdp) -> None:
    case = cdp.case("C-1")
    cdp.run()
    lifecycle.attest(cdp.work(case), by=person("ada"), note="The screen says Completed.")
    case.refresh_from_db()
    assert case.status == "completed"
    use = cdp.work(case).identifiers.get()
    assert (use.outcome, use.held, use.assurance) == ("erased", "yes", "confirmed")


def test_what_nobody_knows_is_not_held_and_ends_at_once(cdp: Cdp) -> None:
    case = cdp.case("C-1", held=False)
    cdp.run()
    case.refresh_from_db()
    use = cdp.work(case).identifiers.get()
    assert (case.status, use.outcome, use.held) == ("completed", "not_held", "no")


# --- asking again -----------------------------------------------------------------------------------------------------


@pytest.fixture
def again(cdp: Cdp) -> Cdp:
    cdp.save(options={"completion": "rerequest", "rerequest_after_seconds": 86_400})
    return cdp


def test_asking_again_until_the_vendor_no_longer_knows_the_person(again: Cdp) -> None:
    case = again.case("C-1")
    again.run()
    again.turn(timedelta(days=1, minutes=1))
    again.run()
    work = again.work(case)
    assert (work.status, work.step) == ("waiting", "ask_again")
    again.turn(timedelta(days=22))
    again.run()
    case.refresh_from_db()
    use = again.work(case).identifiers.get()
    assert (case.status, use.outcome, use.held, use.assurance) == ("completed", "erased", "yes", "asked_again")
    assert len(again.batches()) == 3


def test_a_customer_who_has_returned_is_queued_anew_and_that_is_recorded(again: Cdp) -> None:
    case = again.case("C-1")
    again.run()
    again.turn(timedelta(days=22))
    again.acquia.hold("C-1")
    again.run()
    work = again.work(case)
    assert work.step == "ask_again"
    assert set(work.references.values()) == set(again.acquia.events)
    assert len(work.references) == 2


# --- cancelling, and what is named ------------------------------------------------------------------------------------


def test_a_cancelled_case_sends_no_further_identifier(cdp: Cdp) -> None:
    case = cdp.case(*(f"C-{number}" for number in range(250)))
    cdp.once()
    lifecycle.cancel(case, by=person("ada"), reason="withdrawn")
    cdp.run()
    work = cdp.work(case)
    assert len(cdp.batches()) == 1
    assert (work.step, work.status) == ("await_acting", "waiting")
    assert work.identifiers.filter(outcome="pending", assurance="accepted").count() == 200
    assert work.identifiers.filter(outcome="failed", assurance="none").count() == 50
    lifecycle.attest(work, by=person("ada"), note="The screen says Completed.")
    case.refresh_from_db()
    assert case.status == "partly_completed"


def test_a_cancelled_case_does_not_ask_again_what_could_erase(again: Cdp) -> None:
    case = again.case("C-1")
    again.run()
    lifecycle.cancel(case, by=person("ada"), reason="withdrawn")
    again.turn(timedelta(days=2))
    again.run()
    again.run()
    assert len(again.batches()) == 1
    assert again.work(case).status == "awaiting_attestation"


def test_each_possible_repeat_is_named_for_the_identifiers_that_it_is_about(cdp: Cdp) -> None:
    case = cdp.case("A-1", "A-2")
    cdp.acquia.faults.add(Fault("close", process=True))
    lost = cdp.once()
    SubTask.objects.update(batch_limit=1)
    cdp.run_all()
    assert [len(ids) for ids in cdp.batches()] == [2, 1, 1]
    assert [told["call"] for told in cdp.told("sub_task.may_repeat")] == [f"call:{lost.pk}"] * 2
    assert cdp.work(case).step == "await_acting"


def test_what_was_refused_and_is_sent_again_is_no_repeat(cdp: Cdp) -> None:
    cdp.acquia.poison("P")
    case = cdp.case("P", held=False)
    cdp.run()
    lifecycle.retry(cdp.work(case), by=person("ada"))
    cdp.run()
    assert len(cdp.batches()) == 2
    assert cdp.told("sub_task.may_repeat") == []


def test_the_end_of_a_case_is_seen_by_whoever_asks_for_changes(cdp: Cdp) -> None:
    case = cdp.case("C-1", held=False)
    cdp.turn(timedelta(hours=1))
    cdp.run()
    case.refresh_from_db()
    assert case.status == "completed"
    assert case.updated_at >= case.closed_at


# --- errors of our own ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("culprit", ["C-0", "C-2"], ids=["the first", "one of the others"])
def test_work_that_cannot_be_claimed_is_set_aside_alone(
    cdp: Cdp, monkeypatch: pytest.MonkeyPatch, culprit: str
) -> None:
    cases = {f"C-{number}": cdp.case(f"C-{number}") for number in range(4)}
    real = Acquia.left

    def fails(self: Acquia, name: str, work: Work) -> Sequence[Id]:
        if [item.value for item in work.ids] == [culprit]:
            raise RuntimeError
        return real(self, name, work)

    monkeypatch.setattr(Acquia, "left", fails)
    cdp.run()
    work = cdp.work(cases.pop(culprit))
    assert (work.status, work.attention_code) == ("needs_attention", "defect")
    assert {cdp.work(case).status for case in cases.values()} == {"waiting"}


def test_a_step_by_hand_that_fails_needs_attention_and_holds_up_nobody(
    cdp: Cdp, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = cdp.case("C-1"), cdp.case("C-2")
    cdp.run()
    real = Acquia.await_acting

    def fails(self: Acquia, work: Work) -> Result:
        if work.ids[0].value == "C-1":
            raise RuntimeError
        return real(self, work)

    monkeypatch.setattr(Acquia, "await_acting", fails)
    cdp.turn(timedelta(days=15))
    sweep.tick()
    assert (cdp.work(bad).status, cdp.work(bad).attention_code) == ("needs_attention", "defect")
    assert cdp.work(good).status == "awaiting_attestation"


def test_one_that_the_sweep_cannot_deal_with_holds_up_no_other(cdp: Cdp, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = cdp.case("C-1"), cdp.case("C-2")
    cdp.run()
    stuck = cdp.work(first).pk
    real = follow.ask_a_person
    monkeypatch.setattr(follow, "ask_a_person", lambda work, now: 1 / 0 if work.pk == stuck else real(work, now))
    cdp.turn(timedelta(days=15))
    sweep.tick()
    assert (cdp.work(first).status, cdp.work(second).status) == ("waiting", "awaiting_attestation")


def test_an_event_tells_of_so_many_identifiers_and_says_how_many_more_there_are(
    cdp: Cdp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "MOST_TOLD", 2)
    cdp.case("C-1", "C-2", "C-3", held=False)
    cdp.run()
    (done,) = cdp.told("sub_task.done")
    assert (len(done["identifiers"]), done["identifiers_left_out"]) == (2, 1)


@pytest.mark.parametrize(("pause", "anew"), [(Pause.FAILURES, False), (Pause.CREDENTIALS, True), (Pause.BY_HAND, True)])
def test_only_a_pause_of_ours_gives_the_vendor_more_time(cdp: Cdp, pause: Pause, anew: bool) -> None:
    case = cdp.case("C-1")
    cdp.run()
    since = cdp.work(case).step_since
    now = cdp.turn(timedelta(hours=1))
    vendors.pause(cdp.account(), pause, "", now, trial_at=now)
    vendors.resume(cdp.account())
    assert (cdp.work(case).step_since != since) is anew
