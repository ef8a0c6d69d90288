"""Two gateways on one PostgreSQL: what one does the other honours, and nobody is locked out when the server goes."""

import asyncio
import base64

import pytest

from tests.app.test_watch import readiness, until
from tests.e2e.rig import Hold

KEY = base64.b64encode(bytes(range(32))).decode()
LOCATIONS = "/ocpi/2.2.1/sender/locations"


@pytest.fixture
def shared(postgres):
    """A database of this test's own."""
    name = postgres.database()
    yield name
    postgres.drop(name)


@pytest.fixture
async def gateways(start, postgres, shared, backend):
    """Two gateways on that database."""
    backend.offer("/locations", [])
    settings = {"database": postgres.url_of(shared), "encryption_key": KEY}
    async with start(**settings) as one, start(**settings) as other:
        yield one, other


async def opens(partner, gateway, token=None):
    return (await partner.call("GET", gateway.public_url + LOCATIONS, token=token))[0]


async def test_store_several_gateways_a_handshake_on_one_is_honoured_by_the_other_at_once(gateways, partner):
    one, other = gateways
    token_a = (await one.verbs.invite("partner")).invitation_token

    assert (await partner.register(other.public_url, token_a=token_a))[0] == 200
    assert await opens(partner, one) == 200
    assert await opens(partner, other) == 200


async def test_store_several_gateways_a_revocation_on_one_is_honoured_by_the_other_within_a_second(gateways, partner):
    one, other = gateways
    await partner.register(one.public_url, token_a=(await one.verbs.invite("partner")).invitation_token)
    assert await opens(partner, other) == 200

    await one.verbs.revoke("partner")

    async def is_shut():
        return await opens(partner, other) == 401

    async with asyncio.timeout(1):
        assert await until(is_shut)


async def test_rp7_store_several_gateways_two_posts_with_one_token_a_to_both_end_in_one_registration(gateways, partner):
    one = gateways[0]
    token_a = (await one.verbs.invite("partner")).invitation_token
    partner.hold = Hold()
    posts = [
        asyncio.ensure_future(
            partner.call("POST", gateway.credentials_url, token=token_a, document=partner.credentials)
        )
        for gateway in gateways
    ]
    await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
    partner.hold.release.set()
    answers = [await post for post in posts]

    assert sorted((answer[0], answer[1]["status_code"]) for answer in answers) == [(200, 1000), (409, 2000)]
    (token_c,) = [answer[1]["data"]["token"] for answer in answers if answer[0] == 200]
    assert [await opens(partner, gateway, token_c) for gateway in gateways] == [200, 200]
    assert len(await one.verbs.partners()) == 1


async def test_without_the_server_known_tokens_work_handshakes_are_3000_and_all_is_well_again_by_itself(
    gateways, partner, postgres, shared
):
    one, _ = gateways
    await partner.register(one.public_url, token_a=(await one.verbs.invite("partner")).invitation_token)
    assert await opens(partner, one) == 200
    postgres.cut(shared)

    assert await opens(partner, one) == 200
    http_status, envelope = await partner.register(one.public_url, token_a=partner.token_c, method="PUT")
    assert (http_status, envelope["status_code"]) == (200, 3000)
    assert await opens(partner, one, "nobody-knows-this") == 401

    async def is_red():
        return (await readiness(one, partner))[0] == 503

    assert await until(is_red)
    postgres.let_in(shared)

    async def is_green():
        return (await readiness(one, partner))[0] == 200

    assert await until(is_green)
    http_status, envelope = await partner.register(one.public_url, token_a=partner.token_c, method="PUT")
    assert (http_status, envelope["status_code"]) == (200, 1000)


@pytest.mark.ways("kill")
async def test_store_stop_a_gateway_that_stops_amid_a_handshake_leaves_the_other_able_to_finish_it(
    start, postgres, shared, partner
):
    settings = {"database": postgres.url_of(shared), "encryption_key": KEY}
    settings["shutdown"] = {"drain_delay_seconds": 0, "grace_period_seconds": 0}
    async with start(**settings) as other:
        token_a = (await other.verbs.invite("partner")).invitation_token
        held = partner.hold = Hold()
        async with start(**settings) as one:
            post = asyncio.ensure_future(partner.register(one.public_url, token_a=token_a))
            await held.reached.wait()
        await asyncio.wait([post])
        assert post.exception() is not None
        held.release.set()
        partner.hold = None

        assert (await partner.register(other.public_url, token_a=token_a))[0] == 200
