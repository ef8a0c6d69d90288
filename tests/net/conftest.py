"""Real servers on loopback for the tests of the network's edge."""

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from aiohttp.abc import AbstractResolver

from gateway.net.address import AddressPolicy
from gateway.net.client import backend_client, partner_client
from gateway.net.listener import Listener
from gateway.net.server import make_server

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class RawServer:
    """A TCP server that does with a connection what the test says, and counts."""

    behaviour: object
    connections: int = 0
    requests: list = field(default_factory=list)
    url: str = ""
    port: int = 0

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            await self.behaviour(self, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def read_request(self, reader):
        """Read one request with its body, and count it."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head)
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await reader.readexactly(int(line.partition(b":")[2]))
        return head


@pytest.fixture
async def raw_server():
    """Starts raw TCP servers: `await raw_server(behaviour)`."""
    started = []

    async def start(behaviour, *, ssl_context=None):
        raw = RawServer(behaviour)
        server = await asyncio.start_server(raw.serve, "127.0.0.1", 0, ssl=ssl_context)
        raw.port = server.sockets[0].getsockname()[1]
        raw.url = f"{'https' if ssl_context else 'http'}://127.0.0.1:{raw.port}"
        started.append(server)
        return raw

    yield start
    for server in started:
        server.close()
        await server.wait_closed()


def answering(answer: bytes):
    """A behaviour: read a request, write these bytes, close."""

    async def behaviour(raw, reader, writer):
        await raw.read_request(reader)
        writer.write(answer)
        await writer.drain()

    return behaviour


class NamesLeadTo(AbstractResolver):
    """A resolver by which every name has these addresses."""

    def __init__(self, *addresses):
        self.addresses = addresses
        self.asked = []
        self.closed = False

    async def resolve(self, host, port=0, family=socket.AF_UNSPEC):
        self.asked.append(host)
        return [
            {"hostname": host, "host": address, "port": port, "family": family, "proto": 0, "flags": 0}
            for address in self.addresses
        ]

    async def close(self):
        self.closed = True


@pytest.fixture
async def backend():
    async with backend_client(connect_seconds=2, answer_seconds=2) as client:
        yield client


@pytest.fixture
async def partner():
    """A client for partners in development: loopback is allowed."""
    async with partner_client(AddressPolicy(development=True), connect_seconds=2, answer_seconds=2) as client:
        yield client


@dataclass
class Running:
    """A listener of ours that is being tested."""

    listener: Listener
    failures: list

    async def exchange(self, request: bytes) -> bytes:
        """Send bytes, and read everything until the connection ends."""
        reader, writer = await self.connect()
        writer.write(request)
        await writer.drain()
        try:
            return await asyncio.wait_for(reader.read(), 10)
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    async def connect(self):
        return await asyncio.open_connection(*self.listener.address)


@pytest.fixture
async def serving():
    """Starts a listener: `async with serving(handler, ...)`."""

    @asynccontextmanager
    async def serve(handler, **limits):
        failures = []
        server = make_server(handler, clock=lambda: NOW, on_failure=failures.append, **limits)
        listener = Listener("public", host="127.0.0.1", port=0, server=server)
        await listener.start()
        try:
            yield Running(listener, failures)
        finally:
            await listener.close()

    return serve
