"""Real sockets: what the network and a hostile or broken server can do."""

import gc
import gzip
import hashlib
import io
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest

from erasure.connectors.base import BrokenReply, Misconfigured, OutcomeUnknown, RetryLater, VendorError
from erasure.connectors.http import Http, Network, client
from tests.server import certificate

from .conftest import LOCAL, Server, read_request, reply, saying

Serve = Callable[..., Server]
SOON = 0.5  # seconds; a deadline in these tests
MORE = (1, 4, 16)  # times as long, where a busy machine did not come as far as the test is about
NEVER = 60.0  # seconds for which a server says nothing more; whoever waits for it to speak has missed its deadline
PROMPT = 30.0  # seconds in which even a busy machine is done, if it does not wait for that


def failing(
    server: Server,
    method: str = "POST",
    network: Network = LOCAL,
    *,
    deadline: float = NEVER,
    far: Callable[[Http], object] = lambda _http: True,
    **more: Any,
) -> tuple[VendorError, Http]:
    """`far`: whether the call came as far as it has to before its deadline."""
    for times in MORE:
        http = Http(server.url, network, deadline=times * deadline, **more)
        started = time.monotonic()
        with pytest.raises(VendorError) as raised:
            http.request(method, "/x", query={"who": "anna@example.com"})
        assert time.monotonic() - started < PROMPT
        assert "anna" not in raised.value.text
        assert raised.value.__context__ is None
        if far(http):
            return raised.value, http
    raise AssertionError("this machine is too slow to come that far")


def was_sent(http: Http) -> bool:
    return http.sent


class Memory:
    """A sink."""

    def __init__(self) -> None:
        self.data, self.state = io.BytesIO(), "open"

    def write(self, data: bytes) -> None:
        self.data.write(data)

    def finish(self) -> Callable[[], BinaryIO]:
        self.state = "finished"
        return lambda: io.BytesIO(self.data.getvalue())

    def discard(self) -> None:
        self.state = "discarded"


def test_a_call_goes_out_and_comes_back(serve: Serve) -> None:
    server = serve(reply(b'{"a": 1}'))
    sent: list[str] = []
    http = Http(server.url + "/base/", LOCAL, on_send=lambda: sent.append("now"))
    assert http.post("/x", query={"k": "v"}, json={"n": 1}).json() == {"a": 1}
    head, _blank, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /base/x?k=v HTTP/1.1\r\n")
    assert f"Host: localhost:{server.port}".encode() in head
    assert body == b'{"n": 1}'
    assert (http.sent, sent) == (True, ["now"])
    assert (http.calls[0].sent, http.calls[0].received) == (8, 8)


def test_ipv6_loopback_can_be_called() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with listener:
        listener.settimeout(NEVER)

        def answer() -> None:
            line, _address = listener.accept()
            with line:
                read_request(line)
                line.sendall(reply())

        thread = threading.Thread(target=answer)
        thread.start()
        assert Http(f"http://[::1]:{listener.getsockname()[1]}", LOCAL).get("/x").json() == {}
        thread.join(NEVER)


@pytest.mark.parametrize("body", [b"2\r\n{}\r\n0\r\n\r\n", b"1\r\n{\r\n1;x=y\r\n}\r\n0\r\nTrailer: x\r\n\r\n"])
def test_a_reply_in_chunks_is_read(serve: Serve, body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert Http(serve(head + body).url, LOCAL).get("/x").json() == {}


def test_a_reply_ends_with_its_length_though_the_line_stays_open(serve: Serve) -> None:
    server: Server

    def script(line: socket.socket) -> None:
        line.sendall(reply())
        server.over.wait(NEVER)

    server = serve(script)
    started = time.monotonic()
    assert Http(server.url, LOCAL).get("/x").json() == {}
    assert time.monotonic() - started < PROMPT


# --- before a byte is sent --------------------------------------------------------------------------------------------


def test_a_closed_port_means_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    http = Http(f"http://127.0.0.1:{port}", LOCAL)
    with pytest.raises(RetryLater) as later:
        http.get("/x")
    assert (later.value.code, http.sent, http.calls[0].status) == ("not_sent", False, None)


def test_a_handshake_that_never_ends_means_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # accepts in the kernel, says nothing
        http = Http(f"https://127.0.0.1:{listener.getsockname()[1]}", LOCAL, deadline=SOON)
        started = time.monotonic()
        with pytest.raises(RetryLater) as later:
            http.post("/x")
    assert (later.value.code, http.sent) == ("not_sent", False)
    assert time.monotonic() - started < PROMPT


def test_past_the_deadline_nothing_is_sent(serve: Serve) -> None:
    server = serve(reply())
    started = threading.Event()
    error, http = failing(server, on_send=lambda: (started.set(), time.sleep(2 * SOON)), deadline=SOON)
    assert started.is_set()
    assert (type(error), error.code, http.sent) == (RetryLater, "not_sent", False)
    server.stop()
    assert server.requests in ([], [b""])


def test_what_the_engine_raises_before_sending_stops_the_call(serve: Serve) -> None:
    server = serve(reply())

    class LeaseLost(Exception):
        pass

    def lose() -> None:
        raise LeaseLost

    http = Http(server.url, LOCAL, on_send=lose)
    with pytest.raises(LeaseLost):
        http.post("/x")
    assert not http.sent
    server.stop()
    assert server.requests in ([], [b""])


def test_a_name_is_looked_up_once_and_the_checked_address_is_called(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(reply())
    real, asked = socket.getaddrinfo, []

    def rebinding(host: str, port: int, *args: Any, **more: Any) -> Any:
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "169.254.169.254", port, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    assert Http(server.url, LOCAL).get("/x").status == 200
    assert asked == ["localhost"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1"])
def test_a_vendor_whose_name_leads_inside_is_not_called(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    server = serve(reply())
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    answer = [(family, socket.SOCK_STREAM, 6, "", (address, server.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: answer)
    http = Http(f"https://api.vendor.example:{server.port}", Network(("api.vendor.example",), loopback=True))
    with pytest.raises(Misconfigured) as refused:
        http.post("/x")
    assert (refused.value.code, http.sent) == ("address_not_allowed", False)
    server.stop()
    assert not server.requests


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_a_certificate_of_the_ca_bundle_is_trusted_under_its_name(serve: Serve, tmp_path: Path) -> None:
    context, bundle = certificate(tmp_path, "localhost")
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    server = serve(reply(b'{"a": 1}'), context)
    assert Http(server.url, Network(loopback=True, ca_bundle=bundle)).get("/x").json() == {"a": 1}
    assert names == ["localhost"]


@pytest.mark.parametrize(("name", "trusted"), [("localhost", False), ("other.example", True)])
def test_an_unknown_signer_or_another_name_pauses_the_account(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, trusted: bool
) -> None:
    context, bundle = certificate(tmp_path, name)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    monkeypatch.setenv("SSL_CERT_FILE", bundle)
    server = serve(reply(), context)
    error, http = failing(server, network=Network(loopback=True, ca_bundle=bundle if trusted else None))
    assert (type(error), error.code, http.sent) == (Misconfigured, "certificate", False)
    assert not server.requests


def test_tls_1_1_is_not_spoken(serve: Serve, tmp_path: Path) -> None:
    context, bundle = certificate(tmp_path, "localhost")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    error, http = failing(serve(reply(), context), network=Network(loopback=True, ca_bundle=bundle))
    assert (error.code, http.sent) == ("not_sent", False)


def test_tls_replies_meet_the_deadline_too(serve: Serve, tmp_path: Path) -> None:
    context, bundle = certificate(tmp_path, "localhost")
    server: Server

    def script(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\n")
        server.over.wait(NEVER)

    server = serve(script, context)
    network = Network(loopback=True, ca_bundle=bundle)
    error, _http = failing(server, network=network, deadline=SOON, far=was_sent)
    assert error.code == "timeout"


def test_a_proxy_is_used_through_a_tunnel_and_sees_no_credentials(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(b"HTTP/1.1 503 Busy\r\n\r\n")
    network = Network(("api.vendor.example",), proxy=server.url)
    http = Http("https://api.vendor.example", network, headers={"Api-Key": "s3cret"})
    with pytest.raises(RetryLater) as later:
        http.post("/x", query={"who": "anna"})
    assert (later.value.code, http.sent) == ("not_sent", False)
    assert server.requests[0].startswith(b"CONNECT api.vendor.example:443 ")
    assert b"s3cret" not in server.requests[0]
    assert b"anna" not in server.requests[0]


def test_a_vendor_is_spoken_to_through_the_proxy(serve: Serve, tmp_path: Path) -> None:
    context, bundle = certificate(tmp_path, "api.vendor.example")
    inner: list[bytes] = []

    def tunnel(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        with context.wrap_socket(line, server_side=True) as secure:
            inner.append(read_request(secure))
            secure.sendall(reply(b'{"a": 1}'))

    server = serve(tunnel)
    network = Network(("api.vendor.example",), proxy=server.url, ca_bundle=bundle)
    assert Http("https://api.vendor.example", network).get("/x").json() == {"a": 1}
    assert inner[0].startswith(b"GET /x HTTP/1.1\r\nHost: api.vendor.example\r\n")


# --- after bytes were sent --------------------------------------------------------------------------------------------


def silence(server_of: list[Server], *parts: bytes) -> Callable[[socket.socket], None]:
    def script(line: socket.socket) -> None:
        for part in parts:
            line.sendall(part)
        server_of[0].over.wait(NEVER)

    return script


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"HTTP/1.1 200 OK\r\nContent-Type: app",),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{",),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}",),  # ends when the line closes, and it does not
    ],
)
def test_a_reply_that_does_not_come_in_time_leaves_open_what_was_done(serve: Serve, parts: tuple[bytes, ...]) -> None:
    servers: list[Server] = []
    servers.append(serve(silence(servers, *parts)))
    error, http = failing(servers[0], deadline=SOON, far=was_sent)
    assert (type(error), error.code, http.sent) == (OutcomeUnknown, "timeout", True)


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\n"])
def test_an_endless_drip_ends_at_the_deadline(serve: Serve, start: bytes) -> None:
    def script(line: socket.socket) -> None:
        line.sendall(start)
        for _ in range(1_000):
            line.sendall(b"x")
            if servers[0].over.wait(0.01):
                return

    servers = [serve(script)]
    error, _http = failing(servers[0], deadline=SOON, far=was_sent)
    assert (type(error), error.code) == (OutcomeUnknown, "timeout")


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"HTTP/1.1 2", b"0"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (CHUNKED, b"1\r\n \r\n"),
        (CHUNKED, b"0"),
        (CHUNKED + b"1;x=", b"x"),
        (CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["status", "headers", "chunks", "size of a chunk", "extension of a chunk", "trailers", "interim replies"],
)
def test_a_drip_of_what_frames_a_reply_ends_at_the_deadline_too(serve: Serve, start: bytes, piece: bytes) -> None:
    def script(line: socket.socket) -> None:
        line.sendall(start)
        while not servers[0].over.wait(0.02):
            line.sendall(piece)

    servers = [serve(script)]
    error, _http = failing(servers[0], deadline=3 * SOON, far=was_sent)
    assert (type(error), error.code) == (OutcomeUnknown, "timeout")


def test_trailers_without_end_end_at_the_deadline(serve: Serve) -> None:
    def script(line: socket.socket) -> None:
        line.sendall(CHUNKED + b"2\r\n{}\r\n0\r\n")
        line.settimeout(NEVER)
        while not servers[0].over.is_set():
            line.sendall(b"X: y\r\n" * 10_000)

    servers = [serve(script)]
    error, _http = failing(servers[0], deadline=SOON, far=was_sent)
    assert (type(error), error.code) == (OutcomeUnknown, "timeout")


def test_a_refusal_counts_though_its_page_drips_without_end(serve: Serve) -> None:
    def script(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 503 Busy\r\nContent-Type: text/html\r\n\r\n")
        while not servers[0].over.wait(0.02):
            line.sendall(b"x")

    servers = [serve(script)]
    error, _http = failing(servers[0], deadline=SOON, far=lambda http: http.calls[0].status)
    assert (type(error), error.code) == (RetryLater, "unavailable")


def test_interim_replies_without_end_are_bounded(serve: Serve) -> None:
    error, _http = failing(serve(saying(*[b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 100] * 200)))
    assert (type(error), error.code) == (BrokenReply, "reply_too_large")


@pytest.mark.parametrize("said", [b"", b"reset"])
def test_a_line_that_closes_without_a_reply_leaves_open_what_was_done(serve: Serve, said: bytes) -> None:
    def script(line: socket.socket) -> None:
        if said:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    error, http = failing(serve(script))
    assert (type(error), error.code, http.sent) == (OutcomeUnknown, "connection_lost", True)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Ty",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
        reply(b'{"a": 1}')[:-1],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
    ],
)
def test_half_a_reply_leaves_open_what_was_done(serve: Serve, said: bytes) -> None:
    error, _http = failing(serve(said))
    assert (type(error), error.code) == (OutcomeUnknown, "half_reply")


@pytest.mark.parametrize(
    "said",
    [
        b"hello\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n{}",
    ],
)
def test_what_is_not_http_is_a_broken_reply(serve: Serve, said: bytes) -> None:
    error, _http = failing(serve(said))
    assert (type(error), error.code) == (BrokenReply, "not_http")


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10_000_000,
        b"HTTP/1.1 " + b"2" * 10_000_000,
        b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"y" * 60_000 + b"\r\n") * 90,
    ],
)
def test_a_flood_of_headers_is_a_broken_reply(serve: Serve, said: bytes) -> None:
    error, _http = failing(serve(said))
    assert (type(error), error.code) == (BrokenReply, "reply_too_large")


ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "said",
    [
        [ENDLESS + b"Content-Length: 99999999999\r\n\r\n"],
        [ENDLESS + b"\r\n", *[b"x" * 65_536] * 100],
        [ENDLESS + b"Transfer-Encoding: chunked\r\n\r\n", *[b"10000\r\n" + b"x" * 65_536 + b"\r\n"] * 100],
    ],
)
def test_a_reply_has_a_largest_size(serve: Serve, said: list[bytes]) -> None:
    error, http = failing(serve(saying(*said)))
    assert (type(error), error.code) == (BrokenReply, "reply_too_large")
    assert http.calls[0].received < 2 * 1024 * 1024


@pytest.mark.parametrize("framing", ["length", "chunks", "close"])
@pytest.mark.parametrize("more", [0, 1])
def test_a_reply_may_be_a_megabyte_and_no_byte_more(serve: Serve, framing: str, more: int) -> None:
    body = b"{" + b" " * (client.MIB - 2 + more) + b"}"
    said = {
        "length": reply(body),
        "chunks": CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
        "close": ENDLESS + b"\r\n" + body,
    }[framing]
    http = Http(serve(said).url, LOCAL)
    if not more:
        assert http.get("/x").json() == {}
        return
    with pytest.raises(BrokenReply) as raised:
        http.get("/x")
    assert raised.value.code == "reply_too_large"


@pytest.mark.parametrize(
    "coding", ["Content-Encoding: gzip", "Content-Encoding: identity, br", "Transfer-Encoding: gzip"]
)
def test_an_encoded_reply_is_not_unpacked(serve: Serve, coding: str) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    error, http = failing(serve(reply(bomb, coding)))
    assert (type(error), error.code) == (BrokenReply, "encoded")
    assert http.calls[0].received == 0


def test_an_encoded_refusal_is_still_a_refusal(serve: Serve) -> None:
    error, http = failing(serve(reply(gzip.compress(b"{}"), "Content-Encoding: gzip", status="401 No")))
    assert error.code == "credentials_refused"
    assert http.calls[0].excerpt == "?, 22 bytes"


def test_a_redirect_with_a_body_is_neither_followed_nor_read_whole(serve: Serve) -> None:
    other = serve(reply())
    said = f"HTTP/1.1 307 Go\r\nLocation: {other.url}/y\r\n\r\n".encode()
    error, http = failing(serve(saying(said, *[b"x" * 65_536] * 200)))
    assert (type(error), error.code) == (BrokenReply, "redirected")
    assert http.calls[0].received < 1024 * 1024
    other.stop()
    assert not other.requests


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("elsewhere", [True, False])
def test_no_redirect_takes_a_call_anywhere(serve: Serve, status: int, method: str, elsewhere: bool) -> None:
    other = serve(reply())
    server = serve(lambda line: line.sendall(said))
    target = other.url if elsewhere else server.url
    said = reply(b"", f"Location: {target}/y?who=anna", status=f"{status} Go")
    http = Http(server.url, LOCAL, headers={"Authorization": "Bearer s3cret"})
    body = {} if method == "GET" else {"body": b"Type,Value\nemail,anna@example.com\n", "content_type": "text/csv"}
    with pytest.raises(BrokenReply) as raised:
        http.request(method, "/x", **body)
    assert raised.value.code == "redirected"
    assert "anna" not in raised.value.text
    other.stop()
    server.stop()
    assert other.requests in ([], [b""])
    assert [request for request in server.requests if request] == server.requests[:1]


def test_an_unexpected_status_counts_even_if_its_body_breaks_off(serve: Serve) -> None:
    error, _http = failing(serve(reply(b"{}" * 100, status="503 Busy")[:-50]))
    assert (type(error), error.code) == (RetryLater, "unavailable")


def test_nothing_that_was_sent_reaches_the_log(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    # A handler of our own: pytest's also listens at loggers that do not propagate.
    log = io.StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(log)])
    monkeypatch.setattr(logging.getLogger("urllib3"), "level", logging.DEBUG)
    logging.getLogger("urllib3").manager._clear_cache()  # type: ignore[attr-defined]
    server = serve(reply(b"{}", "X: y\x01z"))
    Http(server.url, LOCAL).get("/x", query={"who": "anna"})
    logging.getLogger("requests").warning("the handler listens")
    assert "the handler listens" in log.getvalue()
    assert "anna" not in log.getvalue()


def test_no_timer_stays_behind(serve: Serve) -> None:
    server = serve(reply())
    before = set(threading.enumerate())
    Http(server.url, LOCAL).get("/x")
    for thread in set(threading.enumerate()) - before:
        thread.join(PROMPT / 2)  # the deadline of a call is longer
        assert not thread.is_alive()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc")
@pytest.mark.parametrize("said", [reply(), reply()[:-1], b"", reply(status="503 Busy"), b"hello\r\n\r\n"])
def test_no_socket_stays_behind(serve: Serve, said: bytes) -> None:
    server = serve(said)
    with suppress(VendorError):
        Http(server.url, LOCAL).get("/x")
    server.stop()
    gc.disable()
    try:
        before = sockets()
        server = serve(said)
        with suppress(VendorError):
            Http(server.url, LOCAL).get("/x")
        server.stop()
        assert sockets() <= before  # what an earlier test has left may go meanwhile
    finally:
        gc.enable()


def sockets() -> set[str]:
    """The open ones of this process, each under a name that no other has."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(descriptor.readlink()))
    return {name for name in found if name.startswith("socket:")}


# --- downloads --------------------------------------------------------------------------------------------------------

ZIP = "application/zip"


def test_a_file_streams_into_its_sink(serve: Serve) -> None:
    content = bytes(range(256)) * 4_096
    sink, names = Memory(), []
    http = Http(serve(reply(content, kind=ZIP)).url, LOCAL, keep=lambda name: names.append(name) or sink)
    got = http.download("/x", query={"jid": "1"}, name="export.zip")
    assert (got.name, got.size, got.sha256) == ("export.zip", len(content), hashlib.sha256(content).hexdigest())
    assert got.open().read() == content
    assert (names, sink.state) == (["export.zip"], "finished")
    assert http.calls[0].excerpt == f"application/zip, {len(content)} bytes"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (reply(b"z" * 100, kind=ZIP)[:-1], "half_reply"),
        (reply(b"z" * 101, kind=ZIP), "reply_too_large"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\n\r\n" + b"z" * 200_000, "reply_too_large"),
    ],
)
def test_a_file_that_does_not_come_whole_is_discarded(serve: Serve, said: bytes, code: str) -> None:
    sink = Memory()
    with pytest.raises(VendorError) as raised:
        Http(serve(said).url, LOCAL, keep=lambda _name: sink).download("/x", name="x", max_bytes=100)
    assert raised.value.code == code
    assert sink.state in ("discarded", "open")
    assert sink.state == "discarded" or not sink.data.getvalue()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (reply(b"<html>", kind="text/html"), "wrong_content_type"),
        (reply(b"zip", "Content-Encoding: gzip", kind=ZIP), "encoded"),
        (reply(status="404 No"), "unexpected_status"),
    ],
)
def test_a_reply_that_is_not_the_file_opens_no_sink(serve: Serve, said: bytes, code: str) -> None:
    def keep(_name: str) -> Any:
        pytest.fail("no sink is wanted")

    with pytest.raises(BrokenReply) as broken:
        Http(serve(said).url, LOCAL, keep=keep).download("/x", name="x")
    assert broken.value.code == code


@pytest.mark.parametrize("limits", [{"stall": SOON}, {"deadline": SOON}])
def test_a_file_that_stops_coming_is_discarded(serve: Serve, limits: dict[str, float]) -> None:
    for times in MORE:
        sink, servers = Memory(), list[Server]()
        servers.append(serve(silence(servers, reply(b"z" * 100, kind=ZIP)[:-1])))
        started = time.monotonic()
        with pytest.raises(VendorError) as raised:
            most = {name: times * seconds for name, seconds in limits.items()}
            Http(servers[0].url, LOCAL, keep=lambda _name, sink=sink: sink).download("/x", name="x", **most)
        assert time.monotonic() - started < PROMPT
        if sink.data.getvalue():
            break
    assert (type(raised.value), raised.value.code) == (OutcomeUnknown, "timeout")
    assert (sink.state, sink.data.getvalue()) == ("discarded", b"z" * 99)


@pytest.mark.parametrize("where", ["write", "finish"])
def test_a_sink_that_fails_is_discarded_and_its_own_error_comes_through(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    sink = Memory()

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sink, where, full)
    with pytest.raises(OSError, match="No space"):
        Http(serve(reply(b"zip", kind=ZIP)).url, LOCAL, keep=lambda _name: sink).download("/x", name="x")
    assert sink.state == "discarded"


def test_progress_is_told_at_most_once_a_second(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(10_000))
    told: list[int] = []
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=lambda: next(ticks) / 4))
    content = b"z" * 2_000_000
    http = Http(
        serve(reply(content, kind=ZIP)).url, LOCAL, keep=lambda _name: Memory(), on_progress=lambda: told.append(1)
    )
    http.download("/x", name="x", deadline=5_000)
    reads = next(ticks)
    assert 2 <= len(told) <= reads / 4


def test_a_step_may_tell_its_progress_as_often_as_it_likes(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time costs the engine two writes, and a zip may hold 20,000 files."""
    told: list[int] = []
    now = [0.0]
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=lambda: now[0]))
    http = Http(serve(reply()).url, LOCAL, on_progress=lambda: told.append(1))
    http.get("/x")
    for now[0] in (0.9, 1.0, 1.1, 1.9, 2.0, 2.5):
        http.progress()
    assert len(told) == 2


def test_a_file_needs_somewhere_to_go() -> None:
    with pytest.raises(RuntimeError):
        Http("http://127.0.0.1:1", LOCAL).download("/x", name="x")
