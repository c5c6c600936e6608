"""`Http`: one call to a vendor, made or refused by the rules of this room. `Preview`: the same call, shown.

Not followed, not read, not trusted: redirects; proxy, netrc and CA settings of the environment; compressed replies;
another reply on the same connection (each call has its own). requests (https://requests.readthedocs.io) does the
talking; what it must not do is switched off here or in `wire`.
"""

import base64
import hashlib
import http.client
import json as jsonlib
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NoReturn, Protocol
from urllib.parse import urlencode, urlsplit

import requests
import urllib3.exceptions
from django.utils.translation import gettext as _
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from ..errors import Misconfigured, VendorError
from . import strict, verdicts
from .addresses import PATH, Network, check_base_url, climbs
from .transcript import GAP, Redactor, Transcript, cells, is_json, leaves, media_type
from .wire import CONNECT_SECONDS, Wire

CHUNK = 64 * 1024
MIB = 1024 * 1024
EXCERPT_BYTES = 64 * 1024  # read of a reply that only serves the transcript
TROUBLE = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)


class Sink(Protocol):
    """Where a download goes. `finish` makes it final and returns what opens it; `discard` leaves nothing behind."""

    def write(self, data: bytes, /) -> object: ...
    def finish(self) -> Callable[[], BinaryIO]: ...
    def discard(self) -> object: ...


@dataclass(frozen=True)
class Download:
    """A file that was fetched: `size` in bytes, `sha256` in hex, `open` reads it from where it was kept. `framed`: the
    reply said how long it is, so that one that was cut off would have been noticed."""

    name: str
    size: int
    sha256: str
    open: Callable[[], BinaryIO] = field(repr=False)
    framed: bool = True


@dataclass(frozen=True)
class Reply:
    """A reply whose status the step expects. `text` and `json` raise `BrokenReply`."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    host: str

    @property
    def text(self) -> str:
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            raise verdicts.not_documented(self.host, _("it is not text in UTF-8"), code="not_text") from None

    def json(self) -> dict[str, Any]:
        """The JSON object of the reply, read strictly (see `strict`).

        A reply without a type, or of plain text, may be JSON (some servers label it carelessly, and the reading is
        strict anyway); one of any other type, HTML above all, is not."""
        name = media_type(self.headers.get("Content-Type"))
        if not is_json(name) and (name != "text/plain" and "Content-Type" in self.headers):
            raise verdicts.not_documented(
                self.host, _("it is not JSON but a page or a file"), code="wrong_content_type"
            )
        why = "not an object"
        try:
            value = strict.loads(self.body)
        except strict.NotStrict as error:
            value, why = None, str(error)
        if not isinstance(value, dict):
            raise verdicts.not_documented(
                self.host, _("its JSON cannot be used (%(why)s)") % {"why": why}, code="not_json"
            )
        return value


@dataclass(frozen=True)
class PreparedCall:
    """A call as it would be sent, without its credentials. It holds identifiers."""

    method: str
    url: str
    query: Mapping[str, str]
    content_type: str | None
    body: str


class Previewed(Exception):
    """Raised by `Preview` in place of a reply."""

    def __init__(self, call: PreparedCall) -> None:
        super().__init__("a preview sends nothing")
        self.call = call


@dataclass(frozen=True)
class _Call:
    method: str
    path: str
    query: Mapping[str, str]
    content_type: str | None
    body: bytes
    values: tuple[str, ...]  # everything in it that may name a person


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """None ever: requests would read a redirect's whole body, unbounded, even if it is not to follow it."""


class _Adapter(HTTPAdapter):
    """Lets connections go through a `Wire`. `send` is not touched, so that tests can stand in for it."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)
        self._wire = wire

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        return self._wire.fit(super().get_connection_with_tls_context(*args, **kwargs))


class Http:
    """One call to one vendor account; a second one on the same instance is a `RuntimeError`.

    `headers` authenticate the call. They and `secrets` never appear in a transcript; of a reply it shows `words` only
    (the vendor's status words) and its shape. `deadline` is the seconds a call
    may take in all. `keep` gives the sink for a download's name. `on_send` is called just before the first byte leaves
    (what it raises stops the call), `on_progress` at most once a second while a reply comes in and is worked on."""

    def __init__(
        self,
        base_url: str,
        network: Network,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
        words: Collection[str] = (),
        deadline: float = 30.0,
        keep: Callable[[str], Sink] | None = None,
        on_send: Callable[[], None] | None = None,
        on_progress: Callable[[], None] | None = None,
    ) -> None:
        self.base_url = base_url
        self.calls: list[Transcript] = []
        self.sent = False
        self._network = network
        self._headers: dict[str, str] = {}
        self._words = tuple(words)
        self._secrets = tuple(secrets)
        self._authenticate(headers or {})
        self._deadline = deadline
        self._keep = keep
        self._on_send = on_send
        self._on_progress = on_progress
        self._used = False
        self._told = 0.0  # when `on_progress` was last called
        self._host = ""

    def progress(self) -> None:
        """The call is not forgotten: also for a step that works on for long after its reply, and says so often."""
        if self._on_progress is not None and time.monotonic() - self._told >= 1:
            self._told = time.monotonic()
            self._on_progress()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        json: Any = None,
        body: bytes | None = None,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Collection[int] = (200,),
        max_bytes: int = MIB,
    ) -> Reply:
        """Sends one request: `json` (made into a body) or `body` with its `content_type`. `path` begins with a slash;
        what is put into it must be percent-encoded. `headers` authenticate this call beside the account's (a sign-in).

        Returns a reply whose status is in `expect`. Raises what a step may raise; see `verdicts`."""
        call = _prepare(method, path, query, json, body, content_type)
        self._authenticate(headers or {})
        with self._exchange(call, self._deadline, self._deadline) as (response, wire):
            self._judge(response, wire, call, expect)
            data = b"".join(self._read(response, wire, max_bytes))
            self.calls[0].excerpt = self._redactor(call).excerpt(response.headers.get("Content-Type"), data)
        return Reply(response.status_code, response.headers, data, self._host)

    def get(self, path: str, **kwargs: Any) -> Reply:
        return self.request("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> Reply:
        return self.request("POST", path, **kwargs)

    def put(self, path: str, **kwargs: Any) -> Reply:
        return self.request("PUT", path, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Reply:
        return self.request("DELETE", path, **kwargs)

    def download(
        self,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        name: str,
        content_types: Collection[str] = ("application/zip", "application/octet-stream"),
        max_bytes: int = 2048 * MIB,
        deadline: float = 600.0,
        stall: float = 30.0,
    ) -> Download:
        """Fetches a file into the sink that `keep(name)` gives. `deadline` is the seconds it may take in all, `stall`
        those without a byte. Raises as `request` does; the sink is then discarded, as it is when it fails itself."""
        if self._keep is None:
            raise RuntimeError("this Http keeps no files")
        call = _prepare("GET", path, query, None, None, None)
        with self._exchange(call, deadline, stall) as (response, wire):
            self._judge(response, wire, call, (200,))
            kind = media_type(response.headers.get("Content-Type"))
            if kind not in content_types:
                raise verdicts.not_documented(
                    self._host, _("it is not the kind of file it should be"), code="wrong_content_type"
                )
            sink = self._keep(name)
            size, digest = 0, hashlib.sha256()
            try:
                for chunk in self._read(response, wire, max_bytes):
                    size += len(chunk)
                    digest.update(chunk)
                    sink.write(chunk)
                opener = sink.finish()
            except BaseException:
                sink.discard()
                raise
            self.calls[0].excerpt = f"{kind}, {size} bytes"
            framed = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
        return Download(name, size, digest.hexdigest(), opener, framed)

    @contextmanager
    def _exchange(self, call: _Call, seconds: float, stall: float) -> Iterator[tuple[requests.Response, Wire]]:
        """The reply's head, with the connection open for its body."""
        if self._used:
            raise RuntimeError("an Http makes one call, and this one has made it")
        self._used = True
        base_url = check_base_url(self.base_url, self._network)
        self._host = urlsplit(base_url).hostname or ""
        headers = self._all_headers(call)
        address = self._redactor(call).path(call.path) + ("?" if call.query else "")
        note = Transcript(call.method, address + "&".join(f"{key}={GAP}" for key in call.query), sent=len(call.body))
        self.calls.append(note)
        started = self._told = time.monotonic()
        wire = Wire(self._host, self._network, seconds, self._on_send)
        session = _Session()
        session.trust_env = False
        session.headers.clear()
        for scheme in ("https://", "http://"):
            session.mount(scheme, _Adapter(wire))
        failure = None
        try:
            try:
                response = session.request(
                    call.method,
                    base_url + call.path,
                    params=list(call.query.items()),
                    data=call.body,
                    headers=headers,
                    timeout=(CONNECT_SECONDS, stall),
                    allow_redirects=False,
                    proxies={"http": wire.proxy, "https": wire.proxy} if wire.proxy else {},
                    stream=True,
                    verify=self._network.ca_bundle or True,
                )
            except TROUBLE as error:
                failure = verdicts.of_failure(error, self._host, sent=wire.sent, late=wire.late)
            finally:
                self.sent = wire.sent
            if failure is not None:
                raise failure  # out here, the library's error with its URL is not its context
            self.sent = True
            note.status = response.status_code
            with response:
                yield response, wire
        finally:
            session.close()
            wire.close()
            note.elapsed = time.monotonic() - started

    def _all_headers(self, call: _Call) -> dict[str, str]:
        headers = CaseInsensitiveDict({"User-Agent": "erasure-desk", "Accept": "*/*"})
        headers.update(self._headers)
        headers.update({"Accept-Encoding": "identity", "Connection": "close"})
        if call.content_type:
            headers["Content-Type"] = call.content_type
        for value in headers.values():
            if not re.fullmatch(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?", value):
                raise Misconfigured(
                    _(
                        "The account's credentials hold characters that cannot be sent, such as a line break or an "
                        "accent. Nothing was sent and nothing was done. Enter the credentials again."
                    ),
                    code="credentials_unusable",
                )
        return dict(headers)

    def _authenticate(self, headers: Mapping[str, str]) -> None:
        self._headers |= headers
        self._secrets += tuple(part for value in headers.values() for part in value.split())

    def _redactor(self, call: _Call) -> Redactor:
        return Redactor((*self._secrets, *call.values), self._words)

    def _judge(self, response: requests.Response, wire: Wire, call: _Call, expect: Collection[int]) -> None:
        """Raises what the status means, unless the step expects it; for a body in a coding that was not asked for,
        which could hold a thousand times its size; and for one of a length that is no number, which http.client passes
        over: half of it would count as the whole."""
        headers = response.headers
        encoded = (
            headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity")
            or headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked"
        )
        if response.status_code not in expect:
            try:
                data = b"".join(self._read(response, wire, EXCERPT_BYTES))
            except VendorError:
                data = b""  # the status says enough
            kind, redactor = None if encoded else headers.get("Content-Type"), self._redactor(call)
            self.calls[0].excerpt = redactor.excerpt(kind, data)
            raise verdicts.of_status(response.status_code, headers, self._host, redactor.text)
        if encoded:
            raise verdicts.not_documented(
                self._host, _("the reply is encoded though that was not asked for"), code="encoded"
            )
        if not re.fullmatch(r"[0-9]{1,18}(?:, ?[0-9]{1,18})*", headers.get("Content-Length", "0").strip()):
            raise verdicts.not_http(self._host)

    def _read(self, response: requests.Response, wire: Wire, limit: int) -> Iterator[bytes]:
        """The body as it comes in, never decoded. Raises past `limit` bytes, for half a body and past the deadline."""
        raw, note = response.raw, self.calls[0]
        if (raw.length_remaining or 0) > limit:
            raise verdicts.too_large(self._host)
        while True:
            failure: VendorError | None = None
            chunk = b""
            try:
                chunk = raw.read1(CHUNK, decode_content=False)
            except TROUBLE as error:
                failure = verdicts.of_failure(error, self._host, sent=True, late=wire.late)
            if failure is None and wire.late:  # its shutdown reads as the end of the body
                failure = verdicts.timeout(self._host)
            if failure is not None:
                raise failure
            if not chunk:
                return
            note.received += len(chunk)
            if note.received > limit:
                raise verdicts.too_large(self._host)
            self.progress()
            yield chunk


class Preview(Http):
    """Shows staff the first call of a step, made by the code that would send it: `Previewed` is raised in place of a
    reply. Nothing is looked up or connected; the credentials' headers are not recorded."""

    def __init__(self, base_url: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(base_url, Network(), headers=headers, keep=_no_sink)

    def _exchange(self, call: _Call, seconds: float, stall: float) -> NoReturn:
        url = self.base_url.rstrip("/") + call.path + ("?" + urlencode(call.query) if call.query else "")
        body = call.body.decode("utf-8", "replace")
        raise Previewed(PreparedCall(call.method, url, call.query, call.content_type, body))


def _no_sink(name: str) -> Sink:
    raise RuntimeError("a preview fetches nothing")


def _prepare(
    method: str, path: str, query: Mapping[str, str] | None, json: Any, body: bytes | None, content_type: str | None
) -> _Call:
    if not path.startswith("/") or not PATH.fullmatch(path) or "//" in path or climbs(path):
        raise ValueError("a path must begin with a slash, be percent-encoded and hold no empty, . or .. segment")
    if json is not None and body is not None:
        raise ValueError("a call has json or a body, not both")
    query = dict(query or {})
    values = [*query.values(), *(leaves(json) if json is not None else cells(body or b""))]
    if json is not None:
        body, content_type = jsonlib.dumps(json, allow_nan=False).encode(), "application/json"
    return _Call(method.upper(), path, query, content_type, body or b"", tuple(values))


def basic(username: str, password: str) -> dict[str, str]:
    """The header of HTTP Basic (RFC 7617, in UTF-8)."""
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    """The header of a bearer token (RFC 6750)."""
    return {"Authorization": f"Bearer {token}"}
