"""The Acquia connector against scripted replies: `Vendor` answers as the vendor's page says, unless told otherwise."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import requests
import responses

from erasure.connectors.acquia import Acquia
from erasure.connectors.base import Go, Id, Stay, parse
from erasure.connectors.http import Network

from ..driver import Access, Drive

HOST = "api6.eu.agilone.com"
BASE = f"https://{HOST}"
PATH = "/v2/1234/dw/dataerasure"
NETWORK = Network(("*.agilone.com", "login.example"))
TOKEN = {"token": "fixed-token-1"}
LOGIN = {"username": "robot", "password": "pa:ss wörd"}
LISTS = ("readyForDataErasure", "notFound", "pendingForDataErasure", "failedToAccept")
READY, NOT_FOUND, PENDING, FAILED = LISTS

ANNA = Id("anna", "customer_id", "Anna-7")
BERT = Id("bert", "customer_id", "Bert-8")
CARA = Id("cara", "customer_id", "Cara-9")

Answer = tuple[int, dict[str, str], bytes]


def in_json(value: Any, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def in_html(status: int = 200, **headers: str) -> Answer:
    return status, {"Content-Type": "text/html", **headers}, b"<html><h1>Sign in</h1></html>"


def error(status: int) -> Answer:
    """The documented error body."""
    return in_json({"errorCode": status, "userMessage": "No.", "developerMessage": "None at all."}, status)


def lists(event: Any = "event-1", **named: Sequence[Any]) -> dict[str, Any]:
    """A reply's body: what is not named is empty."""
    return {"eventId": event, **{name: [] for name in LISTS}, **named}


def many(count: int) -> tuple[Id, ...]:
    return tuple(Id(f"ref-{number}", "customer_id", f"Customer-{number:04}") for number in range(count))


class Vendor:
    """Every id is ready, in event-1, event-2 …

    where     a customer id → the lists it is put into at one call after the other, the last one again and again
    instead   answers to give before the right ones
    bodies    what was asked"""

    def __init__(self, replies: responses.RequestsMock) -> None:
        self.where: dict[str, list[str]] = {}
        self.instead: list[Answer] = []
        self.requests: list[requests.PreparedRequest] = []
        self.replies: list[bytes] = []
        replies.add_callback("POST", BASE + PATH, self._reply)

    def _reply(self, request: requests.PreparedRequest) -> Answer:
        self.requests.append(request)
        answer = self.instead.pop(0) if self.instead else self._sort(self.bodies[-1]["customerIds"])
        self.replies.append(answer[2])
        return answer

    def _sort(self, ids: list[str]) -> Answer:
        reply = lists(f"event-{len(self.requests)}", **{name: [] for name in LISTS})
        for each in ids:
            names = self.where.get(each, [READY])
            reply[names.pop(0) if len(names) > 1 else names[0]].append(each)
        return in_json(reply)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.body or b"") for request in self.requests]

    @property
    def asked(self) -> list[list[str]]:
        """The ids of each call."""
        return [body["customerIds"] for body in self.bodies]


@pytest.fixture
def replies() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


@pytest.fixture
def vendor(replies: responses.RequestsMock) -> Vendor:
    return Vendor(replies)


@pytest.fixture
def drive() -> Iterator[Callable[..., Drive]]:
    """Makes a sub-task; at the end, nothing that staff could see of it may name the person or hold a secret."""
    made: list[Drive] = []

    def make(
        *ids: Id, given: dict[str, str] = TOKEN, regime: str = "gdpr", ground: str = "subject_request", **options: Any
    ) -> Drive:
        connector = Acquia(parse(Acquia.Options, {"tenant_id": "1234", **options}))
        access = Access(connector, parse(Acquia.Credentials, given), NETWORK)
        ref = f"sub-task-{len(made)}"
        made.append(
            Drive(connector, ids or (ANNA,), BASE, NETWORK, {}, access=access, ref=ref, regime=regime, ground=ground)
        )
        return made[-1]

    yield make
    for one in made:
        assert one.leaks() == []


def until(drive: Drive, step: str) -> Drive:
    """Goes on until this step is the next."""
    while drive.step != step:
        assert isinstance(drive.once(), Go | Stay)
    return drive
