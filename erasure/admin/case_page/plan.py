"""A plan version: who drew and approved it, each vendor's lane, and each vendor's card, which tells what an approval
sets going or has set going: what is done, what of it cannot be undone, for which identifiers, and by which calls."""

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from compliance.vault.seal import NOT_OPENED
from erasure import planning, suppression
from erasure.connectors.base import BadSettings
from erasure.errors import DeskError
from erasure.models import PlanRevision, SubTask
from erasure.states import Operation, RevisionStatus, Role

from ..deeds import Failed, Offer
from ..masked import ShownCall, first_call
from . import foreseen
from .facts import Facts
from .lanes import Lane, lane, work_offers


@dataclass
class Card:
    """What one vendor's part will do, or does. `call`: its first call, or why there is none to show; `calls`: those
    after it. Of what cannot be told for certain any more there is nothing but the identifiers and a sentence why."""

    sub_task: SubTask
    identifiers: list[dict[str, Any]]
    explained: list[str]
    is_certain: bool = True
    takes: str = ""
    final: str = ""
    call: ShownCall | str | None = None
    calls: list[planning.PlannedCall] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)


@dataclass
class Plan:
    """One plan version, with its work."""

    revision: PlanRevision
    status: str
    authors: list[Any]
    approver: Any
    lanes: list[Lane]
    cards: list[Card]
    is_open: bool
    is_approved: bool
    stale: bool = False
    rejected: str = ""  # the ground
    keeps: str = ""  # what it says of the suppression list

    @property
    def digest(self) -> str:
        return self.revision.digest[:12]


def plan(facts: Facts, revision: PlanRevision, failed: Failed | None) -> Plan:
    parties = list(revision.parties.all())
    is_open = revision.status == RevisionStatus.OPEN
    is_approved = revision.status == RevisionStatus.APPROVED
    work = facts.of(revision)
    planned = [sub_task for sub_task in work if not sub_task.follows_id]
    digests = [sub_task.digest for sub_task in planned]
    return Plan(
        revision=revision,
        status=str(RevisionStatus(revision.status).label),
        authors=[party.person for party in parties if party.role == Role.AUTHOR],
        approver=next((party.person for party in parties if party.role == Role.APPROVER), None),
        lanes=[] if is_open else [lane(facts, sub_task, failed) for sub_task in work],
        cards=[_card(facts, sub_task, digests, failed) for sub_task in planned] if is_open or is_approved else [],
        is_open=is_open,
        is_approved=is_approved,
        stale=is_open and _is_stale(facts, revision),
        rejected=facts.rejected.get(f"plan:{revision.pk}", ""),
        keeps=suppression.explain(revision),
    )


def _is_stale(facts: Facts, revision: PlanRevision) -> bool:
    try:
        return not planning.is_current(facts.case, revision, facts.drawn_from(revision))
    except (BadSettings, DeskError, *NOT_OPENED):
        return True


def _card(facts: Facts, sub_task: SubTask, digests: list[str], failed: Failed | None) -> Card:
    """Of what was approved, what can still be told for certain."""
    uses = facts.uses[sub_task.pk]
    shown = [
        {"kind": use.identifier.kind_words, "shown": facts.masks[use.identifier_id], "vendor_name": use.vendor_name}
        for use in uses
    ]
    if sub_task.revision.status == RevisionStatus.APPROVED:
        try:
            certain = planning.still_approved(sub_task, uses, digests)
        except (BadSettings, *NOT_OPENED):
            certain = False
        if not certain:
            text = _("What was approved can no longer be shown: the account has changed since.")
            if facts.case.shredded_at:
                text = _("What was approved can no longer be shown: the personal data was destroyed.")
            return Card(sub_task, shown, [text], is_certain=False)
    calls = planning.calls(sub_task)
    nothing_sent = sub_task.reason == planning.NO_IDENTIFIER or planning.refused_on(sub_task.reason)
    return Card(
        sub_task=sub_task,
        identifiers=shown,
        explained=planning.explain(sub_task),
        takes="" if nothing_sent else foreseen.takes(sub_task),
        final=_final(sub_task, calls),
        call=first_call(sub_task, uses),
        calls=calls[1:],
        offers=work_offers(facts, sub_task, failed) if sub_task.revision.status == RevisionStatus.OPEN else [],
    )


def _final(sub_task: SubTask, calls: list[planning.PlannedCall]) -> str:
    """What of a vendor's part cannot be taken back, and from when on."""
    if sub_task.reason == planning.NO_IDENTIFIER:
        return _("Nothing is sent before an identifier is added and approved.")
    if planning.refused_on(sub_task.reason):
        return ""
    match Operation(sub_task.operation):
        case Operation.ERASE if sub_task.by_hand:
            return _("What the person erases there cannot be brought back.")
        case Operation.ERASE:
            step = next((call.step for call in calls if call.commits), "")
            if step:
                text = _("Once “%(step)s” is sent it cannot be recalled, and what is erased cannot be brought back.")
                return text % {"step": step}
            return _("What is erased there cannot be brought back.")
        case Operation.RESTRICT:
            return _("Nothing is erased. The restriction stays until a case that lifts it.")
        case Operation.UNRESTRICT:
            return _("Nothing is erased. From then on the vendor may use the data again.")
    return _("Nothing is erased or changed: the vendor hands over what it holds.")
