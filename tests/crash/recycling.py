"""The same, with workers that django-q2 replaces after a few pieces of work."""

from tests.crash.settings import *  # noqa: F403
from tests.crash.settings import Q_CLUSTER

Q_CLUSTER = {**Q_CLUSTER, "recycle": 4}
