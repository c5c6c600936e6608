"""Statutory clocks: pure functions on dates. They know no case; they are handed days and give days back."""

from .clocks import POLICIES, Policy, due_on, is_working_day

__all__ = ["POLICIES", "Policy", "due_on", "is_working_day"]
