"""A desk that was put back from a backup: what it knows ends before what was sealed."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from compliance import clock
from compliance.audit import behind, highwater
from compliance.audit.models import Checkpoint

PutBack = Callable[[], None]


@pytest.fixture
def put_back(db: None) -> PutBack:
    """Leaves the mark of a log that is longer than the database's."""

    def put_back() -> None:
        at = clock.now() - timedelta(minutes=1)
        note = f"erasure-desk/0123456789abcdef\n4711\n{'A' * 43}=\n\n— erasure-desk/0123456789abcdef AAAA\n"
        highwater.keep(Checkpoint(size=4711, at=at, root="00" * 32, note=note))
        behind.forget()

    return put_back
