"""A vendor asked once more, after its part has ended: work of its own that holds up no case."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import transaction

from compliance.audit.models import Event
from erasure import lifecycle, planning, waiting
from erasure.alerts import causes
from erasure.errors import Conflict
from erasure.models import Case, SubTask
from erasure.sandbox import Acoustic
from erasure.states import Assurance, CaseStatus, Held, Outcome, SubTaskStatus
from erasure.worker import lanes, sweep
from tests import factories

from .lane import PACE, Lane

DAY = 86_400
MONTH = {"ask_again_after_seconds": 30 * DAY}


def ended(lane: Lane, *, options: dict[str, int] | None = None) -> tuple[Case, SubTask]:
    """A case whose one vendor has erased, and that vendor's part."""
    lane.save(options=MONTH if options is None else options)
    lane.apptus.hold(lane.vendor.speaks().as_sent("customer_id", "C-1001"))
    case = lane.to_end(lane.case())
    return case, case.sub_tasks.get(follows=None)


def asks(work: SubTask) -> SubTask:
    return SubTask.objects.select_related("case__data_key", "vendor__data_key", "revision").get(follows=work)


def run_to_the_end(lane: Lane, follow_up: SubTask) -> SubTask:
    for _ in range(12):
        follow_up = SubTask.objects.get(pk=follow_up.pk)
        if follow_up.next_at is None:
            return follow_up
        lane.turn(follow_up.next_at + timedelta(seconds=1))
        lane.apptus.clock.advance(3)
        lane.run()
    raise AssertionError(f"no end: {follow_up.step}, {follow_up.status}")


def test_a_case_ends_without_waiting_for_the_question_which_comes_a_month_later(lane: Lane) -> None:
    case, work = ended(lane)
    assert (case.status, work.status, work.assurance) == (CaseStatus.COMPLETED, "done", Assurance.CONFIRMED)
    follow_up = asks(work)
    assert work.ended_at
    assert follow_up.status == SubTaskStatus.WAITING
    assert follow_up.next_at == work.ended_at + timedelta(days=30)
    calls = work.calls.count()
    lane.run()
    assert follow_up.calls.count() == 0, "it is not asked before its time"
    lane.turn(follow_up.next_at + timedelta(seconds=1))
    lane.run()
    assert (work.calls.count(), follow_up.calls.count()) == (calls, 1)


def test_the_sweep_wakes_the_lane_when_its_time_has_come_though_the_case_is_closed(lane: Lane) -> None:
    from django_q.models import OrmQ

    _case, work = ended(lane)
    next_at = asks(work).next_at
    assert next_at
    OrmQ.objects.all().delete()
    sweep.wake_due_lanes(next_at - timedelta(days=1))
    assert lane.hints() == []
    sweep.wake_due_lanes(next_at + timedelta(seconds=1))
    assert len(lane.hints()) == 1


def test_where_nothing_is_there_the_proof_of_what_was_erased_is_raised_and_the_case_stays_as_it_was(lane: Lane) -> None:
    case, work = ended(lane)
    closed, follow_up = case.closed_at, run_to_the_end(lane, asks(work))
    case, work = Case.objects.get(pk=case.pk), SubTask.objects.get(pk=work.pk)
    assert (follow_up.status, follow_up.held(), follow_up.assurance) == ("done", Held.NO, Assurance.ASKED_AGAIN)
    assert (work.status, work.assurance, work.held()) == ("done", Assurance.ASKED_AGAIN, Held.YES)
    assert set(work.identifiers.values_list("outcome", "assurance")) == {(Outcome.ERASED, Assurance.ASKED_AGAIN)}
    assert (case.status, case.closed_at) == (CaseStatus.COMPLETED, closed)
    (told,) = lane.told("sub_task.asked_again")
    assert told["assurance"] == Assurance.ASKED_AGAIN
    assert told["by_work"] == f"sub_task:{follow_up.pk}"
    assert Event.objects.get(action="sub_task.asked_again").subject == f"sub_task:{work.pk}"
    assert not SubTask.objects.filter(follows=follow_up).exists(), "it is asked again once"


def test_where_data_is_there_again_a_person_must_look_and_what_was_reported_stays(lane: Lane) -> None:
    case, work = ended(lane)
    lane.apptus.hold(lane.vendor.speaks().as_sent("customer_id", "C-1001"))
    follow_up = run_to_the_end(lane, asks(work))
    assert (follow_up.status, follow_up.attention_code) == (SubTaskStatus.NEEDS_ATTENTION, "there_again")
    work.refresh_from_db()
    assert (work.status, work.assurance) == ("done", Assurance.CONFIRMED)
    assert lane.apptus.held(), "asking erases nothing"
    case = Case.objects.get(pk=case.pk)
    assert case.status == CaseStatus.COMPLETED
    assert "was asked again" in waiting.decisions(case)
    assert causes.asking().get() == follow_up, "an alert tells of it"
    (evidence,) = follow_up.evidence.all()
    assert evidence.counts["records"] == 1


def test_a_person_closes_it_with_a_note_and_the_case_stays_completed(lane: Lane) -> None:
    case, work = ended(lane)
    lane.apptus.hold(lane.vendor.speaks().as_sent("customer_id", "C-1001"))
    follow_up = run_to_the_end(lane, asks(work))
    ada = factories.person("ada")
    with pytest.raises(Conflict):
        lifecycle.attest(follow_up, by=ada, note="Gone, I think.")
    lifecycle.give_up(follow_up, by=ada, note="A customer again since Tuesday.")
    assert (follow_up.status, follow_up.reason) == (SubTaskStatus.STOPPED, "accepted")
    assert Case.objects.get(pk=case.pk).status == CaseStatus.COMPLETED


def test_erased_by_hand_meanwhile_a_retry_asks_once_more(lane: Lane) -> None:
    _case, work = ended(lane)
    lane.apptus.hold(lane.vendor.speaks().as_sent("customer_id", "C-1001"))
    follow_up = run_to_the_end(lane, asks(work))
    with lane.apptus.lock:
        lane.apptus._records.clear()
    lifecycle.retry(follow_up, by=factories.person("ada"))
    assert run_to_the_end(lane, follow_up).status == SubTaskStatus.DONE
    work.refresh_from_db()
    assert work.assurance == Assurance.ASKED_AGAIN


def test_no_vendor_is_asked_again_unless_the_account_says_so(lane: Lane) -> None:
    case, _work = ended(lane, options={})
    assert case.sub_tasks.count() == 1


@pytest.mark.parametrize("options", [{}, {"ask_again_after_seconds": DAY}], ids=["off", "another time"])
def test_an_account_that_was_changed_since_the_approval_is_not_asked(lane: Lane, options: dict[str, int]) -> None:
    _case, work = ended(lane)
    follow_up = asks(work)
    assert follow_up.next_at
    lane.save(options=options or {"ask_again_after_seconds": 0})
    lane.turn(follow_up.next_at + timedelta(seconds=1))
    lane.run()
    follow_up.refresh_from_db()
    assert (follow_up.status, follow_up.reason) == (SubTaskStatus.STOPPED, "settings_changed")
    assert follow_up.calls.count() == 0


def test_a_plan_that_was_approved_before_there_was_the_option_holds_and_turning_it_on_changes_it(lane: Lane) -> None:
    case = lane.case()
    assert "ask_again_after_seconds" not in planning.effects(lane.account().speaks())
    lane.save(options=MONTH)
    assert not planning.still_approved(lane.work(case))


def test_cancelling_a_case_that_is_still_under_way_stops_the_question(lane: Lane) -> None:
    factories.vendor("Paper archive", "manual", options={"instructions": "Room 12", "accepts": ["email"]})
    lane.save(options=MONTH)
    case = lane.case()
    shop = factories.work(case)
    for _ in range(20):
        shop.refresh_from_db()
        if shop.next_at is None:
            break
        lane.turn(shop.next_at + timedelta(seconds=1))
        lane.run()
        lane.apptus.clock.advance(3)
    follow_up = asks(shop)
    assert Case.objects.get(pk=case.pk).status == CaseStatus.IN_PROGRESS
    lifecycle.cancel(case, by=factories.person("ada"), reason="withdrawn")
    follow_up.refresh_from_db()
    assert follow_up.status == SubTaskStatus.STOPPED


def test_exchange_asked_again_erases_what_it_finds_by_then_as_the_plan_says(
    transactional_db: None, turn_clock: Callable[[datetime | timedelta], datetime]
) -> None:
    turn_clock(timedelta(0))
    with Acoustic().start() as exchange:
        account = factories.vendor(
            "Exchange",
            "acoustic",
            base_url=exchange.url,
            credentials=exchange.credentials,
            pace=PACE,
            options={"ask_again_after_seconds": 30 * DAY},
        )
        exchange.hold([("email", "ada@example.org")])
        case = factories.approved_case(identifiers=[("email", "ada@example.org")])
        work = factories.work(case, "Exchange")
        assert "erases what it finds by then" in " ".join(planning.explain(work))

        def ends(part: SubTask) -> SubTask:
            for _ in range(20):
                part.refresh_from_db()
                if part.next_at is None:
                    return part
                turn_clock(part.next_at + timedelta(seconds=1))
                lanes.run(str(account.pk))
                exchange.clock.advance(1)
            raise AssertionError(part.step)

        assert ends(work).status == SubTaskStatus.DONE
        assert Case.objects.get(pk=case.pk).status == CaseStatus.COMPLETED
        exchange.hold([("email", "ada@example.org"), ("cookieId", "of-ada")])  # she has come back
        follow_up = ends(asks(work))
        assert (follow_up.status, follow_up.held()) == (SubTaskStatus.DONE, Held.YES)
        assert exchange.held() == {}
        work.refresh_from_db()
        assert work.assurance == Assurance.CONFIRMED, "something was there"
        assert not case.identifiers.filter(state="proposed").exists(), "a closed case has nothing to decide"


def test_a_confirmation_of_a_shared_reference_is_not_about_what_is_only_asked_again(lane: Lane) -> None:
    _case, work = ended(lane)
    asks(work).identifiers.update(reference="J-1")
    assert lifecycle.sharing(lane.vendor, "J-1") == []
    assert lifecycle.cases_sharing([(lane.vendor.pk, "J-1")]) == {(lane.vendor.pk, "J-1"): set()}


def test_a_hold_that_ends_does_not_begin_the_question_before_its_time(lane: Lane) -> None:
    factories.vendor("Paper archive", "manual", options={"instructions": "Room 12", "accepts": ["email"]})
    lane.save(options=MONTH)
    case = lane.case()
    shop = factories.work(case)
    shop.identifiers.update(outcome=Outcome.ERASED)
    with transaction.atomic():
        lifecycle.end(shop, SubTaskStatus.DONE, event="sub_task.done")
        lifecycle.after_end(shop)
    begins = asks(shop).step_since
    lifecycle.hold(case, by=factories.person("ada"))
    lifecycle.release(case, by=factories.person("ada"))
    assert asks(shop).step_since == begins
