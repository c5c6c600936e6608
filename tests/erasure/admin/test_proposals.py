"""Suggested identifiers and the reply, as staff meet them: on the page, in the list, in what they are told."""

import re
import uuid
from datetime import timedelta

import pytest
from django.urls import reverse

from compliance import clock
from erasure import intake, lifecycle
from erasure.models import Case, Identifier
from erasure.states import CaseStatus, IdentifierState
from tests.factories import approve, approved_case, found, opened_case, person, vendor, work

from .conftest import act, page, told
from .test_case_list import listed

S = IdentifierState


@pytest.fixture
def case() -> Case:
    """In progress, with a cookie that the shop's vendor found and the forum takes."""
    vendor("Forum", "manual", options={"instructions": "", "accepts": ["cookie_id"]})
    case = approved_case()
    found(case, ("cookie_id", "ck-7f3a-secret"))
    return case


@pytest.fixture
def cookie(case) -> Identifier:
    return case.identifiers.get(kind="cookie_id")


def box(html: str) -> str:
    """The part of the page about suggestions."""
    html = html[html.index('id="proposals"') :]
    return html[: html.index("</section>")]


def test_the_page_shows_each_suggestion_masked_with_its_finder_and_a_warning(signed_in, case, cookie):
    html = page(signed_in("olive", "intake"), case)
    assert "1 suggested identifier awaits a decision: accept or dismiss it." in html
    shown = box(html)
    assert "cookie id" in shown
    assert "•••et" in shown
    assert "<td>Shop search</td>" in shown
    assert "A shared device can belong to somebody else" in shown
    assert f'name="decision-{cookie.pk}" value="accept" aria-label="Accept cookie id •••et"' in shown
    assert f'name="decision-{cookie.pk}" value="dismiss" aria-label="Dismiss cookie id •••et"' in shown
    assert "checked" not in shown
    assert "<td>Forum</td>" in shown, "the vendor that would get it"
    assert f'name="identifier" value="{cookie.pk}"' in shown, "it can be revealed where it is decided about"
    assert "ck-7f3a" not in html


def test_who_may_not_decide_sees_the_suggestion_and_who_does(signed_in, case):
    for role in ("approver", "auditor"):
        html = page(signed_in(role, role), case)
        assert "Somebody with the role intake decides." in html
        assert "•••et" in box(html)
        assert "/act/proposals/" not in box(html)


def test_accepting_tells_what_awaits_whom(signed_in, case, cookie):
    answer = act(signed_in("mia", "intake"), case, "proposals", **{f"decision-{cookie.pk}": "accept"})
    assert told(answer) == [
        "Your decision was recorded. Plan version 2 now awaits the approval of another person.",
    ]
    html = page(signed_in("ada", "approver"), case)
    assert 'id="proposals"' not in html
    assert "cookie id: found by Shop search. A shared device can belong to somebody else" in html
    assert "found by Shop search</span>" in html


@pytest.mark.parametrize("is_superuser", [False, True])
def test_whoever_accepted_cannot_approve_by_page_forged_post_or_action(signed_in, case, cookie, is_superuser):
    client = signed_in("mia", "intake", "approver", is_superuser=is_superuser)
    act(client, case, "proposals", **{f"decision-{cookie.pk}": "accept"})
    digest = lifecycle.open_revision(case).digest
    html = page(client, case)
    assert "You changed this plan; another person must approve it." in html
    assert "/act/approve/" not in html
    assert told(act(client, case, "approve", digest=digest))[-1].startswith("You changed this plan")
    sent = {"action": "approve_cases", "_selected_action": [case.pk], "confirmed": "yes", f"digest-{case.pk}": digest}
    answer = client.post(reverse("admin:erasure_case_changelist"), sent)
    assert "You changed this plan" in told(answer)[-1]
    assert lifecycle.open_revision(case)
    approve(case)
    assert lifecycle.open_revision(case) is None


def test_approving_many_at_once_warns_too(signed_in, case, cookie):
    lifecycle.decide(case, by=person("mia"), accept=[cookie.pk], dismiss=[])
    sent = {"action": "approve_cases", "_selected_action": [case.pk]}
    ada = signed_in("ada", "approver")
    html = ada.post(reverse("admin:erasure_case_changelist"), sent, follow=True).content.decode()
    assert "<li>Forum: erase, by hand</li>" in html
    assert "<li>cookie id: found by Shop search. A shared device can belong to somebody else" in html


def test_a_decision_without_a_reason_stays_on_the_page_as_it_was_ticked(signed_in, case, cookie):
    answer = act(signed_in("mia", "intake"), case, "proposals", **{f"decision-{cookie.pk}": "dismiss"})
    assert answer.status_code == 422
    shown = box(answer.content.decode())
    assert "Say in a note why" in shown
    assert f'name="decision-{cookie.pk}" value="dismiss" checked' in shown
    assert f'name="decision-{cookie.pk}" value="accept" checked' not in shown
    assert case.identifiers.get(pk=cookie.pk).state == S.PROPOSED


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Name at least one suggestion"),
        ({"decision-{cookie}": "perhaps", "note": "x"}, "Name at least one suggestion"),
        ({f"decision-{uuid.uuid4()}": "accept"}, "no undecided suggestion"),
        ({"decision-<b>": "accept"}, "no undecided suggestion"),
        ({"decision-{email}": "accept"}, "decided about meanwhile"),
    ],
)
def test_what_cannot_be_decided_is_told_above_the_box(signed_in, case, cookie, given, words):
    email = case.identifiers.get(kind="email").pk
    given = {name.format(cookie=cookie.pk, email=email): value for name, value in given.items()}
    answer = act(signed_in("mia", "intake"), case, "proposals", **given)
    assert answer.status_code == 422
    assert words in box(answer.content.decode())
    assert case.identifiers.get(pk=cookie.pk).state == S.PROPOSED


def test_the_last_decision_tells_that_the_case_has_ended(signed_in, case, cookie):
    case.sub_tasks.update(status="done", next_at=None, ended_at=clock.now())
    answer = act(signed_in("mia", "intake"), case, "proposals", **{f"decision-{cookie.pk}": "dismiss"}, note="Shared.")
    assert told(answer) == [
        "Your decision was recorded. Nothing else was under way, so the case has ended: completed.",
    ]
    case.refresh_from_db()
    assert case.status == CaseStatus.COMPLETED


def test_a_decision_that_somebody_else_has_made_meanwhile_is_told_so(signed_in, case, cookie):
    lifecycle.decide(case, by=person("mia"), accept=[], dismiss=[cookie.pk], note="Shared.")
    answer = act(signed_in("olive", "intake"), case, "proposals", **{f"decision-{cookie.pk}": "accept"})
    assert told(answer) == ["These suggestions were decided about meanwhile. Nothing was done. Read the case again."]
    assert case.identifiers.get(pk=cookie.pk).state == S.DISMISSED


@pytest.mark.parametrize(("state", "word"), [(S.NOTED, "noted"), (S.DISMISSED, "dismissed"), (S.PROPOSED, "suggested")])
def test_what_is_not_accepted_is_shown_as_what_it_is(signed_in, case, cookie, state, word):
    client = signed_in("olive", "intake")
    Identifier.objects.filter(pk=cookie.pk).update(state=S.ACCEPTED)
    assert f"</span> {word}</span>" not in page(client, case)
    Identifier.objects.filter(pk=cookie.pk).update(state=state)
    html = page(client, case)
    assert f"</span> {word}</span>" in html
    assert ('id="proposals"' in html) is (state == S.PROPOSED)


def test_typing_in_a_suggested_identifier_accepts_it(signed_in, case):
    answer = act(signed_in("mia", "intake"), case, "add_identifier", kind="cookie_id", value="ck-7f3a-secret")
    assert told(answer) == [
        "The identifier is in the case. Plan version 2 now awaits the approval of another person.",
    ]


def test_vendor_work_that_waits_for_an_identifier_points_to_the_suggestion(signed_in, case, cookie):
    said = "A suggested identifier may name the person here: decide about it first."
    client = signed_in("olive", "intake")
    assert said in page(client, case)
    lifecycle.decide(case, by=person("mia"), accept=[], dismiss=[cookie.pk], note="Shared.")
    assert said not in page(client, case)


def test_the_list_tells_of_suggestions_and_finds_them(signed_in, case, cookie):
    calm = opened_case()
    client = signed_in("ann", "auditor")
    assert listed(client).count("</span> suggestion to decide</span>") == 1
    html = listed(client, attention="proposal")
    assert case.reference in html
    assert calm.reference not in html
    html = listed(client, attention="none")
    assert case.reference not in html
    assert calm.reference in html
    lifecycle.decide(case, by=person("mia"), accept=[], dismiss=[cookie.pk], note="Shared.")
    assert case.reference not in listed(client, attention="proposal")


def test_the_page_takes_no_more_queries_for_more_suggestions(signed_in, case, django_assert_max_num_queries):
    found(case, *(("cookie_id", f"ck-{number}") for number in range(12)))
    intake.add_identifier(case, by=case.opened_by, kind="cookie_id", value="ck-1")
    client = signed_in("ada", "approver")
    with django_assert_max_num_queries(45):
        page(client, case)


# --- the reply


def test_an_answered_case_is_overdue_nowhere(signed_in):
    case, late = approved_case(), approved_case()
    Case.objects.update(due_on=clock.today() - timedelta(days=1))
    client = signed_in("olive", "intake")
    assert "</span> 1 day overdue</span>" in page(client, case)

    act(client, case, "reply", channel="letter", note="Posted.")

    html = page(client, case)
    assert "overdue</span>" not in html
    assert re.search(r"</span> answered on [0-9-]+, vendor work continues</span>", html)
    assert re.search(r"Answered</th><td>[0-9: -]+, letter</td>", html)
    assert "/act/reply/" not in html
    html = listed(client)
    assert html.count("</span> overdue</span>") == 1
    assert html.count("</span> answered, vendor work continues</span>") == 1
    html = listed(client, due="overdue")
    assert late.reference in html
    assert case.reference not in html


def test_an_answered_case_is_not_due_soon_either(signed_in):
    case = approved_case()
    Case.objects.update(due_on=clock.today() + timedelta(days=2))
    client = signed_in("olive", "intake")
    assert case.reference in listed(client, due="soon")
    lifecycle.reply(case, by=case.opened_by, channel="email")
    assert case.reference not in listed(client, due="soon")


def test_a_cancelled_case_whose_sent_work_is_followed_owes_no_reply(signed_in):
    case = approved_case()
    case.sub_tasks.filter(pk=work(case).pk).update(sent_at=clock.now(), committed_at=clock.now())
    lifecycle.cancel(case, by=case.opened_by, reason="withdrawn")
    Case.objects.update(due_on=clock.today() - timedelta(days=1))
    client = signed_in("olive", "intake")
    html = page(client, case)
    assert "overdue</span>" not in html
    assert "/act/reply/" not in html
    assert case.reference not in listed(client, due="overdue")


def test_a_reply_needs_its_channel(signed_in):
    answer = act(signed_in("olive", "intake"), approved_case(), "reply", channel="")
    assert answer.status_code == 422
    assert "This field is required." in answer.content.decode()
