"""Runs a connector's steps as the engine would, without it: a new `Http` each, and memory through JSON in between."""

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO

from erasure.connectors.base import (
    Connector,
    Finish,
    Go,
    HandOver,
    Held,
    Id,
    Kept,
    Operation,
    Outcome,
    OutcomeUnknown,
    Result,
    Said,
    VendorError,
    Work,
)
from erasure.connectors.http import Http, Network, Transcript

MOST_PASSES = 100


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
class Drive:
    """One sub-task on its way. `step` is the next one; `run` goes on until the vendor's part ends or a person is asked.

    `secrets` are looked for in whatever staff could see, as are the identifiers: see `leaks`."""

    connector: Connector
    ids: tuple[Id, ...]
    base_url: str
    network: Network
    headers: dict[str, str]
    operation: Operation = Operation.ERASE
    secrets: tuple[str, ...] = ()
    step: str = ""
    memory: dict[str, Any] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    evidence: list[Kept] = field(default_factory=list)
    assurance: str = ""
    steps: list[str] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    errors: list[VendorError] = field(default_factory=list)
    transcripts: list[Transcript] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.step = self.step or self.connector.starts[self.operation]

    def once(self) -> Result:
        """One pass of the step; an error goes through, and nothing has moved on then."""
        http = Http(
            self.base_url,
            self.network,
            headers=self.headers,
            secrets=tuple(self.private),
            deadline=10,
            keep=lambda _name: Memory(),
        )
        work = Work("sub-task", self.operation, self.ids, "gdpr", "other", datetime.now(UTC), self.memory)
        before = json.dumps(self.memory)
        self.steps.append(self.step)
        try:
            result: Result = getattr(self.connector, self.step)(work, http)
        except VendorError as error:
            self.errors.append(error)
            raise
        finally:
            assert len(http.calls) <= 1
            assert json.dumps(self.memory) == before, "a step must not change the memory it is given"
            self.transcripts += http.calls
        self._take_in(result)
        return result

    def unknown(self) -> None:
        """No reply came: the way on is the one that the connector names."""
        self.step = self.connector.steps[self.step].if_unknown

    def run(self, between: Callable[[Result], object] = lambda _result: None) -> Finish | HandOver:
        """Passes until the end, with `between` after each that goes on. An unknown outcome is followed; other errors go
        through."""
        for _pass in range(MOST_PASSES):
            try:
                result = self.once()
            except OutcomeUnknown:
                self.unknown()
                continue
            if isinstance(result, Finish | HandOver):
                return result
            between(result)
        raise AssertionError(f"no end after {MOST_PASSES} passes: {self.steps[-10:]}")

    def _take_in(self, result: Result) -> None:
        memory = json.loads(json.dumps({**self.memory, **result.remember}))
        self.memory = {name: value for name, value in memory.items() if value is not None}
        self.said |= result.said
        self.references |= result.references
        self.evidence += result.evidence
        self.assurance = result.assurance or self.assurance
        self.results.append(result)
        match result:
            case Go(step=step):
                assert step in self.connector.steps
                self.step = step
            case HandOver():
                self.step = result.then or self.connector.steps[self.step].if_unknown
            case Finish():
                assert {item.ref for item in self.ids} == self.said.keys()
                assert all(said.outcome != Outcome.PENDING for said in self.said.values())

    # --- what a test asks about it

    @property
    def private(self) -> list[str]:
        """The identifiers, as given and as sent, and the secrets."""
        sent = [self.connector.as_sent(item.kind, item.value) for item in self.ids]
        return [*(item.value for item in self.ids), *sent, *self.secrets]

    @property
    def outcomes(self) -> dict[str, tuple[Outcome, Held]]:
        return {ref: (said.outcome, said.held) for ref, said in self.said.items()}

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
        yield from (f"{note.address} {note.excerpt}" for note in self.transcripts)
        yield from (f"{name} {value}" for name, value in self.references.items())
        yield from (f"{kept.kind} {kept.download.name} {sorted(kept.counts.items())}" for kept in self.evidence)
        for result in self.results:
            yield f"{result!r} {sorted(result.counters.items())}"
            if isinstance(result, HandOver):
                yield f"{result.note} {result.code}"

    def leaks(self) -> list[str]:
        """What is private and can be read in `shown` all the same."""
        shown = "\n".join(self.shown()).lower()
        for kept in self.evidence:  # a hash of the whole file tells nothing, and may hold any digits
            shown = shown.replace(kept.download.sha256, "")
        return [value for value in (*self.private, *self.headers.values()) if value.lower() in shown]
