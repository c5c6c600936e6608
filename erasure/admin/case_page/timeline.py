"""What happened, in one list: the events of the trail and the calls, newest first, by day."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.actions import accounts_in, summarise
from compliance.audit.models import Event
from compliance.audit.record import actor_names
from erasure import codes
from erasure.actions import WORK_SENDING
from erasure.connectors.base import BadSettings
from erasure.models import Call, SubTask
from erasure.states import Verdict

from ..shared import shown_transcript, status_badge, step_label
from .facts import SHOWN_CALLS, SHOWN_EVENTS, Facts

ALL, PEOPLE, VENDORS = "", "people", "vendors"
AT_ONCE = 40  # entries that stand open; earlier ones are folded


@dataclass
class Entry:
    """One thing that happened: at a `kind` (people, vendors, desk), by whom, in one sentence. A call has its verdict
    and its exchange, and the events that tell of its sending."""

    at: datetime
    order: tuple[Any, ...]
    kind: str
    who: str
    says: str
    call: Call | None = None
    verdict: Any = ""
    why: str = ""
    exchange: str = ""
    transcript: str = ""
    told: list[str] = field(default_factory=list)

    @property
    def day(self) -> date:
        return localtime(self.at).date()


@dataclass(frozen=True)
class Day:
    day: date
    name: str
    entries: list[Entry]


@dataclass(frozen=True)
class Timeline:
    """`days` stand open, `earlier` are folded; `capped`: the newest alone are here."""

    show: str
    days: list[Day]
    earlier: list[Day]
    folded: int
    capped_events: bool
    capped_calls: bool


def timeline(facts: Facts, show: str) -> Timeline:
    show = show if show in (PEOPLE, VENDORS) else ALL
    calls = facts.calls if facts.was_sent else []
    told = {f"call:{call.pk}": _call(call) for call in calls}
    names = _names(facts)
    names |= {sub_task.vendor.slug: str(sub_task.vendor) for sub_task in facts.work}
    parts = {f"sub_task:{sub_task.pk}": _words(sub_task) for sub_task in facts.work}
    entries = list(told.values())
    for event in facts.events:
        sent = told.get(_call_of(event)) if event.action == WORK_SENDING else None
        says = summarise(event, names | parts.get(event.subject, {}))
        if sent:
            sent.told.append(says)
        else:
            entries.append(_event(event, names, says))
    entries = [entry for entry in entries if show in (ALL, entry.kind)]
    entries.sort(key=lambda entry: (entry.at, entry.order), reverse=True)
    return Timeline(
        show=show,
        days=_by_day(entries[:AT_ONCE]),
        earlier=_by_day(entries[AT_ONCE:]),
        folded=len(entries[AT_ONCE:]),
        capped_events=len(facts.events) >= SHOWN_EVENTS,
        capped_calls=len(calls) >= SHOWN_CALLS,
    )


def _names(facts: Facts) -> dict[str, str]:
    """What to show for the accounts that events name."""
    words = {event.actor for event in facts.events}.union(*map(accounts_in, facts.events))
    near = {f"user:{person.pk}": person.get_username() for person in facts.people}
    return near | actor_names(words - near.keys()) if words - near.keys() else near


def _words(sub_task: SubTask) -> dict[str, str]:
    """What the trail's words for the steps of a vendor mean for people."""
    with suppress(BadSettings):
        return {name: str(step.label) for name, step in sub_task.vendor.speaks().steps.items()}
    return {}


def _call_of(event: Event) -> str:
    try:
        return str(event.details.get("call", ""))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):  # somebody damaged its text
        return ""


def _event(event: Event, names: dict[str, str], says: str) -> Entry:
    if event.actor.startswith("user:"):
        kind, who = PEOPLE, names.get(event.actor, event.actor)
    else:
        kind = VENDORS if event.subject.startswith("sub_task:") else "desk"
        who = _programs().get(event.actor, event.actor)
    return Entry(event.at, (1, event.pk), kind, who, says)


def _programs() -> dict[str, str]:
    return {
        "system:worker": _("worker"),
        "system:desk": _("desk"),
        "system:retention": _("schedule"),
        "system:command": _("administrator"),
    }


def _call(call: Call) -> Entry:
    told = call.transcript
    said = f"{told.get('method', '')} {told.get('address', '')}".strip()
    if said and told.get("status"):
        said += f" → {told['status']}"
    return Entry(
        at=call.started_at,
        order=(0, str(call.pk)),
        kind=VENDORS,
        who=str(call.vendor),
        says=step_label(call),
        call=call,
        why=codes.label(call.code),
        verdict=status_badge(Verdict(call.verdict)) if call.verdict else _("under way"),
        exchange=said,
        transcript=shown_transcript(call),
    )


def _by_day(entries: Iterable[Entry]) -> list[Day]:
    today = localtime(clock.now()).date()
    names = {today: _("Today"), today - timedelta(days=1): _("Yesterday")}
    return [Day(day, names.get(day, ""), list(found)) for day, found in groupby(entries, key=lambda entry: entry.day)]
