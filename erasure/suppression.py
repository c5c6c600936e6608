"""The suppression list: keyed fingerprints of people who were erased, kept for a set time (SUPPRESSION_DAYS, if the
plan that was approved says so), so that data of theirs which comes in again is noticed.

It tells whether somebody who is named is on it, and nothing else. Being on it is itself personal data: each check is on
record with its counts.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.record import actor_of, record
from compliance.vault import own_key
from compliance.vault.seal import Unreadable
from erasure import actions
from erasure.errors import Invalid, NotFound
from erasure.models import Case, Identifier, PlanRevision, Suppressed
from erasure.normalise import check_kind, normalise
from erasure.states import (
    CaseStatus,
    IdentifierState,
    Kind,
    Outcome,
    RemovalReason,
    RevisionStatus,
)

log = logging.getLogger(__name__)
AT_ONCE = 200  # cases in one tick
SAID_AGAIN = 300  # seconds: how often it is said that the key is away
FORGOTTEN_AT_ONCE = 5_000
MOST_CHECKED = 1_000  # by one question
_DONE = (Outcome.ERASED, Outcome.NOT_HELD, Outcome.PROCESSED)


# --- what a plan says -------------------------------------------------------------------------------------------------


def days_for(case: Case, number: int) -> int:
    """For how many days a plan version drawn now would keep the fingerprints of a case; 0: not at all. Later versions
    keep to what the first said."""
    if number > 1:
        return case.revisions.filter(number=1).values_list("keeps_days", flat=True).get()
    return int(settings.SUPPRESSION_DAYS) if case.kind == Kind.ERASURE else 0


def explain(revision: PlanRevision) -> str:
    """What a plan version says of it; empty if it keeps none."""
    if not revision.keeps_days:
        return ""
    text = _(
        "Once the case is completed, keyed fingerprints of its identifiers are kept for %(days)s days, so that data "
        "which comes in again is noticed."
    )
    return text % {"days": revision.keeps_days}


# --- onto the list ----------------------------------------------------------------------------------------------------


def ended(case: Case) -> None:
    """A case has ended: what its plan keeps falls due. Call it under the case's lock."""
    approved = case.revisions.filter(status=RevisionStatus.APPROVED)
    if case.status in (CaseStatus.COMPLETED, CaseStatus.PARTLY_COMPLETED):
        approved.filter(number=1, keeps_days__gt=0).update(keep_since=case.closed_at)


def keep_due() -> None:
    """Puts on the list whoever is due. A case that cannot be read must not hold up the others."""
    due = PlanRevision.objects.filter(keep_since__isnull=False).values_list("case", flat=True)
    for pk in due[:AT_ONCE]:
        with transaction.atomic():
            case = Case.locked().get(pk=pk)
            first = case.revisions.filter(number=1, keep_since__isnull=False).first()
            if first is None:
                continue
            try:
                with transaction.atomic():
                    _keep(case, first)
            except ImproperlyConfigured as error:  # it names no value; the case stays due
                if cache.add("suppression:key", True, timeout=SAID_AGAIN):
                    log.error("%s", error)
                return
            case.revisions.update(keep_since=None)


def _keep(case: Case, first: PlanRevision) -> None:
    """As long as the plan said; nothing at all once it is turned off."""
    if not settings.SUPPRESSION_DAYS or first.keep_since is None:
        return
    until, kept, unreadable = first.keep_since + timedelta(days=first.keeps_days), 0, 0
    for item in _identifiers(case):
        item.case = case
        try:
            mark = _mark(item.kind, normalise(item.kind, item.value(), country=case.country).match)
        except (Unreadable, ValueError):
            unreadable += 1
            continue
        said = {"kind": item.kind, "case": case, "added_at": first.keep_since}
        entry, new = Suppressed.objects.get_or_create(fingerprint=mark, defaults={**said, "until": until})
        if not new:  # erased before: the later erasure counts, and the longer time
            longest = max(entry.until, until)
            Suppressed.objects.filter(pk=entry.pk).update(**said, until=longest)
        kept += 1
    record(
        actions.SUPPRESSION_KEPT,
        actor="system:worker",
        case=case.reference,
        subject=f"case:{case.pk}",
        kept=kept,
        unreadable=unreadable,
        until=until.date().isoformat(),
    )


def _identifiers(case: Case) -> list[Identifier]:
    """The accepted ones; of a case that was completed in part those that a vendor has done."""
    accepted = case.identifiers.filter(state=IdentifierState.ACCEPTED)
    if case.status == CaseStatus.PARTLY_COMPLETED:
        accepted = accepted.filter(uses__outcome__in=_DONE, uses__sub_task__follows=None).distinct()
    return list(accepted)


# --- asked about ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Checked:
    """What is said of one identifier: on the list since when; or `problem`, why it cannot be looked up."""

    since: datetime | None = None
    problem: str = ""

    @property
    def listed(self) -> bool:
        return self.since is not None


def look_up(identifiers: Sequence[tuple[str, str]], *, country: str = "") -> list[Checked]:
    """What is said of each of these (kind, value), in their order, by one query; nothing goes on record."""
    marks: list[str] = []
    problems: list[str] = []
    for kind, value in identifiers:
        mark = problem = ""
        try:
            check_kind(kind)
            mark = _mark(kind, normalise(kind, value, country=country).match)
        except ValueError as error:
            problem = str(error)
        marks.append(mark)
        problems.append(problem)
    listed = Suppressed.objects.filter(fingerprint__in=set(marks) - {""}, until__gt=clock.now())
    since = dict(listed.values_list("fingerprint", "added_at"))
    return [Checked(since.get(mark), problem) for mark, problem in zip(marks, problems, strict=True)]


def check(identifiers: Sequence[tuple[str, str]], *, by: Any, country: str = "") -> list[Checked]:
    """`look_up`, on record. At most MOST_CHECKED at once, or Invalid."""
    if len(identifiers) > MOST_CHECKED:
        raise Invalid([("/identifiers", _("At most %(most)s at once.") % {"most": MOST_CHECKED})])
    with transaction.atomic():
        found = look_up(identifiers, country=country)
        recorded(Counts().of(found), actor=actor_of(by))
    return found


@dataclass
class Counts:
    """What an event says of a check."""

    checked: int = 0
    listed: int = 0
    unreadable: int = 0

    def of(self, found: Sequence[Checked]) -> "Counts":
        self.checked += len(found)
        self.listed += sum(item.listed for item in found)
        self.unreadable += sum(bool(item.problem) for item in found)
        return self


def recorded(counts: Counts, *, actor: str) -> None:
    """Puts a check on record."""
    with transaction.atomic():
        record(
            actions.SUPPRESSION_CHECKED,
            actor=actor,
            checked=counts.checked,
            listed=counts.listed,
            unreadable=counts.unreadable,
        )


# --- off the list -----------------------------------------------------------------------------------------------------


def remove(kind: str, value: str, *, by: Any, reason: str, country: str = "") -> None:
    """Takes somebody off the list by an identifier that is typed in whole. Raises Invalid for one that cannot be looked
    up or a reason that is none, NotFound for one that is not on it."""
    if reason not in RemovalReason.values:
        raise Invalid([("/reason", _("Choose a reason: %(all)s.") % {"all": ", ".join(RemovalReason.values)})])
    try:
        check_kind(kind)
        mark = _mark(kind, normalise(kind, value, country=country).match)
    except ValueError as error:
        raise Invalid([("/value", str(error))]) from None
    with transaction.atomic():
        entry = Suppressed.objects.filter(fingerprint=mark, until__gt=clock.now()).select_related("case").first()
        if entry is None or not Suppressed.objects.filter(pk=entry.pk).delete()[0]:
            raise NotFound("not_found", _("This identifier is not on the list. Nothing was changed."))
        record(
            actions.SUPPRESSION_REMOVED,
            actor=actor_of(by),
            case=entry.case.reference,
            subject=f"suppressed:{entry.pk}",
            kind=kind,
            reason=reason,
        )


def forget(now: datetime) -> None:
    """Removes entries whose time is over, so many at a time."""
    over = Suppressed.objects.filter(until__lte=now).order_by("until").values_list("pk", flat=True)
    if gone := list(over[:FORGOTTEN_AT_ONCE]):
        with transaction.atomic():
            count, _each = Suppressed.objects.filter(pk__in=gone).delete()
            record(actions.SUPPRESSION_EXPIRED, actor="system:worker", count=count)


def _mark(kind: str, match: str) -> str:
    return own_key.fingerprint(
        "SUPPRESSION_KEY", settings.SUPPRESSION_KEY, f"{kind}\0{match}", in_use=Suppressed.objects.exists
    )
