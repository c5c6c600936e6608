"""What can be done with many at once. To add a deed is to add an entry here: a permission, and a function that does one
row and is called in the transaction that keeps the row's result."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from compliance.vault.seal import Unreadable
from erasure import letters, lifecycle, waiting
from erasure.errors import Conflict
from erasure.lifecycle.shared import wrong_state
from erasure.models import BulkRow, Case, SubTask
from erasure.states import BulkDeed, CaseStatus, Channel, LetterKind, SubTaskStatus

Given = dict[str, Any]


@dataclass(frozen=True)
class Deed:
    """`do` gets a row, the acting account and what was given for all; it may return a remark on what it did, and raises
    a DeskError when nothing was done. `refuses` foretells that for a case with `looking`'s facts: a reason, or an empty
    text; `sealed`: for that it reads what is sealed. `about`: the vendor work that it is done to. `bound`: it is bound
    to what was shown, the plan version or that vendor work. `reads`: it only reads, and is never carried out."""

    permission: str
    do: Callable[[BulkRow, Any, Given], str | None]
    refuses: Callable[[Any, Any], str] = lambda case, person: ""
    about: SubTaskStatus | None = None
    bound: bool = False
    reads: bool = False
    sealed: bool = False


NOTHING_TO_APPROVE = _("No plan of this case awaits approval.")
NO_IDENTIFIER = _("The case has no identifier. Add one, then submit it.")
PLAN_CHANGED = _("The plan has changed since it was read. Nothing was rejected. Read it again, then decide.")
NO_ATTENTION = _("No vendor work of this case needs attention.")
NO_CONFIRMATION = _("No vendor work of this case awaits confirmation by hand.")
NO_SEARCH = _("No vendor work of this case awaits an identifier.")
ANSWERED = _("A reply was recorded before. Nothing was changed.")
ACKNOWLEDGED = _("The receipt was confirmed before. Nothing was changed.")
WORK_CHANGED = _(
    "What awaits confirmation in this case has changed since it was read. Nothing was confirmed. Look at the vendor's "
    "own screen again, then choose the case again."
)
NOT_HELD = _("The case is not on hold.")


# --- submitting, approving, rejecting ---------------------------------------------------------------------------------


def _submit(row: BulkRow, by: Any, given: Given) -> None:
    lifecycle.submit(_case(row), by=by)


def _no_submitting(case: Any, person: Any) -> str:
    if case.status != CaseStatus.DRAFT:
        return wrong_state(case).text
    return "" if case.has_identifier else str(NO_IDENTIFIER)


def _approve(row: BulkRow, by: Any, given: Given) -> str | None:
    case = _case(row)
    lifecycle.approve(case, by=by, digest=row.digest, note=given.get("note", ""))
    return waiting.why_not_sent(case)


def _no_approving(case: Any, person: Any) -> str:
    under_way = case.status in (CaseStatus.AWAITING_APPROVAL, CaseStatus.IN_PROGRESS) and not case.cancelled_at
    if not under_way or case.plan_digest is None:
        return str(NOTHING_TO_APPROVE)
    if case.is_author:
        return lifecycle.author_may_not(case, person)
    refused = lifecycle.why_not_identified(case)
    return refused.text if refused else ""


def _reject(row: BulkRow, by: Any, given: Given) -> None:
    case = Case.locked().get(pk=_case(row).pk)
    revision = lifecycle.open_revision(case)
    if (revision.digest if revision else "") != row.digest:
        raise Conflict("plan_changed", str(PLAN_CHANGED))
    lifecycle.reject(case, by=by, ground=given["ground"], note=given.get("note", ""))


def _no_rejecting(case: Any, person: Any) -> str:
    if case.status in (CaseStatus.DRAFT, CaseStatus.AWAITING_APPROVAL):
        return ""
    open_plan = case.status == CaseStatus.IN_PROGRESS and not case.cancelled_at and case.plan_digest is not None
    return "" if open_plan else wrong_state(case).text


# --- holding ----------------------------------------------------------------------------------------------------------


def _no_holding(case: Any, person: Any) -> str:
    return wrong_state(case).text if case.held_at or case.shredded_at else ""


def _no_releasing(case: Any, person: Any) -> str:
    return "" if case.held_at else str(NOT_HELD)


# --- the time to reply ------------------------------------------------------------------------------------------------


def _owes_none(case: Any) -> str:
    if case.replied_at:
        return str(ANSWERED)
    return wrong_state(case).text if case.cancelled_at or case.status == CaseStatus.DRAFT else ""


def _no_replying(case: Any, person: Any) -> str:
    return _owes_none(case)


def _no_extending(case: Any, person: Any) -> str:
    refused = lifecycle.why_not_extend(case)
    return _owes_none(case) or (refused.text if refused else "")


# --- letters, by e-mail: whoever has no address for that is written to from the page of their case --------------------


_BEFORE = {LetterKind.ACKNOWLEDGEMENT: ACKNOWLEDGED, LetterKind.COMPLETION: ANSWERED}


def _writes(kind: LetterKind) -> Callable[[BulkRow, Any, Given], None]:
    def write(row: BulkRow, by: Any, given: Given) -> None:
        with transaction.atomic():  # nobody looks by now: what another letter has told meanwhile is not told twice
            sent = letters.send(_case(row), kind, by=by, channel=Channel.EMAIL, number=row.pk)
            if sent.remarks:
                raise Conflict("told_before", str(_BEFORE[kind]))

    return write


def _no_mail(case: Any) -> str:
    try:
        refused = letters.why_not_mail(case)
    except Unreadable as error:
        return str(error)
    return refused.text if refused else ""


def _no_acknowledging(case: Any, person: Any) -> str:
    if case.acknowledged_at:
        return str(ACKNOWLEDGED)
    return wrong_state(case).text if case.cancelled_at else _no_mail(case)


def _no_answering(case: Any, person: Any) -> str:
    return _owes_none(case) or _no_mail(case)


# --- vendor work: all of a case that it is about, or none of it -------------------------------------------------------


def _retry(row: BulkRow, by: Any, given: Given) -> None:
    with transaction.atomic():
        for sub_task in _works(row, SubTaskStatus.NEEDS_ATTENTION, given, NO_ATTENTION):
            lifecycle.retry(sub_task, by=by)


def _attest(row: BulkRow, by: Any, given: Given) -> None:
    with transaction.atomic():
        for sub_task in _as_shown(row, SubTaskStatus.AWAITING_ATTESTATION, given, NO_CONFIRMATION):
            lifecycle.attest(sub_task, by=by, note=given["note"], held=given["held"])


def _searched(row: BulkRow, by: Any, given: Given) -> None:
    with transaction.atomic():
        for sub_task in _as_shown(row, SubTaskStatus.AWAITING_IDENTIFIER, given, NO_SEARCH):
            lifecycle.searched(sub_task, by=by, note=given["note"])


def _as_shown(row: BulkRow, status: SubTaskStatus, given: Given, none: Any) -> list[SubTask]:
    """`_works`, unless what waits in the case is not what was shown: of that nobody can say what was done."""
    case = Case.locked().get(pk=_case(row).pk)
    works = _works(row, status, given, none)
    if vendor_work([case.pk], status)[case.pk] != row.digest:
        raise Conflict("work_changed", str(WORK_CHANGED))
    return works


def vendor_work(cases: Collection[UUID], status: SubTaskStatus) -> dict[UUID, str]:
    """Case → what stands for the vendor work of it that has this status."""
    found: dict[UUID, list[str]] = defaultdict(list)
    works = SubTask.objects.filter(case__in=cases, status=status).order_by("pk")
    for case, pk, epoch in works.values_list("case", "pk", "epoch"):
        found[case].append(f"{pk} {epoch}")
    return {case: hashlib.sha256(" ".join(parts).encode()).hexdigest() for case, parts in found.items()}


def _no_confirming(case: Any, person: Any) -> str:
    if not case.awaits_confirmation:
        return str(NO_CONFIRMATION)
    return wrong_state(case).text if case.held_at else ""


def _no_searching(case: Any, person: Any) -> str:
    return "" if case.awaits_identifier else str(NO_SEARCH)


def _works(row: BulkRow, status: SubTaskStatus, given: Given, none: Any) -> list[SubTask]:
    """The vendor work of a row's case that has this status, of the vendor that was chosen or of all. Raises Conflict
    with the text `none` where there is none."""
    works: QuerySet[SubTask] = SubTask.objects.filter(case=_case(row), status=status)
    if given.get("vendor"):
        works = works.filter(vendor=given["vendor"])
    found = list(works.select_related("case__data_key", "vendor").order_by("pk"))
    if not found:
        raise Conflict("nothing_to_do", str(none))
    return found


def _case(row: BulkRow) -> Case:
    assert row.case, "these rows have a case"
    return row.case


# --- the registry -----------------------------------------------------------------------------------------------------


def _nothing(row: BulkRow, by: Any, given: Given) -> None:
    raise Conflict("nothing_to_do", "")


DEEDS: dict[str, Deed] = {
    BulkDeed.SUBMIT: Deed("erasure.submit_case", _submit, _no_submitting),
    BulkDeed.APPROVE: Deed("erasure.approve_case", _approve, _no_approving, bound=True),
    BulkDeed.REJECT: Deed("erasure.reject_case", _reject, _no_rejecting, bound=True),
    BulkDeed.RETRY: Deed(
        "erasure.retry_subtask",
        _retry,
        lambda case, person: "" if case.needs_attention else str(NO_ATTENTION),
        SubTaskStatus.NEEDS_ATTENTION,
    ),
    BulkDeed.ATTEST: Deed(
        "erasure.attest_subtask", _attest, _no_confirming, SubTaskStatus.AWAITING_ATTESTATION, bound=True
    ),
    BulkDeed.SEARCHED: Deed(
        "erasure.attest_subtask", _searched, _no_searching, SubTaskStatus.AWAITING_IDENTIFIER, bound=True
    ),
    BulkDeed.REPLY: Deed(
        "erasure.change_case", lambda row, by, given: lifecycle.reply(_case(row), by=by, **given), _no_replying
    ),
    BulkDeed.EXTEND: Deed(
        "erasure.change_case", lambda row, by, given: lifecycle.extend(_case(row), by=by, **given), _no_extending
    ),
    BulkDeed.SEND_ACKNOWLEDGEMENT: Deed(
        letters.PERMISSIONS[LetterKind.ACKNOWLEDGEMENT],
        _writes(LetterKind.ACKNOWLEDGEMENT),
        _no_acknowledging,
        sealed=True,
    ),
    BulkDeed.SEND_COMPLETION: Deed(
        letters.PERMISSIONS[LetterKind.COMPLETION], _writes(LetterKind.COMPLETION), _no_answering, sealed=True
    ),
    BulkDeed.HOLD: Deed(
        "erasure.hold_case",
        lambda row, by, given: lifecycle.hold(_case(row), by=by, note=given.get("note", "")),
        _no_holding,
    ),
    BulkDeed.RELEASE: Deed(
        "erasure.hold_case",
        lambda row, by, given: lifecycle.release(_case(row), by=by, note=given.get("note", "")),
        _no_releasing,
    ),
    BulkDeed.EXPORT: Deed("audit.export_event", _nothing, reads=True),
}
