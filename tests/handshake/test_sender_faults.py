"""The Sender's end with every request, commit and answer failing in every way: handshake.md, SP1 to SP8."""

from contextlib import ExitStack

import pytest

from gateway.ocpi.flow import FetchCause
from gateway.store.engine import StoreUnavailableError
from gateway.store.notes import UnknownPartnerError
from tests.disk import failing_disks
from tests.handshake.fates import DISCOVERY, POST, S, each_crash, each_fate, each_unusable, fails, one_token, register
from tests.handshake.partners import THEIRS
from tests.handshake.rig import codes, lost, reply, unreachable
from tests.ocpi.dialogue import OUTBOUND_TOKEN, envelope

BROKEN = {
    "redirect": reply(b"", 302, location="https://other.example.com/"),
    "TLS": unreachable(FetchCause.TLS),
    "oversize": lost(FetchCause.OVERSIZE),
    "slow drip": lost(FetchCause.TIMEOUT),
    "malformed": lost(FetchCause.MALFORMED),
}


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
        assert codes(await gateway.asks("GET", "/ocpi/versions", one_token(platform, "POST"))) == (200, 1000)
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
