"""A real process that is stopped or killed amid a handshake: handshake.md, RP1, RU3, SP1 and Whole store."""

import asyncio
import signal

import aiohttp
import pytest

from tests.e2e.rig import Hold
from tests.platform import Platform, token_header

pytestmark = pytest.mark.e2e


@pytest.fixture
async def partner():
    """An eMSP in this process, which keeps call-backs waiting."""
    async with Platform() as one:
        one.hold = Hold()
        yield one


async def opens(gateway, partner):
    headers = {"Authorization": token_header(partner.token_c)}
    async with partner.http.get(f"{gateway.public_url}/ocpi/versions", headers=headers) as answer:
        return answer.status == 200


async def open_post(gateway, partner, **options):
    """A handshake of the partner whose call-back is waiting."""
    post = asyncio.ensure_future(partner.register(gateway.public_url, token_a=partner.token_a, **options))
    await partner.hold.reached.wait()
    return post


async def test_store_stop_by_sigterm_lets_a_handshake_finish(gateway, partner):
    partner.token_a = (await gateway.invite("partner"))["token_a"]
    post = await open_post(gateway, partner)
    gateway.signal(signal.SIGTERM)
    await gateway.until("closing")
    partner.hold.release.set()

    http_status, envelope = await post
    assert (http_status, envelope["status_code"]) == (200, 1000)
    await gateway.restart()
    assert await opens(gateway, partner)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["sigterm", "kill"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.ways("kill")
async def test_rp1_ru3_store_stop_amid_a_handshake_leaves_nothing_and_the_retry_works(gateway, partner, method, how):
    token_a = partner.token_a = (await gateway.invite("partner"))["token_a"]
    await gateway.restart(shutdown={"drain_delay_seconds": 0, "grace_period_seconds": 0})
    if method == "PUT":
        held, partner.hold = partner.hold, None
        await partner.register(gateway.public_url, token_a=token_a)
        partner.hold, partner.token_a = held, partner.token_c
    post = await open_post(gateway, partner, method=method)
    await (gateway.crash() if how is signal.SIGKILL else gateway.restart())
    with pytest.raises(aiohttp.ClientError):
        await post
    partner.hold.release.set()
    partner.hold = None
    assert method == "POST" or await opens(gateway, partner)

    http_status, envelope = await partner.register(gateway.public_url, token_a=partner.token_a, method=method)
    assert (http_status, envelope["status_code"]) == (200, 1000)
    assert await opens(gateway, partner)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
@pytest.mark.ways("kill")
async def test_sp1_store_stop_of_a_command_that_registers_leaves_it_to_be_resumed(gateway, partner, how):
    words = ("--versions-url", partner.versions_url, "--token-a", "token-a-of-the-platform")
    verb = await gateway.begin("partner", "register", "partner", *words)
    await partner.hold.reached.wait()
    verb.send_signal(how)
    assert (await verb.result()).exit_code != 0
    partner.hold.release.set()
    partner.hold = None
    assert (await gateway.show("partner"))["state"] == "REGISTERING"

    await gateway.do("partner", "register", "partner")

    assert (await gateway.show("partner"))["state"] == "REGISTERED"
    assert len(partner.posted) == 1
