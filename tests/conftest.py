"""What every test shares. The folder and keys of a run are made in `tests/settings.py`."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import hypothesis
import pytest
from django.conf import LazySettings, settings
from hypothesis import HealthCheck

from tests import services
from tests.trail import begin_with_no_mark, empty_trail, trail_can_be_emptied  # noqa: F401 - for every test

# How long an example takes says how busy the machine is. What is left is as Hypothesis has it, in CI too.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")


def pytest_configure() -> None:
    """Desks that tests start hear Ctrl-C also if the tests run in the background of a shell, which has it ignored."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure() -> None:
    if settings.configured:
        shutil.rmtree(settings.DATA_DIR, ignore_errors=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test whose server or browser is missing is skipped with the reason; under CI=true it fails."""
    await_the_new_day()
    if settings.DATABASES["default"]["ENGINE"].endswith("postgresql") and is_the_same_everywhere(item):
        pytest.skip("the same whatever the database: it runs with SQLite")
    for marker in services.MARKERS:
        if item.get_closest_marker(marker) and (reason := services.missing(marker)):
            if os.environ.get("CI") == "true":
                pytest.fail(f"CI must have it: {reason}", pytrace=False)
            pytest.skip(reason)


def await_the_new_day() -> None:
    """Tests count days from today, and the desk does so a moment later: none begins just before midnight in between."""
    left = 86_400 - time.time() % 86_400
    if left < 30:
        time.sleep(left)


def is_the_same_everywhere(item: pytest.Item) -> bool:
    """A test of what a browser shows, one that is marked so, and one that neither asks for the database nor starts
    processes, which have one."""
    if item.get_closest_marker("browser") or item.get_closest_marker("any_database"):
        return True
    asks = item.get_closest_marker("django_db") or {"db", "transactional_db"} & set(getattr(item, "fixturenames", ()))
    return not asks and not item.get_closest_marker("slow")


@pytest.fixture(scope="session", autouse=True)
def ring(django_db_setup: None, django_db_blocker: object) -> None:
    """The run's own key ring, so that a test which touches no database can seal too."""
    from compliance.vault import keys

    with django_db_blocker.unblock():
        keys.ensure_ring()


@pytest.fixture
def own_ring(settings: LazySettings, tmp_path: Path) -> Path:
    """The file of a copy of the run's key ring, which this test may rotate, damage and lose."""
    copy = tmp_path / "keys" / "ring.json"
    copy.parent.mkdir()
    shutil.copy(settings.KEY_RING, copy)
    settings.KEY_RING = copy
    return copy


@pytest.fixture
def turn_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime | timedelta], datetime]:
    """Stops the desk's clock at a moment, or moves it on by a duration; returns the time it then shows."""
    from compliance import clock

    def turn(to: datetime | timedelta) -> datetime:
        moment = clock.now() + to if isinstance(to, timedelta) else to
        monkeypatch.setattr(clock, "now", lambda: moment)
        return moment

    return turn


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """The address of an empty PostgreSQL database that ends with the test. Mark the test `postgresql`."""
    with services.new_database() as address:
        yield address
