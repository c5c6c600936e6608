"""One deed on many rows, mostly cases: a look at what it would do, then each row on its own, with a result.

    deeds     what can be done, and with which lifecycle function; the registry
    looking   the dry run: which cases, which are left out and why, what an approval sends; kept as a job
    running   starting, carrying out row by row, stopping

The database is the truth: a row is done in one transaction with its result, so that nothing is done twice, whoever is
killed in between. The rules are lifecycle's: a look only foretells them, and the row says what they decided.
"""

from .deeds import DEEDS, Deed
from .looking import MOST_AT_ONCE, prepare
from .running import SMALL, VIEW, may_do, start, stop, stop_for

__all__ = ["DEEDS", "MOST_AT_ONCE", "SMALL", "VIEW", "Deed", "may_do", "prepare", "start", "stop", "stop_for"]
