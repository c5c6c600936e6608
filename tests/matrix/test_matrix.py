"""A few cells of each way, other ones each time. All of them: `python -m tests.matrix`."""

import random

import pytest

from tests import services

from . import guards, shops
from .__main__ import run
from .rig import Rig, cells_of

pytestmark = pytest.mark.slow

AT_A_TIME = 4
#: A cell that cannot hold without the guard, and what is said of it.
NOTICED_AT = {
    "intent": ("apptus, erasure without export: killed at start_removal, answered", "start_removal"),
    "fence": ("apptus, erasure without export: late at start_removal, answered", "the late worker failed"),
    "unknown": ("apptus, erasure without export: killed at start_removal, answered", "0 named"),
    "renewal": ("apptus, export: slow at fetch_export, half", "was given up"),
}


def cell_named(name: str):
    (cell,) = [cell for way in shops.WAYS for cell in cells_of(way) if str(cell) == name]
    return cell


@pytest.mark.parametrize("way", shops.WAYS, ids=lambda way: way.name)
def test_the_promises_hold_wherever_a_worker_ends(way):
    cells = random.Random(services.seed()).sample(cells_of(way), AT_A_TIME)
    with Rig(way) as rig:
        for cell in cells:
            try:
                rig.run(cell)
            except AssertionError as error:
                raise AssertionError(f"python -m tests.matrix --only '{cell}': {error}") from error
        rig.verify()


@pytest.mark.parametrize("guard", guards.GUARDS)
def test_without_a_guard_they_do_not(guard):
    name, said = NOTICED_AT[guard]
    ((_cell, wrong),) = run([cell_named(name)], without=guard)
    assert said in wrong, f"nobody noticed that this guard is missing: {guard}"


def test_every_step_that_makes_a_call_is_in_a_way_and_there_are_enough_cells():
    from erasure.connectors import REGISTRY

    for key, connector in REGISTRY.items():
        steps = {name for name, step in connector.steps.items() if not step.by_hand}
        walked = {step for way in shops.WAYS if way.name.startswith(f"{key},") for step in way.steps}
        assert steps <= walked, key
    assert sum(len(cells_of(way)) for way in shops.WAYS) >= 400
