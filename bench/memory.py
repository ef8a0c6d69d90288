"""What memory the gateway takes: idle, while large bodies stream between slow ends, and after many requests."""

import asyncio
import time
from pathlib import Path

from bench.gateways import launch
from bench.machine import Tree
from bench.place import Place
from bench.slices import Lane, clients_of
from bench.workloads import CDRS, HEADERS, LOCATIONS, MB, good_headers
from tests.ports import free_ports

PIECE = 2**17
STREAMS = 8


async def _take(reader: asyncio.StreamReader, size: int, seconds: float) -> None:
    """Read a body slowly, in so many seconds."""
    started = time.monotonic()
    for taken in range(0, size, PIECE):
        await reader.readexactly(min(PIECE, size - taken))
        await asyncio.sleep(started + seconds * taken / size - time.monotonic())


async def _give(writer: asyncio.StreamWriter, size: int) -> None:
    """Send a body as fast as it is taken."""
    piece = b" " * PIECE
    for given in range(0, size, PIECE):
        writer.write(piece[: size - given])
        await writer.drain()


async def _backend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, size: int, seconds: float) -> None:
    """Give to GET at once, take from POST slowly; each on a connection of its own."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        writer.close()
        return
    is_get = head.startswith(b"GET")
    if not is_get:
        await _take(reader, size, seconds)
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (size if is_get else 0))
    await _give(writer, size if is_get else 0)
    writer.close()
    await writer.wait_closed()


async def _partner(port: int, method: str, size: int, seconds: float) -> None:
    """Take from GET slowly, give to POST at once.

    Raises:
        OSError, EOFError: the answer did not come whole.
        AssertionError: the answer is not 200.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=PIECE)
    path = LOCATIONS if method == "GET" else CDRS
    lines = [f"{method} {path} HTTP/1.1", *HEADERS, f"Authorization: {good_headers(1)[0]}"]
    lines += [] if method == "GET" else [f"Content-Length: {size}"]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    if method == "POST":
        await _give(writer, size)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    if method == "GET":
        await _take(reader, size, seconds)
    writer.close()


async def _stream(port: int, backend_port: int, size: int, seconds: float) -> None:
    async with await asyncio.start_server(
        lambda reader, writer: _backend(reader, writer, size, seconds), "127.0.0.1", backend_port, limit=PIECE
    ):
        await asyncio.gather(
            *(_partner(port, method, size, seconds) for method in ("GET", "POST") for _ in range(STREAMS))
        )


def streaming(folder: Path, place: Place, *, size_mb: int, seconds: float) -> dict[str, float]:
    """Megabytes of a gateway that is idle, and what eight bodies up and eight down, all at once, add at their peak."""
    (backend_port,) = free_ports(1)
    gateway = launch("streaming", folder, upstream_port=backend_port, cores={place.proxy_core})
    tree = gateway.running.tree
    try:
        asyncio.run(_stream(gateway.port, backend_port, PIECE, 0))
        idle = max(tree.resident_mb())
        tree.forget_peak()
        asyncio.run(_stream(gateway.port, backend_port, size_mb * MB, seconds))
        return {"idle_mb": idle, "streaming_adds_mb": max(tree.peak_mb()) - idle}
    finally:
        gateway.running.stop()


def growth(lane: Lane, place: Place, *, seconds: float) -> dict[str, float]:
    """How many megabytes a proxy that is warm grows by in so many seconds of requests, and how many those are."""
    tree: Tree = lane.serving.running.tree
    with clients_of(lane, place) as clients:
        before = max(tree.resident_mb())
        seen = clients.run(seconds)
        grown = max(tree.resident_mb()) - before
    lane.serving.running.empty()
    return {"growth_requests": seen["requests"], "growth_mb": grown}
