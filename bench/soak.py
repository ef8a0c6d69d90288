"""Does it grow? Hours of ordinary traffic with ordinary faults (hardening.md, Figures: soak).

    python -m bench.soak [MINUTES] [REQUESTS_PER_SECOND]

A partner's clients ask at a steady rate; the backend answers well, fails, resets, dawdles or breaks off, and some
clients hang up. Memory, open files and threads of the gateway are read after a tenth of the time, when all is warm, and
at the end: memory may drift by less than a tenth, and nothing else may grow.
"""

import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.rig import Gateway
from tests.platform import Platform, token_header

MINUTES, REQUESTS_PER_SECOND, CLIENTS = 30, 300, 40
LOCATIONS = "/ocpi/2.2.1/sender/locations"
PATIENCE_SECONDS, HANGING_UP = 5, 0.01
BODY = b'{"status_code": 1000, "timestamp": "2026-01-01T00:00:00Z", "data": []}' + b" " * 2000
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
BAD = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}"


async def backend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer, most of the time."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while await reader.readuntil(b"\r\n\r\n"):
            match random.choices(("good", "bad", "reset", "late", "half"), (92, 3, 2, 2, 1))[0]:
                case "good":
                    writer.write(GOOD)
                case "bad":
                    writer.write(BAD)
                case "late":
                    await asyncio.sleep(1)
                    writer.write(GOOD)
                case "half":
                    writer.write(GOOD[:500])
                    break
                case _:
                    writer.transport.abort()
                    break
            await writer.drain()
    writer.close()


@dataclass
class Client:
    """One client on a connection that it keeps as long as it is kept."""

    port: int
    request: bytes
    answers: Counter[str] = field(default_factory=Counter)

    async def ask(self, until: float, pause: float) -> None:
        """Ask once in a pause until then."""
        reader = writer = None
        while time.monotonic() < until:
            started = time.monotonic()
            try:
                if writer is None or writer.is_closing():
                    reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(self.request)
                if random.random() < HANGING_UP:
                    raise ConnectionError("hung up")
                async with asyncio.timeout(PATIENCE_SECONDS):
                    self.answers[await _answer(reader)] += 1
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                self.answers[type(error).__name__] += 1
                if writer is not None:
                    writer.close()
                writer = None
            await asyncio.sleep(max(0.0, started + pause - time.monotonic()))
        if writer is not None:
            writer.close()


async def _answer(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    await reader.readexactly(int(length.partition(b":")[2]))
    return head.split(b" ")[1].decode()


def state_of(pid: int) -> dict[str, int]:
    """Memory, open files and threads of a process."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return {"resident kB": int(lines["VmRSS"].split()[0]), "files": files, "threads": int(lines["Threads"])}


async def run(minutes: float, per_second: float) -> bool:
    """Soak; tells whether nothing grew."""
    folder = Path(tempfile.mkdtemp())
    server = await asyncio.start_server(backend, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/legacy"
    async with (
        server,
        Gateway(folder=folder, backend_url=url, log={"level": "error"}) as gateway,
        Platform() as partner,
    ):
        token_a = (await gateway.invite("partner"))["token_a"]
        await partner.register(gateway.public_url, token_a=token_a)
        lines = (
            f"GET {LOCATIONS} HTTP/1.1",
            "Host: gateway",
            f"Authorization: {token_header(partner.token_c)}",
            "",
            "",
        )
        client = Client(int(gateway.public_url.rpartition(":")[2]), "\r\n".join(lines).encode())
        seconds = minutes * 60
        until = time.monotonic() + seconds
        asking = asyncio.gather(*(client.ask(until, CLIENTS / per_second) for _ in range(CLIENTS)))
        await asyncio.sleep(seconds / 10)
        warm = state_of(gateway.pid)
        await asking
        await asyncio.sleep(2)
        last = state_of(gateway.pid)
    print(f"{sum(client.answers.values())} requests: {dict(client.answers.most_common())}")
    for name, before in warm.items():
        print(f"{name:12} {before:>10} -> {last[name]:>10}  ({last[name] / before - 1:+.1%})")
    grown = last["resident kB"] > warm["resident kB"] * 1.1 or last["threads"] > warm["threads"]
    return not grown and last["files"] <= warm["files"]


def main(arguments: list[str]) -> int:
    """The exit code is 1 where something grew."""
    minutes, per_second = [*map(float, arguments), *(MINUTES, REQUESTS_PER_SECOND)[len(arguments) :]]
    return 0 if asyncio.run(run(minutes, per_second)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
