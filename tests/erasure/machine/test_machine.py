"""A random world, held to the desk's promises (design: plan and approval, the engine's promises) after every step."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from erasure.errors import Conflict
from tests import services

from . import guards
from .rules import Machine
from .world import servers

pytestmark = pytest.mark.django_db
LONG = settings.get_current_profile_name() == "long"  # tests/erasure/machine/conftest.py
USUAL = settings(
    max_examples=5000 if LONG else 12,
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
#: The examples are the same in each run of the same sources. Many more would be no better: the first tenth is small.
TRIAL = settings(USUAL, max_examples=60, derandomize=True, database=None, phases=[Phase.generate], print_blob=False)


@pytest.fixture(autouse=True, scope="module")
def stand_ins() -> Iterator[None]:
    with servers() as running:
        Machine.stand_ins = running
        yield


def chosen(config: pytest.Config) -> int:
    """What the examples of a test are drawn from; it says so."""
    given = config.getoption("--hypothesis-seed", default=None)
    number = int(given) if given else services.seed()
    sys.stdout.write(f"to see it again: --hypothesis-seed={number}\n")
    return number


def test_the_promises_hold_whatever_happens(pytestconfig: pytest.Config) -> None:
    run_state_machine_as_test(seed(chosen(pytestconfig))(type("State", (Machine,), {})), settings=USUAL)


@pytest.mark.parametrize("without", guards.ALL if LONG else guards.AT_ONCE, ids=lambda guard: guard.__name__)
def test_a_desk_without_a_guard_is_found_out(without: guards.Without) -> None:
    state = type("State", (Machine,), {"to_the_end": without in guards.SEEN_AT_THE_END})
    with without(), pytest.raises((AssertionError, Conflict)):  # a further guard may refuse
        run_state_machine_as_test(state, settings=TRIAL)
