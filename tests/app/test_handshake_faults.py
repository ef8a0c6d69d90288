"""Slow call-backs, partners that hang up, requests in flight, over HTTP: handshake.md, RP4, RP6, RP7, RD3, SD1."""

import asyncio

import pytest

from gateway.ocpi.flow import HandshakeError
from tests.app.test_standing import call
from tests.app.test_watch import until
from tests.e2e.rig import Hold

LOCATIONS = "/ocpi/2.2.1/sender/locations"


async def opens(gateway, partner, token=None):
    return (await partner.call("GET", gateway.public_url + LOCATIONS, token=token))[0] == 200


def words(answer):
    """HTTP status, OCPI status code."""
    return answer[0], answer[1]["status_code"]


@pytest.mark.ways("time-out")
async def test_rp4_call_backs_that_take_longer_than_their_budget_are_3001_and_the_retry_works(start, partner):
    async with start(outbound={"callback_budget_seconds": 0.5, "get_timeout_seconds": 0.5}) as gateway:
        token_a = (await gateway.verbs.invite("partner")).invitation_token
        partner.hold = Hold()
        http_status, envelope = await partner.register(gateway.public_url, token_a=token_a)
        partner.hold.release.set()
        partner.hold = None

        assert (http_status, envelope["status_code"]) == (200, 3001)
        assert envelope["status_message"].startswith("GET version details: ")
        assert words(await partner.register(gateway.public_url, token_a=token_a)) == (200, 1000)


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.ways("lost answer", "time-out")
async def test_rp4_rp6_ru4_a_partner_that_hung_up_during_the_call_backs_may_repeat(gateway, backend, invited, method):
    backend.offer("/locations", [])
    token = invited.token_a
    if method == "PUT":
        await invited.register(gateway.public_url, token_a=token)
        token = invited.token_c
    invited.hold = held = Hold()
    request = asyncio.ensure_future(invited.register(gateway.public_url, token_a=token, method=method))
    await held.reached.wait()
    request.cancel()
    await asyncio.wait([request])
    held.release.set()
    invited.hold = None

    async def is_done():
        return words(await invited.register(gateway.public_url, token_a=token, method=method)) == (200, 1000)

    assert await until(is_done)  # 409 while what it hung up on is still under way
    assert await opens(gateway, invited)


async def test_rd3_requests_in_flight_finish_and_new_ones_to_the_partner_are_4003(gateway, backend, registered):
    held = backend.hold("/locations")
    request = asyncio.ensure_future(registered.call("GET", gateway.public_url + LOCATIONS))
    await held.reached.wait()

    assert words(await registered.call("DELETE", gateway.credentials_url)) == (200, 1000)
    assert await call(gateway, registered) == (409, 4003)
    held.release.set()

    assert (await request)[0] == 200
    assert not await opens(gateway, registered)


async def test_sd1_nothing_else_goes_out_to_the_partner_while_it_is_not_known_whether_our_delete_arrived(
    gateway, registered
):
    registered.answers["/credentials"] = (200, b"x" * 2_000_000, {})
    with pytest.raises(HandshakeError) as failed:
        await gateway.verbs.unregister("partner", force=False, progress=lambda *_: None)
    assert failed.value.outcome_unknown

    async def is_stopped():
        return await call(gateway, registered) == (409, 4003)

    assert await until(is_stopped)
    assert (await registered.call("GET", gateway.credentials_url))[0] == 200


@pytest.fixture
async def gateways(start, backend):
    """Two gateways on one SQLite file."""
    backend.offer("/locations", [])
    async with start() as one, start() as other:
        yield one, other


async def test_store_several_gateways_on_one_sqlite_file_honour_what_the_other_did(gateways, partner):
    one, other = gateways
    token_a = (await one.verbs.invite("partner")).invitation_token
    assert words(await partner.register(other.public_url, token_a=token_a)) == (200, 1000)
    former = partner.token_c
    for gateway in gateways:
        assert await opens(gateway, partner)
    assert words(await partner.register(one.public_url, token_a=former, method="PUT")) == (200, 1000)
    for gateway in (other, one):
        assert await opens(gateway, partner)

    await one.verbs.revoke("partner")

    async def is_shut():
        return not any([await opens(gateway, partner) for gateway in gateways])

    assert await until(is_shut)


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_rp7_ru8_store_several_gateways_two_at_once_on_one_sqlite_file_end_in_one(gateways, partner, method):
    one = gateways[0]
    token = (await one.verbs.invite("partner")).invitation_token
    if method == "PUT":
        await partner.register(one.public_url, token_a=token)
        token = partner.token_c
    partner.hold = Hold()
    requests = [
        asyncio.ensure_future(partner.call(method, each.credentials_url, token=token, document=partner.credentials))
        for each in gateways
    ]
    await asyncio.wait(requests, return_when=asyncio.FIRST_COMPLETED)
    partner.hold.release.set()
    answers = [await request for request in requests]

    assert sorted(map(words, answers)) == [(200, 1000), (409, 2000)]
    (fresh,) = [answer[1]["data"]["token"] for answer in answers if answer[0] == 200]
    assert [await opens(gateway, partner, fresh) for gateway in gateways] == [True, True]
    assert len(await one.verbs.partners()) == 1
