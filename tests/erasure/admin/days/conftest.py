from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import pytest

from tests.browsing import SignIn, people_at


@pytest.fixture(params=[True, False], ids=["javascript", "no javascript"])
def people(request, live_server) -> Callable[[], AbstractContextManager[SignIn]]:
    """`with people() as sign_in`: people at their browsers, all with JavaScript or all without."""
    return partial(people_at, live_server.url, java_script_enabled=request.param)
