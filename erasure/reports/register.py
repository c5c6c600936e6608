"""The register of requests and replies: one line a case, for the records that laws ask for (11 CCR §7101, GDPR
art. 5(2)). Nothing personal is in it."""

import csv
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Min, QuerySet

from compliance import clock
from compliance.audit.export import guard
from compliance.audit.record import record
from erasure import actions
from erasure.models import Case, PlanRevision, SubTask, SubTaskIdentifier
from erasure.states import CaseStatus, Outcome, RevisionStatus

from .times import answer

_PAGE = 500  # cases read at once

#: A case's status → how the request ended, in the words that registers use. See `_result` for what is not in it.
RESULTS = {
    CaseStatus.COMPLETED: "complied",
    CaseStatus.PARTLY_COMPLETED: "complied_in_part",
    CaseStatus.REJECTED: "denied",
    CaseStatus.CANCELLED: "cancelled",
}
# What a vendor did, or had nothing left to do for.
_COMPLIED = frozenset(Outcome) - {Outcome.PENDING, Outcome.FAILED, Outcome.REFUSED}


@dataclass(frozen=True)
class Selection:
    """Cases of a regime (empty: all), received on a day with since ≤ day ≤ until."""

    regime: str = ""
    since: date | None = None
    until: date | None = None

    def cases(self) -> QuerySet[Case]:
        wanted = {"regime": self.regime, "received_on__gte": self.since, "received_on__lte": self.until}
        # What is done again at a vendor that forgot it was not asked for anew.
        return Case.objects.filter(replays=None, **{name: value for name, value in wanted.items() if value})


@dataclass(frozen=True)
class Entry:
    """A line of the register. Days are those of the desk's zone, times in UTC. `result` is open, complied,
    complied_in_part, not_complied (approved, and no vendor did any of it), denied or cancelled. `on_time` is yes, no,
    open (a reply is still owed), overdue (still owed after its last day, as of today) or not_owed. `refusal_ground` is
    that of the whole, or those on which single vendors were refused."""

    reference: str
    kind: str
    regime: str
    country: str
    subdivision: str
    ground: str
    channel: str
    received_on: str
    due_on: str
    status: str
    result: str
    opened_at: str
    approved_at: str
    replied_at: str
    reply_channel: str
    days_to_reply: int | None
    on_time: str
    closed_at: str
    refusal_ground: str
    cancel_reason: str
    duplicate_of: str
    vendors: str
    outcomes: str
    personal_data_destroyed_at: str


#: The columns, in order.
HEADER = tuple(item.name for item in fields(Entry))


def entries(selection: Selection) -> Iterator[Entry]:
    """The lines, by reference, in constant memory: a page of cases takes four queries, and none stays open."""
    last = ""
    while page := list(_page(selection, last)):
        yield from _entries(page)
        last = page[-1].reference


def csv_lines(found: Iterable[Entry], *, bom: bool = False) -> Iterator[str]:
    """RFC 4180, the header first. `bom`: begins with a byte order mark, by which Excel knows UTF-8."""
    writer: Any = csv.writer(_Echo())
    yield ("\ufeff" if bom else "") + writer.writerow(HEADER)
    for entry in found:
        yield writer.writerow([guard(value) if isinstance(value, str) else value for value in asdict(entry).values()])


def jsonl_lines(found: Iterable[Entry]) -> Iterator[str]:
    for entry in found:
        yield json.dumps(asdict(entry), ensure_ascii=False) + "\n"


def record_export(selection: Selection, *, actor: str, form: str, count: int) -> None:
    """Puts on record that the register of `count` cases was exported. Call it before it can be read."""
    said = {name: str(value) for name, value in asdict(selection).items() if value}
    with transaction.atomic():
        record(actions.REGISTER_EXPORTED, actor=actor, format=form, count=count, **said)


class _Echo:
    def write(self, text: str) -> str:
        return text


# --- one page ---------------------------------------------------------------------------------------------------------


def _page(selection: Selection, after: str) -> QuerySet[Case]:
    cases = selection.cases().select_related("duplicate_of").defer("requester_sealed", "external_id_sealed")
    return cases.filter(reference__gt=after).order_by("reference")[:_PAGE]


def _entries(cases: Sequence[Case]) -> Iterator[Entry]:
    keys = [case.pk for case in cases]
    plans = PlanRevision.objects.filter(case__in=keys, status=RevisionStatus.APPROVED)
    approved = dict(plans.order_by().values_list("case").annotate(Min("approved_at")))
    parts = SubTask.objects.filter(case__in=keys, follows=None).exclude(revision__status=RevisionStatus.DISCARDED)
    vendors: dict[Any, set[str]] = defaultdict(set)
    for key, slug in parts.order_by().values_list("case", "vendor__slug").distinct():
        vendors[key].add(slug)
    uses = SubTaskIdentifier.objects.filter(sub_task__in=parts).order_by()
    outcomes: dict[Any, dict[str, int]] = defaultdict(dict)
    for key, word, count in uses.values_list("sub_task__case", "outcome").annotate(Count("id")):
        outcomes[key][word] = count
    for case in cases:
        yield _entry(case, approved.get(case.pk), sorted(vendors[case.pk]), outcomes[case.pk])


def _entry(case: Case, approved_at: datetime | None, vendors: list[str], outcomes: dict[str, int]) -> Entry:
    reply = answer(case)
    return Entry(
        reference=case.reference,
        kind=case.kind,
        regime=case.regime,
        country=case.country,
        subdivision=case.subdivision,
        ground=case.ground,
        channel=case.channel,
        received_on=case.received_on.isoformat(),
        due_on=case.due_on.isoformat(),
        status=case.status,
        result=_result(case, outcomes.keys()),
        opened_at=_time(case.created_at),
        approved_at=_time(approved_at),
        replied_at=_time(case.replied_at),
        reply_channel=case.reply_channel,
        days_to_reply=reply.days if reply else None,
        on_time=_on_time(case),
        closed_at=_time(case.closed_at),
        refusal_ground=case.refusal_ground or " ".join(sorted(set(case.refused_vendors.values()))),
        cancel_reason=case.cancel_reason,
        duplicate_of=case.duplicate_of.reference if case.duplicate_of else "",
        vendors=" ".join(vendors),
        outcomes=" ".join(f"{word}:{count}" for word, count in sorted(outcomes.items())),
        personal_data_destroyed_at=_time(case.shredded_at),
    )


def _result(case: Case, outcomes: Collection[str]) -> str:
    result = RESULTS.get(CaseStatus(case.status), "open")
    if result == "complied_in_part" and _COMPLIED.isdisjoint(outcomes):
        return "cancelled" if case.cancelled_at else "not_complied"
    return result


def _on_time(case: Case) -> str:
    reply = answer(case)
    if reply is None and case.cancelled_at:
        return "not_owed"
    if reply is None:
        return "overdue" if clock.today() > case.due_on else "open"
    return "yes" if reply.late <= 0 else "no"


def _time(at: datetime | None) -> str:
    """RFC 3339 in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if at else ""
