"""From a case to its plan.

drawing    which vendor, which operation, which identifiers; the digest that an approval binds
reasons    why a part is not simply sent
preview    what would be sent, before it is
"""

from .drawing import Facts, draw, effects, facts, is_current, is_of, kinds_taken, redraw, still_approved
from .preview import PlannedCall, calls, explain, first_call, found_elsewhere, listed, unused, work_of
from .reasons import NO_IDENTIFIER, reason_text, refusal, refused_on

__all__ = [
    "NO_IDENTIFIER",
    "Facts",
    "PlannedCall",
    "calls",
    "draw",
    "effects",
    "explain",
    "facts",
    "first_call",
    "found_elsewhere",
    "is_current",
    "is_of",
    "kinds_taken",
    "listed",
    "reason_text",
    "redraw",
    "refusal",
    "refused_on",
    "still_approved",
    "unused",
    "work_of",
]
