"""What the shared contract suite needs to know of each connector. To add a vendor: one entry in `SAMPLES`."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from erasure import sandbox
from erasure.connectors import REGISTRY
from erasure.connectors.base import Connector, Finish, Go, HandOver, Id, Operation, Result, Stay, Work, parse
from erasure.connectors.http import Http, Network
from erasure.sandbox import Entry, StandIn
from erasure.sandbox.wire import Call, Reply

from .driver import PATIENCE, Access, Drive

NETWORK = Network(loopback=True)
JSON = "application/json"
#: What every text for staff says: whether anything was sent or done at the vendor, and what to do about it.
WHAT_WAS_DONE = re.compile(
    r"\b[Nn]o(?:thing|ne| identifier) (?:was|else was|seems|is assumed)|[Ww]hether |is unknown|may (?:have|still) be|"
    r"took stands|is deleted|it is done|so some were not|confirm here"
)
WHAT_TO_DO = re.compile(
    r"[Tt]ry again|tries again|retry|[Cc]heck |Correct |[Ee]nter |[Ll]ook at|Open a new|Add one|Sign in to|"
    r"[Tt]he desk (?:finds out|asks again)|set (?:the|VENDOR)"
)


@dataclass(frozen=True)
class Sample:
    """ids      identifiers of one person, with which the vendor has more than one thing to do; no random number of the
             stand-in's may hold one by chance, as a UUID holds "c-2002" now and then
    sandbox  the name of its stand-in, which knows the credentials; empty for a connector without an API
    options  each way of setting an account up that calls the vendor differently; in a text, {url} is the stand-in's
    credentials  for each of these ways the names of those that it is given; all of them for those not named here
    odd      fields that, put into a reply of the vendor, make it one that its documentation does not have
    silent   steps of whose reply the documentation says nothing: one that says nothing either is a success
    files    steps whose right reply is a file, and not JSON"""

    ids: tuple[Id, ...]
    sandbox: str = ""
    options: tuple[Mapping[str, Any], ...] = ({},)
    credentials: tuple[tuple[str, ...], ...] = ()
    odd: Mapping[str, Any] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def people(self, count: int) -> tuple[Id, ...]:
        """So many identifiers, no two the same, all of the kind of the first."""
        first = self.ids[0]
        return tuple(replace(first, ref=f"id-{number}", value=f"{number}{first.value}") for number in range(count))

    def names(self, way: int) -> tuple[str, ...]:
        """The credentials that an account has in this way of setting it up."""
        known = tuple(sandbox.STAND_INS[self.sandbox]().credentials) if self.sandbox else ()
        return self.credentials[way] if way < len(self.credentials) else known


SAMPLES: dict[str, Sample] = {
    "apptus": Sample(
        ids=(
            Id("one", "customer_id", "Anna.Contract-7"),
            Id("two", "visitor_id", "5b1f7a52-9d0e-4e5c-8a44-0c6b7e3f2d11"),
        ),
        sandbox="apptus",
        options=(
            {},
            {"generation": "v2", "ask_again_after_seconds": 86_400},
            {"generation": "admin-v4", "export_before_erasing": False},
        ),
        odd={"status": "finished"},
        files=("fetch_export", "fetch_again"),
    ),
    "acquia": Sample(
        ids=(Id("one", "customer_id", "Anna.Contract-7"), Id("two", "customer_id", "Bert.Contract-8")),
        sandbox="acquia",
        options=(
            {"tenant_id": "1234"},
            {"tenant_id": "1234", "completion": "rerequest", "requested_by": "The desk", "send_tenant_id": True},
            {"tenant_id": "1234", "token_url": "{url}"},
            {"tenant_id": "1234", "token_url": "{url}/token", "completion": "rerequest", "fail_on_not_found": True},
        ),
        credentials=(("token",), ("token",), ("username", "password"), ("username", "password")),
        odd={"notFound": "everybody", "errorCode": None},
    ),
    "acoustic": Sample(
        ids=(Id("one", "email", "anna.contract@example.org"), Id("two", "cookie_id", "A2234FE0014")),
        sandbox="acoustic",
        options=({}, {"generate_output": False}, {"ask_again_after_seconds": 86_400}),
        odd={"jobId": "9", "status": "FINISHED"},
        silent=("upload", "delete_file", "complete"),
        files=("fetch_file",),
    ),
    "manual": Sample(ids=(Id("one", "email", "anna@example.org"),), options=({"instructions": "Room 12"},)),
}


@dataclass(frozen=True)
class Account:
    """A vendor account at a running stand-in that holds everybody."""

    connector: Connector
    way: int
    stand_in: StandIn
    sample: Sample
    credentials: Any
    access: Access
    made: list[Drive] = field(default_factory=list)
    began: dict[int, int] = field(default_factory=dict)  # how long the journal was when a sub-task began
    pace: int = 1  # days between two questions

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(self.stand_in.credentials.values())

    def check(self, credentials: Any = None) -> tuple[str, int]:
        """Tests the connection as the desk does: by signing in where the account has to, else by the connector's own
        check. Returns the sentence, and how many calls it took."""
        access = Access(self.connector, credentials or self.credentials, NETWORK)
        headers = access.headers()
        if access.sign_ins:
            return "Signed in.", len(access.sign_ins)
        http = Http(self.stand_in.url, NETWORK, headers=headers, secrets=self.secrets, deadline=PATIENCE)
        return self.connector.check(http), len(http.calls)

    def drive(
        self,
        operation: Operation,
        *,
        ids: tuple[Id, ...] = (),
        ref: str = "",
        credentials: Any = None,
        again: bool = False,
    ) -> Drive:
        drive = Drive(
            self.connector,
            ids or self.sample.ids,
            self.stand_in.url,
            NETWORK,
            {},
            operation,
            self.secrets,
            access=Access(self.connector, credentials, NETWORK) if credentials else self.access,
            ref=ref or f"sub-task-{len(self.made)}",
            again=again,
        )
        self.made.append(drive)
        self.began[id(drive)] = len(self.journal())
        return drive

    def wait(self, result: Result) -> None:
        """As long as the engine would wait, in whole days; `pace` where the account decides."""
        if not isinstance(result, Go | Stay):
            return
        if result.after is not None:
            self.stand_in.clock.advance(-(-result.after // timedelta(days=1)))
        elif isinstance(result, Stay) or self.connector.steps[result.step].polls:
            self.stand_in.clock.advance(self.pace)

    def spoil(self, change: Callable[[Reply], Reply]) -> list[Reply]:
        """The next call is carried out, and what the vendor says of it is sent as `change` makes it. Returns a list to
        which the right reply is then added."""
        answer, right = self.stand_in.answer, list[Reply]()

        def spoilt(call: Call) -> Reply:
            del self.stand_in.answer  # type: ignore[attr-defined]
            right.append(answer(call))
            return change(right[0])

        self.stand_in.answer = spoilt  # type: ignore[method-assign]
        return right

    def finish(self, drive: Drive, *, most: int = 100) -> Finish | HandOver:
        """Runs to the end that a vendor without a fault comes to: finished, or for a person to confirm."""
        end = drive.run(self.wait, most=most)
        assert isinstance(end, Finish) or end.to == "attestation", end
        return end

    def reach(self, step: str) -> Drive | None:
        """A sub-task whose next step is this one, of the first operation that comes by it, if one does; also one that
        asks again, once that operation is done."""
        for operation in self.connector.starts:
            for again in (False, True) if self.connector.again(operation) else (False,):
                drive = self.drive(operation, again=again)
                while drive.step != step:
                    result = drive.once()
                    if isinstance(result, Finish | HandOver):
                        break
                    self.wait(result)
                else:
                    return drive
        return None

    def at(self, step: str) -> Drive:
        drive = self.reach(step)
        assert drive is not None, f"no operation of {self.connector.key} comes by {step}"
        return drive

    def journal(self) -> list[Entry]:
        """What the stand-in saw, without the sign-ins."""
        doors = {(note.method, note.address.partition("?")[0]) for note in self.access.sign_ins}
        return [entry for entry in self.stand_in.journal.entries() if (entry.method, entry.path) not in doors]

    def effects(self, drive: Drive) -> Counter[str]:
        """What was done at the vendor since this sub-task began, by kind. The journal knows; nobody else is asked."""
        since = self.journal()[self.began[id(drive)] :]
        return Counter(entry.effect for entry in since if entry.effect)

    def effects_of_a_clean_run(self, drive: Drive) -> Counter[str]:
        """Of one like this at a vendor of its own: who was erased here is not held any more."""
        return _effects_of_a_clean_run(self.connector.key, self.way, drive.operation, drive.again)


@cache
def _effects_of_a_clean_run(key: str, way: int, operation: Operation, again: bool) -> Counter[str]:
    with account(key, way) as clean:
        drive = clean.drive(operation)
        clean.finish(drive)
        if again:
            drive = clean.drive(operation, again=True)
            clean.finish(drive)
        return clean.effects(drive)


@contextmanager
def account(key: str, way: int = 0) -> Iterator[Account]:
    """Starts the stand-in of a connector, with an account that is set up in this way; at the end, nothing that staff
    could have seen names anybody, and whatever they were told says what was done and what to do."""
    connector_class, sample = REGISTRY[key], SAMPLES[key]
    with sandbox.start([sample.sandbox], everyone=True) as running:
        stand_in = running[sample.sandbox]
        options = {
            name: value.replace("{url}", stand_in.url) if isinstance(value, str) else value
            for name, value in sample.options[way].items()
        }
        connector = connector_class(parse(connector_class.Options, options))
        given = {name: stand_in.credentials[name] for name in sample.names(way)}
        credentials = parse(connector_class.Credentials, given)
        it = Account(connector, way, stand_in, sample, credentials, Access(connector, credentials, NETWORK))
        yield it
        for drive in it.made:
            assert drive.leaks() == []
            assert [text for text in drive.told() if not (WHAT_WAS_DONE.search(text) and WHAT_TO_DO.search(text))] == []


# --- what the suite runs with -----------------------------------------------------------------------------------------


def by_options(key: str) -> list[Connector]:
    return [REGISTRY[key](parse(REGISTRY[key].Options, options)) for options in SAMPLES[key].options]


def again_calls(connector: Connector, operation: Operation) -> Sequence[tuple[str, str, str]]:
    again = connector.again(operation)
    return again.calls if again else ()


#: Every way of setting up an account that calls a vendor.
ACCOUNTS = [
    (key, way, connector)
    for key in SAMPLES
    if not REGISTRY[key].by_hand
    for way, connector in enumerate(by_options(key))
]
CALLING = [pytest.param((key, way), id=f"{key}-{way}") for key, way, _connector in ACCOUNTS]
SIGNING_IN = [
    pytest.param((key, way), id=f"{key}-{way}")
    for key, way, connector in ACCOUNTS
    if connector.signs_in(parse(connector.Credentials, dict.fromkeys(SAMPLES[key].names(way), "x")))
]
OPERATIONS = [
    pytest.param((key, way), operation, id=f"{key}-{way}-{operation}")
    for key, way, connector in ACCOUNTS
    for operation in connector.starts
]
#: Every step that calls a vendor, in the first way of setting up an account that comes by it.
STEPS = [
    pytest.param((key, way), step, id=f"{key}-{way}-{step}")
    for (key, step), way in {
        (key, step): way
        for key, way, connector in reversed(ACCOUNTS)
        for operation in connector.starts
        for step, _method, _path in [*connector.calls(operation), *(again_calls(connector, operation))]
    }.items()
]
#: Every operation after which a vendor is asked again.
AGAIN = [
    pytest.param((key, way), operation, id=f"{key}-{way}-{operation}")
    for key, way, connector in ACCOUNTS
    for operation in connector.starts
    if connector.again(operation)
]
#: Those whose first step takes several sub-tasks in one call.
TWO_WORKS = [Work(ref, Operation.ERASE, (), "gdpr", "other", datetime.now(UTC)) for ref in ("one", "two")]
BATCHES = [
    pytest.param((key, way), operation, id=f"{key}-{way}-{operation}")
    for key, way, connector in ACCOUNTS
    for operation, step in connector.starts.items()
    if connector.steps[step].batch and len({connector.company(work) for work in TWO_WORKS}) == 1
]
