"""Name servers that do not answer hold up nobody but the partner that they belong to."""

import asyncio

import pytest
from aiohttp.abc import AbstractResolver

from gateway.net.address import calling
from gateway.net.lookups import BoundedResolver

pytestmark = pytest.mark.threat("D8")


class Silent(AbstractResolver):
    """A resolver that answers for one partner's host only when it is let."""

    def __init__(self):
        self.asked, self.let = [], asyncio.Event()

    async def resolve(self, host, port=0, family=None):
        self.asked.append(host)
        if host == "silent.example":
            await self.let.wait()
        if host == "unknown.example":
            raise OSError("no such name")
        return [host]

    async def close(self):
        self.let.set()


@pytest.fixture
async def names():
    silent = Silent()
    resolver = BoundedResolver(silent)
    yield silent, resolver
    await resolver.close()


async def look(resolver, partner, host):
    with calling(host=host, partner=partner):
        return await resolver.resolve(host)


async def given_up(resolver, partner):
    """A look-up that somebody waited for and no longer does; its thread is busy all the same."""
    waiting = asyncio.ensure_future(look(resolver, partner, "silent.example"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_a_partner_has_only_a_few_look_ups_under_way_and_others_are_not_held_up(names):
    silent, resolver = names
    for _ in range(4):
        await given_up(resolver, "acme")

    with pytest.raises(OSError, match="do not answer"):
        await look(resolver, "acme", "silent.example")
    assert len(silent.asked) == 4
    assert await look(resolver, "other", "well.example") == ["well.example"]


async def test_a_look_up_that_ended_makes_room_for_the_next(names):
    silent, resolver = names
    for _ in range(4):
        await given_up(resolver, "acme")
    silent.let.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert await look(resolver, "acme", "well.example") == ["well.example"]


async def test_a_look_up_that_failed_makes_room_too_and_its_failure_is_told(names):
    _, resolver = names
    for _ in range(10):
        with pytest.raises(OSError, match="no such name"):
            await look(resolver, "acme", "unknown.example")
