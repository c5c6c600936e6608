"""From a case to its plan: which vendor, which operation, which identifiers, and why not.

A plan version is drawn again, in place, until it is approved; from then on it never changes, and later versions hold
only what is added. Its digest binds what an approval approves: vendors, addresses, operations, the options that change
an effect, and the identifiers' exact text. The digest is keyed by the case, so it gives nothing away.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.record import actor_of, record
from compliance.vault.seal import keyed_digest
from erasure import actions
from erasure.connectors.base import BadSettings, Connector, Id, Misconfigured, Work
from erasure.connectors.http import PreparedCall, Preview, Previewed
from erasure.errors import Conflict
from erasure.models import Case, Identifier, PlanParty, PlanRevision, SubTask, SubTaskIdentifier, Vendor
from erasure.states import (
    IdentifierState,
    Kind,
    Operation,
    RevisionStatus,
    Role,
    SubTaskStatus,
)

NO_IDENTIFIER, BY_HAND, NOT_OFFERED = "no_identifier", "by_hand", "not_offered"


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


def reason_text(reason: str) -> str:
    """A reason as a sentence for staff."""
    return {
        NO_IDENTIFIER: _("Nothing here names the person at this vendor: look them up and add an identifier."),
        BY_HAND: _("This system has no API: a person does the work and confirms it."),
        NOT_OFFERED: _("This vendor's API cannot do this: a person does the work and confirms it."),
        "searched_none": _("Searched by hand, none found."),
        "replaced": _("Taken over by a later plan version."),
        "stopped_before_sending": _("Stopped before anything was sent."),
        "stopped_before_effect": _("Stopped before the vendor was asked to change anything."),
        "given_up": _("Given up by hand."),
        "discarded": _("Its plan version was rejected."),
    }.get(reason, "")


# --- drawing ----------------------------------------------------------------------------------------------------------


def draw(case: Case, number: int) -> list[Part]:
    """The parts that plan version `number` should hold as things stand. Reads only.

    The first holds every vendor of the case; a later one only vendors that gain identifiers or are new."""
    operation = Kind(case.kind).operation
    usable = list(case.identifiers.filter(state=IdentifierState.ACCEPTED).select_related("added_by"))
    for item in usable:
        item.case = case
    earlier = SubTask.objects.filter(case=case, revision__number__lt=number, revision__status=RevisionStatus.APPROVED)
    planned = set(earlier.values_list("vendor", flat=True))
    covered = set(earlier.values_list("vendor", "identifiers__identifier"))
    chosen = case.vendors.all() if case.vendors.exists() else Vendor.objects.all()
    parts = []
    for vendor in chosen.filter(enabled=True).order_by("name"):
        connector = _connector(vendor)
        mine = [(item, connector.accepts[item.kind]) for item in usable if item.kind in connector.accepts]
        added = tuple((item, name) for item, name in mine if (vendor.pk, item.pk) not in covered)
        if not mine:
            reason = NO_IDENTIFIER
        elif connector.by_hand:
            reason = BY_HAND
        else:
            reason = "" if operation in connector.starts else NOT_OFFERED
        if added or (not mine and vendor.pk not in planned):
            parts.append(Part(vendor, connector, operation, added, reason))
    return parts


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
    digest = _digest_of(case, [_part_digest(case, part) for part in parts])
    if digest == revision.digest:
        return revision
    action = actions.PLAN_REDRAWN if revision.digest else actions.PLAN_DRAWN
    _store(case, revision, parts)
    revision.digest = digest
    revision.save(update_fields=["digest"])
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
    changed = {
        vendor.changed_by for vendor in accounts if vendor.changed_at and vendor.changed_at > revision.created_at
    }
    return ({case.opened_by, by} | added | changed) - {None}


def is_current(case: Case, revision: PlanRevision) -> bool:
    """Whether an open plan version still says what would be drawn now."""
    return revision.digest == _digest_of(case, [_part_digest(case, part) for part in draw(case, revision.number)])


def still_approved(sub_task: SubTask) -> bool:
    """Whether what a sub-task would send is what its approved plan version says. Checked at every claim."""
    case, revision = sub_task.case, sub_task.revision
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
    stored = revision.sub_tasks.values_list("digest", flat=True)
    return revision.digest == _digest_of(case, list(stored))


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
    """The options of an account that change what is done at the vendor."""
    return {
        item.name: getattr(connector.options, item.name)
        for item in dataclasses.fields(connector.options)
        if item.metadata.get("effect")
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
    }
    return keyed_digest(case.data_key, "plan-part", json.dumps(said, sort_keys=True).encode())


def _digest_of(case: Case, digests: Sequence[str]) -> str:
    return keyed_digest(case.data_key, "plan", "\n".join(sorted(digests)).encode())


# --- what would be sent -----------------------------------------------------------------------------------------------


def work_of(sub_task: SubTask) -> Work:
    """A sub-task as its connector sees it. Opens sealed values; raises `vault.Unreadable`."""
    uses = sub_task.identifiers.select_related("identifier__case__data_key")
    return Work(
        ref=str(sub_task.pk),
        operation=Operation(sub_task.operation),
        ids=tuple(Id(str(use.identifier_id), use.identifier.kind, use.identifier.value()) for use in uses),
        regime=sub_task.case.regime,
        ground=sub_task.case.ground,
        sent_at=clock.now(),
        memory=sub_task.unseal("memory") or {},
    )


def first_call(sub_task: SubTask) -> PreparedCall | None:
    """The first call that an approval would set going, built by the code that sends it; None for work by hand."""
    connector = sub_task.vendor.speaks()
    start = connector.starts.get(Operation(sub_task.operation))
    if sub_task.by_hand or not start or not sub_task.identifiers.exists():
        return None
    try:
        getattr(connector, start)(dataclasses.replace(work_of(sub_task), memory={}), Preview(sub_task.vendor.base_url))
    except Previewed as shown:
        return shown.call
    return None


@dataclass(frozen=True)
class PlannedCall:
    """One kind of call of a sub-task's whole run: `step` as staff see it, `writes` if it changes something there."""

    step: str
    method: str
    address: str
    writes: bool


def calls(sub_task: SubTask) -> list[PlannedCall]:
    """The calls that an approval would set going, in their order; none for work by hand."""
    if sub_task.by_hand or sub_task.reason == NO_IDENTIFIER:
        return []
    try:
        connector = sub_task.vendor.speaks()
    except BadSettings:
        return []
    return [
        PlannedCall(str(step.label), method, sub_task.vendor.base_url + path, step.writes)
        for name, method, path in connector.calls(Operation(sub_task.operation))
        if (step := connector.steps[name])
    ]


def unused(case: Case) -> list[Identifier]:
    """Accepted identifiers that no plan version of the case sends anywhere."""
    used = SubTaskIdentifier.objects.filter(sub_task__case=case).values("identifier")
    return list(case.identifiers.filter(state=IdentifierState.ACCEPTED).exclude(pk__in=used))


def explain(sub_task: SubTask) -> list[str]:
    """Sentences for people who decide about a plan."""
    try:
        connector = sub_task.vendor.speaks()
    except (BadSettings, Misconfigured) as error:
        return [str(error)]
    lines = [reason_text(sub_task.reason)] if sub_task.reason else []
    if sub_task.by_hand:
        lines.append(connector.instructions(Operation(sub_task.operation)))
    elif sub_task.reason != NO_IDENTIFIER:
        lines += [str(line) for line in connector.explain(Operation(sub_task.operation))]
    return [line for line in lines if line]
