"""Every change of a case that people make. One function a change: it locks the case, names the state it expects,
changes it, and writes its events in the same transaction. The faces (admin, API) only call these.

All of them take the acting account as `by` and raise `DeskError`s; none checks permissions (the faces do) except the
rules that hold for everybody: four eyes, and what a state allows.
"""

from .case import add_note, approve, assign, cancel, hold, reject, release, submit, why_not_approve
from .shared import changing, close_if_ended, end, move, open_revision, stop_unsent, work_event
from .work import attest, give_up, retry, searched

__all__ = [
    "add_note",
    "approve",
    "assign",
    "attest",
    "cancel",
    "changing",
    "close_if_ended",
    "end",
    "give_up",
    "hold",
    "move",
    "open_revision",
    "reject",
    "release",
    "retry",
    "searched",
    "stop_unsent",
    "submit",
    "why_not_approve",
    "work_event",
]
