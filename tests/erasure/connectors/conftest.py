"""What every connector's tests may use: an account at the connector's stand-in (see `contract`)."""

from collections.abc import Iterator

import pytest

from .contract import Account, account


@pytest.fixture
def at_vendor(request: pytest.FixtureRequest) -> Iterator[Account]:
    with account(*request.param) as it:
        yield it
