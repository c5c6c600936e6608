"""What is not settled shortly before the due date is put before those who can settle it, once a case and stage."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache

from compliance.audit.models import Event
from erasure import absences, lifecycle, reminders
from erasure.alerts import causes
from erasure.models import Absence, Case, Escalation, Reminder, SubTask
from erasure.states import Escalated, Trouble
from erasure.worker import sweep
from tests import factories

from .conftest import Days
from .test_mails import with_address


@pytest.fixture(autouse=True)
def three_days_before(settings: Any) -> None:
    settings.REMINDERS = []


def events() -> list[dict[str, Any]]:
    return [event.details for event in Event.objects.filter(action="case.escalated").order_by("id")]


def stages() -> list[tuple[str, bool]]:
    return [(row.stage, row.ended_at is None) for row in Escalation.objects.all()]


def needs_attention(case: Case) -> None:
    SubTask.objects.filter(case=case).update(
        status="needs_attention", attention_code="refused", attention_text="Look.", next_at=None
    )


def test_at_its_distance_and_not_before_a_plan_that_awaits_approval_goes_to_the_approvers(days: Days) -> None:
    ada = with_address("ada", "approver")
    case = days.case(date(2026, 11, 6), submit=True)
    assert days.look() == []
    assert not Escalation.objects.exists()
    (message,) = days.pass_()
    assert message.to == ["ada@example.org"]
    assert message.body.startswith("Due soon, and the plan still awaits approval\n\n* in 3 days (Friday, 2026-11-06): ")
    assert case.reference in message.body
    assert events() == [
        {
            "stage": "approval",
            "due_on": "2026-11-06",
            "told": 1,
            "people": [f"user:{ada.pk}"],
            "nobody_may": False,
        }
    ]


def test_it_is_told_once_however_often_somebody_looks(days: Days) -> None:
    with_address("ada", "approver")
    days.case(date(2026, 11, 5), submit=True)
    assert len([*days.look(), *days.pass_(6)]) == 1
    for _time in range(3):
        reminders.escalate()
    assert len(events()) == 1


def test_each_stage_that_follows_is_told_once(days: Days) -> None:
    with_address("ada", "approver")
    case = days.case(date(2026, 11, 5), submit=True)
    told = days.look()
    factories.approve(case)
    told += days.pass_()
    needs_attention(case)
    told += days.pass_()
    lifecycle.reply(case, by=factories.person("olive"), channel="email")
    told += days.pass_()
    assert [message.body.split("\n")[0] for message in told] == [
        "Due soon, and the plan still awaits approval",
        "Due soon, and no reply is recorded",
        "Due soon, and vendor work needs attention",
    ]
    assert stages() == [("approval", False), ("reply", False), ("attention", False)]
    assert not Reminder.objects.exists()


def test_who_opened_a_case_is_not_told_to_approve_it(days: Days) -> None:
    alan = with_address("alan", "approver", "intake")
    with_address("ada", "approver")
    days.case(date(2026, 11, 5), by=alan, submit=True)
    assert [message.to for message in days.look()] == [["ada@example.org"]]


@pytest.mark.parametrize("why", ["opened it", "is away", "there is none"])
def test_if_nobody_may_approve_it_administrators_and_the_alerts_are_told(days: Days, why: str) -> None:
    _administers(with_address("root"))
    alan = with_address("alan", "intake", *([] if why == "there is none" else ["approver"]))
    opener = alan if why == "opened it" else factories.person("olive")
    case = days.case(date(2026, 11, 5), by=opener, submit=True)
    if why == "is away":
        _away(alan, factories.person("olive", "approver"))  # who opened it
    (message,) = days.look()
    assert message.to == ["root@example.org"]
    assert case.reference in message.body
    assert events()[0]["nobody_may"]
    (cause,) = [cause for cause in causes.now_wrong(days.turn(timedelta(0))) if cause.kind == Trouble.ESCALATED]
    assert cause.count == 1
    factories.person("bea", "approver")
    reminders.escalate()
    assert not Escalation.objects.get().nobody, "there is somebody now"
    assert [cause for cause in causes.now_wrong(days.turn(timedelta(0))) if cause.kind == Trouble.ESCALATED] == []


def test_an_extended_time_is_escalated_anew_when_it_comes_near(days: Days) -> None:
    with_address("ada", "approver")
    case = days.case(date(2026, 11, 5), submit=True)
    assert len(days.look()) == 1
    days.due(case, date(2026, 11, 30))
    assert days.pass_(10) == []
    days.due(case, date(2026, 11, 13))
    assert len(days.look()) == 1
    assert len(events()) == 2


@pytest.mark.parametrize("why", ["answered", "cancelled", "overdue for long"])
def test_what_is_done_or_long_over_is_not_escalated(days: Days, why: str) -> None:
    olive = factories.person("olive")
    case = days.case(date(2026, 9, 5) if why == "overdue for long" else date(2026, 11, 4), submit=True)
    if why == "answered":
        lifecycle.reply(case, by=olive, channel="email")
    if why == "cancelled":
        lifecycle.cancel(case, by=olive, reason="withdrawn")
    reminders.escalate()
    assert not Escalation.objects.exists()


def test_what_was_settled_between_the_look_and_the_lock_is_not_escalated(days: Days) -> None:
    case = days.case(date(2026, 11, 4), submit=True)
    factories.approve(case)
    assert not lifecycle.escalate(case, Escalated.APPROVAL, told=[], nobody=True)
    assert events() == []


def test_two_hosts_escalate_it_once(days: Days) -> None:
    case = days.case(date(2026, 11, 4), submit=True)
    stage = lifecycle.stage_of(case)
    assert stage
    assert lifecycle.escalate(case, stage, told=[], nobody=True)
    assert not lifecycle.escalate(case, stage, told=[], nobody=True)
    assert len(events()) == 1


def test_the_sweep_escalates_where_there_is_no_mail_server(days: Days, settings: Any) -> None:
    settings.MAIL_IS_SET = False
    days.case(date(2026, 11, 4), submit=True)
    cache.clear()
    sweep.tick()
    assert stages() == [("approval", True)]


def test_many_cases_are_escalated_in_few_queries(days: Days, django_assert_max_num_queries: Any) -> None:
    with_address("ada", "approver")
    for number in range(6):
        days.case(date(2026, 11, 4), submit=True, identifiers=[("customer_id", f"C-{number}")])
    reminders.escalate()
    with django_assert_max_num_queries(16):
        reminders.escalate()


def _away(person: Any, deputy: Any) -> None:
    made = Absence(person=person, deputy=deputy, from_on=date(2026, 11, 2), until_on=date(2026, 11, 20))
    absences.save(made, by=person)


def _administers(person: Any) -> None:
    """And has no right to approve."""
    person.user_permissions.set(Permission.objects.filter(codename="change_user"))
