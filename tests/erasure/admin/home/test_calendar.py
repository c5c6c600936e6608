"""When replies are due, and what the last weeks brought: what is drawn, and the tables behind it."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import translation

from erasure import lifecycle
from erasure.admin.home import charts, facts, flow
from erasure.admin.home.calendar import calendar
from erasure.models import Case
from tests.factories import opened_case, person

from .conftest import markup, panel

WEDNESDAY = datetime(2027, 2, 10, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def on_a_wednesday(turn_clock):
    turn_clock(WEDNESDAY)


def due(day: date, **fields: object) -> Case:
    case = opened_case()
    Case.objects.filter(pk=case.pk).update(due_on=day, **fields)
    return case


def cell(day: date):
    (found,) = [item for item in calendar()["days"] if item.day == day]
    return found


def test_six_weeks_begin_with_the_monday_of_this_one():
    days = [item.day for item in calendar()["days"]]
    assert (days[0], days[-1], len(days)) == (date(2027, 2, 8), date(2027, 3, 21), 42)


def test_a_day_counts_what_is_due_and_not_answered_and_opens_its_list(home):
    due(date(2027, 3, 1))
    due(date(2027, 3, 1))
    due(date(2027, 3, 1), replied_at=WEDNESDAY)
    assert cell(date(2027, 3, 1)).count == 2
    html = markup(home("olive", "intake"), "calendar")
    assert re.findall(r'<a href="([^"]+)" aria-label="([^"]+)"', html) == [
        ("/admin/erasure/case/?due_on=2027-03-01", "2027-03-01: 2 cases due")
    ]
    assert "Monday, 2027-03-01 2" in panel(home("olive", "intake"), "calendar"), "in its table too"


def test_days_that_are_over_are_overdue_by_word_and_sign(home):
    due(date(2027, 2, 9))
    html = markup(home("olive", "intake"), "calendar")
    assert 'aria-label="2027-02-09: 1 case overdue"' in html
    assert ">!1</text>" in html


def test_days_without_work_are_told_apart(home):
    due(date(2027, 2, 13))
    assert [item.day.weekday() for item in calendar()["days"] if not item.working] == [5, 6] * 6
    assert 'aria-label="2027-02-13: 1 case due, no working day"' in markup(home("olive", "intake"), "calendar")


def test_shades_grow_with_the_number_but_slowly():
    for day, number in ((1, 1), (2, 2), (3, 3)):
        for _case in range(number):
            due(date(2027, 3, day))
    shades = [cell(date(2027, 3, day)).classes for day in (1, 2, 3, 4)]
    assert shades == ["home-shade-1", "home-shade-1", "home-shade-2", "home-shade-0"]


def test_weeks_run_from_right_to_left_where_people_read_so():
    def mondays() -> tuple[int, int]:
        return cell(date(2027, 2, 8)).x, cell(date(2027, 2, 14)).x

    left = mondays()
    with translation.override("ar"):
        assert mondays() == left[::-1]


def test_an_empty_calendar_says_so(home):
    assert "No reply is due in these six weeks." in panel(home("olive", "intake"), "calendar")


# --- twelve weeks


def test_what_was_opened_and_closed_is_counted_by_week(home):
    cases = [opened_case() for _number in range(4)]
    before = datetime(2027, 2, 7, 23, 59, tzinfo=UTC)
    Case.objects.filter(pk=cases[0].pk).update(created_at=before)
    Case.objects.filter(pk=cases[1].pk).update(created_at=WEDNESDAY - timedelta(weeks=30))
    lifecycle.cancel(cases[2], by=person("olive"), reason="mistaken")
    weeks = flow.moved(facts.ask(person("olive"), flow.questions()))
    *_earlier, last, this = weeks
    assert (last.monday, last.opened, last.closed) == (date(2027, 2, 1), 1, 0)
    assert (this.monday, this.opened, this.closed) == (date(2027, 2, 8), 2, 1)
    assert sum(week.opened for week in weeks) == 3
    assert "2027-02-01 1 0 2027-02-08 2 1" in panel(home("olive", "intake"), "flow")


def replied(days: int, allowed: int = 30) -> None:
    case = opened_case()
    received = WEDNESDAY.date() - timedelta(days=days)
    Case.objects.filter(pk=case.pk).update(
        received_on=received, due_on=received + timedelta(days=allowed), replied_at=WEDNESDAY
    )


def test_the_time_to_reply_stands_against_the_limit(home):
    for days in (1, 2, 3, 4, 5, 6, 7, 8, 20, 41):
        replied(days)
    week = flow.replies()[-1]
    assert (week.count, week.late, week.half, week.most, week.limit) == (10, 1, 5, 20, 30)
    said = panel(home("olive", "intake"), "replies")
    assert "9 of 10 replies in time ! 1 late" in said
    assert "2027-02-08 10 1 5 20 30" in said


def test_what_is_done_again_is_no_second_reply():
    replied(3)
    answered = Case.objects.get()
    again = opened_case()
    Case.objects.filter(pk=again.pk).update(replied_at=WEDNESDAY, replays=answered)
    assert flow.replies()[-1].count == 1


def test_a_reply_counts_in_the_desks_zone(settings):
    settings.TIME_ZONE = "Pacific/Auckland"
    case = opened_case()
    Case.objects.filter(pk=case.pk).update(
        received_on=date(2027, 1, 31), due_on=date(2027, 3, 1), replied_at=datetime(2027, 2, 7, 12, tzinfo=UTC)
    )
    week = flow.replies()[-1]
    assert (week.monday, week.count, week.half) == (date(2027, 2, 8), 1, 8), "it is Monday there"


def test_weeks_without_a_reply_say_nothing(home):
    assert {(week.count, week.half, week.limit) for week in flow.replies()} == {(0, None, None)}
    assert "No reply was recorded in the last twelve weeks." in panel(home("olive", "intake"), "replies")


@pytest.mark.parametrize(("most", "top"), [(0, 2), (2, 2), (3, 4), (7, 10), (11, 20), (41, 60), (999, 1000)])
def test_a_scale_ends_with_a_number_that_is_easy_to_read(most, top):
    assert charts.rounded(most) == top
