"""What the page of a case and the lists say of how long the vendors' work will take."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from erasure import forecast, lifecycle, reminders
from erasure.models import Case
from tests.erasure.admin.conftest import page
from tests.erasure.admin.home.conftest import text
from tests.factories import approve, approved_case, opened_case, person, vendor


@pytest.fixture(autouse=True)
def november(turn_clock, shop):
    turn_clock(datetime(2026, 11, 2, 9, tzinfo=UTC))
    vendor("CDP", "acquia")
    return turn_clock


def due(case: Case, day: date) -> Case:
    Case.objects.filter(pk=case.pk).update(due_on=day)
    return case


def test_before_an_approval_the_page_says_until_when_it_is_needed(signed_in):
    html = text(page(signed_in("ada", "approver"), due(opened_case(submit=True), date(2026, 12, 12))))
    needed = "Approve by Thursday, 2026-11-12, or the vendors' work will probably not end by the due date."
    assert needed in html
    assert "The vendors' work will probably end by 2026-12-02." in html
    assert "It usually takes up to 6 days." in html
    assert "It usually takes up to 30 days." in html
    assert "The law's time ends with the reply" not in html


def test_it_says_so_if_the_day_is_over_and_that_a_reply_is_possible_all_the_same(signed_in):
    html = text(page(signed_in("ada", "approver"), due(opened_case(submit=True), date(2026, 11, 20))))
    assert "Even if it is approved today, the vendors' work will probably not end by the due date." in html
    assert "The law's time ends with the reply, not with the work: a reply by then can say" in html


def test_after_an_approval_a_risk_is_told_until_the_reply_is_recorded(signed_in):
    case, client = due(approved_case(), date(2026, 11, 20)), signed_in("olive", "intake")
    risk = "will probably end on Wednesday, 2026-12-02, after the due date (Friday, 2026-11-20)"
    html = text(page(client, case))
    assert risk in html
    assert "probably ends by 2026-12-02" in html, "in its lane"
    assert "probably ends by 2026-11-08" in html, "in the other's"
    lifecycle.reply(case, by=person("olive"), channel="email")
    assert risk not in text(page(client, case))


def test_vendors_of_which_nothing_is_known_are_named(signed_in):
    vendor("Archive", "manual")
    html = text(page(signed_in("ada", "approver"), opened_case(submit=True)))
    assert "No end can be foreseen for: Archive." in html
    assert "How long this takes is not known." in html


def test_the_list_marks_what_is_at_risk_by_word_and_sign(signed_in, november):
    case = due(opened_case(submit=True), date(2026, 11, 20))
    forecast.look_ahead()
    client = signed_in("ada", "approver")

    def listed() -> str:
        return client.get(reverse("admin:erasure_case_changelist")).content.decode().partition('id="result_list"')[2]

    assert '<span aria-hidden="true">▲</span> at risk' in listed()
    due(case, date(2026, 12, 20))
    november(timedelta(minutes=1))
    approve(case)
    forecast.look_ahead()
    assert "at risk" not in listed()


def test_the_overview_counts_what_is_at_risk(signed_in):
    due(approved_case(), date(2026, 11, 20))
    forecast.look_ahead()
    html = text(signed_in("ada", "approver").get(reverse("admin:index")).content.decode())
    assert "▲ At risk 1" in html


def test_the_page_says_that_a_case_is_escalated_until_it_is_settled(signed_in, november):
    person("ada", "approver")
    case = due(opened_case(submit=True), date(2026, 11, 5))
    client = signed_in("olive", "intake")
    assert "Escalated" not in text(page(client, case))
    reminders.escalate()
    html = text(page(client, case))
    assert "Escalated to the approvers on 2026-11-02: its plan awaits approval." in html
    assert "Escalated before the due date 2026-11-05: its plan awaits approval; people told: 1" in html, "as an event"
    approve(case)
    assert "Escalated to the approvers" not in text(page(client, case)), "also before anybody looks again"


def test_the_page_says_that_nobody_may_go_on_and_the_overview_counts_it(signed_in):
    case = due(opened_case(submit=True), date(2026, 11, 5))
    reminders.escalate()
    html = text(page(signed_in("olive", "intake"), case))
    assert "Escalated to the administrators on 2026-11-02, as nobody who is here may go on: its plan awaits" in html
    overview = text(signed_in("ada", "approver").get(reverse("admin:index")).content.decode())
    assert "! Escalated 1" in overview
