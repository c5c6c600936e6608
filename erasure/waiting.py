"""What a sub-task waits for, in one sentence, so that nothing is ever stuck in silence."""

from django.utils.translation import gettext as _

from erasure import planning
from erasure.connectors.base import BadSettings
from erasure.models import SubTask
from erasure.states import Operation, Pause, RevisionStatus, SubTaskStatus


def waits_for(sub_task: SubTask) -> str:
    """What has to happen next, and who does it; empty when nothing does."""
    vendor, status = sub_task.vendor, SubTaskStatus(sub_task.status)
    if status in (SubTaskStatus.READY, SubTaskStatus.WAITING):
        if sub_task.case.held_at:
            return _("On hold: nothing is sent until the case is released.")
        if vendor.pause:
            return _("The vendor account is paused (%(why)s): it goes on once that is over.") % {
                "why": Pause(vendor.pause).label
            }
        if not vendor.enabled:
            return _("The vendor account is disabled: it goes on once it is enabled.")
    if status == SubTaskStatus.AWAITING_ATTESTATION and sub_task.case.held_at:
        return _("On hold: nothing is done by hand until the case is released.")
    match status:
        case SubTaskStatus.PLANNED:
            return _("An approval.")
        case SubTaskStatus.READY:
            return _("To be sent: %(step)s.") % {"step": sub_task.step_label}
        case SubTaskStatus.RUNNING:
            return _("A call is under way: %(step)s.") % {"step": sub_task.step_label}
        case SubTaskStatus.WAITING:
            return _("The vendor: %(step)s.") % {"step": sub_task.step_label}
        case SubTaskStatus.AWAITING_IDENTIFIER:
            if number := taken_over_by(sub_task):
                text = _("An identifier was added: plan version %(number)s takes this over once it is approved.")
                return text % {"number": number}
            return planning.reason_text(planning.NO_IDENTIFIER)
        case SubTaskStatus.AWAITING_ATTESTATION:
            return sub_task.attention_text or _instructions(sub_task) or _("A person confirms it by hand.")
        case SubTaskStatus.NEEDS_ATTENTION:
            return sub_task.attention_text
    return ""


def taken_over_by(sub_task: SubTask) -> int | None:
    """The number of the open plan version that looks this person up at the vendor, where this work waits for an
    identifier."""
    if sub_task.status != SubTaskStatus.AWAITING_IDENTIFIER:
        return None
    served = SubTask.objects.filter(
        case=sub_task.case_id, vendor=sub_task.vendor_id, revision__status=RevisionStatus.OPEN
    ).exclude(reason=planning.NO_IDENTIFIER)
    return served.values_list("revision__number", flat=True).first()


def _instructions(sub_task: SubTask) -> str:
    try:
        return sub_task.vendor.speaks().instructions(Operation(sub_task.operation))
    except BadSettings:
        return ""
