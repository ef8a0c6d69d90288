"""Name servers that do not answer hold up nobody but the partner that they belong to."""

import asyncio
import gc
import threading

import pytest
from aiohttp.abc import AbstractResolver

from gateway.net.address import calling
from gateway.net.lookups import BoundedResolver, give_threads

pytestmark = pytest.mark.threat("D8")


class Silent(AbstractResolver):
    """A resolver that answers for one partner's host only when it is let."""

    def __init__(self):
        self.asked, self.let = [], asyncio.Event()

    async def resolve(self, host, port=0, family=None):
        self.asked.append(host)
        if host.endswith(("silent.example", "failing.example")):
            await self.let.wait()
        if host in {"unknown.example", "failing.example"}:
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


async def given_up(resolver, partner, host="silent.example"):
    """A look-up that somebody waited for and no longer does; its thread is busy all the same."""
    waiting = asyncio.ensure_future(look(resolver, partner, host))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_a_partner_has_only_a_few_look_ups_under_way_and_others_are_not_held_up(names):
    silent, resolver = names
    for number in range(4):
        await given_up(resolver, "acme", f"{number}.silent.example")

    with pytest.raises(OSError, match="do not answer"):
        await look(resolver, "acme", "silent.example")
    assert len(silent.asked) == 4
    assert await look(resolver, "other", "well.example") == ["well.example"]


async def test_a_look_up_that_ended_makes_room_for_the_next(names):
    silent, resolver = names
    for number in range(4):
        await given_up(resolver, "acme", f"{number}.silent.example")
    silent.let.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert await look(resolver, "acme", "well.example") == ["well.example"]


async def test_a_look_up_that_failed_makes_room_too_and_its_failure_is_told(names):
    _, resolver = names
    for _ in range(10):
        with pytest.raises(OSError, match="no such name"):
            await look(resolver, "acme", "unknown.example")


async def test_a_look_up_that_ended_makes_room_for_one_and_no_more(names):
    _, resolver = names
    for number in range(3):
        await given_up(resolver, "acme", f"{number}.silent.example")
    assert await look(resolver, "acme", "well.example") == ["well.example"]
    await given_up(resolver, "acme")

    with pytest.raises(OSError, match="do not answer"):
        await look(resolver, "acme", "well.example")


async def test_a_look_up_that_fails_when_nobody_waits_any_more_is_not_complained_about(names):
    silent, resolver = names
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    await given_up(resolver, "acme", "failing.example")
    silent.let.set()
    for _ in range(3):
        await asyncio.sleep(0)
    gc.collect()

    assert complaints == []
    assert await look(resolver, "acme", "well.example") == ["well.example"]


async def test_who_asks_the_same_for_the_same_partner_meanwhile_shares_the_answer(names):
    silent, resolver = names
    waiting = [asyncio.ensure_future(look(resolver, "acme", "silent.example")) for _ in range(64)]
    other = asyncio.ensure_future(look(resolver, "other", "silent.example"))
    await asyncio.sleep(0)
    silent.let.set()
    assert await asyncio.gather(*waiting, other) == [["silent.example"]] * 65
    assert silent.asked == ["silent.example"] * 2


async def test_closing_it_closes_the_resolver_that_it_asks(names):
    silent, resolver = names
    await resolver.close()

    assert silent.let.is_set()


async def test_many_look_ups_have_a_thread_each():
    loop = asyncio.get_running_loop()
    give_threads(loop)
    together = threading.Barrier(40)

    await asyncio.gather(*(loop.run_in_executor(None, together.wait, 10) for _ in range(40)))

    assert not together.broken
