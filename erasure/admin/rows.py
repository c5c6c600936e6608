"""What a row of cases shows beside the case's own columns, looked up for all rows of a page at once."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import Q
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from erasure import waiting
from erasure.models import Case, Identifier, PlanRevision, SubTask
from erasure.states import CaseStatus, IdentifierState, RevisionStatus, SubTaskStatus

from .shared import LOOKS, badge

MOST_VENDORS = 8  # in one row
NOTHING = format_html('<span class="desk-none">{}</span>', "–")
BY_HAND = {SubTaskStatus.AWAITING_IDENTIFIER, SubTaskStatus.AWAITING_ATTESTATION}
#: Of several parts of one vendor in a case, the row shows the one that stands first here.
PRESSING = (
    SubTaskStatus.NEEDS_ATTENTION,
    SubTaskStatus.AWAITING_ATTESTATION,
    SubTaskStatus.AWAITING_IDENTIFIER,
    SubTaskStatus.RUNNING,
    SubTaskStatus.READY,
    SubTaskStatus.WAITING,
    SubTaskStatus.PLANNED,
    SubTaskStatus.DONE,
    SubTaskStatus.SKIPPED,
    SubTaskStatus.STOPPED,
)


def complete(cases: Iterable[Case]) -> None:
    """Gives each case what `progress` and `attention` tell of it: `parts`, each vendor's name and status; whether it
    has `proposals`; and the number of its `open_plan`. Three queries, however many cases there are."""
    shown: list[Any] = list(cases)
    keys = [case.pk for case in shown]
    parts: dict[Any, dict[str, SubTaskStatus]] = defaultdict(dict)
    counted = Q(follows=None) | Q(status=SubTaskStatus.NEEDS_ATTENTION)
    found = SubTask.objects.filter(counted, case__in=keys).order_by("vendor__name")
    for case, vendor, status in found.values_list("case", "vendor__name", "status"):
        before = parts[case].get(vendor)
        parts[case][vendor] = min((s for s in (before, SubTaskStatus(status)) if s), key=PRESSING.index)
    proposed = Identifier.objects.filter(case__in=keys, state=IdentifierState.PROPOSED).order_by()
    proposals = set(proposed.values_list("case", flat=True))
    plans = PlanRevision.objects.filter(case__in=keys, status=RevisionStatus.OPEN).order_by()
    open_plans = dict(plans.values_list("case", "number"))
    for case in shown:
        case.parts, case.proposals = parts[case.pk], case.pk in proposals
        case.open_plan = open_plans.get(case.pk)


def progress(case: Any) -> SafeString | str:
    """How far each vendor is, in as little room as there is: its name and a sign, the word for whoever asks."""
    parts = list(case.parts.items())
    shown = [_part(vendor, status) for vendor, status in parts[:MOST_VENDORS]]
    if more := len(parts) - len(shown):
        text = ngettext("and %(number)s more", "and %(number)s more", more) % {"number": more}
        shown.append(format_html("<li>{}</li>", text))
    if not shown:
        return "–"
    return format_html('<ul class="desk-parts">{}</ul>', format_html_join("", "{}", ((item,) for item in shown)))


def _part(vendor: str, status: SubTaskStatus) -> SafeString:
    tone, sign = LOOKS[status]
    return format_html(
        '<li class="desk-part desk-{}" title="{}">{} <span aria-hidden="true">{}</span>'
        '<span class="visually-hidden">{}</span></li>',
        tone,
        status.label,
        vendor,
        sign,
        status.label,
    )


def attention(case: Any) -> SafeString | str:
    """What of the case waits for a person, as badges."""
    shown = []
    statuses = set(case.parts.values())
    if SubTaskStatus.NEEDS_ATTENTION in statuses:
        shown.append(badge("bad", "!", _("needs attention")))
    elif statuses & BY_HAND:
        shown.append(badge("warn", "☐", _("waits for a person")))
    if case.status == CaseStatus.IN_PROGRESS and waiting.notice(case):
        shown.append(badge("warn", "✉", _("tell the person first")))
    if case.proposals:
        shown.append(badge("warn", "?", _("suggestion to decide")))
    if case.open_plan and case.status == CaseStatus.IN_PROGRESS and not case.cancelled_at:
        # Of a first plan, the status says it.
        shown.append(badge("warn", "◔", _("plan %(number)s awaits approval") % {"number": case.open_plan}))
    return format_html_join(" ", "{}", ((item,) for item in shown)) or NOTHING
