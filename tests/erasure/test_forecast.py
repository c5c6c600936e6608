"""When the vendors' work of a case will probably end, and until when it has to be approved for that."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.deadlines import is_working_day
from erasure import forecast, lead_times, lifecycle
from erasure.forecast import Forecast, latest_start, whole_days
from erasure.models import Case, SubTask, Vendor
from erasure.states import SubTaskStatus
from tests.factories import approve, approved_case, opened_case, person, vendor, work

MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)
leads = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400))
days = st.dates(date(2025, 1, 1), date(2028, 12, 31))


@pytest.fixture
def november(turn_clock: Callable[[Any], datetime]) -> Callable[[Any], datetime]:
    turn_clock(MONDAY)
    return turn_clock


def foreseen(case: Case) -> Forecast:
    return forecast.of(Case.objects.prefetch_related("sub_tasks__vendor", "sub_tasks__revision").get(pk=case.pk))


# --- days -------------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(due_on=days, lead=leads, country=st.sampled_from(["", "DE", "GB"]))
def test_what_begins_on_the_last_working_day_ends_in_time_and_what_begins_on_the_next_does_not(due_on, lead, country):
    last = latest_start(due_on, lead, country=country)
    assert is_working_day(last, country)
    assert last + whole_days(lead) <= due_on
    following = last + timedelta(days=1)
    while not is_working_day(following, country):
        following += timedelta(days=1)
    assert following + whole_days(lead) > due_on


@settings(deadline=None)
@given(lead=leads)
def test_days_are_never_fewer_than_the_time_but_for_what_a_working_day_holds(lead):
    assert whole_days(lead) >= lead or lead <= forecast.SAME_DAY
    assert whole_days(lead) - lead < timedelta(days=1)


@settings(deadline=None)
@given(st.lists(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=90)), max_size=20))
def test_a_median_lies_between_what_was_measured_and_a_few_tell_nothing(took):
    found = lead_times.whole(took)
    if len(took) < lead_times.FEWEST:
        assert found is None
    else:
        assert found is not None
        assert min(took) - timedelta(seconds=1) <= timedelta(seconds=found) <= max(took) + timedelta(seconds=1)


# --- a case -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_before_an_approval_it_is_said_by_when_the_slowest_vendor_needs_it(november):
    vendor("Shop search")  # 5 days to archive, and one
    vendor("CDP", "acquia")  # within 30 days
    case = opened_case(submit=True)
    Case.objects.update(due_on=date(2026, 12, 12))
    found = foreseen(case)
    assert found == Forecast(ends_on=date(2026, 12, 2), approve_by=date(2026, 11, 12), at_risk=False)


@pytest.mark.django_db
def test_a_last_day_for_the_approval_that_is_a_day_off_is_moved_forward(november):
    vendor("CDP", "acquia")
    case = opened_case(submit=True)
    Case.objects.update(due_on=date(2026, 12, 15))  # 30 days before: Sunday the 15th
    assert foreseen(case).approve_by == date(2026, 11, 13)


@pytest.mark.django_db
def test_a_plan_that_would_end_too_late_is_at_risk_before_it_is_approved(november):
    vendor("CDP", "acquia")
    case = opened_case(submit=True)
    Case.objects.update(due_on=date(2026, 12, 1))
    found = foreseen(case)
    assert found.at_risk
    assert found.approve_by == date(2026, 10, 30), "it should have been approved last Friday"


@pytest.mark.django_db
def test_approved_work_is_at_risk_until_the_reply(november):
    vendor("CDP", "acquia")
    case = approved_case()
    Case.objects.update(due_on=date(2026, 12, 1))
    found = foreseen(case)
    assert (found.ends_on, found.at_risk, found.approve_by) == (date(2026, 12, 2), True, None)
    lifecycle.reply(case, by=person("olive"), channel="email")
    assert not foreseen(case).at_risk, "the time has ended with the reply"
    assert foreseen(case).ends_on == date(2026, 12, 2)


@pytest.mark.django_db
def test_what_was_observed_counts_before_what_is_stated(november):
    shop = vendor("Shop search")
    case = approved_case()
    assert foreseen(case).ends_on == date(2026, 11, 8)
    Vendor.objects.filter(pk=shop.pk).update(lead_times={"erase": 2 * 86_400})
    assert foreseen(case).ends_on == date(2026, 11, 4)


@pytest.mark.django_db
def test_what_should_have_ended_takes_the_next_estimate_and_in_the_end_today(november):
    vendor("Shop search")
    case = approved_case()
    Vendor.objects.update(lead_times={"erase": 86_400})
    SubTask.objects.update(sent_at=MONDAY, status=SubTaskStatus.WAITING)
    november(timedelta(days=4))
    assert foreseen(case).ends_on == date(2026, 11, 8), "longer than usual: as the vendor's page has it"
    november(timedelta(days=20))
    assert foreseen(case).ends_on == date(2026, 11, 26)


@pytest.mark.django_db
def test_what_was_never_sent_begins_today_at_the_earliest(november):
    vendor("Shop search")
    case = approved_case()
    lifecycle.hold(case, by=person("ada"))
    november(timedelta(days=10))
    assert foreseen(case).ends_on == date(2026, 11, 18)


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["needs_attention", "awaiting_identifier"])
def test_nobody_foresees_when_a_person_looks_after_it(november, status):
    vendor("Shop search")
    case = approved_case()
    SubTask.objects.update(status=status, attention_code="broken_reply")
    assert foreseen(case) == Forecast(unknown=("Shop search",))


@pytest.mark.django_db
def test_work_by_hand_is_unknown_unless_an_option_says_how_long_it_takes(november):
    vendor("Archive", "manual")
    case = approved_case()
    assert foreseen(case) == Forecast(unknown=("Archive",))
    vendor("Archive", "manual", options={"instructions": "Room 12", "usually_takes_days": 9})
    november(timedelta(days=3))
    assert foreseen(case).ends_on == date(2026, 11, 11), "from its approval on"


@pytest.mark.django_db
def test_what_a_person_does_at_a_vendor_whose_connector_cannot_is_not_foreseen_by_the_connector(november):
    vendor("CDP", "acquia")
    assert foreseen(approved_case(kind="export")).ends_on is None


@pytest.mark.django_db
def test_what_only_asks_again_is_not_foreseen(november):
    shop = vendor("Shop search")
    Vendor.objects.filter(pk=shop.pk).update(lead_times={"erase": timedelta(days=6).total_seconds()})
    case = approved_case()
    item = work(case)
    assert forecast.expected_end(item, MONDAY.date()) == date(2026, 11, 8)
    again = SubTask(
        case=case, vendor=item.vendor, revision=item.revision, operation="erase", status="waiting", follows=item
    )
    assert forecast.expected_end(again, MONDAY.date()) is None


@pytest.mark.django_db
def test_ended_work_is_not_foreseen(november):
    vendor("Shop search")
    case = approved_case()
    lifecycle.cancel(case, by=person("olive"), reason="withdrawn")
    assert foreseen(case) == Forecast()


# --- what was observed ------------------------------------------------------------------------------------------------


def ended(*took: timedelta, outcome: str = "erased") -> None:
    for number, time in enumerate(took):
        case = approved_case(identifiers=[("customer_id", f"C-{outcome}-{number}")])
        done = work(case)
        approved_at = done.revision.approved_at
        SubTask.objects.filter(pk=done.pk).update(status=SubTaskStatus.DONE, ended_at=approved_at + time, next_at=None)
        done.identifiers.update(outcome=outcome)


@pytest.mark.django_db
def test_the_median_of_what_ended_is_kept_with_the_account(november):
    shop = vendor("Shop search")
    ended(*(timedelta(days=count) for count in (1, 2, 3, 4)))
    lead_times.measure()
    assert Vendor.objects.get(pk=shop.pk).lead_times == {}, "four tell nothing"
    ended(timedelta(days=40), outcome="processed")
    lead_times.measure()
    assert Vendor.objects.get(pk=shop.pk).lead_times == {"erase": 3 * 86_400}


@pytest.mark.django_db
def test_who_was_not_found_does_not_make_it_seem_fast(november):
    shop = vendor("Shop search")
    ended(*[timedelta(days=6)] * 5)
    ended(*[timedelta(minutes=1)] * 9, outcome="not_held")
    lead_times.measure()
    assert Vendor.objects.get(pk=shop.pk).lead_times == {"erase": 6 * 86_400}


@pytest.mark.django_db
def test_measuring_reads_a_bounded_number_of_rows(november, django_assert_max_num_queries):
    vendor("Shop search")
    ended(*[timedelta(days=6)] * 5)
    with django_assert_max_num_queries(12):
        lead_times.measure()


# --- kept with the cases ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_cases_are_foreseen_when_they_change_and_once_a_day(november, django_assert_num_queries):
    vendor("CDP", "acquia")
    case = opened_case(submit=True)
    Case.objects.update(due_on=date(2026, 12, 3))
    forecast.look_ahead()
    assert not Case.objects.get().at_risk
    with django_assert_num_queries(1):
        forecast.look_ahead()  # nothing has changed
    november(timedelta(days=2))
    forecast.look_ahead()
    assert Case.objects.filter(forecast.at_risk()).get() == case
    Case.objects.update(due_on=date(2026, 12, 24))
    november(timedelta(minutes=1))
    approve(case)
    forecast.look_ahead()
    assert not Case.objects.filter(forecast.at_risk()).exists()


@pytest.mark.django_db
def test_an_answered_case_is_no_longer_at_risk_without_being_foreseen_anew(november):
    vendor("CDP", "acquia")
    case = approved_case()
    Case.objects.update(due_on=date(2026, 11, 20))
    forecast.look_ahead()
    assert Case.objects.filter(forecast.at_risk()).exists()
    lifecycle.reply(case, by=person("olive"), channel="email")
    assert not Case.objects.filter(forecast.at_risk()).exists()


@pytest.mark.django_db
def test_of_many_cases_those_that_wait_longest_are_foreseen_first(november, monkeypatch):
    monkeypatch.setattr(forecast, "AT_ONCE", 2)
    vendor("CDP", "acquia")
    for number in range(3):
        opened_case(identifiers=[("customer_id", f"C-{number}")])
    forecast.look_ahead()
    assert Case.objects.filter(foreseen_at=None).count() == 1
    forecast.look_ahead()
    assert not Case.objects.filter(foreseen_at=None).exists()
