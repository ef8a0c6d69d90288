"""A partner that registers with the gateway, for the tests of the Receiver's end."""

from tests.handshake.rig import token_in
from tests.ocpi.dialogue import NEXT_OUTBOUND_TOKEN, credentials

THEIRS = credentials()
THEIR_NEXT = credentials(NEXT_OUTBOUND_TOKEN)


async def invited(gateway, name="acme", **demands):
    return (await gateway.operations.invite(name, **demands)).invitation_token


async def registered(gateway, name="acme"):
    """A partner that registered and used its token; gives TOKEN_C."""
    token = token_in(await gateway.presents("POST", await invited(gateway, name), THEIRS))
    assert await gateway.opens(token)
    return token


async def everything(gateway):
    """All that a failure must not change: records without note, and who holds which token."""
    return [
        (
            record.partner.state,
            record.partner.endpoints,
            record.partner.roles,
            record.partner.outbound_token,
            {token.id: token.state for token in record.inbound_tokens},
        )
        for record in await gateway.operations.partners()
    ]
