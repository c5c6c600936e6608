"""The texts of letters: their variables, and how they are changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.audit.models import Event
from compliance.staff.models import User
from erasure.errors import Invalid
from erasure.letters import texts
from erasure.models import LetterTemplate
from erasure.states import LetterKind
from tests import factories

EVERY = [(kind, language) for kind in LetterKind for language in texts.LANGUAGES]


@pytest.fixture
def root(db: None) -> User:
    return factories.person("root", "administrator")


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_what_the_desk_comes_with_has_only_variables_that_there_are(kind, language):
    subject, body = texts.came_with(kind, language)
    assert texts.checked(kind, subject, body) == (subject, body)
    filled = texts.fill(body, {name: f"<{name}>" for name in texts.variables(kind)})
    assert "{" not in filled
    assert "<greeting>" in filled
    assert "<sender>" in filled


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_what_the_desk_comes_with_tells_what_the_law_owes_the_person(kind, language):
    assert texts.lacks(kind, texts.came_with(kind, language)[1]) == []
    assert bool(texts.lacks(kind, "Hello")) == (kind in texts._OWED)


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_a_refusal_says_why_and_where_to_complain(language):
    _subject, body = texts.came_with(LetterKind.REFUSAL, language)
    assert "{ground}" in body
    assert "{complain}" in body


@pytest.mark.parametrize("word", ["nmae", "ground", "name.__class__", "0", "name!r", "", "due_on:%Y"])
def test_anything_else_in_braces_is_named_as_wrong(word):
    with pytest.raises(Invalid) as refused:
        texts.checked(LetterKind.ACKNOWLEDGEMENT, "Hello", f"Dear {{{word}}}")
    ((pointer, text),) = refused.value.problems
    assert pointer == "/body"
    assert f"{{{word}}}" in text


@pytest.mark.parametrize("text", ["a { b", "a } b", "{{name}}", "{name"])
def test_a_brace_that_stands_alone_is_wrong(text):
    with pytest.raises(Invalid):
        texts.checked(LetterKind.ACKNOWLEDGEMENT, "Hello", text)


@pytest.mark.parametrize("subject", ["", " ", "two\nlines", "a\r\nBcc: eve@example.org", "x" * 201])
def test_a_subject_is_one_line(subject):
    with pytest.raises(Invalid) as refused:
        texts.checked(LetterKind.ACKNOWLEDGEMENT, subject, "Text")
    assert [pointer for pointer, _text in refused.value.problems] == ["/subject"]


def test_a_paragraph_that_is_one_empty_variable_goes():
    filled = texts.fill("First.\n\n{done}\n\n{not_done}\n\nLast {done}.", {"done": "", "not_done": "Nothing"})
    assert filled == "First.\n\nNothing\n\nLast ."


@given(st.text(max_size=50))
def test_what_replaces_a_variable_is_never_read_as_one(name):
    values = {"name": name, "reference": "DSR-1"}
    assert texts.fill("x {name} {reference} y", values) == f"x {name} DSR-1 y"


def test_a_text_is_changed_and_the_one_that_came_is_taken_up_again(root):
    kind = LetterKind.COMPLETION
    assert texts.change(kind, "en", subject="Done", body="{greeting}\r\n\r\n{done}", by=root)
    assert texts.text_of(kind, "en") == ("Done", "{greeting}\n\n{done}")
    assert texts.text_of(kind, "de") == texts.came_with(kind, "de")
    assert not texts.change(kind, "en", subject="Done", body="{greeting}\n\n{done}", by=root)
    event = Event.objects.get(action="letter_text.changed")
    assert event.details == {"letter": "completion", "language": "en"}
    assert texts.restore(kind, "en", by=root)
    assert not texts.restore(kind, "en", by=root)
    assert texts.text_of(kind, "en") == texts.came_with(kind, "en")
    assert Event.objects.filter(action="letter_text.restored").count() == 1


def test_whoever_types_the_text_that_came_has_restored_it(root):
    kind = LetterKind.RECIPIENTS
    texts.change(kind, "de", subject="Anders", body="Anders", by=root)
    subject, body = texts.came_with(kind, "de")
    assert texts.change(kind, "de", subject=subject, body=body, by=root)
    assert not LetterTemplate.objects.exists()
