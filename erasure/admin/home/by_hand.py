"""What awaits confirmation by hand, grouped by vendor and vendor reference."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, F, Min
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.timezone import localtime

from erasure.models import SubTaskIdentifier
from erasure.states import Outcome, SubTaskStatus

MOST = 6


@dataclass(frozen=True)
class Line:
    """`reference` is the vendor's, empty where it gave none; `until`: by when it is to be confirmed."""

    vendor: str
    reference: str
    cases: int
    until: date | None
    address: str


def lines() -> list[Line]:
    """What is to be confirmed first comes first; at most MOST, and one more if there are more."""
    waiting = SubTaskIdentifier.objects.filter(
        outcome=Outcome.PENDING,
        sub_task__status=SubTaskStatus.AWAITING_ATTESTATION,
        sub_task__case__held_at=None,
    )
    grouped = waiting.order_by().values_list("sub_task__vendor", "sub_task__vendor__name", "reference")
    counted = grouped.annotate(cases=Count("sub_task__case", distinct=True), until=Min("sub_task__next_at"))
    first = counted.order_by(F("until").asc(nulls_last=True), "sub_task__vendor__name", "reference")
    return [_line(*row) for row in first[: MOST + 1]]


def _line(vendor: Any, name: str, reference: str, cases: int, until: Any) -> Line:
    if reference:
        address = f"{reverse('admin:erasure_subtask_reference', args=[vendor])}?{urlencode({'reference': reference})}"
    else:
        asked = {"status__exact": SubTaskStatus.AWAITING_ATTESTATION, "vendor__id__exact": vendor}
        address = f"{reverse('admin:erasure_subtask_changelist')}?{urlencode(asked)}"
    return Line(name, reference, cases, localtime(until).date() if until else None, address)
