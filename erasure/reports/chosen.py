"""The register and the trail of cases that somebody has chosen (a `BulkJob` that was prepared for it)."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from compliance.audit import export
from compliance.audit.actions import EXPORTED
from compliance.audit.models import Leaf, PendingEvent
from compliance.audit.record import record
from erasure.models import BulkJob, Case

from . import register

_PAGE = 200  # cases whose events are looked up at once


@dataclass(frozen=True)
class _Chosen(register.Selection):
    """The cases of a job; `job` is how an event names it."""

    job: str = ""

    def cases(self) -> QuerySet[Case]:
        return Case.objects.filter(bulk_rows__job=UUID(self.job.partition(":")[2]))


def register_lines(job: BulkJob, *, actor: str, bom: bool = False) -> Iterator[str]:
    """A line for each case. On record when this returns, before anything is read."""
    selection = _Chosen(job=str(job))
    register.record_export(selection, actor=actor, form="csv", count=selection.cases().count())
    return register.csv_lines(register.entries(selection), bom=bom)


def trail_lines(job: BulkJob, *, actor: str, bom: bool = False) -> Iterator[str]:
    """A line for each event of the cases, case by case in their order; on record when this returns. It is no proof by
    itself: the export of the trail has what proves it beside it."""
    chosen = {"case__in": job.rows.values("case__reference")}
    of_leaf = {f"event__{name}": value for name, value in chosen.items()}
    count = Leaf.objects.filter(**of_leaf).count() + PendingEvent.objects.filter(**of_leaf).count()
    with transaction.atomic():
        record(EXPORTED, actor=actor, subject=str(job), format="csv", count=count)
    return export.csv_lines(_rows(job), bom=bom)


def _rows(job: BulkJob) -> Iterator[export.Row]:
    references = list(job.rows.order_by("number").values_list("case__reference", flat=True))
    for start in range(0, len(references), _PAGE):
        page = {"event__case__in": references[start : start + _PAGE]}
        unsealed = PendingEvent.objects.filter(**page).order_by("event_id").values_list("event_id", flat=True)
        waiting = list(unsealed)
        sealed = (
            Leaf.objects.filter(**page).exclude(event__in=waiting).order_by("index").values_list("index", flat=True)
        )
        yield from export.rows_at(list(sealed), waiting)
