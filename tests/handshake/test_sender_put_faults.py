"""The Sender that rotates and unregisters, with every request and commit failing: handshake.md, SU1 to SD2."""

import asyncio
from contextlib import ExitStack

import pytest

from gateway.ocpi.flow import HandshakeError
from gateway.store.engine import StoreUnavailableError
from tests.disk import failing_disks
from tests.handshake.fates import (
    DELETE,
    DISCOVERY,
    PUT,
    S,
    each_crash,
    each_fate,
    each_unusable,
    fails,
    one_token,
    register,
)
from tests.handshake.partners import THEIR_NEXT
from tests.handshake.rig import lost, reply, unreachable
from tests.handshake.test_upkeep import Caretaker
from tests.ocpi.dialogue import NEXT_OUTBOUND_TOKEN, OUTBOUND_TOKEN, envelope


@pytest.fixture
async def whole(gateway, platform):
    """A gateway that registered with the partner, each with a token of the other that it used."""
    await register(gateway)
    assert await gateway.opens(platform.tokens_given("POST")[0])
    platform.answers[PUT] = reply(envelope(THEIR_NEXT))
    return gateway


async def both_work(gateway, platform):
    """The token that the partner last used, and the next one that it may have got, are both accepted."""
    assert await gateway.opens(platform.tokens_given("POST")[0])
    for token in platform.tokens_given("PUT"):
        answer = await gateway.asks("GET", "/ocpi/versions", token)
        assert answer.http_status == 200


class TestPut:
    @pytest.mark.parametrize("at", [*DISCOVERY, PUT], ids=str)
    @each_fate
    @pytest.mark.ways("kill", "error", "time-out", "lost answer")
    async def test_su2_su3_su6_whatever_a_request_comes_to_both_tokens_work_and_the_same_is_sent_again(
        self, whole, platform, at, fate
    ):
        usual, platform.answers[at] = platform.answers[at], fate
        await fails(whole.rotate("acme"))
        partner = await whole.partner("acme")
        assert (partner.state, partner.outbound_token) == (S.REGISTERED, OUTBOUND_TOKEN)
        again = whole.restarted()
        await both_work(again, platform)
        platform.answers[at] = usual

        assert (await again.rotate("acme")).partner.outbound_token == NEXT_OUTBOUND_TOKEN
        assert await again.opens(one_token(platform, "PUT"))

    @each_crash(writes=2)
    @pytest.mark.ways("kill")
    async def test_su1_su4_su6_after_a_crash_around_any_commit_a_running_gateway_ends_it(
        self, whole, platform, point, write
    ):
        with whole.store.crashing(point, write=write):
            await fails(whole.rotate("acme"))
        again = whole.restarted()
        await both_work(again, platform)

        if (point, write) == ("before", 1):
            assert platform.sent("PUT") == []
            whole.clock.move(days=40)
        await Caretaker(again).passes()

        partner = await again.partner("acme")
        assert (partner.state, partner.outbound_token) == (S.REGISTERED, NEXT_OUTBOUND_TOKEN)
        assert partner.previous_outbound_token == OUTBOUND_TOKEN
        assert await again.opens(one_token(platform, "PUT"))

    @failing_disks
    @pytest.mark.ways("error")
    async def test_su1_a_disk_that_takes_nothing_sends_no_put(self, whole, platform, database, failing):
        with failing(database), pytest.raises(StoreUnavailableError):
            await whole.rotate("acme")

        assert platform.sent("PUT") == []
        assert (await whole.rotate("acme")).partner.outbound_token == NEXT_OUTBOUND_TOKEN

    @failing_disks
    @pytest.mark.ways("error")
    async def test_su4_a_disk_that_never_takes_the_next_token_leaves_both_of_ours_working(
        self, whole, platform, database, failing
    ):
        with ExitStack() as disks:

            async def answer(_request):
                disks.enter_context(failing(database))
                return reply(envelope(THEIR_NEXT))

            platform.answers[PUT] = answer
            assert isinstance(await fails(whole.rotate("acme")), StoreUnavailableError)
        platform.answers[PUT] = reply(envelope(THEIR_NEXT))
        again = whole.restarted()
        await both_work(again, platform)
        await Caretaker(again).passes()

        assert (await again.partner("acme")).outbound_token == NEXT_OUTBOUND_TOKEN
        assert await again.opens(one_token(platform, "PUT"))

    @each_unusable
    @pytest.mark.ways("error")
    async def test_su2_after_an_unusable_answer_our_next_token_waits_for_a_day(self, whole, platform, clock, answer):
        platform.answers[PUT] = answer
        await fails(whole.rotate("acme"))
        assert await whole.books.states("acme") == ["active", "pending"]
        clock.move(hours=23)
        await both_work(whole.restarted(), platform)
        clock.move(hours=1)

        refused = await whole.asks("GET", "/ocpi/versions", platform.tokens_given("PUT")[0])
        assert refused.http_status == 401
        assert await whole.opens(platform.tokens_given("POST")[0])

    @pytest.mark.ways("kill")
    async def test_su5_a_crash_while_the_first_use_is_noted_leaves_both_tokens_working(
        self, whole, store, platform, clock
    ):
        await whole.rotate("acme")
        former, fresh = platform.tokens_given("POST")[0], platform.tokens_given("PUT")[0]
        with store.crashing("before"), pytest.raises(asyncio.CancelledError):
            await whole.opens(fresh)
        again = whole.restarted()
        assert await again.opens(former)
        assert await again.opens(fresh)

        clock.move(seconds=60)
        assert not await again.restarted().opens(former)
        assert await again.restarted().opens(fresh)


class TestDelete:
    @each_crash(writes=2)
    @pytest.mark.ways("kill")
    async def test_sd1_su6_after_a_crash_around_any_commit_it_is_done_again(self, whole, store, platform, point, write):
        with store.crashing(point, write=write):
            await fails(whole.unregister("acme", force=False))
        again = whole.restarted()
        if (point, write) == ("before", 1):
            assert await again.opens(platform.tokens_given("POST")[0])
            await again.unregister("acme")
        platform.answers[DELETE] = reply(b"", 401)  # they know of no registration any more
        await Caretaker(again).passes()

        assert (await again.partner("acme")).state is S.UNREGISTERED
        assert not await again.restarted().opens(platform.tokens_given("POST")[0])

    @each_fate
    @pytest.mark.ways("kill", "error", "time-out", "lost answer")
    async def test_sd2_whatever_the_delete_comes_to_the_tokens_stay_until_it_is_forced(self, whole, platform, fate):
        platform.answers[DELETE] = fate
        await fails(whole.unregister("acme"))
        again = whole.restarted()
        assert await again.opens(platform.tokens_given("POST")[0])
        assert (await again.partner("acme")).outbound_token == OUTBOUND_TOKEN

        if isinstance(fate, asyncio.CancelledError):
            platform.answers[DELETE] = unreachable()
        assert (await again.unregister("acme", force=True)).partner.state is S.UNREGISTERED

    @failing_disks
    @pytest.mark.ways("error")
    async def test_sd1_a_disk_that_takes_nothing_sends_no_delete(self, whole, platform, database, failing):
        with failing(database), pytest.raises(StoreUnavailableError):
            await whole.unregister("acme")

        assert platform.sent("DELETE") == []
        assert (await whole.unregister("acme")).partner.state is S.UNREGISTERED


@pytest.mark.ways("kill", "lost answer")
async def test_su6_a_crash_of_the_caretaker_itself_leaves_the_next_one_to_go_on(whole, store, platform, clock):
    clock.move(days=40)
    platform.answers[PUT] = lost()
    with pytest.raises(HandshakeError):
        await whole.rotate("acme")
    platform.answers[PUT] = reply(envelope(THEIR_NEXT))
    clock.move(hours=1)
    with store.crashing("before", write=2), pytest.raises(asyncio.CancelledError):
        await Caretaker(whole.restarted()).upkeep._initiator.rotate("acme", progress=lambda *_: None)
    await Caretaker(whole.restarted()).passes()

    assert (await whole.partner("acme")).outbound_token == NEXT_OUTBOUND_TOKEN
    assert len(set(platform.tokens_given("PUT"))) == 1
