from collections.abc import Callable
from typing import Any

import pytest

from compliance.audit.actions import ACTIONS
from compliance.audit.models import Event
from compliance.audit.record import record
from tests.trail import trail_can_be_emptied  # noqa: F401


@pytest.fixture
def tell(db: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Event]:
    """Records an event of an action made for tests; what is not given is filled in."""
    monkeypatch.setitem(ACTIONS, "test.happened", "{what} happened to {subject} in {case}.")

    def tell(**given: Any) -> Event:
        return record("test.happened", **{"actor": "system:test", "case": "DSR-2026-000001", "what": "rain"} | given)

    return tell
