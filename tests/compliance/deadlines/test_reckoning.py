"""Extension, pauses and the confirmation of receipt, on every day of the calendar; and the working in words."""

from datetime import date, timedelta

import pytest
from django.utils import translation
from hypothesis import assume, given
from hypothesis import strategies as st

from compliance.deadlines import (
    CLARIFICATION,
    IDENTITY,
    POLICIES,
    Pause,
    Rule,
    adjusted,
    is_working_day,
    reckon,
    working,
)

DAYS = st.dates(date(2000, 1, 1), date(2090, 12, 31))
COUNTRIES = st.sampled_from(["", "DE", "FR", "GB", "US"])
REGIMES = st.sampled_from(sorted(POLICIES))
EXTENDING = st.sampled_from(sorted(name for name, policy in POLICIES.items() if policy.extends))
UK = POLICIES["uk_gdpr"]
#: Months, pauses, and no rolling: what a pause adds can be seen in the last day itself.
UNROLLED = adjusted({"uk_gdpr": {"rolls": False}})["uk_gdpr"]


def on(text: str) -> date:
    return date.fromisoformat(text)


# --- extension


@given(EXTENDING, DAYS, COUNTRIES)
def test_an_extension_never_ends_before_the_first_deadline(regime, received, country):
    first = reckon(POLICIES[regime], received, country=country)
    extended = reckon(POLICIES[regime], received, country=country, extended=True)

    assert extended.due_on == first.extended_due_on > first.due_on
    assert extended.first_due_on == first.due_on


def test_a_law_without_an_extension_has_none():
    assert reckon(POLICIES["own"], on("2026-03-02")).extended_due_on is None
    with pytest.raises(ValueError, match="no extension"):
        reckon(POLICIES["own"], on("2026-03-02"), extended=True)


# --- pauses


@given(DAYS, st.integers(0, 28), st.integers(0, 90))
def test_a_pause_adds_exactly_the_days_from_asking_through_the_answer(received, after, lasting):
    asked = received + timedelta(days=after)
    pause = Pause(IDENTITY, asked, asked + timedelta(days=lasting))
    without, paused = reckon(UNROLLED, received), reckon(UNROLLED, received, pauses=[pause])

    assert paused.due_on - without.due_on == timedelta(days=lasting + 1)
    assert not paused.stands


@given(DAYS, st.lists(st.tuples(st.integers(0, 20), st.integers(0, 8)), min_size=1, max_size=4))
def test_days_that_two_pauses_share_are_left_out_once(received, spans):
    start = [received + timedelta(days=after) for after, _lasting in spans]
    pauses = [
        Pause(IDENTITY, day, day + timedelta(days=last)) for day, (_after, last) in zip(start, spans, strict=True)
    ]
    free = {day + timedelta(days=n) for day, (_after, last) in zip(start, spans, strict=True) for n in range(last + 1)}

    assert reckon(UNROLLED, received, pauses=pauses).due_on == reckon(UNROLLED, received).due_on + timedelta(len(free))


@given(DAYS, COUNTRIES, st.integers(1, 60))
def test_what_is_asked_after_the_end_starts_nothing_again(received, country, after):
    plain = reckon(UK, received, country=country)
    late = Pause(IDENTITY, plain.due_on + timedelta(days=after), plain.due_on + timedelta(days=after + 3))

    assert reckon(UK, received, country=country, pauses=[late]).due_on == plain.due_on


@given(DAYS, COUNTRIES, st.integers(0, 28), st.integers(0, 60))
def test_an_open_pause_moves_the_last_day_on_with_each_day(received, country, after, since):
    asked = received + timedelta(days=after)
    today = asked + timedelta(days=since)
    standing = reckon(UK, received, country=country, pauses=[Pause(CLARIFICATION, asked)], today=today)
    answered = reckon(UK, received, country=country, pauses=[Pause(CLARIFICATION, asked, today)])

    assert standing.stands and not answered.stands
    assert standing.due_on == answered.due_on
    assert standing.due_on > today


@pytest.mark.parametrize(
    ("regime", "pause", "today", "why"),
    [
        ("gdpr", Pause(IDENTITY, on("2026-03-05"), on("2026-03-06")), None, "does not stand for 'identity'"),
        ("uk_gdpr", Pause("holidays", on("2026-03-05"), on("2026-03-06")), None, "does not stand for 'holidays'"),
        ("uk_gdpr", Pause(IDENTITY, on("2026-03-01"), on("2026-03-06")), None, "before the request was received"),
        ("uk_gdpr", Pause(IDENTITY, on("2026-03-06"), on("2026-03-05")), None, "before its question"),
        ("uk_gdpr", Pause(IDENTITY, on("2026-03-06")), None, "as of a day"),
    ],
)
def test_a_pause_that_cannot_be_is_refused(regime, pause, today, why):
    with pytest.raises(ValueError, match=why):
        reckon(POLICIES[regime], on("2026-03-02"), pauses=[pause], today=today)


# --- on every day


@given(REGIMES, DAYS, st.integers(0, 400), COUNTRIES, st.booleans())
def test_who_asks_later_is_never_due_earlier(regime, received, later, country, extended):
    assume(POLICIES[regime].extends or not extended)
    asked_later = received + timedelta(days=later)
    early = reckon(POLICIES[regime], received, country=country, extended=extended)
    late = reckon(POLICIES[regime], asked_later, country=country, extended=extended)

    assert early.due_on <= late.due_on
    assert not early.confirm_by or early.confirm_by <= late.confirm_by


@given(DAYS, COUNTRIES, st.booleans(), st.integers(0, 28), st.integers(0, 90))
def test_a_deadline_that_rolls_never_ends_on_a_day_off(received, country, extended, after, lasting):
    asked = received + timedelta(days=after)
    pause = Pause(IDENTITY, asked, asked + timedelta(days=lasting))

    assert is_working_day(reckon(UK, received, country=country, extended=extended, pauses=[pause]).due_on, country)


@given(DAYS, COUNTRIES)
def test_receipt_is_confirmed_within_so_many_working_days(received, country):
    last = reckon(POLICIES["ccpa"], received, country=country).confirm_by
    between = [received + timedelta(days=n) for n in range(1, (last - received).days + 1)]

    assert sum(is_working_day(day, country) for day in between) == 10
    assert is_working_day(last, country)


@given(REGIMES, DAYS, COUNTRIES)
def test_the_working_leads_from_receipt_to_the_last_day(regime, received, country):
    clock = reckon(POLICIES[regime], received, country=country)

    assert (clock.steps[0].rule, clock.steps[0].day) == (Rule.RECEIVED, received)
    assert clock.steps[-1].day == clock.due_on
    assert [step.day for step in clock.steps] == sorted(step.day for step in clock.steps)


# --- in words


def test_the_working_is_a_sentence_in_the_readers_language():
    clock = reckon(POLICIES["gdpr"], on("2026-03-05"), country="DE")

    assert working(clock) == (
        "received Thu 5 Mar 2026, 1 month → Sun 5 Apr 2026, not a working day (Easter Monday) → Tue 7 Apr 2026"
    )
    with translation.override("de"):
        assert working(clock) == (
            "Eingang Do, 5. März 2026, 1 Monat → So, 5. April 2026, kein Arbeitstag (Ostermontag) → Di, 7. April 2026"
        )


def test_the_working_says_what_was_extended_and_what_does_not_count():
    pause = Pause(IDENTITY, on("2026-05-10"), on("2026-05-19"))
    clock = reckon(UK, on("2026-05-05"), country="GB", subdivision="ENG", extended=True, pauses=[pause])

    assert working(clock) == (
        "received Tue 5 May 2026, extended: 3 months from receipt → Wed 5 Aug 2026, "
        "10 days not counted (Sun 10 May 2026 to Tue 19 May 2026) → Sat 15 Aug 2026, "
        "not a working day → Mon 17 Aug 2026"
    )


def test_the_working_says_whether_the_day_of_receipt_counts():
    day = on("2026-01-01")

    assert "45 days, the day of receipt included → Sat 14 Feb 2026" in working(reckon(POLICIES["ccpa"], day))
    assert "45 days → Sun 15 Feb 2026" in working(reckon(POLICIES["us_va"], day))


# --- what an installation changes


def test_an_installation_changes_what_it_names_and_nothing_else():
    found = adjusted({"own": {"days": 0, "months": 2, "extended_months": 4, "pauses": ["identity"]}, "ccpa": {}})

    assert (found["own"].months, found["own"].days, found["own"].extended_months) == (2, 0, 4)
    assert found["own"].pauses == {IDENTITY}
    assert {**found, "own": None} == {**POLICIES, "own": None}


def test_ccpa_can_be_counted_from_the_day_after_receipt():
    found = adjusted({"ccpa": {"counts_receipt": False}})["ccpa"]

    assert reckon(found, on("2026-01-01")).due_on == on("2026-02-15")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ([], "must be an object"),
        ({"gdrp": {}}, "no regime 'gdrp'"),
        ({"own": 30}, "own: must be an object"),
        ({"own": {"weeks": 4}}, "own: there is no 'weeks'"),
        ({"own": {"days": "30"}}, "own: days must be a whole number"),
        ({"own": {"days": True}}, "own: days must be a whole number"),
        ({"own": {"rolls": 1}}, "own: rolls must be true or false"),
        ({"own": {"days": 0}}, "own: give a number of months or of days"),
        ({"own": {"months": 1}}, "own: give a number of months or of days"),
        ({"own": {"days": 732}}, "own: months must be 0 to 24 and days 0 to 731"),
        ({"own": {"days": -1}}, "own: months must be 0 to 24 and days 0 to 731"),
        ({"own": {"extended_days": 30}}, "own: an extension is the whole length"),
        ({"own": {"extended_months": 3}}, "own: an extension is the whole length"),
        ({"own": {"confirm_working_days": -1}}, "own: confirm_working_days"),
        ({"own": {"pauses": "identity"}}, "own: pauses must be a list"),
        ({"own": {"pauses": ["fee"]}}, "own: the clock cannot stand for 'fee'"),
    ],
)
def test_what_no_clock_can_be_made_of_is_refused_with_a_sentence(changes, why):
    with pytest.raises(ValueError, match=why):
        adjusted(changes)
