"""The desk's own settings with short times, and a switch that kills a worker at a named point (see `apps`)."""

import sys

from compliance.settings import *  # noqa: F403
from compliance.settings import DATABASES, INSTALLED_APPS, Q_CLUSTER

INSTALLED_APPS = [*INSTALLED_APPS, "tests.crash"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
Q_CLUSTER = {**Q_CLUSTER, "workers": 2, "poll": 0.1, "guard_cycle": 0.2}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # One that was stopped in the middle of a transaction must not keep the workers for long; what a test asks of the
    # desk waits until they let it in.
    DATABASES["default"]["OPTIONS"]["timeout"] = 5 if {"work", "qcluster"} & set(sys.argv) else 90
