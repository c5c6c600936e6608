"""A server on loopback that says exactly what a test tells it to, byte by byte."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from erasure.connectors.http import Network

LOCAL = Network(loopback=True)
Script = Callable[[socket.socket], None]


class Server:
    """Answers connections with `script`, one after the other; `requests` holds what was read from each."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.over = threading.Event()  # a script that wants to keep the line open waits for it
        self._script, self._context = script, context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(10)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://localhost:{self.port}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError):
            while not self.over.is_set():
                line, _address = self._socket.accept()
                line.settimeout(10)
                with suppress(OSError), line:
                    if self._context is not None:
                        line = self._context.wrap_socket(line, server_side=True)
                    with line:
                        self.requests.append(read_request(line))
                        self._script(line)

    def stop(self) -> None:
        self.over.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)
        assert not self._thread.is_alive()


def read_request(line: socket.socket) -> bytes:
    """One request with its body, or what came before the line was closed."""
    got = b""
    while b"\r\n\r\n" not in got:
        if not (more := line.recv(65536)):
            return got
        got += more
    head, _blank, body = got.partition(b"\r\n\r\n")
    for header in head.lower().split(b"\r\n"):
        if header.startswith(b"content-length:"):
            while len(body) < int(header.partition(b":")[2]):
                if not (more := line.recv(65536)):
                    break
                body += more
    return head + b"\r\n\r\n" + body


def saying(*parts: bytes) -> Script:
    def script(line: socket.socket) -> None:
        for part in parts:
            line.sendall(part)

    return script


def reply(body: bytes = b"{}", *headers: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """A whole reply, properly framed."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(script: Script | bytes, context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(saying(script) if isinstance(script, bytes) else script, context))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
