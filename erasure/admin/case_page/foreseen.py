"""What is foreseen of the vendors' work, in words. The law's time is another: it ends with the reply."""

from datetime import date
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from compliance import clock
from erasure import forecast, lifecycle
from erasure.forecast import Forecast
from erasure.models import Case, Escalation, SubTask
from erasure.states import Escalated

from ..standing import DUE_SOON


def in_short(found: Forecast) -> list[str]:
    """When the work will probably end, and of whom it is not known; nothing where no work is left."""
    lines = []
    if found.ends_on:
        text = _("The vendors' work will probably end by %(day)s.")
        lines.append(text % {"day": date_format(found.ends_on, "SHORT_DATE_FORMAT")})
    if found.unknown:
        lines.append(_("No end can be foreseen for: %(vendors)s.") % {"vendors": ", ".join(found.unknown)})
    return lines


def of_approval(found: Forecast) -> str:
    """Until when the open plan version should be approved; empty where none is open, or nothing is known."""
    if not found.approve_by:
        return ""
    if found.approve_by < clock.today():
        return _("Even if it is approved today, the vendors' work will probably not end by the due date.")
    text = _("Approve by %(day)s, or the vendors' work will probably not end by the due date.")
    return text % {"day": weekday(found.approve_by)}


def warning(case: Case, found: Forecast) -> str:
    """What is at risk, or soon will be, and that a reply in time is possible all the same; else empty."""
    approval = of_approval(found)
    soon = found.approve_by is not None and found.approve_by <= clock.today() + DUE_SOON
    if not (found.at_risk or soon):
        return ""
    if not approval and found.ends_on:
        days = {"end": weekday(found.ends_on), "due": weekday(case.due_on)}
        approval = _("The vendors' work will probably end on %(end)s, after the due date (%(due)s).") % days
    reply = _(
        "The law's time ends with the reply, not with the work: a reply by then can say what was done, and what is "
        "under way until when."
    )
    return f"{approval} {reply}" if found.at_risk else approval


def with_escalation(cases: QuerySet[Case]) -> QuerySet[Case]:
    """Cases with what `escalated` tells, in no query more."""
    newest = Escalation.objects.filter(case=OuterRef("pk"), ended_at=None).order_by("-at")
    columns: dict[str, Any] = {
        f"escalated_{name}": Subquery(newest.values(name)[:1]) for name in ("stage", "nobody", "at")
    }
    return cases.annotate(**columns)


def escalated(case: Any) -> str:
    """That the case is escalated and still not settled; else empty."""
    if not case.escalated_stage or case.escalated_stage != lifecycle.stage_of(case):
        return ""
    day = date_format(timezone.localtime(case.escalated_at), "SHORT_DATE_FORMAT")
    if case.escalated_nobody:
        text = _("Escalated to the administrators on %(day)s, as nobody who is here may go on: %(what)s.")
    else:
        text = _("Escalated to the approvers on %(day)s: %(what)s.")
    return text % {"day": day, "what": Escalated(case.escalated_stage).label}


def of_part(sub_task: SubTask) -> str:
    """When one vendor's part will probably end; empty where that is not known."""
    day = forecast.expected_end(sub_task, clock.today())
    return _("probably ends by %(day)s") % {"day": date_format(day, "SHORT_DATE_FORMAT")} if day else ""


def takes(sub_task: SubTask) -> str:
    """How long it will take, for whoever decides about it."""
    lead: Any = forecast.lead_time(sub_task)
    if lead is None:
        return _("How long this takes is not known.")
    days = forecast.whole_days(lead).days
    if not days:
        return _("It usually ends on the day on which it is approved.")
    return ngettext("It usually takes up to %(days)d day.", "It usually takes up to %(days)d days.", days) % {
        "days": days
    }


def weekday(day: date) -> str:
    return f"{date_format(day, 'l')}, {date_format(day, 'SHORT_DATE_FORMAT')}"
