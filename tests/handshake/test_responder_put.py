"""The Receiver's end when a PUT or DELETE goes wrong: handshake.md, RU1 to RU10 and RD1 to RD5."""

import pytest

from gateway.ocpi.lifecycle import HalfOpened
from gateway.ocpi.party import Party
from gateway.ocpi.vocabulary import PartnerState
from gateway.store.gatekeeper import Refusal, UnauthenticatedError
from tests.handshake.partners import THEIR_NEXT, THEIRS, everything, invited, registered
from tests.handshake.rig import codes, lost, reply, said, token_in
from tests.ocpi.dialogue import (
    DETAILS_URL,
    NEXT_OUTBOUND_TOKEN,
    OUTBOUND_TOKEN,
    VERSIONS_URL,
    credentials,
    versions,
)


class TestPutFaults:
    """handshake.md, Receiver: the partner PUTs with C."""

    async def test_a_partner_renews_and_keeps_its_token_until_it_used_the_new_one(self, gateway):
        former = await registered(gateway)
        fresh = token_in(await gateway.presents("PUT", former, THEIR_NEXT))

        assert await gateway.opens(former)
        assert (await gateway.partner("acme")).outbound_token == NEXT_OUTBOUND_TOKEN
        assert await gateway.opens(fresh)
        assert await gateway.books.states("acme") == ["grace", "active"]
        assert gateway.outcomes[-1] == ("receiver", "renewed", "acme")
        assert "credentials renewed by the partner" in [
            row.action for row in await gateway.operations.audit("acme") if row.actor == "partner"
        ]

    @pytest.mark.parametrize("method", ["PUT", "DELETE"])
    async def test_a_half_open_partner_may_renew_or_leave(self, gateway, method):
        token = await registered(gateway)
        await gateway.books.apply("acme", HalfOpened("why"))

        assert codes(await gateway.presents(method, token, THEIR_NEXT)) == (200, 1000)

        left = PartnerState.REGISTERED if method == "PUT" else PartnerState.UNREGISTERED
        assert (await gateway.partner("acme")).state is left

    async def test_a_half_open_partner_is_told_to_put_where_it_posts(self, gateway):
        token = await registered(gateway)
        await gateway.books.apply("acme", HalfOpened("why"))

        http_status, status_code, message = said(await gateway.presents("POST", token, THEIRS))

        assert (http_status, status_code) == (405, 2000)
        assert "use PUT" in message

    @pytest.mark.parametrize("method", ["PUT", "DELETE"])
    async def test_a_registered_partner_renews_and_leaves_with_its_own_token_only(self, gateway, method):
        token = await registered(gateway)
        before = await everything(gateway)
        answer = await gateway.presents(method, await invited(gateway), THEIR_NEXT)

        assert codes(answer) == (405, 2000)
        assert answer.headers["allow"] == "GET, POST"
        assert [each[:4] for each in await everything(gateway)] == [each[:4] for each in before]
        assert await gateway.opens(token)

    @pytest.mark.ways("error")
    async def test_ru2_a_call_back_refused_with_the_new_token_is_made_with_the_old_one(self, gateway, platform):
        async def old_token_only(request):
            known = request.headers.get("Authorization") == platform.requests[0].headers["Authorization"]
            return reply(versions({"2.2.1": DETAILS_URL})) if known else reply(b"", 401)

        token = await registered(gateway)
        platform.answers["GET", VERSIONS_URL] = old_token_only

        assert codes(await gateway.presents("PUT", token, THEIR_NEXT)) == (200, 1000)
        assert (await gateway.partner("acme")).outbound_token == NEXT_OUTBOUND_TOKEN

    @pytest.mark.ways("lost answer")
    async def test_ru4_after_a_lost_answer_the_old_token_may_put_again(self, gateway):
        token = await registered(gateway)
        gateway.loses_answers = True
        with pytest.raises(type(lost())):
            await gateway.presents("PUT", token, THEIR_NEXT)
        gateway.loses_answers = False
        assert await gateway.opens(token)

        fresh = token_in(await gateway.presents("PUT", token, THEIR_NEXT))

        assert await gateway.books.states("acme") == ["active", "pending", "pending"]
        assert await gateway.opens(fresh)
        assert await gateway.books.states("acme") == ["grace", "active"]

    async def test_ru5_the_old_token_has_a_minute_on_functional_modules(self, gateway, clock):
        former = await registered(gateway)
        fresh = token_in(await gateway.presents("PUT", former, THEIR_NEXT))
        assert await gateway.opens(fresh)

        assert codes(await gateway.presents("PUT", former, THEIR_NEXT)) == (401, 2000)
        clock.move(seconds=59)
        assert await gateway.opens(former)
        clock.move(seconds=1)
        assert not await gateway.opens(former)
        assert not await gateway.restarted().opens(former)

    @pytest.mark.ways("error")
    @pytest.mark.threat("S5")
    async def test_ru6_another_origin_is_refused_and_audited(self, gateway, platform):
        token = await registered(gateway)
        before, sent = await everything(gateway), len(platform.requests)
        moved = credentials(NEXT_OUTBOUND_TOKEN, "https://thief.example/ocpi/versions")

        assert codes(await gateway.presents("PUT", token, moved)) == (200, 2001)
        assert await everything(gateway) == before
        assert len(platform.requests) == sent
        assert (await gateway.operations.audit("acme"))[-1].action == "handshake failed"

    async def test_ru6_another_origin_that_the_operator_allows_is_fine(self, gateway_with, platform):
        gateway = gateway_with(allowed_hosts={"acme": frozenset({"new.example.com"})})
        token = await registered(gateway)
        moved = credentials(NEXT_OUTBOUND_TOKEN, "https://new.example.com/versions")
        platform.answers["GET", "https://new.example.com/versions"] = platform.answers["GET", VERSIONS_URL]

        assert codes(await gateway.presents("PUT", token, moved)) == (200, 1000)

    async def test_a_put_with_parties_outside_the_invitation_is_2001_and_changes_nothing(self, gateway):
        invitation_token = await invited(gateway, roles=[(Party("DE", "ABC"), "EMSP")])
        token = token_in(await gateway.presents("POST", invitation_token, THEIRS))
        assert await gateway.opens(token)
        before = await everything(gateway)

        stranger = credentials(NEXT_OUTBOUND_TOKEN, VERSIONS_URL, "FR-ZZZ")
        assert codes(await gateway.presents("PUT", token, stranger)) == (200, 2001)

        assert await everything(gateway) == before

    async def test_ru7_the_token_that_last_worked_survives_puts_that_are_repeated(self, gateway):
        token = await registered(gateway)
        for presented in (THEIR_NEXT, THEIR_NEXT, credentials("their-third-token")):
            assert codes(await gateway.presents("PUT", token, presented)) == (200, 1000)

        partner = await gateway.partner("acme")
        assert (partner.outbound_token, partner.previous_outbound_token) == ("their-third-token", OUTBOUND_TOKEN)

    async def test_a_proof_while_a_put_is_open_is_no_conflict(self, gateway, platform):
        token = await registered(gateway)
        fresh = token_in(await gateway.presents("PUT", token, THEIR_NEXT))
        other = gateway.restarted()

        async def meanwhile(_request):
            def work(ledger):
                ledger.outbound_accepted(ledger.partner("acme"), NEXT_OUTBOUND_TOKEN)

            await other.registrar.write("gateway", work)
            assert await other.opens(fresh)
            return reply(versions({"2.2.1": DETAILS_URL}))

        platform.answers["GET", VERSIONS_URL] = meanwhile

        assert codes(await gateway.presents("PUT", token, THEIR_NEXT)) == (200, 1000)

    async def test_ru8_a_second_put_meanwhile_is_409_in_every_process(self, gateway, other, platform):
        token = await registered(gateway)
        meanwhile = []

        async def busy(_request):
            meanwhile.extend([codes(await each.presents("PUT", token, THEIR_NEXT)) for each in (gateway, other)])
            return reply(versions({"2.2.1": DETAILS_URL}))

        platform.answers["GET", VERSIONS_URL] = busy

        assert codes(await gateway.presents("PUT", token, THEIR_NEXT)) == (200, 1000)
        assert meanwhile == [(409, 2000), (409, 2000)]

    async def test_ru9_a_put_to_another_version_switches_to_it(self, gateway):
        token = await registered(gateway)
        assert codes(await gateway.presents("PUT", token, THEIR_NEXT, version="2.2")) == (200, 1000)
        partner = await gateway.partner("acme")

        assert partner.version == "2.2"
        assert [each.identifier for each in partner.endpoints] == ["credentials"]

    async def test_ru10_a_put_right_after_the_post_is_accepted(self, gateway):
        token = token_in(await gateway.presents("POST", await invited(gateway), THEIRS))

        assert codes(await gateway.presents("PUT", token, THEIR_NEXT)) == (200, 1000)
        assert await gateway.books.states("acme") == ["active", "pending"]

    async def test_rd5_a_suspended_partner_can_not_put(self, gateway):
        token = await registered(gateway)
        await gateway.operations.suspend("acme")
        await gateway.directory.refresh()

        assert codes(await gateway.presents("PUT", token, THEIR_NEXT)) == (401, 2000)
        assert (await gateway.partner("acme")).suspended

    @pytest.mark.parametrize("method", ["put", "delete"])
    async def test_rd5_nor_one_that_was_suspended_in_another_process_a_moment_ago(self, gateway, method):
        token = await registered(gateway)
        holder = gateway.directory.holder(gateway.vault.digest(token))
        await gateway.restarted().operations.suspend("acme")
        arguments = (holder, "2.2.1", b"{}") if method == "put" else (holder,)

        with pytest.raises(UnauthenticatedError) as refused:
            await getattr(gateway.responder, method)(*arguments)
        assert refused.value.refusal is Refusal.SUSPENDED

    async def test_a_token_that_was_replaced_in_another_process_can_not_put(self, gateway):
        former = await registered(gateway)
        other = gateway.restarted()
        fresh = token_in(await other.presents("PUT", former, THEIR_NEXT))
        holder = gateway.directory.holder(gateway.vault.digest(former))
        assert await other.opens(fresh)

        with pytest.raises(UnauthenticatedError) as refused:
            await gateway.responder.put(holder, "2.2.1", b"{}")
        assert refused.value.refusal is Refusal.NOT_ADMITTED


class TestDelete:
    """handshake.md, Receiver: the partner DELETEs with C."""

    async def test_a_partner_leaves(self, gateway):
        token = await registered(gateway)

        assert codes(await gateway.presents("DELETE", token)) == (200, 1000)

        partner = await gateway.partner("acme")
        assert (partner.state, partner.outbound_token, partner.parties) == (PartnerState.UNREGISTERED, None, ())
        assert not await gateway.opens(token)
        assert gateway.outcomes[-1] == ("receiver", "unregistered", "acme")

    async def test_rd2_the_ended_token_is_known_for_a_day_and_opens_nothing(self, gateway, clock):
        token = await registered(gateway)
        await gateway.presents("DELETE", token)

        for process in (gateway, gateway.restarted()):
            assert codes(await process.presents("DELETE", token)) == (200, 1000)
            for method in ("GET", "POST", "PUT"):
                assert codes(await process.presents(method, token, THEIRS)) == (401, 2000)
            assert not await process.opens(token)
        clock.move(hours=24)
        assert codes(await gateway.presents("DELETE", token)) == (401, 2000)

    async def test_rd4_with_an_invitation_only_it_is_405(self, gateway):
        assert codes(await gateway.presents("DELETE", await invited(gateway))) == (405, 2000)

    async def test_a_delete_while_a_put_is_open_is_409(self, gateway, platform):
        token = await registered(gateway)
        meanwhile = []

        async def busy(_request):
            meanwhile.append(codes(await gateway.presents("DELETE", token)))
            return reply(versions({"2.2.1": DETAILS_URL}))

        platform.answers["GET", VERSIONS_URL] = busy

        assert codes(await gateway.presents("PUT", token, THEIR_NEXT)) == (200, 1000)
        assert meanwhile == [(409, 2000)]

    async def test_a_partner_that_left_can_be_invited_and_register_again(self, gateway):
        await gateway.presents("DELETE", await registered(gateway))

        assert await gateway.opens(await registered(gateway))
