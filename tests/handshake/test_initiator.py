"""The Sender's end when it registers: handshake.md, SP1 to SP8."""

from contextlib import ExitStack

import pytest

from gateway.ocpi.errors import OperatorError
from gateway.ocpi.flow import FetchCause, FetchFailedError, HandshakeError
from gateway.ocpi.party import Party
from gateway.ocpi.vocabulary import TokenForm
from gateway.store.claims import UnderWayError
from tests.handshake.fates import POST, S
from tests.handshake.partners import THEIRS
from tests.handshake.rig import codes, failed_verb, lost, reply, token_in, unreachable
from tests.ocpi.dialogue import (
    DETAILS_URL,
    INVITATION_TOKEN,
    OUTBOUND_TOKEN,
    VERSIONS_URL,
    credentials,
    details,
    endpoint,
    envelope,
    versions,
    written,
)


async def register(gateway):
    return (await gateway.register("acme", INVITATION_TOKEN)).partner


async def fails(doing):
    with pytest.raises(HandshakeError) as failed:
        await doing
    return failed.value


class TestRegistering:
    async def test_the_six_steps_end_registered_with_both_tokens(self, gateway, platform):
        partner = await register(gateway)

        assert [(request.method, request.url) for request in platform.requests] == [
            ("GET", VERSIONS_URL),
            ("GET", DETAILS_URL),
            POST,
        ]
        assert {request.headers["Authorization"] for request in platform.requests} == {
            written(INVITATION_TOKEN, TokenForm.BASE64)
        }
        assert (partner.state, partner.outbound_token, partner.version) == (S.REGISTERED, OUTBOUND_TOKEN, "2.2.1")
        assert partner.parties == (Party("DE", "ABC"),)
        assert await gateway.opens(platform.tokens_given("POST")[0])
        assert gateway.outcomes == [("sender", "registered", "acme")]
        assert gateway.progress == [
            ("GET versions", "HTTP 200"),
            ("GET version details", "HTTP 200"),
            ("POST credentials", "HTTP 200"),
        ]

    async def test_a_registered_partner_is_not_registered_again(self, gateway, platform):
        await register(gateway)
        sent = len(platform.requests)

        with pytest.raises(OperatorError, match="not possible while the partner is REGISTERED"):
            await register(gateway)
        assert len(platform.requests) == sent

    async def test_a_second_handshake_at_the_same_time_is_refused_in_every_process(self, gateway, other, platform):
        async def meanwhile(_request):
            for process in (gateway, other):
                for again in (process.resume("acme"), process.rotate("ACME"), register(process)):
                    with pytest.raises(UnderWayError, match="already under way"):
                        await again
            return reply(envelope(THEIRS))

        platform.answers[POST] = meanwhile

        assert (await register(gateway)).state is S.REGISTERED
        assert len(platform.sent("POST")) == 1
        assert (await gateway.operations.partner("acme")).note == ""

    async def test_what_failed_is_told_and_kept(self, gateway, platform):
        platform.answers["GET", DETAILS_URL] = reply(b"", 500)
        failed = await fails(register(gateway))

        assert failed.step == "GET version details"
        assert gateway.outcomes == [("sender", "failed", "acme")]
        assert (await gateway.operations.partner("acme")).note == str(failed)
        assert await failed_verb(gateway) == "register"
        assert gateway.progress[-1] == ("GET version details", "HTTP 500")


class TestFaults:
    """handshake.md, Sender: we POST with the partner's A."""

    @pytest.mark.ways("error")
    async def test_sp2_nothing_is_posted_where_a_required_module_is_missing(self, gateway_with, platform):
        gateway = gateway_with(required_modules=("cdrs", "tokens:SENDER"))
        failed = await fails(register(gateway))

        assert "cdrs" in str(failed)
        assert platform.sent("POST") == []
        assert await gateway.books.states("acme") == []

    async def test_sp3_token_b_opens_call_backs_and_nothing_else_while_the_post_is_open(self, gateway, platform):
        seen = []

        async def call_back(_request):
            token = platform.tokens_given("POST")[0]
            for process in (gateway, gateway.restarted()):
                seen.append(codes(await process.asks("GET", "/ocpi/versions", token)))
                seen.append(codes(await process.asks("GET", "/ocpi/2.2.1", token)))
                seen.append(await process.opens(token))
            return reply(envelope(THEIRS))

        platform.answers[POST] = call_back
        await register(gateway)

        assert seen == [(200, 1000), (200, 1000), False] * 2

    @pytest.mark.ways("time-out")
    async def test_sp4_an_unknown_outcome_is_told_and_resumed_with_the_same_token_b(self, gateway, platform):
        platform.answers[POST] = lost(FetchCause.TIMEOUT)
        failed = await fails(register(gateway))
        assert failed.outcome_unknown
        assert "register acme" in failed.remedy
        asked = len(platform.requests)
        platform.answers[POST] = reply(envelope(THEIRS))
        again = gateway.restarted()

        record = await again.resume("acme")

        assert record.partner.state is S.REGISTERED
        assert [request.method for request in platform.requests[asked:]] == ["POST"]
        first, second = platform.tokens_given("POST")
        assert first == second
        assert record.partner.endpoints
        assert await again.opens(first)

    @pytest.mark.parametrize("http_status", [401, 405])
    @pytest.mark.ways("lost answer")
    async def test_sp4_where_token_a_is_spent_the_partner_is_half_open(self, gateway, platform, http_status, clock):
        platform.answers[POST] = lost()
        await fails(register(gateway))
        platform.answers[POST] = reply(envelope(status_code=2000), http_status)
        platform.answers["GET", VERSIONS_URL] = reply(b"", 401)
        clock.move(hours=23)
        again = gateway.restarted()

        failed = await fails(again.resume("acme"))

        assert failed.step == "POST credentials"
        assert "an earlier POST of ours arrived" in failed.remedy
        record = await again.operations.partner("acme")
        assert record.partner.state is S.HALF_OPEN
        assert "Ask the partner to send a PUT" in record.note
        assert record.partner.outbound_token is None
        clock.move(days=30)
        token = platform.tokens_given("POST")[0]
        assert await again.restarted().opens(token)
        assert await again.books.states("acme") == ["active"]

    @pytest.mark.parametrize("at", [("GET", VERSIONS_URL), POST], ids=["versions", "POST"])
    async def test_where_their_token_a_is_refused_the_operator_is_told_to_ask_for_a_new_one(
        self, gateway, platform, at, clock
    ):
        platform.answers[POST] = lost()
        await fails(register(gateway))
        clock.move(days=8)
        platform.answers[at] = reply(envelope(status_code=2000), 401)

        failed = await fails(gateway.resume("acme"))

        assert "Ask for a new one and give it" in failed.remedy
        assert "--token-a TOKEN" in (await gateway.operations.partner("acme")).note
        assert (await gateway.partner("acme")).state is S.REGISTERING

    async def test_sp4_a_401_to_one_form_of_the_token_is_no_sign_that_the_post_arrived(self, gateway, platform):
        async def bare(request):
            usual = versions({"2.2.1": DETAILS_URL}), details(endpoint("credentials"))
            return reply(b"", 401) if "Authorization" in request.headers else reply(usual[request.url == DETAILS_URL])

        answers = [reply(b"", 503), reply(envelope(THEIRS))]

        async def post(request):
            plain = request.headers["Authorization"] == written(INVITATION_TOKEN, TokenForm.PLAIN)
            return answers.pop(0) if plain else reply(envelope(status_code=2000), 401)

        platform.answers |= {("GET", VERSIONS_URL): bare, ("GET", DETAILS_URL): bare, POST: post}
        await fails(register(gateway))

        assert (await register(gateway)).state is S.REGISTERED

    @pytest.mark.parametrize(
        ("invitation_token", "versions_url"),
        [("their-second-a", VERSIONS_URL), (INVITATION_TOKEN, "https://emsp.example.com:8443/ocpi/versions")],
    )
    async def test_a_token_b_that_was_sent_to_one_platform_is_not_given_to_another(
        self, gateway, platform, invitation_token, versions_url
    ):
        platform.answers[POST] = lost()
        await fails(register(gateway))
        platform.answers[POST] = reply(envelope(THEIRS))
        platform.answers["GET", versions_url] = platform.answers["GET", VERSIONS_URL]

        await gateway.register("acme", invitation_token, versions_url)

        first, second = platform.tokens_given("POST")
        assert first != second
        assert not await gateway.opens(first)
        assert await gateway.opens(second)

    async def test_the_same_token_b_is_sent_where_the_same_command_is_given_again(self, gateway, platform):
        platform.answers[POST] = lost()
        await fails(register(gateway))
        platform.answers[POST] = reply(envelope(THEIRS))
        await register(gateway)

        first, second = platform.tokens_given("POST")
        assert first == second

    async def test_a_suspended_partner_is_not_registered_with(self, gateway, platform):
        platform.answers[POST] = lost()
        await fails(register(gateway))
        await gateway.operations.suspend("acme")
        sent = len(platform.requests)

        with pytest.raises(OperatorError, match="can't register while the partner 'acme' is suspended"):
            await gateway.register("acme", "their-second-a")
        with pytest.raises(OperatorError, match="can't register while the partner 'acme' is suspended"):
            await gateway.resume("acme")

        assert len(platform.requests) == sent
        await gateway.operations.resume("acme")
        platform.answers[POST] = reply(envelope(THEIRS))
        assert (await gateway.resume("acme")).partner.state is S.REGISTERED

    async def test_sp4_a_half_open_partner_becomes_whole_by_its_put(self, gateway, platform):
        platform.answers[POST] = lost()
        await fails(register(gateway))
        platform.answers[POST] = reply(b"", 401)
        await fails(gateway.resume("acme"))
        token = platform.tokens_given("POST")[0]

        fresh = token_in(await gateway.presents("PUT", token, THEIRS))

        assert (await gateway.partner("acme")).state is S.REGISTERED
        assert await gateway.opens(fresh)

    async def test_sp4_a_half_open_partner_becomes_whole_by_a_new_invitation_of_theirs(self, gateway, platform):
        platform.answers[POST] = lost()
        await fails(register(gateway))
        platform.answers[POST] = reply(b"", 401)
        await fails(gateway.resume("acme"))
        platform.answers[POST] = reply(envelope(THEIRS))
        assert (await gateway.register("acme", "their-second-a")).partner.state is S.REGISTERED

        assert await gateway.opens(platform.tokens_given("POST")[-1])

    async def test_sp4_a_post_that_never_arrived_is_no_reason_to_be_half_open(self, gateway, platform):
        platform.answers[POST] = unreachable()
        failed = await fails(register(gateway))

        assert not failed.outcome_unknown
        assert (await gateway.partner("acme")).state is S.REGISTERING

    async def test_sp5_token_c_is_kept_although_the_operator_invited_the_partner_meanwhile(self, gateway, platform):
        async def meanwhile(_request):
            await gateway.operations.invite("acme")
            return reply(envelope(THEIRS))

        platform.answers[POST] = meanwhile
        partner = await register(gateway)

        assert (partner.state, partner.outbound_token) == (S.REGISTERED, OUTBOUND_TOKEN)
        assert await gateway.opens(platform.tokens_given("POST")[0])

    async def test_an_invitation_of_ours_ends_when_we_registered_with_that_partner(self, gateway, platform):
        ours = (await gateway.operations.invite("acme")).invitation_token

        async def meanwhile(_request):
            assert codes(await gateway.presents("POST", ours, credentials("their-other-token"))) == (409, 2000)
            return reply(envelope(THEIRS))

        platform.answers[POST] = meanwhile

        assert (await register(gateway)).outbound_token == OUTBOUND_TOKEN
        assert codes(await gateway.restarted().asks("GET", "/ocpi/versions", ours)) == (401, 2000)

    async def test_sp5_an_answer_that_comes_after_a_revocation_brings_nothing_back(self, gateway, platform):
        async def meanwhile(_request):
            await gateway.operations.revoke("acme")
            return reply(envelope(THEIRS))

        platform.answers[POST] = meanwhile
        with pytest.raises(OperatorError, match="UNREGISTERED"):
            await register(gateway)

        partner = await gateway.partner("acme")
        assert (partner.state, partner.outbound_token) == (S.UNREGISTERED, None)

    async def test_sp5_parties_of_others_are_left_out_rather_than_losing_token_c(self, gateway, platform):
        await gateway.register("first", INVITATION_TOKEN)
        platform.answers[POST] = reply(envelope(credentials(OUTBOUND_TOKEN, VERSIONS_URL, "DE-ABC", "DE-XYZ")))
        partner = await register(gateway)

        assert partner.parties == (Party("DE", "XYZ"),)
        assert "DE-ABC (of first)" in (await gateway.operations.partner("acme")).note

    @pytest.mark.ways("error")
    async def test_sp6_token_c_is_kept_in_memory_until_the_store_takes_it(self, gateway, platform, locked):
        with ExitStack() as held:

            async def answer(_request):
                held.enter_context(locked())
                return reply(envelope(THEIRS))

            def show(step, outcome):
                gateway.progress.append((step, outcome))
                if step == "save their answer":
                    held.close()

            platform.answers[POST] = answer
            record = await gateway.operations.register(
                "acme", versions_url=VERSIONS_URL, invitation_token=INVITATION_TOKEN, progress=show
            )

        assert (record.partner.state, record.partner.outbound_token) == (S.REGISTERED, OUTBOUND_TOKEN)
        assert gateway.progress[-1][1].startswith("the database is locked by another program; trying again in")
        assert len(platform.sent("POST")) == 1

    @pytest.mark.parametrize("cause", FetchCause)
    @pytest.mark.ways("error", "time-out")
    async def test_sp8_each_cause_of_no_answer_is_told(self, gateway, platform, cause):
        platform.answers["GET", VERSIONS_URL] = FetchFailedError(f"it broke: {cause}", cause=cause, sent=False)

        assert f"it broke: {cause}" in str(await fails(register(gateway)))
        assert gateway.progress == [("GET versions", f"it broke: {cause}")]

    async def test_a_token_b_past_its_deadline_is_not_sent_again(self, gateway, platform, clock):
        platform.answers[POST] = lost()
        await fails(register(gateway))
        clock.move(days=2)
        platform.answers[POST] = reply(envelope(THEIRS))

        await gateway.resume("acme")

        first, second = platform.tokens_given("POST")
        assert first != second
        assert [request.method for request in platform.requests[-3:]] == ["GET", "GET", "POST"]
        assert not await gateway.opens(first)
        assert await gateway.opens(second)

    async def test_what_was_found_at_another_url_is_not_used_for_a_new_one(self, gateway, platform):
        platform.answers[POST] = lost()
        await fails(register(gateway))
        platform.answers["GET", "https://new.example.com/versions"] = unreachable()
        await fails(gateway.register("acme", "their-second-a", "https://new.example.com/versions"))
        sent = len(platform.requests)

        await fails(gateway.resume("acme"))

        assert [request.url for request in platform.requests[sent:]] == ["https://new.example.com/versions"]

    async def test_without_an_interrupted_registration_there_is_nothing_to_resume(self, gateway):
        await gateway.operations.invite("acme")

        with pytest.raises(OperatorError, match="no interrupted registration with 'acme'"):
            await gateway.resume("acme")
        with pytest.raises(OperatorError, match="no partner 'nobody'"):
            await gateway.resume("nobody")


async def test_versions_that_partners_offer_beside_ours_do_not_matter(gateway, platform):
    platform.answers["GET", VERSIONS_URL] = reply(versions({"2.3.0": f"{DETAILS_URL}-new", "2.2.1": DETAILS_URL}))

    assert (await register(gateway)).version == "2.2.1"
