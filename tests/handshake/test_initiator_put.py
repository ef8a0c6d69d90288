"""The Sender's end when it rotates and unregisters: handshake.md, SU1 to SU5, SD1 and SD2."""

import pytest

from gateway.ocpi.credentials import read_credentials
from gateway.ocpi.discovery import Discovery
from gateway.ocpi.errors import OperatorError
from gateway.ocpi.flow import HandshakeError
from gateway.ocpi.lifecycle import Rotated
from gateway.ocpi.vocabulary import PartnerState, TokenForm
from tests.handshake.rig import codes, failed_verb, lost, reply, unreachable
from tests.ocpi.dialogue import (
    CREDENTIALS_URL,
    DETAILS_URL,
    INVITATION_TOKEN,
    NEXT_OUTBOUND_TOKEN,
    OUTBOUND_TOKEN,
    VERSIONS_URL,
    credentials,
    details,
    endpoint,
    envelope,
    written,
)

PUT, DELETE = ("PUT", CREDENTIALS_URL), ("DELETE", CREDENTIALS_URL)
THEIR_NEXT = credentials(NEXT_OUTBOUND_TOKEN)
S = PartnerState


async def register(gateway):
    return (await gateway.register("acme", INVITATION_TOKEN)).partner


async def fails(doing):
    with pytest.raises(HandshakeError) as failed:
        await doing
    return failed.value


@pytest.fixture
async def whole(gateway, platform):
    """A gateway that registered with the partner and was called by it; the partner has a next token ready."""
    await register(gateway)
    assert await gateway.opens(platform.tokens_given("POST")[0])
    platform.answers[PUT] = reply(envelope(THEIR_NEXT))
    return gateway


class TestRotating:
    """handshake.md, Sender: we PUT."""

    async def test_su1_both_tokens_of_ours_are_accepted_while_the_put_is_open(self, whole, platform):
        seen = []

        async def call_back(request):
            assert request.headers["Authorization"] == written(OUTBOUND_TOKEN, TokenForm.BASE64)
            seen.append(codes(await whole.asks("GET", "/ocpi/versions", platform.tokens_given("PUT")[0])))
            seen.append(await whole.opens(platform.tokens_given("POST")[0]))
            return reply(envelope(THEIR_NEXT))

        platform.answers[PUT] = call_back
        record = await whole.rotate("acme")

        assert seen == [(200, 1000), True]
        assert record.partner.outbound_token == NEXT_OUTBOUND_TOKEN
        assert whole.outcomes[-1] == ("sender", "rotated", "acme")

    @pytest.mark.parametrize("answer", [reply(b"", 500), reply(envelope(status_code=3000)), reply(envelope([]))])
    @pytest.mark.ways("error")
    async def test_su2_an_error_answer_leaves_all_tokens_working_and_is_retried_with_the_same(
        self, whole, platform, answer
    ):
        platform.answers[PUT] = answer
        await fails(whole.rotate("acme"))

        partner = await whole.partner("acme")
        assert (partner.state, partner.outbound_token) == (S.REGISTERED, OUTBOUND_TOKEN)
        assert await whole.books.states("acme") == ["active", "pending"]
        platform.answers[PUT] = reply(envelope(THEIR_NEXT))
        await whole.rotate("acme")
        first, second = platform.tokens_given("PUT")
        assert first == second
        assert await whole.opens(first)

    @pytest.mark.ways("lost answer")
    async def test_su3_after_a_lost_answer_the_same_put_is_sent_again(self, whole, platform):
        platform.answers[PUT] = lost()
        assert (await fails(whole.rotate("acme"))).outcome_unknown
        platform.answers[PUT] = reply(envelope(THEIR_NEXT))
        again = whole.restarted()

        assert (await again.rotate("acme")).partner.outbound_token == NEXT_OUTBOUND_TOKEN
        first, second = platform.tokens_given("PUT")
        assert first == second

    @pytest.mark.parametrize("refusing", [(("GET", VERSIONS_URL), PUT), (PUT,)], ids=str)
    async def test_su3_where_they_replaced_their_token_the_partner_is_half_open_and_both_of_ours_work(
        self, whole, platform, refusing
    ):
        platform.answers[PUT] = lost()
        await fails(whole.rotate("acme"))
        platform.answers |= dict.fromkeys(refusing, reply(b"", 401))

        refused = await fails(whole.rotate("acme"))

        record = await whole.operations.partner("acme")
        assert record.partner.state is S.HALF_OPEN
        assert "Ask the partner to send a PUT" in record.note
        assert "an earlier PUT of ours arrived" in refused.remedy
        assert await failed_verb(whole) == "rotate"
        await whole.directory.refresh()
        assert await whole.opens(platform.tokens_given("POST")[0])
        assert await whole.opens(platform.tokens_given("PUT")[0])

    @pytest.mark.parametrize(
        ("refusing", "http_status"), [(("GET", VERSIONS_URL), 403), (("GET", DETAILS_URL), 403), (PUT, 403)], ids=str
    )
    async def test_su3_no_other_refusal_makes_the_partner_half_open(self, whole, platform, refusing, http_status):
        platform.answers[PUT] = lost()
        await fails(whole.rotate("acme"))
        platform.answers[refusing] = reply(b"", http_status)

        await fails(whole.rotate("acme"))

        assert (await whole.partner("acme")).state is S.REGISTERED

    async def test_su3_a_rotation_that_another_process_completed_meanwhile_is_not_made_half_open(self, whole, platform):
        platform.answers[PUT] = lost()
        await fails(whole.rotate("acme"))
        other = whole.restarted()

        async def refused(_request):
            platform.answers[PUT] = reply(envelope(THEIR_NEXT))
            record = await other.operations.partner("acme")
            rotated = Rotated(
                read_credentials(THEIR_NEXT),
                Discovery("2.2.1", VERSIONS_URL, record.partner.endpoints, record.partner.manners),
                platform.tokens_given("PUT")[0],
            )
            await other.registrar.save("cli", record, rotated)
            return reply(b"", 401)

        platform.answers[PUT] = refused
        await fails(whole.rotate("acme"))

        partner = await whole.partner("acme")
        assert (partner.state, partner.outbound_token) == (S.REGISTERED, NEXT_OUTBOUND_TOKEN)

    async def test_a_suspended_partner_is_not_rotated(self, whole, platform):
        await whole.operations.suspend("acme")
        sent = len(platform.requests)

        with pytest.raises(OperatorError, match="can't rotate while the partner 'acme' is suspended") as refused:
            await whole.rotate("acme")

        assert "partner resume acme" in refused.value.remedy
        assert len(platform.requests) == sent

    async def test_hosts_of_an_invitation_that_was_not_used_do_not_bind_a_rotation(self, gateway, platform):
        await gateway.operations.invite("acme", hosts=["other.example.org"])
        await register(gateway)
        platform.answers[PUT] = reply(envelope(THEIR_NEXT))

        assert (await gateway.rotate("acme")).partner.outbound_token == NEXT_OUTBOUND_TOKEN

    async def test_a_new_invitation_that_was_not_used_yet_does_not_bind_it_either(self, whole, platform):
        await whole.operations.invite("acme", hosts=["other.example.org"])

        assert (await whole.rotate("acme")).partner.outbound_token == NEXT_OUTBOUND_TOKEN

    async def test_a_first_put_that_is_refused_leaves_the_partner_registered(self, whole, platform):
        platform.answers[PUT] = reply(b"", 401)
        await fails(whole.rotate("acme"))

        assert (await whole.partner("acme")).state is S.REGISTERED

    async def test_su4_their_former_token_is_kept_until_the_next_one_worked(self, whole):
        partner = (await whole.rotate("acme")).partner

        assert (partner.outbound_token, partner.previous_outbound_token) == (NEXT_OUTBOUND_TOKEN, OUTBOUND_TOKEN)

    async def test_su5_our_former_token_has_a_minute_after_the_first_use_of_the_next(self, whole, platform, clock):
        await whole.rotate("acme")
        former, fresh = platform.tokens_given("POST")[0], platform.tokens_given("PUT")[0]
        clock.move(days=2)
        assert await whole.opens(former)

        assert await whole.opens(fresh)

        clock.move(seconds=59)
        assert await whole.opens(former)
        clock.move(seconds=1)
        assert not await whole.opens(former)
        assert await whole.opens(fresh)

    async def test_only_a_registered_partner_is_rotated(self, gateway):
        await gateway.operations.invite("acme")

        with pytest.raises(OperatorError, match="can't rotate while the partner 'acme' is INVITED"):
            await gateway.rotate("acme")

    async def test_a_put_of_theirs_while_ours_is_open_is_409(self, whole, platform):
        seen = []

        async def put_too(_request):
            seen.append(codes(await whole.presents("PUT", platform.tokens_given("POST")[0], THEIR_NEXT)))
            return reply(envelope(THEIR_NEXT))

        platform.answers[PUT] = put_too
        await whole.rotate("acme")

        assert seen == [(409, 2000)]


class TestUnregistering:
    """handshake.md, Sender: we DELETE."""

    async def test_the_partner_is_told_and_both_tokens_are_dropped(self, gateway, platform):
        await register(gateway)
        record = await gateway.unregister("acme")

        assert platform.requests[-1].method == "DELETE"
        assert platform.requests[-1].headers["Authorization"] == written(OUTBOUND_TOKEN, TokenForm.BASE64)
        assert (record.partner.state, record.inbound_tokens, record.outbound_tokens) == (S.UNREGISTERED, (), ())
        assert not await gateway.opens(platform.tokens_given("POST")[0])
        assert gateway.outcomes[-1] == ("sender", "unregistered", "acme")

    @pytest.mark.parametrize("role", ["SENDER", None])
    async def test_the_partner_is_told_whichever_side_lists_credentials(self, gateway, platform, role):
        platform.answers["GET", DETAILS_URL] = reply(details(endpoint("credentials", role)))
        await register(gateway)
        await gateway.unregister("acme")

        assert platform.requests[-1].method == "DELETE"

    @pytest.mark.parametrize("http_status", [401, 404, 405])
    @pytest.mark.ways("error")
    async def test_sd1_a_partner_that_knows_of_no_registration_counts_as_told(self, gateway, platform, http_status):
        await register(gateway)
        platform.answers[DELETE] = reply(b"", http_status)

        assert (await gateway.unregister("acme")).partner.state is S.UNREGISTERED

    @pytest.mark.parametrize(
        "answer", [unreachable(), lost(), reply(b"", 500), reply(envelope(status_code=3000))], ids=str
    )
    @pytest.mark.ways("error", "lost answer")
    async def test_sd2_where_the_partner_can_not_be_told_the_tokens_stay_until_it_is_forced(
        self, gateway, platform, answer
    ):
        await register(gateway)
        platform.answers[DELETE] = answer
        failed = await fails(gateway.unregister("acme"))

        assert "--force" in failed.remedy
        assert await failed_verb(gateway) == "unregister"
        assert (await gateway.partner("acme")).outbound_token == OUTBOUND_TOKEN
        assert await gateway.opens(platform.tokens_given("POST")[0])

        record = await gateway.unregister("acme", force=True)

        assert record.partner.state is S.UNREGISTERED
        assert "--force" in gateway.progress[-1][1]

    async def test_an_invited_partner_is_unregistered_without_a_word_to_it(self, gateway, platform):
        invitation_token = (await gateway.operations.invite("acme")).invitation_token
        await gateway.unregister("acme")

        assert platform.requests == []
        assert (await gateway.presents("GET", invitation_token)).http_status == 401

    async def test_revoking_drops_both_tokens_and_tells_nobody(self, gateway, platform):
        await register(gateway)
        sent = len(platform.requests)
        record = await gateway.operations.revoke("acme")

        assert len(platform.requests) == sent
        assert (record.partner.state, record.inbound_tokens, record.outbound_tokens) == (S.UNREGISTERED, (), ())


class TestFallingBack:
    """handshake.md, RU7 and SU4: what we send ourselves falls back to the former token too, once."""

    @pytest.fixture
    async def renewed(self, whole, platform):
        """Rotated, and the platform goes on accepting the former token only."""
        platform.answers[PUT] = reply(envelope(THEIR_NEXT))
        await whole.rotate("acme")
        usual = dict(platform.answers)

        def only_the_former(asked):
            async def answer(request):
                former = request.headers.get("Authorization") == written(OUTBOUND_TOKEN, TokenForm.BASE64)
                return usual[asked] if former else reply(b"", 401)

            return answer

        platform.answers |= {asked: only_the_former(asked) for asked in usual}
        return whole

    async def test_an_unregistration_reaches_the_partner(self, renewed, platform):
        assert (await renewed.unregister("acme")).partner.state is S.UNREGISTERED
        assert [request.headers["Authorization"] for request in platform.sent("DELETE")] == [
            written(NEXT_OUTBOUND_TOKEN, TokenForm.BASE64),
            written(OUTBOUND_TOKEN, TokenForm.BASE64),
        ]

    async def test_a_rotation_gets_both_sides_out_of_it(self, renewed, platform):
        record = await renewed.rotate("acme")

        assert record.partner.outbound_token == NEXT_OUTBOUND_TOKEN
        assert platform.sent("PUT")[-1].headers["Authorization"] == written(OUTBOUND_TOKEN, TokenForm.BASE64)

    async def test_after_a_day_the_former_token_is_presented_no_more(self, renewed, platform, clock):
        clock.move(days=1)
        sent = len(platform.requests)
        with pytest.raises(HandshakeError):
            await renewed.rotate("acme")

        former = written(OUTBOUND_TOKEN, TokenForm.BASE64)
        assert former not in [request.headers.get("Authorization") for request in platform.requests[sent:]]


async def test_a_partner_that_is_being_left_is_not_rotated(whole, platform):
    platform.answers["DELETE", CREDENTIALS_URL] = lost()
    with pytest.raises(HandshakeError):
        await whole.unregister("acme")

    with pytest.raises(OperatorError, match="is being unregistered"):
        await whole.rotate("acme")
    assert (await whole.partner("acme")).leaving
