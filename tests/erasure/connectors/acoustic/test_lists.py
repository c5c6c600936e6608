"""The lists that Exchange offers: their names, their CSV, and the further identifiers in them."""

import hashlib
import io
import tracemalloc
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any
from unittest import mock

import pytest

from erasure.connectors import acoustic
from erasure.connectors.acoustic_rows import LONGEST_ROW, NotAList, Row, read_rows
from erasure.connectors.base import BrokenReply, Finish, HandOver, Held, Misconfigured, Operation, Outcome

from ..driver import Drive
from .conftest import (
    ANNA,
    COOKIE,
    DELETE,
    FETCH,
    HEADER,
    READY,
    STATUS,
    Vendor,
    found,
    in_csv,
    in_html,
    in_json,
    listing,
    until,
)

GOOD = "2|gdpr|2345_1.segment.output"

# --- names ------------------------------------------------------------------------------------------------------------

HOSTILE: dict[str, Any] = {
    "parent": [".."],
    "parents": ["../../2345"],
    "parents, encoded": ["..%2F..%2F2345"],
    "dot": ["."],
    "empty text": [""],
    "slash": ["2|gdpr|2345_1.segment.output/"],
    "slash within": ["2|gdpr|2345_1/.segment.output"],
    "backslash": ["2|gdpr|2345_1\\.segment.output"],
    "path before": ["../2|gdpr|2345_1.segment.output"],
    "another job's": ["2|gdpr|2346_1.segment.output"],
    "another job's, longer": ["2|gdpr|23451_1.segment.output"],
    "another job's, shorter": ["2|gdpr|234_1.segment.output"],
    "account is a word": ["x|gdpr|2345_1.segment.output"],
    "no number": ["2|gdpr|2345.segment.output"],
    "number is a word": ["2|gdpr|2345_a.segment.output"],
    "digits of another script": ["2|gdpr|2345_\u0661.segment.output"],
    "any character for a dot": ["2|gdpr|2345_1xsegmentxoutput"],
    "capitals": ["2|GDPR|2345_1.SEGMENT.OUTPUT"],
    "line break after": [GOOD + "\n"],
    "blank before": [" " + GOOD],
    "query": [GOOD + "?x=1"],
    "NUL": [GOOD + "\0"],
    "very long": ["2|gdpr|2345_" + "1" * 21 + ".segment.output"],
    "encoded already": ["2%7Cgdpr%7C2345_1.segment.output"],
    "one good, one bad": [GOOD, ".."],
    "twice": [GOOD, GOOD],
    "none": [],
    "null": None,
    "text": GOOD,
    "an object": {GOOD: GOOD},
    "a number within": [2345],
    "a list within": [[GOOD]],
    "null within": [None],
}


@pytest.mark.parametrize("names", HOSTILE.values(), ids=HOSTILE)
def test_a_name_that_is_not_as_documented_is_neither_fetched_nor_deleted(
    vendor: Vendor, drive: Callable[..., Drive], names: Any
) -> None:
    sub_task = until(drive(), "await_result")
    told = {"jobId": 2345, "status": READY, "gdprDataFiles": names}
    vendor.instead[STATUS] = [in_json(told)]
    with pytest.raises(BrokenReply, match="Nothing is assumed"):
        sub_task.once()
    assert sub_task.step == "await_result"
    assert {FETCH, DELETE}.isdisjoint(vendor.story)
    assert sub_task.said == {}


@pytest.mark.parametrize(("count", "taken"), [(1000, True), (1001, False)])
def test_a_job_has_a_thousand_files_at_most(
    vendor: Vendor, drive: Callable[..., Drive], count: int, taken: bool
) -> None:
    sub_task = until(drive(), "await_result")
    names = [f"2|gdpr|2345_{number}.segment.output" for number in range(count)]
    vendor.instead[STATUS] = [in_json({"jobId": 2345, "status": READY, "gdprDataFiles": names})]
    with nullcontext() if taken else pytest.raises(BrokenReply):
        sub_task.once()
    assert sub_task.step == ("fetch_file" if taken else "await_result")


def test_the_field_may_not_be_missing(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = until(drive(), "await_result")
    vendor.instead[STATUS] = [in_json({"jobId": 2345, "status": READY})]
    with pytest.raises(BrokenReply):
        sub_task.once()


def test_another_accounts_number_in_a_name_is_the_vendors_business(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = until(drive(), "await_result")
    names = ["987|gdpr|2345_10.segment.output"]
    vendor.instead[STATUS] = [in_json({"jobId": 2345, "status": READY, "gdprDataFiles": names})]
    vendor.instead[FETCH] = [in_csv(listing(("EMAIL", "anna@example.org")))]
    assert isinstance(sub_task.run(), Finish)
    assert vendor.asked(DELETE) == ["/v1/jobs/gdprDataFile/2345/987%7Cgdpr%7C2345_10.segment.output"]


# --- shapes that are read ---------------------------------------------------------------------------------------------

ROW = "32bd,EMAIL,45,61,email_src,anna@example.org\n"
SHAPES = {
    "header of five, rows of six": HEADER + ROW,
    "header of six": "X1Id,Type,Endpoint ID,Id,Name,Value\n" + ROW,
    "rows of five": HEADER + "32bd,EMAIL,45,email_src,anna@example.org\n",
    "rows of seven": HEADER + "32bd,EMAIL,45,61,7,email_src,anna@example.org\n",
    "header in another case": HEADER.upper() + ROW,
    "BOM": "\ufeff" + HEADER + ROW,
    "CR LF": (HEADER + ROW).replace("\n", "\r\n"),
    "CR": (HEADER + ROW).replace("\n", "\r"),
    "no line end at the end": (HEADER + ROW).rstrip("\n"),
    "blank lines": "\n" + HEADER + "\n\r\n" + ROW + "\n",
    "blanks around cells": HEADER + "32bd , EMAIL , 45 , 61 , email_src , anna@example.org \n",
    "quotes": HEADER + '"32bd","EMAIL","45","61","email_src","anna@example.org"\n',
    "quotes after a blank": HEADER + '32bd, "EMAIL", 45, 61, "email_src", "anna@example.org"\n',
    "small type": HEADER + ROW.replace("EMAIL", "email"),
}


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_a_row_is_read_from_its_ends(vendor: Vendor, drive: Callable[..., Drive], text: str) -> None:
    vendor.lists = [text]
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.outcomes == {"anna": (Outcome.ERASED, Held.YES)}
    assert sub_task.evidence[0].counts == {"rows": 1, "found": 0, "left_out": 0}
    assert sub_task.files == [text.encode()]
    assert sub_task.evidence[0].download.sha256 == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "content_type",
    ["text/csv", "text/csv; charset=utf-8", "TEXT/CSV", "text/plain", "application/csv", "application/octet-stream"],
)
def test_a_list_may_be_called_csv_text_or_bytes(vendor: Vendor, drive: Callable[..., Drive], content_type: str) -> None:
    vendor.instead[FETCH] = [in_csv(HEADER + ROW, content_type)]
    assert isinstance(drive().run(), Finish)


def test_a_list_may_be_called_nothing(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.instead[FETCH] = [in_csv(HEADER + ROW, "")]
    assert isinstance(drive().run(), Finish)


def test_a_list_without_a_row_is_one(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.lists = [HEADER]
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.outcomes == {"anna": (Outcome.PROCESSED, Held.UNKNOWN)}
    assert sub_task.evidence[0].counts == {"rows": 0, "found": 0, "left_out": 0}


# --- what is no list --------------------------------------------------------------------------------------------------

BROKEN = {
    "nothing": b"",
    "blank lines alone": b"\n\n",
    "no header": ROW.encode(),
    "another header": b"Type,Value\nemail,anna@example.org\n",
    "header without its end": b"X1Id, Type, Endpoint ID\n" + ROW.encode(),
    "semicolons": (HEADER + ROW).replace(",", ";").encode(),
    "row of four": (HEADER + ROW + "32bd,COOKIEID,src,C-1\n").encode(),
    "row of one": (HEADER + ROW + "32bd\n").encode(),
    "cut off within a quote": (HEADER + ROW + '32bd,COOKIEID,45,61,src,"C-').encode(),
    "text after a quote": (HEADER + ROW + '32bd,COOKIEID,45,61,src,"C"-1\n').encode(),
    "NUL": (HEADER + ROW + "32bd,COOKIEID,45,61,src,C\0-1\n").encode(),
    "not UTF-8": (HEADER + ROW).encode() + "32bd,COOKIEID,45,61,src,Ž\n".encode("latin2"),
    "UTF-16": (HEADER + ROW).encode("utf-16"),
    "cut within a character": (HEADER + ROW + "32bd,COOKIEID,45,61,src,Ž").encode()[:-1],
    "a page called CSV": b"<!DOCTYPE html><html><body><h1>Sign in</h1></body></html>",
    "JSON called CSV": b'{"error": "not ready"}',
    "one long line": (HEADER + "32bd,EMAIL,45,61,src," + "x" * 70_000 + "\n").encode(),
    "one long line that makes rows when cut": (HEADER + ROW + "32bd,EMAIL,45,61,src," * 4_000 + "\n").encode(),
    "one long cell of short lines": (HEADER + '32bd,EMAIL,45,61,src,"' + "x\n" * 70_000 + '"\n').encode(),
    "one long row of short cells": (HEADER + "32bd,EMAIL" + ',"x\n"' * 120_000 + "\n").encode(),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_what_is_no_list_is_kept_and_handed_over_and_nothing_is_deleted(
    vendor: Vendor, drive: Callable[..., Drive], data: bytes
) -> None:
    vendor.lists = [listing(("EMAIL", "anna@example.org")), listing()]
    sub_task = until(drive(), "fetch_file")
    sub_task.once()
    vendor.instead[FETCH] = [in_csv(data)]
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert (end.to, end.code, sub_task.step) == ("attention", "file_unreadable", "await_result")
    assert "Nothing was deleted" in end.note
    assert sub_task.files[1:] == [data]
    assert vendor.asked(DELETE) == []
    assert sub_task.outcomes == {"anna": (Outcome.PENDING, Held.YES)}
    assert isinstance(sub_task.run(), Finish)  # a retry downloads that file again, and it is one now
    assert len(vendor.asked(DELETE)) == 2


@pytest.mark.parametrize(
    "answer",
    [in_html(), in_html(404), in_json({"error": "no such file"}), in_json({"error": "no such file"}, 404)],
)
def test_another_answer_in_the_lists_place_is_no_evidence(
    vendor: Vendor, drive: Callable[..., Drive], answer: Any
) -> None:
    sub_task = until(drive(), "fetch_file")
    vendor.instead[FETCH] = [answer]
    with pytest.raises(BrokenReply):
        sub_task.once()
    assert sub_task.evidence == []
    assert sub_task.step == "fetch_file"
    assert vendor.asked(DELETE) == []


def test_a_file_that_is_larger_than_any_list_is_not_taken(
    vendor: Vendor, drive: Callable[..., Drive], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acoustic, "LARGEST_FILE", 100)
    vendor.lists = [listing(("EMAIL", "anna@example.org"), ("COOKIEID", "C-1"))]
    with pytest.raises(BrokenReply, match="far larger") as raised:
        drive().run()
    assert raised.value.code == "reply_too_large"
    assert vendor.asked(DELETE) == []


def test_a_refusal_of_the_key_keeps_what_was_fetched(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.lists = [listing(("EMAIL", "anna@example.org")), listing()]
    sub_task = until(drive(), "fetch_file")
    sub_task.once()
    vendor.instead[FETCH] = [in_json({"error": "unauthorized"}, 401)]
    with pytest.raises(Misconfigured):
        sub_task.once()
    assert isinstance(sub_task.run(), Finish)
    assert len(vendor.asked(FETCH)) == 3


# --- further identifiers ----------------------------------------------------------------------------------------------


def test_further_identifiers_are_told_once_and_those_that_were_sent_are_not_among_them(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.lists = [
        listing(
            ("EMAIL", "anna@example.org"),
            ("COOKIEID", "C-1"),
            ("cookieId", "C-1"),
            ("COOKIEID", COOKIE.value),
            ("EMAIL", "Second@example.org"),
            ("EMAIL", "second@example.org"),
            ("COOKIEID", "c-1"),
        )
    ]
    sub_task = drive(ANNA, COOKIE)
    sub_task.run()
    assert found(sub_task) == [("cookie_id", "C-1"), ("email", "Second@example.org"), ("cookie_id", "c-1")]
    assert sub_task.evidence[0].counts == {"rows": 7, "found": 3, "left_out": 0}


@pytest.mark.parametrize(
    ("vendor_type", "kind"),
    [
        ("EMAIL", "email"),
        ("PHONE", "phone"),
        ("COOKIEID", "cookie_id"),
        ("X1ID", "x1_id"),
        ("SMS", "sms"),
        ("android_adv_id", "android_adv_id"),
        ("IDFA", "idfa"),
        ("DACOOKIEID", "da_cookie_id"),
        ("CRM_SFDC_ID", "crm_sfdc_id"),
        ("CUSTOMER_ID", "other"),
        ("Ada_Lovelace_born_1815", "other"),
        ("2ND EMAIL", "other"),
        ("ÉMAIL", "other"),
        ("x" * 41, "other"),
        ("", "other"),
    ],
)
def test_a_type_becomes_our_word_for_it_and_no_vendors_text_becomes_a_word(
    vendor: Vendor, drive: Callable[..., Drive], vendor_type: str, kind: str
) -> None:
    vendor.lists = [listing(("EMAIL", "anna@example.org"), (vendor_type, "Other-Value-1"))]
    sub_task = drive()
    sub_task.run()
    assert found(sub_task) == [(kind, "Other-Value-1")]


def test_the_accounts_own_names_are_understood_and_of_two_for_one_type_the_first_counts(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    names = {"device_id": "IDFA", "mobile": "phone", "cookie_id": "DAcookieId"}
    vendor.lists = [listing(("idfa", "I-1"), ("PHONE", "+4930999"), ("dacookieid", "D-1"), ("COOKIEID", "C-1"))]
    sub_task = drive(names=names)
    sub_task.run()
    assert found(sub_task) == [
        ("device_id", "I-1"),
        ("phone", "+4930999"),
        ("cookie_id", "D-1"),
        ("other", "C-1"),
    ]


@pytest.mark.parametrize(
    "row",
    [
        ("COOKIEID", ""),
        ("COOKIEID", "V" * 513),
        ("COOKIEID", "V\x1b1"),
        ("COOKIEID", '"V\n1"'),
        ("COOKIEID", "V\u20281"),
        ("COOKIEID", "V\u202e1"),
    ],
)
def test_what_cannot_be_an_identifier_is_counted_only(
    vendor: Vendor, drive: Callable[..., Drive], row: tuple[str, str]
) -> None:
    vendor.lists = [listing(("EMAIL", "anna@example.org"), row)]
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    assert found(sub_task) == []
    assert sub_task.evidence[0].counts == {"rows": 2, "found": 0, "left_out": 1}


def test_a_value_keeps_its_commas_quotes_and_spelling(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.lists = [listing(("COOKIEID", '"C,""1"" =x"'), ("COOKIEID", "Žofie 7"))]
    sub_task = drive()
    sub_task.run()
    assert found(sub_task) == [("cookie_id", 'C,"1" =x'), ("cookie_id", "Žofie 7")]


def test_no_more_than_a_thousand_are_told_and_the_rest_is_counted(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.lists = [
        listing(*(("COOKIEID", f"first-{number}") for number in range(700))),
        listing(*(("COOKIEID", f"second-{number}") for number in range(700))),
        listing(("EMAIL", "anna@example.org"), ("COOKIEID", "third-0")),
    ]
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    told = found(sub_task)
    assert len(told) == len(set(told)) == 1000
    assert [kept.counts for kept in sub_task.evidence] == [
        {"rows": 700, "found": 700, "left_out": 0},
        {"rows": 700, "found": 300, "left_out": 400},
        {"rows": 2, "found": 0, "left_out": 1},
    ]
    assert sub_task.outcomes == {"anna": (Outcome.ERASED, Held.YES)}  # ours is looked for in all of them


# --- the reader -------------------------------------------------------------------------------------------------------


def rows_of(data: bytes, progress: Callable[[], None] = lambda: None) -> list[Row]:
    return list(read_rows(mock.Mock(open=lambda: io.BytesIO(data)), progress))


def test_a_long_list_is_read_and_tells_so_on_the_way() -> None:
    told: list[int] = []
    text = HEADER + "32bd,COOKIEID,45,61,src,C-1\n" * 100_000
    assert len(rows_of(text.encode(), lambda: told.append(1))) == 100_000
    assert len(told) == len(text) >> 20


def test_an_endless_line_is_not_read_to_its_end() -> None:
    stream = io.BytesIO((HEADER + "x" * 10_000_000).encode())
    with pytest.raises(NotAList):
        list(read_rows(mock.Mock(open=lambda: stream), lambda: None))
    assert stream.closed


def test_a_row_over_all_the_lines_of_a_list_is_not_gathered() -> None:
    """Else its cells would take sixteen times the memory of the file."""
    data = (HEADER + '"x\n",' * 1_000_000).encode()
    tracemalloc.start()
    try:
        with pytest.raises(NotAList):
            rows_of(data)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_many_rows_of_many_lines_are_read() -> None:
    text = HEADER + ('32bd,COOKIEID,45,61,"src\n",' + '"C\n-1"\n') * 40_000
    assert len(text) > 2 * LONGEST_ROW
    assert rows_of(text.encode())[-1] == Row("32bd", "COOKIEID", "C\n-1")


def test_an_error_of_the_store_is_not_taken_for_the_files() -> None:
    class Failing(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            raise OSError("the disk is gone")

        read = read1

    with pytest.raises(OSError, match="disk"):
        list(read_rows(mock.Mock(open=Failing), lambda: None))


# --- lists that may have been cut off ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counted", "cut"),
    [({}, 0), ({"outoutRecordCount": 3}, 0), ({}, 5), ({"outoutRecordCount": 2}, 5)],
    ids=["not counted", "more were counted", "within a row", "within the last row that was counted"],
)
def test_a_list_of_unsaid_length_that_may_be_cut_off_is_not_deleted(
    vendor: Vendor, drive: Callable[..., Drive], counted: dict[str, int], cut: int
) -> None:
    text = listing(("EMAIL", "anna@example.org"), ("COOKIEID", "C-12345678"))
    vendor.fields = counted
    vendor.instead[FETCH] = [in_csv(text[: len(text) - cut], framed=False)]
    sub_task = drive()
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert (end.code, sub_task.step) == ("lists_cut_off", "await_result")
    assert DELETE not in vendor.story
    assert found(sub_task) == []
    vendor.words = [READY]
    assert isinstance(sub_task.run(), Finish)
    assert vendor.story.count(FETCH) == 2


def test_a_list_of_unsaid_length_is_taken_if_everything_arrived_that_was_counted(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.fields = {"outoutRecordCount": 2}
    vendor.instead[FETCH] = [
        in_csv(listing(("EMAIL", "anna@example.org"), ("COOKIEID", "C-1")), framed=False),
    ]
    assert isinstance(drive().run(), Finish)


@pytest.mark.parametrize("operation", [Operation.RESTRICT, Operation.UNRESTRICT])
def test_files_beside_a_complete_restriction_are_for_a_person(
    vendor: Vendor, drive: Callable[..., Drive], operation: Operation
) -> None:
    vendor.fields = {"gdprDataFiles": ["2|gdpr|2345_1.segment.output"]}
    end = drive(operation=operation).run()
    assert isinstance(end, HandOver)
    assert end.code == "files_offered"
    assert DELETE not in vendor.story
