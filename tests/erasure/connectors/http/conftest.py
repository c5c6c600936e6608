"""A server on loopback for the client under test (see `tests.server`)."""

import ssl
from collections.abc import Callable, Iterator

import pytest

from erasure.connectors.http import Network
from tests.server import Script, Server, read_request, reply, saying

__all__ = ["LOCAL", "Server", "read_request", "reply", "saying", "serve"]

LOCAL = Network(loopback=True)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(script: Script | bytes, context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(saying(script) if isinstance(script, bytes) else script, context))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
