"""Statutory clocks: pure functions on dates. They know no case; they are handed days and give days back."""

from .days import is_working_day, working_days_after
from .keeping import NEVER, Keeping, kept_as
from .policies import ADVISED, CLARIFICATION, IDENTITY, POLICIES, REQUIRED, Policy, adjusted
from .reckoning import Pause, Reckoning, Rule, Step, due_on, reckon
from .words import working

__all__ = [
    "ADVISED",
    "CLARIFICATION",
    "IDENTITY",
    "NEVER",
    "POLICIES",
    "REQUIRED",
    "Keeping",
    "Pause",
    "Policy",
    "Reckoning",
    "Rule",
    "Step",
    "adjusted",
    "due_on",
    "is_working_day",
    "kept_as",
    "reckon",
    "working",
    "working_days_after",
]
