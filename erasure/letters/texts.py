"""The texts that letters are made of: those the desk came with, and what administrators have made of them.

A text has variables in braces, from a fixed list for each kind of letter. They are replaced once and by text alone:
nothing in a text is run, and nothing in what replaces a variable counts as one."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from compliance import clock
from compliance.audit.record import actor_of, record
from erasure import actions
from erasure.errors import Invalid
from erasure.models import LetterTemplate
from erasure.normalise import clean_text
from erasure.states import LetterKind

from . import texts_de, texts_en

LANGUAGES = ("en", "de")
MAX_SUBJECT, MAX_BODY = 200, 20_000

_ALWAYS = ("greeting", "name", "reference", "received_on", "due_on", "kind", "law", "complain", "sender")
_MORE: dict[LetterKind, tuple[str, ...]] = {
    LetterKind.IDENTITY_REQUEST: ("clock",),
    LetterKind.CLARIFICATION_REQUEST: ("clock",),
    LetterKind.EXTENSION: ("due_before", "reasons"),
    LetterKind.REFUSAL: ("ground",),
    LetterKind.COMPLETION: ("done", "under_way", "not_done"),
    LetterKind.RECIPIENTS: ("recipients",),
}
#: What a letter of this kind owes the person: why, until when, what, and where to complain (GDPR art. 12(3), 12(4)).
_OWED: dict[LetterKind, tuple[str, ...]] = {
    LetterKind.EXTENSION: ("reasons", "due_on"),
    LetterKind.REFUSAL: ("ground", "complain"),
    LetterKind.COMPLETION: ("done", "under_way", "not_done"),
    LetterKind.RECIPIENTS: ("recipients",),
}
_BRACES = re.compile(r"\{([^{}]*)\}|[{}]")


def variables(kind: str) -> tuple[str, ...]:
    """What may stand in braces in a letter of this kind."""
    return (*_ALWAYS, *_MORE.get(LetterKind(kind), ()))


def came_with(kind: str, language: str) -> tuple[str, str]:
    """Subject and text as the desk came with them."""
    return {"en": texts_en, "de": texts_de}[language].TEXTS[LetterKind(kind)]


def text_of(kind: str, language: str) -> tuple[str, str]:
    """Subject and text as this desk has them."""
    own = LetterTemplate.objects.filter(kind=kind, language=language).first()
    return (own.subject, own.body) if own else came_with(kind, language)


def checked(kind: str, subject: str, body: str) -> tuple[str, str]:
    """The same, cleaned. Raises Invalid for what is empty, too long or holds control characters, and for anything in
    braces that is no variable of this kind, by its name."""
    problems: list[tuple[str, str]] = []
    found = []
    for name, text, most in (("subject", subject, MAX_SUBJECT), ("body", body, MAX_BODY)):
        try:
            text = clean_text(text.replace("\r\n", "\n"), max_length=most, lines=name == "body")
        except ValueError as error:
            problems.append((f"/{name}", str(error)))
            continue
        found.append(text)
        if not text:
            problems.append((f"/{name}", _("It is empty.")))
        problems += [(f"/{name}", said) for said in _complaints(kind, text)]
    if problems:
        raise Invalid(problems)
    return found[0], found[1]


def lacks(kind: str, body: str) -> list[str]:
    """The variables that a letter of this kind owes the person and this text leaves out."""
    return [name for name in _OWED.get(LetterKind(kind), ()) if f"{{{name}}}" not in body]


def _complaints(kind: str, text: str) -> Iterable[str]:
    known = variables(kind)
    for match in _BRACES.finditer(text):
        if match[1] is None:
            yield _("A brace stands alone: { and } only hold variables.")
        elif match[1] not in known:
            said = _("There is no variable {%(name)s} in this letter. There are: %(all)s.")
            yield said % {"name": match[1][:40], "all": ", ".join(f"{{{name}}}" for name in known)}


def fill(text: str, values: Mapping[str, str]) -> str:
    """A text that was checked, with its variables replaced. A paragraph that is one variable goes where that is
    empty."""
    kept = [part for part in re.split(r"\n[ \t]*\n", text) if not _is_empty(part.strip(), values)]
    return _BRACES.sub(lambda match: values[match[1]], "\n\n".join(kept)).strip()


def _is_empty(part: str, values: Mapping[str, str]) -> bool:
    match = _BRACES.fullmatch(part)
    return bool(match) and not values[part[1:-1]]


# --- changing them ----------------------------------------------------------------------------------------------------


def change(kind: str, language: str, *, subject: str, body: str, by: Any) -> bool:
    """Makes this the desk's text; False where it was. Raises Invalid as `checked` does."""
    subject, body = checked(kind, subject, body)
    if (subject, body) == text_of(kind, language):
        return False
    if (subject, body) == came_with(kind, language):
        return restore(kind, language, by=by)
    with transaction.atomic():
        LetterTemplate.objects.update_or_create(
            kind=kind,
            language=language,
            defaults={"subject": subject, "body": body, "changed_at": clock.now(), "changed_by": by},
        )
        _tell(actions.LETTER_TEXT_CHANGED, kind, language, by)
    return True


def restore(kind: str, language: str, *, by: Any) -> bool:
    """Takes up again the text that the desk came with; False where it had it."""
    with transaction.atomic():
        gone, _kinds = LetterTemplate.objects.filter(kind=kind, language=language).delete()
        if gone:
            _tell(actions.LETTER_TEXT_RESTORED, kind, language, by)
    return bool(gone)


def _tell(action: str, kind: str, language: str, by: Any) -> None:
    subject = f"letter_text:{kind}-{language}"
    record(action, actor=actor_of(by), subject=subject, letter=kind, language=language)
