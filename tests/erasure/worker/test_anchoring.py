"""`manage.py work` seals the trail and anchors it, with real processes and real places."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.desk import Desk, until
from tests.server import Server

pytestmark = pytest.mark.slow
RECORD = """
    from django.db import transaction
    from compliance.audit.record import record
    with transaction.atomic():
        record("audit.exported", actor="system:test", format="csv", count=0)
"""
LOOK = """
    from compliance.audit import seal
    from compliance.audit.models import Anchor
    newest = seal.newest()
    result = {
        "pending": seal.status().pending,
        "note": newest and newest.note,
        "size": newest and newest.size,
        "anchors": {anchor.place: anchor.size for anchor in Anchor.objects.order_by("size")},
    }
"""


@pytest.fixture
def slow() -> Iterator[Server]:
    """A webhook that keeps whoever calls it waiting, until the test is over."""
    servers: list[Server] = []

    def script(_line: socket.socket) -> None:
        servers[0].over.wait(240)

    servers.append(Server(script, patience=600))
    yield servers[0]
    servers[0].stop()


@pytest.fixture
def quick() -> Iterator[Server]:
    server = Server(lambda line: line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), patience=600)
    yield server
    server.stop()


def test_a_running_desk_seals_and_anchors_though_one_place_hangs_and_one_is_missing(
    tmp_path: Path, slow: Server, quick: Server
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    places = f"file:///no/such/folder,{slow.url}/s3cret,{quick.url}/s3cret,file://{folder}"
    environment = {"AUDIT_ANCHOR": places, "AUDIT_ANCHOR_MINUTES": "0"}
    with Desk(tmp_path, environment=environment) as desk:
        supervisor = desk.start("work")
        for _again in range(2):
            desk.run(RECORD)
            until(lambda: desk.run(LOOK)["pending"] == 0, 240)
            seen = desk.run(LOOK)
            file, note = folder / f"{seen['size']}.checkpoint", seen["note"]
            until(file.exists, 240)
            assert file.read_text() == note
            until(lambda note=note: any(got.endswith(note.encode()) for got in quick.requests), 240)
        until(lambda: slow.requests, 240)
        anchors = until(lambda: (found := desk.run(LOOK)["anchors"]) and len(found) == 2 and found, 240)
        assert f"file://{folder}" in anchors
        assert supervisor.poll() is None
        until(lambda: "not anchored at file:///no/such/folder" in desk.log.read_text(), 240)
        assert "s3cret" not in desk.log.read_text()
