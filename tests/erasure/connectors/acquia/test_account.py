"""How an account is set up: options, credentials, the sign-in, and what the plan says of it."""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import responses

from erasure.connectors.acquia import Acquia
from erasure.connectors.base import (
    BadSettings,
    BrokenReply,
    Finish,
    Misconfigured,
    Operation,
    OutcomeUnknown,
    Secret,
    Token,
    parse,
)
from erasure.connectors.http import Http

from ..driver import Drive
from .conftest import ANNA, BASE, LOGIN, NETWORK, PATH, TOKEN, Answer, Vendor, error, in_html, in_json

GOOD = {"access_token": "made-token-1", "token_type": "Bearer", "expires_in": 3600}


def connector(**options: Any) -> Acquia:
    return Acquia(parse(Acquia.Options, {"tenant_id": "1234", **options}))


def credentials(**given: str) -> Any:
    return parse(Acquia.Credentials, given)


# --- options ----------------------------------------------------------------------------------------------------------


def test_the_example_of_the_vendor_file_is_understood() -> None:
    example = {
        "tenant_id": "1234",
        "request_origin": "erasure-desk",
        "customer_ids_from": ["customer_id"],
        "completion": "attest",
    }
    assert parse(Acquia.Options, example) == parse(Acquia.Options, {"tenant_id": "1234"}) == Acquia.Options("1234")


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"tenant_id": ""}, "tenant_id", "letters"),
        ({"tenant_id": "12/34"}, "tenant_id", "letters"),
        ({"tenant_id": ".."}, "tenant_id", "letters"),
        ({"tenant_id": 1234}, "tenant_id", "text"),
        ({"request_origin": "  "}, "request_origin", "empty"),
        ({"completion": "poll"}, "completion", "one of attest, rerequest"),
        ({"rerequest_after_seconds": 0}, "rerequest_after_seconds", "1 or more"),
        ({"rerequest_after_seconds": 10**10}, "rerequest_after_seconds", "or less"),
        ({"fail_on_not_found": "true"}, "fail_on_not_found", "true or false"),
        ({"region": "us"}, "region", "one of"),
        ({"token_form": "Login"}, "token_form", "one of login, create"),
        ({"token_url": "ftp://auth.example"}, "token_url", "an address"),
        ({"token_url": "https://user@auth.example/token"}, "token_url", "an address"),
        ({"token_url": "https://auth.example/a/../token"}, "token_url", "an address"),
        ({"token_url": "https://auth.example/token#x"}, "token_url", "an address"),
        ({"token_url": "https:///token"}, "token_url", "an address"),
        ({"acts_after_days": 31}, "acts_within_days", "less than acts_after_days"),
        ({"acts_within_days": 366}, "acts_within_days", "365 or less"),
        ({"customer_ids_from": "customer_id"}, "customer_ids_from", "list of identifier kinds"),
    ],
)
def test_options_that_do_not_fit_are_named(values: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(BadSettings, match=words) as raised:
        parse(Acquia.Options, {"tenant_id": "1234", **values})
    assert list(raised.value.problems) == [field]


def test_an_account_needs_a_tenant() -> None:
    with pytest.raises(BadSettings, match="tenant_id: is required"):
        parse(Acquia.Options, {})


@pytest.mark.parametrize(
    ("region", "data", "auth"),
    [
        ("us-aws", "api6", "auth"),
        ("us-aws-pre", "cs-api6", "cs-auth"),
        ("eu-aws", "api6.eu", "auth.eu"),
        ("eu-aws-pre", "cs-api6.eu", "cs-auth.eu"),
        ("us-gcp", "api8", "auth8"),
        ("us-gcp-pre", "cs-gcp-api6", "cs-gcp-auth"),
    ],
)
def test_a_region_gives_both_hosts(region: str, data: str, auth: str) -> None:
    account = connector(region=region)
    assert account.home == f"https://{data}.agilone.com"
    assert account.signs_in(credentials(**LOGIN)) == f"https://{auth}.agilone.com"


def test_without_a_region_no_host_is_guessed() -> None:
    assert connector().home == connector().signs_in(credentials(**LOGIN)) == ""


# --- credentials ------------------------------------------------------------------------------------------------------


def test_a_fixed_token_is_used_as_it_is_and_comes_before_a_sign_in() -> None:
    given = credentials(**TOKEN, **LOGIN)
    assert connector(region="us-aws").headers(given) == {"Authorization": "Bearer fixed-token-1"}
    assert connector(region="us-aws").signs_in(given) == ""


def test_a_user_and_a_password_never_go_to_the_data_host() -> None:
    assert connector(region="us-aws").headers(credentials(**LOGIN)) == {}


@pytest.mark.parametrize("given", [{}, {"username": "robot"}, {"password": "p"}])
def test_missing_credentials_are_named_and_nothing_is_sent(given: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match="Nothing was sent") as raised:
        connector(region="us-aws").headers(credentials(**given))
    assert raised.value.code == "credentials_missing"


def test_a_sign_in_needs_to_know_where() -> None:
    with pytest.raises(Misconfigured, match="set the region or the sign-in address"):
        connector().headers(credentials(**LOGIN))


def test_credentials_do_not_show_themselves() -> None:
    assert "pa:ss" not in f"{credentials(**LOGIN)!r} {credentials(**LOGIN)} {Token(Secret('pa:ss'))!r}"


# --- the sign-in ------------------------------------------------------------------------------------------------------

LOGIN_QUERY = {"action": "login"}
CREATE_QUERY = {"action": "create", "scheme": "a1user"}


@pytest.mark.parametrize(
    ("options", "url", "query"),
    [
        ({"region": "eu-aws"}, "https://auth.eu.agilone.com/authentication", LOGIN_QUERY),
        ({"region": "eu-aws", "token_form": "create"}, "https://auth.eu.agilone.com/token", CREATE_QUERY),
        ({"token_url": "https://login.example"}, "https://login.example/authentication", LOGIN_QUERY),
        ({"token_url": "login.example"}, "https://login.example/authentication", LOGIN_QUERY),
        ({"token_url": "https://login.example/"}, "https://login.example/authentication", LOGIN_QUERY),
        ({"token_url": "https://login.example:8443"}, "https://login.example:8443/authentication", LOGIN_QUERY),
        ({"token_url": "https://login.example", "token_form": "create"}, "https://login.example/token", CREATE_QUERY),
        ({"token_url": "https://login.example/token"}, "https://login.example/token", CREATE_QUERY),
        (
            {"token_url": "https://login.example/authentication", "token_form": "create"},
            "https://login.example/authentication",
            LOGIN_QUERY,
        ),
        (
            {"token_url": "https://login.example/token", "token_scheme": "other"},
            "https://login.example/token",
            {"action": "create", "scheme": "other"},
        ),
        (
            {"token_url": "https://login.example/token?action=x&b=%20c"},
            "https://login.example/token",
            {"action": "x", "b": " c"},
        ),
        ({"token_url": "https://login.example/our/own", "region": "us-gcp"}, "https://login.example/our/own", {}),
    ],
)
def test_a_sign_in_goes_where_the_options_say(
    replies: responses.RequestsMock,
    vendor: Vendor,
    drive: Callable[..., Drive],
    options: dict[str, str],
    url: str,
    query: dict[str, str],
) -> None:
    matching = [responses.matchers.query_param_matcher(query)]
    door = replies.add("POST", url, json=GOOD, match=matching)
    drive(given=LOGIN, **options).once()
    assert door.call_count == 1
    sent = door.calls[0].request
    assert sent.headers["Authorization"] == "Basic " + base64.b64encode("robot:pa:ss wörd".encode()).decode()
    assert not sent.body
    assert vendor.requests[0].headers["Authorization"] == "Bearer made-token-1"


def sign_in(replies: responses.RequestsMock, answer: Answer) -> Token:
    status, headers, body = answer
    kind = headers.get("Content-Type")
    replies.add("POST", "https://auth.agilone.com/authentication", status=status, body=body, content_type=kind)
    account = connector(region="us-aws")
    http = Http("https://auth.agilone.com", NETWORK)
    try:
        return account.sign_in(credentials(**LOGIN), http)
    finally:
        shown = "".join(f"{note.address} {note.excerpt}" for note in http.calls)
        assert not any(secret in shown for secret in ("made-token", "pa:ss", "robot"))


@pytest.mark.parametrize(
    ("reply", "value", "lives"),
    [
        (GOOD, "made-token-1", timedelta(hours=1)),
        ({**GOOD, "token_type": "bearer"}, "made-token-1", timedelta(hours=1)),
        ({**GOOD, "token_type": "BEARER"}, "made-token-1", timedelta(hours=1)),
        ({**GOOD, "expires_in": 1}, "made-token-1", timedelta(seconds=1)),
        ({**GOOD, "expires_in": "3600"}, "made-token-1", timedelta(hours=1)),
        ({**GOOD, "expires_in": None}, "made-token-1", None),
        ({"access_token": "ey.J~+/_-==", "token_type": "Bearer"}, "ey.J~+/_-==", None),
        ({**GOOD, "scope": "all"}, "made-token-1", timedelta(hours=1)),
    ],
)
def test_a_token_is_taken_with_its_life(
    replies: responses.RequestsMock, reply: Any, value: str, lives: timedelta | None
) -> None:
    assert sign_in(replies, in_json(reply)) == Token(Secret(value), lives)


def test_a_token_may_be_answered_as_one_that_was_created(replies: responses.RequestsMock) -> None:
    assert sign_in(replies, in_json(GOOD, 201)) == Token(Secret("made-token-1"), timedelta(hours=1))


@pytest.mark.parametrize(
    "reply",
    [
        {},
        [],
        {"token_type": "Bearer", "expires_in": 3600},
        {**GOOD, "access_token": ""},
        {**GOOD, "access_token": None},
        {**GOOD, "access_token": 12345},
        {**GOOD, "access_token": ["made-token-1"]},
        {**GOOD, "access_token": "made token"},
        {**GOOD, "access_token": "made-token\n"},
        {**GOOD, "access_token": "made-tökén"},
        {**GOOD, "access_token": "x" * 8193},
        {**GOOD, "token_type": "Basic"},
        {**GOOD, "token_type": ""},
        {**GOOD, "token_type": None},
        {**GOOD, "token_type": ["Bearer"]},
        {**GOOD, "expires_in": 0},
        {**GOOD, "expires_in": -1},
        {**GOOD, "expires_in": 10**12},
        {**GOOD, "expires_in": 3600.5},
        {**GOOD, "expires_in": True},
        {**GOOD, "expires_in": "0"},
        {**GOOD, "expires_in": "-1"},
        {**GOOD, "expires_in": "3600.5"},
        {**GOOD, "expires_in": " 3600"},
        {**GOOD, "expires_in": "9" * 11},
        {**GOOD, "expires_in": "soon"},
        {"error": "invalid_client"},
    ],
)
def test_a_reply_without_a_token_that_can_be_used_is_broken(replies: responses.RequestsMock, reply: Any) -> None:
    with pytest.raises(BrokenReply):
        sign_in(replies, in_json(reply))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (in_html(), BrokenReply),
        (in_html(404), BrokenReply),
        (in_html(302, Location="https://evil.example/"), BrokenReply),
        (in_html(201), BrokenReply),
        (in_json(GOOD, 202), BrokenReply),
        (in_html(401), Misconfigured),
        (in_html(403), Misconfigured),
        (error(500), OutcomeUnknown),
    ],
)
def test_a_sign_in_that_fails_gives_no_token(
    replies: responses.RequestsMock, answer: Answer, why: type[Exception]
) -> None:
    with pytest.raises(why):
        sign_in(replies, answer)


def test_a_token_that_is_refused_is_fetched_anew_once(
    replies: responses.RequestsMock, vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    door = "https://auth.eu.agilone.com/authentication"
    for number in (1, 2):
        replies.add("POST", door, json={**GOOD, "access_token": f"made-token-{number}"})
    vendor.instead = [in_html(401)]
    vendor.where[ANNA.value] = ["notFound"]
    assert isinstance(drive(given=LOGIN, region="eu-aws").run(), Finish)
    tokens = [request.headers["Authorization"] for request in vendor.requests]
    assert tokens == ["Bearer made-token-1", "Bearer made-token-2"]


# --- the test of the connection, and the plan -------------------------------------------------------------------------


def test_a_fixed_token_cannot_be_tested_and_nothing_is_sent(vendor: Vendor) -> None:
    http = Http(BASE, NETWORK, headers=connector().headers(credentials(**TOKEN)))
    assert "cannot be tested without an erasure" in connector().check(http)
    assert (http.calls, vendor.requests) == ([], [])


@pytest.mark.parametrize(("completion", "steps"), [("attest", ["submit"]), ("rerequest", ["submit", "ask_again"])])
def test_the_plan_shows_every_call(completion: str, steps: list[str]) -> None:
    account = connector(completion=completion)
    assert account.calls(Operation.ERASE) == [(step, "POST", PATH) for step in steps]
    assert not account.calls(Operation.RESTRICT)
    assert not account.explain(Operation.RESTRICT)


def test_the_plan_says_when_the_vendor_acts_and_what_partial_ids_leave() -> None:
    asks, part, end = map(str, connector(acts_after_days=10, acts_within_days=20).explain(Operation.ERASE))
    assert "10 to 20 days" in asks
    assert "the data stays" in part
    assert "a person" in end


@pytest.mark.parametrize(
    ("seconds", "time"), [(30 * 86_400, "after 30 days,"), (86_400, "after 1 day,"), (90_000, "after 90000 seconds,")]
)
def test_the_plan_warns_that_asking_again_can_erase_anew(seconds: int, time: str) -> None:
    account = connector(completion="rerequest", rerequest_after_seconds=seconds)
    *_rest, again = map(str, account.explain(Operation.ERASE))
    assert time in again
    assert "erases what it finds" in again
    assert "come back" in again


def test_what_changes_an_effect_is_part_of_what_is_approved() -> None:
    effects = {name: item.metadata["effect"] for name, item in Acquia.Options.__dataclass_fields__.items()}
    assert [name for name, effect in effects.items() if not effect] == [
        "token_url",
        "token_form",
        "token_scheme",
        "log_out",
        "acts_after_days",
        "acts_within_days",
    ]
