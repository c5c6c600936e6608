"""A letter as a PDF, by the typesetter of the reports."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import override

from erasure.reports import typeset
from erasure.reports.spoken import day

_ITEM = "- "


@dataclass(frozen=True)
class Lines:
    lines: Sequence[str]


@dataclass(frozen=True)
class Items:
    lines: Sequence[str]


@dataclass(frozen=True)
class Sheet:
    """What templates/reports/letter.typ takes; `page` is a text with {page} and {pages}."""

    title: str
    sender: str
    address: Sequence[str]
    reference: str
    day: str
    page: str
    language: str
    date: datetime
    blocks: Sequence[Lines | Items]


def pdf(
    *, subject: str, body: str, sender: str, address: Sequence[str], reference: str, language: str, at: datetime
) -> bytes:
    """The letter; `address`: lines that say whom it went to, and how. A character that no font here has is named by
    its number, so that no name can keep a letter from being made."""
    with override(language):
        sheet = Sheet(
            title=subject,
            sender=sender or _("Your privacy team"),
            address=[line for line in address if line],
            reference=_("Your request %(reference)s") % {"reference": reference},
            day=day(localtime(at)),
            page=_("Page {page} of {pages}"),
            language=language,
            date=at,
            blocks=list(blocks(body)),
        )
    return typeset.pdf(sheet, "letter.typ")


def blocks(body: str) -> Iterator[Lines | Items]:
    """Paragraphs, and within one the lines that begin with a hyphen as a list."""
    for part in re.split(r"\n[ \t]*\n", body):
        plain: list[str] = []
        items: list[str] = []
        for line in part.splitlines():
            if line.startswith(_ITEM):
                if plain:
                    yield Lines(plain)
                    plain = []
                items.append(line.removeprefix(_ITEM))
            else:
                if items:
                    yield Items(items)
                    items = []
                plain.append(line)
        if plain:
            yield Lines(plain)
        if items:
            yield Items(items)
