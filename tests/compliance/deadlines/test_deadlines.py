"""The known answers of the law, and what must hold on every day of the calendar."""

from calendar import monthrange
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import deadlines
from compliance.deadlines import POLICIES, is_working_day
from erasure.states import Regime

DAYS = st.dates(date(2000, 1, 1), date(2090, 12, 31))
COUNTRIES = st.sampled_from(["", "DE", "FR", "GB", "US", "XX"])
ROLLING = sorted(name for name, policy in POLICIES.items() if policy.rolls)


def due_on(regime: str, received_on: date, **where: str) -> date:
    return deadlines.due_on(POLICIES[regime], received_on, **where)


def test_every_regime_of_a_case_has_a_policy_with_a_length_and_a_source():
    assert set(POLICIES) == set(Regime.values)
    assert all((policy.months or policy.days) and policy.source for policy in POLICIES.values())


# --- known answers


@pytest.mark.parametrize(
    ("received", "country", "due"),
    [
        (date(2026, 1, 31), "", date(2026, 3, 2)),  # there is no 31 February; the 28th is a Saturday
        (date(2026, 3, 5), "DE", date(2026, 4, 7)),  # Easter Sunday, then Easter Monday
        (date(2026, 8, 31), "", date(2026, 9, 30)),
        (date(2024, 1, 31), "", date(2024, 2, 29)),  # a leap year
        (date(2026, 11, 25), "DE", date(2026, 12, 28)),  # Christmas Day on a Friday, then a weekend
        (date(2026, 12, 1), "DE", date(2027, 1, 4)),  # New Year's Day is in the next year's calendar
    ],
)
def test_gdpr_counts_a_month_and_rolls_to_a_working_day(received, country, due):
    assert due_on("gdpr", received, country=country) == due


def test_easter_monday_is_a_working_day_where_no_country_is_known():
    assert due_on("gdpr", date(2026, 3, 5)) == date(2026, 4, 6)


def test_ccpa_counts_the_day_of_receipt_as_the_first_and_does_not_roll():
    due = due_on("ccpa", date(2026, 1, 1), country="US", subdivision="CA")

    assert due == date(2026, 1, 1) + timedelta(days=44) == date(2026, 2, 14)
    assert due.weekday() == 5, "a Saturday, and it stays one"


@pytest.mark.parametrize("regime", ["us_va", "us_co"])
def test_virginia_and_colorado_count_45_days_and_do_not_roll(regime):
    assert due_on(regime, date(2026, 1, 1), country="US") == date(2026, 2, 15)  # a Sunday


def test_uk_gdpr_rolls_past_a_bank_holiday():
    assert due_on("uk_gdpr", date(2026, 4, 3), country="GB") == date(2026, 5, 5)  # Sunday, early May bank holiday


# --- public holidays


def test_a_holiday_of_a_region_counts_in_that_region_only():
    epiphany = date(2026, 1, 6)

    assert not is_working_day(epiphany, "DE", "BY")
    assert is_working_day(epiphany, "DE", "HH")
    assert is_working_day(epiphany, "DE")
    assert due_on("gdpr", date(2025, 12, 6), country="DE", subdivision="BY") == date(2026, 1, 7)
    assert due_on("gdpr", date(2025, 12, 6), country="DE", subdivision="HH") == epiphany


def test_a_region_that_nobody_knows_still_has_the_holidays_of_its_country():
    assert not is_working_day(date(2026, 4, 6), "DE", "NOWHERE")


@pytest.mark.parametrize("country", ["", "XX", "QQ"])
def test_a_country_that_nobody_knows_has_weekends_only(country):
    assert is_working_day(date(2026, 12, 25), country)  # a Friday
    assert not is_working_day(date(2026, 12, 26), country)
    assert not is_working_day(date(2026, 12, 27), country)


# --- on every day


@given(st.sampled_from(sorted(POLICIES)), DAYS, st.integers(0, 400), COUNTRIES)
def test_who_asks_later_is_never_due_earlier(regime, received, later, country):
    asked_later = received + timedelta(days=later)

    assert due_on(regime, received, country=country) <= due_on(regime, asked_later, country=country)


@given(st.sampled_from(ROLLING), DAYS, COUNTRIES)
def test_a_deadline_that_rolls_never_ends_on_a_day_off(regime, received, country):
    assert is_working_day(due_on(regime, received, country=country), country)


@given(st.sampled_from(ROLLING), DAYS, COUNTRIES)
def test_rolling_skips_days_off_and_nothing_else(regime, received, country):
    due = due_on(regime, received, country=country)
    year, month = received.year + received.month // 12, received.month % 12 + 1
    end = next(date(year, month, day) for day in range(received.day, 0, -1) if day <= monthrange(year, month)[1])

    assert end <= due
    assert not any(is_working_day(end + timedelta(days=n), country) for n in range((due - end).days))


@given(st.sampled_from(["ccpa", "us_va", "us_co", "own"]), DAYS, COUNTRIES)
def test_a_deadline_in_days_is_the_same_whatever_the_country(regime, received, country):
    days = POLICIES[regime].days - (regime == "ccpa")
    assert due_on(regime, received, country=country) == received + timedelta(days=days)
