"""A CSV file as spreadsheets and other programs write it. Reads bytes into rows of text and knows nothing of cases.

Nothing is guessed in silence: what was detected is said, and a file that cannot be read to its end is refused whole."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance import formats
from compliance.audit.export import guard

MOST_BYTES = 5 * 1024 * 1024
MOST_ROWS = 10_000
MOST_COLUMNS = 500
LONGEST_CELL = 131_072  # characters
DELIMITERS = {
    ",": gettext_lazy("comma"),
    ";": gettext_lazy("semicolon"),
    "\t": gettext_lazy("tab"),
    "|": gettext_lazy("vertical bar"),
}
_HEAD = 65_536  # bytes of a file that is read a part at a time, by which its form is found out
_LOOKED_AT = 200  # rows by which two delimiters that fit the header are told apart
_ARCHIVE = b"PK\x03\x04"  # how .xlsx and .ods begin
_SEP = re.compile(r'"?sep=(.)"?(?:\r\n|\r|\n|$)', re.IGNORECASE)  # a line by which Excel is told the delimiter


class NotATable(Exception):
    """The file cannot be read as a whole. The text is for people and holds nothing of the file."""


@dataclass(frozen=True)
class Table:
    """`header` are the cells of the first row. `rows` are the others that hold something, each with its number as a
    spreadsheet shows it (the header is row 1). `encoding` and `delimiter` say how the file was read."""

    header: list[str] = field(repr=False)
    rows: list[tuple[int, list[str]]] = field(repr=False)
    encoding: str
    delimiter: str


def read(content: bytes, is_column: Callable[[str], bool]) -> Table:
    """The table in a file. `is_column` says of a cell of the header whether it names a known column: by that the
    delimiter is found. Raises NotATable."""
    if len(content) > MOST_BYTES:
        raise NotATable(too_large())
    if content.startswith(_ARCHIVE):
        raise NotATable(_("This is a workbook of a spreadsheet. Save its sheet as CSV in UTF-8. Nothing was saved."))
    text, encoding = decoded(content)
    if not text.strip():
        raise NotATable(_("The file is empty. Nothing was saved."))
    text, delimiter = _delimited(text, is_column)
    header, rows, count = _records(text, delimiter)
    if len(header) > MOST_COLUMNS:
        raise NotATable(
            _("The first row has %(columns)s cells; at most %(most)s columns are taken. Nothing was saved.")
            % {"columns": formats.number(len(header)), "most": formats.number(MOST_COLUMNS)}
        )
    if count > MOST_ROWS:
        raise NotATable(
            _("The file has %(rows)s rows; at most %(most)s are taken at once. Split it. Nothing was saved.")
            % {"rows": formats.number(count), "most": formats.number(MOST_ROWS)}
        )
    return Table(header, rows, encoding, delimiter)


def stream(file: BinaryIO, is_column: Callable[[str], bool]) -> Iterator[tuple[int, list[str]]]:
    """The rows of a file of any size that hold something, each with its number, the header first: read as `read` does,
    a part at a time. `file` can be read from its beginning again. Raises NotATable, also on the way."""
    head = file.read(_HEAD)
    if not head.strip():
        raise NotATable(_("The file is empty. Nothing was saved."))
    codec, mark = _codec(file, head)
    start = codecs.getincrementaldecoder(codec)("replace").decode(head.removeprefix(mark))
    rest, delimiter = _delimited(start, is_column)
    skipped = start[: len(start) - len(rest)]
    file.seek(len(mark) + len(skipped.encode(codec)))
    number = before = int(bool(skipped))
    lines = io.TextIOWrapper(file, codec, newline="")
    try:
        for number, cells in enumerate(csv.reader(lines, delimiter=delimiter, strict=True), start=1 + before):
            if any(cells):
                yield number, cells
    except (csv.Error, UnicodeDecodeError):  # its own text carries a part of the file
        raise NotATable(
            _("After row %(row)s the file cannot be read: a quotation mark is not closed, or it is damaged.")
            % {"row": formats.number(number)}
        ) from None
    finally:
        lines.detach()


def too_large() -> str:
    return _("The file is larger than 5 MiB. Split it. Nothing was saved.")


def unguarded(cell: str) -> str:
    """A cell without the apostrophe by which our own exports keep a spreadsheet from running it as a formula."""
    return cell[1:] if cell.startswith("'") and guard(cell[1:]) == cell else cell


# --- encoding ---------------------------------------------------------------------------------------------------------


def decoded(content: bytes) -> tuple[str, str]:
    """The text of a file and the name of its encoding. Raises NotATable."""
    for mark, codec, name in (
        (codecs.BOM_UTF8, "utf-8", _("UTF-8 with a byte order mark")),
        (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
    ):
        if content.startswith(mark):
            return _decode(content.removeprefix(mark), codec, name), name
    if codec := _looks_like_utf_16(content):
        return _decode(content, codec, "UTF-16"), "UTF-16"
    try:
        return content.decode(), "UTF-8"
    except UnicodeDecodeError:
        return _decode(content, "cp1252", "Windows-1252"), "Windows-1252"


def _codec(file: BinaryIO, head: bytes) -> tuple[str, bytes]:
    """The codec of a file that begins with `head`, and the mark at its beginning. What is not UTF-8 to its end is taken
    for Windows-1252, as `decoded` does."""
    for mark, codec in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if head.startswith(mark):
            return codec, mark
    if codec := _looks_like_utf_16(head[: len(head) // 2 * 2]):
        return codec, b""
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while part := file.read(_HEAD):
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252", b""
    return "utf-8", b""


def _decode(content: bytes, codec: str, name: str) -> str:
    try:
        return content.decode(codec)
    except UnicodeDecodeError:
        # "from None": the codec's own error carries the whole file into tracebacks.
        raise NotATable(
            _("The file is not text in %(encoding)s. Save it as CSV in UTF-8 and upload it again. Nothing was saved.")
            % {"encoding": name}
        ) from None


def _looks_like_utf_16(content: bytes) -> str:
    """The codec of a file in UTF-16 that lacks its mark: the header is plain letters, so that every other byte of its
    beginning is zero."""
    head = content[:20]
    if len(content) % 2 or len(head) < 4:
        return ""
    if not any(head[1::2]) and all(head[::2]):
        return "utf-16-le"
    return "utf-16-be" if not any(head[::2]) and all(head[1::2]) else ""


# --- delimiter and rows -----------------------------------------------------------------------------------------------


def _delimited(text: str, is_column: Callable[[str], bool]) -> tuple[str, str]:
    """The text without a line for Excel, and its delimiter: the one by which the first row names most columns."""
    if told := _SEP.match(text):
        if told[1] not in DELIMITERS:
            raise NotATable(
                _("The file's first line names a delimiter that is not read here. Use a comma. Nothing was saved.")
            )
        return text[told.end() :], told[1]
    named = {delimiter: sum(map(is_column, _first(text, delimiter))) for delimiter in DELIMITERS}
    most = max(named.values())
    if not most:
        raise NotATable(
            _(
                "The first row must name the columns, such as kind, regime, ground and email. Take the template. "
                "Nothing was saved."
            )
        )
    fitting = [delimiter for delimiter in DELIMITERS if named[delimiter] == most]
    return text, fitting[0] if len(fitting) == 1 else min(fitting, key=lambda delimiter: _ragged(text, delimiter))


def _first(text: str, delimiter: str) -> list[str]:
    try:
        return next(_reader(text, delimiter), [])[:MOST_COLUMNS]
    except csv.Error:
        return []


def _ragged(text: str, delimiter: str) -> int:
    """How many of the first rows have another number of cells than the header has."""
    found = 0
    reader = _reader(text, delimiter)
    try:
        wide = len(next(reader, []))
        for _number, cells in zip(range(_LOOKED_AT), reader, strict=False):
            found += bool(cells) and len(cells) != wide
    except csv.Error:
        found += _LOOKED_AT
    return found


def _records(text: str, delimiter: str) -> tuple[list[str], list[tuple[int, list[str]]], int]:
    """The header; the rows that hold something, each with its number; and how many these are, of which no more are kept
    than are taken."""
    header: list[str] = []
    rows: list[tuple[int, list[str]]] = []
    number = count = 0
    try:
        for number, record in enumerate(_reader(text, delimiter), start=1):
            if any(len(cell) > LONGEST_CELL for cell in record):  # csv's own limit is one for the whole process
                number -= 1
                raise csv.Error("limit")
            if number == 1:
                header = record
            elif any(record):
                count += 1
                if count <= MOST_ROWS:
                    rows.append((number, record))
    except csv.Error as error:
        place = {"row": number + 1}
        if "limit" in str(error):
            text = _("Row %(row)s holds a cell of more than 131,072 characters.") % place
        else:
            text = _("In row %(row)s a quotation mark is not closed, or text follows one that closes a cell.") % place
        raise NotATable(
            _("%(what)s The rows after it cannot be told apart. Mend it and upload the file again. Nothing was saved.")
            % {"what": text}
        ) from None
    return header, rows, count


def _reader(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
