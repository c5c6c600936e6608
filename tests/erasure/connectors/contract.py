"""What the shared contract suite needs to know of each connector. To add a vendor: one entry in `SAMPLES`."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from erasure import sandbox
from erasure.connectors import REGISTRY
from erasure.connectors.base import Connector, Finish, Go, HandOver, Id, Operation, Result, Stay, parse
from erasure.connectors.http import Http, Network
from erasure.sandbox import StandIn

from .driver import Drive

NETWORK = Network(loopback=True)


@dataclass(frozen=True)
class Sample:
    """ids      identifiers of one person, with which the vendor has more than one thing to do
    sandbox  the name of its stand-in, which knows the credentials; empty for a connector without an API
    options  each way of setting an account up that calls the vendor differently
    odd      fields that, put into a reply of the vendor, make it one that its documentation does not have"""

    ids: tuple[Id, ...]
    sandbox: str = ""
    options: tuple[Mapping[str, Any], ...] = ({},)
    odd: Mapping[str, Any] = field(default_factory=dict)


SAMPLES: dict[str, Sample] = {
    "apptus": Sample(
        ids=(
            Id("one", "customer_id", "Anna.Contract-7"),
            Id("two", "visitor_id", "5b1f7a52-9d0e-4e5c-8a44-0c6b7e3f2d11"),
        ),
        sandbox="apptus",
        options=({}, {"generation": "v2"}, {"generation": "admin-v4", "export_before_erasing": False}),
        odd={"status": "finished"},
    ),
    "manual": Sample(ids=(Id("one", "email", "anna@example.org"),), options=({"instructions": "Room 12"},)),
}


@dataclass(frozen=True)
class Account:
    """A vendor account at a running stand-in that holds everybody."""

    connector: Connector
    stand_in: StandIn
    sample: Sample
    headers: dict[str, str]
    made: list[Drive] = field(default_factory=list)
    began: dict[int, int] = field(default_factory=dict)  # how long the journal was when a sub-task began

    def http(self, headers: Mapping[str, str] | None = None) -> Http:
        secrets = tuple(self.stand_in.credentials.values())
        return Http(self.stand_in.url, NETWORK, headers=headers or self.headers, secrets=secrets, deadline=10)

    def drive(self, operation: Operation) -> Drive:
        secrets = tuple(self.stand_in.credentials.values())
        ids, url = self.sample.ids, self.stand_in.url
        drive = Drive(self.connector, ids, url, NETWORK, self.headers, operation, secrets)
        self.made.append(drive)
        self.began[id(drive)] = len(self.stand_in.journal.entries())
        return drive

    def wait(self, result: Result) -> None:
        """A day passes at the vendor whenever the engine would wait."""
        if isinstance(result, Stay) or (isinstance(result, Go) and self.connector.steps[result.step].polls):
            self.stand_in.clock.advance(1)

    def finish(self, drive: Drive) -> Finish | HandOver:
        """Runs to the end that a vendor without a fault comes to: finished, or for a person to confirm."""
        end = drive.run(self.wait)
        assert isinstance(end, Finish) or end.to == "attestation", end
        return end

    def at(self, step: str) -> Drive:
        """A sub-task whose next step is this one, of the first operation that comes by it."""
        for operation in self.connector.starts:
            drive = self.drive(operation)
            while drive.step != step:
                result = drive.once()
                if isinstance(result, Finish | HandOver):
                    break
                self.wait(result)
            else:
                return drive
        raise AssertionError(f"no operation of {self.connector.key} comes by {step}")

    def effects(self, drive: Drive) -> Counter[str]:
        """What was done at the vendor since this sub-task began, by kind. The journal knows; nobody else is asked."""
        since = self.stand_in.journal.entries()[self.began[id(drive)] :]
        return Counter(entry.effect for entry in since if entry.effect)

    def effects_of_a_clean_run(self, operation: Operation) -> Counter[str]:
        drive = self.drive(operation)
        self.finish(drive)
        return self.effects(drive)


@contextmanager
def account(key: str, options: Mapping[str, Any]) -> Iterator[Account]:
    """Starts the stand-in of a connector; at the end, nothing that staff could have seen names anybody."""
    connector_class, sample = REGISTRY[key], SAMPLES[key]
    connector = connector_class(parse(connector_class.Options, options))
    with sandbox.start([sample.sandbox], everyone=True) as running:
        stand_in = running[sample.sandbox]
        headers = dict(connector.headers(parse(connector_class.Credentials, stand_in.credentials)))
        it = Account(connector, stand_in, sample, headers)
        yield it
        for drive in it.made:
            assert drive.leaks() == []
