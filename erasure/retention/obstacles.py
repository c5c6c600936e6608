"""Why the personal data of a case cannot be destroyed now."""

from collections.abc import Callable

from django.utils.translation import gettext as _

from erasure import lifecycle
from erasure.models import BulkRow, Call, Case, ImportRow
from erasure.states import CLAIMABLE, ENDED, BulkStatus, CaseStatus, ImportStatus, Kind, MailState

_NOT_SENT = (MailState.QUEUED, MailState.SENDING, MailState.UNKNOWN, MailState.FAILED)


def why_not(case: Case, *, by_hand: bool = False) -> str:
    """One sentence; empty if nothing is in the way. `by_hand`: that a vendor is to be asked once more is not in the way
    of people, who stop it by it. Call it under the case's lock."""
    return of_the_case(case) or next((says for found, says in _around(case, by_hand) if found()), "")


def of_the_case(case: Case) -> str:
    """What of it the case alone tells."""
    if case.shredded_at:
        return _("The personal data of this case was destroyed before.")
    if case.held_at:
        return _("The case is on hold. Release it first.")
    if CaseStatus(case.status).is_open:
        return _("The case has not ended. Cancel it first, or see it through.")
    if case.is_unanswered:
        return _("The person has not been answered. Answer them, and record the reply first.")
    if case.restricted_at and not case.lifted_at:
        return _("The restriction is in force: without the person's data nobody could lift it.")
    return ""


def _around(case: Case, by_hand: bool) -> list[tuple[Callable[[], bool], str]]:
    """What else is to be asked, one query each, in the order in which it is told."""
    work = case.sub_tasks.exclude(status__in=ENDED)
    if by_hand:
        work = work.exclude(follows__isnull=False, status__in=CLAIMABLE)
    calls = Call.objects.filter(verdict="", sub_tasks__case=case)
    rows = ImportRow.objects.filter(case=case, source__status=ImportStatus.RUNNING)
    bulk = BulkRow.objects.filter(case=case, result="", job__status=BulkStatus.RUNNING)
    lifts = case.kind == Kind.LIFT_RESTRICTION
    return [
        (work.exists, _("Vendor work of the case is not over: see what waits there.")),
        (calls.exists, _("A vendor is being called for the case at this moment. Try again in some minutes.")),
        (
            case.letters.filter(mail__in=_NOT_SENT).exists,
            _("A letter of the case has not been sent, or nobody knows whether it was. Settle it first."),
        ),
        (
            lambda: lifts and lifecycle.in_force(case).exists(),
            _("It lifts a restriction of this person that is still in force at another vendor."),
        ),
        (
            case.revisions.filter(keep_since__isnull=False).exists,
            _("Its fingerprints are not on the suppression list yet. Try again in some minutes."),
        ),
        (rows.exists, _("The import that opened it is still running. Try again once it has ended.")),
        (bulk.exists, _("Bulk work with this case is still running. Try again once it has ended.")),
    ]
