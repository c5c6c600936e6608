"""What one page of bulk work says of its cases, and the sums above them."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from erasure import bulk, planning
from erasure.models import BulkJob, BulkRow, SubTask
from erasure.states import Attention, BulkDeed, CaseStatus, Operation, RevisionStatus, RowResult

from .shared import LOOKS, badge, status_badge


def contents(job: BulkJob, rows: Iterable[BulkRow]) -> list[dict[str, Any]]:
    """For the template: each row with its badge, and with what is done in it while that is still to come."""
    shown, deed = list(rows), bulk.DEEDS[job.deed]
    coming = {row.case_id: row for row in shown if row.case_id and not row.result}
    lines = _lines(job, coming) if coming else {}
    return [
        {
            "row": row,
            "badge": result_badge(row.result) if row.result else "",
            "plan": row.digest if deed.bound and not deed.about else "",
            "lines": lines.get(row.pk, []),
            "status": status_badge(CaseStatus(row.case.status)) if row.case else "",
        }
        for row in shown
    ]


def result_badge(result: str) -> str:
    return badge(*LOOKS[result], RowResult(result).label)


def _lines(job: BulkJob, rows: dict[UUID, BulkRow]) -> dict[UUID, list[str]]:
    """Row → what is done in its case."""
    found: dict[UUID, list[str]] = defaultdict(list)
    works: QuerySet[SubTask] = SubTask.objects.filter(case__in=rows).select_related("vendor", "revision")
    if job.deed in (BulkDeed.SUBMIT, BulkDeed.APPROVE):
        works = works.filter(revision__status=RevisionStatus.OPEN)
        for part in works.prefetch_related("identifiers__identifier__found_by"):
            if rows[part.case_id].digest in ("", part.revision.digest):
                found[rows[part.case_id].pk] += [f"{part.vendor.name}: {_how(part)}", *planning.found_elsewhere(part)]
    elif about := bulk.DEEDS[job.deed].about:
        for part in works.filter(status=about):
            what = _cause(part.attention_code) if part.attention_code else Operation(part.operation).label
            found[rows[part.case_id].pk].append(f"{part.vendor.name}: {what}")
    return found


def _how(part: SubTask) -> str:
    operation = str(Operation(part.operation).label)
    if part.reason == planning.NO_IDENTIFIER:
        return _("waits for an identifier")
    return _("%(operation)s, by hand") % {"operation": operation} if part.by_hand else operation


def _cause(code: str) -> str:
    return str(Attention(code).label) if code in Attention.values else code.replace("_", " ")


# --- the sums, as they were when it was looked at ---------------------------------------------------------------------


def summary_lines(job: BulkJob) -> list[dict[str, Any]]:
    """A sentence for each vendor and what it is about, with warnings below it."""
    planned = job.deed in (BulkDeed.SUBMIT, BulkDeed.APPROVE)
    return [_planned(row) if planned else _waiting(row) for row in job.summary]


def _planned(row: dict[str, Any]) -> dict[str, Any]:
    values = row | {"operation": Operation(row["operation"]).label}
    if row["reason"] == planning.NO_IDENTIFIER:
        text = ngettext(
            "%(vendor)s: %(cases)s case will wait for an identifier; nothing is sent for it.",
            "%(vendor)s: %(cases)s cases will wait for an identifier; nothing is sent for them.",
            row["cases"],
        )
    elif row["by_hand"]:
        text = ngettext(
            "%(vendor)s: %(operation)s by hand for %(cases)s case. A person does it and confirms it.",
            "%(vendor)s: %(operation)s by hand for %(cases)s cases. A person does it and confirms it.",
            row["cases"],
        )
    elif row["cases"] == 1:
        text = ngettext(
            "%(vendor)s: %(operation)s for 1 case, %(identifiers)s identifier",
            "%(vendor)s: %(operation)s for 1 case, %(identifiers)s identifiers",
            row["identifiers"],
        )
    else:
        text = ngettext(
            "%(vendor)s: %(operation)s for %(cases)s cases, %(identifiers)s identifier",
            "%(vendor)s: %(operation)s for %(cases)s cases, %(identifiers)s identifiers",
            row["identifiers"],
        )
    notes = []
    if row["paused"]:
        notes.append(_("The vendor account is paused: this goes out once it is resumed."))
    if row["found"]:
        found = ngettext(
            "In %(found)s case a vendor found an identifier. A shared device can belong to somebody else.",
            "In %(found)s cases a vendor found an identifier. A shared device can belong to somebody else.",
            row["found"],
        )
        notes.append(found % row)
    return {"text": text % values, "notes": notes}


def _waiting(row: dict[str, Any]) -> dict[str, Any]:
    if row["code"]:
        text = ngettext("%(vendor)s, %(cause)s: %(cases)s case", "%(vendor)s, %(cause)s: %(cases)s cases", row["cases"])
    else:
        text = ngettext("%(vendor)s: %(cases)s case", "%(vendor)s: %(cases)s cases", row["cases"])
    return {"text": text % (row | {"cause": _cause(row["code"])}), "notes": []}
