"""A storm: cases over three vendors at once, while random processes of the workers are killed again and again.

    python -m tests.benchmarks.storm [--seconds 60] [--cases 30] [--seed N]

prints how many were killed, how long it took from the last one until all cases were done, and what the vendors did more
than once, by their own journals; the exit status is 1 if the trail does not name all of that.
"""

import argparse
import hashlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from erasure.sandbox import Acoustic, Acquia, Apptus, StandIn
from tests.desk import Desk, until

ACCOUNTS = {"apptus": ("username", "password"), "acoustic": ("account_key",), "acquia": ("token",)}
PACE = {"first_poll_seconds": 1, "max_poll_seconds": 1, "calls_per_minute": 6000, "parallel_calls": 4}
#: What is destructive at each vendor → the step that does it.
DESTRUCTIVE = {"removal_started": "start_removal", "file_deleted": "delete_file", "erasure_queued": "submit"}
FACTORIES = "from tests.factories import *"
BETWEEN = (0.5, 3.0)  # seconds from one kill to the next: who is killed at the start has nothing that is cut off
DAYS_A_SECOND = 0.2  # at the vendors whose jobs take days; an export is kept for a week: half a minute


@dataclass
class Storm:
    """`doubled`: destructive effects at a vendor beyond the first on one person, each with how many of them the trail
    names; `unnamed` those of which it names fewer."""

    killed: int = 0
    seconds_to_end: float = 0.0
    cases: int = 0
    doubled: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def unnamed(self) -> dict[str, tuple[int, int]]:
        return {what: (more, named) for what, (more, named) in self.doubled.items() if named < more}


@contextmanager
def world(folder: Path) -> Iterator[tuple[Desk, dict[str, StandIn]]]:
    """A desk with an account at each stand-in."""
    with ExitStack() as stack:
        vendors = [Apptus(archive_days=0), Acoustic(), Acquia()]
        found = {vendor.key: stack.enter_context(vendor.start()) for vendor in vendors}
        desk = stack.enter_context(Desk(folder, settings="tests.crash.settings"))
        for key, names in ACCOUNTS.items():
            account = {"name": key, "connector": key, "base_url": found[key].url, "pace": PACE}
            account["credentials"] = {name: found[key].credentials[name] for name in names}
            account["options"] = dict(found[key].options)
            desk.run("vendor(**account)", FACTORIES, account=account)
        yield desk, found


def run(folder: Path, *, cases: int, seconds: float, seed: int) -> Storm:
    """Cases are approved one after the other for as long as it lasts; their end is awaited for a bounded time."""
    chance, storm = random.Random(seed), Storm(cases=cases)
    with world(folder) as (desk, vendors):
        customers = [f"C-{number}" for number in range(cases)]
        for customer in customers:
            vendors["apptus"].hold(_key(customer))
            vendors["acoustic"].hold([("email", _mail(customer)), ("cookieId", f"of-{customer}")], x1_id=_x1(customer))
            vendors["acquia"].hold(customer)
        desk.start("work")
        until(desk.workers)
        references: list[str] = []
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds or len(references) < cases:
            for customer in customers[len(references) : 1 + int(cases * passed / seconds)]:
                known = [("customer_id", customer), ("email", _mail(customer))]
                code = "result = approved_case(identifiers=known).reference"
                references.append(desk.run(code, FACTORIES, known=known))
            if victims := sorted(desk.workers()):
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(victims), signal.SIGKILL)
                    storm.killed += 1
            _time_passes(vendors, chance.uniform(*BETWEEN))
        last = time.monotonic()
        until(lambda: _time_passes(vendors, 0.1) or _all_rest(desk), 180)
        storm.seconds_to_end = time.monotonic() - last
        vendors["acquia"].clock.advance(100)
        desk.run(CONFIRM, FACTORIES)
        statuses = desk.run("from erasure.models import Case; result = list(Case.objects.values_list('status'))")
        assert statuses == [["completed"]] * cases, Counter(status for (status,) in statuses)
        assert not any(vendor.held() for vendor in vendors.values()), "somebody's data is still held"
        for customer, reference in zip(customers, references, strict=True):
            _count(storm, desk, vendors, customer, reference)
        out = folder / "trail.csv"
        desk.manage("export_audit", "--out", str(out))
        desk.manage("verify_audit", str(out))
    return storm


CONFIRM = """
from erasure import lifecycle
from erasure.models import SubTask
for work in SubTask.objects.filter(step="await_acting"):
    lifecycle.attest(work, by=person("ada"), note="Completed.")
"""


def _time_passes(vendors: dict[str, StandIn], seconds: float) -> None:
    """A little here, days at the vendors whose jobs take them."""
    time.sleep(seconds)
    for key in ("apptus", "acoustic"):
        vendors[key].clock.advance(DAYS_A_SECOND * seconds)


def _all_rest(desk: Desk) -> bool:
    """Whether all that is left is to be confirmed by a person."""
    code = """
        from erasure.models import SubTask
        attention = list(SubTask.objects.filter(status="needs_attention").values_list("attention_code", flat=True))
        left = SubTask.objects.exclude(status="done").exclude(step="await_acting").count()
        result = attention, left
    """
    attention, left = desk.run(code)
    assert not attention, attention
    return bool(left == 0)


def _count(storm: Storm, desk: Desk, vendors: dict[str, StandIn], customer: str, reference: str) -> None:
    """What was done to one customer more than once, and how often the trail says that it may have been."""
    code = """
        from compliance.audit.models import Event
        result = [event.details["step"] for event in Event.objects.filter(case=reference, action="sub_task.may_repeat")]
    """
    named = Counter(desk.run(code, reference=reference))
    entries = [entry for vendor in vendors.values() for entry in vendor.journal.entries() if entry.effect]
    done: dict[str, list[Any]] = {
        "removal_started": [entry for entry in entries if entry.query.get("customerKey") == _key(customer)],
        "file_deleted": [entry for entry in entries if _x1(customer) in entry.ids],
        "erasure_queued": [entry for entry in entries if customer in entry.ids],
    }
    for effect, step in DESTRUCTIVE.items():
        more = sum(entry.effect == effect for entry in done[effect]) - 1
        assert more >= 0, f"{effect} never happened for {customer}"
        if more:
            storm.doubled[f"{reference}: {effect}"] = more, named[step]


def _key(customer: str) -> str:
    return hashlib.sha256(customer.encode()).hexdigest()


def _mail(customer: str) -> str:
    return f"{customer}@example.org".lower()


def _x1(customer: str) -> str:
    return f"x1-{customer}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.storm")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        storm = run(Path(folder), cases=given.cases, seconds=given.seconds, seed=given.seed)
    print(f"seed {given.seed}: {storm.killed} processes killed in {given.seconds:.0f} s; {storm.cases} cases completed")
    print(f"{storm.seconds_to_end:.0f} s from the last kill until all was done")
    print(
        f"destructive effects done again: {len(storm.doubled)}, of which the trail does not name {len(storm.unnamed)}"
    )
    return int(bool(storm.unnamed))


if __name__ == "__main__":
    sys.exit(main())
