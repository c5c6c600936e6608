"""How long the personal data of a case is kept, and its end.

dates        when it is destroyed by itself, and by which rule (`settings.RETENTION`)
obstacles    why it cannot be destroyed now
destroying   the destruction itself, once and again after a restore
by_hand      asked for by one person and approved by another
sweeping     by schedule: gives dates, and destroys what is due
telling      what the faces say of it

The case, its clock, its outcomes, its reply and its trail stay, and verify."""

from .by_hand import approve, ask, asked, may_ask, why_not_approve, withdraw
from .dates import Rule, rule_of, soon
from .dates import shown as date_of
from .destroying import count_again, shred, shred_again
from .obstacles import why_not
from .sweeping import due, give_dates, give_notice_anew, redate, redate_files, sweep, wipe
from .telling import backups, readable_until, told

__all__ = [
    "Rule",
    "approve",
    "ask",
    "asked",
    "backups",
    "count_again",
    "date_of",
    "due",
    "give_dates",
    "give_notice_anew",
    "may_ask",
    "readable_until",
    "redate",
    "redate_files",
    "rule_of",
    "shred",
    "shred_again",
    "soon",
    "sweep",
    "told",
    "why_not",
    "why_not_approve",
    "wipe",
    "withdraw",
]
