"""Which hosts have workers at work: a row each, for other hosts and for web servers."""

import socket
from datetime import timedelta

from compliance import clock
from erasure.models import WorkerHost

from . import heartbeat

#: Longer than a supervisor takes to tell, and by what the clocks of hosts differ.
ALIVE = timedelta(seconds=90)
FORGOTTEN = timedelta(days=7)


def tell(silent_seconds: float) -> None:
    """For the supervisor: notes when a worker of this host was last at work, unless all have been silent for so long.
    Forgets hosts that were not heard of for a week."""
    now, age = clock.now(), heartbeat.age()
    if age is None or age > silent_seconds:
        return
    WorkerHost.objects.update_or_create(name=socket.gethostname(), defaults={"seen_at": now - timedelta(seconds=age)})
    WorkerHost.objects.filter(seen_at__lt=now - FORGOTTEN).delete()
