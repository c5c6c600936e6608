"""Cases from a CSV file: the admin and `manage.py import_cases` read, check and open them with the same code.

reading   bytes → a table: encoding, delimiter, rows; knows nothing of cases
columns   which columns there are, and what they are called
cells     the text of a cell → a word, a time, several identifiers
judging   a table → for each row what would come of it: opened, already there, or wrong and where
files     the template, and the rows to be mended
keeping   an upload, sealed until it is accepted or thrown away
carrying  opening the rows, each in its own transaction
"""

from .carrying import AT_ONCE, accept, carry_on, finish, heard, may_open, wake, wake_still
from .columns import FACTS, IDENTIFIER, Place, kinds, places, unknown
from .files import template, to_mend
from .judging import Judged, Judgement, Problem, by_column, judge
from .keeping import discard, expire, judgement, table_of, upload
from .reading import DELIMITERS, MOST_BYTES, MOST_ROWS, NotATable, too_large

__all__ = [
    "AT_ONCE",
    "DELIMITERS",
    "FACTS",
    "IDENTIFIER",
    "MOST_BYTES",
    "MOST_ROWS",
    "Judged",
    "Judgement",
    "NotATable",
    "Place",
    "Problem",
    "accept",
    "by_column",
    "carry_on",
    "discard",
    "expire",
    "finish",
    "heard",
    "judge",
    "judgement",
    "kinds",
    "may_open",
    "places",
    "table_of",
    "template",
    "to_mend",
    "too_large",
    "unknown",
    "upload",
    "wake",
    "wake_still",
]
