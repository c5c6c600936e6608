"""The translations' files: complete, in step with the code, and compiled. `make messages` brings them up to date."""

import ast
import re
from pathlib import Path

import django
import pytest
from babel.messages import Message
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from tests import messages

FILES = [(place, language) for place in messages.PLACES for language in messages.LANGUAGES]
_PLACES = re.compile(r"%\(\w+\)[sdg]|%[sdg]|%%|\{\w*\}|</?\w[^>]*>")

in_each_file = pytest.mark.parametrize(
    ("place", "language"), FILES, ids=[f"{place.name}-{language}" for place, language in FILES]
)


def _texts(catalog) -> dict[tuple, Message]:
    known = {(_fixed(message.id), message.context): message for message in catalog if message.id}
    assert len(known) == len(catalog)
    return known


def _fixed(text: str | tuple | list) -> str | tuple:
    return text if isinstance(text, str) else tuple(text)


@in_each_file
def test_every_text_of_the_code_is_in_the_file_and_no_other(place, language):
    marked, known = _texts(messages.extracted()[place]), _texts(messages.translated(place, language))
    assert marked.keys() - known.keys() == set(), "run `make messages`, then translate what is new"
    assert known.keys() - marked.keys() == set(), "run `make messages`"


@in_each_file
def test_every_text_is_translated(place, language):
    texts = _texts(messages.translated(place, language))
    assert [text for (text, _context), message in texts.items() if not all(messages.strings(message))] == []
    assert [text for (text, _context), message in texts.items() if message.fuzzy] == []


@in_each_file
def test_what_stands_in_a_text_stands_in_its_translation_too(place, language):
    """Places for words and tags. A singular may leave out the number."""
    for (text, _context), message in _texts(messages.translated(place, language)).items():
        forms = list(text) if isinstance(text, tuple) else [text]
        assert len(messages.strings(message)) == len(forms), text
        wanted = [sorted(_PLACES.findall(form)) for form in forms]
        for number, string in enumerate(messages.strings(message)):
            found = sorted(_PLACES.findall(string))
            assert found in (wanted if number == 0 else [wanted[number]]), (text, string)


@in_each_file
def test_a_translation_begins_and_ends_as_its_text_does(place, language):
    """A sentence stays a sentence, a label a label; a line break at an end is part of the page."""
    for (text, _context), message in _texts(messages.translated(place, language)).items():
        english = text[0] if isinstance(text, tuple) else text
        for string in messages.strings(message):
            assert string.strip() == string or english.strip() != english, string
            for mark in (".", ":", "?", "…"):
                assert string.endswith(mark) == english.endswith(mark), (english, string)


@in_each_file
def test_the_compiled_file_is_that_of_the_text(place, language):
    with messages.po_file(place, language).with_suffix(".mo").open("rb") as file:
        compiled = _texts(read_mo(file))
    texts = _texts(messages.translated(place, language))
    assert {key: _fixed(message.string) for key, message in compiled.items()} == {
        key: _fixed(message.string) for key, message in texts.items()
    }, "run `make messages`"


def test_a_text_stands_in_the_call_that_translates_it():
    """What is handed over by a name is not collected: it would be English on every page."""
    assert list(_handed_over_by_name()) == []


def _handed_over_by_name():
    for source in messages.sources():
        calls = ast.walk(ast.parse(source.read_text())) if source.suffix == ".py" else ()
        for call in calls:
            name = getattr(call.func, "id", "") if isinstance(call, ast.Call) else ""
            if name in messages.KEYWORDS:
                texts = call.args[: 1 if messages.KEYWORDS[name] is None else 2]
                if not all(isinstance(text, ast.Constant) for text in texts):
                    yield f"{source.relative_to(messages.ROOT)}:{call.lineno}"


@pytest.mark.skipif(django.VERSION[:2] != (5, 2), reason="for the release that we ship on: others have other texts")
@pytest.mark.parametrize("part", ["conf", "contrib/admin", "contrib/auth"])
@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_what_django_does_not_translate_is_translated_here(part, language):
    folder = Path(django.__file__).parent / part / "locale"
    theirs = [_catalog(folder, name) for name in ("en", language)]
    known = {
        text
        for catalog in (theirs[1], *(messages.translated(place, language) for place in messages.PLACES))
        for (text, _context), message in _texts(catalog).items()
        if all(messages.strings(message)) and not message.fuzzy
    }
    assert {text for text, _context in _texts(theirs[0])} - known == set()


def _catalog(folder, language):
    with (folder / language / "LC_MESSAGES" / "django.po").open("rb") as file:
        return read_po(file, locale=language)
