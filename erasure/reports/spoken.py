"""In which language a document for the person is written: the one that they were said to read, or a chosen one."""

from datetime import date, datetime

from django.conf import settings
from django.utils import translation
from django.utils.formats import date_format
from django.utils.timezone import get_default_timezone
from django.utils.translation import gettext as _

from compliance.vault.seal import NOT_OPENED
from erasure.models import Case

_NAMES = {"deutsch": "de", "german": "de"}  # as people write it who know no code


def language_of(case: Case) -> str:
    """The code, of those that the desk speaks, of the language that the requester reads: de for "de-AT" or "Deutsch".
    The desk's own where that is not known, is another, or cannot be opened."""
    try:
        return named(dict(case.unseal("requester") or {}).get("language") or "")
    except NOT_OPENED:
        return settings.LANGUAGE_CODE


def named(words: str) -> str:
    """The code, of those that the desk speaks, of a language as people write it; the desk's own for any other."""
    word = words.strip().casefold()
    first = _NAMES.get(word, word.replace("_", "-").partition("-")[0])
    return next((code for code, _name in settings.LANGUAGES if base(code) == first), settings.LANGUAGE_CODE)


def chosen(code: str) -> str:
    """The language of the desk that `code` names (`en` or `en-gb`), or nothing."""
    return next((known for known, _name in settings.LANGUAGES if code in (known, base(known))), "")


def active() -> str:
    """The active language as a document names it: en, de."""
    return base(translation.get_language() or settings.LANGUAGE_CODE)


def day(at: date | datetime) -> str:
    """A day in words, in the active language; of a time, the day that it was in the desk's zone."""
    if isinstance(at, datetime):
        at = at.astimezone(get_default_timezone()).date()
    return date_format(at, _("j F Y"))


def base(code: str) -> str:
    """A language without its region, as documents and letters name it: en for en-gb."""
    return code.partition("-")[0]
