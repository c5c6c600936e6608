"""From a case to its plan: which vendor, which operation, which identifiers, and why not.

A plan version is drawn again, in place, until it is approved; from then on it never changes, and later versions hold
only what is added. Its digest binds what an approval approves: vendors, addresses, operations, the options that change
an effect, the identifiers' exact text, and for how long fingerprints are kept. The digest is keyed by the case, so it
gives nothing away.
"""

import dataclasses
import json
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.record import actor_of, record
from compliance.vault.seal import keyed_digest
from erasure import actions, suppression
from erasure.connectors.base import BadSettings, Connector
from erasure.errors import Conflict
from erasure.models import Case, Identifier, PlanParty, PlanRevision, SubTask, SubTaskIdentifier, Vendor, VendorChange
from erasure.states import (
    IdentifierState,
    Kind,
    Operation,
    RevisionStatus,
    Role,
    SubTaskStatus,
)

from .reasons import BY_HAND, NO_IDENTIFIER, NOT_OFFERED, refusal, refused_on


@dataclass(frozen=True)
class Part:
    """One vendor's part of a plan, before it is stored. `reason` says why it is not simply sent."""

    vendor: Vendor
    connector: Connector
    operation: Operation
    identifiers: tuple[tuple[Identifier, str], ...]
    reason: str = ""

    @property
    def by_hand(self) -> bool:
        return self.reason in (BY_HAND, NOT_OFFERED)


# --- drawing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Facts:
    """What a plan version is drawn from: the vendors of the case, its accepted identifiers, the vendors that approved
    versions before it hold, those of them that these refuse, and the pairs of a vendor and an identifier that these
    cover."""

    vendors: Iterable[Vendor]
    usable: Sequence[Identifier]
    planned: Collection[Any]
    refused: Collection[Any]
    covered: Collection[tuple[Any, Any]]


def facts(case: Case, number: int) -> Facts:
    """What plan version `number` is drawn from, as things stand."""
    usable = list(case.identifiers.filter(state=IdentifierState.ACCEPTED).select_related("added_by"))
    for item in usable:
        item.case = case
    earlier = SubTask.objects.filter(case=case, revision__number__lt=number, revision__status=RevisionStatus.APPROVED)
    reasons = list(earlier.values_list("vendor", "reason"))
    return Facts(
        vendors=vendors_of(case),
        usable=usable,
        planned={vendor for vendor, _reason in reasons},
        refused={vendor for vendor, reason in reasons if refused_on(reason)},
        covered=set(earlier.values_list("vendor", "identifiers__identifier")),
    )


def draw(case: Case, number: int, given: Facts | None = None) -> list[Part]:
    """The parts that plan version `number` should hold as things stand (`given`, where that is fetched already).
    Reads only.

    The first holds every vendor of the case; a later one only vendors that gain identifiers or are new. A vendor that
    found an identifier itself gets no new work for it."""
    operation = Kind(case.kind).operation
    given = given or facts(case, number)
    usable, planned, covered = given.usable, given.planned, given.covered
    parts = []
    for vendor in given.vendors:
        connector = _connector(vendor)
        known = connector.accepts
        mine = [(item, known[item.kind]) for item in usable if item.kind in known and item.found_by_id != vendor.pk]
        added = tuple((item, name) for item, name in mine if (vendor.pk, item.pk) not in covered)
        if ground := case.refused_vendors.get(str(vendor.pk)):
            if vendor.pk in given.refused:  # what an approval has refused stays so
                continue
            reason = refusal(ground)
        elif not mine:
            reason = NO_IDENTIFIER
        elif connector.by_hand:
            reason = BY_HAND
        else:
            reason = "" if operation in connector.starts else NOT_OFFERED
        if added or (not mine and vendor.pk not in planned):
            parts.append(Part(vendor, connector, operation, added, reason))
    return parts


def vendors_of(case: Case) -> QuerySet[Vendor]:
    """The enabled vendors of a case: those it names, or all."""
    return Vendor.objects.filter(is_of(case), enabled=True).order_by("name")


def is_of(case: Case) -> Q:
    """That an account is among the vendors that the case names, or that it names none; for a query about vendors."""
    named = Case.vendors.through.objects.filter(case=case)
    return Exists(named.filter(vendor=OuterRef("pk"))) | ~Exists(named)


def takers(case: Case) -> list[tuple[Vendor, set[str]]]:
    """The enabled vendors of a case, each with the identifier kinds that it takes."""
    found = []
    for vendor in vendors_of(case):
        with suppress(BadSettings):  # the plan says so
            found.append((vendor, set(vendor.speaks().accepts)))
    return found


def kinds_taken(case: Case, *, besides: Vendor) -> set[str]:
    """The identifier kinds that another vendor of the case than `besides` takes."""
    return set[str]().union(*(kinds for vendor, kinds in takers(case) if vendor.pk != besides.pk))


def _connector(vendor: Vendor) -> Connector:
    try:
        return vendor.speaks()
    except BadSettings as error:
        text = _(
            "The settings of the vendor account %(name)s do not fit (%(why)s). Correct them first; nothing was done."
        )
        raise Conflict("vendor_settings", text % {"name": vendor.name, "why": error}) from None


def redraw(case: Case, *, by: Any = None) -> PlanRevision | None:
    """Brings the case's open plan version up to date, making one if there is anything for it. Call it under the case's
    lock. `by`, if given, becomes one of its authors, who cannot approve it."""
    revision = case.revisions.filter(status=RevisionStatus.OPEN).first()
    number = revision.number if revision else case.revisions.count() + 1
    parts = draw(case, number)
    if revision is None:
        if number > 1 and not parts:
            return None
        revision = PlanRevision.objects.create(case=case, number=number, created_at=clock.now())
    for author in _authors(case, revision, parts, by):
        PlanParty.objects.get_or_create(
            revision=revision, person=author, defaults={"role": Role.AUTHOR, "at": clock.now()}
        )
    keeps_days = suppression.days_for(case, number)
    digest = _digest_of(case, [_part_digest(case, part) for part in parts], keeps_days)
    if digest == revision.digest:
        return revision
    action = actions.PLAN_REDRAWN if revision.digest else actions.PLAN_DRAWN
    _store(case, revision, parts)
    revision.digest, revision.keeps_days = digest, keeps_days
    revision.save(update_fields=["digest", "keeps_days"])
    record(
        action,
        actor=actor_of(by) if by else "system:desk",
        case=case.reference,
        subject=f"plan:{revision.pk}",
        revision=revision.number,
        digest=digest,
        vendors=len(parts),
    )
    return revision


def _authors(case: Case, revision: PlanRevision, parts: Sequence[Part], by: Any) -> set[Any]:
    """Whoever opened the case, changed this plan version, added an identifier that it sends, or changed a vendor
    account of it while it was open: none of them can approve it."""
    added = {item.added_by for part in parts for item, _name in part.identifiers}
    accounts = {part.vendor for part in parts} | set(Vendor.objects.filter(sub_tasks__revision=revision))
    changes = VendorChange.objects.filter(vendor__in=accounts, at__gt=revision.created_at).select_related("person")
    return ({case.opened_by, by} | added | {change.person for change in changes}) - {None}


def is_current(case: Case, revision: PlanRevision, given: Facts | None = None) -> bool:
    """Whether an open plan version still says what would be drawn now (`given`: see `draw`)."""
    parts = draw(case, revision.number, given)
    keeps_days = revision.keeps_days if revision.number > 1 else suppression.days_for(case, 1)
    return revision.digest == _digest_of(case, [_part_digest(case, part) for part in parts], keeps_days)


def still_approved(
    sub_task: SubTask, uses: Sequence[SubTaskIdentifier] | None = None, digests: Sequence[str] | None = None
) -> bool:
    """Whether what a sub-task would send is what its approved plan version says. Checked at every claim, and then from
    the database alone; a page may give what it has fetched: the sub-task's identifiers, and the digests of all
    sub-tasks of the version."""
    case, revision = sub_task.case, sub_task.revision
    if sub_task.follows:  # what it asks about was approved, and with it that it is asked again
        sub_task, uses = sub_task.follows, None
        sub_task.case, sub_task.revision = case, revision
    if uses is None:
        uses = list(sub_task.identifiers.select_related("identifier"))
    for use in uses:
        use.identifier.case = case
    part = Part(
        vendor=sub_task.vendor,
        connector=sub_task.vendor.speaks(),
        operation=Operation(sub_task.operation),
        identifiers=tuple((use.identifier, use.vendor_name) for use in uses),
        reason=sub_task.reason,
    )
    if _part_digest(case, part) != sub_task.digest or revision.status != RevisionStatus.APPROVED:
        return False
    if digests is None:
        digests = list(revision.sub_tasks.filter(follows=None).values_list("digest", flat=True))
    return revision.digest == _digest_of(case, digests, revision.keeps_days)


def _store(case: Case, revision: PlanRevision, parts: Sequence[Part]) -> None:
    revision.sub_tasks.filter(status=SubTaskStatus.PLANNED).delete()
    for part in parts:
        sub_task = SubTask.objects.create(
            case=case,
            revision=revision,
            vendor=part.vendor,
            operation=part.operation,
            by_hand=part.by_hand,
            reason=part.reason,
            digest=_part_digest(case, part),
            created_at=clock.now(),
        )
        SubTaskIdentifier.objects.bulk_create(
            SubTaskIdentifier(sub_task=sub_task, identifier=item, vendor_name=name) for item, name in part.identifiers
        )


# --- the digest -------------------------------------------------------------------------------------------------------


def effects(connector: Connector) -> dict[str, Any]:
    """The options of an account that change what is done at the vendor; a later one not while it has its default."""
    return {
        item.name: getattr(connector.options, item.name)
        for item in dataclasses.fields(connector.options)
        if item.metadata.get("effect")
        and not (item.metadata.get("later") and getattr(connector.options, item.name) == item.default)
    }


def _part_digest(case: Case, part: Part) -> str:
    said = {
        "vendor": str(part.vendor.pk),
        "connector": part.connector.key,
        "base_url": part.vendor.base_url,
        "options": effects(part.connector),
        "operation": part.operation,
        "by_hand": part.by_hand,
        "identifiers": sorted((str(item.pk), item.kind, item.value(), name) for item, name in part.identifiers),
        **({"refused": ground} if (ground := refused_on(part.reason)) else {}),
    }
    return keyed_digest(case.data_key, "plan-part", json.dumps(said, sort_keys=True).encode())


def _digest_of(case: Case, digests: Sequence[str], keeps_days: int) -> str:
    keeps = [f"keeps {keeps_days} days"] if keeps_days else []
    return keyed_digest(case.data_key, "plan", "\n".join([*sorted(digests), *keeps]).encode())
