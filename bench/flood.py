"""What attackers with slow connections cost the others: p99 of good clients, before and during (hardening.md, D1).

    python -m bench.flood [SECONDS]

500 connections that send nothing, 500 that send half a head, and 200 that stop in the middle of a body, each opened
anew when it is closed; beside them 20 clients with ten requests a second each. Clients and attackers are processes of
their own. Prints both figures and their ratio, which is to stay below 2.
"""

import asyncio
import contextlib
import io
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.rig import Backend, Gateway
from tests.platform import Platform, token_header

SECONDS, BASELINE_SECONDS = 60, 20
CLIENTS, REQUESTS_PER_SECOND = 20, 10
SILENT, HALF_HEADS, STALLED = 500, 500, 200
LOCATIONS = "/ocpi/2.2.1/sender/locations"


async def client(port: int, authorization: str, until: float, seconds: list[float], wait: float) -> None:
    """Ask again and again on one connection; notes how long each answer took, or a second where none came."""
    await asyncio.sleep(wait)
    request = f"GET {LOCATIONS} HTTP/1.1\r\nHost: gateway\r\nAuthorization: {authorization}\r\n\r\n".encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        started = time.monotonic()
        try:
            async with asyncio.timeout(1):
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
                await reader.readexactly(int(length.partition(b":")[2]))
            assert head.startswith(b"HTTP/1.1 200"), head
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            seconds.append(1.0)
        else:
            seconds.append(time.monotonic() - started)
        await asyncio.sleep(max(0.0, started + 1 / REQUESTS_PER_SECOND - time.monotonic()))
    writer.close()


async def good(port: int, authorization: str, duration: float) -> None:
    """Good clients for so many seconds; prints how many seconds each answer took."""
    seconds: list[float] = []
    until = time.monotonic() + duration
    waits = [number / CLIENTS / REQUESTS_PER_SECOND for number in range(CLIENTS)]  # they don't ask in one moment
    await asyncio.gather(*(client(port, authorization, until, seconds, wait) for wait in waits))
    print(json.dumps(seconds))


async def attacker(port: int, said: bytes, until: float) -> None:
    """Open a connection, say something, keep it until it is closed, and again."""
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    await reader.read()
            writer.close()


async def attack(port: int, authorization: str, duration: float) -> None:
    """All attackers for so many seconds."""
    until = time.monotonic() + duration
    half = b"GET /ocpi/versions HTTP/1.1\r\nHost: gateway\r\nX-Half: "
    head = f"PUT {LOCATIONS}/1 HTTP/1.1\r\nHost: gateway\r\nAuthorization: {authorization}\r\n"
    stalled = f"{head}Content-Length: 1000\r\n\r\nhalf".encode()
    said = [b""] * SILENT + [half] * HALF_HEADS + [stalled] * STALLED
    await asyncio.gather(*(attacker(port, each, until) for each in said))


async def beside(role: str, port: int, authorization: str, duration: float) -> asyncio.subprocess.Process:
    """Clients or attackers in a process of their own."""
    words = (role, str(port), authorization, str(duration))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.flood", *words), stdout=asyncio.subprocess.PIPE
    )


async def measured(port: int, authorization: str, duration: float) -> list[float]:
    """How long good clients wait for their answers during so many seconds."""
    process = await beside("good", port, authorization, duration)
    output, _ = await process.communicate()
    return json.loads(output)


async def run(duration: float) -> None:
    """Measure, and print it."""
    folder = Path(tempfile.mkdtemp())
    with contextlib.redirect_stdout(io.StringIO()):  # the gateway's log
        alone, attacked = await both(folder, duration)
    print(f"{'':10}{'alone':>12}{'attacked':>12}{'ratio':>8}")
    for name, part in (("p50", 0.5), ("p99", 0.99)):
        before, during = (sorted(each)[int(len(each) * part)] * 1e3 for each in (alone, attacked))
        print(f"{name + ', ms':10}{before:>12.2f}{during:>12.2f}{during / before:>8.2f}")
    print(f"{'answers':10}{len(alone):>12}{len(attacked):>12}")


async def both(folder: Path, duration: float) -> tuple[list[float], list[float]]:
    """What a registered partner's clients see alone, before and after, and beside the attackers.

    The speed of a shared machine drifts by more than what is measured here, hence both.
    """
    async with Backend() as backend, Gateway(folder=folder, backend_url=backend.url) as gateway, Platform() as partner:
        backend.offer("/locations", [{"id": f"LOC{number}", "name": "x" * 150} for number in range(10)])
        token_a = (await gateway.invite("partner"))["token_a"]
        await partner.register(gateway.public_url, token_a=token_a)
        port, authorization = int(gateway.public_url.rpartition(":")[2]), token_header(partner.token_c)
        await measured(port, authorization, 2)  # warm
        alone = await measured(port, authorization, BASELINE_SECONDS)
        attackers = await beside("attack", port, authorization, duration)
        attacked = await measured(port, authorization, duration)
        await attackers.wait()
        alone += await measured(port, authorization, BASELINE_SECONDS)
    return alone, attacked


def main(arguments: list[str]) -> None:
    """The whole measurement, or one role of it."""
    match arguments:
        case [("good" | "attack") as role, port, authorization, duration]:
            asyncio.run({"good": good, "attack": attack}[role](int(port), authorization, float(duration)))
        case _:
            asyncio.run(run(float(arguments[0]) if arguments else SECONDS))


if __name__ == "__main__":
    main(sys.argv[1:])
