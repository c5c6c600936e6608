"""What staff decide about whom a case is about and what of it is carried out."""

from django.forms import Form
from django.utils.translation import gettext_lazy as _

from erasure import due, lifecycle
from erasure.states import CASE_MOVES

from .deed import Deed
from .deed_forms import AcknowledgeForm, IdentityForm, RejectForm

IDENTITY = Deed(
    _("Record an identity check"),
    "erasure.change_case",
    IdentityForm,
    lambda case, by, given: lifecycle.check_identity(case, by=by, **given),
    lambda case, _revision: case.status in CASE_MOVES and not case.cancelled_at,
    _("The identity check is recorded."),
    _("How it was checked who the person is. The newest check counts; ask for no more than is needed."),
)

TOLD_OF_LIFTING = Deed(
    _("Record the notice of the lifting"),
    "erasure.change_case",
    AcknowledgeForm,
    lambda case, by, given: lifecycle.tell_of_lifting(case, by=by, **given),
    lambda case, _revision: due.awaits_notice(case) and case.status in CASE_MOVES and not case.cancelled_at,
    _("The notice is recorded."),
    _("Once the person has been told that the restriction will be lifted. Nothing is lifted before."),
)

REFUSE = Deed(
    _("Refuse for this vendor"),
    "erasure.reject_case",
    RejectForm,
    lambda sub_task, by, given: lifecycle.refuse_work(sub_task, by=by, **given),
    lifecycle.may_refuse,
    _("Refused for this vendor."),
    _("The rest goes on, and the case ends partly completed. In a plan it awaits the approval of another person."),
)

TAKE_BACK_REFUSAL = Deed(
    _("Take the refusal back"),
    "erasure.reject_case",
    Form,
    lambda sub_task, by, given: lifecycle.take_back_refusal(sub_task, by=by),
    lifecycle.may_take_back,
    _("The refusal is taken back, and the plan has been drawn again."),
)
