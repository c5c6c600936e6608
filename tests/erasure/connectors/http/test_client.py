"""The mapping of replies, with `responses` in the network's place."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import responses

from compliance import clock
from erasure.connectors.base import BrokenReply, Misconfigured, OutcomeUnknown, Refused, RetryLater, VendorError
from erasure.connectors.http import Http, Network, Preview, Previewed, basic, bearer

BASE = "https://api.vendor.example/base"
URL = BASE + "/call"
NETWORK = Network(("api.vendor.example",))


def client(**more: Any) -> Http:
    return Http(BASE, NETWORK, **more)


def answer(*args: Any, **kwargs: Any) -> None:
    responses.add(responses.GET, URL, *args, **kwargs)


def failure(status: int, **headers: str) -> VendorError:
    answer(status=status, json={"m": "anna@example.com"}, headers=headers)
    http = client()
    with pytest.raises(VendorError) as raised:
        http.get("/call", query={"who": "anna@example.com"})
    assert http.sent
    assert http.calls[0].status == status
    assert "anna" not in raised.value.text + repr(http.calls)
    assert "api.vendor.example" in raised.value.text
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    return raised.value


@responses.activate
def test_a_call_carries_what_it_was_given_and_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:1")
    responses.add(responses.POST, URL, json={"ok": True}, status=201)
    reply = client(headers=basic("u", "pä:ss")).post("/call", query={"k": "a b&c"}, json={"n": "ü"}, expect={201})
    assert (reply.status, reply.json()) == (201, {"ok": True})
    sent = responses.calls[0].request
    assert sent.url == URL + "?k=a+b%26c"
    assert sent.body == b'{"n": "\\u00fc"}'
    assert sent.headers["Authorization"] == "Basic dTpww6Q6c3M="
    assert (sent.headers["Content-Type"], sent.headers["Accept-Encoding"]) == ("application/json", "identity")
    assert sent.headers["Connection"] == "close"
    assert sent.headers["User-Agent"] == "erasure-desk"
    assert "proxies" not in sent.req_kwargs or not sent.req_kwargs["proxies"]
    assert sent.req_kwargs["verify"] is True


@responses.activate
def test_a_proxy_and_a_ca_bundle_come_from_the_settings() -> None:
    answer(json={})
    Http(BASE, Network(("api.vendor.example",), proxy="http://proxy.invalid:1", ca_bundle="/ca.pem")).get("/call")
    asked = responses.calls[0].request.req_kwargs
    assert asked["proxies"]["https"] == "http://proxy.invalid:1"
    assert asked["verify"] == "/ca.pem"


@responses.activate
def test_an_http_makes_one_call() -> None:
    answer(json={})
    http = client()
    http.get("/call")
    with pytest.raises(RuntimeError):
        http.get("/call")
    assert len(responses.calls) == 1


@responses.activate
def test_put_and_delete_and_a_body_of_bytes() -> None:
    responses.add(responses.PUT, URL, body=b"fine", content_type="text/plain")
    responses.add(responses.DELETE, URL, status=204)
    assert client().put("/call", body=b"a,b\r\n", content_type="text/csv").text == "fine"
    assert client().delete("/call", expect=(204,)).body == b""
    assert responses.calls[0].request.body == b"a,b\r\n"
    assert responses.calls[0].request.headers["Content-Type"] == "text/csv"


@responses.activate
@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_pause_the_account(status: int) -> None:
    error = failure(status)
    assert (type(error), error.code) == (Misconfigured, "credentials_refused")


@responses.activate
@pytest.mark.parametrize(("status", "code"), [(408, "unavailable"), (425, "unavailable"), (429, "asked_to_wait")])
def test_a_vendor_that_cannot_now_is_asked_later(status: int, code: str) -> None:
    error = failure(status)
    assert isinstance(error, RetryLater)
    assert (error.code, error.after) == (code, None)


@responses.activate
@pytest.mark.parametrize(
    ("value", "after"),
    [
        ("120", timedelta(minutes=2)),
        ("0", timedelta(0)),
        ("86401", timedelta(hours=24)),
        ("9" * 5_000, timedelta(hours=24)),
        ("Sat, 21 Nov 2026 12:00:30 GMT", timedelta(seconds=30)),
        ("Sat, 21 Nov 2026 11:00:00 GMT", timedelta(0)),
        ("Sat, 21 Nov 2099 11:00:00 GMT", timedelta(hours=24)),
        ("soon", None),
        ("-5", None),
        ("Sat, 99 Nov 2026 11:00:00 GMT", None),
        ("1.5", None),
    ],
)
def test_the_time_a_vendor_asks_for_is_kept_up_to_a_day(
    monkeypatch: pytest.MonkeyPatch, value: str, after: timedelta | None
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 21, 12, tzinfo=UTC))
    error = failure(503, **{"Retry-After": value})
    assert isinstance(error, RetryLater)
    assert error.after == after


@responses.activate
@pytest.mark.parametrize("status", [500, 502, 504, 507, 599])
def test_an_error_of_the_vendor_leaves_open_what_was_done(status: int) -> None:
    error = failure(status)
    assert (type(error), error.code) == (OutcomeUnknown, "server_error")


@responses.activate
@pytest.mark.parametrize("status", [400, 409, 410, 413, 422])
def test_a_refusal_is_final(status: int) -> None:
    error = failure(status)
    assert (type(error), error.code) == (Refused, "refused_by_vendor")


@responses.activate
@pytest.mark.parametrize("status", [404, 405, 451, 201, 204, 226])
def test_a_status_that_is_not_documented_is_a_broken_reply(status: int) -> None:
    error = failure(status)
    assert (type(error), error.code) == (BrokenReply, "unexpected_status")


@responses.activate
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_only_its_host_is_told(status: int) -> None:
    error = failure(status, Location="https://evil.example/steal?token=1")
    assert (type(error), error.code) == (BrokenReply, "redirected")
    assert "evil.example" in error.text
    assert "steal" not in error.text
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize("location", ["https://[", "//anna@x y", "", "https://" + "a" * 300])
def test_a_redirect_to_nowhere_is_the_same(location: str) -> None:
    assert failure(302, Location=location).code == "redirected"


@responses.activate
def test_a_redirect_to_a_host_that_names_somebody_does_not_tell_it() -> None:
    answer(status=302, headers={"Location": "https://anna-7.login.example/"})
    with pytest.raises(BrokenReply) as raised:
        client().get("/call", query={"customerKey": "Anna-7"})
    assert raised.value.code == "redirected"
    assert "anna" not in raised.value.text.lower()


@responses.activate
@pytest.mark.parametrize("status", [300, 304, 305, 399])
def test_another_status_of_that_hundred_is_no_redirect(status: int) -> None:
    assert failure(status).code == "unexpected_status"


@responses.activate
@pytest.mark.parametrize("status", [200, 400])
def test_a_type_that_names_somebody_is_not_shown(status: int) -> None:
    answer(body=b"x", status=status, content_type="text/anna-7")
    http = client()
    with suppress(Refused):
        http.get("/call", query={"customerKey": "Anna-7"})
    assert http.calls[0].excerpt == "…, 1 bytes"


@responses.activate
def test_a_404_can_be_expected() -> None:
    answer(status=404, json={"errorCode": 7})
    assert client().get("/call", expect=(200, 404)).json() == {"errorCode": 7}


@responses.activate
@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"<html>Log in</html>", "text/html; charset=utf-8", "wrong_content_type"),
        (b'{"jid": "1"}', "text/html", "wrong_content_type"),
        (b'{"jid": "1"}', "multipart/mixed", "wrong_content_type"),
        (b"<html>Log in</html>", "application/json", "not_json"),
        (b"[]", "application/json", "not_json"),
        (b'{"a": 1, "a": 2}', "application/json", "not_json"),
        (b"[" * 200_000, "application/json", "not_json"),
        (b"", "application/json", "not_json"),
    ],
)
def test_what_is_not_a_json_object_is_a_broken_reply(body: bytes, kind: str, code: str) -> None:
    answer(body=body, content_type=kind)
    reply = client().get("/call")
    with pytest.raises(BrokenReply) as broken:
        reply.json()
    assert broken.value.code == code


@responses.activate
@pytest.mark.parametrize("kind", ["application/json", "application/problem+json; charset=utf-8", "text/plain"])
def test_json_may_come_under_several_types(kind: str) -> None:
    answer(body=b'{"a": 1}', content_type=kind)
    assert client().get("/call").json() == {"a": 1}


@responses.activate
def test_text_must_be_utf_8() -> None:
    answer(body=b"\xff", content_type="text/csv")
    reply = client().get("/call")
    with pytest.raises(BrokenReply):
        _ = reply.text


@responses.activate
def test_a_transcript_holds_no_secret_and_nothing_that_was_sent() -> None:
    echo = {
        "jid": "5f3c",
        "key": "ANNA-7",
        "token": "s3cret-token",
        "pw": "pass-word",
        "status": "created",
        "anna-7": 1,
    }
    responses.add(responses.POST, URL, json=echo)
    http = client(headers=bearer("s3cret-token"), secrets=["pass-word"], words=["created"])
    http.post("/call", query={"customerKey": "anna-7"})
    (note,) = http.calls
    assert (note.method, note.address, note.status, note.sent) == ("POST", "/call?customerKey=…", 200, 0)
    assert note.excerpt == '{"jid": "…", "key": "…", "token": "…", "pw": "…", "status": "created", "…": 1}'
    assert note.received > 50
    assert note.elapsed > 0


@responses.activate
def test_one_call_may_have_credentials_of_its_own_which_no_transcript_shows() -> None:
    responses.add(responses.POST, URL, json={"user": "robot", "echo": "cm9ib3Q6c2VjcmV0", "robot:secret": 1})
    http = client(headers={"X-Account": "a-1"}, secrets=["secret"], words=["cm9ib3Q6c2VjcmV0"])
    http.post("/call", headers=basic("robot", "secret"))
    sent = responses.calls[0].request.headers
    assert (sent["Authorization"], sent["X-Account"]) == ("Basic cm9ib3Q6c2VjcmV0", "a-1")
    assert http.calls[0].excerpt == '{"user": "…", "echo": "…", "…": 1}'


@responses.activate
def test_ids_sent_in_json_and_in_csv_are_left_out_too() -> None:
    responses.add(responses.POST, URL, json={"notFound": ["cust-17"], "n": 170017})
    http = client()
    http.post("/call", json={"customerIds": ["cust-17", 170017]})
    assert http.calls[0].excerpt == '{"notFound": ["…"], "n": "…"}'
    http = client()
    http.post("/call", body=b"Type,Value\r\ncrm,cust-17\r\n", content_type="text/csv")
    assert http.calls[0].excerpt == '{"notFound": ["…"], "n": 170017}'


@responses.activate
@pytest.mark.parametrize(
    "path",
    ["", "call", "//evil.example/", "/a/../b", "/a/%2E%2e", "/a%2f..%2fb", "/a?x=1", "/a#x", "/a b", "/a|b", "/ä"],
)
def test_a_path_that_would_be_rewritten_is_never_sent(path: str) -> None:
    with pytest.raises(ValueError, match="percent-encoded"):
        client().get(path)
    assert not responses.calls


@responses.activate
@pytest.mark.parametrize("token", ["a\r\nX: y", "pässword", "tail ", ""])
def test_credentials_that_cannot_be_sent_pause_the_account(token: str) -> None:
    http = client(headers={"Api-Key": token})
    with pytest.raises(Misconfigured) as refused:
        http.get("/call")
    assert refused.value.code == "credentials_unusable"
    assert not token or token not in refused.value.text
    assert not responses.calls


@responses.activate
def test_a_host_that_is_no_longer_allowed_is_not_called() -> None:
    with pytest.raises(Misconfigured) as refused:
        Http(BASE, Network()).get("/call")
    assert refused.value.code == "host_not_allowed"
    assert not responses.calls


@responses.activate
def test_a_library_error_with_its_url_does_not_hang_on_ours() -> None:
    answer(body=requests.ConnectionError("https://api.vendor.example/?who=anna@example.com"))
    http = client()
    with pytest.raises(RetryLater) as later:
        http.get("/call", query={"who": "anna@example.com"})
    assert later.value.code == "not_sent"
    assert not http.sent
    assert later.value.__context__ is None
    assert http.calls[0].status is None


def test_a_preview_shows_the_call_and_sends_nothing() -> None:
    preview = Preview("https://nobody.invalid/base/", headers=bearer("s3cret"))
    with pytest.raises(Previewed) as shown:
        preview.post("/call", query={"customerKey": "d9"}, json={"ids": ["a"]})
    call = shown.value.call
    assert (call.method, call.url) == ("POST", "https://nobody.invalid/base/call?customerKey=d9")
    assert (call.query, call.content_type, call.body) == ({"customerKey": "d9"}, "application/json", '{"ids": ["a"]}')
    assert "s3cret" not in repr(call)
    assert not preview.sent
    with pytest.raises(Previewed) as shown:
        Preview("https://nobody.invalid").download("/file", name="x")
    assert shown.value.call.method == "GET"
