"""How large a file of a vendor's may be, over real sockets, with the real limits."""

from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket

import pytest

from erasure.connectors import REGISTRY, apptus
from erasure.connectors.base import BrokenReply, Go, HandOver, Id, OutcomeUnknown, Result, VendorError, parse
from erasure.connectors.http import Network
from tests.server import Script, Server, saying

from . import driver
from .driver import Drive, Memory

MIB = 1 << 20
AT = {
    "apptus": ("fetch_export", Id("x", "customer_id", "C-1001"), {"username": "u", "password": "p"}),
    "acoustic": ("fetch_file", Id("x", "email", "ada@example.org"), {"account_key": "k"}),
}
JOB = {
    "apptus": lambda drive: {"export": {drive.sent(drive.ids[0]): {"jid": "e1", "fetching": True}}},
    "acoustic": lambda drive: {
        "job": "7",
        "opened": "2026-11-29T12:00:00+00:00",
        "files": ["2|gdpr|7_1.segment.output"],
    },
}
KIND = {"apptus": "application/zip", "acoustic": "text/csv"}


@pytest.fixture
def sinks(monkeypatch: pytest.MonkeyPatch) -> list[Memory]:
    """Those that were opened, in order."""
    opened: list[Memory] = []

    class Sink(Memory):
        discarded = False

        def __init__(self) -> None:
            super().__init__()
            opened.append(self)

        def discard(self) -> None:
            super().discard()
            self.discarded = True

    monkeypatch.setattr(driver, "Memory", Sink)
    return opened


@contextmanager
def at_download(key: str, script: Script) -> Iterator[Drive]:
    """A sub-task whose next call is for a file, of a vendor that answers so."""
    server = Server(script)
    step, item, credentials = AT[key]
    connector = REGISTRY[key](parse(REGISTRY[key].Options, {}))
    headers = dict(connector.headers(parse(connector.Credentials, credentials)))
    drive = Drive(connector, (item,), server.url, Network(loopback=True), headers, step=step)
    drive.memory = JOB[key](drive)
    try:
        yield drive
    finally:
        server.stop()


def head(kind: str, *headers: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", f"Content-Type: {kind}", *headers, "", ""]).encode()


def once(drive: Drive) -> Result | VendorError:
    try:
        return drive.once()
    except VendorError as error:
        return error


@pytest.mark.parametrize(("key", "length"), [("apptus", 2048 * MIB + 1), ("acoustic", 64 * MIB + 1)])
def test_a_file_that_says_it_is_too_large_is_not_read(sinks: list[Memory], key: str, length: int) -> None:
    with at_download(key, saying(head(KIND[key], f"Content-Length: {length}"), b"x" * 1000)) as drive:
        error = once(drive)
    assert isinstance(error, BrokenReply)
    assert error.code == "reply_too_large"
    assert drive.transcripts[0].received == 0
    assert [sink.discarded for sink in sinks] == [True]


def in_chunks(kind: str, block: bytes, times: int, end: bytes = b"0\r\n\r\n") -> Script:
    def script(line: socket) -> None:
        line.sendall(head(kind, "Transfer-Encoding: chunked"))
        for _block in range(times):
            line.sendall(b"%x\r\n%b\r\n" % (len(block), block))
        line.sendall(end)

    return script


HEADER = b"X1Id, Type, Endpoint ID, Name, Value\n"
ROW = b"32bd,COOKIEID,45,61,%b,C-1\n"
LONG_ROW = ROW % (b"x" * (64 * 1024 - len(ROW)))


def test_a_list_may_have_64_mib_to_the_byte(sinks: list[Memory]) -> None:
    rows = LONG_ROW * (64 * MIB // len(LONG_ROW))
    body = HEADER + rows[: len(rows) - len(HEADER)].rpartition(b"\n")[0]
    body += b"\n" * (64 * MIB - len(body))
    with at_download("acoustic", saying(head("text/csv", f"Content-Length: {len(body)}"), body)) as drive:
        assert isinstance(once(drive), Go)
    assert drive.evidence[0].download.size == 64 * MIB
    assert drive.evidence[0].counts["rows"] > 1000


def test_a_list_of_unsaid_length_ends_at_64_mib(sinks: list[Memory]) -> None:
    with at_download("acoustic", in_chunks("text/csv", b"x" * MIB, 65)) as drive:
        error = once(drive)
    assert isinstance(error, BrokenReply)
    assert error.code == "reply_too_large"
    assert drive.transcripts[0].received <= 65 * MIB
    assert [sink.discarded for sink in sinks] == [True]


def test_an_export_of_unsaid_length_ends_at_its_largest_size(
    sinks: list[Memory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apptus, "LARGEST_EXPORT", MIB)
    with at_download("apptus", in_chunks("application/zip", b"x" * MIB, 3)) as drive:
        error = once(drive)
    assert isinstance(error, BrokenReply)
    assert error.code == "reply_too_large"
    assert [sink.discarded for sink in sinks] == [True]


@pytest.mark.parametrize("key", AT)
@pytest.mark.parametrize("framing", ["length", "chunks", "within a chunk"])
def test_half_a_file_is_none_and_is_not_kept(sinks: list[Memory], key: str, framing: str) -> None:
    half = {
        "length": saying(head(KIND[key], "Content-Length: 2000"), HEADER * 20),
        "chunks": in_chunks(KIND[key], HEADER, 20, end=b""),
        "within a chunk": in_chunks(KIND[key], HEADER, 20, end=b"ff\r\n" + HEADER),
    }[framing]
    with at_download(key, half) as drive:
        error = once(drive)
    assert isinstance(error, OutcomeUnknown)
    assert error.code == "half_reply"
    assert drive.evidence == []
    assert [sink.discarded for sink in sinks] == [True]


@pytest.mark.parametrize("key", AT)
def test_half_a_file_that_passes_for_a_whole_one_erases_nothing(sinks: list[Memory], key: str) -> None:
    """Nothing said how long it is: what it lacks shows in its own form."""
    half = {"apptus": b"PK\3\4" + b"x" * 500, "acoustic": HEADER + ROW % b"src" + b"32bd,COOKIEID,45,61,src,C-"}
    with at_download(key, saying(head(KIND[key]), half[key])) as drive:
        result = once(drive)
    assert isinstance(result, HandOver)
    assert result.to == "attention"
    assert "Nothing was" in result.note
    assert drive.files == [half[key]]
