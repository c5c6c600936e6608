"""The overview, put together: each panel for whoever may see what it tells."""

from typing import Any

from django.http import HttpRequest

from compliance import clock

from ..absences import lines as absence_lines
from . import by_hand, causes, charts, facts, first_run, flow, health, waiting
from .calendar import calendar


def overview(request: HttpRequest) -> dict[str, Any]:
    """The context of templates/admin/erasure/home/index.html. Some fifteen queries, however many cases there are; none
    counts a whole table, and nothing of a person is read."""
    user = request.user
    sees_cases, sees_accounts = user.has_perm("erasure.view_case"), user.has_perm("erasure.view_vendor")
    asked = {**health.questions(), **first_run.questions()}
    if sees_cases:
        asked |= {**waiting.questions(user), **flow.questions()}
    answers = facts.ask(user, asked)
    accounts = health.accounts() if sees_accounts else []
    return {
        "today": clock.today(),
        "first_run": first_run.panel(user, answers),
        "may_open": user.has_perm("erasure.open_case"),
        **_desk(user, answers, accounts),
        **_causes(user, accounts),
        **(_cases(user, answers) if sees_cases else {}),
    }


def _desk(user: Any, answers: dict[str, Any], accounts: list[health.Account]) -> dict[str, Any]:
    told = health.vendor_lines if user.has_perm("erasure.view_case") else health.each_vendor
    lines = [*told(accounts), health.worker_line(answers, accounts)]
    if user.has_perm("audit.view_event"):
        lines += health.trail_lines(answers)
    return {
        "health": lines,
        "health_worst": health.worst(lines),
        "sees_accounts": user.has_perm("erasure.view_vendor"),
        "any_account": answers["any_account"],
        "may_add_account": user.has_perm("erasure.add_vendor"),
    }


def _causes(user: Any, accounts: list[health.Account]) -> dict[str, Any]:
    """Of vendor work, for whoever may see that; of accounts, for whoever may see these."""
    found = causes.paused(accounts)
    more = ""
    if sees := user.has_perm("erasure.view_subtask"):
        asking = causes.asking()
        more = causes.all_that_asks() if len(asking) > causes.MOST else ""
        found += asking[: causes.MOST]
    return {"causes": found, "more_causes": more, "sees_causes": sees or user.has_perm("erasure.view_vendor")}


def _cases(user: Any, answers: dict[str, Any]) -> dict[str, Any]:
    yours, others = waiting.lines(user, answers)
    hand = by_hand.lines()
    weeks = flow.replies()
    return {
        "yours": yours,
        "others": others,
        "calm": not any(line.number for line in yours),
        "due_first": waiting.due_first(),
        "stands_in": absence_lines(user),
        "mine_first": waiting.mine_first(user),
        "to_approve": waiting.to_approve_first(user),
        "may_approve": user.has_perm("erasure.approve_case"),
        "by_hand": hand[: by_hand.MOST],
        "more_by_hand": len(hand) > by_hand.MOST,
        "calendar": calendar(),
        "flow": charts.flow_chart(flow.moved(answers)),
        "replies": {**charts.reply_chart(weeks), "total": flow.total(weeks)},
    }
