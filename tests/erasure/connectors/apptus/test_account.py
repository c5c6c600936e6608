"""What an account sends, where to, with which credentials; its options, and the test of its connection."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest
import responses

from erasure.connectors.apptus import UNKNOWN_JOB, Apptus
from erasure.connectors.base import (
    BadSettings,
    BrokenReply,
    Finish,
    Held,
    Id,
    Misconfigured,
    Outcome,
    parse,
)
from erasure.connectors.http import Http

from ..driver import Drive
from .conftest import (
    ANNA,
    ANNAS_KEY,
    BASE,
    BERT,
    BERTS_KEY,
    CREDENTIALS,
    NETWORK,
    START_EXPORT,
    START_REMOVAL,
    STATUS,
    VISITOR,
    Answer,
    Vendor,
    in_html,
    in_json,
)

# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Anna-7", "anna-7", "ANNA@Example.org", "Žofie", "Zofie", "a b", "007"])
def test_a_customers_id_is_hashed_as_its_exact_text(vendor: Vendor, drive: Callable[..., Drive], text: str) -> None:
    drive(Id("1", "customer_id", text)).run()
    key = hashlib.sha256(text.encode("utf-8")).hexdigest()
    assert vendor.asked(START_EXPORT) == vendor.asked(START_REMOVAL) == [key]
    assert re.fullmatch(r"[0-9a-f]{64}", key)


def test_a_known_key_is_the_vendors_own() -> None:
    # the SHA-256 of "abc", from FIPS 180-4's examples
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert Apptus().as_sent("customer_id", "abc") == expected
    assert Apptus().as_sent("customer_id", "ABC") != expected


def test_a_visitors_id_is_sent_as_it_is(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    drive(VISITOR).run()
    assert vendor.asked(START_EXPORT) == vendor.asked(START_REMOVAL) == [VISITOR.value]


def test_a_customer_key_is_sent_in_lower_case_and_not_hashed_again(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    drive(Id("1", "customer_key", ANNAS_KEY.upper())).run()
    assert vendor.asked(START_REMOVAL) == [ANNAS_KEY]


def test_a_key_with_characters_of_a_query_arrives_whole(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    drive(Id("1", "visitor_id", "a&customerKey=b+c %2F#d")).run()
    assert vendor.asked(START_REMOVAL) == ["a&customerKey=b+c %2F#d"]


def test_each_key_has_a_job_of_its_own(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    drive(ANNA, BERT, VISITOR).run()
    keys = [ANNAS_KEY, BERTS_KEY, VISITOR.value]
    assert vendor.asked(START_EXPORT) == vendor.asked(START_REMOVAL) == keys


def test_two_identifiers_with_one_key_share_a_job_and_its_outcome(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = drive(ANNA, Id("same", "customer_key", ANNAS_KEY.upper()))
    assert isinstance(sub_task.run(), Finish)
    assert vendor.asked(START_EXPORT) == vendor.asked(START_REMOVAL) == [ANNAS_KEY]
    assert sub_task.outcomes == dict.fromkeys(("anna", "same"), (Outcome.ERASED, Held.YES))


def test_the_options_say_which_kinds_become_keys(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    ids = (Id("1", "email", "Anna@example.org"), Id("2", "cookie_id", "C-1"))
    sub_task = drive(*ids, customer_key_from=["email"], visitor_key_from=["cookie_id"])
    sub_task.run()
    assert vendor.asked(START_REMOVAL) == [hashlib.sha256(b"Anna@example.org").hexdigest(), "C-1"]
    assert set(sub_task.connector.accepts) == {"customer_key", "email", "cookie_id"}


# --- generations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("generation", "prefix"), [("v1", "/api/v1/"), ("v2", "/api/v2/"), ("admin-v4", "/api/admin/v4/")]
)
def test_each_generation_has_its_paths_and_its_header(
    replies: responses.RequestsMock, drive: Callable[..., Drive], generation: str, prefix: str
) -> None:
    vendor = Vendor(replies, prefix + "event-data/")
    assert isinstance(drive(generation=generation).run(), Finish)
    assert len(vendor.requests) == 5
    for request in vendor.requests:
        if generation == "v1":
            # "cluster:pa:ss wörd" in UTF-8 (RFC 7617)
            assert request.headers["Authorization"] == "Basic Y2x1c3RlcjpwYTpzcyB3w7ZyZA=="
            assert "Api-Key" not in request.headers
        else:
            assert request.headers["Api-Key"] == "key-123"
            assert "Authorization" not in request.headers
        assert not request.body


def test_the_first_generation_is_the_default(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    drive().once()
    assert vendor.requests[0].url == f"{BASE}/api/v1/event-data/{START_EXPORT}?customerKey={ANNAS_KEY}"
    assert vendor.requests[0].method == "POST"


@pytest.mark.parametrize(
    ("generation", "given"),
    [
        ("v1", {}),
        ("v1", {"username": "u"}),
        ("v1", {"password": "p"}),
        ("v1", {"api_key": "k"}),
        ("v2", {"username": "u", "password": "p"}),
        ("admin-v4", {"username": "u", "password": "p"}),
    ],
)
def test_missing_credentials_are_named_and_nothing_is_sent(generation: str, given: dict[str, str]) -> None:
    connector = Apptus(Apptus.Options(generation=generation))
    with pytest.raises(Misconfigured, match="Nothing was sent") as raised:
        connector.headers(parse(Apptus.Credentials, given))
    assert raised.value.code == "credentials_missing"


def test_credentials_do_not_show_themselves() -> None:
    assert "pa:ss" not in f"{CREDENTIALS!r} {CREDENTIALS}"


# --- options ----------------------------------------------------------------------------------------------------------


def test_the_example_of_the_vendor_file_is_understood() -> None:
    options = parse(
        Apptus.Options,
        {
            "generation": "v2",
            "export_before_erasing": False,
            "customer_key_from": ["customer_id", "email"],
            "visitor_key_from": [],
            "archive_days": 0,
            "keep_export_days": 0,
        },
    )
    assert options == Apptus.Options("v2", False, ("customer_id", "email"), (), 0, 0)
    assert parse(Apptus.Options, {}) == Apptus.Options()


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"generation": "v3"}, "generation", "one of v1, v2, admin-v4"),
        ({"generation": 1}, "generation", "text"),
        ({"export_before_erasing": "false"}, "export_before_erasing", "true or false"),
        ({"export_before_erasing": 0}, "export_before_erasing", "true or false"),
        ({"customer_key_from": "customer_id"}, "customer_key_from", "list of identifier kinds"),
        ({"visitor_key_from": ["Visitor Id"]}, "visitor_key_from", "list of identifier kinds"),
        ({"archive_days": -1}, "archive_days", "0 or more"),
        ({"archive_days": "5"}, "archive_days", "whole number"),
        ({"archive_days": True}, "archive_days", "whole number"),
        ({"keep_export_days": -1}, "keep_export_days", "0 or more"),
        ({"keep_export_days": 10**12}, "keep_export_days", "3650 or less"),
        ({"keep_export_days": 1.5}, "keep_export_days", "whole number"),
        ({"days": 5}, "days", "unknown"),
        ({"visitor_key_from": ["customer_id"]}, "visitor_key_from", "customer_id is in customer_key_from already"),
        ({"customer_key_from": ["customer_key"]}, "customer_key_from", "a hash already"),
    ],
)
def test_options_that_do_not_fit_are_named(values: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(BadSettings, match=words) as raised:
        parse(Apptus.Options, values)
    assert list(raised.value.problems) == [field]


# --- the test of the connection ---------------------------------------------------------------------------------------


def http() -> Http:
    return Http(BASE, NETWORK, headers=dict(Apptus().headers(CREDENTIALS)))


def test_the_connection_is_tried_with_the_status_of_an_unknown_job(vendor: Vendor) -> None:
    vendor.words[UNKNOWN_JOB] = ["not_found"]
    assert "takes the credentials" in Apptus().check(http())
    assert vendor.calls == [(STATUS, UNKNOWN_JOB)]
    assert vendor.requests[0].method == "GET"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (in_html(401), Misconfigured),
        (in_html(200), BrokenReply),
        (in_html(404), BrokenReply),
        (in_json({"ok": True}), BrokenReply),
        (in_json({"jid": "other", "status": "not_found"}), BrokenReply),
    ],
)
def test_a_connection_that_answers_something_else_does_not_work(
    vendor: Vendor, answer: Answer, error: type[Exception]
) -> None:
    vendor.instead[STATUS] = [answer]
    with pytest.raises(error):
        Apptus().check(http())
