"""The desk's own settings in a world where a minute passes in a second: an hour in a minute. How long the engine waits
for a vendor, and leaves it alone, is shortened all alike, so that it keeps its proportions. Its work takes the time
that it takes, as do queue, sweep and supervisor."""

from datetime import timedelta

from django.apps import AppConfig

from compliance.settings import *  # noqa: F403
from compliance.settings import INSTALLED_APPS
from tests.benchmarks import SPEED

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS = [*INSTALLED_APPS, "tests.benchmarks.hour.Hour"]


class Hour(AppConfig):
    name = "tests.benchmarks"

    def ready(self) -> None:
        from erasure.worker import claims, lanes, pace

        claims.SEND_SECONDS /= SPEED
        claims.LEASE /= SPEED
        lanes.TRIAL_EVERY /= SPEED
        pace.MINUTE /= SPEED
        pace.TRIAL_AFTER_FAILURES /= SPEED
        pace.LONGEST_TRIAL /= SPEED
        pace.FIRST_RETRY /= SPEED
        pace.LONGEST_RETRY /= SPEED
        pace.poll = lambda vendor, polls: timedelta(minutes=1) / SPEED
