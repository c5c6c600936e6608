"""The PDF: every name can be set, and none of them is more than text."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader

from erasure.letters import sheet

AT = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
LONG = "Maria Theodora von und zu Hohenlohe-Waldenburg-Schillingsfürst-Ratiborschen-Erbachhausen geborene Löwenstein"


def made(name: str, **changes: Any) -> str:
    given: dict[str, Any] = {
        "subject": "Our answer",
        "body": f"Dear {name},\n\nThis has been done:\n- one\n- two\nThat is all.",
        "sender": "Shop",
        "address": [name, ""],
        "reference": "DSR-2026-000001",
        "language": "en",
        "at": AT,
    }
    content = sheet.pdf(**given | changes)
    assert content == sheet.pdf(**given | changes), "the same letter is the same file"
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages)


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(
    "name", [LONG, "שרה בת־אל לוי", "محمد بن عبد الله", "Zoë 😀 👩‍👩‍👧", "李小龙", "\u202eevil", "x" * 300]
)
def test_no_name_keeps_a_letter_from_being_made(name, language):
    assert made(name, language=language)


def test_a_long_name_breaks_at_its_hyphens():
    said = made(LONG)
    assert "Hohenlohe-" in said
    for word in ("Waldenburg", "Erbachhausen", "Ratiborschen"):
        assert word in said


@pytest.mark.parametrize(
    "name",
    ['#read("/etc/passwd")', "*bold*", "$x$", '#import "@preview/x:1.0.0"', "</b>", "= Heading", "@ref", "{name}"],
)
def test_a_name_is_text_and_no_markup(name):
    assert name in made(name).replace("\u201c", '"').replace("\u201d", '"')


def test_the_day_is_in_the_letters_language_and_the_desks_zone(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    assert "1 December 2026" in made("Ada")
    said = made("Ada", language="de")
    assert "1. Dezember 2026" in said
    assert "Ihr Antrag DSR-2026-000001" in said
    assert "Seite 1 von 1" in said


def test_a_long_letter_goes_over_pages():
    assert "Page 2 of" in made("Ada", body="\n\n".join(f"Paragraph {number}." for number in range(100)))
