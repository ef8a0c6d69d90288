"""The Receiver's end when a POST goes wrong: handshake.md, RP1 to RP10."""

import pytest

from gateway.ocpi.flow import FetchCause
from gateway.store.gatekeeper import Refusal, UnauthenticatedError
from tests.handshake.partners import THEIRS, everything, invited, registered
from tests.handshake.rig import codes, lost, reply, said, token_in, unreachable
from tests.ocpi.dialogue import (
    DETAILS_URL,
    NEXT_OUTBOUND_TOKEN,
    OUTBOUND_TOKEN,
    VERSIONS_URL,
    credentials,
    envelope,
    versions,
)


class TestPostFaults:
    """handshake.md, Receiver: the partner POSTs with A."""

    @pytest.mark.parametrize(
        "failure",
        [
            *(unreachable(cause) for cause in FetchCause),
            reply(b"", 401),
            reply(b"", 503),
            reply(b"", 302, location="https://other.example.com/"),
            reply(b"{bad json"),
            reply(envelope(status_code=3000)),
        ],
        ids=str,
    )
    @pytest.mark.ways("error", "time-out")
    async def test_rp2_a_failed_call_back_is_3001_writes_nothing_and_the_retry_works(self, gateway, platform, failure):
        token = await invited(gateway)
        before = await everything(gateway)
        usual = platform.answers["GET", VERSIONS_URL]
        platform.answers["GET", VERSIONS_URL] = failure

        assert codes(await gateway.presents("POST", token, THEIRS)) == (200, 3001)
        assert await everything(gateway) == before

        platform.answers["GET", VERSIONS_URL] = usual
        assert codes(await gateway.presents("POST", token, THEIRS)) == (200, 1000)

    @pytest.mark.ways("error")
    async def test_rp3_a_token_accepted_too_late_is_3001_with_that_cause(self, gateway, platform):
        platform.answers["GET", VERSIONS_URL] = reply(b"", 401)
        answer = said(await gateway.presents("POST", await invited(gateway), THEIRS))

        assert answer[:2] == (200, 3001)
        assert "must be accepted before our answer" in answer[2]

    @pytest.mark.ways("error")
    async def test_rp5_a_store_that_can_not_even_be_read_is_3000(self, gateway, platform, database):
        token = await invited(gateway)
        await gateway.directory.refresh()
        await gateway.store.close()
        whole = database.read_bytes()
        database.write_bytes(b"not a database" * 1000)

        assert codes(await gateway.presents("POST", token, THEIRS)) == (200, 3000)
        assert platform.requests == []

        await gateway.store.close()
        database.write_bytes(whole)
        assert codes(await gateway.presents("POST", token, THEIRS)) == (200, 1000)

    async def test_a_failure_is_answered_although_no_note_of_it_can_be_kept(self, gateway, platform, locked):
        token = await invited(gateway)
        platform.answers["GET", VERSIONS_URL] = reply(b"", 500)

        with locked():
            assert codes(await gateway.presents("POST", token, THEIRS)) == (200, 3001)

    @pytest.mark.ways("lost answer")
    async def test_rp6_after_a_lost_answer_the_post_can_be_repeated_and_gives_another_token(self, gateway):
        token = await invited(gateway)
        gateway.loses_answers = True
        with pytest.raises(type(lost())):
            await gateway.presents("POST", token, THEIRS)
        gateway.loses_answers = False
        again = gateway.restarted()

        assert codes(await again.asks("GET", "/ocpi/versions", token)) == (401, 2000)
        assert not await again.opens(token)
        second = token_in(await again.presents("POST", token, THEIRS))

        assert await again.books.states("acme") == ["pending", "pending"]
        assert await again.opens(second)
        assert await again.books.states("acme") == ["active"]
        assert codes(await again.presents("POST", token, THEIRS)) == (401, 2000)

    async def test_rp6_another_platform_can_not_repeat_the_post(self, gateway, platform):
        token = await invited(gateway)
        gateway.loses_answers = True
        with pytest.raises(type(lost())):
            await gateway.presents("POST", token, THEIRS)
        gateway.loses_answers = False
        sent = len(platform.requests)
        thief = credentials(NEXT_OUTBOUND_TOKEN, "https://thief.example/ocpi/versions")

        assert codes(await gateway.presents("POST", token, thief)) == (200, 2001)
        assert len(platform.requests) == sent
        assert (await gateway.partner("acme")).outbound_token == OUTBOUND_TOKEN

    @pytest.mark.ways("lost answer")
    async def test_rp6_at_most_three_tokens_wait_however_often_the_answer_is_lost(self, gateway, clock):
        token = await invited(gateway)
        gateway.loses_answers = True
        for _ in range(5):
            with pytest.raises(type(lost())):
                await gateway.presents("POST", token, THEIRS)
            clock.move(seconds=1)
        gateway.loses_answers = False

        last = token_in(await gateway.presents("POST", token, THEIRS))

        assert await gateway.books.states("acme") == ["pending"] * 3
        assert await gateway.opens(last)

    async def test_rp7_of_two_posts_at_once_in_two_processes_one_is_409(self, gateway, other, platform):
        token = await invited(gateway)
        usual, seen = platform.answers["GET", VERSIONS_URL], []

        async def meanwhile(_request):
            seen.append(codes(await other.presents("POST", token, THEIRS)))
            return usual

        platform.answers["GET", VERSIONS_URL] = meanwhile
        answer = await gateway.presents("POST", token, THEIRS)

        assert seen == [(409, 2000)]
        assert await gateway.opens(token_in(answer))
        assert len(await gateway.operations.partners()) == 1

    async def test_rp8_token_a_is_dead_after_token_c_was_delivered(self, gateway):
        token = await invited(gateway)
        assert codes(await gateway.presents("POST", token, THEIRS)) == (200, 1000)

        for method in ("GET", "POST", "PUT", "DELETE"):
            assert codes(await gateway.presents(method, token, THEIRS)) == (401, 2000)
            assert codes(await gateway.restarted().presents(method, token, THEIRS)) == (401, 2000)

    async def test_rp9_token_a_opens_no_other_module_at_any_time(self, gateway, platform):
        token = await invited(gateway)
        seen = [await gateway.opens(token)]

        async def look(_request):
            seen.append(await gateway.opens(token))
            return reply(versions({"2.2.1": DETAILS_URL}))

        platform.answers["GET", VERSIONS_URL] = look
        await gateway.presents("POST", token, THEIRS)
        seen.append(await gateway.opens(token))

        assert seen == [False, False, False]

    async def test_rp10_versions_and_credentials_answer_while_the_post_is_open(self, gateway, platform):
        token = await invited(gateway)
        meanwhile = []

        async def look(_request):
            meanwhile.extend(
                [
                    codes(await gateway.asks("GET", "/ocpi/versions", token)),
                    codes(await gateway.asks("GET", "/ocpi/2.2.1", token)),
                    codes(await gateway.presents("GET", token)),
                ]
            )
            return reply(versions({"2.2.1": DETAILS_URL}))

        platform.answers["GET", VERSIONS_URL] = look
        await gateway.presents("POST", token, THEIRS)

        assert meanwhile == [(200, 1000)] * 3

    async def test_a_retry_right_after_a_failure_is_not_taken_for_a_second_handshake(self, gateway, platform):
        """The failure was noted, so that what this process has in memory is older than the store."""
        token = await invited(gateway)
        usual = platform.answers["GET", VERSIONS_URL]
        platform.answers["GET", VERSIONS_URL] = reply(b"", 500)
        await gateway.presents("POST", token, THEIRS)
        platform.answers["GET", VERSIONS_URL] = usual

        assert codes(await gateway.presents("POST", token, THEIRS)) == (200, 1000)

    async def test_a_token_that_died_in_another_process_meanwhile_is_refused(self, gateway, platform):
        token = await invited(gateway)
        await gateway.directory.refresh()
        holder = gateway.directory.holder(gateway.vault.digest(token))
        await gateway.restarted().operations.revoke("acme")

        with pytest.raises(UnauthenticatedError) as refused:
            await gateway.responder.post(holder, "2.2.1", b"{}")
        assert refused.value.refusal is Refusal.REVOKED
        assert platform.requests == []

    async def test_a_re_invited_partner_registers_anew_and_its_old_token_works_until_the_new_one_does(self, gateway):
        former = await registered(gateway)
        token = await invited(gateway)
        assert await gateway.opens(former)

        fresh = token_in(await gateway.presents("POST", token, THEIRS))

        assert await gateway.opens(former)
        assert await gateway.opens(fresh)
        assert await gateway.books.states("acme") == ["grace", "active"]

    async def test_a_partner_whose_own_registration_is_under_way_may_not_post_with_token_b(self, gateway, platform):
        seen = []

        async def call_back(request):
            seen.append(codes(await gateway.presents("POST", platform.tokens_given("POST")[-1], THEIRS)))
            return reply(envelope(THEIRS))

        platform.answers["POST", f"{DETAILS_URL}/credentials"] = call_back
        await gateway.register("acme", "their-a")

        assert seen == [(409, 2000)]
