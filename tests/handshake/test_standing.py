"""What answers show about the token that we call a partner with: handshake.md, RU7, SU4, SP10 and I8."""

import pytest

from gateway.handshake.standing import Standing
from gateway.ocpi.vocabulary import PartnerState
from gateway.store.engine import StoreUnavailableError
from tests.handshake.partners import THEIR_NEXT, registered
from tests.ocpi.dialogue import INVITATION_TOKEN, NEXT_OUTBOUND_TOKEN, OUTBOUND_TOKEN

S = PartnerState


class Noted:
    """A standing with what it told."""

    def __init__(self, gateway):
        self.gateway, self.alarms, self.failures, self.refreshes = gateway, [], [], 0
        self.standing = Standing(
            gateway.registrar,
            refresh=self._refresh,
            on_alarm=lambda partner, reason: self.alarms.append((partner, reason)),
            on_failure=self.failures.append,
        )

    async def _refresh(self):
        self.refreshes += 1

    async def partner(self):
        return await self.gateway.partner("acme")

    async def accepted(self):
        await self.standing.accepted(await self.partner())

    async def refused(self, times=1):
        for _ in range(times):
            await self.standing.refused(await self.partner())

    async def trail(self):
        return [row.action for row in await self.gateway.operations.audit("acme")]


@pytest.fixture
async def noted(gateway):
    return Noted(gateway)


@pytest.mark.ways("error")
async def test_sp10_a_token_refused_at_its_first_use_makes_the_partner_half_open_and_says_what_to_ask_for(
    noted, gateway, platform
):
    await gateway.register("acme", INVITATION_TOKEN)

    await noted.refused()

    assert (await noted.partner()).state is S.HALF_OPEN
    note = (await gateway.operations.partner("acme")).note
    assert noted.alarms == [("acme", note)]
    assert "at its first use" in note
    assert "send a PUT credentials or invite us again" in note
    assert "partner refresh acme" in note
    assert await gateway.opens(platform.tokens_given("POST")[0])


async def test_a_token_that_worked_is_given_up_after_three_refusals_in_a_row(noted, gateway):
    await registered(gateway)
    await noted.accepted()

    await noted.refused(2)
    assert (await noted.partner()).state is S.REGISTERED
    assert (await noted.partner()).outbound_refusals == 2

    await noted.refused()
    assert (await noted.partner()).state is S.HALF_OPEN
    assert "3 times in a row" in noted.alarms[0][1]


async def test_a_success_in_between_begins_the_count_anew(noted, gateway):
    await registered(gateway)
    await noted.accepted()
    for _ in range(3):
        await noted.refused(2)
        await noted.accepted()

    assert (await noted.partner()).state is S.REGISTERED
    assert (await noted.partner()).outbound_refusals == 0


async def test_a_success_is_noted_once(noted, gateway):
    await registered(gateway)
    await noted.accepted()
    trail = await noted.trail()

    await noted.accepted()

    assert await noted.trail() == trail
    assert trail[-1] == "outbound token accepted"


async def test_i8_a_former_token_is_never_used_again_once_the_new_one_worked(noted, gateway):
    token = await registered(gateway)
    await noted.accepted()
    await gateway.presents("PUT", token, THEIR_NEXT)
    assert noted.standing.fallback(await noted.partner()) == OUTBOUND_TOKEN

    await noted.accepted()

    assert (await noted.partner()).previous_outbound_token is None
    assert noted.standing.fallback(await noted.partner()) is None


@pytest.mark.ways("error")
async def test_ru7_while_there_is_a_former_token_refusals_of_the_new_one_end_nothing(noted, gateway, clock):
    token = await registered(gateway)
    await noted.accepted()
    await gateway.presents("PUT", token, THEIR_NEXT)

    await noted.refused(5)
    partner = await noted.partner()
    assert (partner.state, partner.outbound_token) == (S.REGISTERED, NEXT_OUTBOUND_TOKEN)
    assert noted.standing.fallback(partner) == OUTBOUND_TOKEN
    assert noted.alarms == []


@pytest.mark.ways("error")
async def test_ru7_after_a_day_the_alarm_is_raised(noted, gateway, clock):
    token = await registered(gateway)
    await noted.accepted()
    await gateway.presents("PUT", token, THEIR_NEXT)
    clock.move(hours=24)

    assert noted.standing.fallback(await noted.partner()) is None
    await noted.refused()

    assert (await noted.partner()).state is S.HALF_OPEN
    assert [partner for partner, _ in noted.alarms] == ["acme"]


async def test_a_refusal_of_a_token_that_was_replaced_meanwhile_says_nothing(noted, gateway):
    token = await registered(gateway)
    before = await noted.partner()
    await gateway.presents("PUT", token, THEIR_NEXT)
    trail = await noted.trail()

    await noted.standing.refused(before)

    assert await noted.trail() == trail


async def test_where_the_former_token_is_refused_too_there_is_nothing_to_wait_for(noted, gateway):
    token = await registered(gateway)
    await noted.accepted()
    await gateway.presents("PUT", token, THEIR_NEXT)

    for _ in range(3):
        assert (await noted.partner()).state is S.REGISTERED
        await noted.standing.refused(await noted.partner(), former_too=True)

    assert (await noted.partner()).state is S.HALF_OPEN
    assert len(noted.alarms) == 1


async def test_half_open_is_told_once(noted, gateway):
    await gateway.register("acme", INVITATION_TOKEN)
    await noted.refused(3)

    assert len(noted.alarms) == 1


async def test_a_store_that_fails_is_told_once_and_a_later_call_makes_the_same_finding(noted, gateway, clock, locked):
    await registered(gateway)
    with locked():
        await noted.accepted()
        await noted.accepted()
    assert [type(failure) for failure in noted.failures] == [StoreUnavailableError]
    assert not (await noted.partner()).outbound_proved

    clock.move(seconds=5)
    await noted.accepted()
    assert (await noted.partner()).outbound_proved


async def test_what_was_noted_is_brought_to_memory(noted, gateway):
    await registered(gateway)
    await noted.accepted()
    assert noted.refreshes == 1

    await noted.accepted()
    assert noted.refreshes == 1


async def test_a_half_open_partner_that_accepts_the_token_after_all_is_registered_again(noted, gateway):
    await gateway.register("acme", INVITATION_TOKEN)
    await noted.refused()
    assert (await noted.partner()).state is S.HALF_OPEN

    await noted.accepted()

    assert (await noted.partner()).state is S.REGISTERED
