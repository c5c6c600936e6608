"""The Exchange connector against scripted replies: `Vendor` answers as its page shows, unless told otherwise."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import pytest
import requests
import responses

from erasure.connectors.acoustic import AcousticExchange
from erasure.connectors.base import Go, Id, Operation, Stay, parse
from erasure.connectors.http import Network

from ..driver import Drive

BASE = "https://ubx.example"
NETWORK = Network(("ubx.example",))
CREDENTIALS = AcousticExchange.Credentials(account_key="account-key-123")

ANNA = Id("anna", "email", "Anna@example.org")
COOKIE = Id("cookie", "cookie_id", "A2234FE0014")
PHONE = Id("phone", "phone", "+493012345678")

CREATE, STATUS, DATA, FETCH, DELETE, COMPLETE = "create", "status", "data", "fetch", "delete", "complete"
#: What each call is known by: its method, and its path beside the job's number and the file's name.
CALLS = {
    CREATE: ("POST", "/v1/jobs/gdprRequest"),
    STATUS: ("GET", "/v1/jobs/GDPR_REQUEST/{job}"),
    DATA: ("POST", "/v1/jobs/{job}/data"),
    FETCH: ("GET", "/v1/jobs/gdprDataFiles/{job}/{file}"),
    DELETE: ("DELETE", "/v1/jobs/gdprDataFile/{job}/{file}"),
    COMPLETE: ("PUT", "/v1/jobs/{job}/status/complete"),
}
STEPS = ["create_job", "await_intake", "upload", "await_result", "fetch_file", "delete_file", "complete"]
STEP_CALLS = dict(zip(STEPS, (CREATE, STATUS, DATA, STATUS, FETCH, DELETE, COMPLETE), strict=True))

OPEN, RUNNING, READY, DONE, ERROR = (
    "WAITING_TO_RECEIVE_DATA",
    "RUNNING",
    "READY_FOR_DOWNLOAD",
    "COMPLETE",
    "ERROR",
)
HEADER = "X1Id, Type, Endpoint ID, Name, Value\n"

Answer = tuple[int, dict[str, str], bytes]


def in_json(value: Any, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def in_html(status: int = 200, **headers: str) -> Answer:
    return status, {"Content-Type": "text/html", **headers}, b"<html><h1>Sign in</h1></html>"


def nothing(status: int = 200) -> Answer:
    return status, {}, b""


def in_csv(text: str | bytes, content_type: str = "text/csv", *, framed: bool = True) -> Answer:
    """`framed`: the reply says how long it is."""
    body = text.encode() if isinstance(text, str) else text
    return 200, {"Content-Type": content_type} | ({"Content-Length": str(len(body))} if framed else {}), body


def listing(*identifiers: tuple[str, str], x1_id: str = "32bd12345-kjei-4654-wepm") -> str:
    """A file as on the vendor's page: a header of five, rows of six."""
    return HEADER + "".join(f"{x1_id},{kind},45,61,{kind.lower()}_src,{value}\n" for kind, value in identifiers)


class Vendor:
    """Jobs are 2345, 2346 …; each opens, runs once, and offers the files of `lists` if it was asked for output.

    words     the status words that jobs go through, the last one again and again
    lists     the content of each file
    fields    what a status reply says beside, or in place of, what it says by itself
    instead   a call's name → answers to give before the right ones"""

    def __init__(self, replies: responses.RequestsMock) -> None:
        self.words: list[str] = []
        self.lists: list[str] = [listing(("EMAIL", "anna@example.org"), ("COOKIEID", "C-77"))]
        self.fields: dict[str, Any] = {}
        self.instead: dict[str, list[Answer]] = defaultdict(list)
        self.calls: list[tuple[str, str]] = []
        self.requests: list[requests.PreparedRequest] = []
        self.uploads: list[bytes] = []
        self._made = 0
        self._payload: dict[str, Any] = {}
        for call, (method, path) in CALLS.items():
            pattern = BASE + path.format(job="([^/]+)", file="([^/]+)")
            replies.add_callback(method, re.compile(pattern + "$"), self._answering(call, getattr(self, f"_{call}")))

    def _answering(self, call: str, answer: Callable[[requests.PreparedRequest], Answer]) -> Any:
        def reply(request: requests.PreparedRequest) -> Answer:
            self.calls.append((call, str(request.url).removeprefix(BASE)))
            self.requests.append(request)
            return self.instead[call].pop(0) if self.instead[call] else answer(request)

        return reply

    def _create(self, request: requests.PreparedRequest) -> Answer:
        self._made += 1
        self._payload = json.loads(request.body or b"")
        lists = self._payload["generateOutput"] and self.lists
        self.words = self.words or [OPEN, RUNNING, READY if lists else DONE]
        return in_json({"jobId": self.job})

    def _status(self, request: requests.PreparedRequest) -> Answer:
        word = self.words.pop(0) if len(self.words) > 1 else self.words[0]
        told = {
            "jobCategory": "GDPR_REQUEST",
            "jobId": int(self.job),
            "status": word,
            "jobName": self._payload["operationType"],
            "accountId": 2,
            "subStatus": None,
            "errorDetails": None,
            "generateOutput": self._payload["generateOutput"],
            "gdprDataFiles": self.names if word.upper() == READY else [],
        }
        return in_json(told | self.fields)

    def _data(self, request: requests.PreparedRequest) -> Answer:
        self.uploads.append(request.body if isinstance(request.body, bytes) else b"")
        return nothing()

    def _fetch(self, request: requests.PreparedRequest) -> Answer:
        name = unquote(str(request.url).rpartition("/")[2])
        return in_csv(self.lists[self.names.index(name)])

    def _delete(self, request: requests.PreparedRequest) -> Answer:
        return nothing()

    def _complete(self, request: requests.PreparedRequest) -> Answer:
        return nothing()

    @property
    def job(self) -> str:
        """The number of the latest job."""
        return str(2344 + self._made)

    @property
    def names(self) -> list[str]:
        return [f"2|gdpr|{self.job}_{number}.segment.output" for number in range(1, len(self.lists) + 1)]

    def asked(self, call: str) -> list[str]:
        """The paths under which a call was made, in order."""
        return [path for name, path in self.calls if name == call]

    @property
    def story(self) -> list[str]:
        """The calls in order."""
        return [call for call, _path in self.calls]


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

    def make(*ids: Id, operation: Operation = Operation.ERASE, **options: Any) -> Drive:
        connector = AcousticExchange(parse(AcousticExchange.Options, options))
        headers = dict(connector.headers(CREDENTIALS))
        made.append(Drive(connector, ids or (ANNA,), BASE, NETWORK, headers, operation, ("account-key-123",)))
        return made[-1]

    yield make
    for one in made:
        assert one.leaks() == []


def until(drive: Drive, step: str) -> Drive:
    """Goes on until this step is the next."""
    while drive.step != step:
        assert isinstance(drive.once(), Go | Stay)
    return drive


def found(drive: Drive) -> list[tuple[str, str]]:
    """The further identifiers that were told, in order."""
    return [(item.kind, item.value) for result in drive.results for item in result.found]


def counters(drive: Drive) -> Mapping[str, int]:
    return {name: number for result in drive.results for name, number in result.counters.items()}
