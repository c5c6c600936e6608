"""What staff can do with a case and with vendor work: each deed with its permission, its form and its one function.

The page shows a deed only when it makes sense and the person may; whether it is done is decided by the permission, in
the view, and by lifecycle."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erasure import intake, lifecycle, waiting
from erasure.errors import NotFound
from erasure.models import Case, Identifier, PlanRevision, SubTask, Vendor
from erasure.states import CASE_MOVES, CaseStatus, IdentifierState, InquiryReason, SubTaskStatus

from . import by_reference
from .deed import Deed
from .deed_forms import (
    AcknowledgeForm,
    AnsweredForm,
    ApproveForm,
    AskForm,
    AssignForm,
    AttestForm,
    AttestSharedForm,
    CancelForm,
    ExtendForm,
    NoteForm,
    ProposalsForm,
    RejectForm,
    RemoveForm,
    ReplyForm,
    RequiredNoteForm,
)
from .forms import IdentifierForm, identifier_kinds
from .ledger import LEDGER_DEEDS, RecipientForm
from .scope_deeds import IDENTITY, REFUSE, TAKE_BACK_REFUSAL, TOLD_OF_LIFTING
from .shred_deeds import SHRED_DEEDS


def _open(case: Case, _revision: PlanRevision | None) -> bool:
    return case.status in CASE_MOVES and not case.cancelled_at


def _remove(case: Case, by: Any, given: dict[str, Any]) -> None:
    identifier = Identifier.objects.filter(case=case, pk=given["identifier"]).first()
    if identifier is None:
        raise NotFound("unknown_identifier", str(_("The case has no such identifier any more.")))
    intake.remove_identifier(identifier, by=by)


def awaits_approval(case: Case, revision: PlanRevision | None) -> bool:
    """Whether a plan version of the case waits for somebody to decide."""
    under_way = case.status in (CaseStatus.AWAITING_APPROVAL, CaseStatus.IN_PROGRESS)
    return under_way and revision is not None and not case.cancelled_at


def _add_identifier(case: Case, by: Any, given: dict[str, Any]) -> str | None:
    known = set(case.identifiers.filter(state=IdentifierState.ACCEPTED).values_list("pk", flat=True))
    before = lifecycle.open_revision(case)
    if intake.add_identifier(case, by=by, **given).pk in known:
        return gettext("The case has this identifier already. Nothing changed.")
    after = lifecycle.open_revision(case)
    if (after and after.digest) == (before and before.digest):
        return gettext(
            "The identifier is in the case. No vendor of the case takes this kind, so the plan stays as it is."
        )
    if after and case.status == CaseStatus.IN_PROGRESS:
        return gettext("The identifier is in the case.") + " " + _awaits_another(after)
    return None


def _awaits_another(revision: PlanRevision) -> str:
    text = gettext("Plan version %(number)s now awaits the approval of another person.")
    return text % {"number": revision.number}


def _decide(case: Case, by: Any, given: dict[str, Any]) -> str | None:
    lifecycle.decide(case, by=by, **given)
    revision = lifecycle.open_revision(case)
    if given["accept"] and revision:
        return gettext("Your decision was recorded.") + " " + _awaits_another(revision)
    return None if CaseStatus(case.status).is_open else _has_ended(case)


def _has_ended(case: Case) -> str:
    text = gettext("Your decision was recorded. Nothing else was under way, so the case has ended: %(status)s.")
    return text % {"status": CaseStatus(case.status).label}


def _approve(case: Case, by: Any, given: dict[str, Any]) -> str | None:
    lifecycle.approve(case, by=by, **given)
    return waiting.why_not_sent(case)


def _reject(case: Case, by: Any, given: dict[str, Any]) -> str | None:
    revision = lifecycle.open_revision(case) if case.status == CaseStatus.IN_PROGRESS else None
    lifecycle.reject(case, by=by, **given)
    if revision is None:
        return None
    if CaseStatus(case.status).is_open:
        return gettext("Plan version %(number)s was rejected; the case goes on.") % {"number": revision.number}
    text = gettext(
        "Plan version %(number)s was rejected. Nothing else was under way, so the case has ended: %(status)s."
    )
    return text % {"number": revision.number, "status": CaseStatus(case.status).label}


def _asked(case: Case) -> list[str]:
    """What the person was asked and has not answered."""
    return [item.reason for item in case.inquiries.all() if not item.answered_on]


CASE_DEEDS: dict[str, Deed] = {
    "submit": Deed(
        _("Submit for approval"),
        "erasure.submit_case",
        forms.Form,
        lambda case, by, given: lifecycle.submit(case, by=by),
        lambda case, _revision: case.status == CaseStatus.DRAFT,
        _("Submitted. Another person can approve it now."),
        main=True,
    ),
    "approve": Deed(
        _("Approve this plan"),
        "erasure.approve_case",
        ApproveForm,
        _approve,
        awaits_approval,
        _("Approved. The work has been handed to the vendor queues."),
        _("Approves exactly the plan version shown above. What is erased at a vendor cannot be brought back."),
        fresh=True,
    ),
    "release": Deed(
        _("Release from hold"),
        "erasure.hold_case",
        NoteForm,
        lambda case, by, given: lifecycle.release(case, by=by, **given),
        lambda case, _revision: bool(case.held_at),
        _("Released. Calls are made again."),
        main=True,
    ),
    "note": Deed(
        _("Add a note"),
        "erasure.add_note",
        RequiredNoteForm,
        lambda case, by, given: lifecycle.add_note(case, by=by, text=given["note"]),
        lambda case, _revision: True,
        _("The note was added."),
    ),
    "assign": Deed(
        _("Change the handler"),
        "erasure.change_case",
        AssignForm,
        lambda case, by, given: lifecycle.assign(case, by=by, **given),
        lambda case, _revision: True,
        _("The handler was changed."),
    ),
    "add_identifier": Deed(
        _("Add an identifier"),
        "erasure.add_identifier",
        IdentifierForm,
        _add_identifier,
        _open,
        _("The identifier is in the case, and the plan has been drawn again."),
        _("Whoever adds one cannot approve the plan version it leads to."),
    ),
    "proposals": Deed(
        _("Decide about suggestions"),
        "erasure.add_identifier",
        ProposalsForm,
        _decide,
        lambda case, _revision: any(item.state == IdentifierState.PROPOSED for item in case.identifiers.all()),
        _("Your decision was recorded."),
        _("Whoever accepts one cannot approve the plan version it leads to. What you leave open waits."),
    ),
    "reply": Deed(
        _("Record the reply"),
        "erasure.change_case",
        ReplyForm,
        lambda case, by, given: lifecycle.reply(case, by=by, **given),
        lambda case, _revision: not (case.replied_at or case.cancelled_at or case.status == CaseStatus.DRAFT),
        _("The reply is recorded: the time to reply ends here. Work at vendors that is under way goes on."),
        _("Once the person has been answered. The time to reply ends with it; vendors that are at work go on."),
    ),
    "identity": IDENTITY,
    "told_of_lifting": TOLD_OF_LIFTING,
    "acknowledge": Deed(
        _("Record the confirmation of receipt"),
        "erasure.change_case",
        AcknowledgeForm,
        lambda case, by, given: lifecycle.acknowledge(case, by=by, **given),
        lambda case, _revision: case.is_unanswered and not case.acknowledged_at,
        _("The confirmation of receipt is recorded."),
        _("Once the person has been told that their request came in."),
    ),
    "ask": Deed(
        _("Record a question to the person"),
        "erasure.change_case",
        AskForm,
        lambda case, by, given: lifecycle.ask(case, by=by, **given),
        lambda case, _revision: case.is_unanswered and len(_asked(case)) < len(InquiryReason.values),
        _("The question is recorded."),
        _("Once the person has been asked. Where the law lets the clock stand for it, it stands until the answer."),
    ),
    "answered": Deed(
        _("Record the person's answer"),
        "erasure.change_case",
        AnsweredForm,
        lambda case, by, given: lifecycle.answered(case, by=by, **given),
        lambda case, _revision: case.is_unanswered and bool(_asked(case)),
        _("The answer is recorded."),
        _("The answer to what the person was asked. A clock that stood for it goes on the day after."),
    ),
    "extend": Deed(
        _("Record an extension"),
        "erasure.change_case",
        ExtendForm,
        lambda case, by, given: lifecycle.extend(case, by=by, **given),
        lambda case, _revision: (
            case.is_unanswered and case.status != CaseStatus.DRAFT and not lifecycle.why_not_extend(case)
        ),
        _("The extension is recorded, and the due date has moved."),
        _("Once the person has been told that it takes longer, and why: before the time to reply ends, and once."),
    ),
    "hold": Deed(
        _("Put the case on hold"),
        "erasure.hold_case",
        NoteForm,
        lambda case, by, given: lifecycle.hold(case, by=by, **given),
        lambda case, revision: (_open(case, revision) or bool(case.closed_at)) and not case.held_at,
        _("On hold: no further call is made for this case, and its personal data is kept, until it is released."),
        _("No further call is made, and the personal data is kept, until it is released. The time to reply runs on."),
    ),
    "reject": Deed(
        _("Reject"),
        "erasure.reject_case",
        RejectForm,
        _reject,
        lambda case, revision: (
            case.status in (CaseStatus.DRAFT, CaseStatus.AWAITING_APPROVAL) or awaits_approval(case, revision)
        ),
        _("Rejected."),
        _("Refuses what has not been approved. Nothing that waits for approval is sent."),
    ),
    "cancel": Deed(
        _("Cancel the case"),
        "erasure.cancel_case",
        CancelForm,
        lambda case, by, given: lifecycle.cancel(case, by=by, **given),
        _open,
        _("Cancelled: what was not sent is stopped. What was sent is followed to its end."),
        _("Stops what was not sent. What was sent cannot be recalled and is followed to its end."),
    ),
    "remove_identifier": Deed(
        _("Remove"),
        "erasure.delete_identifier",
        RemoveForm,
        _remove,
        lambda case, _revision: False,  # a button beside each identifier
        _("The identifier was removed, and the plan has been drawn again."),
    ),
    **SHRED_DEEDS,
    **LEDGER_DEEDS,
}


def _give_up(sub_task: SubTask, by: Any, given: dict[str, Any]) -> str | None:
    lifecycle.give_up(sub_task, by=by, **given)
    status = CaseStatus(Case.objects.values_list("status", flat=True).get(pk=sub_task.case_id))
    if status.is_open:
        return None
    text = gettext("Given up. Nothing else was under way, so the case has ended: %(status)s.")
    return text % {"status": status.label}


_FOR_A_PERSON = (SubTaskStatus.AWAITING_ATTESTATION, SubTaskStatus.NEEDS_ATTENTION)

WORK_DEEDS: dict[str, Deed] = {
    "retry": Deed(
        _("Try again"),
        "erasure.retry_subtask",
        forms.Form,
        lambda sub_task, by, given: lifecycle.retry(sub_task, by=by),
        lambda sub_task: sub_task.status == SubTaskStatus.NEEDS_ATTENTION,
        _("It is tried again."),
        main=True,
    ),
    "attest": Deed(
        by_reference.label_of_one,
        "erasure.attest_subtask",
        AttestForm,
        lambda sub_task, by, given: lifecycle.attest(sub_task, by=by, **given),
        lambda sub_task: lifecycle.may_attest(sub_task) and not sub_task.case.held_at,
        _("Confirmed by hand."),
        _("Write what you did, or what the vendor's own screen says."),
    ),
    "attest_shared": Deed(
        by_reference.label_of_all,
        "erasure.attest_subtask",
        AttestSharedForm,
        lambda sub_task, by, given: by_reference.attest(sub_task.vendor, by=by, **given),
        by_reference.may_attest,
        _("Confirmed by hand."),
        _(
            "Confirms what the vendor took under this reference, in every case that shares it and is not on hold, and "
            "nothing else."
        ),
    ),
    "searched": Deed(
        _("Searched, none found"),
        "erasure.attest_subtask",
        RequiredNoteForm,
        lambda sub_task, by, given: lifecycle.searched(sub_task, by=by, **given),
        lambda sub_task: sub_task.status == SubTaskStatus.AWAITING_IDENTIFIER,
        _("Recorded: searched, none found."),
        _("Write where and how you searched."),
    ),
    "give_up": Deed(
        _("Give up"),
        "erasure.retry_subtask",
        RequiredNoteForm,
        _give_up,
        lambda sub_task: sub_task.status in _FOR_A_PERSON and not sub_task.follows_id,
        _("Given up. The case can only end partly completed."),
        _("The case can then only end partly completed."),
    ),
    "refuse": REFUSE,
    "take_back_refusal": TAKE_BACK_REFUSAL,
    "settle": Deed(
        _("Close it with a note"),
        "erasure.retry_subtask",
        RequiredNoteForm,
        lambda sub_task, by, given: lifecycle.give_up(sub_task, by=by, **given),
        lambda sub_task: sub_task.status == SubTaskStatus.NEEDS_ATTENTION and bool(sub_task.follows_id),
        _("Closed. The case stays as it is."),
        _("Write what it is: the person has come back, or which new case erases it."),
    ),
}


@dataclass(frozen=True)
class Offer:
    """A deed as the page offers it: where it is posted, and its empty form."""

    name: str
    deed: Deed
    label: Any
    address: str
    form: forms.Form
    is_open: bool


def form_of(
    deed: Deed,
    name: str,
    about: Any,
    data: Any = None,
    files: Any = None,
    *,
    initial: Any = None,
    enabled: Iterable[Vendor] | None = None,
) -> forms.Form:
    """The form of a deed about a case or sub-task, with ids of its own on the page. `enabled`: the enabled vendor
    accounts, where they are fetched already."""
    more: dict[str, Any] = {}
    if enabled is not None and issubclass(deed.form, IdentifierForm):
        more["kinds"] = identifier_kinds(enabled)
    form = deed.form(data, files, initial=initial, auto_id=f"{name}-{about.pk}-%s", **more)
    if isinstance(form, AttestSharedForm):
        form.offer(by_reference.shared(about))
    if isinstance(form, RecipientForm):
        form.offer(about)
    return form


@dataclass(frozen=True)
class Failed:
    """A form of the case page that was sent and not taken: it stands on the page again as it was sent, and open.
    `about` is the case or sub-task of the deed `name`; for "reveal", the identifier's number or nothing."""

    name: str
    about: Any
    form: forms.Form


def offers(
    deeds: dict[str, Deed],
    user: Any,
    address: Callable[[str], str],
    *about: Any,
    initial: dict[str, Any],
    failed: Failed | None = None,
    enabled: Iterable[Vendor] | None = None,
) -> list[Offer]:
    """The deeds that make sense for `about` and that `user` may do. `address` gives where a deed is posted; `enabled`:
    see `form_of`."""
    found = []
    for name, deed in deeds.items():
        if not user.has_perm(deed.permission) or not deed.shown(*about):
            continue
        again = failed if failed and (failed.name, failed.about) == (name, about[0]) else None
        form = again.form if again else form_of(deed, name, about[0], initial=initial, enabled=enabled)
        label = deed.label(about[0]) if callable(deed.label) else deed.label
        found.append(Offer(name, deed, label, address(name), form, deed.main or bool(again)))
    return found
