"""We call the partner: neither what the operator types, nor what its front gives, leads to a wrong address."""

from contextlib import suppress
from functools import partial
from itertools import cycle, product

import pytest

from gateway.ocpi.errors import GatewayError, OperatorError
from gateway.ocpi.flow import HandshakeError
from tests.platform import ocpi

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.threat("T8", "U1", "H7")]

REDIRECTS = (301, 302, 303, 307, 308)


def silent(_step, _outcome):
    pass


async def register(stage, url=None):
    """Register with the partner."""
    return await stage.gateway.verbs.register(
        stage.partner,
        versions_url=url or stage.front.versions_url,
        invitation_token="token-a-of-theirs",
        progress=silent,
    )


async def assert_refused(stage, url=None):
    """Registering fails, and no token of ours went anywhere."""
    with pytest.raises((HandshakeError, OperatorError)):
        await register(stage, url)


async def test_no_versions_url_that_the_operator_types_leads_elsewhere(stage):
    for url in stage.third(0):
        await assert_refused(stage, url)

    assert stage.wire.tripped == []
    assert stage.front.requests == []


async def test_no_version_url_leads_elsewhere(stage):
    for url in stage.third(1):
        stage.give_version(url)
        await assert_refused(stage)

    assert stage.wire.tripped == []


async def test_no_credentials_endpoint_gets_our_post_elsewhere(stage):
    for url in stage.third(2):
        stage.give_endpoint(url, "credentials")
        await assert_refused(stage)

    assert stage.wire.tripped == []
    assert stage.front.posted == []


async def test_no_redirect_of_the_credentials_endpoint_leads_our_post_elsewhere(stage):
    for url, http_status in zip(stage.third(0, in_header=True), cycle(REDIRECTS)):
        stage.redirect("/credentials", url, http_status)
        await assert_refused(stage)

    assert stage.wire.tripped == []


async def test_no_url_in_the_credentials_that_we_are_answered_counts_for_anything(stage):
    for url in stage.third(1):
        stage.front.answers["/credentials"] = (200, ocpi({**stage.front.credentials, "url": url}), {})
        record = await register(stage)
        assert record.partner.versions_url == stage.front.versions_url
        await stage.gateway.verbs.revoke(stage.partner)
        stage.another_partner()

    assert stage.wire.tripped == []


async def test_no_url_leads_elsewhere_when_a_live_registration_is_moved_in(stage):
    for url in stage.third(2):
        with pytest.raises((HandshakeError, OperatorError)):
            await stage.gateway.verbs.adopt(
                stage.partner,
                versions_url=url,
                outbound_token="token-of-theirs",
                inbound_token="token-of-ours",
                roles=(),
                progress=silent,
            )

    assert stage.wire.tripped == []
    assert stage.front.requests == []


async def test_no_endpoint_that_a_registered_partner_offers_later_leads_elsewhere(stage):
    verbs = stage.gateway.verbs
    await register(stage)
    for url, verb in zip(stage.third(0), cycle([verbs.refresh, verbs.rotate])):
        stage.give_endpoint(url, "credentials")
        with suppress(GatewayError):
            await verb(stage.partner, progress=silent)

    assert stage.wire.tripped == []
    assert stage.front.posted[1:] == []


async def test_no_redirect_leads_our_put_or_delete_elsewhere(stage):
    verbs = stage.gateway.verbs
    await register(stage)
    unregister = partial(verbs.unregister, force=False)
    for url, (verb, http_status) in zip(
        stage.third(1, in_header=True), cycle(product([verbs.rotate, unregister], REDIRECTS))
    ):
        stage.redirect("/credentials", url, http_status)
        with pytest.raises(HandshakeError):
            await verb(stage.partner, progress=silent)

    assert stage.wire.tripped == []
