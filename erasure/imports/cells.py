"""The text of a cell → what an opening holds. What cannot be read raises ValueError with a sentence for people."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import lru_cache

from django.db.models import TextChoices
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from erasure.models import Vendor
from erasure.states import Kind

_BREAK = re.compile(r"\r\n|\r|\n")
_SPACED = ("email", "phone")  # kinds in which a semicolon can only separate
_SHORTENED = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]+", re.IGNORECASE)
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ISO_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?: ?(?:Z|[+-][0-9]{2}:[0-9]{2}))?",
    re.IGNORECASE,
)
_WRITTEN = re.compile(r"([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4})(?:[ ,]+([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?))?")


def word(text: str, choices: type[TextChoices]) -> str:
    """The stored word for what somebody wrote: the word itself, or its label as staff see it, in any case. What is none
    of them stays as it is, for intake to refuse."""
    return _words(choices, get_language() or "").get(_plain(text), text)


@lru_cache(maxsize=64)
def _words(choices: type[TextChoices], language: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for spoken in (language, None):  # None: the English of the code
        with override(spoken):
            for choice in choices:
                found[_plain(str(choice.label))] = choice.value
                if isinstance(choice, Kind):
                    found[_plain(str(choice.operation.label))] = choice.value
    return found | {_plain(choice.value): choice.value for choice in choices}


def _plain(text: str) -> str:
    return re.sub(r"[\s_\-]+", " ", text).strip().casefold()


def values(kind: str, text: str) -> list[str]:
    """The identifiers in a cell: one on each line; e-mail addresses and phone numbers also with semicolons between."""
    parts = _BREAK.split(text)
    if kind in _SPACED:
        parts = [part for line in parts for part in line.split(";")]
    return [part for part in parts if part.strip()]


def check_whole(text: str) -> None:
    """ValueError for a long number that a spreadsheet has shortened, and so made another."""
    if _SHORTENED.fullmatch(text.strip()):
        raise ValueError(
            _("A spreadsheet has shortened this number. Format the column as text and put the whole number there.")
        )


def vendors(text: str, accounts: Mapping[str, Vendor]) -> list[str]:
    """The short names of the vendor accounts that a cell names. An unknown name stays, for intake to refuse."""
    known = {slug: slug for slug in accounts}
    known |= {vendor.name.strip().casefold(): slug for slug, vendor in accounts.items()}
    named = [part.strip() for line in _BREAK.split(text) for part in line.split(";")]
    found = []
    for name in filter(None, named):
        several = [name] if name.casefold() in known else [part.strip() for part in name.split(",")]
        found += [known.get(part.casefold(), part) for part in several if part]
    return list(dict.fromkeys(found))


def moment(text: str, *, day_first: bool | None) -> datetime:
    """When a request came in: ISO 8601, or a day as 02.11.2026 or 02/11/2026 if `day_first` says which of the two comes
    first or they cannot be taken for each other. A day alone begins at midnight in the desk's zone; so is a time read
    that names no zone. Raises ValueError."""
    text = text.strip()
    if _ISO_DAY.fullmatch(text) or _ISO_TIME.fullmatch(text):
        try:
            read = datetime.fromisoformat(re.sub(r"(?<=[0-9]) (?=[Z+-])", "", text).upper())
        except ValueError:
            raise ValueError(_no_day()) from None
        return read if timezone.is_aware(read) else _here(read)
    if not (written := _WRITTEN.fullmatch(text)):
        raise ValueError(_("It is not a day or a time. Write it as 2026-11-02 or 2026-11-02 09:30."))
    one, _mark, other, year, hour = written.groups()
    try:
        on = _day(int(one), int(other), int(year), day_first)
        at = time.fromisoformat(hour.zfill(5) if len(hour) < 6 else hour.zfill(8)) if hour else time()
    except _Ambiguous as error:
        raise ValueError(str(error)) from None
    except ValueError:
        raise ValueError(_no_day()) from None
    return _here(datetime.combine(on, at))


class _Ambiguous(Exception):
    pass


def _day(one: int, other: int, year: int, day_first: bool | None) -> date:
    if day_first is None:
        if one <= 12 and other <= 12 and one != other:
            raise _Ambiguous(
                _(
                    "The day and the month cannot be told apart. Write it as 2026-11-02, or say at the upload which of "
                    "them comes first."
                )
            )
        day_first = other <= 12
    day, month = (one, other) if day_first else (other, one)
    return date(year, month, day)


def _here(naive: datetime) -> datetime:
    return timezone.make_aware(naive, timezone.get_default_timezone())


def _no_day() -> str:
    return str(_("There is no such day or time. Write it as 2026-11-02 or 2026-11-02 09:30."))
