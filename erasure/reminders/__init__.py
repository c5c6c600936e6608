"""Reminders: before a case is due, whoever looks after it is told, in one mail a person a day.

    stages   which distance from a date is reached: a pure function
    escalation  what is not settled shortly before the due date goes to those who can settle it
    found    whom to tell of what, as the database has it now
    staff    who is told of what is escalated
    board    the rows that remember it; that two hosts do not send a mail twice
    words    what the mail says: references and days, nothing of the people whom cases are about
    post     sending it, outside every transaction and in no one's way

The supervisor of each host calls `look_after` every few minutes. A distance that passed while nobody looked is made up
for once, with the one that is reached by then. A mail that could not be sent is tried again, more and more rarely.
"""

from .escalation import escalate
from .post import look_after

__all__ = ["escalate", "look_after"]
