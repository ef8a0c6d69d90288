"""What both sides do at one moment, as the state machine found it: the token that each was given last stays good."""

import pytest

from gateway.store.vault import Keyring
from tests.conftest import OPERATOR_KEY
from tests.handshake.laws import check, check_trust
from tests.handshake.world import Crossed, Templates, Weather


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
    """Each side has a token that works, also when graces are over."""
    world.clock.move(seconds=61)
    await check(world)
    await check_trust(world)


async def test_rule_3_a_call_that_was_sent_before_a_newer_token_came_does_not_end_the_newer_one(world):
    """The call in flight proves the token of the rotation before."""
    await world.act("cpo", "rotate")

    await world.act("cpo", "call", Weather((Crossed("emsp", "rotate"),)))

    await holds(world)
    await calls(world)
