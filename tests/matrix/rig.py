"""Runs cells: a desk, a vendor, what stands between them, and time that is turned."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg

from tests import desk as desks
from tests.desk import until
from tests.erasure.worker.shop import hold_to_promises, verify_trail

from . import proxy
from .shared import Shared
from .shops import Way

LEASE = 90.0  # seconds, as claims.LEASE has it
PASSES = 60  # a case that has not ended after so many workers never will
SLOWLY = 40.0  # seconds between two pieces of a slow reply
ENGINE = "from tests.matrix import worker as matrix"

KILLED_AT = ("before_intent", "after_intent", "before_send", *proxy.POINTS, "after_reply", "after_settle")
LATE_AT = ("after_intent", "before_send", "sent", "answered", "after_reply")
DONE_AT = ("answered", "half", "after_reply")  # the vendor has done what it was asked for
WOKEN = ("sent", "late")  # there too: only the worker is stopped
POINTS = {"killed": KILLED_AT, "cut": proxy.POINTS, "late": LATE_AT, "gone": ("after_reply",), "slow": ("half",)}


@dataclass(frozen=True)
class Cell:
    way: Way
    step: str
    point: str
    happens: str

    def __str__(self) -> str:
        return f"{self.way.name}: {self.happens} at {self.step}, {self.point}"


def cells_of(way: Way) -> list[Cell]:
    return [
        Cell(way, step, point, happens)
        for step in way.steps
        for happens, points in POINTS.items()
        for point in points
        if (happens != "slow" or step in way.downloads) and (point, step) != ("before_intent", "sign_in")
    ]  # what comes before a sign-in comes before the step that needs it


class Rig:
    """One way, with a desk of its own. `without`: a guard of the engine that is left out (`guards`)."""

    def __init__(self, way: Way, without: str = "") -> None:
        self.way, self._without = way, without
        self._number = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="erasure-desk-matrix-")))
        self._shared = Shared(folder / "shared")
        self._vendor = self._stack.enter_context(self.way.vendor().start())
        self._proxy = self._stack.enter_context(proxy.Proxy(self._vendor.url, self._shared))
        self._desk = self._stack.enter_context(desks.Desk(folder, settings="tests.matrix.settings"))
        names = {"file": str(folder / "shared"), "without": self._without}
        self._desk.run("matrix.set_up(file, without)", ENGINE, **names)
        self._shop = self.way.shop(self._desk, self._vendor, self._proxy.url)
        code = "from erasure.models import Vendor; result = str(Vendor.objects.get().pk)"
        self._account = self._desk.run(code)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, cell: Cell) -> None:
        """Carries a case (or as many as share a call) through; AssertionError says which promise was broken."""
        self._number += 1
        shop = self._shop
        customers = [f"C{self._number}-{number}" for number in range(shop.together)]
        shop.expose(cell.step)
        references = shop.approved_at_once(*customers)
        self._carry_through(references, cell)
        shop.wait_for_the_vendor(self._turn)
        shop.confirm(*references)
        for customer, reference in zip(customers, references, strict=True):
            case = shop.look(reference)
            assert (case["status"], case["outcomes"]) == ("completed", [shop.outcome]), case
            hold_to_promises(shop, customer, reference)
            self._hold_to_more(cell, customer, reference)

    def _hold_to_more(self, cell: Cell, customer: str, reference: str) -> None:
        """What can be told of a cell because it is known what had happened at the vendor by then."""
        if cell.step in self._shop.effects_of and not (cell.point in DONE_AT or (cell.point, cell.happens) == WOKEN):
            effect, usual = self._shop.effects_of[cell.step]
            done = [entry for entry in self._shop.effects(customer) if entry.effect == effect]
            assert len(done) == usual, f"{effect} {len(done)} times, though the vendor had not got the first call"
        if cell.happens == "slow":
            told = {event["action"] for event in self._shop.trail(reference)}
            lost = told & {"sub_task.unknown", "sub_task.late", "sub_task.may_repeat"}
            assert not lost, f"a worker that was still at work was given up: {lost}"

    def verify(self) -> None:
        """All that was written down in the trail verifies."""
        verify_trail(self._desk)

    # --- a case's way ---

    def _carry_through(self, references: list[str], cell: Cell) -> None:
        struck, stopped, idle = False, 0, False  # idle: the last worker found nothing that it may do
        by_proxy = cell.point in proxy.POINTS
        if by_proxy:
            self._proxy.aim(cell.point, cell.step, cell.happens)
        self._proxy.between = self._time_goes_by
        for _pass in range(PASSES):
            told = self._look(references)
            if all(self._shop.has_ended(case) for case in told["cases"]):
                break
            later = [seconds for seconds in told["seconds"] if seconds > 0]
            assert told["seconds"], f"nobody will ever go on: {told['cases']}"
            if later and (idle or len(later) == len(told["seconds"])):
                self._turn(later[0] + 0.01)
                idle = False
                continue
            claims = self._shared.claims
            became, pid = self._work(None if struck else cell)
            idle = self._shared.claims == claims
            struck = struck or (self._proxy.struck.is_set() if by_proxy else became in ("killed", "stopped"))
            if became == "stopped" and cell.happens == "gone":
                self._wake_without_a_database(pid)
            elif became == "stopped":
                stopped = pid
                if cell.point == "sent":  # it is on its way to the vendor, and comes before what others do
                    assert self._proxy.answered.wait(60), "the vendor did not answer"
                self._turn(LEASE + 1)
        else:
            raise AssertionError(f"no end after {PASSES} workers: {told['cases']}")
        assert struck, "nothing was struck"
        if stopped:
            assert self._wake(stopped) == "ended", "the late worker failed"

    def _work(self, cell: Cell | None) -> tuple[str, int]:
        strike = None
        if cell and cell.point not in proxy.POINTS:
            signal = "SIGKILL" if cell.happens == "killed" else "SIGSTOP"
            strike = {"point": cell.point, "step": cell.step, "signal": signal}
        pid = self._desk.run("result = matrix.begin(vendor, strike)", ENGINE, vendor=self._account, strike=strike)
        if cell and cell.happens == "slow":  # the desk's process must be free to sweep meanwhile
            until(lambda: self._proxy.struck.is_set() or _is_over(pid), every=0.02)
        return self._desk.run("result = matrix.wait(pid)", ENGINE, pid=pid), pid

    def _wake(self, pid: int) -> str:
        return str(self._desk.run("result = matrix.wake(pid)", ENGINE, pid=pid))

    def _look(self, references: list[str]) -> dict[str, Any]:
        told = self._desk.run("result = matrix.look(references)", ENGINE, references=references)
        for case in told["cases"]:
            assert not case["attention"], f"a person has to look: {case}"
        return dict(told)

    def _turn(self, seconds: float) -> None:
        self._shared.offset += seconds
        self._vendor.clock.advance(seconds / 86_400)

    def _time_goes_by(self) -> None:
        """Between two pieces of a slow reply, once the worker could read the last one: another host sweeps."""
        with suppress(AssertionError):  # a worker that does not renew its lease
            until(lambda: self._desk.run(LEFT) > LEASE - SLOWLY / 2, 6, every=0.02)
        self._turn(SLOWLY)
        self._desk.run("from erasure.worker import sweep; sweep.tick()")

    # --- the database is away ---

    def _wake_without_a_database(self, pid: int) -> None:
        with self._no_database():
            assert self._wake(pid) == "failed", "the database was there"

    @contextmanager
    def _no_database(self) -> Iterator[None]:
        if desks.ON_POSTGRESQL:
            with psycopg.connect(self._desk.environment["DATABASE_URL"], autocommit=True) as server:
                server.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            yield
            return
        away = sqlite3.connect(self._desk.folder / "desk.sqlite3", isolation_level=None)
        try:
            away.execute("BEGIN IMMEDIATE")  # somebody writes, and does not come to an end
            yield
        finally:
            with suppress(sqlite3.Error):
                away.execute("ROLLBACK")
            away.close()


#: How many seconds the newest call's lease still has.
LEFT = """
from compliance import clock
from erasure.models import Call
result = (Call.objects.latest("started_at").lease_until - clock.now()).total_seconds()
"""


def _is_over(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
