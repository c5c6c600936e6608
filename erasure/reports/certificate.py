"""The certificate of a case that has ended: one PDF for the person, bound to the trail.

It is kept sealed with the case, and an event holds its SHA-256, so whoever has the file can check it against an export
of the trail. The same state makes the same bytes: what the certificates themselves leave in the trail is not told."""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from compliance.audit import seal
from compliance.audit.models import Checkpoint, Event
from compliance.audit.record import actor_of, record
from compliance.vault.seal import Unreadable
from erasure import actions, evidence, lifecycle
from erasure.errors import Conflict, NotFound
from erasure.models import Case, Evidence
from erasure.states import CaseStatus

from .certificate_document import document
from .reading import Reading, sealed
from .spoken import language_of
from .typeset import pdf

KIND = "certificate"
_TRIES = 3  # while something is still recorded about the case


@dataclass(frozen=True)
class Certificate:
    evidence: Evidence
    content: bytes

    @property
    def name(self) -> str:
        return self.evidence.name


def may_issue(case: Case) -> bool:
    """Whether the case has ended, so that there is something to certify."""
    return not CaseStatus(case.status).is_open


def issue(case: Case, *, by: Any, language: str = "") -> Certificate:
    """Makes the certificate, in the language of the requester or in this one, keeps it and puts it on record. If
    nothing has changed since it was last made, that one is handed out, which is put on record too.

    Raises Conflict for a case that is open, whose events cannot be sealed yet, that changes faster than it can be read,
    or whose personal data cannot be opened."""
    if not may_issue(case):
        text = _("A certificate tells how a case has ended, and this one goes on. Nothing was made.")
        raise Conflict("wrong_state", text)
    language = language or language_of(case)
    try:
        for _again in range(_TRIES):
            content, checkpoint, count = _drawn(case, language)
            with lifecycle.changing(case, by) as locked:
                if Event.objects.filter(case=case.reference).count() == count:
                    return _keep(locked, by, content, checkpoint, language)
    except Unreadable:
        text = _("The sealed data of this case cannot be opened, so no certificate can be made of it.")
        raise Conflict("destroyed", text) from None
    raise Conflict("changed", _("The case is being changed at this moment. Nothing was made. Try again."))


def latest(case: Case, *, by: Any) -> Certificate:
    """The newest certificate that is kept; that it was handed out is put on record. Raises NotFound if there is none,
    `vault.Unreadable` if it cannot be opened."""
    kept = case.evidence.filter(kind=KIND, removed_at=None).select_related("case__data_key", "data_key").last()
    if kept is None:
        raise NotFound("not_found", _("No certificate of this case has been made."))
    with evidence.open_evidence(kept) as stream:
        content = stream.read()
    _handed_out(case, by, kept)
    return Certificate(kept, content)


def _drawn(case: Case, language: str) -> tuple[bytes, Checkpoint, int]:
    """The PDF, the checkpoint that it tells of, and how many events the case has by it."""
    checkpoint, events = sealed(case.reference)
    told = [event for event in events if not _is_of_certificate(event)]
    checkpoint = seal.first_over(told[-1].leaf.index) if checkpoint else None
    if checkpoint is None:
        text = _("Events of this case are not sealed yet, so nothing would prove them. Try again in some seconds.")
        raise Conflict("not_sealed", text)
    with translation.override(language):
        return pdf(document(Reading(case.reference, told), checkpoint)), checkpoint, len(events)


def _is_of_certificate(event: Event) -> bool:
    about_file = event.subject.startswith("evidence:") and event.details.get("kind") == KIND
    return about_file or event.action == actions.CERTIFICATE_ISSUED


def _keep(case: Case, by: Any, content: bytes, checkpoint: Checkpoint, language: str) -> Certificate:
    sha256 = hashlib.sha256(content).hexdigest()
    if kept := case.evidence.filter(kind=KIND, sha256=sha256, removed_at=None).last():
        _handed_out(case, by, kept)
        return Certificate(kept, content)
    name = f"certificate-{case.reference}.pdf"
    kept = evidence.keep(case, by=by, kind=KIND, name=lambda _pk: name, content=content)
    record(
        actions.CERTIFICATE_ISSUED,
        actor=actor_of(by),
        case=case.reference,
        subject=f"case:{case.pk}",
        evidence=f"evidence:{kept.pk}",
        sha256=sha256,
        tree_size=checkpoint.size,
        language=language,
    )
    return Certificate(kept, content)


def _handed_out(case: Case, by: Any, kept: Evidence) -> None:
    record(
        actions.EVIDENCE_DOWNLOADED,
        actor=actor_of(by),
        case=case.reference,
        subject=f"evidence:{kept.pk}",
        kind=kept.kind,
    )
