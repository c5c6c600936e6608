"""Who the person is: what was checked, and whether it has to be before an approval."""

from typing import Any

from django.utils.timezone import get_default_timezone, localdate
from django.utils.translation import gettext as _

from compliance import clock
from compliance.deadlines import ADVISED, REQUIRED
from erasure import actions, due, evidence
from erasure.errors import Conflict, Invalid
from erasure.models import Case
from erasure.states import CaseStatus, IdentityMethod, IdentityResult, InquiryReason

from .shared import case_event, changing, keep_note, wrong_state


def check_identity(
    case: Case, *, by: Any, method: str, result: str, note: str = "", file: evidence.File | None = None
) -> None:
    """Records that it was checked who the person is: how, by whom and with what result (GDPR art. 12(6); 11 CCR §7060).
    The newest check of a case counts. `file`: what was seen, kept sealed for a short time (`settings.RETENTION`);
    optional, as less is kept without it."""
    problems = []
    if method not in IdentityMethod.values:
        problems.append(("/method", _("Choose a method: %(all)s.") % {"all": ", ".join(IdentityMethod.values)}))
    if result not in IdentityResult.values:
        problems.append(("/result", _("Choose a result: %(all)s.") % {"all": ", ".join(IdentityResult.values)}))
    if problems:
        raise Invalid(problems)
    with changing(case, by) as case:
        if not CaseStatus(case.status).is_open or case.cancelled_at:
            raise wrong_state(case)
        noted = keep_note(case, by, note, about="identity")
        kept = evidence.add(case, by=by, name=file.name, content=file.content, kind=evidence.IDENTITY) if file else None
        case.identity_method, case.identity_result = method, result
        case.identity_checked_at, case.identity_checked_by = clock.now(), by
        case_event(
            case,
            actions.CASE_IDENTITY_CHECKED,
            by,
            method=method,
            result=result,
            **({"evidence": f"evidence:{kept.pk}"} if kept else {}),
            **noted,
        )


def why_not_identified(case: Case) -> Conflict | None:
    """Why a plan of the case cannot be approved for want of an identity check, whoever asks; None if it can: where the
    law of the case (`settings.REGIMES`) requires one that has proven who the person is, where the newest has not, and
    while the person is asked who they are; a check that has proven it ends what was asked by that day."""
    asked = [item for item in case.inquiries.all() if item.reason == InquiryReason.IDENTITY and not item.answered_on]
    if case.identity_result == IdentityResult.PROVEN:
        proven_on = localdate(case.identity_checked_at, get_default_timezone())
        asked = [item for item in asked if item.asked_on > proven_on]
        if not asked:
            return None
    if case.identity_result == IdentityResult.NOT_PROVEN:
        text = _("It was checked who the person is, and it is not proven. Check again, or reject the case.")
    elif asked:
        text = _("The person was asked who they are and has not answered. Record the answer and the check first.")
    elif due.policy(case.regime).identity == REQUIRED:
        text = _("It has to be checked who the person is before this can be approved. Record the check first.")
    else:
        return None
    return Conflict("identity_not_proven", text)


def advises_check(case: Case) -> bool:
    """Whether the law of the case asks to know who the person is, and no check of it is on record."""
    return due.policy(case.regime).identity == ADVISED and not case.identity_result
