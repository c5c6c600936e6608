import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction

from compliance.audit import seal
from compliance.audit.models import Checkpoint
from tests.server import Script, Server, saying

from .authority import Authority

TAKEN = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(script: Script | bytes = TAKEN, context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(saying(script) if isinstance(script, bytes) else script, context))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def sealed(tell: Callable[..., Any]) -> Callable[[], Checkpoint]:
    """One more event, sealed; returns the checkpoint."""

    def sealed() -> Checkpoint:
        with transaction.atomic():
            tell()
        seal.seal()
        found = seal.newest()
        assert found
        return found

    return sealed


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A time-stamping authority. Mark the test `openssl`."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where checkpoints may be put."""
    made = tmp_path / "elsewhere"
    made.mkdir()
    return made
