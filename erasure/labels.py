"""What people read in the trail for the words that are stored there. The stored words stay as they are."""

from typing import Any

from django.db.models import TextChoices

from compliance.audit.actions import LABELS
from erasure import planning
from erasure.states import (
    Assurance,
    Attention,
    CancelReason,
    CaseStatus,
    Kind,
    Operation,
    Outcome,
    Pause,
    RefusalGround,
    Regime,
)


def _of(*vocabularies: type[TextChoices]) -> Any:
    known = {choice.value: choice.label for vocabulary in vocabularies for choice in vocabulary}
    return lambda word: known.get(word, "")


_cancelled = _of(CancelReason)

LABELS.update(
    {
        "kind": _of(Kind),
        "regime": _of(Regime),
        "ground": _of(RefusalGround),  # of a rejection; no sentence tells a request's own
        "status": _of(CaseStatus),
        "operation": _of(Operation),
        "outcomes": _of(Outcome),
        "assurance": _of(Assurance),
        "code": _of(Attention, Pause),
        "reason": lambda word: _cancelled(word) or planning.reason_text(word).rstrip("."),
    }
)
