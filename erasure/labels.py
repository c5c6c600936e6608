"""What people read in the trail for the words that are stored there. The stored words stay as they are."""

from datetime import UTC, date, datetime
from typing import Any

from django.db.models import TextChoices
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from compliance.audit.actions import LABELS
from erasure import codes, evidence, planning
from erasure.states import (
    Assurance,
    BulkDeed,
    CancelReason,
    CaseStatus,
    Channel,
    Escalated,
    ExtensionReason,
    IdentifierState,
    IdentityMethod,
    IdentityResult,
    InquiryReason,
    Kind,
    LetterKind,
    NotTold,
    Operation,
    Outcome,
    RefusalGround,
    Regime,
    ShredReason,
)


def _of(*vocabularies: type[TextChoices]) -> Any:
    known = {choice.value: choice.label for vocabulary in vocabularies for choice in vocabulary}
    return lambda word: known.get(word, "")


def _time(word: str) -> str:
    """A time in UTC to the minute, as sentences tell it; the stored text holds the rest."""
    try:
        return f"{datetime.fromisoformat(word).astimezone(UTC):%Y-%m-%d %H:%M} UTC" if "T" in word else ""
    except ValueError:
        return ""


def _day(word: str) -> str:
    """A day as the reader writes it."""
    try:
        return date_format(date.fromisoformat(word), "SHORT_DATE_FORMAT")
    except ValueError:
        return ""


#: The details that are a day.
_DAYS: tuple[str, ...] = ("received_on", "due_on", "due_before", "asked_on", "answered_on", "told_on", "first_on", "on")
_DAYS += ("from_on", "until_on")
# A word that two vocabularies have means the same in both.
_reasons, _kinds = _of(ShredReason, CancelReason, ExtensionReason, InquiryReason), _of(Kind)

LABELS.update(
    {
        # of a request, of evidence, or of an identifier
        "kind": lambda word: _kinds(word) or evidence.KINDS.get(word) or word.replace("_", " "),
        "regime": _of(Regime),
        "ground": _of(RefusalGround),  # of a rejection; no sentence tells a request's own
        "deed": _of(BulkDeed),
        "status": _of(CaseStatus),
        "method": _of(IdentityMethod),
        "result": _of(IdentityResult),
        "channel": _of(Channel),
        "letter": _of(LetterKind),
        "stage": _of(Escalated),
        "state": _of(IdentifierState),
        "operation": _of(Operation),
        "outcomes": _of(Outcome),
        "assurance": _of(Assurance),
        "why_not": _of(NotTold),
        "recipient": lambda word: _("a further recipient") if word.startswith("recipient:") else "",  # else a vendor
        "code": codes.label,
        **dict.fromkeys(_DAYS, _day),
        "since": _time,
        "restored_to": _time,
        "last_event_at": _time,
        "reason": lambda word: _reasons(word) or planning.reason_text(word).rstrip("."),
    }
)
