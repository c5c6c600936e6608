"""An extension of the time to reply: once, told within the first time, and only where the law knows it."""

from datetime import UTC, date, datetime

import pytest
from django.conf import settings as desk

from compliance.audit.models import Event
from compliance.deadlines import adjusted
from erasure import due, intake, lifecycle
from erasure.errors import Conflict, Invalid
from erasure.models import Case, Note
from tests.factories import approved_case, opened_case, person, vendor

pytestmark = pytest.mark.django_db
TOLD = {"reason": "complexity", "channel": "email"}


@pytest.fixture(autouse=True)
def today(turn_clock):
    vendor("Shop search")
    turn_clock(datetime(2026, 9, 1, 12, tzinfo=UTC))


def received(**values) -> Case:
    """A case of 31 August 2026, due on 30 September and, extended, on 30 November."""
    return approved_case(received_at=datetime(2026, 8, 31, 12, tzinfo=UTC), **values)


def refused(case: Case) -> str:
    """The code of the refusal, which has changed nothing."""
    before = Event.objects.count()
    due_on = case.due_on
    with pytest.raises(Conflict) as told:
        lifecycle.extend(case, by=person("olive"), **TOLD)
    assert (Case.objects.get(pk=case.pk).due_on, Event.objects.count()) == (due_on, before)
    return told.value.code


def test_it_moves_the_due_date_and_the_trail_says_why_and_how_the_person_was_told():
    case = received()
    lifecycle.extend(case, by=person("olive"), note="Five years of letters.", **TOLD)

    assert case.due_on == date(2026, 11, 30)
    assert case.extended_at
    told = Event.objects.get(action="case.extended").details
    assert {name: told[name] for name in ("reason", "channel", "due_before", "due_on")} == {
        **TOLD,
        "due_before": "2026-09-30",
        "due_on": "2026-11-30",
    }
    assert Note.objects.get(case=case).about == "extension"
    assert "extended: 3 months from receipt → Mon 30 Nov 2026" in due.told(case, due.reckoning(case))


def test_it_can_be_told_on_the_last_day_of_the_first_time(turn_clock):
    case = received()
    turn_clock(datetime(2026, 9, 30, 23, 59, tzinfo=UTC))
    lifecycle.extend(case, by=person("olive"), **TOLD)
    assert case.due_on == date(2026, 11, 30)


def test_after_the_first_time_it_is_too_late(turn_clock):
    case = received()
    turn_clock(datetime(2026, 10, 1, 0, 0, tzinfo=UTC))
    assert refused(case) == "too_late_to_extend"


def test_it_can_be_extended_once():
    case = received()
    lifecycle.extend(case, by=person("olive"), **TOLD)
    assert refused(case) == "already_extended"


def test_a_law_without_an_extension_has_none():
    assert refused(received(regime="own")) == "no_extension"


def test_an_extension_stays_what_it_was_when_the_settings_take_it_away(settings):
    case = received()
    lifecycle.extend(case, by=person("olive"), **TOLD)
    settings.REGIMES = adjusted({"gdpr": {"extended_months": 0}}, desk.REGIMES)
    assert Case.objects.get(pk=case.pk).due_on == date(2026, 11, 30)
    assert due.told(case, due.reckoning(case)) == ""


def test_what_owes_no_reply_or_is_a_draft_cannot_be_extended():
    answered, cancelled = received(), received()
    lifecycle.reply(answered, by=person("olive"), channel="email")
    lifecycle.cancel(cancelled, by=person("olive"), reason="withdrawn")
    assert refused(answered) == "already_answered"
    assert refused(cancelled) == refused(opened_case()) == "wrong_state"


@pytest.mark.parametrize(
    ("given", "wrong"),
    [({"reason": "holidays"}, "/reason"), ({"channel": "pigeon"}, "/channel"), ({"reason": ""}, "/reason")],
)
def test_a_reason_and_a_way_of_telling_are_needed(given, wrong):
    with pytest.raises(Invalid) as told:
        lifecycle.extend(received(), by=person("olive"), **TOLD | given)
    assert [pointer for pointer, _text in told.value.problems] == [wrong]


# --- questions to the person


def test_where_the_law_lets_the_clock_stand_the_days_from_asking_through_the_answer_do_not_count(turn_clock):
    """UK GDPR: due on 30 September. Asked on 10 September, answered on the 19th: ten days more, to Saturday 10
    October, so Monday the 12th."""
    case = received(regime="uk_gdpr")
    turn_clock(datetime(2026, 9, 10, 12, tzinfo=UTC))
    lifecycle.ask(case, by=person("olive"), reason="identity", channel="email", note="A copy of a bill.")
    assert case.due_on == date(2026, 10, 1), "the first day is one already"
    turn_clock(datetime(2026, 9, 19, 12, tzinfo=UTC))
    lifecycle.answered(case, by=person("olive"), reason="identity")
    assert case.due_on == date(2026, 10, 12)
    told = {event.action: event.details for event in Event.objects.filter(action__in=["case.asked", "case.answered"])}
    assert (told["case.asked"]["asked_on"], told["case.asked"]["reason"]) == ("2026-09-10", "identity")
    assert (told["case.answered"]["answered_on"], told["case.answered"]["due_on"]) == ("2026-09-19", "2026-10-12")
    assert "10 days not counted" in due.told(case, due.reckoning(case))


def test_while_a_question_is_open_the_sweep_moves_the_due_date_on(turn_clock):
    case, answered, gdpr = received(regime="uk_gdpr"), received(regime="uk_gdpr"), received()
    for each in (case, answered, gdpr):
        lifecycle.ask(each, by=person("olive"), reason="clarification", channel="phone")
    lifecycle.answered(answered, by=person("olive"), reason="clarification")
    turn_clock(datetime(2026, 9, 5, 12, tzinfo=UTC))
    lifecycle.move_standing()
    days = [Case.objects.get(pk=each.pk).due_on for each in (case, answered, gdpr)]
    assert days == [date(2026, 10, 5), date(2026, 10, 1), date(2026, 9, 30)]


def test_a_question_for_which_no_clock_stands_leaves_the_date_as_it_was_found(settings):
    case = received()
    settings.REGIMES = adjusted({"gdpr": {"months": 2}})
    lifecycle.ask(case, by=person("olive"), reason="identity", channel="email")
    lifecycle.move_standing()
    lifecycle.answered(case, by=person("olive"), reason="identity")
    assert Case.objects.get(pk=case.pk).due_on == date(2026, 9, 30)


def test_an_answer_that_came_earlier_than_it_is_recorded_counts_from_its_own_day(turn_clock):
    case = received(regime="uk_gdpr")
    turn_clock(datetime(2026, 9, 10, 12, tzinfo=UTC))
    lifecycle.ask(case, by=person("olive"), reason="identity", channel="email", on=date(2026, 9, 8))
    turn_clock(datetime(2026, 9, 20, 12, tzinfo=UTC))
    lifecycle.move_standing()
    lifecycle.answered(case, by=person("olive"), reason="identity", on=date(2026, 9, 9))
    assert case.due_on == date(2026, 10, 2)


@pytest.mark.parametrize(
    ("on", "why"),
    [(date(2026, 8, 30), "cannot be asked before the request"), (date(2026, 9, 2), "still to come")],
)
def test_a_day_that_cannot_be_is_refused(on, why):
    with pytest.raises(Invalid, match=why):
        lifecycle.ask(received(), by=person("olive"), reason="identity", channel="email", on=on)


def test_a_draft_can_be_asked_about_and_keeps_the_days_when_it_is_amended(turn_clock):
    case = opened_case(received_at=datetime(2026, 8, 31, 12, tzinfo=UTC), regime="uk_gdpr")
    lifecycle.ask(case, by=person("olive"), reason="identity", channel="email")
    lifecycle.answered(case, by=person("olive"), reason="identity")
    assert case.due_on == date(2026, 10, 1)
    facts = {"kind": case.kind, "regime": "uk_gdpr", "ground": case.ground, "identifiers": [], "country": "GB"}
    intake.amend(case, intake.Opening(**facts, channel="phone"), by=person("olive"))
    assert Case.objects.get(pk=case.pk).due_on == date(2026, 10, 1)
    later = intake.Opening(**facts, received_at=datetime(2026, 9, 2, tzinfo=UTC))
    turn_clock(datetime(2026, 9, 3, tzinfo=UTC))
    with pytest.raises(Invalid, match="came in no later"):
        intake.amend(case, later, by=person("olive"))


def test_nothing_is_asked_of_whom_a_reply_was_sent_or_whose_case_is_cancelled():
    replied, cancelled = received(), received()
    lifecycle.reply(replied, by=person("olive"), channel="email")
    lifecycle.cancel(cancelled, by=person("olive"), reason="withdrawn")
    for case, code in ((replied, "already_answered"), (cancelled, "wrong_state")):
        with pytest.raises(Conflict) as told:
            lifecycle.ask(case, by=person("olive"), reason="identity", channel="email")
        assert told.value.code == code
