"""The Apptus connector against scripted replies: `Vendor` answers as the vendor's pages say, unless told otherwise."""

import hashlib
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from erasure.connectors.apptus import Apptus
from erasure.connectors.base import (
    Go,
    Id,
    Operation,
    Stay,
    parse,
)
from erasure.connectors.http import Network

from ..driver import Drive

BASE = "https://cluster.example"
NETWORK = Network(("cluster.example",))
CREDENTIALS = Apptus.Credentials(username="cluster", password="pa:ss wörd", api_key="key-123")

ANNA = Id("anna", "customer_id", "Anna-7")
BERT = Id("bert", "customer_id", "Bert-8")
VISITOR = Id("visitor", "visitor_id", "3F2A9C1E-58B7-4c0d-9a1f-2b6e7d8c9f00")
ANNAS_KEY = hashlib.sha256(b"Anna-7").hexdigest()
BERTS_KEY = hashlib.sha256(b"Bert-8").hexdigest()

START_EXPORT, START_REMOVAL = "create-export-customer-job", "create-remove-customer-job"
STATUS, RESULT = "job-status", "export-customer-job-result"

Answer = tuple[int, dict[str, str], bytes]


def in_json(value: Any, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def in_html(status: int = 200, **headers: str) -> Answer:
    return status, {"Content-Type": "text/html", **headers}, b"<html><h1>Sign in</h1></html>"


def zipped(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


EMPTY = zipped({"empty.txt": ""})
TWO_CLICKS = zipped({"click.jsonl": '{"n": 1}\n{"n": 2}\n'})


class Vendor:
    """Export jobs are e1, e2 …, removals r1, r2 …; every job is done when it is first asked for.

    words     a job's number → the status words that it goes through, the last one again and again
    zips      an export's number → what is downloaded
    instead   a call's name → answers to give before the right ones"""

    def __init__(self, replies: responses.RequestsMock, prefix: str) -> None:
        self.words: dict[str, list[str]] = defaultdict(lambda: ["done"])
        self.zips: dict[str, bytes] = defaultdict(lambda: TWO_CLICKS)
        self.instead: dict[str, list[Answer]] = defaultdict(list)
        self.calls: list[tuple[str, str]] = []
        self.requests: list[requests.PreparedRequest] = []
        self._made = {"e": 0, "r": 0}
        for method, call, answer in (
            ("POST", START_EXPORT, lambda _value: self._create("e")),
            ("POST", START_REMOVAL, lambda _value: self._create("r")),
            ("GET", STATUS, self._status),
            ("GET", RESULT, lambda jid: (200, {"Content-Type": "application/zip"}, self.zips[jid])),
        ):
            replies.add_callback(method, BASE + prefix + call, self._answering(call, answer))

    def _answering(self, call: str, answer: Callable[[str], Answer]) -> Callable[[requests.PreparedRequest], Answer]:
        def reply(request: requests.PreparedRequest) -> Answer:
            ((_name, (value,)),) = parse_qs(urlsplit(str(request.url)).query).items()
            self.calls.append((call, value))
            self.requests.append(request)
            return self.instead[call].pop(0) if self.instead[call] else answer(value)

        return reply

    def _create(self, kind: str) -> Answer:
        self._made[kind] += 1
        return in_json({"jid": f"{kind}{self._made[kind]}", "status": "created" if kind == "e" else "started"})

    def _status(self, jid: str) -> Answer:
        words = self.words[jid]
        return in_json({"jid": jid, "status": words.pop(0) if len(words) > 1 else words[0]})

    def asked(self, call: str) -> list[str]:
        return [value for name, value in self.calls if name == call]

    @property
    def story(self) -> list[str]:
        """What was asked of it, in order, repeated questions once."""
        return [f"{call} {value}" for call, value in dict.fromkeys(self.calls)]


@pytest.fixture
def replies() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


@pytest.fixture
def vendor(replies: responses.RequestsMock) -> Vendor:
    return Vendor(replies, "/api/v1/event-data/")


@pytest.fixture
def drive() -> Iterator[Callable[..., Drive]]:
    """Makes a sub-task; at the end, nothing that staff could see of it may name the person or hold a secret."""
    made: list[Drive] = []

    def make(*ids: Id, operation: Operation = Operation.ERASE, again: bool = False, **options: Any) -> Drive:
        connector = Apptus(parse(Apptus.Options, options))
        headers = dict(connector.headers(CREDENTIALS))
        secrets = ("pa:ss wörd", "key-123")
        made.append(Drive(connector, ids or (ANNA,), BASE, NETWORK, headers, operation, secrets, again=again))
        return made[-1]

    yield make
    for one in made:
        assert one.leaks() == []


def until(drive: Drive, step: str) -> Drive:
    """Goes on until this step is the next."""
    while drive.step != step:
        assert isinstance(drive.once(), Go | Stay)
    return drive
