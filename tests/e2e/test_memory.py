"""What requests cost in memory: at most a hundred times their size (hardening.md, Figures: amplification)."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.platform import Platform, token_header

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory of a process in /proc"),
]

LOCATIONS = "/ocpi/2.2.1/sender/locations"
CREDENTIALS = "/ocpi/2.2.1/credentials"
AT_ONCE = 40
#: By name: request line, further headers and what of the body is sent. None of these requests comes to its end.
GREEDY = {
    "many headers": (f"GET {LOCATIONS}", "".join(f"X{number}: a\r\n" for number in range(110)) + "\r\n", ""),
    "a head that does not end": (f"GET {LOCATIONS}", "X: " + "a" * 8000, ""),
    "a long path": (f"GET {LOCATIONS}/{'a' * 7000}", "\r\n", ""),
    "tiny chunks": (f"PUT {LOCATIONS}", "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n" * 4000),
    "a document": (f"PUT {CREDENTIALS}", "Content-Length: 60000\r\n\r\n", "".join(f'"{n}":[],' for n in range(5000))),
}


@pytest.fixture
async def partner():
    """An eMSP in this process."""
    async with Platform() as one:
        yield one


def resident_bytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


@pytest.mark.threat("D9")
async def test_requests_that_wait_cost_no_more_than_a_hundred_times_their_size(gateway, backend, partner):
    hold = backend.hold("/locations")
    token_a = (await gateway.invite("partner"))["token_a"]
    assert (await partner.register(gateway.public_url, token_a=token_a))[0] == 200
    port = int(gateway.public_url.rpartition(":")[2])
    head = f"Host: gateway\r\nAuthorization: {token_header(partner.token_c)}\r\n"
    ratios = {}
    for name, (line, further, body) in GREEDY.items():
        raw = f"{line} HTTP/1.1\r\n{head}{further}{body}".encode()
        before = resident_bytes(gateway.pid)
        async with AsyncExitStack() as stack:
            for _ in range(AT_ONCE):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                stack.callback(writer.close)
                writer.write(raw)
                await writer.drain()
            # Answered after all that was sent before was read.
            assert (await partner.call("GET", f"{gateway.public_url}/ocpi/versions"))[0] == 200
            ratios[name] = (resident_bytes(gateway.pid) - before) / AT_ONCE / len(raw)
    hold.release.set()

    assert all(ratio < 100 for ratio in ratios.values()), ratios
