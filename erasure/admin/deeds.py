"""What staff can do with a case and with vendor work: each deed with its permission, its form and its one function.

The page shows a deed only when it makes sense and the person may; whether it is done is decided by the permission, in
the view, and by lifecycle."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erasure import intake, lifecycle
from erasure.errors import NotFound
from erasure.models import Case, Identifier, PlanRevision
from erasure.states import CASE_MOVES, CLAIMABLE, CaseStatus, IdentifierState, SubTaskStatus

from .forms import (
    ApproveForm,
    AssignForm,
    CancelForm,
    IdentifierForm,
    NoteForm,
    RejectForm,
    RemoveForm,
    RequiredNoteForm,
)


@dataclass(frozen=True)
class Deed:
    """`run` gets the case or sub-task, the acting account and the form's values; it returns what to tell in place of
    `done`, or None. `shown` says whether the page offers it. `main` deeds stand open on the page."""

    label: Any
    permission: str
    form: type[forms.Form]
    run: Callable[[Any, Any, dict[str, Any]], str | None]
    shown: Callable[..., bool]
    done: Any
    help: Any = ""
    main: bool = False


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
    known = set(case.identifiers.exclude(state=IdentifierState.DISMISSED).values_list("pk", flat=True))
    before = lifecycle.open_revision(case)
    if intake.add_identifier(case, by=by, **given).pk in known:
        return gettext("The case has this identifier already. Nothing changed.")
    after = lifecycle.open_revision(case)
    if (after and after.digest) == (before and before.digest):
        return gettext(
            "The identifier is in the case. No vendor of the case takes this kind, so the plan stays as it is."
        )
    if after and case.status == CaseStatus.IN_PROGRESS:
        text = gettext("Plan version %(number)s now awaits the approval of another person.")
        return gettext("The identifier is in the case.") + " " + text % {"number": after.number}
    return None


def _approve(case: Case, by: Any, given: dict[str, Any]) -> str | None:
    lifecycle.approve(case, by=by, **given)
    return why_not_sent(case)


def why_not_sent(case: Case) -> str | None:
    """Said after an approval: what keeps the approved work from being sent, or None."""
    if case.held_at:
        return gettext("Approved. The case is on hold: it goes on once it is released.")
    paused = case.sub_tasks.filter(status__in=CLAIMABLE).exclude(vendor__pause="")
    names = paused.order_by("vendor__name").values_list("vendor__name", flat=True).distinct()
    if not names:
        return None
    text = gettext("Approved. The vendor account is paused, and this work goes on once it is resumed: %(vendors)s.")
    return text % {"vendors": ", ".join(names)}


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
    "hold": Deed(
        _("Put on hold"),
        "erasure.hold_case",
        NoteForm,
        lambda case, by, given: lifecycle.hold(case, by=by, **given),
        lambda case, revision: _open(case, revision) and not case.held_at,
        _("On hold: no further call is made for this case until it is released."),
        _("No further call is made until it is released. The time to reply runs on."),
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
        _("Cancel"),
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
}

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
        _("Confirm by hand"),
        "erasure.attest_subtask",
        RequiredNoteForm,
        lambda sub_task, by, given: lifecycle.attest(sub_task, by=by, **given),
        lambda sub_task: sub_task.status in _FOR_A_PERSON and not sub_task.case.held_at,
        _("Confirmed by hand."),
        _("Write what you did, or what the vendor's own screen says."),
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
        lambda sub_task, by, given: lifecycle.give_up(sub_task, by=by, **given),
        lambda sub_task: sub_task.status in _FOR_A_PERSON,
        _("Given up. The case can only end partly completed."),
        _("The case can then only end partly completed."),
    ),
}


@dataclass(frozen=True)
class Offer:
    """A deed as the page offers it: where it is posted, and its empty form."""

    name: str
    deed: Deed
    address: str
    form: forms.Form
    is_open: bool


def form_of(deed: Deed, name: str, about: Any, data: Any = None, initial: Any = None) -> forms.Form:
    """The form of a deed about a case or sub-task, with ids of its own on the page."""
    return deed.form(data, initial=initial, auto_id=f"{name}-{about.pk}-%s")


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
) -> list[Offer]:
    """The deeds that make sense for `about` and that `user` may do. `address` gives where a deed is posted."""
    found = []
    for name, deed in deeds.items():
        if not user.has_perm(deed.permission) or not deed.shown(*about):
            continue
        again = failed if failed and (failed.name, failed.about) == (name, about[0]) else None
        form = again.form if again else form_of(deed, name, about[0], initial=initial)
        found.append(Offer(name, deed, address(name), form, deed.main or bool(again)))
    return found
