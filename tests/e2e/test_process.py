"""The gateway as a process: memory, drain, restart, and what its log and its files never hold."""

import asyncio
import base64
import json
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.rig import BACKEND_AUTHORIZATION, EGRESS_TOKEN, Hold, eventually
from tests.platform import Platform, token_header

pytestmark = pytest.mark.e2e

MEGABYTE = 2**20
BIG = 100 * MEGABYTE


@pytest.fixture
async def partner():
    """An eMSP in this process."""
    async with Platform() as one:
        yield one


@pytest.fixture
async def registered(gateway, partner):
    """The eMSP, registered with the gateway."""
    partner.token_a = (await gateway.invite("partner"))["token_a"]
    http_status, _ = await partner.register(gateway.public_url, token_a=partner.token_a)
    assert http_status == 200
    return partner


def headers_of(partner):
    """What each of its requests carries."""
    return {"Authorization": token_header(partner.token_c)}


def memory_peak(gateway):
    """The largest resident size that the process had, in bytes."""
    status = Path(f"/proc/{gateway.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


async def big_body():
    for _ in range(BIG // MEGABYTE):
        yield b"x" * MEGABYTE


async def test_a_hundred_megabytes_pass_in_both_directions_below_150_megabytes_of_memory(gateway, backend, registered):
    backend.download("/locations/big", BIG)
    backend.answer("PUT", "/tokens/DE/ABC/1", data=None)
    url = f"{gateway.public_url}/ocpi/2.2.1/sender/locations"

    async with registered.http.put(
        f"{gateway.public_url}/ocpi/2.2.1/receiver/tokens/DE/ABC/1", data=big_body(), headers=headers_of(registered)
    ) as answer:
        await answer.read()
    async with registered.http.get(f"{url}/big", headers=headers_of(registered)) as answer:
        received = 0
        async for piece in answer.content.iter_any():
            received += len(piece)

    assert backend.received == BIG
    assert received == BIG
    assert memory_peak(gateway) < 150 * MEGABYTE


async def test_sigterm_lets_a_request_in_flight_finish(gateway, backend, registered):
    held = backend.hold("/locations")
    url = f"{gateway.public_url}/ocpi/2.2.1/sender/locations"
    request = asyncio.ensure_future(registered.http.get(url, headers=headers_of(registered)))
    await held.reached.wait()

    gateway.signal(signal.SIGTERM)
    await gateway.until("closing")
    held.release.set()

    async with await request as answer:
        assert answer.status == 200
        assert (await answer.json())["data"] == []
    assert await gateway.stop() == 0


async def test_requests_cut_by_a_second_signal_are_counted_and_said_to_be_ours(gateway, backend, registered):
    held = backend.hold("/locations")
    url = f"{gateway.public_url}/ocpi/2.2.1/sender/locations"
    request = asyncio.ensure_future(registered.http.get(url, headers=headers_of(registered)))
    await held.reached.wait()

    gateway.signal(signal.SIGTERM)
    await gateway.until("closing")
    gateway.signal(signal.SIGTERM)
    with pytest.raises(aiohttp.ClientError):
        await request
    held.release.set()

    assert await gateway.stop() == 0
    (told,) = [line for line in gateway.log() if line["event"] == "requests_cut"]
    assert told["requests"] == 1
    (record,) = [line for line in gateway.log() if line["event"] == "request" and line.get("module") == "locations"]
    assert (record["fault"], record["reason"]) == ("operator", "the gateway was stopped before the answer")


async def test_a_draining_gateway_says_not_ready_and_still_serves(tmp_path, gateway, backend, registered):
    backend.offer("/locations", [])
    await gateway.restart(shutdown={"drain_delay_seconds": 30, "grace_period_seconds": 5})

    gateway.signal(signal.SIGTERM)
    await gateway.until("draining")
    async with registered.http.get(f"{gateway.status_url}/readyz") as answer:
        assert answer.status == 503
    url = f"{gateway.public_url}/ocpi/2.2.1/sender/locations"
    async with registered.http.get(url, headers=headers_of(registered)) as answer:
        assert answer.status == 200

    gateway.signal(signal.SIGTERM)
    assert await gateway.stop() == 0


async def test_tokens_links_and_callbacks_outlive_a_restart(gateway, backend, registered):
    backend.offer("/locations", [{"id": str(number)} for number in range(3)])
    backend.answer("POST", "/commands/START_SESSION", data={"result": "ACCEPTED"})
    base = f"{gateway.public_url}/ocpi/2.2.1"
    async with registered.http.get(f"{base}/sender/locations?limit=2", headers=headers_of(registered)) as answer:
        link = answer.headers["Link"].partition(">")[0].strip("<")
    command = {"response_url": f"{registered.url}/results/1"}
    async with registered.http.post(
        f"{base}/receiver/commands/START_SESSION", json=command, headers=headers_of(registered)
    ) as answer:
        assert answer.status == 200
    response_url = json.loads(backend.requests[-1].body)["response_url"]

    await gateway.restart()

    async with registered.http.get(link, headers=headers_of(registered)) as answer:
        assert [location["id"] for location in (await answer.json())["data"]] == ["2"]
    http_status, _, _ = await backend.call("POST", response_url, document={"result": "ACCEPTED"})
    assert (http_status, registered.results) == (200, [{"result": "ACCEPTED"}])


async def test_a_client_that_hangs_up_cancels_the_request_to_the_backend(gateway, backend, registered):
    held = backend.hold("/locations")
    url = f"{gateway.public_url}/ocpi/2.2.1/sender/locations"
    request = asyncio.ensure_future(registered.http.get(url, headers=headers_of(registered)))
    await held.reached.wait()

    request.cancel()

    await asyncio.wait_for(held.cancelled.wait(), timeout=5)


async def test_a_token_just_issued_by_the_command_line_works_at_once(gateway, partner):
    invitation = await gateway.invite("quick")

    async with partner.http.get(
        f"{gateway.public_url}/ocpi/versions", headers={"Authorization": token_header(invitation["token_a"])}
    ) as answer:
        assert answer.status == 200


async def test_a_revoked_partner_is_refused_within_a_second(gateway, registered):
    await gateway.do("partner", "revoke", "partner")

    async def call():
        async with registered.http.get(f"{gateway.public_url}/ocpi/versions", headers=headers_of(registered)) as answer:
            return answer.status, await answer.json(), answer.headers

    await eventually(401, call)


async def test_a_second_registration_with_one_invitation_is_answered_409_while_the_first_is_open(gateway, partner):
    partner.hold = Hold()
    token_a = (await gateway.invite("partner"))["token_a"]
    first = asyncio.ensure_future(partner.register(gateway.public_url, token_a=token_a))
    await partner.hold.reached.wait()

    second, _ = await partner.register(gateway.public_url, token_a=token_a)
    partner.hold.release.set()

    assert second == 409
    assert (await first)[0] == 200
    assert (await gateway.show("partner"))["state"] == "REGISTERED"


@pytest.mark.threat("S1", "S4")
async def test_nothing_secret_is_in_the_log_the_metrics_or_the_database(gateway, backend, registered):
    backend.offer("/locations", [])
    url = f"{gateway.public_url}/ocpi/2.2.1/sender/locations"
    async with registered.http.get(url, headers=headers_of(registered)) as answer:
        assert answer.status == 200
    async with registered.http.get(url, headers={"Authorization": "Token canary-of-a-stranger"}) as answer:
        assert answer.status == 401
    async with registered.http.get(f"{gateway.status_url}/metrics") as answer:
        metrics = await answer.text()
    await gateway.stop()

    secrets = [
        *(registered.token_a, registered.token_b, registered.token_c, "canary-of-a-stranger"),
        *(BACKEND_AUTHORIZATION, EGRESS_TOKEN),
    ]
    seen = [metrics.encode(), *(file.read_bytes() for file in gateway.files())]
    for secret in secrets:
        for form in (secret.encode(), base64.b64encode(secret.encode()).rstrip(b"=")[:-1]):
            assert not any(form in text for text in seen), f"{secret[:12]}... was found"
