"""Alerts: one line for each *cause*, not for each case, and one mail to ALERTS_TO that collects what is new.

    causes   what deserves an alert, as it stands now
    board    the rows that remember it; when a mail is due; that two hosts do not send it twice
    words    what the mail says: names of accounts, counts and references, and what to do
    post     sending it, outside every transaction and in no one's way

The supervisor of each host calls `look_after` every half a minute. A cause is told once it has lasted for a moment,
again after a day, and when it is over for good. A mail that could not be sent is tried again, more and more rarely.
"""

from .post import look_after

__all__ = ["look_after"]
