"""What a running gateway does by itself: handshake.md, SU6, SD1, Scheduled rotation; operations.md, Partner health."""

import asyncio
from datetime import timedelta

import pytest

from gateway.config.tuning import RotationMode
from gateway.handshake.initiator import Initiator
from gateway.handshake.inspector import Inspector
from gateway.handshake.upkeep import Schedule, Upkeep
from gateway.ocpi.flow import HandshakeError
from gateway.ocpi.vocabulary import PartnerState
from tests.handshake.partners import registered
from tests.handshake.rig import lost, reply, unreachable
from tests.ocpi.dialogue import CREDENTIALS_URL, INVITATION_TOKEN, NEXT_OUTBOUND_TOKEN, credentials, envelope

S = PartnerState
PUT, DELETE = ("PUT", CREDENTIALS_URL), ("DELETE", CREDENTIALS_URL)


class Caretaker:
    """The upkeep of a gateway, passed by hand."""

    def __init__(self, gateway, *, mode=RotationMode.AUTO, looks=False):
        self.gateway, self.reminders, self.records = gateway, [], []
        self.upkeep = Upkeep(
            Initiator(gateway.registrar, actor="gateway"),
            Inspector(gateway.registrar, actor="gateway"),
            Schedule(
                rotate_every=timedelta(days=30),
                rotation=lambda _name: mode,
                look_every=timedelta(minutes=15),
                looks=lambda _name: looks,
            ),
            records=lambda: self.records,
            clock=gateway.clock,
            on_reminder=self.reminders.append,
        )

    async def passes(self):
        self.records = await self.gateway.operations.partners()
        await self.upkeep.look()


@pytest.fixture
def front(platform):
    platform.answers["GET", CREDENTIALS_URL] = reply(envelope(credentials()))
    platform.answers[PUT] = reply(envelope(credentials(NEXT_OUTBOUND_TOKEN)))
    return platform


async def state(gateway):
    return (await gateway.partner("acme")).state


class TestRotation:
    async def test_tokens_are_renewed_when_they_are_a_month_old_and_not_before(self, gateway, front, clock):
        await registered(gateway)
        caretaker = Caretaker(gateway)
        clock.move(days=29)
        await caretaker.passes()
        assert front.sent("PUT") == []

        clock.move(days=4)  # a tenth of the month is left to chance
        await caretaker.passes()

        assert len(front.sent("PUT")) == 1
        assert (await gateway.partner("acme")).outbound_token == NEXT_OUTBOUND_TOKEN
        assert (await gateway.operations.audit("acme"))[-1].actor == "gateway"

    async def test_partners_of_one_day_have_their_turn_at_different_times(self, gateway, front):
        schedule = Caretaker(gateway).upkeep._schedule
        for name in ("one", "two", "three"):
            await gateway.operations.adopt(
                name,
                versions_url="https://emsp.example.com/ocpi/versions",
                outbound_token=f"their-{name}",
                inbound_token=f"our-{name}",
                roles=(),
                progress=gateway._show,
            )
        assert len({schedule._renewal(record) for record in await gateway.operations.partners()}) == 3

    async def test_a_renewal_is_no_occasion_for_another_although_our_new_token_was_not_used_yet(
        self, gateway, front, clock
    ):
        await registered(gateway)
        caretaker = Caretaker(gateway)
        clock.move(days=40)
        await caretaker.passes()
        await caretaker.passes()

        assert len(front.sent("PUT")) == 1

    async def test_one_that_was_renewed_meanwhile_by_another_process_is_left_alone(self, gateway, other, front, clock):
        await registered(gateway)
        caretaker = Caretaker(gateway)
        clock.move(days=40)
        caretaker.records = await gateway.operations.partners()
        await other.rotate("acme")

        await caretaker.upkeep.look()

        assert len(front.sent("PUT")) == 1

    async def test_a_failed_rotation_is_tried_again_later_and_later(self, gateway, front, clock):
        await registered(gateway)
        caretaker = Caretaker(gateway)
        front.answers[PUT] = reply(b"", 500)
        clock.move(days=40)
        attempts = []
        for minute in range(60):
            before = len(front.sent("PUT"))
            await caretaker.passes()
            attempts += [minute] * (len(front.sent("PUT")) - before)
            clock.move(minutes=1)

        assert attempts[0] == 0
        assert len(attempts) == 3
        assert 15 <= attempts[1] - attempts[0] <= 19
        assert 30 <= attempts[2] - attempts[1] <= 38
        assert (await gateway.operations.partner("acme")).failures == 3
        assert len(set(front.tokens_given("PUT"))) == 1

        front.answers[PUT] = reply(envelope(credentials(NEXT_OUTBOUND_TOKEN)))
        clock.move(hours=2)
        await caretaker.passes()
        seen = await gateway.operations.partner("acme")
        assert (seen.failures, seen.retry_at) == (0, None)

    async def test_one_that_is_only_to_be_reminded_of_is_told_once(self, gateway, front, clock):
        await registered(gateway)
        caretaker = Caretaker(gateway, mode=RotationMode.REMIND)
        clock.move(days=40)
        await caretaker.passes()
        await caretaker.passes()

        assert caretaker.reminders == ["acme"]
        assert front.sent("PUT") == []

    async def test_tokens_that_were_renewed_since_are_reminded_of_anew(self, gateway, front, clock):
        await registered(gateway)
        caretaker = Caretaker(gateway, mode=RotationMode.REMIND)
        clock.move(days=40)
        await caretaker.passes()
        await gateway.rotate("acme")
        await caretaker.passes()
        assert caretaker.reminders == ["acme"]

        clock.move(days=40)
        await caretaker.passes()

        assert caretaker.reminders == ["acme", "acme"]

    async def test_one_that_is_switched_off_is_left_alone(self, gateway, front, clock):
        await registered(gateway)
        caretaker = Caretaker(gateway, mode=RotationMode.OFF)
        clock.move(days=400)
        await caretaker.passes()

        assert (caretaker.reminders, front.sent("PUT")) == ([], [])

    async def test_a_suspended_partner_is_left_alone(self, gateway, front, clock):
        await registered(gateway)
        await gateway.operations.suspend("acme")
        clock.move(days=40)
        await Caretaker(gateway, looks=True).passes()

        assert front.sent("PUT") == []


class TestResuming:
    @pytest.mark.parametrize("mode", RotationMode)
    @pytest.mark.ways("kill")
    async def test_su6_a_rotation_that_a_crash_interrupted_goes_on_with_the_same_token(self, gateway, front, mode):
        await registered(gateway)
        usual, front.answers[PUT] = front.answers[PUT], asyncio.CancelledError()
        with pytest.raises(asyncio.CancelledError):
            await gateway.rotate("acme")
        front.answers[PUT] = usual

        await Caretaker(gateway.restarted(), mode=mode).passes()

        assert len(set(front.tokens_given("PUT"))) == 1
        assert len(front.sent("PUT")) == 2
        assert (await gateway.partner("acme")).outbound_token == NEXT_OUTBOUND_TOKEN
        assert await gateway.opens(front.tokens_given("PUT")[0])

    @pytest.mark.ways("kill")
    async def test_su6_one_whose_answer_was_lost_ends_half_open_where_the_partner_moved_on(self, gateway, front):
        await registered(gateway)
        front.answers[PUT] = asyncio.CancelledError()
        with pytest.raises(asyncio.CancelledError):
            await gateway.rotate("acme")
        for asked in list(front.answers):
            front.answers[asked] = reply(b"", 401)

        await Caretaker(gateway.restarted()).passes()

        assert await state(gateway) is S.HALF_OPEN
        assert await gateway.opens(front.tokens_given("PUT")[0])

    @pytest.mark.ways("kill")
    async def test_su6_an_unregistration_that_a_crash_interrupted_goes_on(self, gateway, front):
        token = await registered(gateway)
        front.answers[DELETE] = asyncio.CancelledError()
        with pytest.raises(asyncio.CancelledError):
            await gateway.unregister("acme")
        assert (await gateway.partner("acme")).leaving
        front.answers[DELETE] = reply(b"", 401)

        await Caretaker(gateway.restarted()).passes()

        assert await state(gateway) is S.UNREGISTERED
        assert not await gateway.restarted().opens(token)

    @pytest.mark.ways("lost answer")
    async def test_sd1_one_whose_answer_was_lost_is_sent_again_after_a_while(self, gateway, front, clock):
        await registered(gateway)
        usual, front.answers[DELETE] = front.answers[DELETE], lost()
        with pytest.raises(HandshakeError) as failed:
            await gateway.unregister("acme")
        assert "a running gateway tries again" in failed.value.remedy
        assert (await gateway.partner("acme")).leaving
        front.answers[DELETE] = usual

        await Caretaker(gateway).passes()
        assert await state(gateway) is S.REGISTERED
        clock.moment = (await gateway.operations.partner("acme")).retry_at
        await Caretaker(gateway).passes()
        assert await state(gateway) is S.UNREGISTERED

    async def test_tokens_of_a_partner_that_can_not_be_told_are_never_dropped_by_force(self, gateway, front):
        await registered(gateway)
        front.answers[DELETE] = asyncio.CancelledError()
        with pytest.raises(asyncio.CancelledError):
            await gateway.unregister("acme")
        front.answers[DELETE] = lost()

        await Caretaker(gateway.restarted()).passes()

        partner = await gateway.partner("acme")
        assert (partner.state, partner.leaving) == (S.REGISTERED, True)

    @pytest.mark.ways("error")
    async def test_sd2_one_that_never_went_out_leaves_the_registration_as_it_was(self, gateway, front):
        await registered(gateway)
        front.answers[DELETE] = unreachable()
        with pytest.raises(HandshakeError):
            await gateway.unregister("acme")

        partner = await gateway.partner("acme")
        assert (partner.state, partner.leaving) == (S.REGISTERED, False)
        await Caretaker(gateway).passes()
        assert len(front.sent("DELETE")) == 1

    async def test_an_interrupted_registration_waits_for_its_operator(self, gateway, front):
        front.answers["POST", CREDENTIALS_URL] = lost()
        with pytest.raises(HandshakeError):
            await gateway.register("acme", INVITATION_TOKEN)

        await Caretaker(gateway).passes()

        assert len(front.sent("POST")) == 1


class TestLooking:
    async def test_each_front_is_looked_at_now_and_then(self, gateway, front, clock):
        await registered(gateway)
        caretaker = Caretaker(gateway, looks=True)
        sent = len(front.requests)
        await caretaker.passes()
        assert len(front.requests) == sent

        for _ in range(3):
            clock.move(minutes=17)
            await caretaker.passes()
            await caretaker.passes()

        assert len(front.requests) - sent == 3 * 3  # versions, details, credentials
        assert (await gateway.operations.partner("acme")).checked_at == clock()

    async def test_one_whose_front_is_away_is_looked_at_as_often(self, gateway, front, clock):
        await registered(gateway)
        caretaker = Caretaker(gateway, looks=True)
        front.answers["GET", "https://emsp.example.com/ocpi/versions"] = unreachable()
        sent = len(front.requests)
        for _ in range(2):
            clock.move(minutes=17)
            await caretaker.passes()
            await caretaker.passes()

        assert len(front.requests) - sent == 2

    async def test_a_half_open_partner_that_accepts_our_token_again_recovers_by_itself(self, gateway, front, clock):
        await gateway.register("acme", INVITATION_TOKEN)
        caretaker = Caretaker(gateway, looks=True)
        usual, front.answers["GET", CREDENTIALS_URL] = front.answers["GET", CREDENTIALS_URL], reply(b"", 401)
        clock.move(minutes=17)
        await caretaker.passes()
        assert await state(gateway) is S.HALF_OPEN

        front.answers["GET", CREDENTIALS_URL] = usual
        clock.move(minutes=17)
        await caretaker.passes()
        assert await state(gateway) is S.REGISTERED


async def test_requests_go_on_while_many_partners_are_passed(gateway):
    await gateway.operations.invite("acme")
    caretaker = Caretaker(gateway)
    caretaker.records = await gateway.operations.partners() * 401
    turns = []

    async def others():
        while True:
            turns.append(None)
            await asyncio.sleep(0)

    going_on = asyncio.ensure_future(others())
    await caretaker.upkeep.look()
    going_on.cancel()

    assert len(turns) >= 3
