"""The dry run: which cases a deed would be done to, which are left out and why, and what an approval would send. It
takes a fixed number of queries besides the inserts, however many cases there are, and changes nothing of a case."""

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery

from compliance import clock
from erasure.models import BulkJob, BulkRow, Case, Identifier, PlanParty, PlanRevision, SubTask, SubTaskIdentifier
from erasure.states import BulkDeed, BulkStatus, IdentifierState, Origin, RevisionStatus, Role, RowResult, SubTaskStatus

from .deeds import DEEDS, vendor_work

MOST_AT_ONCE = 10_000  # cases; what matches beyond is left for the next time, and the page says so
KEPT_UNSTARTED = timedelta(days=1)
_ROWS = 500  # inserted at once


def prepare(deed: str, cases: QuerySet[Case], *, by: Any) -> BulkJob | None:
    """Keeps what `deed` would do to the first MOST_AT_ONCE of `cases`, in their order, for `by` to read and to start.
    None when there is no case. Forgets what anybody had prepared and not started within a day."""
    chosen = list(dict.fromkeys(cases.values_list("pk", flat=True)[: MOST_AT_ONCE + 1]))
    if not chosen:
        return None
    job = BulkJob(id=uuid.uuid4(), deed=deed, person=by, created_at=clock.now(), capped=len(chosen) > MOST_AT_ONCE)
    facts = {case.pk: case for case in _facts(Case.objects.filter(pk__in=chosen), by, sealed=DEEDS[deed].sealed)}
    about, bound = DEEDS[deed].about, DEEDS[deed].bound
    shown = vendor_work(chosen, about) if about and bound else {}
    with transaction.atomic():
        BulkJob.objects.filter(status=BulkStatus.PREPARED, created_at__lt=job.created_at - KEPT_UNSTARTED).delete()
        job.save(force_insert=True)
        rows = (_row(job, number, facts[pk], by, shown.get(pk)) for number, pk in enumerate(chosen[:MOST_AT_ONCE], 1))
        BulkRow.objects.bulk_create(rows, batch_size=_ROWS)
        job.summary = _summary(job)
        job.save(update_fields=["summary"])
    return job


def _row(job: BulkJob, number: int, case: Any, by: Any, shown: str | None) -> BulkRow:
    """A case with the plan version or the vendor work (`shown`) that it is bound to, or why it is left out."""
    deed = DEEDS[job.deed]
    row = BulkRow(id=uuid.uuid4(), job=job, number=number, case=case)
    row.digest = shown or (case.plan_digest or "" if deed.bound else "")
    if why := deed.refuses(case, by):
        row.result, row.text, row.at = RowResult.SKIPPED, why[:600], job.created_at
    return row


def _facts(cases: QuerySet[Case], by: Any, *, sealed: bool) -> QuerySet[Case]:
    """The cases with what `Deed.refuses` looks at."""
    work = SubTask.objects.filter(case=OuterRef("pk"))
    plans = PlanRevision.objects.filter(case=OuterRef("pk"), status=RevisionStatus.OPEN)
    authors = PlanParty.objects.filter(revision__case=OuterRef("pk"), revision__status=RevisionStatus.OPEN)
    named = Identifier.objects.filter(case=OuterRef("pk"), state=IdentifierState.ACCEPTED)
    plain = cases.order_by().prefetch_related("inquiries").defer("external_id_sealed")
    plain = plain.select_related("data_key") if sealed else plain.defer("requester_sealed")
    return plain.annotate(
        plan_digest=Subquery(plans.values("digest")[:1]),
        is_author=Exists(authors.filter(person=by, role=Role.AUTHOR)),
        has_identifier=Exists(named),
        needs_attention=Exists(work.filter(status=SubTaskStatus.NEEDS_ATTENTION)),
        awaits_confirmation=Exists(work.filter(status=SubTaskStatus.AWAITING_ATTESTATION)),
        awaits_identifier=Exists(work.filter(status=SubTaskStatus.AWAITING_IDENTIFIER)),
    )


# --- what it comes to, in numbers -------------------------------------------------------------------------------------


def _summary(job: BulkJob) -> list[dict[str, Any]]:
    """Of the rows that would be done. For a plan: what is sent to each vendor; for vendor work: how much of each
    vendor, and why it waits. Nothing personal is in it."""
    deed = DEEDS[job.deed]
    of_rows = Q(case__bulk_rows__job=job, case__bulk_rows__result="")
    works = SubTask.objects.order_by("vendor__name")
    if job.deed in (BulkDeed.SUBMIT, BulkDeed.APPROVE):
        same = Q(case__bulk_rows__digest=F("revision__digest")) if deed.bound else Q()
        return _planned(works.filter(of_rows & same, revision__status=RevisionStatus.OPEN))
    if deed.about:
        also = ["attention_code"] if deed.about == SubTaskStatus.NEEDS_ATTENTION else []
        return _waiting(works.filter(of_rows, status=deed.about), *also)
    return []


def _planned(works: QuerySet[SubTask]) -> list[dict[str, Any]]:
    by = ("vendor__name", "operation", "by_hand", "reason")
    uses = SubTaskIdentifier.objects.filter(sub_task__in=works.order_by().values("pk"))
    found = uses.filter(identifier__origin=Origin.DISCOVERED).values_list("sub_task__vendor__name")
    warned = dict(found.order_by().annotate(Count("sub_task__case", distinct=True)))
    sums = works.values(*by, "vendor__pause").annotate(
        cases=Count("case", distinct=True), identifiers=Count("identifiers", distinct=True)
    )
    return [
        {
            "vendor": row["vendor__name"],
            "operation": row["operation"],
            "by_hand": row["by_hand"],
            "reason": row["reason"],
            "paused": bool(row["vendor__pause"]),
            "cases": row["cases"],
            "identifiers": row["identifiers"],
            "found": warned.get(row["vendor__name"], 0),
        }
        for row in sums.order_by(*by)
    ]


def _waiting(works: QuerySet[SubTask], *also: str) -> list[dict[str, Any]]:
    by: Iterable[str] = ("vendor__name", "vendor", *also)
    sums = works.values(*by).annotate(cases=Count("case", distinct=True)).order_by(*by)
    return [
        {
            "vendor": row["vendor__name"],
            "vendor_id": str(row["vendor"]),
            "code": row.get("attention_code", ""),
            "cases": row["cases"],
        }
        for row in sums
    ]
