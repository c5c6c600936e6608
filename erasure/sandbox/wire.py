"""HTTP as the stand-ins speak it: reads a request, has it answered, and spoils the answer as the switchboard says."""

import base64
import binascii
import contextlib
import json
import socket
import socketserver
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from .clock import Clock
from .faults import LONGEST_SECONDS, Fault, Switchboard
from .journal import Entry, Journal

CONTROL = "/_sandbox/"
LARGEST_BODY = 16 * 1024 * 1024


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: Any, status: int = 200) -> "Reply":
        return cls(status, json.dumps(value).encode())

    @classmethod
    def page(cls, status: int, **headers: str) -> "Reply":
        """An HTML error page, as web servers answer before an API is asked. `Www_Authenticate` is that header."""
        title = f"{status} {HTTPStatus(status).phrase}"
        body = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, body.encode(), "text/html; charset=utf-8", named)


@dataclass
class Call:
    """One request as a vendor's method sees it. `parts` are the named groups of the route's path."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Message
    body: bytes
    entry: Entry
    parts: Mapping[str, str] = field(default_factory=dict)

    def one(self, name: str) -> str | None:
        """The query's value of this name; None when it is missing or given more than once."""
        values = [value for key, value in self.query if key == name]
        return values[0] if len(values) == 1 else None

    def basic(self) -> tuple[str, str] | None:
        """The user's name and password of an HTTP Basic credential; None if there is none that can be read."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        try:
            name, colon, password = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None
        return (name, password) if scheme.lower() == "basic" and colon else None

    def bearer(self) -> str:
        """The bearer token; empty if there is none."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" else ""

    def did(self, effect: str, job: str = "", ids: Sequence[str] = ()) -> None:
        """Writes into the journal what this call did at the vendor, and to whom if it is about several."""
        self.entry.effect, self.entry.job, self.entry.ids = effect, job, tuple(ids)


class Answers(Protocol):
    """What a server needs of a stand-in."""

    clock: Clock
    journal: Journal
    faults: Switchboard
    closing: threading.Event

    def answer(self, call: Call) -> Reply: ...

    def control(self, method: str, path: str, body: bytes) -> Reply: ...


class Server(ThreadingHTTPServer):
    """Serves one stand-in on loopback. Port 0 takes a free one; OSError if the port is taken."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, stand_in: Answers, port: int) -> None:
        self.stand_in = stand_in
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Connection)

    def server_bind(self) -> None:
        # HTTPServer would look the host's name up, which can take seconds where there is no DNS.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Ends kept-alive connections as well: a vendor that is down must not answer on them."""
        super().server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that hangs up (or is killed) in the middle is what the tests are about; anything else is a bug.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Connection(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 2 * LONGEST_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal: request lines hold customer keys. The journal has it all."""

    def serve(self) -> None:
        stand_in = self.server.stand_in
        body = self._read_body()
        if body is None:
            return
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        if path.startswith(CONTROL):
            self._send(stand_in.control(self.command, path.removeprefix(CONTROL), body))
            return
        query = parse_qsl(parts.query, keep_blank_values=True)
        entry = stand_in.journal.enter(
            clock=stand_in.clock.now(),
            method=self.command,
            target=self.path,
            path=path,
            query=dict(query),
            content_type=self.headers.get("Content-Type", ""),
            body=body.decode("utf-8", "replace"),
        )
        call = Call(self.command, path, query, self.headers, body, entry)
        fault = stand_in.faults.take(self.command, path)
        if fault is None:
            self._finish(entry, stand_in.answer(call))
        else:
            entry.fault = fault.kind
            self._spoil(call, fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = serve  # noqa: N815 — the names http.server calls

    def _read_body(self) -> bytes | None:
        """The request's body; None when there is nothing to answer any more."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers:
            refused = 411
        elif not (length.isascii() and length.isdigit()):
            refused = 400
        elif int(length) > LARGEST_BODY:
            refused = 413
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                return body
            self.close_connection = True  # the client died while it was sending: no request has arrived
            return None
        self.close_connection = True
        self._send(Reply.page(refused))
        return None

    # --- sending ---

    def _finish(self, entry: Entry, reply: Reply) -> None:
        self.server.stand_in.journal.close(entry, reply.status)
        self._send(reply)

    def _head(self, reply: Reply, length: int | None) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if self.close_connection or length is None:
            self.send_header("Connection", "close")

    def _send(self, reply: Reply) -> None:
        self._head(reply, len(reply.body))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    # --- faults ---

    def _spoil(self, call: Call, fault: Fault) -> None:
        stand_in = self.server.stand_in
        early = fault.process or fault.kind in ("slow", "fields")
        reply = stand_in.answer(call) if early else Reply(200, b'{"jid": "')
        match fault.kind:
            case "reply":
                reply = Reply(fault.status, fault.body.encode(), fault.content_type, fault.headers)
            case "fields" if reply.content_type == "application/json":
                reply = replace(reply, body=json.dumps(json.loads(reply.body or b"{}") | dict(fault.fields)).encode())
            case "hold":
                fault.released.wait(LONGEST_SECONDS)
            case "delay":
                stand_in.closing.wait(fault.seconds)
            case "close" | "half" | "slow" | "endless":
                stand_in.journal.close(call.entry, None if fault.kind == "close" else reply.status)
                self._dribble(reply, fault)
                return
        if fault.kind in ("hold", "delay") and not early:
            reply = stand_in.answer(call)
        self._finish(call.entry, reply)

    def _dribble(self, reply: Reply, fault: Fault) -> None:
        """Sends what `fault` leaves of the reply, then hangs up."""
        self.close_connection = True
        pieces: list[bytes] = []
        match fault.kind:
            case "half":
                self._head(reply, max(len(reply.body), 2))
                pieces = [reply.body[: len(reply.body) // 2]]
            case "slow":
                self._head(reply, len(reply.body))
                size = max(1, len(reply.body) // 20)
                pieces = [reply.body[at : at + size] for at in range(0, len(reply.body), size)]
            case "endless":
                self._head(reply, None)
                pieces = [b" "] * max(1, round(fault.seconds / 0.05))
            case _:
                return
        self.end_headers()
        pause = fault.seconds / len(pieces) if fault.kind in ("slow", "endless") and pieces else 0.0
        for piece in pieces:
            self.wfile.write(piece)
            if self.server.stand_in.closing.wait(pause):
                return
