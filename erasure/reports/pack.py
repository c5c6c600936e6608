"""The regulator pack of a case: one zip that an authority can read, check and pass on.

The same state makes the same bytes, on any day and whatever other cases have done since: the pack is pinned to the
smallest checkpoint that holds all events of its case. It takes no later checkpoints into its proofs (`cuts`), as these
come and go with anchoring; `export_audit --case … --consistent-with …` makes a proof for one."""

import hashlib
from dataclasses import dataclass

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from compliance.audit.bundle import zip_stream
from compliance.audit.export import Selection, record_export
from compliance.audit.models import Checkpoint, Event
from erasure.errors import Conflict
from erasure.models import Case

from .case_document import document
from .reading import Reading, sealed
from .trail_proof import COMMAND
from .typeset import pdf

_ABOUT = {  # in English, as READ-ME.txt is
    "READ-ME.html": "This page and more, for a browser: begin there.",
    "case.pdf": "The request and how it was handled, to be read; it names the events that prove it.",
}
_TRIES = 3  # while the case goes on


@dataclass(frozen=True)
class Pack:
    """`name` is the file's."""

    name: str
    content: bytes


def export_pack(case: Case, *, actor: str) -> Pack:
    """Makes the pack, and puts on record that `actor` (a word of the trail) got it, with its SHA-256.

    Raises Conflict while events of the case cannot be sealed, or the case changes faster than it can be read."""
    selection = Selection(case=case.reference)
    for _again in range(_TRIES):
        checkpoint, events = sealed(case.reference)
        if checkpoint is None:
            continue
        content = _zip(selection, checkpoint, events)
        if Event.objects.filter(case=case.reference).count() == len(events):  # else rows and events may not fit
            sha256, size = hashlib.sha256(content).hexdigest(), checkpoint.size
            record_export(selection, actor=actor, form="pack", count=len(events), size=size, sha256=sha256)
            return Pack(f"{case.reference}-pack.zip", content)
    if checkpoint:
        raise Conflict("changed", _("The case is being changed at this moment. No pack was made. Try again."))
    raise Conflict(
        "not_sealed",
        _(
            "Events of this case could not be sealed, so nothing would prove them. No pack was made. Try again in a "
            "minute; if it lasts, the desk's log says why."
        ),
    )


def _zip(selection: Selection, checkpoint: Checkpoint, events: list[Event]) -> bytes:
    """In memory: one case is small, and nothing is handed out before all of it is made."""
    with translation.override(settings.LANGUAGE_CODE):
        said = document(Reading(selection.case, events), checkpoint)
        extra = {
            "READ-ME.html": _read_me(selection.case, checkpoint, len(events)),
            "case.pdf": pdf(said),
        }
        return b"".join(zip_stream(selection, checkpoint, extra=extra, about=_ABOUT, pinned=True))


def _read_me(reference: str, checkpoint: Checkpoint, count: int) -> bytes:
    context = {"reference": reference, "checkpoint": checkpoint, "count": count, "command": COMMAND}
    return render_to_string("reports/read-me.html", context).encode()
