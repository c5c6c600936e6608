"""Who is told of what is escalated: those who may go on with it and are here today."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Prefetch, QuerySet

from erasure import absences
from erasure.models import Case, Escalation, PlanParty, SubTask
from erasure.states import Escalated, RevisionStatus, Role

ADMINISTERS = "staff.change_user"


@dataclass(frozen=True)
class Told:
    """Who is told. `nobody`: nobody who is here may go on with it, and these are the administrators."""

    people: list[Any]
    nobody: bool


class Staff:
    """Who is here today, as far as an escalation is for them."""

    def __init__(self, cases: Iterable[Any]) -> None:
        away = set(absences.running().values_list("person", flat=True))
        self._here = [person for person in absences.approvers() if person.pk not in away]
        self._authors: dict[Any, set[Any]] = defaultdict(set)
        parties = PlanParty.objects.filter(
            revision__case__in=list(cases), revision__status=RevisionStatus.OPEN, role=Role.AUTHOR
        )
        for case, person in parties.values_list("revision__case", "person"):
            self._authors[case].add(person)

    @cached_property
    def _administrators(self) -> list[Any]:
        people: Any = get_user_model()._default_manager
        return list(people.with_perm(ADMINISTERS).filter(is_staff=True, is_service=False))

    def told(self, case: Case, stage: Escalated) -> Told:
        """The approvers who are here; where a plan awaits approval, those of them who may approve it (four eyes).
        Without any: the administrators."""
        authors = self._authors[case.pk] | {case.opened_by_id} if stage == Escalated.APPROVAL else set()
        found = [person for person in self._here if person.pk not in authors]
        return Told(found, nobody=False) if found else Told(self._administrators, nobody=True)


def with_stage(cases: QuerySet[Case]) -> QuerySet[Case]:
    """Cases with what their stage is found from (`lifecycle.stage_of`), and little else."""
    work = SubTask.objects.only("case_id", "status", "follows_id").order_by()
    return cases.defer("requester_sealed", "external_id_sealed").prefetch_related(
        "revisions", Prefetch("sub_tasks", work)
    )


def running() -> list[Escalation]:
    """What is escalated and was not settled when it was last looked at."""
    return list(
        Escalation.objects.filter(ended_at=None).prefetch_related(Prefetch("case", with_stage(Case.objects.all())))
    )
