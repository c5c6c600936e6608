"""A case's clock and what else its law asks for, by the regimes as this installation has them (`settings.REGIMES`)."""

from datetime import date

from django.conf import settings

from compliance import clock
from compliance.deadlines import Pause, Policy, Reckoning, due_on, reckon, working, working_days_after
from erasure.models import Case
from erasure.states import Kind


def policy(regime: str) -> Policy:
    found: Policy = settings.REGIMES[regime]
    return found


def day(regime: str, received_on: date, country: str, subdivision: str) -> date:
    """The last day for the reply to a request of this day."""
    return due_on(policy(regime), received_on, country=country, subdivision=subdivision)


def stands_for(regime: str, reason: str) -> bool:
    """Whether the clock stands while the person is asked this."""
    return reason in policy(regime).pauses


def awaits_notice(case: Case) -> bool:
    """Whether nothing of the case may be done before the person is told that the restriction ends (GDPR art. 18(3))."""
    lifts = case.kind == Kind.LIFT_RESTRICTION and not case.told_of_lifting_at
    return lifts and policy(case.regime).tells_of_lifting


def reckoning(case: Case) -> Reckoning:
    """What was extended stays so where the settings have taken the extension away. An open question to the person is
    reckoned as of today."""
    law = policy(case.regime)
    asked = [item for item in case.inquiries.all() if stands_for(case.regime, item.reason)]
    return reckon(
        law,
        case.received_on,
        country=case.country,
        subdivision=case.subdivision,
        extended=bool(case.extended_at) and law.extends,
        pauses=[Pause(item.reason, item.asked_on, item.answered_on) for item in asked],
        today=clock.today(),
    )


def confirm_by(case: Case) -> date | None:
    """The last day for confirming receipt to the person; None where the law of the case does not ask for it."""
    days = policy(case.regime).confirm_working_days
    return working_days_after(case.received_on, days, case.country, case.subdivision) if days else None


def told(case: Case, found: Reckoning) -> str:
    """How the case's last day was found, in the reader's language. Empty if it was found by other rules than today's:
    a change of the settings moves no date of a case that is there."""
    return working(found) if found.due_on == case.due_on else ""
