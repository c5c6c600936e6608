"""What a vendor that is dead for an hour costs the others: nothing, or as good as.

    python -m tests.benchmarks.dead_vendor [--cases N] [--rounds N]      (or: make bench BENCH=dead_vendor)

A desk with real workers carries the same cases to two healthy vendors: without a third one, with a third one that
refuses every connection, and with one that takes each call and never answers. The hour passes in a minute (see
`hour`). Each line gives, for that hour, what the two healthy vendors received and what the dead one got: calls, and the
share of the workers' time that was spent on it. The three take turns; with several rounds, figures are medians.

It runs on SQLite, or with DATABASE_URL on PostgreSQL, in a database of its own.
"""

import argparse
import contextlib
import os
import platform
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from erasure.sandbox import Apptus
from tests.desk import Desk, until

from . import SPEED

HOUR = 3600 / SPEED  # seconds
FACTORIES = "from tests.factories import *"
PACE = {"first_poll_seconds": 1, "max_poll_seconds": 1, "calls_per_minute": 1_000_000, "parallel_calls": 4}


class Measured(NamedTuple):
    calls: float  # a second, at the healthy vendors
    dead_calls: float  # in the hour
    dead_share: float  # of the workers' time, in per cent


@contextmanager
def refuses() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def hangs() -> Iterator[str]:
    """An address at which every connection is taken and none is answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        taken = []

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(server.accept())

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


DEAD: dict[str, Callable[[], contextlib.AbstractContextManager[str]] | None] = {
    "no third vendor": None,
    "a third one refuses connections": refuses,
    "a third one hangs": hangs,
}


def measure(dead: Callable[[], contextlib.AbstractContextManager[str]] | None, cases: int) -> Measured:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        healthy = [stack.enter_context(Apptus(archive_days=0, days_per_second=20).start()) for _number in range(2)]
        desk = stack.enter_context(Desk(folder, settings="tests.benchmarks.hour"))
        addresses = {"Shop": healthy[0].url, "Outlet": healthy[1].url}
        if dead:
            addresses["Dead"] = stack.enter_context(dead())
        prepare(desk, addresses, cases)
        desk.start("work")

        def received() -> int:
            return sum(len(vendor.journal.entries()) for vendor in healthy)

        until(lambda: received() > 20, 60)
        before, begun = received(), time.monotonic()
        time.sleep(HOUR)
        after, took = received(), time.monotonic() - begun
        assert left(desk), "the healthy vendors ran out of work: take more --cases"
        told = desk.run(SPENT)
        workers = desk.run("from django.conf import settings; result = settings.Q_CLUSTER['workers']")
        return Measured(
            (after - before) / took,
            told["calls"],
            100 * told["seconds"] / (took * workers),
        )


def prepare(desk: Desk, addresses: dict[str, str], cases: int) -> None:
    """The accounts, and cases that go to all of them. No worker sees one before all are approved."""
    code = """
        from django.db import transaction
        for name, url in addresses.items():
            good = {"username": "sandbox", "password": "sandbox-password"}
            vendor(name, base_url=url, credentials=good, pace=pace)
        people = {"by": person("olive", "intake"), "approver": person("ada", "approver")}
        with transaction.atomic():
            for number in range(cases):
                approved_case(identifiers=[("customer_id", f"C-{number}")], **people)
        result = None
    """
    desk.run(code, FACTORIES, addresses=addresses, pace=PACE, cases=cases)


SPENT = """
    from django.db.models import F, Sum
    from compliance import clock
    from erasure.models import Call
    calls = Call.objects.filter(vendor__name="Dead")
    ended = calls.exclude(verdict="").annotate(took=F("finished_at") - F("started_at"))
    seconds = sum(call.took.total_seconds() for call in ended)
    result = {"calls": calls.count(), "seconds": seconds}
"""


def left(desk: Desk) -> int:
    code = """
        from erasure.models import SubTask
        result = SubTask.objects.exclude(vendor__name="Dead").exclude(status="done").count()
    """
    return int(desk.run(code))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    database = "PostgreSQL" if os.environ.get("DATABASE_URL", "").startswith("postgres") else "SQLite"
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {database}")
    print(f"{'':34}{'healthy vendors':>18}{'dead vendor':>26}")
    print(f"{'an hour with':34}{'calls/s':>18}{'calls':>14}{'workers':>12}", flush=True)
    found: dict[str, list[Measured]] = {name: [] for name in DEAD}
    for _round in range(asked.rounds):
        for name, dead in DEAD.items():
            found[name].append(measure(dead, asked.cases))
    for name, rounds in found.items():
        shown: Any = Measured(*(statistics.median(column) for column in zip(*rounds, strict=True)))
        print(f"{name:34}{shown.calls:18.1f}{shown.dead_calls:14.0f}{shown.dead_share:11.1f}%", flush=True)


if __name__ == "__main__":
    main()
