"""How a case stands, in the list and above its page: who is owed a reply, what waits for whom, what was cancelled."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.urls import reverse

from compliance import clock
from erasure import lifecycle, vendors
from erasure.models import Call, CallSubTask, Case, SubTask
from erasure.states import CaseStatus
from tests.factories import approved_case, found, opened_case, person, vendor, work

from .conftest import act, page
from .test_case_list import listed

FORGOTTEN = "The case has ended, but the person has not been answered yet: answer them, then record the reply."


def words(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def banners(html: str) -> list[str]:
    """What is told above the case: its next action, and one line for each other thing."""
    return [
        words(text).strip() for text in re.findall(r'<p class="(?:desk-hint|case-what)">(.*?)</p>', html, re.DOTALL)
    ]


def heading(html: str) -> str:
    return words(html[html.index("<h1>") : html.index("</h1>")])


def due(days: int) -> None:
    Case.objects.update(due_on=clock.today() + timedelta(days=days))


def completed() -> Case:
    case = approved_case()
    SubTask.objects.update(status="done", next_at=None)
    with lifecycle.changing(case, case.opened_by) as locked:
        lifecycle.close_if_ended(locked)
    return case


def partly_completed() -> Case:
    case = approved_case()
    fields = {"status": "needs_attention", "attention_code": "refused", "next_at": None}
    SubTask.objects.filter(case=case).update(**fields)
    lifecycle.give_up(work(case), by=person("ada"), note="Closed down.")
    return case


def rejected() -> Case:
    case = opened_case(submit=True)
    lifecycle.reject(case, by=person("ada"), ground="unfounded")
    return case


# --- the reply that is owed


@pytest.mark.parametrize("make", [completed, partly_completed, rejected])
def test_a_case_that_ended_without_a_reply_is_not_forgotten(signed_in, make):
    case = make()
    client = signed_in("olive", "intake")
    due(-1)
    html = page(client, case)
    assert "not answered yet" in heading(html)
    assert "</span> 1 day overdue</span>" in html
    assert FORGOTTEN in banners(html)
    assert '<form method="post" action="' in html[html.index('id="next"') : html.index('id="reply-case"')]
    assert listed(client).count("</span> not answered yet</span>") == 1
    for query in ({"due": "overdue"}, {"attention": "unanswered"}):
        assert case.reference in listed(client, **query), query
    due(3)
    assert case.reference in listed(client, due="soon")
    assert case.reference not in listed(client, due="overdue")
    assert case.reference not in listed(client, attention="none")

    act(client, case, "reply", channel="letter")

    due(-1)
    html = page(client, case)
    assert "not answered yet" not in html
    assert "overdue</span>" not in html
    assert FORGOTTEN not in banners(html)
    assert case.reference not in listed(client, due="overdue")
    assert case.reference not in listed(client, attention="unanswered")
    assert case.reference in listed(client, attention="none")


def test_who_may_not_record_the_reply_is_told_who_does(signed_in):
    case = completed()
    html = page(signed_in("ann", "auditor"), case)
    assert f"{FORGOTTEN} Somebody with the role intake can do it." in banners(html)
    assert "reply-case" not in html


def test_a_cancelled_case_and_a_draft_are_not_waiting_for_a_reply_at_their_end(signed_in):
    cancelled, draft = opened_case(), opened_case()
    lifecycle.cancel(cancelled, by=cancelled.opened_by, reason="mistaken")
    due(-1)
    client = signed_in("olive", "intake")
    html = listed(client, attention="unanswered")
    assert cancelled.reference not in html
    assert draft.reference not in html
    assert cancelled.reference not in listed(client, due="overdue")
    for case in (cancelled, draft):
        assert "not answered yet" not in page(client, case)


# --- cancelled, and followed


def test_a_cancelled_case_whose_sent_work_is_followed_says_so(signed_in):
    case = approved_case()
    client = signed_in("olive", "intake")
    assert 'value="Cancel the case"' in page(client, case)
    SubTask.objects.update(sent_at=clock.now(), committed_at=clock.now())
    lifecycle.cancel(case, by=case.opened_by, reason="withdrawn")

    html = page(client, case)
    assert "cancelled, vendor work continues" in heading(html)
    assert "in progress" not in heading(html)
    assert any("what was sent cannot be recalled and is followed to its end" in said for said in banners(html))
    html = listed(client)
    assert html.count("</span> cancelled, vendor work continues</span>") == 1
    assert "</span> in progress</span>" not in html

    SubTask.objects.update(status="done", next_at=None)
    with lifecycle.changing(case, case.opened_by) as locked:
        lifecycle.close_if_ended(locked)
    assert case.status == CaseStatus.PARTLY_COMPLETED
    assert "cancelled, vendor work continues" not in page(client, case)


# --- what waits for a person


def test_each_thing_that_waits_for_a_person_has_its_line_and_says_for_whom(signed_in):
    vendor("Paper archive", "manual")
    vendor("Forum", options={"customer_key_from": ["cookie_id"], "visitor_key_from": []})
    case = approved_case()
    fields = {"status": "needs_attention", "attention_code": "refused", "next_at": None}
    SubTask.objects.filter(pk=work(case).pk).update(**fields)
    olive, ada = (banners(page(signed_in(*who), case)) for who in (("olive", "intake"), ("ada", "approver")))
    attention = "Shop search needs attention: have it tried again, or give it up."
    look_up = "Forum waits for an identifier: look the person up there."
    attest = "Paper archive waits for a person who confirms by hand that it is done."
    assert {f"{attention} Somebody with the role approver can do it.", look_up, attest} <= {*olive}
    assert {attention, f"{look_up} Somebody with the role intake can do it.", attest} <= {*ada}
    ann = banners(page(signed_in("ann", "auditor"), case))
    assert f"{attest} Somebody with the role intake or approver can do it." in ann
    assert f'href="#work-{work(case).pk}"' in page(signed_in("olive", "intake"), case)

    lifecycle.hold(case, by=person("ada"))
    assert attest not in banners(page(signed_in("olive", "intake"), case)), "not while it is on hold"


def test_a_suggestion_that_waits_has_its_line(signed_in):
    vendor("Forum", "manual", options={"instructions": "", "accepts": ["cookie_id"]})
    case = approved_case()
    found(case, ("cookie_id", "ck-1"))
    (line,) = [said for said in banners(page(signed_in("ada", "approver"), case)) if "suggested" in said]
    assert line.endswith("Somebody with the role intake decides.")


def test_work_that_awaits_an_identifier_names_the_kinds_and_who_can_add_one(signed_in):
    forum = vendor("Forum", options={"customer_key_from": ["cookie_id"], "visitor_key_from": []})
    case = approved_case()
    takes = "which takes: " + ", ".join(sorted(kind.replace("_", " ") for kind in forum.speaks().accepts))
    for name, role, told in (("olive", "intake", False), ("ada", "approver", True)):
        html = words(page(signed_in(name, role), case))
        assert takes in html
        assert ("Somebody with the role intake can add one." in html) is told


# --- what was approved, and what never was


def test_after_the_approval_what_will_be_done_stays_readable_folded(signed_in, shop):
    case = approved_case()
    client = signed_in("ann", "auditor")
    html = page(client, case)
    start = html.index('<details class="desk-line desk-approved"')
    folded = html[start : html.index("</details>", start)]
    assert "POST http://127.0.0.1:9101/api/v1/event-data/create-export-customer-job" in folded
    assert "C-1001" not in folded
    account = {"name": shop.name, "options": {"visitor_key_from": ["cookie_id"]}}
    vendors.save(account, by=person("vera"))
    folded = page(client, case)[start:]
    assert "What was approved can no longer be shown: the account has changed since." in folded
    assert "create-export-customer-job" not in folded


@pytest.mark.parametrize("end", ["cancel", "reject"])
def test_work_that_was_never_sent_reads_so_for_each_identifier(signed_in, end):
    case = opened_case(submit=True)
    if end == "cancel":
        lifecycle.cancel(case, by=case.opened_by, reason="mistaken")
    else:
        lifecycle.reject(case, by=person("ada"), ground="unfounded")
    html = page(signed_in("ann", "auditor"), case)
    row = words(html[html.index(f' id="work-{work(case).pk}"') :].partition("</article>")[0])
    assert "Its plan version was not approved." in row
    assert "not sent held:" in row
    assert "pending" not in row
    assert "refused" not in row
    assert "desk-approved" not in html


def test_what_is_pending_at_a_vendor_still_reads_so(signed_in):
    case = approved_case()
    assert "pending held:" in words(page(signed_in("ann", "auditor"), case))
    lifecycle.cancel(case, by=case.opened_by, reason="mistaken")
    assert "not sent held:" in words(page(signed_in("ann", "auditor"), case))


def test_the_trail_counts_vendors_in_words_that_fit_one(signed_in):
    assert "Plan version 1 drawn; vendors: 1" in page(signed_in("ann", "auditor"), opened_case())


# --- calls


def test_the_time_that_a_call_took_is_told_to_the_millisecond(signed_in):
    sub_task, at = work(approved_case()), clock.now()
    call = Call.objects.create(
        vendor=sub_task.vendor,
        step="start_export",
        writes=True,
        started_at=at,
        lease_until=at,
        finished_at=at,
        verdict="ok",
        transcript={"method": "POST", "address": "/x", "elapsed": 0.123456789},
    )
    CallSubTask.objects.create(call=call, sub_task=sub_task, epoch=1)
    client = signed_in("ann", "auditor")
    for html in (
        page(client, sub_task.case),
        client.get(reverse("admin:erasure_call_change", args=[call.pk])).content.decode(),
    ):
        assert "&quot;elapsed&quot;: 0.123\n" in html


def test_the_page_left_after_a_form_that_was_not_taken_can_be_loaded_again(signed_in):
    case = opened_case(submit=True)
    client = signed_in("olive", "intake")
    refused = act(client, case, "cancel", reason="")
    assert refused.status_code == 422
    again = client.get(refused.request["PATH_INFO"])
    assert again.url == reverse("admin:erasure_case_change", args=[case.pk])
    assert client.get(reverse("admin:erasure_case_reveal", args=[case.pk])).url == again.url
    assert client.put(refused.request["PATH_INFO"]).status_code == 405
