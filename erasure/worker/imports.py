"""Large imports: their rows are opened by workers, a bounded piece of work at a time."""

import time
import uuid

from erasure import imports

from . import heartbeat

RUN_SECONDS = 20  # after this a worker hands back and hints again, so that no import keeps it from the vendors


def run(number: str) -> None:
    """Opens rows of an import for a bounded time. The queue calls this by its dotted name."""
    of = uuid.UUID(number)
    imports.heard(of)
    until = time.monotonic() + RUN_SECONDS

    def goes_on() -> bool:
        heartbeat.beat()
        return time.monotonic() < until and not heartbeat.is_ending()

    heartbeat.beat()
    if not imports.carry_on(of, goes_on=goes_on):
        imports.wake(of)
