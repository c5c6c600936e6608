"""A worker killed with SIGKILL at each point between its commits. The oracle is the vendor's own journal.

One desk serves all: every test has a customer and a case of its own, and the desk must have stayed well after each.
"""

from collections.abc import Iterator

import pytest

from erasure.sandbox import Apptus
from erasure.worker import points
from tests.desk import Desk

from .shop import Shop, hold_to_promises, verify_trail

pytestmark = pytest.mark.slow
STEPS = ("start_export", "fetch_export", "start_removal", "await_removal")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("crash")
    with Apptus(archive_days=0).start() as apptus, Desk(folder, settings="tests.crash.settings") as desk:
        shop = Shop(desk, apptus)
        desk.start("work")
        yield shop


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("point", points.ALL)
def test_a_worker_killed_there_neither_loses_nor_silently_repeats_anything(shop: Shop, point: str, step: str) -> None:
    customer = f"C-{point}-{step}"
    switch = shop.strike_at(point, step)
    reference = shop.approved(customer)
    case = shop.ends(reference)
    assert not switch.exists(), "nothing was killed"
    assert (case["status"], case["outcomes"]) == ("completed", ["erased"])
    hold_to_promises(shop, customer, reference)


def test_the_trail_of_all_of_it_verifies(shop: Shop) -> None:
    verify_trail(shop.desk)
