"""What waits, for whom, and what is due first."""

from datetime import date, timedelta

import pytest
from django.urls import reverse

from compliance import clock
from erasure import lifecycle
from erasure.admin.home.waiting import due_in_words
from erasure.admin.queues import COUNTED
from erasure.models import Case, SubTask
from erasure.states import SubTaskStatus
from tests.erasure.admin.conftest import superuser
from tests.factories import approved_case, found, opened_case, person, vendor, work

from .conftest import markup, panel


def due(case: Case, days: int) -> Case:
    Case.objects.filter(pk=case.pk).update(due_on=clock.today() + timedelta(days=days))
    return case


def put(case: Case, status: SubTaskStatus, **fields: object) -> None:
    SubTask.objects.filter(pk=work(case).pk).update(status=status, next_at=None, **fields)


@pytest.mark.parametrize(
    ("name", "role", "calm"),
    [("olive", "intake", True), ("ada", "approver", True), ("ann", "auditor", False)],
)
def test_when_all_is_well_each_queue_says_so_in_a_sentence(home, name, role, calm):
    said = panel(home(name, role), "waiting")
    assert ("Nothing waits for you." in said) is calm
    for sentence in (
        "Nothing is overdue.",
        "Nothing is due within a week.",
        "No vendor work needs attention.",
        "Nothing awaits confirmation by hand.",
        "No vendor work awaits an identifier.",
        "No suggestion awaits a decision.",
        "Everybody whose case has ended was answered.",
    ):
        assert sentence in said


def test_each_queue_has_its_number_and_opens_its_list(home):
    due(opened_case(), -1)
    due(opened_case(submit=True), 3)
    put(approved_case(), SubTaskStatus.NEEDS_ATTENTION, attention_code="refused")
    put(approved_case(), SubTaskStatus.AWAITING_IDENTIFIER)
    html = markup(home("root", is_superuser=True), "waiting")
    said = panel(html, "waiting")
    for slug, line in {
        "overdue": "Overdue 1",
        "due-soon": "Due soon 1",
        "my-approval": "Awaiting my approval 1",
        "attention": "Needs attention 1",
        "identifier": "Awaiting an identifier 1",
    }.items():
        assert line in said
        assert f'href="{reverse("admin:erasure_case_changelist")}?queue={slug}"' in html
    assert "Nothing waits for you." not in said


def test_a_suggestion_and_an_ended_case_without_a_reply_are_told(home):
    vendor("CDP", "acquia")
    case = approved_case()
    found(case, ("customer_id", "C-2"))
    lifecycle.cancel(opened_case(submit=True), by=person("olive"), reason="mistaken")
    lifecycle.reject(opened_case(submit=True), by=person("ada", "approver"), ground="unfounded", note="x")
    said = panel(home("olive", "intake"), "waiting")
    assert "Suggestions to decide 1" in said
    assert "Ended, not answered yet 1" in said


def test_my_approval_leaves_out_what_i_opened_and_others_see_that_it_waits(home):
    opener = superuser()
    opened_case(by=opener, submit=True)
    assert "Nothing awaits your approval." in panel(home("root"), "waiting")
    assert "Awaiting my approval 1" in panel(home("ada", "approver"), "waiting")
    said = panel(home("ann", "auditor"), "waiting")
    assert "Awaiting approval 1" in said
    assert "Nothing waits for you." not in said


def test_what_others_must_do_does_not_wait_for_me(home):
    put(approved_case(), SubTaskStatus.NEEDS_ATTENTION, attention_code="refused")
    yours, others = panel(home("olive", "intake"), "waiting").split("Waiting for others")
    assert "Nothing waits for you." in yours
    assert "Needs attention 1" in others
    assert "Needs attention 1" in panel(home("ada", "approver"), "waiting").split("Waiting for others")[0]


def test_a_queue_is_counted_to_a_hundred_and_no_farther(home):
    person("olive", "intake")
    one = opened_case()
    due(one, -1)
    many = range(COUNTED)
    copies = [Case.objects.get(pk=one.pk) for _number in many]
    for number, case in enumerate(copies):
        key = case.data_key
        key.pk = None
        key._state.adding = True
        key.save()
        case.pk, case.reference, case.data_key = None, f"DSR-1999-{number:06d}", key
        case._state.adding = True
    Case.objects.bulk_create(copies[: COUNTED - 1])
    assert "Overdue 100 ✓" in panel(home("ann", "auditor"), "waiting")
    Case.objects.bulk_create(copies[COUNTED - 1 :])
    assert "Overdue 100+" in panel(home("ann", "auditor"), "waiting")


def test_what_is_due_first_stands_first_with_its_date_in_words(home):
    later, late, far = due(opened_case(), 2), due(opened_case(), -3), due(opened_case(), 20)
    said = panel(home("olive", "intake"), "first")
    assert said.index(late.reference) < said.index(later.reference)
    assert far.reference not in said
    assert "! 3 days overdue" in said
    assert "due in 2 days" in said


def test_an_answered_case_is_due_no_more(home):
    case = due(opened_case(), -3)
    lifecycle.reject(case, by=person("ada", "approver"), ground="unfounded", note="x")
    lifecycle.reply(case, by=person("olive", "intake"), channel="email", note="x")
    html = home("olive", "intake")
    assert case.reference not in panel(html, "first")
    assert "Nothing is overdue, and nothing is due within a week." in panel(html, "first")


def test_an_approver_sees_the_first_cases_to_approve(home):
    case, draft = opened_case(submit=True), opened_case()
    said = panel(home("ada", "approver"), "first")
    assert case.reference in said
    assert draft.reference not in said
    assert case.reference not in panel(home("olive", "intake"), "first")


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (-1, "1 day overdue"),
        (-40, "40 days overdue"),
        (0, "due today"),
        (1, "due tomorrow"),
        (2, "due in 2 days"),
    ],
)
def test_a_due_date_in_words(days, words):
    today = date(2026, 2, 27)
    assert due_in_words(today + timedelta(days=days), today) == words
