"""One POST to an address that the operator has put into the settings: within one deadline, with a bounded reply.

Not followed, not read, not trusted: redirects, settings of the environment, compressed replies. The proxy and the CA
certificates are those of vendor calls (VENDOR_PROXY, VENDOR_CA_BUNDLE); this machine is called without the proxy. There
is no allow-list: whoever writes the settings may call whom they like.
"""

import functools
import http.client
import ipaddress
import logging
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import certifi
import urllib3
from django.conf import settings
from django.utils.translation import gettext as _
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import make_headers

SECONDS = 15.0  # for all of it, but for the look-up of the name, which cannot be interrupted
CONNECT_SECONDS = 5.0  # for one address of the host
CHUNK = 16 * 1024
_TROUBLE = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)

# The library logs whole addresses, and that of a webhook is its secret.
logging.getLogger("urllib3").propagate = False


class NotAnchored(Exception):
    """A place did not take a checkpoint. The text says why, for people; nothing secret is in it."""


def post(url: str, body: bytes, content_type: str, *, max_bytes: int = 0, seconds: float = SECONDS) -> bytes:
    """Sends `body` to `url`; a user name and password in it go as HTTP Basic. Returns the body of a reply with a 2xx
    status, or b"" without reading one where `max_bytes` is 0.

    Raises NotAnchored for everything else: no whole reply in time, another status, a reply of more than `max_bytes`."""
    deadline = _Deadline(seconds)
    try:
        with _client(url) as client:
            pool: Any = client.connection_from_url(url)
            kind = _TLSConnection if pool.scheme == "https" else _PlainConnection
            pool.ConnectionCls = functools.partial(kind, deadline=deadline)
            response = client.urlopen(
                "POST",
                url,
                body=body,
                headers=_headers(url, content_type),
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=seconds),
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
            with response:
                _judge(response.status)
                return _read(response, max_bytes, deadline)
    except _TROUBLE as error:
        why = _why(error, deadline)
    finally:
        deadline.close()
    raise NotAnchored(why)  # out here, the library's error with its address is not its context


def is_loopback(host: str) -> bool:
    """Whether `host` means this machine: `localhost`, 127.0.0.0/8 or ::1."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _client(url: str) -> urllib3.PoolManager:
    trust: dict[str, Any] = {
        "cert_reqs": ssl.CERT_REQUIRED,
        "ca_certs": settings.VENDOR_CA_BUNDLE or certifi.where(),  # as requests has it for vendors
        "ssl_minimum_version": ssl.TLSVersion.TLSv1_2,
    }
    proxy = settings.VENDOR_PROXY
    if not proxy or is_loopback(urlsplit(url).hostname or ""):
        return urllib3.PoolManager(**trust)
    sign_in = _sign_in(proxy)
    return urllib3.ProxyManager(
        proxy, proxy_headers=make_headers(proxy_basic_auth=sign_in) if sign_in else None, **trust
    )


def _headers(url: str, content_type: str) -> Mapping[str, str]:
    sign_in = _sign_in(url)
    return {
        "User-Agent": "erasure-desk",
        "Accept-Encoding": "identity",
        "Connection": "close",
        "Content-Type": content_type,
        **(make_headers(basic_auth=sign_in) if sign_in else {}),
    }


def _sign_in(url: str) -> str:
    """`user:password` of an address, or nothing."""
    parts = urlsplit(url)
    return f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if "@" in parts.netloc else ""


def _judge(status: int) -> None:
    if 300 <= status < 400:
        raise NotAnchored(_("it answered with a redirect (status %d), which is not followed") % status)
    if not 200 <= status < 300:
        raise NotAnchored(_("it answered with status %d") % status)


def _read(response: Any, limit: int, deadline: "_Deadline") -> bytes:
    data = b""
    while limit and (chunk := response.read1(CHUNK, decode_content=False)):
        data += chunk
        if len(data) > limit:
            raise NotAnchored(_("its reply is longer than %d bytes") % limit)
    if limit and deadline.late:  # its shutdown reads as the end of the body
        raise NotAnchored(_too_late())
    return data


def _why(error: BaseException, deadline: "_Deadline") -> str:
    if deadline.late or isinstance(error, urllib3.exceptions.ReadTimeoutError):  # of the same length: either is first
        return _too_late()
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLError | urllib3.exceptions.SSLError):
            return _("its certificate is not trusted or not for this host, or there is no common TLS")
        if isinstance(inner, urllib3.exceptions.ProxyError):
            return _("the proxy (VENDOR_PROXY) did not let the call through")
        inner = inner.__cause__ or inner.__context__
    return _("it could not be reached, or the line broke before its whole reply was there")


def _too_late() -> str:
    return _("it gave no whole reply in time")


class _Deadline:
    """Shuts the connection down when the time is over, which ends any read or write, however slowly the other side
    drips."""

    def __init__(self, seconds: float) -> None:
        self.late = False
        self._ends = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._guarded: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._over)
        self._timer.daemon = True
        self._timer.start()

    def connect(self, host: str, port: int) -> socket.socket:
        for family, kind, protocol, _name, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            left = self._ends - time.monotonic()
            if left <= 0:
                break
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(min(CONNECT_SECONDS, left))
                sock.connect(address)
                with self._lock:
                    # A duplicate: it reaches the connection also while TLS takes the first socket over.
                    self._guarded = sock.dup()
                    if self.late:
                        self._guarded.shutdown(socket.SHUT_RDWR)
            except OSError:
                sock.close()
            else:
                return sock
        raise ConnectionError("no address of the host could be reached")

    def close(self) -> None:
        self._timer.cancel()
        with self._lock:
            if self._guarded is not None:
                self._guarded.close()
                self._guarded = None

    def _over(self) -> None:
        with self._lock:
            self.late = True
            if self._guarded is not None:
                with suppress(OSError):
                    self._guarded.shutdown(socket.SHUT_RDWR)


class _Bounded(HTTPConnection):
    """Connects under a deadline. `_new_conn` is what urllib3 2 calls for the bare socket."""

    def __init__(self, *args: Any, deadline: _Deadline, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline = deadline

    def _new_conn(self) -> socket.socket:
        return self._deadline.connect(self.host, self.port)


class _PlainConnection(_Bounded):
    pass


class _TLSConnection(_Bounded, HTTPSConnection):
    pass
