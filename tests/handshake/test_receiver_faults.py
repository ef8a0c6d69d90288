"""The Receiver's end with every request, commit and answer failing in every way: handshake.md, RP1 to RD2."""

import asyncio

import pytest

from gateway.ocpi.vocabulary import PartnerState
from tests.disk import failing_disks
from tests.handshake.fates import each_fate, presents
from tests.handshake.partners import THEIR_NEXT, THEIRS, everything, invited, registered
from tests.handshake.rig import codes, lost, reply, token_in
from tests.ocpi.dialogue import DETAILS_URL, OUTBOUND_TOKEN, VERSIONS_URL

unanswered = pytest.mark.parametrize("how", [asyncio.CancelledError(), lost()], ids=["kill", "lost answer"])
each_call_back = pytest.mark.parametrize("url", [VERSIONS_URL, DETAILS_URL], ids=["versions", "details"])


async def loses(gateway, how, *request):
    """Let an answer get lost; gives what it was."""
    gateway.loses_answers = how
    with pytest.raises(type(how)):
        await gateway.presents(*request)
    gateway.loses_answers = False
    return gateway.lost_answers[-1]


class TestPost:
    @each_call_back
    @each_fate
    @pytest.mark.ways("kill", "error", "time-out", "lost answer")
    async def test_rp1_rp2_whatever_a_call_back_comes_to_nothing_is_written_and_the_retry_works(
        self, gateway, platform, url, fate
    ):
        token = await invited(gateway)
        before, usual = await everything(gateway), platform.answers["GET", url]
        platform.answers["GET", url] = fate

        answer = await presents(gateway, "POST", token, THEIRS)
        assert answer is None or codes(answer) == (200, 3001)
        assert await everything(gateway) == before

        platform.answers["GET", url] = usual
        again = gateway.restarted()
        assert await again.opens(token_in(await again.presents("POST", token, THEIRS)))

    @failing_disks
    @pytest.mark.ways("error")
    async def test_rp5_a_disk_that_takes_nothing_is_3000_and_the_retry_works(self, gateway, database, failing):
        token = await invited(gateway)
        before = await everything(gateway)
        with failing(database):
            assert codes(await gateway.presents("POST", token, THEIRS)) == (200, 3000)
            assert codes(await gateway.presents("GET", token)) == (200, 1000)
        assert await everything(gateway) == before

        assert await gateway.opens(token_in(await gateway.presents("POST", token, THEIRS)))

    @pytest.mark.parametrize("point", ["before", "after"])
    @pytest.mark.ways("kill")
    async def test_rp1_rp5_rp6_after_a_crash_around_the_commit_token_a_repeats_the_post(self, gateway, store, point):
        token = await invited(gateway)
        before = await everything(gateway)
        with store.crashing(point):
            assert await presents(gateway, "POST", token, THEIRS) is None
        assert (await everything(gateway) == before) is (point == "before")
        again = gateway.restarted()

        assert not await again.opens(token)
        assert await again.opens(token_in(await again.presents("POST", token, THEIRS)))
        assert codes(await again.presents("POST", token, THEIRS)) == (401, 2000)

    @unanswered
    @pytest.mark.ways("kill", "lost answer")
    async def test_rp6_rp8_earlier_tokens_live_until_one_is_used_which_ends_token_a(self, gateway, how):
        token = await invited(gateway)
        first = token_in(await loses(gateway, how, "POST", token, THEIRS))
        second = token_in(await loses(gateway, how, "POST", token, THEIRS))
        again = gateway.restarted()

        assert await again.books.states("acme") == ["pending", "pending"]
        assert await again.opens(first)

        assert not await again.opens(second)
        assert codes(await again.presents("POST", token, THEIRS)) == (401, 2000)

    @pytest.mark.ways("kill")
    async def test_rp8_a_crash_after_the_answer_was_written_leaves_token_a_dead_once_token_c_is_used(
        self, gateway, store
    ):
        token = await invited(gateway)
        with store.crashing("before", write=2):  # that which notes the delivery
            assert await presents(gateway, "POST", token, THEIRS) is None
        again = gateway.restarted()

        assert await again.opens(token_in(await again.presents("POST", token, THEIRS)))
        assert codes(await again.presents("POST", token, THEIRS)) == (401, 2000)


class TestPut:
    @each_call_back
    @each_fate
    @pytest.mark.ways("kill", "error", "time-out", "lost answer")
    async def test_ru1_whatever_a_call_back_comes_to_all_old_stays(self, gateway, platform, url, fate):
        token = await registered(gateway)
        before, usual = await everything(gateway), platform.answers["GET", url]
        platform.answers["GET", url] = fate

        answer = await presents(gateway, "PUT", token, THEIR_NEXT)
        assert answer is None or codes(answer) == (200, 3001)
        assert await everything(gateway) == before

        platform.answers["GET", url] = usual
        again = gateway.restarted()
        assert await again.opens(token)
        assert await again.opens(token_in(await again.presents("PUT", token, THEIR_NEXT)))

    @pytest.mark.ways("error")
    async def test_ru2_a_call_back_refused_with_both_tokens_is_3001(self, gateway, platform):
        token = await registered(gateway)
        before, sent = await everything(gateway), len(platform.requests)
        platform.answers["GET", VERSIONS_URL] = reply(b"", 401)

        assert codes(await gateway.presents("PUT", token, THEIR_NEXT)) == (200, 3001)
        assert await everything(gateway) == before
        asked = [each.headers.get("Authorization") for each in platform.requests[sent:]]
        assert len(asked) == len(set(asked)), "a token was tried twice in one form"

    @failing_disks
    @pytest.mark.ways("error")
    async def test_ru3_a_disk_that_takes_nothing_is_3000_and_all_old_stays(self, gateway, database, failing):
        token = await registered(gateway)
        before = await everything(gateway)
        with failing(database):
            assert codes(await gateway.presents("PUT", token, THEIR_NEXT)) == (200, 3000)
            assert await gateway.opens(token)
        assert await everything(gateway) == before

        assert codes(await gateway.presents("PUT", token, THEIR_NEXT)) == (200, 1000)

    @pytest.mark.parametrize("point", ["before", "after"])
    @pytest.mark.ways("kill")
    async def test_ru3_ru4_after_a_crash_around_the_commit_the_old_token_may_put_again(self, gateway, store, point):
        token = await registered(gateway)
        with store.crashing(point):
            assert await presents(gateway, "PUT", token, THEIR_NEXT) is None
        again = gateway.restarted()
        former = (await again.partner("acme")).outbound_token == OUTBOUND_TOKEN
        assert former is (point == "before")
        assert await again.opens(token)

        fresh = token_in(await again.presents("PUT", token, THEIR_NEXT))
        assert await again.opens(fresh)
        assert codes(await again.presents("PUT", token, THEIR_NEXT)) == (401, 2000)

    @unanswered
    @pytest.mark.ways("kill", "lost answer")
    async def test_ru4_without_an_answer_the_old_token_puts_until_a_new_one_is_used(self, gateway, how):
        token = await registered(gateway)
        fresh = [token_in(await loses(gateway, how, "PUT", token, THEIR_NEXT)) for _ in range(4)]
        again = gateway.restarted()
        assert await again.opens(token)

        assert await again.books.states("acme") == ["active", "pending", "pending", "pending"]
        assert await again.opens(fresh[-1])
        assert codes(await again.presents("PUT", token, THEIR_NEXT)) == (401, 2000)

    @pytest.mark.ways("kill")
    async def test_ru5_a_crash_while_the_first_use_is_noted_leaves_both_tokens_working(self, gateway, store, clock):
        former = await registered(gateway)
        fresh = token_in(await gateway.presents("PUT", former, THEIR_NEXT))
        with store.crashing("before"), pytest.raises(asyncio.CancelledError):
            await gateway.opens(fresh)
        again = gateway.restarted()
        assert await again.opens(former)
        assert await again.opens(fresh)

        clock.move(seconds=60)
        assert not await again.restarted().opens(former)
        assert await again.restarted().opens(fresh)


class TestDelete:
    @failing_disks
    @pytest.mark.ways("error")
    async def test_rd1_a_disk_that_takes_nothing_is_3000_and_changes_nothing(self, gateway, database, failing):
        token = await registered(gateway)
        before = await everything(gateway)
        with failing(database):
            assert codes(await gateway.presents("DELETE", token)) == (200, 3000)
        assert await everything(gateway) == before
        assert await gateway.opens(token)

    @pytest.mark.parametrize("point", ["before", "after"])
    @pytest.mark.ways("kill")
    async def test_rd1_rd2_after_a_crash_around_the_commit_the_delete_is_repeated(self, gateway, store, point):
        token = await registered(gateway)
        with store.crashing(point):
            assert await presents(gateway, "DELETE", token) is None
        again = gateway.restarted()
        assert await again.opens(token) is (point == "before")

        assert codes(await again.presents("DELETE", token)) == (200, 1000)
        assert (await again.partner("acme")).state is PartnerState.UNREGISTERED

    @unanswered
    @pytest.mark.ways("kill", "lost answer")
    async def test_rd2_without_an_answer_the_delete_is_answered_again(self, gateway, how):
        token = await registered(gateway)
        await loses(gateway, how, "DELETE", token)
        again = gateway.restarted()

        assert codes(await again.presents("DELETE", token)) == (200, 1000)
        assert codes(await again.presents("PUT", token, THEIR_NEXT)) == (401, 2000)
