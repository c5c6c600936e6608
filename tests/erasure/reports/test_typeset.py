"""A document becomes a PDF: as text alone, for everybody, with the same bytes each time."""

import dataclasses
import io
import shutil
from datetime import UTC, datetime
from typing import Any

import pypdf
import pytest

from erasure.reports import typeset
from erasure.reports.typeset import Code, Column, Document, Facts, Heading, Mono, Paragraph, Table, pdf
from tests.erasure.reports.conftest import furthest_right, text_of

TRICKS = [
    '#read("/etc/passwd")',
    '#import "@preview/cetz:0.3.0"',
    '#include "document.typ"',
    "$x^2$ and $",
    "@reference <label>",
    "*bold* _slanted_ `raw` = heading - item + item / term: x",
    "\\ \\# \\u{41} ~ -- --- ... // no comment /* none */",
    "\"double\" 'single' “typographic”",
    "[brackets] {braces} ]] }} #(1+1)",
]


def document(*blocks: Any, **changes: Any) -> Document:
    usual = Document(
        title="Title of it",
        name="Kind of it",
        reference="DSR-2026-000001",
        footer="At the foot",
        page="Page {page} of {pages}",
        language="en",
        date=datetime(2026, 11, 2, 9, 30, 1, tzinfo=UTC),
        blocks=blocks or [Paragraph("Nothing.")],
    )
    return dataclasses.replace(usual, **changes)


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_what_is_said_stands_there_letter_by_letter_wherever_it_stands() -> None:
    blocks = [Paragraph(TRICKS, boxed=True), Heading(TRICKS[0]), Facts([(TRICKS[1], TRICKS)]), Code(TRICKS)]
    blocks += [Table([Column(TRICKS[0], 1)], [[TRICKS], [[Mono(trick) for trick in TRICKS]]])]
    told = text_of(pdf(document(*blocks, title=TRICKS[0], footer=TRICKS[3], reference=TRICKS[4])))
    for trick in TRICKS:
        assert squeezed(told).count(squeezed(trick)) >= 5, trick
    assert "root:" not in told


LONG = [
    "b39f0eff-2f67-4dc1-8c1a-9a9ad4c1b2ef",
    "identifier:0d1f6c1e-0000-4000-8000-00000000000a",
    "a_vendors_own_number_without_a_break_in_it" * 3,
    "Wäschetrocknerfernbedienungsbatteriefach" * 4,
]


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext (poppler-utils)")
@pytest.mark.parametrize("word", LONG)
@pytest.mark.parametrize("as_id", [False, True])
def test_a_word_that_is_wider_than_its_column_breaks_and_stays_inside_the_margin(word: str, as_id: bool) -> None:
    cell = Mono(word) if as_id else word
    narrow = Table([Column("First", 9), Column("Second", 4), Column("Last", 2)], [[cell, "and", cell]])
    mixed = Table([Column("As wide as it is"), Column("The rest", 1)], [["7", [cell, "more", cell]]])
    facts = Facts([("Known", [cell, word]), (word, "is")])
    content = pdf(document(narrow, mixed, facts, Paragraph([cell]), Heading(word)))
    assert furthest_right(content) < (210 - 19.9) * 72 / 25.4
    assert squeezed(text_of(content)).count(squeezed(word)) == 9, "it is the same word, and can be searched for"


def test_a_word_that_fits_the_next_line_stays_whole() -> None:
    told = text_of(pdf(document(Table([Column("What", 1)], [[f"{'word ' * 25}{LONG[1]} {'word ' * 30}"]]))))
    assert LONG[1] in told


def test_every_page_has_the_reference_and_its_number() -> None:
    rows = [[str(number), "a line of the table"] for number in range(120)]
    pages = pypdf.PdfReader(io.BytesIO(pdf(document(Table([Column("Number"), Column("What", 1)], rows))))).pages
    assert len(pages) > 2
    for number, page in enumerate(pages, start=1):
        told = page.extract_text()
        assert "DSR-2026-000001" in told
        assert f"Page {number} of {len(pages)}" in told
        assert "Number" in told  # the head of the table stands on each of its pages


def test_it_is_made_for_readers_of_every_kind_and_for_long_keeping() -> None:
    reader = pypdf.PdfReader(io.BytesIO(pdf(document(Heading("A heading")))))
    catalogue = reader.trailer["/Root"]
    assert catalogue["/MarkInfo"]["/Marked"]
    assert catalogue["/Lang"] == "en"
    described = catalogue["/Metadata"].get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in described
    assert "<pdfuaid:part>1</pdfuaid:part>" in described
    assert reader.metadata.title == "Title of it"
    assert reader.metadata.creation_date == datetime(2026, 11, 2, 9, 30, 1, tzinfo=UTC)


def test_other_scripts_stand_as_they_are_or_by_their_numbers() -> None:
    told = text_of(pdf(document(Paragraph("Ελλάδα Žluťoučký Привет"), Paragraph("shop 東\U0001fae8京 end"))))
    assert "Ελλάδα Žluťoučký Привет" in told
    for character in "東京":  # as this machine's fonts allow
        assert character in told or f"[U+{ord(character):04X}]" in told
    assert "end" in told


def test_a_script_that_no_font_has_is_told_by_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    own = typeset._fonts(of_the_machine=False)
    monkeypatch.setattr(typeset, "_fonts", lambda *, of_the_machine: own)
    told = text_of(pdf(document(Paragraph("A 東京 B שלום"))))
    assert "A [U+6771][U+4EAC] B" in told
    assert "U+05E9" not in told  # a font has it: only what is lacking is told by numbers


def test_what_cannot_be_seen_is_told_by_numbers() -> None:
    told = text_of(pdf(document(Paragraph("bill\u202exe.pdf\u200b\x07end"))))
    assert "bill[U+202E]xe.pdf[U+200B][U+0007]end" in told


def test_the_same_document_is_the_same_bytes() -> None:
    first, again = (pdf(document(Paragraph(TRICKS), Code(TRICKS))) for _time in range(2))
    assert first == again
    assert first != pdf(document(Paragraph(TRICKS), Code(TRICKS), title="Another"))
