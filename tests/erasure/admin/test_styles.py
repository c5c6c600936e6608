"""Style sheets that serve scripts of either direction."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SHEETS = sorted([*ROOT.glob("erasure/static/**/*.css"), *ROOT.glob("compliance/*/static/**/*.css")])
SIDED = re.compile(
    r"(?<![\w-])(?:(?:margin|padding|border)-(?:left|right)\b|(?:left|right)\s*:|(?:text-align|float|clear)\s*:\s*(?:left|right))"
)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_a_sheet_says_start_and_end_and_never_left_or_right(sheet):
    lines = sheet.read_text().splitlines()
    assert [line.strip() for line in lines if SIDED.search(line)] == []


def test_the_sheets_are_found():
    assert {"desk.css", "trail.css"} <= {sheet.name for sheet in SHEETS}
