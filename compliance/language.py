"""In which language something is said.

Pages of the admin speak their reader's language: the one chosen in the header, else the browser's. Everything else
speaks `settings.LANGUAGE_CODE`, English: the API, commands, workers, exports, and whatever is stored. What is stored
is put into the reader's language when it is shown (`shown`)."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import cache

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.urls import reverse
from django.utils import translation
from django.utils.translation import trans_real

_PLACE = re.compile(r"%\((\w+)\)s")
_END = re.compile(r"[.:] (?=\S)")
_SENTENCE = 12  # letters that a template must have of its own, so that only what was made of it looks like it


def of_record() -> AbstractContextManager[None]:
    """Within it, texts are made in the language of whatever is stored."""
    return translation.override(settings.LANGUAGE_CODE)


class OfTheReader(LocaleMiddleware):
    """The reader's language on the pages of the admin, the language of record everywhere else."""

    def process_request(self, request: HttpRequest) -> None:
        if _is_page(request):
            super().process_request(request)
        else:
            translation.activate(settings.LANGUAGE_CODE)
            request.LANGUAGE_CODE = translation.get_language()

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return super().process_response(request, response) if _is_page(request) else response


def _is_page(request: HttpRequest) -> bool:
    return request.path.startswith(reverse("admin:index"))


def shown(text: str) -> str:
    """A text that was made in the language of record, in the active one: whole, or by the template that it was made
    of, with what stands in its places. As it is where no translation has it."""
    language = translation.get_language() or settings.LANGUAGE_CODE
    if not text or language == settings.LANGUAGE_CODE:
        return text
    known = translation.gettext(text)
    if known != text:
        return known
    for pattern, template in _templates(language):
        if found := pattern.fullmatch(text):
            return template % {name: shown(value) for name, value in found.groupdict().items()}
    for end in reversed([found.end() for found in _END.finditer(text)]):  # several, one behind the other
        first = text[:end].rstrip()
        if (known := shown(first)) != first:
            return f"{known} {shown(text[end:])}"
    return text


@cache
def _templates(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Each translated text with places for words: what it looks like once they are filled, and its translation. The
    most particular first."""
    return sorted(_compiled(language), key=lambda item: len(item[0].pattern), reverse=True)


def _compiled(language: str) -> Iterator[tuple[re.Pattern[str], str]]:
    for key, template in trans_real.translation(language)._catalog.items():  # type: ignore[attr-defined]
        parts = _PLACE.split(key[0] if isinstance(key, tuple) else key)
        own, names = "".join(parts[::2]), parts[1::2]
        if names and isinstance(template, str) and len(own) >= _SENTENCE and "%" not in own:
            yield re.compile(_filled(parts), re.DOTALL), template


def _filled(parts: list[str]) -> str:
    """A pattern for texts and, at every second place, names."""
    pattern, seen = "", set()
    for at, part in enumerate(parts):
        if at % 2 == 0:
            pattern += re.escape(part)
        else:
            pattern += f"(?P={part})" if part in seen else f"(?P<{part}>.+?)"
            seen.add(part)
    return pattern
