"""How much memory a worker takes when a vendor wants it to take more: the peak (VmHWM) of the largest worker process.

    python -m tests.benchmarks.memory [NAME …]      (or: make bench BENCH=memory)

Each line is a desk of its own as its owner would run it: `manage.py work`, a case, a vendor account, real limits and
deadlines. The vendor is a server in this process that plays its part up to the call in question, and then sends what
the line says. Exits with 1 if a worker took more than 200 MiB.
"""

import argparse
import gzip
import io
import itertools
import os
import platform
import re
import struct
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Any

from tests.desk import Desk, until
from tests.server import Server, reply

MIB = 1 << 20
AIM = 200  # MiB
PACE = {"first_poll_seconds": 1, "max_poll_seconds": 1, "calls_per_minute": 6000}
JSON = "application/json"
ZIP = "application/zip"
Sent = Iterable[bytes]


@dataclass(frozen=True)
class Line:
    """`step`: the one whose call is answered by `sends`, at `connector`."""

    name: str
    connector: str
    step: str
    sends: Callable[[], Sent]


@dataclass(frozen=True)
class Measured:
    """`peak` in MiB, `took` in seconds from the call's start to its verdict, `verdict` and `code` as the desk wrote
    them down, `attention` what it then asked people about, `kept` the bytes of evidence."""

    peak: int
    took: float
    verdict: str
    code: str
    attention: str
    kept: int


# --- what is sent -----------------------------------------------------------------------------------------------------


def head(length: int | None, kind: str, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {kind}", *headers]
    return "\r\n".join([*lines, *([] if length is None else [f"Content-Length: {length}"]), "", ""]).encode()


def whole(body: bytes, kind: str, *headers: str) -> Sent:
    return [head(len(body), kind, *headers), body]


def in_blocks(text: bytes, size: int) -> Iterator[bytes]:
    """`text` again and again, cut off at `size` bytes."""
    block = text * (MIB // len(text) + 1)
    for at in range(0, size, len(block)):
        yield block[: size - at]


def an_export(size: int) -> Sent:
    """A zip of one file of JSON Lines that is stored as it is; `size` bytes in all."""
    name = b"click.jsonl"
    held = size - (30 + 46 + 22) - 2 * len(name)
    entry = struct.pack("<5H3L2H", 20, 0, 0, 0, 0, 0, held, held, len(name), 0)
    yield head(size, ZIP)
    yield b"PK\3\4" + entry + name
    yield from in_blocks(b'{"type": "click", "product": "P-1"}\n', held)
    yield b"PK\1\2" + struct.pack("<H", 20) + entry + struct.pack("<3H2L", 0, 0, 0, 0, 0) + name
    directory = 46 + len(name)
    yield b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 1, 1, directory, size - 22 - directory, 0)


def a_zip(packed: int, *files: tuple[str, int]) -> Sent:
    """A zip of files of so many times the letter x."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packed) as archive:
        for name, size in files:
            with archive.open(name, "w", force_zip64=size >= 1 << 31) as file:
                for block in in_blocks(b"x", size):
                    file.write(block)
    return whole(out.getvalue(), ZIP)


def a_gzip_bomb() -> Sent:
    return whole(gzip.compress(b" " * (512 * MIB), 9), JSON, "Content-Encoding: gzip")


def endless(text: bytes) -> Iterator[bytes]:
    yield head(None, ZIP)
    while True:
        yield from in_blocks(text, MIB)


def drip(before: bytes, piece: bytes) -> Iterator[bytes]:
    yield before
    while True:
        time.sleep(0.02)
        yield piece


HEADER = b"X1Id, Type, Endpoint ID, Name, Value\n"


def a_list(row: bytes, size: int = 64 * MIB) -> Sent:
    whole_rows = (size - len(HEADER)) // len(row) * len(row)
    yield head(len(HEADER) + whole_rows, "text/csv")
    yield HEADER
    yield from in_blocks(row, whole_rows)


LINES = [
    Line("an ordinary export", "apptus", "fetch_export", lambda: a_zip(zipfile.ZIP_STORED, ("click.jsonl", 1000))),
    Line("gzip bomb: 512 MiB in a JSON reply", "apptus", "await_export", a_gzip_bomb),
    Line("zip bomb: 1 GiB, deflated", "apptus", "fetch_export", lambda: a_zip(zipfile.ZIP_DEFLATED, ("a", 1024 * MIB))),
    Line("zip bomb: 512 MiB, bzip2", "apptus", "fetch_export", lambda: a_zip(zipfile.ZIP_BZIP2, ("a", 512 * MIB))),
    Line(
        "a zip of 20,000 files",
        "apptus",
        "fetch_export",
        lambda: a_zip(zipfile.ZIP_STORED, *((str(number), 1) for number in range(20_000))),
    ),
    Line("1 MiB of JSON: 200,000 levels", "apptus", "await_export", lambda: whole(b"[" * 200_000, JSON)),
    Line(
        "1 MiB of JSON: 350,000 objects",
        "acquia",
        "submit",
        lambda: whole(b'{"notFound": [' + b"{}," * 349_000 + b"0]}", JSON),
    ),
    Line(
        "endless drip: headers",
        "apptus",
        "start_export",
        lambda: drip(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    ),
    Line("endless drip: JSON", "apptus", "start_export", lambda: drip(head(None, JSON), b" ")),
    Line(
        "endless drip: chunks of a byte",
        "apptus",
        "start_export",
        lambda: drip(head(None, JSON, "Transfer-Encoding: chunked"), b"1\r\n \r\n"),
    ),
    Line(
        "64 MiB of CSV: usual rows", "acoustic", "fetch_file", lambda: a_list(b"32bd,EMAIL,45,61,src,a@example.org\n")
    ),
    Line("64 MiB of CSV: shortest rows", "acoustic", "fetch_file", lambda: a_list(b",,,,\n")),
    Line("64 MiB of CSV: one row", "acoustic", "fetch_file", lambda: a_list(b'"a\n",')),
    Line("64 MiB of CSV: one line", "acoustic", "fetch_file", lambda: a_list(b"a")),
    Line("65 MiB of CSV", "acoustic", "fetch_file", lambda: a_list(b",,,,\n", 65 * MIB)),
    Line("2 GiB of export", "apptus", "fetch_export", lambda: an_export(2048 * MIB)),
    Line(
        "export without end",
        "apptus",
        "fetch_export",
        lambda: itertools.chain([head(None, ZIP)], in_blocks(b"PK", 9 << 40)),
    ),
]


# --- the vendor -------------------------------------------------------------------------------------------------------


class Vendor:
    """Plays one case of Apptus, Acquia or Exchange; the step in question is answered by what the line sends."""

    def __init__(self, line: Line) -> None:
        self._step_in_question, self._sent, self._uploaded = line.step, line.sends(), False
        self.server = Server(self._answer, patience=600)

    def close(self) -> None:
        self.server.stop()

    def _answer(self, to: socket) -> None:
        method, target = self.server.requests[-1].decode("latin-1").split(" ")[:2]
        step, usual = self._step(method, target.partition("?")[0])
        to.settimeout(60)
        for part in self._sent if step == self._step_in_question else [usual]:
            to.sendall(part)

    def _step(self, method: str, path: str) -> tuple[str, bytes]:
        """Which step of its connector asks so, and what is usually answered."""
        match method, path.rpartition("/")[2]:
            case "POST", "create-export-customer-job":
                return "start_export", reply(b'{"jid": "job-1", "status": "created"}')
            case "GET", "job-status":
                return "await_export", reply(b'{"jid": "job-1", "status": "done"}')
            case "GET", "export-customer-job-result":
                return "fetch_export", b""
            case "POST", "dataerasure":
                return "submit", b""
            case "POST", "gdprRequest":
                return "create_job", reply(b'{"jobId": 7}')
            case "POST", "data":
                self._uploaded = True
                return "upload", reply(b"")
            case "GET", "7" if self._uploaded:
                files = '"gdprDataFiles": ["2|gdpr|7_1.segment.output"]'
                return "await_result", reply(f'{{"jobId": 7, "status": "READY_FOR_DOWNLOAD", {files}}}'.encode())
            case "GET", "7":
                return "await_intake", reply(b'{"jobId": 7, "status": "WAITING_TO_RECEIVE_DATA"}')
            case "DELETE" | "PUT", _:
                return "delete_file", reply(b"")
        return "fetch_file", b""


# --- measuring --------------------------------------------------------------------------------------------------------

OPEN = """
vendor(connector=connector, base_url=url, pace=pace)
approved_case(identifiers=[("email", "ada@example.org"), ("customer_id", "C-1001")])
"""
LOOK = """
from erasure.models import Call, Evidence, SubTask
from django.db.models import Sum
call = Call.objects.filter(step=step).exclude(verdict="").order_by("started_at").first()
result = call and [
    (call.finished_at - call.started_at).total_seconds(),
    call.verdict,
    call.code,
    SubTask.objects.get().attention_code,
    Evidence.objects.aggregate(kept=Sum("size"))["kept"] or 0,
]
"""


def peaks(desk: Desk) -> Iterator[int]:
    """Of each worker process that is alive, in MiB."""
    for pid in desk.workers():
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        if found := re.search(r"VmHWM:\s+(\d+) kB", status):
            yield int(found[1]) // 1024


def measure(line: Line, folder: Path, *, patience: float = 300) -> Measured:
    """One line, in a new desk in this folder; AssertionError if the call has no verdict within `patience` seconds."""
    vendor, highest = Vendor(line), 0
    with closing(vendor), Desk(folder) as desk:

        def look() -> Any:
            nonlocal highest
            highest = max([highest, *peaks(desk)])
            return desk.run(LOOK, step=line.step)

        account = {"connector": line.connector, "url": vendor.server.url, "pace": PACE}
        desk.run(OPEN, "from tests.factories import *", **account)
        desk.start("work")
        came = until(look, patience, 0.2)
        look()
    return Measured(highest, *came)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", help="only lines that begin so")
    given = parser.parse_args().name
    print(f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}", flush=True)
    print(f"{'':<34} {'peak':>8} {'call':>7}  what came of it", flush=True)
    too_much = []
    for line in LINES:
        if given and not line.name.startswith(tuple(given)):
            continue
        with tempfile.TemporaryDirectory() as folder:
            it = measure(line, Path(folder))
        what = f"{it.verdict} {it.code or it.attention}".strip() + (f", {it.kept:,} bytes kept" if it.kept else "")
        print(f"{line.name:<34} {it.peak:>4} MiB {it.took:>5.1f} s  {what}", flush=True)
        too_much += [line.name] if it.peak > AIM else []
    if too_much:
        sys.exit(f"more than {AIM} MiB: {'; '.join(too_much)}")


if __name__ == "__main__":
    main()
