"""What staff may see of an exchange: its shape, without secrets and without anything that names a person."""

import csv
import html
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_plus

from . import strict

GAP = "…"
LONGEST_STRING = 40  # longer ones are prose, tokens or encoded data
LONGEST_LIST = 20
LONGEST_NUMBER = 6  # digits: a count or a code, not somebody's number
LONGEST_EXCERPT = 2_000
LARGEST_BODY = 64 * 1024  # of a larger one, or after more sent values than MOST_VALUES, only type and size are told
MOST_VALUES = 500
SHORT = 4  # a sent value shorter than this is looked for as a whole word only

_PERSONAL = re.compile(r"\S@\S|(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])|\+\d[\d ().-]{6,}", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")
_MEDIA_TYPE = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,80}")


@dataclass
class Transcript:
    """One exchange: `address` is the path with the query's names, `status` None while no reply has come, `elapsed` in
    seconds, `sent` and `received` the bytes of the bodies, `excerpt` the redacted reply."""

    method: str
    address: str
    status: int | None = None
    elapsed: float = 0.0
    sent: int = 0
    received: int = 0
    excerpt: str = ""


def media_type(content_type: str | None) -> str:
    """The media type of a Content-Type header in lower case, or "" if there is none or it is not one."""
    name = (content_type or "").partition(";")[0].strip().lower()
    return name if _MEDIA_TYPE.fullmatch(name) else ""


def is_json(name: str) -> bool:
    return name in ("application/json", "text/json") or name.endswith("+json")


def leaves(value: Any) -> Iterator[str]:
    """Every text and number that is a value somewhere in a JSON value."""
    match value:
        case dict():
            for item in value.values():
                yield from leaves(item)
        case list() | tuple():
            for item in value:
                yield from leaves(item)
        case bool() | None:
            return
        case _:
            yield str(value)


def cells(body: bytes) -> Iterator[str]:
    """Every cell of a body that is text, read as CSV and as bare words between separators."""
    text = body.decode("utf-8", "replace")
    yield from re.split(r'[\r\n\t,;&="]+', text)
    try:
        for row in csv.reader(io.StringIO(text)):
            yield from row
    except csv.Error:
        return


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).strip()


class Redactor:
    """Knows what was sent, what is secret, and `words`: what a vendor may say and staff may read.

    Of a reply's values only those words, short numbers, true, false and null are shown: whatever else it holds may be
    somebody's data. A key is shown if it is a plain name. Nothing is shown that holds what was sent or is secret, in
    whatever case and usual encoding, or looks like an e-mail address, a SHA-256 or a telephone number."""

    def __init__(self, values: Iterable[str], words: Iterable[str] = ()) -> None:
        self._words = {word.lower() for word in words}
        known = {_fold(value) for value in values} - {""}
        self._short = {value for value in known if len(value) < SHORT}
        self._long = known - self._short

    def _tells(self, text: str) -> bool:
        for reading in {_fold(text), _fold(unquote_plus(text)), _fold(html.unescape(text))}:
            if reading in self._short or not self._short.isdisjoint(re.findall(r"\w+", reading)):
                return True
            if any(value in reading for value in self._long):
                return True
        return False

    def text(self, text: str) -> str:
        return GAP if len(text) > LONGEST_STRING or _PERSONAL.search(text) or self._tells(text) else text

    def path(self, path: str) -> str:
        """`path` with a gap for each segment that tells something."""
        return "/".join(part if self.text(unquote(part)) != GAP else GAP for part in path.split("/"))

    def value(self, value: Any) -> Any:
        match value:
            case dict():
                return {self._key(key): self.value(item) for key, item in value.items()}
            case list():
                kept = [self.value(item) for item in value[:LONGEST_LIST]]
                return kept if len(value) <= LONGEST_LIST else [*kept, GAP]
            case str():
                return self.text(value) if value.lower() in self._words else GAP
            case bool() | None:
                return value
            case _:
                return value if len(str(value)) <= LONGEST_NUMBER and self.text(str(value)) != GAP else GAP

    def _key(self, key: str) -> str:
        return self.text(key) if _NAME.fullmatch(key) else GAP

    def excerpt(self, content_type: str | None, body: bytes) -> str:
        """A reply's body as staff may see it: JSON keeps its structure, anything else is only type and size."""
        name = media_type(content_type)
        if is_json(name) and len(body) <= LARGEST_BODY and len(self._short) + len(self._long) <= MOST_VALUES:
            try:
                shown = self.value(strict.loads(body))
            except strict.NotStrict:
                pass
            else:
                return json.dumps(shown, ensure_ascii=False)[:LONGEST_EXCERPT]
        return f"{self.text(name) or '?'}, {len(body)} bytes"
