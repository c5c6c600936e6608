"""A request that is refused at some vendors and carried out at the others (GDPR art. 12(4), 17(3))."""

from typing import Any

from django.utils.translation import gettext as _

from erasure import actions, planning
from erasure.errors import Conflict, Invalid
from erasure.models import Case, SubTask
from erasure.states import Outcome, RefusalGround, RevisionStatus, SubTaskStatus

from .shared import case_event, changing, close_if_ended, end, keep_note, late_for_refusal

_UNSENT = (
    SubTaskStatus.PLANNED,
    SubTaskStatus.READY,
    SubTaskStatus.AWAITING_IDENTIFIER,
    SubTaskStatus.AWAITING_ATTESTATION,
    SubTaskStatus.NEEDS_ATTENTION,
)


def may_refuse(sub_task: SubTask) -> bool:
    """Whether a vendor's part can still be refused: its vendor was not asked to change anything."""
    return (
        sub_task.status in _UNSENT
        and sub_task.committed_at is None
        and not sub_task.follows_id
        and not planning.refused_on(sub_task.reason)
        and not sub_task.case.cancelled_at
    )


def refuse_work(sub_task: SubTask, *, by: Any, ground: str, note: str = "") -> None:
    """Refuses what one vendor would do, on a ground. In a plan version that awaits approval, the plan is drawn again
    with the refusal in it: it is approved with the rest, by somebody else. Of approved work, what was not sent is
    stopped. The case then ends partly completed.

    Raises Conflict once the vendor was asked to change data, and where nothing else is left to approve."""
    check_ground(ground)
    with changing(sub_task.case, by) as case:
        sub_task = _anew(case, sub_task)
        if not may_refuse(sub_task):
            raise Conflict("not_refusable", _("This vendor work can no longer be refused. Nothing was changed."))
        planned = sub_task.revision.status == RevisionStatus.OPEN
        if planned and not _others(sub_task):
            text = _("Nothing else is left in this plan version: reject it instead. Nothing was changed.")
            raise Conflict("refuses_all", text)
        case.refused_vendors = {**case.refused_vendors, str(sub_task.vendor_id): ground}
        noted = keep_note(case, by, note, about=f"sub_task:{sub_task.pk}")
        case_event(
            case,
            actions.VENDOR_REFUSED,
            by,
            vendor=sub_task.vendor.slug,
            ground=ground,
            **late_for_refusal(case),
            **noted,
        )
        if planned:
            planning.redraw(case, by=by)
        else:
            end_refused(sub_task, ground, by)
            close_if_ended(case)


def take_back_refusal(sub_task: SubTask, *, by: Any) -> None:
    """Takes a refusal back, while the plan version that holds it awaits approval: what was refused is planned again."""
    with changing(sub_task.case, by) as case:
        sub_task = _anew(case, sub_task)
        if not may_take_back(sub_task):
            raise Conflict("not_refused", _("This is not refused, or was decided about. Nothing was changed."))
        refused = dict(case.refused_vendors)
        refused.pop(str(sub_task.vendor_id), None)
        case.refused_vendors = refused
        case_event(case, actions.VENDOR_NOT_REFUSED, by, vendor=sub_task.vendor.slug)
        planning.redraw(case, by=by)


def may_take_back(sub_task: SubTask) -> bool:
    """Whether the plan version that holds the refusal still awaits approval."""
    return bool(planning.refused_on(sub_task.reason)) and sub_task.revision.status == RevisionStatus.OPEN


def end_refused(sub_task: SubTask, ground: str, by: Any) -> None:
    """Ends a sub-task as refused; what was not done of it is."""
    sub_task.identifiers.filter(outcome__in=(Outcome.PENDING, Outcome.FAILED)).update(outcome=Outcome.REFUSED)
    end(sub_task, SubTaskStatus.STOPPED, reason=planning.refusal(ground), event=actions.WORK_STOPPED, by=by)


def _anew(case: Case, sub_task: SubTask) -> SubTask:
    """The sub-task as it is now, of a locked case. A plan that is drawn again has others in its place."""
    found = case.sub_tasks.select_for_update(of=("self",)).select_related("vendor", "revision")
    anew = found.filter(pk=sub_task.pk).first()
    if anew is None:
        raise Conflict(
            "changed", _("The plan has just been drawn again. Nothing was done; read it again, then decide.")
        )
    anew.case = case
    return anew


def check_ground(ground: str) -> None:
    if ground not in RefusalGround.values:
        raise Invalid([("/ground", _("Choose a ground: %(all)s.") % {"all": ", ".join(RefusalGround.values)})])


def _others(sub_task: SubTask) -> bool:
    """Whether its plan version does something besides it."""
    others = sub_task.revision.sub_tasks.exclude(pk=sub_task.pk).values_list("reason", flat=True)
    return not all(planning.refused_on(reason) for reason in others)
