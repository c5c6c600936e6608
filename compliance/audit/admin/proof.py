"""That one event is in the sealed log, for its page."""

import json
from dataclasses import dataclass

from django.utils.translation import gettext as _

from compliance.audit import seal
from compliance.audit.merkle import inclusion, root_from_inclusion
from compliance.audit.models import Checkpoint, Event
from compliance.audit.nodes import Nodes
from compliance.audit.record import leaf_hash, timestamp


@dataclass(frozen=True)
class Proof:
    """An event's place, the checkpoint that first covered it, and the inclusion proof for the newest one (RFC 9162,
    section 2.1.3): `hashes` in hex, from the leaf upwards; None where the log has lost what they are made of."""

    index: int
    first: Checkpoint | None
    newest: Checkpoint | None
    hashes: list[str] | None


def proof_of(event: Event) -> Proof | None:
    """None for an event that is not sealed yet."""
    leaf = getattr(event, "leaf", None)
    if leaf is None:
        return None
    newest = seal.newest()
    try:
        path = inclusion(leaf.index, newest.size, Nodes()) if newest else None
    except (LookupError, ValueError):
        path = None
    return Proof(
        leaf.index, seal.first_over(leaf.index), newest, None if path is None else [node.hex() for node in path]
    )


def faults(event: Event, proof: Proof | None) -> list[str]:
    """What does not fit, one sentence each: the cells and the text, the text and its hash, the hash and the root. An
    empty list is no proof, since whoever can change the database can change this page."""
    found = []
    if not _repeats(event):
        found.append(_("The fields above are not what the canonical text says."))
    if leaf_hash(event.canonical) != event.leaf_hash:
        found.append(_("The canonical text does not make the leaf hash: one of them was changed."))
    if proof is None:
        return found
    if proof.newest is None or proof.hashes is None:
        found.append(_("The log lacks rows that the proof is made of."))
        return found
    path = [bytes.fromhex(node) for node in proof.hashes]
    root = root_from_inclusion(proof.index, proof.newest.size, bytes.fromhex(event.leaf_hash), path)
    if root.hex() != proof.newest.root:
        found.append(_("The leaf hash and the proof do not make the root: this event, or one beside it, was changed."))
    return found


def _repeats(event: Event) -> bool:
    try:
        said = json.loads(event.canonical)
    except ValueError:
        return False
    shown = {
        "id": str(event.event_id),
        "at": timestamp(event.at),
        "actor": event.actor,
        "action": event.action,
        "case": event.case,
        "subject": event.subject,
    }
    return isinstance(said, dict) and shown.items() <= said.items()
