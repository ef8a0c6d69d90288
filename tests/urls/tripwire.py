"""What must never be reached, and the names that lead there.

listeners    on several addresses of loopback, all on one port: they count what connects
audit hook   sees every attempt of this process to connect, so that targets without a listener count too
names        stand in for the system's resolver: whatever they don't know leads to the tripwire
"""

import asyncio
import errno
import ipaddress
import socket
import sys
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress

_ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.1.2.3", "::1")
_watching = []


def _audit(event, arguments):
    if event == "socket.connect" and _watching and isinstance(arguments[1], tuple):
        for tripwire in _watching:
            tripwire.attempted(*arguments[1][:2])


sys.addaudithook(_audit)


class Tripwire:
    """Counts.

    Attributes:
        port: where it listens, on each of its addresses.
        connections: that were made to it.
        attempts: addresses that this process tried to connect to, other than the expected ones.
        expected: addresses, with port, that may be called.
    """

    def __init__(self):
        self.port = 0
        self.connections = 0
        self.attempts = []
        self.expected = set()

    def attempted(self, host, port):
        if (host, port) not in self.expected:
            self.attempts.append((host, port))

    def expect(self, *ports):
        """Let these ports of 127.0.0.1 be called."""
        self.expected |= {("127.0.0.1", port) for port in ports}

    @property
    def tripped(self):
        """All that was tried; empty where all is well."""
        return self.attempts + [("connection", self.port)] * self.connections

    async def _count(self, _reader, writer):
        self.connections += 1
        writer.close()


@asynccontextmanager
async def tripwire():
    """A tripwire that listens and watches."""
    wire = Tripwire()
    async with AsyncExitStack() as stack:
        for address in _ADDRESSES:
            with suppress_missing_address():
                server = await asyncio.start_server(wire._count, address, wire.port)
                await stack.enter_async_context(server)
                wire.port = server.sockets[0].getsockname()[1]
        _watching.append(wire)
        stack.callback(_watching.remove, wire)
        yield wire


@contextmanager
def suppress_missing_address():
    """Some machines have no IPv6, or one address of loopback only."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
            raise


class Names:
    """In place of `socket.getaddrinfo`: what isn't in the table is read as the C library reads it, or is loopback.

    Attributes:
        table: addresses by name, in lower case.
        turns: names whose answer changes: a list of answers, used up one by one; the last one stays.
        asked: every name that was asked for.
    """

    def __init__(self, table):
        self.table = dict(table)
        self.turns = {}
        self.asked = []

    def getaddrinfo(self, host, port, *_, type=0, **__):  # noqa: A002 - as in the library
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append(name)
        kind = type or socket.SOCK_STREAM
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                kind,
                socket.IPPROTO_TCP,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in self._addresses(name.lower())
        ]

    def _addresses(self, name):
        if turns := self.turns.get(name):
            return turns.pop(0) if len(turns) > 1 else turns[0]
        if name in self.table:
            return self.table[name]
        with suppress(OSError):
            return [socket.inet_ntoa(socket.inet_aton(name))]
        with suppress(ValueError):
            return [str(ipaddress.IPv6Address(name))]
        return ["127.0.0.1"]
