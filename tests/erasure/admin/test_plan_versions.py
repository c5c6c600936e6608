"""Later plan versions, and who must act: said in the list, on the page and after each deed."""

import pytest
from django.urls import reverse

from compliance import clock
from erasure import intake, lifecycle, vendors
from erasure.models import Case
from erasure.states import CaseStatus, Pause
from tests.factories import approve, approved_case, opened_case, person, vendor, work

from .conftest import act, page, told

LIST = "admin:erasure_case_changelist"
TAKES_OVER = "An identifier was added: plan version 2 takes this over once it is approved."
APPROVER = "Another person with the role approver must approve this plan."


@pytest.fixture
def extended() -> Case:
    """A case under way whose second plan version, with an identifier for the forum, awaits approval."""
    vendor("Forum", options={"customer_key_from": ["cookie_id"], "visitor_key_from": []})
    case = approved_case()
    intake.add_identifier(case, by=person("mia", "intake", "approver"), kind="cookie_id", value="ck-1")
    return case


def test_the_list_tells_of_a_later_plan_version_and_finds_it(signed_in, extended):
    first, calm = opened_case(submit=True), approved_case()
    client = signed_in("ada", "approver")
    html = client.get(reverse(LIST)).content.decode()
    assert html.count("</span> plan 2 awaits approval</span>") == 1
    html = client.get(reverse(LIST), {"attention": "approval"}).content.decode()
    assert extended.reference in html
    assert first.reference in html
    assert calm.reference not in html
    assert extended.reference not in client.get(reverse(LIST), {"attention": "none"}).content.decode()


def test_the_page_says_who_must_act(signed_in, extended):
    awaits = "Plan version 2 awaits approval."
    for name, role, who in (
        ("olive", "intake", APPROVER),
        ("ann", "auditor", APPROVER),
        ("ada", "approver", "you can approve it"),
        ("mia", "approver", "must approve it."),
    ):
        html = page(signed_in(name, role), extended)
        assert awaits in html, name
        assert who in html, name


def test_approving_stands_below_the_plan_and_is_not_open(signed_in, extended):
    html = page(signed_in("ada", "approver"), extended)
    assert html.index('id="plan-2"') < html.index('<details class="desk-deed" id="approve-case">')
    assert html.count("/act/approve/") == 1


def test_the_work_that_waits_for_an_identifier_says_what_takes_it_over(signed_in, extended):
    client = signed_in("ada", "approver")
    assert TAKES_OVER in page(client, extended)
    lifecycle.reject(extended, by=person("ada"), ground="legal_claims")
    assert TAKES_OVER not in page(client, extended)


def test_adding_an_identifier_says_what_came_of_it(signed_in, extended):
    client, case = signed_in("olive", "intake"), approved_case()
    given = {"kind": "cookie_id", "value": "ck-2"}
    added = "The identifier is in the case. Plan version 2 now awaits the approval of another person."
    assert told(act(client, case, "add_identifier", **given)) == [added]
    assert told(act(client, case, "add_identifier", **given))[-1].endswith("Nothing changed.")
    assert told(act(client, case, "add_identifier", kind="x1_id", value="1"))[-1].endswith("the plan stays as it is.")
    case.refresh_from_db()
    assert case.identifiers.count() == 4


def test_rejecting_a_later_version_says_that_the_case_goes_on_and_the_page_keeps_the_ground(signed_in, extended):
    client = signed_in("ada", "approver")
    answer = act(client, extended, "reject", ground="legal_claims")
    assert told(answer) == ["Plan version 2 was rejected; the case goes on."]
    html = page(client, extended)
    assert "Rejected because: legal claims" in html[html.index('id="plan-2"') :]
    extended.refresh_from_db()
    assert extended.status == CaseStatus.IN_PROGRESS


def test_approving_a_held_case_says_that_it_waits_for_the_release(signed_in):
    case = opened_case(submit=True)
    lifecycle.hold(case, by=person("ada"))
    digest = case.revisions.get().digest
    answer = act(signed_in("ada", "approver"), case, "approve", digest=digest)
    assert told(answer) == ["Approved. The case is on hold: it goes on once it is released."]


def test_approving_for_a_paused_account_names_it(signed_in, shop):
    vendors.pause(shop, Pause.BY_HAND, "Maintenance", clock.now(), trial_at=None)
    case = opened_case(submit=True)
    answer = act(signed_in("ada", "approver"), case, "approve", digest=case.revisions.get().digest)
    assert told(answer)[0].endswith("this work goes on once it is resumed: Shop search.")


def test_work_by_hand_of_a_held_case_shows_the_hold_and_no_confirmation(signed_in):
    vendor("Paper archive", "manual")
    case = approved_case()
    client = signed_in("ada", "approver")
    assert "/attest/" in page(client, case)
    lifecycle.hold(case, by=person("ada"))
    html = page(client, case)
    assert "/attest/" not in html
    assert "On hold: nothing is done by hand until the case is released." in html


def test_what_needs_attention_tells_who_can_go_on(signed_in):
    sub_task = work(approved_case())
    sub_task.status, sub_task.attention_code, sub_task.attention_text = "needs_attention", "plan_changed", "It changed."
    sub_task.next_at = None
    sub_task.save()
    hint = "Somebody with the role approver can try it again or give it up."
    assert hint in page(signed_in("olive", "intake"), sub_task.case)
    assert hint not in page(signed_in("ada", "approver"), sub_task.case)


def test_the_second_version_is_approved_as_the_first(signed_in, extended):
    approve(extended)
    assert "awaits approval" not in page(signed_in("ada", "approver"), extended)
