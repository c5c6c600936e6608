"""Real sockets: what a webhook and the way to it can do."""

import base64
import gc
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from compliance.audit.anchor.post import NotAnchored, post
from tests.server import Server, certificate, read_request, reply

Serve = Callable[..., Server]
TEXT = "text/plain; charset=utf-8"
SOON = 0.5  # seconds; a deadline in these tests


def refused(url: str, **more: Any) -> str:
    """Why a POST failed. Neither the reason nor what is behind it holds anything secret of the address."""
    with pytest.raises(NotAnchored) as raised:
        post(url, b"note", TEXT, **more)
    assert raised.value.__context__ is None
    assert raised.value.__cause__ is None
    assert "s3cret" not in str(raised.value)
    return str(raised.value)


def test_the_body_arrives_as_it_is_under_its_type(serve: Serve) -> None:
    server = serve()
    assert post(f"{server.url}/hook/s3cret?key=1", "— é\n".encode(), TEXT) == b""
    head, _blank, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook/s3cret?key=1 HTTP/1.1\r\n")
    assert b"\r\nContent-Type: text/plain; charset=utf-8\r\n" in head + b"\r\n"
    assert body == "— é\n".encode()


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted", "299 Odd"])
def test_any_2xx_is_success_and_the_body_comes_back_where_it_is_wanted(serve: Serve, status: str) -> None:
    server = serve(reply(b"taken", status=status))
    assert post(server.url, b"note", TEXT) == b""
    assert post(server.url, b"note", TEXT, max_bytes=5) == b"taken"


@pytest.mark.parametrize("status", ["400 Bad", "401 Who", "404 Gone", "429 Slow", "500 Ouch", "503 Busy"])
def test_another_status_is_told(serve: Serve, status: str) -> None:
    assert refused(serve(reply(status=status)).url + "/s3cret") == f"it answered with status {status[:3]}"


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
def test_a_redirect_is_refused_and_not_followed(serve: Serve, status: str) -> None:
    other = serve()
    server = serve(reply(b"", f"Location: {other.url}/s3cret", status=f"{status} Moved"))
    assert refused(server.url) == f"it answered with a redirect (status {status}), which is not followed"
    other.stop()
    assert other.requests == []


def test_user_and_password_go_as_http_basic_and_not_in_the_address(serve: Serve) -> None:
    server = serve()
    post(server.url.replace("://", "://desk:s3cret%40@") + "/hook", b"note", TEXT)
    head = server.requests[0]
    assert head.startswith(b"POST /hook HTTP/1.1\r\n")
    assert f"authorization: basic {base64.b64encode(b'desk:s3cret@').decode()}\r\n".lower().encode() in head.lower()
    assert b"s3cret" not in head


# --- how long, and how much -------------------------------------------------------------------------------------------


def dripping(server: list[Server], *, first: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    def script(line: socket.socket) -> None:
        line.sendall(first)
        with suppress(OSError):  # it hangs up on us
            while not server[0].over.wait(0.05):
                line.sendall(drop)

    return script


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b"H"),  # never a whole status line
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),  # headers without end
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),  # a body as long as the line is open
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
)
def test_a_server_that_drips_is_given_up(serve: Serve, first: bytes, drop: bytes) -> None:
    """The time ends it, whatever arrives: without that this test would not end."""
    servers: list[Server] = []
    servers.append(serve(dripping(servers, first=first, drop=drop)))
    assert refused(servers[0].url, max_bytes=100_000, seconds=SOON) == "it gave no whole reply in time"


def test_a_server_that_says_nothing_is_given_up(serve: Serve) -> None:
    servers: list[Server] = []
    servers.append(serve(lambda _line: servers[0].over.wait(10) and None))
    assert refused(servers[0].url, seconds=SOON) == "it gave no whole reply in time"


def test_a_handshake_that_never_ends_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # accepts in the kernel, says nothing
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/s3cret"
        assert refused(url, seconds=SOON) == "it gave no whole reply in time"


def endless(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    with suppress(OSError):  # it hangs up on us
        for _again in range(100_000):
            line.sendall(b"x" * 65536)


def test_a_huge_reply_is_not_read_to_its_end(serve: Serve) -> None:
    assert refused(serve(endless).url, max_bytes=1000) == "its reply is longer than 1000 bytes"


def test_the_reply_of_a_webhook_is_not_read_at_all(serve: Serve) -> None:
    assert post(serve(endless).url, b"note", TEXT) == b""


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 2", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"]
)
def test_a_line_that_is_closed_too_early_is_a_failure(serve: Serve, said: bytes) -> None:
    why = refused(serve(said).url + "/s3cret", max_bytes=100)
    assert why == "it could not be reached, or the line broke before its whole reply was there"


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "no-such-host.invalid"])
def test_what_cannot_be_reached_is_said_to_be_so(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    why = refused(f"https://{host.format(port=port)}/s3cret", seconds=10)
    assert why == "it could not be reached, or the line broke before its whole reply was there"


# --- TLS and the proxy ------------------------------------------------------------------------------------------------


def test_a_certificate_of_the_ca_bundle_is_trusted(serve: Serve, tmp_path: Path, settings: Any) -> None:
    context, settings.VENDOR_CA_BUNDLE = certificate(tmp_path, "localhost")
    server = serve(context=context)
    assert server.url.startswith("https:")
    assert post(server.url, b"note", TEXT) == b""


@pytest.mark.parametrize(("name", "trusted"), [("localhost", False), ("other.example", True)])
def test_an_unknown_signer_or_another_name_gets_nothing(
    serve: Serve, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, name: str, trusted: bool
) -> None:
    context, bundle = certificate(tmp_path, name)
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(variable, bundle)
    settings.VENDOR_CA_BUNDLE = bundle if trusted else None
    server = serve(context=context)
    assert "certificate is not trusted or not for this host" in refused(server.url + "/s3cret")
    assert server.requests == []


def test_it_goes_through_the_proxy_which_sees_the_host_alone(serve: Serve, tmp_path: Path, settings: Any) -> None:
    context, settings.VENDOR_CA_BUNDLE = certificate(tmp_path, "hooks.example")
    inner: list[bytes] = []

    def tunnel(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        with context.wrap_socket(line, server_side=True) as secure:
            inner.append(read_request(secure))
            secure.sendall(reply(b"taken"))

    proxy = serve(tunnel)
    settings.VENDOR_PROXY = proxy.url.replace("://", "://desk:pw@")
    assert post("https://hooks.example/s3cret", b"note", TEXT, max_bytes=10) == b"taken"
    assert proxy.requests[0].startswith(b"CONNECT hooks.example:443 HTTP/1.")
    assert f"proxy-authorization: basic {base64.b64encode(b'desk:pw').decode()}".lower().encode() in (
        proxy.requests[0].lower()
    )
    assert b"s3cret" not in proxy.requests[0]
    assert inner[0].startswith(b"POST /s3cret HTTP/1.1\r\n")
    assert b"roxy" not in inner[0]


def test_a_proxy_that_refuses_is_named(serve: Serve, settings: Any) -> None:
    settings.VENDOR_PROXY = serve(b"HTTP/1.1 407 Who\r\n\r\n").url
    assert refused("https://hooks.example/s3cret") == "the proxy (VENDOR_PROXY) did not let the call through"


def test_this_machine_is_called_without_a_proxy_and_the_environment_sets_none(
    serve: Serve, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(b"HTTP/1.1 407 Who\r\n\r\n")
    settings.VENDOR_PROXY = proxy.url
    for variable in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, proxy.url)
    server = serve()
    assert post(server.url, b"note", TEXT) == b""
    proxy.stop()
    assert proxy.requests == []


# --- what is left behind ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc")
@pytest.mark.parametrize("said", [reply(b"taken"), reply()[:-1], b"", reply(status="503 Busy"), b"hello\r\n\r\n"])
def test_neither_a_socket_nor_a_timer_stays_behind(serve: Serve, said: bytes) -> None:
    server = serve(said)

    def open_sockets() -> set[str]:
        found = set()
        for entry in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                found.add(str(entry.readlink()))
        return {target for target in found if target.startswith("socket:")}

    before, running = open_sockets(), set(threading.enumerate())
    with suppress(NotAnchored):
        post(server.url, b"note", TEXT, max_bytes=100)
    server.stop()
    gc.collect()
    assert open_sockets() <= before
    for thread in set(threading.enumerate()) - running:
        thread.join(5)
        assert not thread.is_alive()
