"""The person that a case is about, masked: the requester, the identifiers, and suggestions to decide about."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.vault.seal import NOT_OPENED
from erasure import intake
from erasure.connectors.base import BadSettings
from erasure.models import Case, Vendor
from erasure.normalise import mask
from erasure.states import IdentifierState

from ..deeds import Failed, Offer
from ..standing import identifier_badge
from .facts import Facts

SHOWN_DUPLICATES = 10
REQUESTER_LABELS = {
    "name": gettext_lazy("Name"),
    "reply_to": gettext_lazy("Reply address"),
    "language": gettext_lazy("Language"),
    "acting_for": gettext_lazy("Acting for"),
    "external_id": gettext_lazy("External id"),
}


def requester(case: Case) -> list[tuple[Any, str]] | str:
    """Label and masked value of what is known of the requester; a sentence where it cannot be opened."""
    try:
        known = dict(case.unseal("requester") or {})
        known["external_id"] = case.unseal("external_id")
    except NOT_OPENED:
        if case.shredded_at:
            return _("Destroyed, with the rest of the personal data.")
        return _("The sealed data could not be opened. Check the key ring (KEY_RING).")
    return [
        (label, known[name] if name == "language" else mask("email" if "@" in known[name] else "", known[name]))
        for name, label in REQUESTER_LABELS.items()
        if known.get(name)
    ]


def in_short(facts: Facts, known: list[tuple[Any, str]] | str) -> str:
    """One masked text that tells the person apart: a name, else an identifier."""
    if not isinstance(known, str):
        for label, shown in known:
            if label in (REQUESTER_LABELS["name"], REQUESTER_LABELS["reply_to"]):
                return shown
    accepted = (item for item in facts.identifiers if item.state == IdentifierState.ACCEPTED)
    return next((facts.masks[item.pk] for item in accepted), "–")


def identifiers(facts: Facts, failed: Failed | None) -> list[dict[str, Any]]:
    used = {use.identifier_id for uses in facts.uses.values() for use in uses}
    return [
        {
            "item": item,
            "shown": facts.masks[item.pk],
            "unused": item.state == IdentifierState.ACCEPTED and item.pk not in used,
            "state": "" if item.state == IdentifierState.ACCEPTED else identifier_badge(item),
            "reveal_failed": reveal_failed(failed, str(item.pk)),
        }
        for item in facts.identifiers
    ]


def reveal_failed(failed: Failed | None, number: str) -> Any:
    """The form that was to reveal this identifier (none: the requester) and was not taken."""
    return failed.form if failed and (failed.name, failed.about) == ("reveal", number) else None


def proposals(facts: Facts, deciding: Offer | None) -> list[dict[str, Any]]:
    """The undecided suggestions, each with the vendors that would get it, and what was chosen for it in a form that was
    not taken."""
    proposed = [item for item in facts.identifiers if item.state == IdentifierState.PROPOSED]
    takers = _takers(facts.vendors_of_case) if proposed else []
    chosen = getattr(deciding.form, "chosen", {}) if deciding else {}
    return [
        {
            "item": item,
            "shown": facts.masks[item.pk],
            "vendors": [vendor for vendor, kinds in takers if item.kind in kinds and vendor.pk != item.found_by_id],
            "chosen": chosen.get(str(item.pk), ""),
        }
        for item in proposed
    ]


def _takers(vendors: list[Vendor]) -> list[tuple[Vendor, set[str]]]:
    found = []
    for vendor in vendors:
        try:
            found.append((vendor, set(vendor.speaks().accepts)))
        except BadSettings:  # the plan says so
            continue
    return found


def duplicates(facts: Facts) -> list[Case]:
    """Other cases of perhaps the same person. That one does another's work again is said elsewhere."""
    others = intake.duplicates_of(facts.case).exclude(replays=facts.case)
    if first := facts.case.replays_id:
        others = others.exclude(pk=first)
    return list(others[:SHOWN_DUPLICATES])
