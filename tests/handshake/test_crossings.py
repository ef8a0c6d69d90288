"""What both sides do at one moment, as the state machine found it: the token that each was given last stays good."""

import pytest

from gateway.store.vault import Keyring
from tests.conftest import OPERATOR_KEY
from tests.handshake.laws import check, check_trust
from tests.handshake.world import Crossed, Fate, Templates, Weather


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    return Templates(tmp_path_factory.mktemp("worlds"), Keyring([OPERATOR_KEY]))


@pytest.fixture
async def world(templates):
    world = templates.world()
    await world.act("cpo", "invite")
    await world.act("emsp", "register")
    await calls(world)
    yield world
    await world.close()


async def calls(world):
    """Both call one another."""
    for side in world.sides:
        assert await world.act(side, "call")


async def holds(world):
    """Each side has a token that works, also when graces are over and no former one is fallen back to."""
    world.clock.move(days=2)
    await check(world)
    await check_trust(world)


async def test_rule_3_a_call_that_was_sent_before_a_newer_token_came_does_not_end_the_newer_one(world):
    """The call in flight proves the token of the rotation before."""
    await world.act("cpo", "rotate")

    await world.act("cpo", "call", Weather((Crossed("emsp", "rotate"),)))

    await holds(world)
    await calls(world)


async def interrupted(world):
    """The CPO's PUT came to nothing, so its next token waits to be sent again; then the eMSP rotated."""
    refused = Weather((Fate.DELIVERED, Fate.DELIVERED, Fate.DELIVERED, Fate.LOST))
    assert not await world.act("cpo", "rotate", refused)
    assert await world.act("emsp", "rotate")


async def test_rule_4_a_token_that_died_while_its_retry_began_is_not_sent(world):
    """The call proves the token of the rotation in between, which ends the one before it."""
    await interrupted(world)

    assert not await world.act("cpo", "rotate", Weather((Crossed("emsp", "call"),)))

    await holds(world)
    assert await world.act("cpo", "rotate")
    await calls(world)
    await holds(world)


async def test_rule_4_a_token_that_is_sent_again_outlives_the_first_use_of_one_given_before(world):
    await interrupted(world)

    late = (Fate.DELIVERED, Fate.DELIVERED, Crossed("emsp", "call"))
    assert await world.act("cpo", "rotate", Weather(late))

    await holds(world)
    await calls(world)
