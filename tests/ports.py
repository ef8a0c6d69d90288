"""Loopback ports for listeners that tests start."""

import os
import socket
from contextlib import ExitStack
from itertools import count

#: Below the range from which the system takes the ports of clients (32768 and up, or 49152 and up): no client takes one
#: between its choice and its use. Each worker of pytest-xdist has a stretch of its own.
_FIRST, _STRETCH = 12_000, 1_200
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 16
_turn = count(os.getpid())


def free_ports(number):
    """So many ports of 127.0.0.1 on which nobody listens."""
    ports = []
    with ExitStack() as held:
        while len(ports) < number:
            port = _FIRST + _WORKER * _STRETCH + next(_turn) % _STRETCH
            try:
                held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            ports.append(port)
    return ports
