"""Several workers on one port and one SQLite file: one gateway to everybody outside."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.e2e.rig import Gateway
from tests.platform import Platform, token_header

pytestmark = pytest.mark.e2e

WORKERS = 2
REQUESTS = 40


@pytest.fixture
async def gateway(tmp_path, backend):
    folder = tmp_path / "gateway"
    folder.mkdir()
    backend.offer("/locations", [])
    async with Gateway(folder=folder, backend_url=backend.url, workers=WORKERS) as running:
        yield running


@pytest.fixture
async def partner():
    async with Platform() as one:
        yield one


async def locations(gateway, partner):
    """One call on a connection of its own, which any worker may get."""
    headers = {"Authorization": token_header(partner.token_c), "Connection": "close"}
    async with partner.http.get(f"{gateway.public_url}/ocpi/2.2.1/sender/locations", headers=headers) as answer:
        return answer.status


async def counted(gateway, partner):
    """How many ingress requests for locations all workers together answered with 2xx."""
    async with partner.http.get(f"{gateway.status_url}/metrics", headers={"Connection": "close"}) as answer:
        lines = (await answer.text()).splitlines()
    of_interest = [line for line in lines if line.startswith("ocpi_gateway_requests_total{")]
    return sum(float(line.split()[-1]) for line in of_interest if 'module="locations"' in line and '"2xx"' in line)


def children(gateway):
    """The processes of the workers."""
    tasks = Path(f"/proc/{gateway.pid}/task/{gateway.pid}/children").read_text()
    return [int(pid) for pid in tasks.split()]


def served_by(gateway):
    """Which workers answered requests for locations."""
    return {line["worker"] for line in gateway.log() if line["event"] == "request" and line["module"] == "locations"}


async def until(condition, attempts=200):
    for _ in range(attempts):
        if await condition():
            return True
        await asyncio.sleep(0.05)
    return False


async def test_workers_are_one_gateway(gateway, partner):
    partner.token_a = (await gateway.invite("partner"))["token_a"]
    assert (await partner.register(gateway.public_url, token_a=partner.token_a))[0] == 200

    assert [await locations(gateway, partner) for _ in range(REQUESTS)] == [200] * REQUESTS
    assert served_by(gateway) == set(range(WORKERS))

    async def is_told_whole():
        return [await counted(gateway, partner) for _ in range(4)] == [REQUESTS] * 4

    assert await until(is_told_whole)
    await gateway.do("partner", "revoke", "partner")
    async with asyncio.timeout(1.5):
        while await locations(gateway, partner) != 401:
            pass
    await asyncio.sleep(1)
    assert {await locations(gateway, partner) for _ in range(8)} == {401}


async def test_of_posts_with_one_token_a_to_all_workers_one_registers(gateway, partner):
    token_a = (await gateway.invite("partner"))["token_a"]

    async def post():
        headers = {"Authorization": token_header(token_a), "Connection": "close"}
        url = f"{gateway.public_url}/ocpi/2.2.1/credentials"
        async with partner.http.post(url, json=partner.credentials, headers=headers) as answer:
            return answer.status, (await answer.json())

    answers = await asyncio.gather(*(post() for _ in range(6)))

    registered = [envelope["data"]["token"] for _, envelope in answers if envelope["status_code"] == 1000]
    assert registered
    assert {http_status for http_status, envelope in answers if envelope["status_code"] != 1000} <= {409, 401}
    partner.token_c = registered[-1]
    assert await locations(gateway, partner) == 200
    shown = await gateway.show("partner")
    assert len([token for token in shown["inbound_tokens"] if token["state"] == "active"]) == 1


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
async def test_a_worker_that_dies_is_replaced_and_the_others_go_on(gateway, partner):
    partner.token_a = (await gateway.invite("partner"))["token_a"]
    await partner.register(gateway.public_url, token_a=partner.token_a)
    before = children(gateway)
    assert len(before) == WORKERS

    os.kill(before[0], signal.SIGKILL)

    async def is_replaced():
        now = children(gateway)
        return len(now) == WORKERS and before[0] not in now

    assert await until(is_replaced)
    await gateway.until("worker_ended")
    assert await locations(gateway, partner) == 200


async def test_where_it_can_not_start_it_ends_and_says_why(tmp_path, backend):
    folder = tmp_path / "second"
    folder.mkdir()
    foreign = {"public": {"host": "203.0.113.1", "port": 8080}, "private": {"port": 18081}, "status": {"port": 18083}}
    second = Gateway(folder=folder, backend_url=backend.url, workers=WORKERS, listen=foreign)
    await second._launch()
    async with asyncio.timeout(30):
        assert await second._process.wait() == 1
    failed = [line for line in second.log() if line["event"] == "worker_failed"]
    assert "public listener can't listen on 203.0.113.1:8080" in failed[0]["reason"]
    assert failed[0]["fault"] == "operator"
