"""The register of who is restricted (GDPR art. 18): the cases of restrictions that are in force."""

from typing import Any

from django.db.models import QuerySet

from compliance import clock
from compliance.audit.record import record
from erasure import actions
from erasure.models import Case, SubTask, SubTaskIdentifier
from erasure.states import IdentifierState, Kind, Outcome


def enter(case: Case) -> None:
    """Brings the register up to date with a case that has just ended: a restriction enters it; a lifting takes out the
    restrictions of the same person of which no vendor is left. Call it under the case's lock."""
    if case.kind == Kind.RESTRICTION and _vendors(case, Outcome.RESTRICTED):
        case.restricted_at = clock.now()
        case.save(update_fields=["restricted_at"])
    if case.kind == Kind.LIFT_RESTRICTION and _vendors(case, Outcome.UNRESTRICTED):
        for restricted in _of_the_same_person(case):
            if not still_restricting(restricted):
                restricted.lifted_at = clock.now()
                restricted.save(update_fields=["lifted_at"])
                record(
                    actions.CASE_LIFTED,
                    actor="system:desk",
                    case=restricted.reference,
                    subject=f"case:{restricted.pk}",
                    by_case=case.reference,
                )


def in_force(case: Case) -> QuerySet[Case]:
    """The restrictions in force of whoever a case names by one of its identifiers."""
    return Case.objects.filter(
        identifiers__fingerprint__in=_names(case),
        identifiers__state=IdentifierState.ACCEPTED,
        restricted_at__isnull=False,
        lifted_at=None,
    )


def _of_the_same_person(case: Case) -> list[Case]:
    found = in_force(case)
    return list(Case.locked().filter(pk__in=found.values("pk")).order_by("pk"))


def still_restricting(restricted: Case) -> set[Any]:
    """The vendors at which a restriction is in force: that have restricted and have not lifted since."""
    lifted = SubTaskIdentifier.objects.filter(
        outcome=Outcome.UNRESTRICTED,
        identifier__fingerprint__in=_names(restricted),
        sub_task__case__kind=Kind.LIFT_RESTRICTION,
        sub_task__ended_at__gt=restricted.restricted_at,
    )
    return _vendors(restricted, Outcome.RESTRICTED) - set(lifted.values_list("sub_task__vendor", flat=True))


def _names(case: Case) -> list[str]:
    """The fingerprints of whom a case is about: what vendors found and nobody accepted may be somebody else's."""
    accepted = case.identifiers.filter(state=IdentifierState.ACCEPTED).exclude(fingerprint="")
    return list(accepted.values_list("fingerprint", flat=True))


def _vendors(case: Case, outcome: Outcome) -> set[Any]:
    work = SubTask.objects.filter(case=case, identifiers__outcome=outcome)
    return set(work.values_list("vendor", flat=True))
