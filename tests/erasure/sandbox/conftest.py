import base64
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from erasure.sandbox import Apptus

KEY = "d9" * 32
BASIC = {"Authorization": "Basic " + base64.b64encode(b"sandbox:sandbox-password").decode()}
API_KEY = {"Api-Key": "sandbox-api-key"}


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Bare http.client, so that nothing is retried, followed or hidden."""

    def __init__(self, url: str) -> None:
        self.address = urlsplit(url)

    def __call__(
        self, method: str, path: str, headers: dict[str, str] = BASIC, body: bytes | None = None, **query: Any
    ) -> Answer:
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=60)
        try:
            target = path + ("?" + urlencode(query, doseq=True) if query else "")
            connection.request(method, target, body=body, headers=headers)
            reply = connection.getresponse()
            return Answer(reply.status, reply.headers, reply.read())
        finally:
            connection.close()

    def export(self, key: str = KEY, **more: Any) -> Answer:
        return self("POST", "/api/v1/event-data/create-export-customer-job", customerKey=key, **more)

    def remove(self, key: str = KEY, **more: Any) -> Answer:
        return self("POST", "/api/v1/event-data/create-remove-customer-job", customerKey=key, **more)

    def status(self, jid: str) -> str:
        answer = self("GET", "/api/v1/event-data/job-status", jid=jid)
        assert (answer.status, answer.json["jid"]) == (200, jid)
        return answer.json["status"]

    def result(self, jid: str) -> Answer:
        return self("GET", "/api/v1/event-data/export-customer-job-result", jid=jid)

    def control(self, method: str, what: str, value: Any = None) -> Answer:
        return self(method, f"/_sandbox/{what}", {}, None if value is None else json.dumps(value).encode())


@pytest.fixture
def apptus() -> Iterator[Apptus]:
    """A stand-in whose clock stands still at noon, so that every test sees the same midnight."""
    with Apptus(begins=datetime(2026, 3, 2, 12, tzinfo=UTC)).start() as stand_in:
        yield stand_in


@pytest.fixture
def call(apptus: Apptus) -> Client:
    return Client(apptus.url)
