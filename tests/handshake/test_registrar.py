"""What both ends of a handshake share: how a partner is called, and what is kept of a failure."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from gateway.handshake.registrar import Ending, Registrar, check_typed_url
from gateway.ocpi.errors import InternalError, OperatorError, PartnerError
from gateway.ocpi.lifecycle import Rotating
from gateway.ocpi.partner import Manners
from gateway.ocpi.vocabulary import PartnerState, TokenForm
from gateway.store.audit import FAILED
from gateway.store.inbound import Lifetimes
from tests.handshake.partners import THEIR_NEXT, registered
from tests.ocpi.dialogue import OUTBOUND_TOKEN, VERSIONS_URL

ENDING = Ending("sender", "rotate", "failed", "acme")
BASE64, PLAIN, ABSENT = TokenForm.BASE64, TokenForm.PLAIN, TokenForm.ABSENT


@pytest.mark.parametrize("typed", ["", "emsp.example.com/versions", "ftp://emsp.example.com/", "https://a b/"])
def test_what_can_not_be_a_versions_url_is_refused_before_anything_is_done(typed):
    with pytest.raises(OperatorError, match="the versions URL") as refused:
        check_typed_url(typed)
    assert "as the partner sent it" in refused.value.remedy


def test_a_versions_url_is_taken_as_it_was_typed():
    check_typed_url(VERSIONS_URL)


class TestHowAPartnerIsCalled:
    @pytest.mark.parametrize(
        ("demanded", "learned", "used"),
        [
            (None, Manners(PLAIN, ABSENT), Manners(PLAIN, ABSENT)),
            (BASE64, Manners(PLAIN, PLAIN), Manners(BASE64, BASE64)),
            (PLAIN, Manners(BASE64, BASE64), Manners(PLAIN, PLAIN)),
            (PLAIN, Manners(BASE64, ABSENT), Manners(PLAIN, ABSENT)),
        ],
    )
    async def test_a_form_of_the_token_that_the_operator_demands_goes_before_what_was_learned(
        self, gateway_with, demanded, learned, used
    ):
        gateway = gateway_with(token_form=demanded)
        await registered(gateway)
        partner = replace(await gateway.partner("acme"), manners=learned)

        assert gateway.registrar.as_configured(partner) == replace(partner, manners=used)

    async def test_a_former_token_is_there_only_as_long_as_it_is_fallen_back_to(self, gateway, clock):
        await gateway.presents("PUT", await registered(gateway), THEIR_NEXT)
        partner = await gateway.partner("acme")
        assert gateway.registrar.as_configured(partner).previous_outbound_token == OUTBOUND_TOKEN

        clock.move(hours=24)

        assert gateway.registrar.as_configured(partner).previous_outbound_token is None

    async def test_hosts_are_allowed_to_a_partner_whatever_the_letter_case_of_its_name(self, gateway_with):
        registrar = gateway_with(allowed_hosts={"acme": frozenset({"cdn.example"})}).registrar

        assert registrar.hosts_of("Acme") == {"cdn.example"}
        assert registrar.hosts_of("other") == frozenset()

    def test_unless_told_otherwise_forms_are_learned_and_no_host_is_allowed(self, gateway):
        registrar = gateway.registrar
        plain = Registrar(
            store=registrar.store,
            vault=registrar.vault,
            clock=registrar.clock,
            front=registrar.front,
            fetcher=registrar.fetcher,
            lifetimes=registrar.lifetimes,
            on_outcome=registrar.on_outcome,
        )

        assert plain.token_form_of("acme") is None
        assert plain.hosts_of("acme") == frozenset()
        assert (plain.trust, plain.backoff) == (registrar.trust, registrar.backoff)

        waits = plain.save_again_after_seconds
        assert all(later == 2 * wait for wait, later in pairwise(waits))
        assert (waits[0], sum(waits)) == (0.5, 31.5)  # half a minute for a disk to be freed


async def test_tokens_live_as_long_as_is_configured(gateway, clock):
    await registered(gateway)
    registrar = replace(gateway.registrar, lifetimes=Lifetimes(pending=timedelta(hours=1)))

    record = await registrar.save("gateway", await registrar.read("acme"), Rotating("our-next-token"))

    assert record.inbound_tokens[-1].expires_at == clock() + timedelta(hours=1)
    assert (await gateway.operations.audit("acme"))[-1].actor == "gateway"


class TestFailures:
    async def test_one_is_told_and_kept_with_its_verb(self, gateway):
        await registered(gateway)
        error = PartnerError("no TLS", remedy="Ask them")

        await gateway.registrar.note_failure("gateway", ENDING, error)

        record = await gateway.operations.partner("acme")
        assert (record.note, record.failures, record.retry_at) == ("no TLS. Ask them", 0, None)
        row = (await gateway.operations.audit("acme"))[-1]
        assert (row.actor, row.action, row.detail["verb"]) == ("gateway", FAILED, "rotate")
        assert gateway.outcomes[-1] == ("sender", "failed", "acme")
        assert gateway.known.told[-1] == ("no TLS. Ask them", "")

    async def test_one_that_is_tried_again_waits_longer_each_time(self, gateway, clock):
        await registered(gateway)
        waits = []
        for number in range(1, 4):
            await gateway.registrar.note_failure("gateway", ENDING, PartnerError("no"), again=True)
            record = await gateway.operations.partner("acme")
            assert record.failures == number
            waits.append((record.retry_at - clock()).total_seconds() / 60)

        assert [15 <= waits[0] <= 18.75, 30 <= waits[1] <= 37.5, 60 <= waits[2] <= 75] == [True] * 3

    async def test_one_of_our_own_is_told_and_not_kept(self, gateway):
        await registered(gateway)
        before = await gateway.operations.audit("acme")

        await gateway.registrar.note_failure("gateway", ENDING, InternalError("broken"))

        assert await gateway.operations.audit("acme") == before
        assert gateway.known.told[-1][0] == "broken"

    async def test_a_store_that_fails_too_does_not_hide_it(self, gateway, locked):
        await registered(gateway)
        with locked():
            await gateway.registrar.note_failure("gateway", ENDING, PartnerError("no TLS"))

        assert gateway.known.told[-1][0] == "no TLS"
        assert (await gateway.operations.partner("acme")).partner.state is PartnerState.REGISTERED
