"""What an account sends and in which bytes, with which credentials; its options, and the test of its connection."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from erasure.connectors.acoustic import AcousticExchange
from erasure.connectors.base import (
    BadSettings,
    BrokenReply,
    Finish,
    Id,
    Misconfigured,
    Operation,
    OutcomeUnknown,
    Refused,
    RetryLater,
    parse,
)
from erasure.connectors.http import Http

from ..driver import Drive
from .conftest import (
    ANNA,
    BASE,
    COOKIE,
    CREDENTIALS,
    DATA,
    NETWORK,
    PHONE,
    STATUS,
    Answer,
    Vendor,
    in_html,
    in_json,
    nothing,
    until,
)

# --- the upload -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [Operation.ERASE, Operation.RESTRICT, Operation.UNRESTRICT])
def test_the_upload_is_a_header_and_a_row_an_identifier(
    vendor: Vendor, drive: Callable[..., Drive], operation: Operation
) -> None:
    ids = (ANNA, COOKIE, PHONE, Id("x", "x1_id", "123-abc-456-def"))
    drive(*ids, operation=operation).run()
    assert vendor.uploads == [
        b"Type,Value\nemail,Anna@example.org\ncookieId,A2234FE0014\nphone,+493012345678\nx1Id,123-abc-456-def\n"
    ]


SMUGGLED = {
    "comma": ("a,b", b'cookieId,"a,b"\n'),
    "quote": ('a"b', b'cookieId,"a""b"\n'),
    "quotes around": ('"ab"', b'cookieId,"""ab"""\n'),
    "another row": ('x"\nx1Id,123', None),
    "a type": ("x1Id,123", b'cookieId,"x1Id,123"\n'),
    "formula": ("=1+1", b"cookieId,=1+1\n"),
    "at": ("@a", b"cookieId,@a\n"),
    "blank within": ("a b", b"cookieId,a b\n"),
    "semicolon": ("a;b", b"cookieId,a;b\n"),
    "accent": ("Žofie", "cookieId,Žofie\n".encode()),
    "no-break space": ("a\u00a0b", "cookieId,a\u00a0b\n".encode()),
    "line break": ("a\nb", None),
    "carriage return": ("a\rb", None),
    "carriage return at the end": ("a\r", None),
    "tab": ("a\tb", None),
    "NUL": ("a\0b", None),
    "next line": ("a\u0085b", None),
    "line separator": ("a\u2028b", None),
    "paragraph separator": ("a\u2029b", None),
    "vertical tab": ("a\x0bb", None),
}


@pytest.mark.parametrize(("value", "row"), SMUGGLED.values(), ids=SMUGGLED)
def test_a_value_arrives_as_one_row_or_is_not_sent(
    vendor: Vendor, drive: Callable[..., Drive], value: str, row: bytes | None
) -> None:
    sub_task = until(drive(Id("x", "cookie_id", value), ANNA), "upload")
    if row is None:
        with pytest.raises(Refused, match="No identifier was sent") as raised:
            sub_task.once()
        assert raised.value.code == "identifier_unusable"
        assert vendor.asked(DATA) == []
        return
    sub_task.once()
    assert vendor.uploads == [b"Type,Value\n" + row + b"email,Anna@example.org\n"]
    read = list(csv.reader(io.StringIO(vendor.uploads[0].decode(), newline="")))
    assert read == [["Type", "Value"], ["cookieId", value], ["email", "Anna@example.org"]]


def test_a_name_with_a_comma_or_a_quote_is_quoted_as_well(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    until(drive(COOKIE, names={"cookie_id": 'a,"b'}), "await_result")
    assert vendor.uploads == [b'Type,Value\n"a,""b",A2234FE0014\n']


@pytest.mark.parametrize("content_type", ["text/csv", "text/plain", "text/csv; charset=utf-8"])
def test_the_content_type_of_the_upload_is_an_option(
    vendor: Vendor, drive: Callable[..., Drive], content_type: str
) -> None:
    given = {} if content_type == "text/csv" else {"upload_content_type": content_type}
    until(drive(**given), "await_result")
    assert vendor.requests[-1].headers["Content-Type"] == content_type


def test_the_accounts_own_names_go_before_the_common_ones(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    names = {"cookie_id": "DAcookieId", "device_id": "idfa"}
    sub_task = drive(COOKIE, Id("d", "device_id", "I-1"), ANNA, names=names)
    until(sub_task, "await_result")
    assert vendor.uploads == [b"Type,Value\nDAcookieId,A2234FE0014\nidfa,I-1\nemail,Anna@example.org\n"]
    assert sub_task.connector.accepts == {
        "email": "email",
        "phone": "phone",
        "cookie_id": "DAcookieId",
        "x1_id": "x1Id",
        "device_id": "idfa",
    }


# --- options and credentials ------------------------------------------------------------------------------------------


def test_the_example_of_the_vendor_file_is_understood() -> None:
    options = parse(AcousticExchange.Options, {"generate_output": True, "names": {"cookie_id": "cookieId"}})
    assert options == AcousticExchange.Options(True, {"cookie_id": "cookieId"}, "text/csv", 30)
    assert parse(AcousticExchange.Options, {}) == AcousticExchange.Options()


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"generate_output": "true"}, "generate_output", "true or false"),
        ({"names": ["cookieId"]}, "names", "map identifier kinds"),
        ({"names": {"Cookie": "cookieId"}}, "names", "map identifier kinds"),
        ({"names": {"cookie_id": ""}}, "names", "map identifier kinds"),
        ({"names": {"cookie_id": "cookie\nx1Id"}}, "names", "cookie_id: .*plain characters"),
        ({"names": {"cookie_id": " cookieId"}}, "names", "cookie_id: .*plain characters"),
        ({"names": {"cookie_id": "cookieÎd"}}, "names", "cookie_id: .*plain characters"),
        ({"names": {"cookie_id": "c" * 101}}, "names", "cookie_id: .*plain characters"),
        ({"upload_content_type": "csv"}, "upload_content_type", "media type"),
        ({"upload_content_type": ""}, "upload_content_type", "media type"),
        ({"upload_content_type": "text/csv\r\nX: y"}, "upload_content_type", "media type"),
        ({"keep_output_days": -1}, "keep_output_days", "0 or more"),
        ({"keep_output_days": 3651}, "keep_output_days", "3650 or less"),
        ({"keep_output_days": True}, "keep_output_days", "whole number"),
    ],
)
def test_options_that_do_not_fit_are_named(values: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(BadSettings, match=words) as raised:
        parse(AcousticExchange.Options, values)
    assert list(raised.value.problems) == [field]


def test_a_missing_key_is_named_and_nothing_is_sent() -> None:
    with pytest.raises(Misconfigured, match="Nothing was sent") as raised:
        AcousticExchange().headers(parse(AcousticExchange.Credentials, {}))
    assert raised.value.code == "credentials_missing"


def test_the_key_does_not_show_itself() -> None:
    assert "account-key" not in f"{CREDENTIALS!r} {CREDENTIALS}"


# --- the test of the connection ---------------------------------------------------------------------------------------


def check() -> str:
    return AcousticExchange().check(Http(BASE, NETWORK, headers=dict(AcousticExchange().headers(CREDENTIALS))))


@pytest.mark.parametrize(
    "answer",
    [
        in_json({"error": "no such job"}, 404),
        in_json({"status": 404, "message": "Not Found"}, 404),
        in_json({"error": "no such job"}, 400),
        in_json([], 404),
        nothing(404),
        nothing(400),
        (404, {"Content-Type": "text/plain"}, b"Job not found"),
    ],
)
def test_the_connection_is_tried_with_the_status_of_an_unknown_job(vendor: Vendor, answer: Answer) -> None:
    vendor.instead[STATUS] = [answer]
    assert "takes the key" in check()
    assert vendor.calls == [(STATUS, "/v1/jobs/GDPR_REQUEST/0")]
    assert vendor.requests[0].method == "GET"
    assert not vendor.requests[0].body
    assert vendor.requests[0].headers["Authorization"] == "Bearer account-key-123"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (in_html(404), BrokenReply),
        (in_html(400), BrokenReply),
        ((404, {"Content-Type": "application/json"}, b" \n<html>no such page</html>"), BrokenReply),
        ((404, {"Content-Type": "text/plain"}, b"\xef\xbb\xbf<!DOCTYPE html>"), BrokenReply),
        ((404, {"Content-Type": "application/xhtml+xml"}, b""), BrokenReply),
        (in_html(200), BrokenReply),
        (in_json({"jobId": 0, "status": "COMPLETE"}), BrokenReply),
        (in_json({}), BrokenReply),
        (nothing(200), BrokenReply),
        (nothing(204), BrokenReply),
        (in_html(302, Location="https://login.example/"), BrokenReply),
        (in_json({"error": "unauthorized"}, 401), Misconfigured),
        (in_json({"error": "forbidden"}, 403), Misconfigured),
        (in_html(500), OutcomeUnknown),
        (in_html(503), RetryLater),
        (in_html(405), BrokenReply),
    ],
)
def test_a_connection_that_answers_something_else_does_not_work(
    vendor: Vendor, answer: Answer, error: type[Exception]
) -> None:
    vendor.instead[STATUS] = [answer]
    with pytest.raises(error):
        check()


def test_a_run_with_every_option_comes_to_its_end(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = drive(
        names={"email": "email"}, generate_output=True, upload_content_type="text/plain", keep_output_days=0
    )
    assert isinstance(sub_task.run(), Finish)
