"""The same with leases that outlast a slow call, as the desk's own do."""

from tests.crash.settings import *  # noqa: F403

LEASE_SECONDS = 90
