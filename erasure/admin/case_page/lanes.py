"""Each vendor's part as a lane: its steps done, now and next, what it waits for, and what came of each identifier."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from erasure import planning
from erasure.connectors.base import BadSettings
from erasure.models import SubTask, SubTaskIdentifier
from erasure.states import Assurance, Operation, Outcome, RevisionStatus, SubTaskStatus
from erasure.waiting import taken_over_by, until, waits_for

from ..deeds import WORK_DEEDS, Failed, Offer, offers
from ..shared import badge, status_badge
from ..standing import who_else
from . import foreseen
from .facts import Facts

_ENDED = (SubTaskStatus.DONE, SubTaskStatus.SKIPPED, SubTaskStatus.STOPPED)
_DONE = ("good", "✓")
#: Outcome → how it looks: a tone and a sign that can be told apart without colour.
_OUTCOMES: dict[str, tuple[str, str]] = {
    Outcome.PENDING: ("quiet", "◔"),
    Outcome.FAILED: ("bad", "✗"),
    Outcome.REFUSED: ("bad", "✗"),
}


@dataclass(frozen=True)
class Step:
    """One step of a lane; `at`: when it was last answered, or since when it is the one. `state`: done, now or next."""

    label: str
    state: str
    at: datetime | None = None


@dataclass
class Lane:
    """One vendor's part of the case."""

    sub_task: SubTask
    badge: SafeString
    tone: str
    reason: str
    steps: list[Step]
    waits_for: str
    until: str
    expected: str
    identifiers: list[dict[str, Any]]
    assurance: str
    hint: str = ""
    offers: list[Offer] = field(default_factory=list)
    may_add: bool = False


def lane(facts: Facts, sub_task: SubTask, failed: Failed | None) -> Lane:
    status = SubTaskStatus(sub_task.status)
    return Lane(
        sub_task=sub_task,
        badge=status_badge(status),
        tone={SubTaskStatus.DONE: "done", SubTaskStatus.NEEDS_ATTENTION: "asks"}.get(
            status, "ended" if status in _ENDED else "goes"
        ),
        reason="" if taken_over_by(sub_task) else planning.reason_text(sub_task.reason) or _about(sub_task),
        steps=_steps(facts, sub_task),
        waits_for=waits_for(sub_task),
        until=until(sub_task),
        expected=foreseen.of_part(sub_task),
        identifiers=[_use(facts, sub_task, use) for use in facts.uses[sub_task.pk]],
        assurance=str(Assurance(sub_task.assurance).label),
        hint=who_else(sub_task, facts.user),
        offers=work_offers(facts, sub_task, failed),
        may_add=_may_add(facts, sub_task),
    )


def _about(sub_task: SubTask) -> str:
    return _("Asks once more whether anything is held. The case does not wait for it.") if sub_task.follows_id else ""


def work_offers(facts: Facts, sub_task: SubTask, failed: Failed | None) -> list[Offer]:
    """What this person may do with a vendor's part."""
    if sub_task.revision.status == RevisionStatus.DISCARDED:
        return []

    def address(name: str) -> str:
        return reverse("admin:erasure_case_work", args=[facts.case.pk, sub_task.pk, name])

    return list(offers(WORK_DEEDS, facts.user, address, sub_task, initial={}, failed=failed))


def _may_add(facts: Facts, sub_task: SubTask) -> bool:
    """Whether adding an identifier is this person's way on."""
    waits = sub_task.status == SubTaskStatus.AWAITING_IDENTIFIER and not taken_over_by(sub_task)
    return waits and not facts.case.cancelled_at and facts.user.has_perm("erasure.add_identifier")


# --- identifiers


def _use(facts: Facts, sub_task: SubTask, use: SubTaskIdentifier) -> dict[str, Any]:
    outcome = Outcome(use.outcome)
    if _never_sent(sub_task, use):
        shown = badge("quiet", "–", _("not sent"))
    else:
        shown = badge(*_OUTCOMES.get(outcome, _DONE), outcome.label)
    return {
        "kind": use.identifier.kind_words,
        "shown": facts.masks[use.identifier_id],
        "vendor_name": use.vendor_name,
        "outcome": shown,
        "held": use.get_held_display(),
        "proof": use.get_assurance_display(),
        "reference": use.reference,
    }


def _never_sent(sub_task: SubTask, use: SubTaskIdentifier) -> bool:
    """Whether the work ended before its vendor heard of the identifier, so that no outcome means anything."""
    undone = use.outcome in (Outcome.PENDING, Outcome.REFUSED)
    return undone and sub_task.reason in ("discarded", "stopped_before_sending")


# --- steps


def _steps(facts: Facts, sub_task: SubTask) -> list[Step]:
    """The steps that are done, the one it is at, and those that usually follow."""
    if sub_task.by_hand:
        return []
    try:
        connector = sub_task.vendor.speaks()
    except BadSettings:
        return [Step(sub_task.step, "now")] if sub_task.step else []
    labels = {name: str(spec.label) for name, spec in connector.steps.items()}
    ended = sub_task.status in _ENDED
    answered = facts.answered.get(sub_task.pk, []) if facts.was_sent else []
    found = [
        Step(labels.get(item.step, item.step), "done", item.last)
        for item in answered
        if ended or item.step != sub_task.step
    ]
    if not ended and sub_task.step:
        found.append(Step(labels.get(sub_task.step, sub_task.step), "now", sub_task.step_since))
    if not ended and not sub_task.reason:
        again = connector.again(Operation(sub_task.operation)) if sub_task.follows_id else None
        calls = again.calls if again else connector.calls(Operation(sub_task.operation))
        way = [step for step, _method, _path in calls]
        known = {item.step for item in answered}
        at = way.index(sub_task.step) + 1 if sub_task.step in way else None
        left = [name for name in way if name not in known] if at is None else way[at:]
        found += [Step(labels[name], "next") for name in left]
    return found
