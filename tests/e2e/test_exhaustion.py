"""A process without files left: hardening.md, D7."""

import asyncio
import contextlib
import resource
from pathlib import Path

import pytest

from tests.e2e.rig import eventually
from tests.platform import Platform

pytestmark = pytest.mark.e2e

LOCATIONS = "/ocpi/2.2.1/sender/locations"


@pytest.fixture
async def partner():
    """An eMSP in this process."""
    async with Platform() as one:
        yield one


def open_files(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks for open files in /proc")
@pytest.mark.threat("D7")
async def test_a_gateway_without_files_left_recovers_when_the_connections_go(gateway, backend, partner):
    backend.offer("/locations", [])
    token_a = (await gateway.invite("partner"))["token_a"]
    assert (await partner.register(gateway.public_url, token_a=token_a))[0] == 200
    port = int(gateway.public_url.rpartition(":")[2])
    room = open_files(gateway.pid) + 8
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (room, room))

    async with contextlib.AsyncExitStack() as stack:
        for _ in range(40):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                stack.callback(writer.close)
        await asyncio.sleep(0)

    async def asks():
        try:
            return await partner.call("GET", gateway.public_url + LOCATIONS)
        except OSError as error:
            return 0, str(error), {}

    await eventually(200, asks)


async def test_a_gateway_allows_itself_all_the_files_that_it_may(gateway):
    soft, hard = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)

    assert soft == min(hard, 1048576)
