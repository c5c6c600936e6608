"""The page of a case.

facts         what it is made of, fetched once
next_action   the one thing to do next, a pure function
head          how the case stands for one person
person        the requester, the identifiers, suggestions
plan, lanes   plan versions, what each sends, and how far each vendor's part is
foreseen      how long vendors will take, what is at risk, what is escalated
timeline      events and calls in one list
live          whether any of it has changed
page          all of it, for the template"""

from . import live
from .foreseen import with_escalation
from .page import CasePage
from .person import REQUESTER_LABELS

__all__ = ["REQUESTER_LABELS", "CasePage", "live", "with_escalation"]
