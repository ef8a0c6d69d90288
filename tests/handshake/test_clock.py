"""A clock that jumps a day, forward or back, at every point of a registration's life: handshake.md, Whole store."""

from itertools import product

import pytest

from gateway.ocpi.flow import HandshakeError
from gateway.ocpi.vocabulary import PartnerState
from tests.handshake.partners import THEIR_NEXT, THEIRS, invited
from tests.handshake.rig import codes, lost, reply, token_in
from tests.handshake.test_upkeep import Caretaker
from tests.ocpi.dialogue import CREDENTIALS_URL, INVITATION_TOKEN, NEXT_OUTBOUND_TOKEN, credentials, envelope

PUT = ("PUT", CREDENTIALS_URL)
each_jump = pytest.mark.parametrize(("days", "point"), list(product((1, -1), range(4))), ids=str)


@pytest.fixture
def jumps(clock, days, point):
    """`jumps(2)`: at that point the clock jumps, if this is where it does; at the next it is put right."""

    def at(number):
        if number == point:
            clock.move(days=days)
        elif number == point + 1:
            clock.move(days=-days)

    return at


@each_jump
async def test_store_clock_jumps_leave_a_partner_that_registers_and_renews_with_us_working(gateway, jumps):
    token = await invited(gateway)
    jumps(0)
    first = token_in(await gateway.presents("POST", token, THEIRS))
    jumps(1)
    assert await gateway.opens(first)
    jumps(2)
    second = token_in(await gateway.presents("PUT", first, THEIR_NEXT))
    jumps(3)
    assert await gateway.restarted().opens(second)
    jumps(4)
    assert codes(await gateway.restarted().presents("PUT", second, THEIRS)) == (200, 1000)


@each_jump
async def test_store_clock_jumps_leave_a_registration_and_a_rotation_of_ours_to_be_ended(gateway, platform, jumps):
    usual, platform.answers["POST", CREDENTIALS_URL] = platform.answers["POST", CREDENTIALS_URL], lost()
    with pytest.raises(HandshakeError):
        await gateway.register("acme", INVITATION_TOKEN)
    platform.answers["POST", CREDENTIALS_URL] = usual
    jumps(0)
    await gateway.restarted().resume("acme")
    assert await gateway.opens(platform.tokens_given("POST")[-1])
    jumps(1)
    platform.answers[PUT] = lost()
    with pytest.raises(HandshakeError):
        await gateway.rotate("acme")
    platform.answers[PUT] = reply(envelope(credentials(NEXT_OUTBOUND_TOKEN)))
    platform.answers["GET", CREDENTIALS_URL] = reply(envelope(credentials()))
    jumps(2)
    await Caretaker(gateway.restarted(), looks=True).passes()
    jumps(3)
    await gateway.restarted().rotate("acme")
    jumps(4)
    assert (await gateway.partner("acme")).state is PartnerState.REGISTERED
    assert await gateway.restarted().opens(platform.tokens_given("PUT")[-1])
    gateway.clock.move(days=3)  # past every time to try again
    await Caretaker(gateway.restarted()).passes()
    assert (await gateway.partner("acme")).state is PartnerState.REGISTERED
