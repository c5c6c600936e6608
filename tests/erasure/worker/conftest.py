from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.cache import cache

from erasure.sandbox import Acquia, Apptus
from tests.desk import Desk

from .cdp import Cdp
from .lane import Lane
from .shop import ApptusShop, Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A desk of its own, with short times, and its vendor. Start its processes yourself."""
    with Apptus(archive_days=0).start() as apptus, Desk(tmp_path, settings="tests.crash.settings") as desk:
        yield ApptusShop(desk, apptus)


@pytest.fixture
def lane(transactional_db: None, turn_clock: Callable[[datetime | timedelta], datetime]) -> Iterator[Lane]:
    cache.clear()
    with Apptus(archive_days=0).start() as apptus:
        yield Lane(apptus, turn_clock)
    cache.clear()


@pytest.fixture
def cdp(transactional_db: None, turn_clock: Callable[[datetime | timedelta], datetime]) -> Iterator[Cdp]:
    cache.clear()
    with Acquia().start() as acquia:
        yield Cdp(acquia, turn_clock)
    cache.clear()
