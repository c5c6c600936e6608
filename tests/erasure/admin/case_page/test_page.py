"""What the page of a case tells: how long is left, who does what, how far each vendor is, and what happened."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils.timezone import localtime

from compliance import clock
from compliance.deadlines import adjusted
from erasure import lifecycle
from erasure.admin.standing import countdown
from erasure.models import Call, Case, SubTask
from tests.erasure.admin.conftest import act, page
from tests.erasure.admin.test_standing import words
from tests.factories import approved_case, opened_case, person, vendor, work


def section(html: str, name: str) -> str:
    """One section of the page, by its id."""
    return html[html.index(f' id="{name}"') :].partition("</section>")[0]


# --- the due date in words


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (17, "◔ 17 days left"),
        (1, "◔ 1 day left"),
        (0, "◔ due today"),
        (-1, "! 1 day overdue"),
        (-3, "! 3 days overdue"),
    ],
)
def test_the_due_date_is_told_in_days(days, said):
    case = Case(due_on=clock.today() + timedelta(days=days), status="in_progress")
    assert words(countdown(case)).strip() == said


def test_the_reply_ends_the_count_and_a_cancelled_case_owes_none():
    at = clock.now()
    day = f"{localtime(at):%Y-%m-%d}"
    late = {"due_on": clock.today() - timedelta(days=9)}
    going = Case(status="in_progress", replied_at=at, **late)
    assert words(countdown(going)).strip() == f"✓ answered on {day}, vendor work continues"
    assert words(countdown(Case(status="completed", replied_at=at, **late))).strip() == f"✓ answered on {day}"
    assert "no reply is owed" in countdown(Case(status="cancelled", cancelled_at=at, **late))


def test_the_page_shows_how_the_last_day_was_worked_out(signed_in):
    case = opened_case(received_at=datetime(2026, 3, 5, 12, tzinfo=UTC), country="DE")
    sentence = "received Thu 5 Mar 2026, 1 month → Sun 5 Apr 2026, not a working day (Easter Monday) → Tue 7 Apr 2026"
    assert sentence in page(signed_in("olive", "intake"), case)


def test_a_last_day_that_was_found_by_other_rules_is_not_explained_by_those_of_today(signed_in, settings):
    case = opened_case()
    settings.REGIMES = adjusted({case.regime: {"months": 2}})
    html = page(signed_in("olive", "intake"), case)
    assert f"{case.due_on:%Y-%m-%d}" in html
    assert "2 months" not in html


# --- the next step


def test_the_box_holds_the_one_form_and_the_rest_is_quieter(signed_in):
    case = opened_case()
    html = page(signed_in("olive", "intake"), case)
    box = section(html, "next")
    assert "Your next step" in box
    assert 'value="Submit for approval"' in box
    assert html.count("/act/submit/") == 1
    rest = section(html, "actions")
    assert "Add a note" in rest
    assert '<details class="desk-deed" id="cancel-case">' in rest


def test_what_is_said_to_the_person_stands_apart_from_what_is_done_with_the_case(signed_in):
    actions = section(page(signed_in("olive", "intake"), opened_case(submit=True)), "actions")
    case_, person_ = actions.split("With the person")
    assert "With the case" in case_
    for label in ("Write a letter", "Record the reply", "Record an identity check", "Record an extension"):
        assert label in person_
        assert label not in case_
    for label in ("Add a note", "Cancel the case"):
        assert label in case_
    only_a_note = section(page(signed_in("ada", "approver"), opened_case(submit=True)), "actions")
    assert only_a_note.index("Add a note") < only_a_note.index("With the person") < only_a_note.index("Write a letter")
    nothing = section(page(signed_in("ruth", "auditor"), opened_case(submit=True)), "actions")
    assert "With the" not in nothing
    assert "Nothing that your roles allow." in nothing


def test_a_refused_part_of_a_plan_takes_no_time(signed_in):
    vendor("CDP", "acquia")
    case = opened_case(submit=True)
    before = page(signed_in("ada", "approver"), case).count("It usually takes")
    lifecycle.refuse_work(work(case, "CDP"), by=person("ada", "approver"), ground="legal_claims")
    assert page(signed_in("ada", "approver"), case).count("It usually takes") == before - 1


def test_the_opener_reads_why_and_the_approver_is_led_to_the_plan(signed_in):
    case = opened_case(submit=True, by=person("mia", "intake", "approver"))
    box = section(page(signed_in("mia"), case), "next")
    assert "You opened this case; another person must approve it." in box
    assert "<form" not in box
    assert "<a " not in box
    box = section(page(signed_in("ada", "approver"), case), "next")
    assert 'href="#plan-1"' in box


def test_a_reply_that_is_not_taken_stands_in_the_box_with_what_was_typed(signed_in):
    case = opened_case(submit=True)
    lifecycle.reject(case, by=person("ada"), ground="unfounded")
    answer = act(signed_in("olive", "intake"), case, "reply", channel="", note="Rang them at noon.")
    box = section(answer.content.decode(), "next")
    assert answer.status_code == 422
    assert "This field is required." in box
    assert "Rang them at noon." in box


# --- lanes


def lane(html: str, sub_task: SubTask) -> str:
    return html[html.index(f' id="work-{sub_task.pk}"') :].partition("</article>")[0]


def call(sub_task: SubTask, step: str, at, **fields) -> Call:
    usual = {"writes": True, "verdict": "ok", "transcript": {"method": "POST", "address": "/x", "status": 200}}
    made = Call.objects.create(
        vendor=sub_task.vendor, step=step, started_at=at, lease_until=at, finished_at=at, **usual | fields
    )
    epoch = sub_task.calls.count() + 1
    made.sub_tasks.add(sub_task, through_defaults={"epoch": epoch})
    SubTask.objects.filter(pk=sub_task.pk).update(epoch=epoch)
    return made


def test_each_step_has_its_time_and_one_is_the_step_it_is_at(signed_in):
    sub_task, at = work(approved_case()), clock.now()
    call(sub_task, "start_export", at - timedelta(hours=2))
    since, due = at - timedelta(hours=1), at + timedelta(days=4)
    fields = {"status": "waiting", "step": "await_export", "step_since": since, "next_at": at + timedelta(hours=1)}
    SubTask.objects.filter(pk=sub_task.pk).update(expected_at=due, **fields)

    html = lane(page(signed_in("ann", "auditor"), sub_task.case), sub_task)
    steps = re.findall(r'<li class="desk-(\w+)"( aria-current="step")?>(.*?)</li>', html, re.DOTALL)
    told = [(state, bool(current), re.sub(r"^[✓▶○] ", "", words(text).strip())) for state, current, text in steps]
    assert told[:2] == [
        ("done", False, f"start the export done {localtime(at - timedelta(hours=2)):%Y-%m-%d %H:%M}"),
        ("now", True, f"wait for the export now, since {localtime(since):%Y-%m-%d %H:%M}"),
    ]
    assert {state for state, _current, _text in told[2:]} == {"next"}
    assert f"probably ends by {localtime(due):%Y-%m-%d}" in words(html)
    assert "next asked" in html


def test_a_lane_that_awaits_an_identifier_leads_to_adding_one(signed_in):
    vendor("Forum", options={"customer_key_from": ["cookie_id"], "visitor_key_from": []})
    case = approved_case()
    link = '<a href="#add_identifier-case">'
    html = page(signed_in("olive", "intake"), case)
    assert link in lane(html, work(case, "Forum"))
    assert ' id="add_identifier-case"' in html
    assert link not in page(signed_in("ada", "approver"), case)


# --- the plan


def test_each_card_tells_what_cannot_be_undone(signed_in):
    vendor("Paper archive", "manual")
    vendor("Forum", options={"customer_key_from": ["cookie_id"], "visitor_key_from": []})
    client, case = signed_in("ada", "approver"), opened_case(submit=True)
    html = page(client, case)
    assert "Once “start the removal” is sent it cannot be recalled" in lane(html, work(case))
    assert "What the person erases there cannot be brought back." in lane(html, work(case, "Paper archive"))
    assert "Nothing is sent before an identifier is added and approved." in lane(html, work(case, "Forum"))
    assert "as customerKey" in words(lane(html, work(case)))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("restriction", "The restriction stays until a case that lifts it."),
        ("lift_restriction", "From then on the vendor may use the data again."),
        ("export", "Nothing is erased or changed"),
    ],
)
def test_what_erases_nothing_says_so(signed_in, kind, said):
    vendor("Exchange", "acoustic")
    case = opened_case(submit=True, kind=kind)
    assert said in lane(page(signed_in("ada", "approver"), case), work(case, "Exchange"))


# --- what happened


def entries(html: str) -> list[str]:
    found = re.findall(r'<p><span class="case-who">(.*?)</p>', section(html, "timeline"), re.DOTALL)
    return [words(text).strip() for text in found]


def test_events_and_calls_stand_in_one_list_newest_first(signed_in):
    sub_task = work(approved_case())
    made = call(sub_task, "start_export", clock.now() + timedelta(seconds=1))
    html = page(signed_in("ann", "auditor"), sub_task.case)
    told = entries(html)
    assert told[0] == "Shop search start the export ✓ answered"
    assert told[-1].startswith("olive Case opened: erasure")
    assert "ada Plan version 1 approved" in told
    shown = section(html, "timeline")
    assert f'<details id="call-{made.pk}"><summary>POST /x → 200</summary>' in shown
    assert f"{localtime(clock.now()):%Y-%m-%d}</time></h3>" in shown


def test_the_sending_of_a_call_is_told_with_the_call(signed_in):
    sub_task = work(approved_case())
    made = call(sub_task, "start_export", clock.now())
    with transaction.atomic():
        said = {"step": "start_export", "attempt": 1, "call": f"call:{made.pk}"}
        lifecycle.work_event(sub_task, "sub_task.sending", **said)
    html = page(signed_in("ann", "auditor"), sub_task.case)
    assert not [told for told in entries(html) if "about to send" in told]
    folded = html[html.index(f'<details id="call-{made.pk}">') :].partition("</details>")[0]
    assert "about to send" in folded


def test_it_is_narrowed_to_people_or_vendors_by_a_link(signed_in):
    sub_task = work(approved_case())
    call(sub_task, "start_export", clock.now())
    client, address = signed_in("ann", "auditor"), reverse("admin:erasure_case_change", args=[sub_task.case_id])
    html = client.get(address).content.decode()
    assert f'href="{address}?show=people#timeline"' in html
    people, vendors = (entries(client.get(address, {"show": show}).content.decode()) for show in ("people", "vendors"))
    assert {told.partition(" ")[0] for told in people} == {"olive", "ada"}
    assert "Shop search start the export ✓ answered" in vendors
    assert not [told for told in vendors if told.startswith(("olive", "ada"))]
    assert entries(client.get(address, {"show": "<b>"}).content.decode()) == entries(html)


def test_what_is_long_past_is_folded_and_counted(signed_in):
    case = approved_case()
    for number in range(45):
        lifecycle.add_note(case, by=person("ada"), text=f"note {number}")
    html = section(page(signed_in("ann", "auditor"), case), "timeline")
    open_, _fold, earlier = html.partition('<details class="desk-line case-earlier"')
    assert len(re.findall('<li class="case-entry', open_)) == 40
    folded = len(re.findall('<li class="case-entry', earlier))
    assert folded > 5
    assert f"{folded} earlier entries" in earlier
