"""Ports for programs that a test starts and that listen a while later."""

import random
import socket
from contextlib import ExitStack

# Below those that the system gives to whoever asks for any: by the time the program listens, one of these has not
# become the near end of somebody's connection.
FIRST, BEHIND = 15_000, 32_000


def free_ports(count: int = 1) -> int:
    """The first of so many ports in a row that nobody uses."""
    while True:
        first = random.SystemRandom().randrange(FIRST, BEHIND - count)
        with ExitStack() as probes:
            try:
                for number in range(count):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", first + number))
            except OSError:
                continue
        return first
