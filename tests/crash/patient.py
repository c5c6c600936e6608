"""The same with calls and leases that outlast whatever a test has to do while a vendor does not answer."""

from tests.crash.settings import *  # noqa: F403

SEND_SECONDS, LEASE_SECONDS = 240, 300
