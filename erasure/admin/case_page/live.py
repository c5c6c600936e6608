"""Whether the page of a case has changed: a mark computed in two queries, without drawing anything."""

import hashlib
import json
from typing import Any
from uuid import UUID

from django.db.models import Max, OuterRef, Subquery
from django.http import Http404
from django.utils.translation import get_language

from compliance import clock
from compliance.audit.models import Event
from erasure.models import Case, SubTask
from erasure.states import CaseStatus

#: What of a vendor's part and its account the page tells.
_PART = ("pk", "epoch", "status", "step", "next_at", "expected_at", "assurance", "attention_code")
_ACCOUNT = ("vendor__pause", "vendor__enabled", "vendor__not_before", "vendor__quota_until", "vendor__lead_times")


def mark(number: UUID, user: Any, show: str) -> str:
    """The entity tag of what `user` would see of a case now. Raises Http404 where there is none.

    Times pass too: a day that ends changes the countdown, and a time that comes changes what its vendor waits for."""
    newest = Event.objects.filter(case=OuterRef("reference")).order_by("-id").values("id")[:1]
    case = Case.objects.filter(pk=number).annotate(newest_event=Subquery(newest))
    about = case.values_list("updated_at", "status", "held_at", "shred_at", "handler", "newest_event").first()
    if about is None:
        raise Http404
    now = clock.now()
    parts = SubTask.objects.filter(case=number).order_by("pk").annotate(called=Max("calls__started_at"))
    rows = [
        [*row, *(bool(at and at <= now) for at in row if hasattr(at, "tzinfo"))]
        for row in parts.values_list(*_PART, *_ACCOUNT, "called")
    ]
    seen = [about, rows, clock.today(), user.pk, get_language(), show]
    return f'"{hashlib.sha256(json.dumps(seen, default=str).encode()).hexdigest()[:32]}"'


def is_going(case: Case) -> bool:
    """Whether workers may change the case, so that its page asks again."""
    return case.status == CaseStatus.IN_PROGRESS
