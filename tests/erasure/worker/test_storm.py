"""Random processes of the workers killed for a while; the whole minute with thirty cases: `make bench BENCH=storm`."""

from pathlib import Path

import pytest

from tests import services
from tests.benchmarks import storm

pytestmark = pytest.mark.slow


def test_cases_over_three_vendors_outlive_workers_that_are_killed_at_random(tmp_path: Path) -> None:
    seed = services.seed()
    print("seed", seed)  # noqa: T201 - to run it again with
    told = storm.run(tmp_path, cases=8, seconds=12, seed=seed)
    assert told.killed >= 1
    assert not told.unnamed, f"done again, and the trail does not say so (seed {seed})"
