"""Looking at a partner's front, taking over what it offers now, and carrying on a live registration."""

import json

import pytest

from gateway.ocpi.envelope import StatusCode
from gateway.ocpi.errors import OperatorError
from gateway.ocpi.flow import HandshakeError
from gateway.ocpi.partner import CredentialsRole
from gateway.ocpi.party import Party
from gateway.ocpi.vocabulary import PartnerState, TokenForm
from gateway.store.claims import UnderWayError
from tests.handshake.partners import registered
from tests.handshake.rig import lost, reply, token_of, unreachable
from tests.ocpi.dialogue import (
    CREDENTIALS_URL,
    DETAILS_URL,
    INVITATION_TOKEN,
    OUTBOUND_TOKEN,
    VERSIONS_URL,
    credentials,
    details,
    endpoint,
    envelope,
)

S = PartnerState
GET_CREDENTIALS = ("GET", CREDENTIALS_URL)
OURS = "our-token-of-the-old-system"


@pytest.fixture
def front(platform):
    """The platform, which also answers GET credentials."""
    platform.answers[GET_CREDENTIALS] = reply(envelope(credentials("whatever")))
    return platform


async def record(gateway):
    return await gateway.operations.partner("acme")


def refresh(gateway, name="acme"):
    return gateway.operations.refresh(name, progress=gateway._show)


def look(gateway):
    return gateway.inspector.look("acme", progress=gateway._show)


async def trail(gateway):
    return [row.action for row in await gateway.operations.audit("acme")]


class TestLooking:
    async def test_what_is_as_it_was_is_noted_as_seen(self, gateway, front, clock):
        await registered(gateway)
        before = await trail(gateway)
        clock.move(minutes=5)

        await look(gateway)

        seen = await record(gateway)
        assert (seen.checked_at, seen.unreachable, seen.drift) == (clock(), "", ())
        assert await trail(gateway) == [*before, "outbound token accepted"]

    async def test_a_new_invitation_that_was_not_used_yet_does_not_bind_where_it_looks(self, gateway, front):
        await registered(gateway)
        await gateway.operations.invite("acme", hosts=["other.example.org"])

        await look(gateway)

        assert (await record(gateway)).unreachable == ""

    async def test_another_offer_is_told_and_not_taken_over(self, gateway, front):
        await registered(gateway)
        front.answers["GET", DETAILS_URL] = reply(details(endpoint("credentials"), endpoint("cdrs")))

        await look(gateway)

        seen = await record(gateway)
        assert seen.drift == (f"+ cdrs RECEIVER {DETAILS_URL}/cdrs", f"- tokens SENDER {DETAILS_URL}/tokens")
        assert seen.partner.endpoint("cdrs") is None
        assert "endpoints differ" in await trail(gateway)

    async def test_a_front_that_does_not_answer_is_noted_until_it_does(self, gateway, front):
        await registered(gateway)
        usual, front.answers["GET", VERSIONS_URL] = front.answers["GET", VERSIONS_URL], unreachable()
        with pytest.raises(HandshakeError):
            await look(gateway)
        assert "refused the connection" in (await record(gateway)).unreachable
        assert (await record(gateway)).partner.state is S.REGISTERED

        front.answers["GET", VERSIONS_URL] = usual
        await look(gateway)

        assert (await record(gateway)).unreachable == ""
        assert [action for action in await trail(gateway) if "reachable" in action] == ["unreachable", "reachable"]

    async def test_a_front_that_stays_away_fills_no_audit_trail(self, gateway, front):
        await registered(gateway)
        front.answers["GET", VERSIONS_URL] = unreachable()
        for _ in range(3):
            with pytest.raises(HandshakeError):
                await look(gateway)

        assert (await trail(gateway)).count("unreachable") == 1

    async def test_a_refused_token_is_no_unreachable_front_and_counts_as_a_refusal(self, gateway, front):
        await registered(gateway)
        await look(gateway)
        front.answers[GET_CREDENTIALS] = reply(b"", 401)
        for _ in range(3):
            with pytest.raises(HandshakeError, match="refuses the token"):
                await look(gateway)

        seen = await record(gateway)
        assert (seen.partner.state, seen.unreachable) == (S.HALF_OPEN, "")

    async def test_a_front_that_refuses_our_token_at_its_first_page_was_reached_and_that_counts_as_a_refusal(
        self, gateway, front
    ):
        await registered(gateway)
        await look(gateway)
        front.answers["GET", VERSIONS_URL] = reply(b"", 401)
        for refusals in (1, 2):
            with pytest.raises(HandshakeError):
                await look(gateway)
            assert (await gateway.partner("acme")).outbound_refusals == refusals
        with pytest.raises(HandshakeError):
            await look(gateway)

        seen = await record(gateway)
        assert (seen.partner.state, seen.unreachable) == (S.HALF_OPEN, "")

    async def test_who_looks_is_told_by_an_error_that_our_token_is_refused(self, gateway, front):
        await registered(gateway)
        front.answers[GET_CREDENTIALS] = reply(b"", 401)
        with pytest.raises(HandshakeError, match="refuses the token") as refused:
            await look(gateway)

        assert (refused.value.step, refused.value.http_status) == ("GET credentials", 401)
        assert refused.value.status_code == StatusCode.UNABLE_TO_USE_CLIENT_API
        assert "deleted or replaced" in refused.value.remedy

    async def test_a_partner_that_is_being_unregistered_is_not_looked_at(self, gateway, front):
        await registered(gateway)
        front.answers["DELETE", CREDENTIALS_URL] = lost()
        with pytest.raises(HandshakeError):
            await gateway.unregister("acme")
        sent = len(front.requests)

        with pytest.raises(OperatorError, match="no registration whose front could be read"):
            await look(gateway)
        assert len(front.requests) == sent

    async def test_a_platform_that_gives_nobody_its_credentials_proves_nothing(self, gateway, front):
        await registered(gateway)
        front.answers[GET_CREDENTIALS] = reply(b"", 405)

        await look(gateway)

        assert not (await record(gateway)).partner.outbound_proved

    async def test_a_handshake_under_way_is_not_disturbed(self, gateway, other, front):
        await registered(gateway)
        async with other.store.claim("acme"):
            with pytest.raises(UnderWayError):
                await look(gateway)

    async def test_a_partner_that_recovers_can_be_called_though_a_registration_with_it_was_begun_anew(
        self, gateway, front
    ):
        """Found by the state machine: a registration that is begun takes away the endpoints of the one before."""
        await gateway.register("acme", INVITATION_TOKEN)
        usual, front.answers[GET_CREDENTIALS] = front.answers[GET_CREDENTIALS], reply(b"", 401)
        with pytest.raises(HandshakeError):
            await look(gateway)
        known, front.answers["GET", VERSIONS_URL] = front.answers["GET", VERSIONS_URL], unreachable()
        with pytest.raises(HandshakeError):
            await gateway.register("acme", "another-invitation-token")
        front.answers[GET_CREDENTIALS], front.answers["GET", VERSIONS_URL] = usual, known

        await look(gateway)

        partner = await gateway.partner("acme")
        assert partner.state is S.REGISTERED
        assert partner.endpoint("tokens") is not None
        assert (await record(gateway)).drift == ()

    async def test_no_platform_is_shown_a_token_that_another_one_gave_us(self, gateway, front):
        await gateway.register("acme", INVITATION_TOKEN)
        front.answers[GET_CREDENTIALS] = reply(b"", 401)
        with pytest.raises(HandshakeError):
            await look(gateway)
        front.answers["GET", "https://other.example.com/ocpi/versions"] = reply(b"", 404)
        front.answers["GET", "https://other.example.com/ocpi/versions/versions"] = reply(b"", 404)
        with pytest.raises(HandshakeError):
            await gateway.register("acme", "another-invitation-token", "https://other.example.com/ocpi/versions")

        with pytest.raises(OperatorError, match="no registration"):
            await look(gateway)
        theirs = [request for request in front.requests if request.url.startswith("https://other.example.com")]
        assert {token_of(request) for request in theirs if request.headers.get("Authorization")} == {
            "another-invitation-token"
        }


class TestRefreshing:
    async def test_what_the_partner_offers_now_is_taken_over(self, gateway, front):
        await registered(gateway)
        front.answers["GET", DETAILS_URL] = reply(details(endpoint("credentials"), endpoint("cdrs")))
        await look(gateway)

        seen = await refresh(gateway)

        assert [each.identifier for each in seen.partner.endpoints] == ["cdrs", "credentials"]
        assert seen.drift == ()
        assert seen.partner.outbound_token == OUTBOUND_TOKEN

    async def test_a_half_open_partner_that_accepts_our_token_again_is_registered_again(self, gateway, front):
        await gateway.register("acme", INVITATION_TOKEN)
        front.answers[GET_CREDENTIALS] = reply(b"", 401)
        with pytest.raises(HandshakeError):
            await refresh(gateway)
        assert (await record(gateway)).partner.state is S.HALF_OPEN

        front.answers[GET_CREDENTIALS] = reply(envelope(credentials("whatever")))
        assert (await refresh(gateway)).partner.state is S.REGISTERED
        assert (await record(gateway)).note == ""

    async def test_where_nothing_differs_nothing_is_taken_over(self, gateway, front):
        await registered(gateway)
        await refresh(gateway)

        assert "endpoints taken over" not in await trail(gateway)

    async def test_a_form_of_the_token_that_the_partner_now_wants_is_taken_over(self, gateway, front):
        await registered(gateway)
        usual = dict(front.answers)

        def plain_only(answer):
            async def answers(request):
                return answer if request.headers["Authorization"].endswith(OUTBOUND_TOKEN) else reply(b"", 401)

            return answers

        for asked in (("GET", VERSIONS_URL), ("GET", DETAILS_URL), GET_CREDENTIALS):
            front.answers[asked] = plain_only(usual[asked])

        assert (await refresh(gateway)).partner.manners.token_form is TokenForm.PLAIN
        assert "endpoints taken over" in await trail(gateway)

    async def test_without_a_registration_there_is_nothing_to_refresh(self, gateway):
        await gateway.operations.invite("acme")

        with pytest.raises(OperatorError, match="no registration"):
            await refresh(gateway)


class TestImporting:
    def adopt(self, gateway, *roles, outbound=OUTBOUND_TOKEN, inbound=OURS, name="acme"):
        return gateway.operations.adopt(
            name,
            versions_url=VERSIONS_URL,
            outbound_token=outbound,
            inbound_token=inbound,
            roles=roles,
            progress=gateway._show,
        )

    async def test_a_live_registration_goes_on_without_a_handshake(self, gateway, front):
        seen = await self.adopt(gateway)

        assert (seen.partner.state, seen.partner.outbound_token) == (S.REGISTERED, OUTBOUND_TOKEN)
        assert seen.partner.parties == (Party("DE", "ABC"),)
        assert seen.partner.endpoint("tokens") is not None
        assert await gateway.opens(OURS)
        assert {request.method for request in front.requests} == {"GET"}
        assert (await trail(gateway)) == ["imported"]

    async def test_parties_that_the_platform_does_not_tell_are_named_by_the_operator(self, gateway, front):
        front.answers[GET_CREDENTIALS] = reply(b"", 404)
        with pytest.raises(HandshakeError, match="which parties it has"):
            await self.adopt(gateway)

        seen = await self.adopt(gateway, CredentialsRole("EMSP", Party("FR", "XYZ")))

        assert seen.partner.parties == (Party("FR", "XYZ"),)

    async def test_a_token_that_the_platform_refuses_imports_nothing(self, gateway, front):
        front.answers[GET_CREDENTIALS] = reply(b"", 401)

        with pytest.raises(HandshakeError, match="refuses the token"):
            await self.adopt(gateway)
        assert await gateway.operations.partners() == []
        assert not await gateway.opens(OURS)

    async def test_a_token_of_another_partner_is_refused(self, gateway, front):
        await self.adopt(gateway, CredentialsRole("EMSP", Party("FR", "XYZ")))

        with pytest.raises(OperatorError, match="known here already"):
            await self.adopt(gateway, CredentialsRole("EMSP", Party("FR", "ABC")), name="second")
        assert [each.partner.name for each in await gateway.operations.partners()] == ["acme"]

    async def test_a_registered_partner_is_not_imported_over(self, gateway, front):
        await registered(gateway)
        sent = len(front.requests)

        with pytest.raises(OperatorError, match="not possible while the partner is REGISTERED"):
            await self.adopt(gateway)
        assert len(front.requests) == sent

    async def test_it_rotates_like_any_other(self, gateway, front):
        await self.adopt(gateway)

        await gateway.rotate("acme")

        fresh = json.loads(front.sent("PUT")[0].body)["token"]
        assert await gateway.opens(OURS)
        assert await gateway.opens(fresh)
