"""All that the page of a case is made of, fetched once, in a number of queries that does not grow with the case."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Max, Min, Prefetch, prefetch_related_objects

from compliance.audit.models import Event
from erasure import planning
from erasure.actions import CASE_REPLAYED, PLAN_DISCARDED
from erasure.models import (
    Call,
    CallSubTask,
    Case,
    Identifier,
    PlanParty,
    PlanRevision,
    SubTask,
    SubTaskIdentifier,
    Vendor,
)
from erasure.states import IdentifierState, RefusalGround, RevisionStatus, Verdict

from ..masked import masked

SHOWN_EVENTS = 200
SHOWN_CALLS = 100
FACTS = ("inquiries", "recipients")


@dataclass(frozen=True)
class Answered:
    """A step that its vendor has answered: when first, and when last."""

    step: str
    first: datetime
    last: datetime


class Facts:
    """A case with its identifiers (`masks`: what is shown of each), plan versions, work and calls. Each knows the
    others, so that nothing is fetched twice."""

    def __init__(self, case: Case, user: Any) -> None:
        self.case, self.user = case, user
        work = SubTask.objects.select_related("vendor").prefetch_related("identifiers")
        identifiers = Identifier.objects.select_related("found_by")
        prefetch_related_objects([case], Prefetch("identifiers", identifiers), Prefetch("sub_tasks", work), *FACTS)
        self.identifiers = list(case.identifiers.all())
        self.revisions = self._versions()
        self.work: list[SubTask] = list(case.sub_tasks.all())
        self.masks: dict[Any, str] = {}
        self.uses: dict[Any, list[SubTaskIdentifier]] = {}
        self._join()

    def _versions(self) -> list[PlanRevision]:
        """The plan versions with those who took part. Whoever opened the case is an author of each, so that none is
        missed."""
        versions: dict[Any, PlanRevision] = {}
        took_part: dict[Any, list[PlanParty]] = {}
        parties = PlanParty.objects.filter(revision__case=self.case).select_related("revision", "person")
        for party in parties.order_by("revision__number", "at", "id"):
            version = versions.setdefault(party.revision_id, party.revision)
            version.case = self.case
            took_part.setdefault(version.pk, []).append(party)
        found = list(versions.values())
        for version in found:
            _keep(version, "parties", took_part[version.pk])
        _keep(self.case, "revisions", found)
        return found

    def _join(self) -> None:
        known = {}
        for item in self.identifiers:
            item.case = self.case  # its data key is here already
            self.masks[item.pk] = masked(item)
            known[item.pk] = item
        versions = {version.pk: version for version in self.revisions}
        for sub_task in self.work:
            sub_task.case, sub_task.revision = self.case, versions[sub_task.revision_id]
            self.uses[sub_task.pk] = list(sub_task.identifiers.all())
            for use in self.uses[sub_task.pk]:
                use.identifier = known[use.identifier_id]
        self.work.sort(key=lambda sub_task: (sub_task.revision.number, sub_task.vendor.name, sub_task.by_hand))

    @property
    def people(self) -> list[Any]:
        """The accounts that are fetched already, as they took part in the case."""
        took_part = [party.person for version in self.revisions for party in version.parties.all()]
        return [person for person in (self.case.opened_by, self.case.handler, *took_part) if person]

    # --- the plan

    @property
    def open_revision(self) -> PlanRevision | None:
        return next((version for version in self.revisions if version.status == RevisionStatus.OPEN), None)

    def of(self, revision: PlanRevision) -> list[SubTask]:
        """The work of a plan version."""
        return [sub_task for sub_task in self.work if sub_task.revision_id == revision.pk]

    @cached_property
    def vendors(self) -> list[Vendor]:
        """Every enabled account, by name; `is_of_case` tells which are the case's."""
        mine = ExpressionWrapper(planning.is_of(self.case), output_field=BooleanField())
        return list(Vendor.objects.filter(enabled=True).annotate(is_of_case=mine).order_by("name"))

    @property
    def vendors_of_case(self) -> list[Any]:
        return [vendor for vendor in self.vendors if getattr(vendor, "is_of_case", False)]

    def drawn_from(self, revision: PlanRevision) -> planning.Facts:
        """What a plan version would be drawn from now."""
        earlier = [
            sub_task
            for sub_task in self.work
            if sub_task.revision.number < revision.number and sub_task.revision.status == RevisionStatus.APPROVED
        ]
        return planning.Facts(
            vendors=self.vendors_of_case,
            usable=[item for item in self.identifiers if item.state == IdentifierState.ACCEPTED],
            planned={sub_task.vendor_id for sub_task in earlier},
            refused={sub_task.vendor_id for sub_task in earlier if planning.refused_on(sub_task.reason)},
            covered={(sub_task.vendor_id, use.identifier_id) for sub_task in earlier for use in self.uses[sub_task.pk]},
        )

    # --- what happened

    @cached_property
    def was_sent(self) -> bool:
        """Whether anything of the case was ever approved, so that there may be calls."""
        return any(version.status == RevisionStatus.APPROVED for version in self.revisions)

    @cached_property
    def calls(self) -> list[Call]:
        """The newest calls."""
        numbers = [sub_task.pk for sub_task in self.work]
        found = Call.objects.filter(sub_tasks__in=numbers).distinct().select_related("vendor")
        return list(found.order_by("-started_at")[:SHOWN_CALLS])

    @cached_property
    def answered(self) -> dict[Any, list[Answered]]:
        """Sub-task → its answered steps, oldest first."""
        numbers = [sub_task.pk for sub_task in self.work]
        rows: Any = CallSubTask.objects.filter(sub_task__in=numbers, call__verdict=Verdict.OK)
        rows = rows.values_list("sub_task", "call__step").annotate(
            first=Min("call__started_at"), last=Max("call__finished_at")
        )
        found: dict[Any, list[Answered]] = {}
        for sub_task, step, first, last in rows.order_by("first"):
            found.setdefault(sub_task, []).append(Answered(step, first, last))
        return found

    @cached_property
    def events(self) -> list[Event]:
        """The newest events of the case, and those that tell who exported them, which are about it and not of it."""
        own = Event.objects.filter(case=self.case.reference)
        about = Event.objects.filter(case="", subject=f"case:{self.case.reference}")
        return list(own.union(about, all=True).order_by("-id")[:SHOWN_EVENTS])  # two indexes, so not one filter

    @property
    def replayed_by(self) -> list[dict[str, str]]:
        """The cases in which a vendor does again what it did here and has forgotten: `by_id` and `by_case`."""
        return [event.details for event in self.events if event.action == CASE_REPLAYED]

    @cached_property
    def rejected(self) -> dict[str, str]:
        """Plan version, as the trail names it → the ground it was rejected on."""
        if not any(version.status == RevisionStatus.DISCARDED for version in self.revisions):
            return {}
        discarded = Event.objects.filter(case=self.case.reference, action=PLAN_DISCARDED)
        return {
            event.subject: str(RefusalGround(event.details["ground"]).label)
            for event in discarded
            if event.details.get("ground") in RefusalGround
        }


def _keep(item: Any, name: str, rows: list[Any]) -> None:
    """Keeps fetched rows as Django keeps those of a prefetch, so that `item.<name>.all()` asks no more."""
    found = getattr(item, name).all()
    found._result_cache, found._prefetch_done = rows, True
    if not hasattr(item, "_prefetched_objects_cache"):
        item._prefetched_objects_cache = {}
    item._prefetched_objects_cache[name] = found
