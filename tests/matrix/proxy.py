"""Stands between a worker and a vendor, and strikes at a point of one exchange. Loopback only."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from .shared import Shared

POINTS = ("connected", "sent", "answered", "half")
_PIECES = 3  # of a reply that comes slowly
_LONGEST = 300.0  # seconds for one exchange, whatever happens


class Proxy:
    """`strike` is (point, step, what happens): the first exchange of that step is struck, once; `struck` says so."""

    def __init__(self, vendor_url: str, shared: Shared) -> None:
        parts = urlsplit(vendor_url)
        self._vendor, self._shared = (parts.hostname, parts.port), shared
        self.strike: tuple[str, str, str] | None = None
        self.struck = threading.Event()
        self.answered = threading.Event()  # the vendor has answered the exchange that was struck
        self.between: Callable[[], None] = lambda: None  # what happens between two pieces of a slow reply
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        serve = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(serve, self._loop).result(10)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def aim(self, point: str, step: str, happens: str) -> None:
        self.strike = (point, step, happens)
        self.struck.clear()
        self.answered.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            async with asyncio.timeout(_LONGEST):
                await self._exchange(reader, writer)
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request and its reply: a worker asks for no second one on a connection."""
        if self._ends("connected", writer):
            return
        request = await _message(reader)
        if self._ends("sent", writer):
            return
        from_vendor, to_vendor = await asyncio.open_connection(*self._vendor)
        to_vendor.write(request)
        reply = await _message(from_vendor)
        to_vendor.close()
        if self.struck.is_set():
            self.answered.set()
        if self._ends("answered", writer):
            return
        head = reply.index(b"\r\n\r\n") + 4
        middle = head + (len(reply) - head) // 2
        if self.strike == ("half", self._shared.step, "slow"):
            await self._slowly(reply[head:], reply[:head], writer)
            return
        writer.write(reply[:middle])
        await writer.drain()
        if self._ends("half", writer):
            return
        writer.write(reply[middle:])
        await writer.drain()

    async def _slowly(self, body: bytes, head: bytes, writer: asyncio.StreamWriter) -> None:
        self.strike = None
        writer.write(head)
        size = max(1, -(-len(body) // _PIECES))
        for at in range(0, len(body), size):
            await asyncio.get_running_loop().run_in_executor(None, self.between)
            writer.write(body[at : at + size])
            await writer.drain()
        self.struck.set()

    def _ends(self, point: str, writer: asyncio.StreamWriter) -> bool:
        """Strikes if it is to be here; whether the connection ends by it."""
        if self.strike is None or self.strike[:2] != (point, self._shared.step):
            return False
        _point, _step, happens = self.strike
        self.strike = None
        if happens == "killed":
            os.kill(self._shared.pid, signal.SIGKILL)
        elif happens == "late":
            os.kill(self._shared.pid, signal.SIGSTOP)
        else:
            writer.transport.abort()
        self.struck.set()
        return happens != "late"


async def _message(reader: asyncio.StreamReader) -> bytes:
    """A whole request or reply. Both sides say how long a body is."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    return head + (await reader.readexactly(length) if length else b"")
