"""A file against the suppression list, of whatever size, as spreadsheets write it."""

import csv
import io
import tracemalloc
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance.audit.models import Event
from erasure.imports import NotATable
from erasure.imports.checking import check_file
from tests.factories import suppressed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def listed() -> None:
    suppressed("email", "ada@example.org")
    suppressed("customer_id", "C-1001")


def checked(content: bytes, **asked: Any) -> list[dict[str, str]]:
    lines = check_file(io.BytesIO(content), actor="system:test", **asked)
    return list(csv.DictReader(io.StringIO("".join(lines), newline="")))


def answers(content: bytes, **asked: Any) -> list[tuple[str, str, str]]:
    return [(row["row"], row["value"], row["listed"]) for row in checked(content, **asked)]


# --- what is read -----------------------------------------------------------------------------------------------------


def test_each_row_of_kind_and_value_is_answered_with_its_number_and_since_when() -> None:
    content = b"value,kind\nAda@Example.org,email\n\nC-1001,customer_id\neve@example.org,email\n"
    assert answers(content) == [
        ("2", "Ada@Example.org", "yes"),
        ("4", "C-1001", "yes"),
        ("5", "eve@example.org", "no"),
    ]
    first = checked(content)[0]
    assert first["since"].endswith("Z")
    assert checked(content)[2]["since"] == ""


@pytest.mark.parametrize("header", ["email", "E-Mail,value", "name,email,city"])
def test_with_a_kind_a_column_of_its_name_or_value_is_enough(header: str) -> None:
    at = header.split(",").index("email" if "email" in header.split(",") else "value")
    row = ["x"] * len(header.split(","))
    row[at] = "ada@example.org"
    assert answers(f"{header}\n{','.join(row)}\n".encode(), kind="email") == [("2", "ada@example.org", "yes")]


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"ada@example.org\n", "email"), (b"email\nada@example.org\n", ""), (b"kind,value,value\n", ""), (b" \n", "")],
)
def test_a_file_whose_first_row_names_no_such_column_is_refused_and_nothing_looked_up(
    content: bytes, kind: str
) -> None:
    with pytest.raises(NotATable):
        checked(content, kind=kind)
    assert not Event.objects.filter(action="suppression.checked").exists()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("told", ["", "sep={}\r\n"])
def test_encoding_and_delimiter_are_found_out(encoding: str, delimiter: str, told: str) -> None:
    suppressed("customer_id", "Müller-7")
    text = told.format(delimiter) + delimiter.join(["kind", "value"]) + "\r\n" + f"customer_id{delimiter}Müller-7\r\n"
    number = "3" if told else "2"
    assert answers(text.encode(encoding)) == [(number, "Müller-7", "yes")]


def test_a_byte_that_is_no_utf_8_far_down_is_found_out_too() -> None:
    suppressed("customer_id", "Müller-7")
    rows = b"value\n" + b"C-2\n" * 40_000 + "Müller-7\n".encode("cp1252")
    assert answers(rows, kind="customer_id")[-1] == ("40002", "Müller-7", "yes")


def test_what_cannot_be_looked_up_is_neither_yes_nor_no_and_says_why() -> None:
    rows = checked(b"kind,value\nemail,nobody\nphone,4.9E+11\nemail\n,ada@example.org\n")
    assert [row["listed"] for row in rows] == ["", "", "", ""]
    assert all(row["problem"] for row in rows)
    assert "spreadsheet" in rows[1]["problem"]


def test_a_quotation_mark_that_is_not_closed_ends_the_check_in_words() -> None:
    with pytest.raises(NotATable, match="After row 2"):
        checked(b'kind,value\nemail,ada@example.org\nemail,"eve')


# --- what is written --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", "=+-@\t")
def test_no_cell_of_the_result_is_a_formula(start: str) -> None:
    content = io.StringIO()
    csv.writer(content).writerows([("kind", "value"), (f"{start}a", f"{start}cmd|' /C calc'!A0")])
    (row,) = checked(content.getvalue().encode())
    assert all(not cell.startswith(("=", "+", "-", "@", "\t")) for cell in row.values())


def test_a_cell_that_our_own_export_has_guarded_is_looked_up_as_it_was() -> None:
    suppressed("customer_id", "-7")
    assert answers(b"value\n'-7\n", kind="customer_id") == [("2", "'-7", "yes")]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20), max_size=8))
def test_whatever_a_file_holds_each_row_that_holds_something_has_one_answer(values: list[str]) -> None:
    content = io.StringIO()
    csv.writer(content).writerows([("kind", "value"), *(("customer_id", value) for value in values)])
    rows = checked(content.getvalue().encode())
    assert [row["row"] for row in rows] == [str(number) for number in range(2, len(values) + 2)]


# --- of any size ------------------------------------------------------------------------------------------------------


class Endless(io.RawIOBase):
    """A file of so many rows, made while it is read."""

    def __init__(self, rows: int) -> None:
        self.rows, self.at, self.left = rows, 0, b"value\n"

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        assert (offset, whence) == (0, 0)
        self.at, self.left = 0, b"value\n"
        return 0

    def tell(self) -> int:
        return 0

    def readinto(self, buffer: Any) -> int:
        while len(self.left) < len(buffer) and self.at < self.rows:
            more = range(self.at, min(self.at + 1000, self.rows))
            self.left += b"".join(b"C-%d\n" % number for number in more)
            self.at = more.stop
        part, self.left = self.left[: len(buffer)], self.left[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


@pytest.mark.slow
def test_a_long_file_takes_no_more_memory_than_a_short_one() -> None:
    def peak(rows: int) -> int:
        tracemalloc.start()
        file = cast(BinaryIO, io.BufferedReader(Endless(rows), 65_536))
        found = sum(",yes," in line for line in check_file(file, actor="system:test", kind="customer_id"))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found == (rows > 1001)
        return most

    peak(2_000)  # what is read in once
    assert peak(60_000) < 2 * peak(6_000)


def test_a_check_that_ends_early_is_on_record_with_what_it_has_answered() -> None:
    lines = check_file(io.BytesIO(b"value\n" + b"ada@example.org\n" * 1200), actor="system:test", kind="email")
    for _line in range(10):
        next(lines)
    lines.close()
    assert Event.objects.get(action="suppression.checked").details["checked"] == 500


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_writes_the_result_and_tells_the_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, out = tmp_path / "new.csv", tmp_path / "out.csv"
    given.write_text("email\nada@example.org\neve@example.org\nnobody\n")
    call_command("check_suppression", str(given), "--kind", "email", "--out", str(out))
    assert [row["listed"] for row in csv.DictReader(out.open())] == ["yes", "no", ""]
    assert "3 checked: 1 on the list, 1 could not be read." in capsys.readouterr().err
    event = Event.objects.get(action="suppression.checked")
    assert (event.actor, event.details) == ("system:command", {"checked": 3, "listed": 1, "unreadable": 1})


def test_the_command_writes_to_its_output_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = tmp_path / "new.csv"
    given.write_text("kind,value\nemail,ada@example.org\n")
    call_command("check_suppression", str(given))
    assert "2,email,ada@example.org,yes," in capsys.readouterr().out


def test_a_file_that_breaks_off_leaves_no_result_behind(tmp_path: Path) -> None:
    given, out = tmp_path / "new.csv", tmp_path / "out.csv"
    given.write_text('kind,value\nemail,ada@example.org\nemail,"eve')
    with pytest.raises(CommandError):
        call_command("check_suppression", str(given), "--out", str(out))
    assert not out.exists()


@pytest.mark.parametrize("asked", [["missing.csv"], ["missing.csv", "--kind", "E-Mail"]])
def test_wrong_usage_is_told_as_such(asked: list[str]) -> None:
    with pytest.raises(CommandError) as raised:
        call_command("check_suppression", *asked)
    assert raised.value.returncode == 2
