"""The Sender's end with every request, commit and answer failing in every way: handshake.md, SP1 to SD2."""

import asyncio
from contextlib import ExitStack

import pytest

from gateway.ocpi.flow import FetchCause, HandshakeError
from gateway.ocpi.vocabulary import PartnerState
from gateway.store.engine import StoreUnavailableError
from gateway.store.notes import UnknownPartnerError
from tests.disk import failing_disks
from tests.handshake.fates import each_crash, each_fate, fails
from tests.handshake.rig import lost, reply, unreachable
from tests.handshake.test_upkeep import Caretaker
from tests.ocpi.dialogue import (
    CREDENTIALS_URL,
    DETAILS_URL,
    INVITATION_TOKEN,
    NEXT_OUTBOUND_TOKEN,
    OUTBOUND_TOKEN,
    VERSIONS_URL,
    credentials,
    envelope,
)

POST, PUT, DELETE = ("POST", CREDENTIALS_URL), ("PUT", CREDENTIALS_URL), ("DELETE", CREDENTIALS_URL)
DISCOVERY = ("GET", VERSIONS_URL), ("GET", DETAILS_URL)
THEIRS, THEIR_NEXT = credentials(), credentials(NEXT_OUTBOUND_TOKEN)
S = PartnerState

UNUSABLE = {
    "OCPI status 3000": reply(envelope(status_code=3000)),
    "data missing": reply(envelope()),
    "empty list": reply(envelope([])),
    "token missing": reply(envelope({key: value for key, value in THEIRS.items() if key != "token"})),
    "token empty": reply(envelope({**THEIRS, "token": ""})),
    "no body": reply(b""),
    "HTTP 201 and OCPI status 2001": reply(envelope(status_code=2001), 201),
}
each_unusable = pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE)
BROKEN = {
    "redirect": reply(b"", 302, location="https://other.example.com/"),
    "TLS": unreachable(FetchCause.TLS),
    "oversize": lost(FetchCause.OVERSIZE),
    "slow drip": lost(FetchCause.TIMEOUT),
    "malformed": lost(FetchCause.MALFORMED),
}


@pytest.fixture
def database(reachable):
    return reachable


def register(gateway):
    return gateway.register("acme", INVITATION_TOKEN)


def one_token(platform, method):
    """The only token of ours that it was ever given so."""
    (given,) = set(platform.tokens_given(method))
    return given


class TestPost:
    @pytest.mark.parametrize("at", [*DISCOVERY, POST], ids=str)
    @each_fate
    @pytest.mark.ways("kill", "error", "time-out", "lost answer")
    async def test_sp1_sp4_whatever_a_request_comes_to_it_is_resumed_without_being_told_anything(
        self, gateway, platform, at, fate
    ):
        usual, platform.answers[at] = platform.answers[at], fate
        await fails(register(gateway))
        assert (await gateway.partner("acme")).state is S.REGISTERING
        platform.answers[at] = usual
        again = gateway.restarted()

        assert (await again.resume("acme")).partner.state is S.REGISTERED
        assert await again.opens(one_token(platform, "POST"))

    @each_crash(writes=3)
    @pytest.mark.ways("kill")
    async def test_sp1_sp3_sp5_after_a_crash_around_any_commit_it_is_resumed(
        self, gateway, store, platform, point, write
    ):
        with store.crashing(point, write=write):
            await fails(register(gateway))
        again = gateway.restarted()

        if (point, write) == ("before", 1):
            with pytest.raises(UnknownPartnerError):
                await again.resume("acme")
            await register(again)
        elif (point, write) != ("after", 3):
            await again.resume("acme")
        partner = await again.partner("acme")
        assert (partner.state, partner.outbound_token) == (S.REGISTERED, OUTBOUND_TOKEN)
        assert await again.opens(one_token(platform, "POST"))

    @pytest.mark.parametrize("http_status", [401, 405])
    @pytest.mark.ways("kill")
    async def test_sp5_a_crash_before_token_c_was_committed_ends_half_open_where_token_a_is_spent(
        self, gateway, store, platform, http_status
    ):
        with store.crashing("before", write=3):
            await fails(register(gateway))
        platform.answers[POST] = reply(envelope(status_code=2000), http_status)
        again = gateway.restarted()
        await fails(again.resume("acme"))

        assert (await again.partner("acme")).state is S.HALF_OPEN
        assert await again.opens(one_token(platform, "POST"))

    @pytest.mark.parametrize("after", [(), DISCOVERY], ids=["at once", "during discovery"])
    @failing_disks
    @pytest.mark.ways("error")
    async def test_sp1_sp3_a_disk_that_takes_nothing_sends_no_token_b(
        self, gateway, platform, database, failing, after
    ):
        with ExitStack() as disks:
            if after:
                usual = platform.answers[DISCOVERY[1]]

                async def breaks(_request):
                    disks.enter_context(failing(database))
                    return usual

                platform.answers[DISCOVERY[1]] = breaks
            else:
                disks.enter_context(failing(database))
            with pytest.raises(StoreUnavailableError):
                await register(gateway)
        assert platform.sent("POST") == []
        platform.answers |= {DISCOVERY[1]: usual} if after else {}

        again = gateway.restarted()
        assert (await (again.resume("acme") if after else register(again))).partner.state is S.REGISTERED

    @failing_disks
    @pytest.mark.ways("error")
    async def test_sp6_a_disk_that_never_takes_token_c_leaves_the_registration_to_be_resumed(
        self, gateway, platform, database, failing
    ):
        with ExitStack() as disks:

            async def answer(_request):
                disks.enter_context(failing(database))
                return reply(envelope(THEIRS))

            platform.answers[POST] = answer
            assert isinstance(await fails(register(gateway)), StoreUnavailableError)
        assert [step for step, _ in gateway.progress[-2:]] == ["save their answer"] * 2
        platform.answers[POST] = reply(envelope(THEIRS))
        again = gateway.restarted()

        assert (await again.resume("acme")).partner.state is S.REGISTERED
        assert await again.opens(one_token(platform, "POST"))

    @each_unusable
    @pytest.mark.ways("error")
    async def test_sp7_no_answer_without_a_usable_token_replaces_anything(self, gateway, platform, clock, answer):
        platform.answers[POST] = answer
        await fails(register(gateway))
        partner = await gateway.partner("acme")
        assert (partner.state, partner.outbound_token) == (S.REGISTERING, None)
        clock.move(hours=23)
        assert await gateway.books.states("acme") == ["pending"]
        platform.answers[POST] = reply(envelope(THEIRS))

        assert (await gateway.restarted().resume("acme")).partner.state is S.REGISTERED
        assert await gateway.opens(one_token(platform, "POST"))

    @pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
    @pytest.mark.ways("error", "time-out")
    async def test_sp8_a_post_that_breaks_fails_with_the_cause_and_is_resumed(self, gateway, platform, answer):
        platform.answers[POST] = answer
        failed = await fails(register(gateway))
        assert failed.step == "POST credentials"
        assert failed.outcome_unknown is getattr(answer, "sent", False)
        assert str(failed) == (await gateway.operations.partner("acme")).note
        platform.answers[POST] = reply(envelope(THEIRS))

        assert (await gateway.restarted().resume("acme")).partner.state is S.REGISTERED
        assert await gateway.opens(one_token(platform, "POST"))


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
