"""Runs a connector's steps as the engine would, without it: a new `Http` each, and memory through JSON in between."""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, BinaryIO

from erasure.connectors.base import (
    Assurance,
    Connector,
    Finish,
    Found,
    Go,
    HandOver,
    Held,
    Id,
    Kept,
    Misconfigured,
    Operation,
    Outcome,
    OutcomeUnknown,
    Refused,
    Result,
    Said,
    Step,
    VendorError,
    Work,
    Written,
)
from erasure.connectors.http import Download, Http, Network, Transcript

MOST_PASSES = 100
PATIENCE = 60.0  # seconds for a call; no stand-in here is slow, but the machine may be
SALT = "salt-of-a-test"


class Memory:
    """A sink that keeps a download in memory."""

    def __init__(self) -> None:
        self._data = io.BytesIO()

    def write(self, data: bytes) -> None:
        self._data.write(data)

    def finish(self) -> Callable[[], BinaryIO]:
        return lambda: io.BytesIO(self._data.getvalue())

    def discard(self) -> None:
        self._data = io.BytesIO()


@dataclass
class Access:
    """The way into an account: its credentials, and the token that its sign-in gave, which all its sub-tasks share."""

    connector: Connector
    credentials: Any
    network: Network
    token: str = ""
    sign_ins: list[Transcript] = field(default_factory=list)

    def headers(self) -> dict[str, str]:
        """Those of a call; signs in first if there is need. Raises as the sign-in does."""
        host = self.connector.signs_in(self.credentials)
        if not host:
            return dict(self.connector.headers(self.credentials))
        if not self.token:
            http = Http(host, self.network, secrets=self.secrets, deadline=PATIENCE)
            try:
                self.token = self.connector.sign_in(self.credentials, http).value
            finally:
                assert len(http.calls) <= 1
                self.sign_ins += http.calls
        return dict(self.connector.headers(replace(self.credentials, token=self.token)))

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(filter(None, (*vars(self.credentials).values(), self.token)))


@dataclass
class Drive:
    """One sub-task on its way. `step` is the next one; `run` goes on until the vendor's part ends or a person is asked.

    Calls are authenticated by `access` if there is one, else by `headers`. `limit`: how many identifiers a batch may
    still carry, once one was refused. `secrets` are looked for in whatever staff could see, as are the identifiers: see
    `leaks`. `again`: it asks once more, when what was asked for is done."""

    connector: Connector
    ids: tuple[Id, ...]
    base_url: str
    network: Network
    headers: dict[str, str]
    operation: Operation = Operation.ERASE
    secrets: tuple[str, ...] = ()
    access: Access | None = None
    ref: str = "sub-task"
    regime: str = "gdpr"
    ground: str = "other"
    again: bool = False
    step: str = ""
    limit: int = 0
    memory: dict[str, Any] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    proven: dict[str, Assurance] = field(default_factory=dict)  # an identifier's `ref` → how well its outcome is
    references: dict[str, str] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    evidence: list[Kept] = field(default_factory=list)
    unanswered: dict[str, list[datetime]] = field(default_factory=dict)  # a step → when it was sent without an answer
    sent_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    steps: list[str] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    errors: list[VendorError] = field(default_factory=list)
    transcripts: list[Transcript] = field(default_factory=list)

    def __post_init__(self) -> None:
        again = self.connector.again(self.operation) if self.again else None
        self.step = self.step or (again.step if again else self.connector.starts[self.operation])

    def once(self) -> Result:
        """One pass of the step; an error goes through, and nothing has moved on then."""
        return together(self)[0]

    def unknown(self) -> None:
        """No reply came: the way on is the one that the connector names."""
        if self.spec.writes:  # one that only reads asks again
            self.unanswered.setdefault(self.step, []).append(self.sent_at)
            self.step = self.spec.if_unknown

    def refused(self, error: Refused) -> HandOver | None:
        """A refused batch is halved before an identifier is blamed; a person is asked once nothing is left to send."""
        (carried,) = _shares([self])
        size = len({self.sent(item) for item in carried})
        if size > 1:
            self.limit = size // 2
            return None
        self.limit = 0
        self.said |= {item.ref: Said(Outcome.REFUSED) for item in carried}
        return None if self.left else HandOver("attention", error.text, code=error.code)

    def run(
        self, between: Callable[[Result], object] = lambda _result: None, *, most: int = MOST_PASSES
    ) -> Finish | HandOver:
        """Passes until the end, `most` at most, with `between` after each that goes on. An unknown outcome is followed
        and a refused batch split; other errors go through."""
        for _pass in range(most):
            try:
                result = self.once()
            except OutcomeUnknown:
                self.unknown()
                continue
            except Refused as error:
                if not self.spec.batch:
                    raise
                if end := self.refused(error):
                    return end
                continue
            if isinstance(result, Finish | HandOver):
                return result
            between(result)
        raise AssertionError(f"no end after {most} passes: {self.steps[-10:]}")

    def take_in(self, work: Work, result: Result) -> None:
        """What came of a pass, as the engine writes it down."""
        refs = {item.ref for item in self.ids}
        assert refs >= result.said.keys()
        memory = json.loads(json.dumps({**self.memory, **result.remember}))
        self.memory = {name: value for name, value in memory.items() if value is not None}
        if result.assurance:
            self.proven |= {item.ref: result.assurance for item in work.due}
        for ref, said in result.said.items():
            self.proven[ref] = said.assurance or self.proven.get(ref, Assurance.NONE)
            self.said[ref] = replace(said, reference=said.reference or work.said[ref].reference)
        self.references |= result.references
        self.found += result.found
        self.evidence += [_kept(item) for item in result.evidence]
        self.unanswered.pop(self.step, None)
        self.limit = 0
        self.results.append(result)
        match result:
            case Go(step=step):
                assert step in self.connector.steps
                self.step = step
            case HandOver():
                self.step = result.then or self.spec.if_unknown
            case Finish():
                assert refs == self.said.keys()
                assert all(said.outcome != Outcome.PENDING for said in self.said.values())

    # --- what a step is handed

    @property
    def spec(self) -> Step:
        return self.connector.steps[self.step]

    @property
    def left(self) -> Sequence[Id]:
        """What the step has still to send."""
        return self.connector.left(self.step, self.work()) if self.spec.batch else self.ids

    def sent(self, item: Id) -> str:
        return self.connector.as_sent(item.kind, item.value)

    def work(self, due: Sequence[Id] = ()) -> Work:
        said = {
            item.ref: replace(
                self.said.get(item.ref, Said(Outcome.PENDING)), assurance=self.proven.get(item.ref, Assurance.NONE)
            )
            for item in self.ids
        }
        unanswered = self.unanswered.get(self.step, [None])
        return Work(
            self.ref,
            self.operation,
            self.ids,
            self.regime,
            self.ground,
            datetime.now(UTC),
            self.memory,
            tuple(due),
            said,
            unknown_since=unanswered[0],
            unknown_at=unanswered[-1],
            no_answer=self.step in self.unanswered,
            salt=SALT,
        )

    # --- what a test asks about it

    @property
    def private(self) -> list[str]:
        """The identifiers, as given, as sent and as found, and the secrets."""
        known = [value for item in self.ids for value in (item.value, self.sent(item))]
        secrets = (*self.secrets, *(self.access.secrets if self.access else ()))
        return [*known, *(item.value for item in self.found), *secrets]

    @property
    def outcomes(self) -> dict[str, tuple[Outcome, Held]]:
        return {ref: (said.outcome, said.held) for ref, said in self.said.items()}

    @property
    def assurance(self) -> Assurance:
        """How well the whole is proven: as its weakest part."""
        levels = {self.proven.get(item.ref, Assurance.NONE) for item in self.ids}
        return next(level for level in Assurance if level in levels)

    @property
    def files(self) -> list[bytes]:
        return [kept.download.open().read() for kept in self.evidence]

    @property
    def way(self) -> list[str]:
        """The steps in order, repeats in a row once."""
        return [step for number, step in enumerate(self.steps) if number == 0 or self.steps[number - 1] != step]

    def shown(self) -> Iterable[str]:
        """Every text of this run that staff, the log or the trail could show."""
        yield from (f"{error!r} {error.text} {error.code}" for error in self.errors)
        sign_ins = self.access.sign_ins if self.access else []
        yield from (f"{note.address} {note.excerpt}" for note in (*self.transcripts, *sign_ins))
        yield from (f"{name} {value}" for name, value in self.references.items())
        yield from (f"{kept.kind} {kept.download.name} {sorted(kept.counts.items())}" for kept in self.evidence)
        for result in self.results:
            yield f"{result!r} {sorted(result.counters.items())}"
            if isinstance(result, HandOver):
                yield f"{result.note} {result.code}"

    def told(self) -> list[str]:
        """What staff were told by errors and when work went to a person."""
        return [error.text for error in self.errors] + [
            result.note for result in self.results if isinstance(result, HandOver)
        ]

    def leaks(self) -> list[str]:
        """What is private and can be read in `shown` all the same."""
        shown = "\n".join(self.shown()).lower()
        for kept in self.evidence:  # a hash of the whole file tells nothing, and may hold any digits
            shown = shown.replace(kept.download.sha256, "")
        return [value for value in (*self.private, *self.headers.values()) if value.lower() in shown]


# --- one call, of one sub-task or of several --------------------------------------------------------------------------


def together(*drives: Drive) -> list[Result]:
    """One pass of the step that these sub-tasks share: in a batch, one call for all of them."""
    works = [drive.work(due) for drive, due in zip(drives, _shares(drives), strict=True)]
    assert len({drive.step for drive in drives}) == 1
    assert len({drives[0].connector.company(work) for work in works}) == 1, "these do not share a call"
    before = [json.dumps(drive.memory) for drive in drives]
    for drive, work in zip(drives, works, strict=True):
        drive.steps.append(drive.step)
        drive.sent_at = work.sent_at
    try:
        results = _answers(drives, works)
    except VendorError as error:
        for drive in drives:
            drive.errors.append(error)
        raise
    finally:
        assert [json.dumps(drive.memory) for drive in drives] == before, "a step must not change the memory it is given"
    assert results.keys() == {work.ref for work in works}
    for drive, work in zip(drives, works, strict=True):
        drive.take_in(work, results[work.ref])
    return [results[work.ref] for work in works]


def _shares(drives: Sequence[Drive]) -> list[list[Id]]:
    """What a call carries of each sub-task: as many distinct identifiers in all as its step takes."""
    room = drives[0].limit or drives[0].spec.batch
    carried: set[str] = set()
    shares: list[list[Id]] = []
    for drive in drives:
        shares.append([])
        for item in drive.left:
            if not room or drive.sent(item) in carried or len(carried) < room:
                carried.add(drive.sent(item))
                shares[-1].append(item)
    return shares


def _answers(drives: Sequence[Drive], works: Sequence[Work]) -> Mapping[str, Result]:
    """Runs the step; an access whose token is refused gets another one, once."""
    first = drives[0]
    if first.spec.by_hand:
        return first.connector.run(first.step, works, None)
    renewed = False
    while True:
        http = Http(
            first.base_url,
            first.network,
            headers=first.access.headers() if first.access else first.headers,
            secrets=[value for drive in drives for value in drive.private],
            deadline=PATIENCE,
            keep=lambda _name: Memory(),
        )
        try:
            return first.connector.run(first.step, works, http)
        except Misconfigured:
            refused = [note.status for note in http.calls] == [401]
            if renewed or not (first.access and first.access.token and refused):
                raise
            first.access.token, renewed = "", True
        finally:
            assert len(http.calls) <= 1
            for drive in drives:
                drive.transcripts += http.calls


def _kept(item: Kept | Written) -> Kept:
    """A record that a step wrote becomes evidence as a download does."""
    if isinstance(item, Kept):
        return item
    content = item.content
    download = Download(item.name, len(content), hashlib.sha256(content).hexdigest(), lambda: io.BytesIO(content))
    return Kept(download, item.kind, item.keep, item.counts)
