"""The gateway as a process: memory, drain, restart, and what its log and its files never hold."""

import asyncio
import base64
import json
import signal
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.e2e.rig import BACKEND_AUTHORIZATION, EGRESS_TOKEN, Hold, eventually

pytestmark = pytest.mark.e2e

MEGABYTE = 2**20
BIG = 100 * MEGABYTE


class Partner:
    """A minimal eMSP in this process: enough of a front for the gateway's call-backs, and a client."""

    def __init__(self):
        self.url = ""
        self.token_b = "token-b-of-the-tests"
        self.token_a = ""
        self.token_c = ""
        self.hold = None
        self.results = []

    async def __aenter__(self):
        application = web.Application()
        application.router.add_get("/versions", self._versions)
        application.router.add_get("/2.2.1", self._details)
        application.router.add_post("/results/{id}", self._result)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.http = aiohttp.ClientSession()  # noqa: TID251 - the partner's own client
        return self

    async def __aexit__(self, *failure):
        await self.http.close()
        await self._runner.cleanup()

    async def register(self, gateway):
        """POST credentials with the TOKEN_A of an invitation; keeps TOKEN_C."""
        self.token_a = (await gateway.invite("partner"))["token_a"]
        async with self.post_credentials(gateway) as answer:
            body = await answer.json()
            assert body["status_code"] == 1000, body
            self.token_c = body["data"]["token"]

    def post_credentials(self, gateway):
        """The POST of step 3."""
        role = {"role": "EMSP", "country_code": "DE", "party_id": "ABC", "business_details": {"name": "Test"}}
        document = {"token": self.token_b, "url": f"{self.url}/versions", "roles": [role]}
        headers = {"Authorization": token_header(self.token_a)}
        return self.http.post(f"{gateway.public_url}/ocpi/2.2.1/credentials", json=document, headers=headers)

    def headers(self):
        """What each request carries."""
        return {"Authorization": token_header(self.token_c)}

    async def _result(self, request):
        self.results.append(await request.json())
        return envelope(None)

    async def _versions(self, _request):
        return envelope([{"version": "2.2.1", "url": f"{self.url}/2.2.1"}])

    async def _details(self, _request):
        if self.hold is not None:
            await self.hold.wait()
        endpoint = {"identifier": "credentials", "role": "RECEIVER", "url": f"{self.url}/credentials"}
        return envelope({"version": "2.2.1", "endpoints": [endpoint]})


def envelope(data):
    """An OCPI answer."""
    return web.json_response({"status_code": 1000, "timestamp": "2026-01-01T00:00:00Z", "data": data})


def token_header(credentials_token):
    """The Authorization header of a token."""
    return f"Token {base64.b64encode(credentials_token.encode()).decode()}"


@pytest.fixture
async def partner():
    """An eMSP in this process."""
    async with Partner() as one:
        yield one


@pytest.fixture
async def registered(gateway, partner):
    """The eMSP, registered with the gateway."""
    await partner.register(gateway)
    return partner


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
        f"{gateway.public_url}/ocpi/2.2.1/receiver/tokens/DE/ABC/1", data=big_body(), headers=registered.headers()
    ) as answer:
        await answer.read()
    async with registered.http.get(f"{url}/big", headers=registered.headers()) as answer:
        received = 0
        async for piece in answer.content.iter_any():
            received += len(piece)

    assert backend.received == BIG
    assert received == BIG
    assert memory_peak(gateway) < 150 * MEGABYTE


async def test_sigterm_lets_a_request_in_flight_finish(gateway, backend, registered):
    held = backend.hold("/locations")
    url = f"{gateway.public_url}/ocpi/2.2.1/sender/locations"
    request = asyncio.ensure_future(registered.http.get(url, headers=registered.headers()))
    await held.reached.wait()

    gateway.signal(signal.SIGTERM)
    await gateway.until("closing")
    held.release.set()

    async with await request as answer:
        assert answer.status == 200
        assert (await answer.json())["data"] == []
    assert await gateway.stop() == 0


async def test_a_draining_gateway_says_not_ready_and_still_serves(tmp_path, gateway, backend, registered):
    backend.offer("/locations", [])
    await gateway.restart(shutdown={"drain_delay_seconds": 30, "grace_period_seconds": 5})

    gateway.signal(signal.SIGTERM)
    await gateway.until("draining")
    async with registered.http.get(f"{gateway.status_url}/readyz") as answer:
        assert answer.status == 503
    url = f"{gateway.public_url}/ocpi/2.2.1/sender/locations"
    async with registered.http.get(url, headers=registered.headers()) as answer:
        assert answer.status == 200

    gateway.signal(signal.SIGTERM)
    assert await gateway.stop() == 0


async def test_tokens_links_and_callbacks_outlive_a_restart(gateway, backend, registered):
    backend.offer("/locations", [{"id": str(number)} for number in range(3)])
    backend.answer("POST", "/commands/START_SESSION", data={"result": "ACCEPTED"})
    base = f"{gateway.public_url}/ocpi/2.2.1"
    async with registered.http.get(f"{base}/sender/locations?limit=2", headers=registered.headers()) as answer:
        link = answer.headers["Link"].partition(">")[0].strip("<")
    command = {"response_url": f"{registered.url}/results/1"}
    async with registered.http.post(
        f"{base}/receiver/commands/START_SESSION", json=command, headers=registered.headers()
    ) as answer:
        assert answer.status == 200
    response_url = json.loads(backend.requests[-1].body)["response_url"]

    await gateway.restart()

    async with registered.http.get(link, headers=registered.headers()) as answer:
        assert [location["id"] for location in (await answer.json())["data"]] == ["2"]
    http_status, _, _ = await backend.call("POST", response_url, document={"result": "ACCEPTED"})
    assert (http_status, registered.results) == (200, [{"result": "ACCEPTED"}])


async def test_a_client_that_hangs_up_cancels_the_request_to_the_backend(gateway, backend, registered):
    held = backend.hold("/locations")
    url = f"{gateway.public_url}/ocpi/2.2.1/sender/locations"
    request = asyncio.ensure_future(registered.http.get(url, headers=registered.headers()))
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
        async with registered.http.get(f"{gateway.public_url}/ocpi/versions", headers=registered.headers()) as answer:
            return answer.status, await answer.json(), answer.headers

    await eventually(401, call)


async def test_a_second_registration_with_one_invitation_is_answered_409_while_the_first_is_open(gateway, partner):
    partner.hold = Hold()
    first = asyncio.ensure_future(partner.register(gateway))
    await partner.hold.reached.wait()

    async with partner.post_credentials(gateway) as answer:
        second = answer.status
    partner.hold.release.set()
    await first

    assert second == 409
    assert (await gateway.show("partner"))["state"] == "REGISTERED"


async def test_nothing_secret_is_in_the_log_the_metrics_or_the_database(gateway, backend, registered):
    backend.offer("/locations", [])
    url = f"{gateway.public_url}/ocpi/2.2.1/sender/locations"
    async with registered.http.get(url, headers=registered.headers()) as answer:
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
