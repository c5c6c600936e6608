"""One connection: to an address that was checked, within one total deadline, with a reply's head that is bounded."""

import functools
import http.client
import io
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.utils.translation import gettext as _
from urllib3.connection import HTTPConnection, HTTPSConnection

from ..errors import RetryLater
from .addresses import Network, is_loopback, resolve

CONNECT_SECONDS = 10.0  # for one address
HEAD_BYTES = 256 * 1024  # status line and headers of a reply, interim replies included

# The library logs whole URLs, and a URL's query can hold an identifier.
logging.getLogger("urllib3").propagate = False


class Wire:
    """The life of one connection.

    `sent` turns true just before the first byte of the request is written, `late` when the deadline passes: the socket
    is then shut down, which ends any read or write, however slowly the other side drips. Looking up a name cannot be
    interrupted; it counts all the same, since nothing is sent once the deadline has passed."""

    def __init__(self, host: str, network: Network, seconds: float, on_send: Callable[[], None] | None = None) -> None:
        self.proxy = None if is_loopback(host) else network.proxy
        self.sent = False
        self.late = False
        self._on_send = on_send
        self._ends = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._guarded: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._time_is_over)
        self._timer.daemon = True
        self._timer.start()

    def fit(self, pool: Any) -> Any:
        """Makes `pool`, urllib3's connection pool, connect through this wire, with TLS 1.2 or later."""
        kind = _PlainConnection if pool.scheme == "http" else _TLSConnection
        pool.ConnectionCls = functools.partial(kind, wire=self)
        if pool.scheme == "https":
            pool.ssl_minimum_version = ssl.TLSVersion.TLSv1_2
        return pool

    def connect(self, host: str, port: int) -> socket.socket:
        """A socket connected to `host`. The proxy is the operator's choice, so its address is not checked (and the
        vendor's cannot be: the proxy looks it up)."""
        if self.proxy:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses: list[tuple[socket.AddressFamily, Any]] = [(family, where) for family, *_rest, where in found]
        else:
            addresses = resolve(host, port)
        for family, sockaddr in addresses:
            left = self._ends - time.monotonic()
            if left <= 0:
                break
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(min(CONNECT_SECONDS, left))
                sock.connect(sockaddr)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(max(self._ends - time.monotonic(), 0.001))  # the TLS handshake
                self._guard(sock)
            except OSError:
                sock.close()
            else:
                return sock
        raise ConnectionError("no address of the host could be reached")

    def before_sending(self) -> None:
        """The last moment at which nothing is done. Raises `RetryLater` past the deadline; what `on_send` raises goes
        through. Called once a call."""
        if not self.late and self._on_send is not None:
            self._on_send()
        if self.late or time.monotonic() >= self._ends:
            raise RetryLater(
                _(
                    "Connecting to the vendor took the whole time a call may take, so nothing was sent and nothing was "
                    "done. The desk tries again by itself; if this lasts, check the network and the vendor's health."
                ),
                code="not_sent",
            )
        self.sent = True

    def close(self) -> None:
        self._timer.cancel()
        with self._lock:
            if self._guarded is not None:
                self._guarded.close()
                self._guarded = None

    def _guard(self, sock: socket.socket) -> None:
        # A duplicate: it reaches the connection also while TLS takes the first socket over.
        with self._lock:
            self._guarded = sock.dup()
            if self.late:
                self._guarded.shutdown(socket.SHUT_RDWR)

    def _time_is_over(self) -> None:
        with self._lock:
            self.late = True
            if self._guarded is not None:
                with suppress(OSError):
                    self._guarded.shutdown(socket.SHUT_RDWR)


class _Lines(io.BufferedReader):
    """Reads a reply's lines, and tells a line that ended from one that was cut off (http.client does not)."""

    in_head = True
    head_bytes = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if self.in_head:
            self.head_bytes += len(line)
            if self.head_bytes > HEAD_BYTES:
                raise http.client.LineTooLong("head")
        if self.head_bytes and not line.endswith(b"\n") and len(line) != size:
            raise http.client.IncompleteRead(line)
        return line


class _Reply(http.client.HTTPResponse):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp: Any = _Lines(self.fp.detach())

    def begin(self) -> None:
        lines = self.fp
        super().begin()
        lines.in_head = False
        if not self.msg.is_multipart() and self.msg.get_payload():  # what follows a line that is no header is lost
            raise http.client.UnknownProtocol("head")


class _Wired(HTTPConnection):
    """What both kinds of connection share. The methods are those that http.client and urllib3 document as hooks or
    call by these names in urllib3 2."""

    response_class = _Reply

    def __init__(self, *args: Any, wire: Wire, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._wire = wire

    def _new_conn(self) -> socket.socket:
        return self._wire.connect(self.host, self.port)

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        self._wire.before_sending()
        super().endheaders(*args, **kwargs)


class _PlainConnection(_Wired):
    pass


class _TLSConnection(_Wired, HTTPSConnection):
    pass
