"""After `kill -9` of any one of its processes work goes on; with the times of a real desk within 30 seconds.

Real processes; each is known by its place in the tree, as they all have the same command line."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compliance.settings import Q_CLUSTER
from erasure.sandbox import Apptus, Fault
from tests.desk import Desk, until

from .shop import ApptusShop, Shop, hold_to_promises, verify_trail

pytestmark = pytest.mark.slow
GOES_ON = 30.0  # seconds
NOTICED = 15.0  # seconds of it, the engine's own times: test_supervisor_watch
ENDS = 120.0  # seconds after which a supervisor counts as hanging; with its times here it gives itself 18


class Tree:
    """The processes of the one group that runs, by what they are."""

    def __init__(self, desk: Desk, supervisor: int) -> None:
        """Waits until it is whole: two above, the workers, and two beside them."""
        of_it = [pid for pid in desk.workers() if stat(pid)]
        self.main = next(pid for pid in of_it if parent(pid) == supervisor)
        self.sentinel = next(pid for pid in of_it if parent(pid) == self.main)
        rest = sorted((pid for pid in of_it if parent(pid) == self.sentinel), key=lambda pid: (int(stat(pid)[19]), pid))
        *self.workers, self.monitor, self.pusher = rest
        self.all = {self.main, self.sentinel, *rest}
        assert len(self.all) == len(of_it), "processes that belong to no group"

    @property
    def taking(self) -> int:
        """The idle worker that holds the queue's lock and reads."""
        return self._at_rest()[0]

    @property
    def waiting(self) -> int:
        """One of the others, which wait for the lock."""
        return self._at_rest()[1]

    def _at_rest(self) -> list[int]:
        """The idle workers, the one that reads first: once each has come to where it waits, which it leaves no more
        while the pusher is stopped."""

        def look() -> list[int]:
            places = {pid: waits_in(pid) for pid in self.workers}
            reads = [pid for pid, place in places.items() if "pipe" in place]
            waits = [pid for pid, place in places.items() if "futex" in place]
            return [*reads, *waits] if len(reads) == 1 and len(waits) == len(self.workers) - 1 else []

        def looked_twice() -> list[int]:
            first = look()
            time.sleep(0.1)  # what the pusher had put into the queue is taken up
            return first if first == look() else []

        return list(until(looked_twice))

    @contextlib.contextmanager
    def without_work(self) -> Iterator[None]:
        """Nothing more is put into the queue meanwhile, so that each worker stays where it is."""
        os.kill(self.pusher, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):  # it was the one to be killed
                os.kill(self.pusher, signal.SIGCONT)


def stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the third on; empty if it is no more."""
    with contextlib.suppress(OSError):
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return []


def parent(pid: int) -> int:
    return int([*stat(pid), "0", "0"][1])


def waits_in(pid: int) -> str:
    return (Path("/proc") / str(pid) / "wchan").read_text()


def whole(desk: Desk, supervisor: int, workers: int) -> Tree:
    """The group, once it works and all of it is there."""

    def look() -> Tree | None:
        with contextlib.suppress(StopIteration, ValueError, AssertionError):
            tree = Tree(desk, supervisor)
            signs = desk.folder / "workers"
            if len(tree.workers) == workers and list(signs.glob(f"{tree.main}@*/answered")):
                return tree
        return None

    found = until(look)
    assert isinstance(found, Tree)
    return found


def holder(desk: Desk, step: str) -> int:
    """The worker that holds a call of this step."""
    code = "from erasure.models import Call; result = str(Call.objects.get(verdict='', step=step).pk)"
    folder, call = desk.folder / "workers", desk.run(code, step=step)

    def look() -> list[int]:
        with contextlib.suppress(FileNotFoundError):  # a worker has just ended what it was at
            return [int(path.name) for path in folder.glob("*/[0-9]*") if path.read_text() == call]
        return []

    return int(until(look)[0])


def end(desk: Desk, work: subprocess.Popen[bytes]) -> None:
    """Nothing of it is left then."""
    work.terminate()
    assert work.wait(ENDS) == 0
    assert desk.processes() == {}
    assert list((desk.folder / "workers").iterdir()) == []


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """With short times: what the engine's parts wait for each other is a tenth of a desk's."""
    folder = tmp_path_factory.mktemp("kills")
    with Apptus(archive_days=0).start() as apptus, Desk(folder, settings="tests.crash.settings") as desk:
        yield ApptusShop(desk, apptus)
        verify_trail(desk)


@pytest.fixture(autouse=True)
def nothing_left(shop: Shop) -> Iterator[None]:
    """So that one test that fails is one test."""
    yield
    while left := shop.desk.processes():
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


REPLACED: dict[str, Callable[[Tree], int]] = {
    "main process": lambda tree: tree.main,
    "sentinel": lambda tree: tree.sentinel,
    "worker that takes from the queue": lambda tree: tree.taking,
    "monitor": lambda tree: tree.monitor,
}
# django-q2 makes up for these by itself: the others' work must not be cut off.
MADE_UP_FOR: dict[str, Callable[[Tree], int]] = {
    "worker that waits its turn": lambda tree: tree.waiting,
    "pusher": lambda tree: tree.pusher,
}


@pytest.mark.parametrize("kind", [*REPLACED, *MADE_UP_FOR])
def test_work_goes_on_when_one_process_is_killed(shop: Shop, kind: str) -> None:
    work = shop.desk.start("work")
    tree = whole(shop.desk, work.pid, 2)
    with tree.without_work():
        victim = (REPLACED | MADE_UP_FOR)[kind](tree)
        os.kill(victim, signal.SIGKILL)
    customer = f"C-{kind}"
    assert shop.ends(shop.approved(customer))["status"] == "completed"
    if kind in REPLACED:
        until(lambda: not tree.all & set(shop.desk.workers()))
    again = whole(shop.desk, work.pid, 2)
    assert (again.main == tree.main) == (kind in MADE_UP_FOR)
    assert victim not in again.all
    end(shop.desk, work)


def test_work_goes_on_when_a_worker_is_killed_in_the_middle_of_a_call(shop: Shop) -> None:
    work = shop.desk.start("work")
    tree = whole(shop.desk, work.pid, 2)
    held = shop.vendor.faults.add(Fault("hold", path="*/create-remove-customer-job"))
    first = shop.approved("C-held")
    until(lambda: shop.look(first) and held.reached.is_set())
    os.kill(holder(shop.desk, "start_removal"), signal.SIGKILL)
    other = shop.approved("C-other")
    assert shop.ends(other)["status"] == "completed"
    held.release()
    assert shop.ends(first)["status"] == "completed"
    hold_to_promises(shop, "C-held", first)
    assert "A worker has died; calls under way and cut off: 1 (call:" in shop.desk.log.read_text()
    assert whole(shop.desk, work.pid, 2).main == tree.main, "the other worker's work was cut off"
    end(shop.desk, work)


def test_work_goes_on_when_the_supervisor_is_killed_and_started_again(shop: Shop) -> None:
    work = shop.desk.start("work")
    left = whole(shop.desk, work.pid, 2).all
    work.kill()
    work.wait()
    assert left <= set(shop.desk.workers())
    work = shop.desk.start("work")
    assert shop.ends(shop.approved("C-again"))["status"] == "completed"
    assert not left & set(shop.desk.workers())
    assert whole(shop.desk, work.pid, 2)
    assert f"left {len(left)} processes; they are ended" in shop.desk.log.read_text()
    end(shop.desk, work)


def test_a_worker_that_cannot_start_still_ends_what_an_earlier_one_has_left(shop: Shop) -> None:
    """Its database is away: it says so in one line, and whoever started it tries again."""
    work = shop.desk.start("work")
    left = whole(shop.desk, work.pid, 2).all
    work.kill()
    work.wait()
    usual = shop.desk.environment
    shop.desk.environment = usual | {"DATABASE_URL": "postgres://x@127.0.0.1:1/x"}
    try:
        assert shop.desk.start("work").wait(ENDS) == 1
    finally:
        shop.desk.environment = usual
    assert shop.desk.processes() == {}
    told = shop.desk.log.read_text().splitlines()
    assert f"left {len(left)} processes; they are ended" in told[-2]
    assert told[-1].startswith("The database cannot be used")


MOMENTS = {
    "before the record is written": "group._record = lambda *_: die()",
    "before the group is told to go on": "write = group._record; group._record = lambda *given: (write(*given), die())",
    "as soon as it is": "",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_is_left_whenever_in_its_start_the_supervisor_is_killed(shop: Shop, moment: str) -> None:
    code = (
        "import os, signal; from erasure.worker import group; die = lambda: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"{MOMENTS[moment]}\n"
        "group.Group(); die()"
    )
    assert shop.desk.start("shell", "-v0", "-c", code).wait(ENDS) == -signal.SIGKILL
    if moment.startswith("before"):
        until(lambda: shop.desk.processes() == {})
    else:
        assert shop.desk.processes()
    work = shop.desk.start("work")
    whole(shop.desk, work.pid, 2)
    end(shop.desk, work)


def test_workers_that_all_wait_for_a_slow_vendor_are_left_to_it(shop: Shop) -> None:
    """For longer than a free worker may take over an answer."""
    work = shop.desk.start("work")
    tree = whole(shop.desk, work.pid, 2)
    held = shop.vendor.faults.add(Fault("hold", path="*/create-remove-customer-job", times=2))
    references = [shop.approved(f"C-slow-{number}") for number in range(2)]
    until(lambda: [shop.look(reference) for reference in references] and held.struck == 2)
    begun = time.monotonic()
    until(lambda: time.monotonic() - begun > 8)  # crash.apps: ANSWER_SECONDS is 6
    held.release()
    for number, reference in enumerate(references):
        assert shop.ends(reference)["status"] == "completed"
        hold_to_promises(shop, f"C-slow-{number}", reference)
    assert whole(shop.desk, work.pid, 2).main == tree.main
    end(shop.desk, work)


def test_workers_that_are_recycled_are_no_fault(tmp_path: Path) -> None:
    with (
        Apptus(archive_days=0).start() as apptus,
        Desk(tmp_path, settings="tests.crash.recycling") as desk,
    ):
        shop = ApptusShop(desk, apptus)
        work = desk.start("work")
        tree = whole(desk, work.pid, 2)
        for number in range(5):
            assert shop.ends(shop.approved(f"C-{number}"))["status"] == "completed"
        until(lambda: not set(tree.workers) & set(whole(desk, work.pid, 2).workers))
        assert whole(desk, work.pid, 2).main == tree.main
        assert "died" not in desk.log.read_text()


# --- with a desk's own times ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["worker that takes from the queue", "sentinel"])
def test_work_goes_on_within_30_seconds_with_the_times_of_a_real_desk(tmp_path: Path, kind: str) -> None:
    """On a machine that takes its time to start processes, a new group is given three times what the first one took."""
    with Apptus(archive_days=0).start() as apptus, Desk(tmp_path) as desk:
        shop = ApptusShop(desk, apptus)
        begun = time.monotonic()
        work = desk.start("work")
        tree = whole(desk, work.pid, Q_CLUSTER["workers"])
        within = max(GOES_ON, NOTICED + 3 * (time.monotonic() - begun))
        with tree.without_work():
            os.kill(REPLACED[kind](tree), signal.SIGKILL)
        killed = time.monotonic()
        shop.approved("C-1")
        until(lambda: apptus.journal.entries(effect="export_started"), within)
        assert time.monotonic() - killed < within
        until(lambda: not tree.all & set(desk.workers()))  # those that were left may have done it
        assert work.poll() is None
