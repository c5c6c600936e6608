"""The CSV of Acoustic Exchange: identifiers that are sent, and identifiers that it lists.

A list is read row by row: memory stays small, however large the file or one of its cells is."""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.translation import gettext as _t

from .base import Found, Refused
from .http import Download

FEWEST_CELLS = 5
LONGEST_LINE = 1 << 16  # characters
LONGEST_CELL = 1 << 17  # characters; csv has a limit of its own, which other code of the process may have changed
LONGEST_ROW = 1 << 19  # characters; within quotes a row goes on over any number of lines
LONGEST_VALUE = 512  # characters; no identifier is longer
TELL_EACH = 1 << 20  # characters

#: Exchange's documented types, as `_word` has them → our words, where the account maps none.
TYPES = {
    "email": "email",
    "phone": "phone",
    "sms": "sms",
    "cookieid": "cookie_id",
    "x1id": "x1_id",
    "androidadvid": "android_adv_id",
    "idfa": "idfa",
    "dacookieid": "da_cookie_id",
    "crmsfdcid": "crm_sfdc_id",
    "facebookid": "facebook_id",
    "twitterid": "twitter_id",
}
OTHER = "other"

Pair = tuple[str, str]  # Exchange's name of a type, and a value


class NotAList(ValueError):
    """What arrived is not the list that it should be. Says nothing of its content."""


class Row(NamedTuple):
    x1_id: str
    type: str
    value: str


@dataclass(frozen=True)
class Listed:
    """`ours`: the refs of identifiers we sent that a list names; `found`: further ones; `counts`: `rows`, `found`, and
    `left_out`, those that cannot be an identifier or are beyond what was asked for."""

    ours: frozenset[str]
    found: tuple[Found, ...]
    counts: Mapping[str, int]


def write_rows(pairs: Iterable[Pair]) -> bytes:
    """The upload. Lines end in LF alone: a CR that a careless reader left on a value would make it match nobody. Raises
    Refused for a control character: a reader that knows no quotes would take its line for two."""
    rows = list(pairs)
    if any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for _type, value in rows for letter in value):
        raise Refused(
            _t(
                "An identifier holds a line break or another control character, so that Exchange could take it for "
                "two. No identifier was sent. Open a new case with the right ones."
            ),
            code="identifier_unusable",
        )
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([("Type", "Value"), *rows])
    return out.getvalue().encode()


def read_list(
    download: Download,
    sent: Mapping[Pair, Collection[str]],
    kinds: Mapping[str, str],
    most: int,
    progress: Callable[[], None],
) -> Listed:
    """What a file lists. `sent`: the pairs we sent → our refs for them; `kinds`: Exchange's types → our words. Any
    other type that is documented has a word of its own; the rest is `other`, lest a vendor's text, or one of our own
    words, be taken for a kind. At most `most` further identifiers are told, no two the same and none that was sent.
    Raises as `read_rows` does."""
    refs = {_match(*pair): of_it for pair, of_it in sent.items()}
    known = {word: kind for word, kind in TYPES.items() if kind not in kinds.values()}
    known |= {_word(name): kind for name, kind in kinds.items()}
    ours: set[str] = set()
    found: dict[Pair, Found] = {}
    rows = left_out = 0
    for row in read_rows(download, progress):
        rows += 1
        match = _match(row.type, row.value)
        ours |= {*refs.get(match, ()), *refs.get(_match("x1Id", row.x1_id), ())}
        if match in refs or match in found:
            continue
        kind = known.get(match[0], OTHER)
        is_one = 0 < len(row.value) <= LONGEST_VALUE and row.value.isprintable()
        if is_one and len(found) < most:
            found[match] = Found(kind, row.value)
        else:
            left_out += 1
    return Listed(frozenset(ours), tuple(found.values()), {"rows": rows, "found": len(found), "left_out": left_out})


def _match(vendor_type: str, value: str) -> Pair:
    """By what an identifier in a list is known to be one that was sent: Exchange writes types in capitals, and may
    write an address or a telephone number in its own way. Anything else is compared as its exact text."""
    name = _word(vendor_type)
    if name == "email":
        return name, value.lower()  # not casefold: straße@… may be another's than strasse@…
    return name, re.sub(r"[^0-9]", "", value) if name in ("phone", "sms") else value


def ends_with_a_line(download: Download) -> bool:
    """Whether the last line of a file came whole."""
    with download.open() as stream:
        stream.seek(-min(download.size, 1), io.SEEK_END)
        return stream.read() == b"\n"


def _word(vendor_type: str) -> str:
    return vendor_type.lower().replace("_", "")


def read_rows(download: Download, progress: Callable[[], None]) -> Iterator[Row]:
    """The rows of a list, each cell without the blanks around it. `progress` is called again and again meanwhile.

    The vendor's page shows a header of five columns over rows of six cells (`X1Id, Type, Endpoint ID, Name, Value` over
    an x1ID, a type, two numbers, a name, a value), so a row is read from its ends.

    Raises NotAList at the first thing that is not such a list: no header, a row of fewer than five cells, broken quotes
    (RFC 4180), bytes that are not UTF-8 (a byte order mark is passed over), a NUL, a line longer than 64 Ki, a cell
    longer than 128 Ki or a row longer than 512 Ki characters."""
    with download.open() as stream:
        lines = _Lines(io.TextIOWrapper(stream, encoding="utf-8-sig", newline=""), progress)
        rows = filter(None, csv.reader(lines, skipinitialspace=True, strict=True))
        try:
            header = [cell.strip().lower() for cell in next(rows, [])]
            if header[:2] + header[-2:] != ["x1id", "type", "name", "value"]:
                raise NotAList
            for row in rows:
                lines.of_row = 0
                if len(row) < FEWEST_CELLS or max(map(len, row)) > LONGEST_CELL:
                    raise NotAList
                yield Row(*(cell.strip() for cell in (row[0], row[1], row[-1])))
        except (csv.Error, UnicodeDecodeError):
            raise NotAList from None


class _Lines:
    """The lines of a list. `of_row`: the characters that were read since its reader, after a row, last set it to 0."""

    def __init__(self, lines: io.TextIOWrapper, progress: Callable[[], None]) -> None:
        self.of_row = 0
        self._lines, self._progress, self._untold = lines, progress, 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._lines.readline(LONGEST_LINE)
        self.of_row += len(line)
        if not line:
            raise StopIteration
        if len(line) == LONGEST_LINE or self.of_row > LONGEST_ROW or "\0" in line:
            raise NotAList
        self._untold += len(line)
        if self._untold >= TELL_EACH:
            self._untold = 0
            self._progress()
        return line
