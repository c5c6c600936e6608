"""Any table that a program writes as CSV is read back as it was."""

import csv

import pytest
from django.utils.translation import override
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from compliance.audit.export import guard
from erasure.imports.reading import DELIMITERS, MOST_BYTES, MOST_COLUMNS, MOST_ROWS, NotATable, read, unguarded

from .made import csv_bytes

KNOWN = ["kind", "regime", "ground", "email", "note"]


def taken(content: bytes):
    return read(content, KNOWN.__contains__)


def is_like_utf_8(text: str) -> bool:
    """Whether the bytes of this text in Windows-1252 are those of another text in UTF-8. No program can tell these
    apart, and nobody writes them."""
    try:
        return not text.isascii() and bool(text.encode("cp1252").decode())
    except UnicodeDecodeError:
        return False


CP1252 = [chr(code) for code in range(32, 256) if code not in range(127, 160)] + [
    *"€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ",
    "\n",
    "\t",
]
WIDE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\ufeff"), max_size=12)
NARROW = st.text(st.sampled_from(CP1252), max_size=12)


@st.composite
def tables(draw, cell):
    header = draw(st.permutations(KNOWN))[: draw(st.integers(2, len(KNOWN)))]
    row = st.lists(cell, min_size=len(header), max_size=len(header))
    return [list(header), *draw(st.lists(row, max_size=6))]


DIALECTS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from([*DELIMITERS]),
        "lineterminator": st.sampled_from(["\r\n", "\n", "\r"]),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    }
)


def is_written_right(table, dialect) -> bool:
    """csv.writer leaves a line break bare that is not its own: such a file has other rows, for every reader."""
    breaks = any("\n" in cell for row in table for cell in row)
    return not breaks or dialect["lineterminator"] != "\r" or dialect["quoting"] == csv.QUOTE_ALL


def holds(table, dialect, read_back):
    filled = [(number, row) for number, row in enumerate(table[1:], start=2) if any(row)]
    assert read_back.header == table[0]
    assert read_back.rows == filled
    assert read_back.delimiter == dialect["delimiter"]


@settings(deadline=None)
@given(tables(WIDE), DIALECTS, st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_a_table_in_unicode_is_read_back(table, dialect, encoding):
    assume(is_written_right(table, dialect))
    holds(table, dialect, taken(csv_bytes(*table, encoding=encoding, **dialect)))


@settings(deadline=None)
@given(tables(NARROW), DIALECTS)
def test_a_table_in_windows_1252_is_read_back(table, dialect):
    content = csv_bytes(*table, **dialect).decode()
    assume(is_written_right(table, dialect) and not is_like_utf_8(content))
    found = taken(content.encode("cp1252"))
    holds(table, dialect, found)
    assert found.encoding == ("UTF-8" if content.isascii() else "Windows-1252")


@settings(deadline=None)
@given(st.text(max_size=20))
def test_a_cell_that_our_exports_guard_is_what_it_was(cell):
    assume(not cell.startswith("'"))
    assert unguarded(guard(cell)) == cell


@pytest.mark.parametrize("cell", ["'tis", "'", "''", "O'Neill", "'quoted'"])
def test_an_apostrophe_that_guards_nothing_stays(cell):
    assert unguarded(cell) == cell


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8 with a byte order mark"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("cp1252", "Windows-1252"),
    ],
)
def test_the_encoding_is_found_and_said(encoding, said):
    found = taken(csv_bytes(["kind", "note"], ["erasure", "Zoë – “Straße” €"], encoding=encoding))
    assert found.encoding == said
    assert found.rows == [(2, ["erasure", "Zoë – “Straße” €"])]


@pytest.mark.parametrize("line", ["sep=;\r\n", '"sep=;"\n', "SEP=;\r"])
def test_the_line_by_which_excel_is_told_the_delimiter_is_not_a_row(line):
    found = taken(line.encode() + b"kind;note\r\nerasure;a,b,c\r\n")
    assert (found.delimiter, found.header, found.rows) == (";", ["kind", "note"], [(2, ["erasure", "a,b,c"])])


def test_one_column_is_separated_by_what_leaves_no_row_ragged():
    assert taken(b"note\na,b\nc,d,e\n").rows == [(2, ["a,b"]), (3, ["c,d,e"])]


def test_rows_have_the_numbers_that_a_spreadsheet_shows():
    found = taken(b'kind,note\nerasure,"two\nlines"\n\n,\nexport,x\n')
    assert [number for number, _cells in found.rows] == [2, 5]


def test_ragged_rows_and_nul_are_left_to_whoever_knows_the_columns():
    assert taken(b"kind,note\na\nb,c,d\ne,\0\n").rows == [(2, ["a"]), (3, ["b", "c", "d"]), (4, ["e", "\0"])]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty."),
        (b"\xef\xbb\xbf \r\n", "The file is empty."),
        (b"Ada,Lovelace,ada@example.org\n", "The first row must name the columns"),
        (b"PK\x03\x04\x81\x8d\x8f\x90\x9d", "This is a workbook of a spreadsheet."),
        (b"\x81\x8d\x8f\x90\x9d", "The file is not text in Windows-1252."),
        (b"\xff\xfek\x00i", "The file is not text in UTF-16."),
        (b"sep=#\nkind#note\n", "names a delimiter that is not read here"),
        (b'kind,note\nerasure,x\nerasure,"never closed\nerasure,y\n', "In row 3 a quotation mark is not closed"),
        (b'kind,note\nerasure,"closed"too early\n', "In row 2 a quotation mark is not closed, or text follows"),
        (b"kind,note\nerasure," + b"x" * 131_073 + b"\n", "Row 2 holds a cell of more than 131,072 characters."),
        (b"kind\n" + b"a\n" * (MOST_ROWS + 1), "The file has 10,001 rows; at most 10,000 are taken at once."),
        (b"kind\n" + b" " * MOST_BYTES, "The file is larger than 5 MiB."),
        (b"kind" + b"," * MOST_COLUMNS + b"\nerasure\n", "The first row has 501 cells; at most 500 columns are taken."),
    ],
)
def test_what_is_no_table_is_refused_in_words_that_hold_nothing_of_it(content, said):
    with pytest.raises(NotATable) as refused:
        taken(content)
    assert said in str(refused.value)
    assert "Nothing was saved." in str(refused.value)
    assert "Lovelace" not in str(refused.value)


def test_as_many_rows_as_are_taken_are_taken():
    assert len(taken(b"kind\n" + b"a\n" * MOST_ROWS).rows) == MOST_ROWS


def test_numbers_are_written_as_the_reader_writes_them():
    with override("de"), pytest.raises(NotATable) as refused:
        taken(b"kind\n" + b"a\n" * (MOST_ROWS + 1))
    assert "10.001" in str(refused.value) and "10,001" not in str(refused.value)


def test_as_many_columns_as_are_taken_are_taken():
    assert len(taken(b"kind" + b"," * (MOST_COLUMNS - 1) + b"\nerasure\n").header) == MOST_COLUMNS


def test_a_first_row_without_end_is_not_looked_up_to_its_end():
    looked_at = []
    with pytest.raises(NotATable):
        read(b"kind" + b",x" * 100_000 + b"\n", lambda title: bool(looked_at.append(title)) or title == "kind")
    assert len(looked_at) <= MOST_COLUMNS * len(DELIMITERS)
