"""A document in plain parts, set as a PDF by Typst. The templates (templates/reports/) get text alone."""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import typst
from django.conf import settings


@dataclass(frozen=True)
class Mono:
    """An id or a hash, in a type of even width."""

    text: str


#: A text, or lines of it.
Cell = str | Mono | Sequence["str | Mono"]


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    text: Cell
    boxed: bool = False


@dataclass(frozen=True)
class Facts:
    """Pairs of a label and what is known."""

    rows: Sequence[tuple[str, Cell]]


@dataclass(frozen=True)
class Column:
    """`width` is a share of the page's; 0 is as wide as its longest line."""

    label: str
    width: int = 0
    right: bool = False


@dataclass(frozen=True)
class Table:
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Code:
    lines: Sequence[str]


Block = Heading | Paragraph | Facts | Table | Code


@dataclass(frozen=True)
class Document:
    """`name` says what kind of document it is; `date` stands in the file's metadata; `page` is a text with {page} and
    {pages}."""

    title: str
    name: str
    reference: str
    footer: str
    page: str
    language: str
    date: datetime
    blocks: Sequence[Block]


def pdf(document: Any, template: str = "document.typ") -> bytes:
    """The document (a `Document`, or what another template takes) as a PDF: the same bytes for the same document.

    The fonts are Typst's own, so that every machine makes the same. A script that these lack is set in the machine's
    fonts; where those lack it too, its characters are named by their numbers ([U+6771]). Raises typst.TypstError."""
    said = _plain(document)
    unusual = {character for character in json.dumps(said, ensure_ascii=False) if not _is_usual(character)}
    if _can_set(unusual, of_the_machine=False):
        return _compiled(said, template, of_the_machine=False)
    lacking = {character for character in unusual if not _can_set({character}, of_the_machine=True)}
    return _compiled(_spelled(said, lacking), template, of_the_machine=True)


@lru_cache
def _fonts(*, of_the_machine: bool) -> typst.Fonts:
    return typst.Fonts(include_system_fonts=of_the_machine)


def _can_set(characters: set[str], *, of_the_machine: bool) -> bool:
    """Whether these fonts have them all: Typst refuses what a person with a screen reader could not have read out."""
    try:
        typst.compile(
            b'#set document(title: "-")\n#sys.inputs.text',
            font_paths=_fonts(of_the_machine=of_the_machine),
            sys_inputs={"text": "".join(sorted(characters))},
            pdf_standards=["ua-1"],
        )
    except typst.TypstError:
        return False
    return True


def _compiled(said: Any, template: str, *, of_the_machine: bool) -> bytes:
    folder = settings.BASE_DIR / "templates" / "reports"
    return typst.compile(
        folder / template,
        root=folder,
        font_paths=_fonts(of_the_machine=of_the_machine),
        sys_inputs={"document": json.dumps(said)},
        pdf_standards=["a-2a", "ua-1"],  # for long keeping; for people with a screen reader
    )


def _plain(value: Any) -> Any:
    """What the template gets for a part of a document: text, numbers, lists and dictionaries."""
    match value:
        case str():
            return "".join(_seen(character) for character in value)
        case bool() | int():
            return value
        case datetime():
            at = value.astimezone(UTC)
            return {name: getattr(at, name) for name in ("year", "month", "day", "hour", "minute", "second")}
        case Mono():
            return {"mono": _plain(value.text)}
        case list() | tuple():
            return [_plain(item) for item in value]
    shown = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return shown | {"shape": type(value).__name__}


_JOINERS = "\u200c\u200d"  # letters of some scripts need them


def _seen(character: str) -> str:
    """A character that cannot be seen, or turns the reading of others around, by its number."""
    hidden = unicodedata.category(character) in {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
    return _number(character) if hidden and character not in _JOINERS else character


def _number(character: str) -> str:
    return f"[U+{ord(character):04X}]"


def _spelled(value: Any, lacking: set[str]) -> Any:
    """The same with the numbers of the characters that no font has."""
    if isinstance(value, str):
        return "".join(_number(character) if character in lacking else character for character in value)
    if isinstance(value, list):
        return [_spelled(item, lacking) for item in value]
    if isinstance(value, dict):
        return {name: _spelled(item, lacking) for name, item in value.items()}
    return value


#: What Typst's own fonts surely have: Latin, Greek, Cyrillic, punctuation, arrows.
_USUAL = ((0x20, 0x7E), (0xA0, 0x17F), (0x386, 0x3CE), (0x400, 0x45F), (0x2010, 0x2026), (0x2190, 0x2193))


def _is_usual(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _USUAL)
