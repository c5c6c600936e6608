"""The one thing to do next: for every status of a case, each role, and whatever else may stand beside the status."""

from itertools import product

import pytest
from django.utils.translation import override

from compliance.staff.roles import ROLES
from erasure.admin.case_page.next_action import DAYS_LEFT, Next, Part, Situation, besides, next_action
from erasure.admin.deeds import CASE_DEEDS, WORK_DEEDS
from erasure.states import CaseStatus, SubTaskStatus

S = SubTaskStatus
OPEN = [status for status in CaseStatus if status.is_open]
ENDED = [status for status in CaseStatus if not status.is_open]
OWN = "You opened this case; another person must approve it."
#: What each role's permissions allow of what the page offers.
MAY = {
    role: frozenset(name for name, deed in (CASE_DEEDS | WORK_DEEDS).items() if deed.permission in permissions)
    for role, permissions in ROLES.items()
}


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


def part(status: SubTaskStatus, name: str = "Shop search") -> Part:
    return Part(name.lower(), name, status, f"{name} waits.")


def following(role: str, status: CaseStatus, **more: object) -> Next:
    return next_action(Situation(status, may=MAY[role], **more))  # type: ignore[arg-type]


# --- whose turn it is


@pytest.mark.parametrize(
    ("status", "more", "turn", "deed", "anchor", "who"),
    [
        ("draft", {}, "intake", "submit", "", "role intake"),
        ("draft", {"has_identifier": False}, "intake", "add_identifier", "", "role intake"),
        ("awaiting_approval", {"open_plan": 1}, "approver", "", "plan-1", "role approver"),
        (
            "awaiting_approval",
            {"open_plan": 1, "identify": "Check it.", "why_not": "Check."},
            "intake",
            "identity",
            "",
            "role intake",
        ),
        ("in_progress", {"notice": "Tell them."}, "intake", "told_of_lifting", "", "role intake"),
        ("awaiting_approval", {"open_plan": 1, "held": True}, "approver", "release", "", "role approver"),
        ("in_progress", {"open_plan": 2}, "approver", "", "plan-2", "role approver"),
        ("in_progress", {"held": True}, "approver", "release", "", "role approver"),
        ("in_progress", {"suggestions": 2}, "intake", "", "proposals", "role intake"),
        ("in_progress", {"parts": (part(S.NEEDS_ATTENTION),)}, "approver", "", "work-shop search", "role approver"),
        ("in_progress", {"parts": (part(S.AWAITING_IDENTIFIER),)}, "intake", "", "work-shop search", "role intake"),
        ("in_progress", {"days_left": DAYS_LEFT}, "intake", "reply", "", "role intake"),
        ("completed", {}, "intake", "reply", "", "role intake"),
        ("partly_completed", {}, "intake", "reply", "", "role intake"),
        ("rejected", {}, "intake", "reply", "", "role intake"),
    ],
)
def test_who_has_the_turn_is_led_there_and_everybody_else_is_told_who_has(status, more, turn, deed, anchor, who):
    mine = following(turn, CaseStatus(status), **more)
    assert (mine.mine, mine.deed, mine.anchor) == (True, deed, anchor)
    assert bool(mine.label) == bool(anchor)
    for role in {"intake", "approver", "auditor"} - {turn}:
        other = following(role, CaseStatus(status), **more)
        assert (other.mine, other.deed, other.anchor) == (False, "", ""), role
        assert other.what == mine.what
        assert who in other.why


@pytest.mark.parametrize("role", ["intake", "approver"])
def test_both_intake_and_approver_confirm_by_hand(role):
    mine = following(role, CaseStatus.IN_PROGRESS, parts=(part(S.AWAITING_ATTESTATION),))
    assert (mine.mine, mine.anchor) == (True, "work-shop search")
    assert (
        "role intake or approver"
        in following("auditor", CaseStatus.IN_PROGRESS, parts=(part(S.AWAITING_ATTESTATION),)).why
    )


# --- what is forbidden says why


@pytest.mark.parametrize("status", [CaseStatus.AWAITING_APPROVAL, CaseStatus.IN_PROGRESS])
@pytest.mark.parametrize("role", ["approver", "administrator"])
def test_whoever_opened_the_case_reads_why_they_cannot_approve_it(status, role):
    told = following(role, status, open_plan=1, why_not=OWN)
    assert told == Next("Plan version 1 awaits approval.", OWN)


def test_who_lacks_the_permission_reads_the_role_and_not_the_rule():
    assert "role approver" in following("intake", CaseStatus.AWAITING_APPROVAL, open_plan=1, why_not=OWN).why


# --- the most pressing first


def test_attention_comes_before_suggestions_plans_and_confirmations():
    parts = (part(S.AWAITING_ATTESTATION, "Archive"), part(S.NEEDS_ATTENTION, "CDP"))
    more = {"parts": parts, "suggestions": 1, "open_plan": 2}
    assert following("administrator", CaseStatus.IN_PROGRESS, **more).anchor == "work-cdp"
    assert following("administrator", CaseStatus.IN_PROGRESS, **more, held=True).deed == "release"
    assert following("intake", CaseStatus.IN_PROGRESS, **more).anchor == "proposals"
    more["suggestions"] = 0
    assert following("intake", CaseStatus.IN_PROGRESS, **more).anchor == "work-archive"


def test_what_is_mine_comes_before_what_is_more_pressing_and_somebody_elses():
    more = {"parts": (part(S.NEEDS_ATTENTION),), "days_left": -3}
    assert following("intake", CaseStatus.IN_PROGRESS, **more).deed == "reply"
    assert following("auditor", CaseStatus.IN_PROGRESS, **more).what == "Shop search waits."


def test_of_a_cancelled_case_neither_plan_nor_suggestion_nor_reply_is_asked_for():
    more = {"cancelled": True, "open_plan": 2, "suggestions": 1, "days_left": -1}
    told = following("administrator", CaseStatus.IN_PROGRESS, **more)
    assert (told.mine, told.what) == (False, "Nothing to do for now.")
    assert "followed to its end" in told.why
    asks = following("approver", CaseStatus.IN_PROGRESS, **more, parts=(part(S.NEEDS_ATTENTION),))
    assert asks.anchor == "work-shop search", "what needs attention there still does"


def test_a_plan_and_suggestions_that_wait_too_are_told_beside_the_next_step():
    now = Situation(
        CaseStatus.IN_PROGRESS,
        open_plan=2,
        suggestions=1,
        parts=(part(S.NEEDS_ATTENTION),),
        may=MAY["approver"],
    )
    suggestion, plan = besides(now, next_action(now))
    assert (suggestion.anchor, suggestion.mine) == ("proposals", False)
    assert suggestion.why == "Somebody with the role intake decides."
    assert (plan.what, plan.anchor, plan.mine) == ("Plan version 2 awaits approval.", "plan-2", True)
    alone = Situation(CaseStatus.AWAITING_APPROVAL, open_plan=1, may=MAY["approver"])
    assert besides(alone, next_action(alone)) == []


# --- nothing to do


def test_while_vendors_are_at_work_they_are_named_with_the_next_time():
    told = following("intake", CaseStatus.IN_PROGRESS, at_work=("CDP", "Shop search"), asked_next="At nine.")
    assert told == Next("Nothing to do for now.", "Vendors are at work: CDP, Shop search. At nine.")


@pytest.mark.parametrize("status", ENDED)
@pytest.mark.parametrize("role", MAY)
def test_at_the_end_of_an_answered_case_nothing_is_left_to_do(status, role):
    told = following(role, status, answered=True)
    assert (told.ends, told.mine, told.what) == (True, False, "Nothing is left to do.")
    assert told.why


def test_a_case_partly_completed_by_a_cancelling_says_so():
    assert (
        "cancelled after something had been sent"
        in following("intake", CaseStatus.PARTLY_COMPLETED, cancelled=True).why
    )


# --- and so on, for everything


def test_whatever_the_situation_one_sentence_tells_what_and_no_step_is_shown_that_is_not_allowed():
    parts = [(), *((part(status),) for status in (S.NEEDS_ATTENTION, S.AWAITING_ATTESTATION, S.AWAITING_IDENTIFIER))]
    flags = [False, True]
    for status, role, held, cancelled, answered, plan, why_not, suggestions, waiting, days in product(
        CaseStatus, MAY, flags, flags, flags, [None, 1], ["", OWN], [0, 2], parts, [-1, 30]
    ):
        now = Situation(
            status,
            held=held,
            cancelled=cancelled,
            answered=answered,
            open_plan=plan,
            why_not=why_not if plan else "",
            suggestions=suggestions,
            parts=waiting,
            days_left=days,
            may=MAY[role],
        )
        told = next_action(now)
        assert told.what, now
        assert told.mine == bool(told.deed or told.anchor), now
        assert not told.deed or told.deed in MAY[role], now
        assert not told.anchor.startswith("plan-") or (plan and not why_not and "approve" in MAY[role]), now
        assert not (told.ends and status.is_open), now
        if role == "auditor":
            assert not told.mine, now
