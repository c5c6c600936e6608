"""Every change of a case that people make. One function a change: it locks the case, names the state it expects,
changes it, and writes its events in the same transaction. The faces (admin, API) only call these.

All of them take the acting account as `by` and raise `DeskError`s; none checks permissions (the faces do) except the
rules that hold for everybody: four eyes, and what a state allows.
"""

from .again import after_end, goes_on, not_asked_again
from .case import (
    add_note,
    approve,
    assign,
    author_may_not,
    cancel,
    hold,
    reject,
    release,
    reply,
    submit,
    why_not_approve,
)
from .concluding import conclude, stop_asking
from .escalation import escalate, stage_of
from .identity import advises_check, check_identity, why_not_identified
from .ledger import add_recipient, not_told, told_recipient
from .proposals import decide, take_in, take_up
from .refusals import may_refuse, may_take_back, refuse_work, take_back_refusal
from .register import in_force, still_restricting
from .restriction import lift_untold, tell_of_lifting
from .shared import be_newest, changing, close_if_ended, end, move, open_revision, stop_unsent, told, work_event
from .time_limit import acknowledge, answered, ask, extend, move_standing, why_not_extend
from .work import (
    acting_unasked,
    attest,
    attest_reference,
    attestable,
    cases_sharing,
    give_up,
    may_attest,
    retry,
    searched,
    sharing,
)

__all__ = [
    "acknowledge",
    "acting_unasked",
    "add_note",
    "add_recipient",
    "advises_check",
    "after_end",
    "answered",
    "approve",
    "ask",
    "assign",
    "attest",
    "attest_reference",
    "attestable",
    "author_may_not",
    "be_newest",
    "cancel",
    "cases_sharing",
    "changing",
    "check_identity",
    "close_if_ended",
    "conclude",
    "decide",
    "end",
    "escalate",
    "extend",
    "give_up",
    "goes_on",
    "hold",
    "in_force",
    "lift_untold",
    "may_attest",
    "may_refuse",
    "may_take_back",
    "move",
    "move_standing",
    "not_asked_again",
    "not_told",
    "open_revision",
    "refuse_work",
    "reject",
    "release",
    "reply",
    "retry",
    "searched",
    "sharing",
    "stage_of",
    "still_restricting",
    "stop_asking",
    "stop_unsent",
    "submit",
    "take_back_refusal",
    "take_in",
    "take_up",
    "tell_of_lifting",
    "told",
    "told_recipient",
    "why_not_approve",
    "why_not_extend",
    "why_not_identified",
    "work_event",
]
