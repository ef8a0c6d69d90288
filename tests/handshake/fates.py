"""What a request of ours can come to, and where a process can end: the ways of the fault tests (handshake.md)."""

import asyncio
from itertools import product

import pytest

from gateway.ocpi.flow import FetchCause, HandshakeError
from gateway.ocpi.vocabulary import PartnerState
from gateway.store.engine import StoreUnavailableError
from tests.handshake.partners import THEIRS
from tests.handshake.rig import lost, reply, unreachable
from tests.ocpi.dialogue import CREDENTIALS_URL, DETAILS_URL, INVITATION_TOKEN, VERSIONS_URL, envelope

S = PartnerState
POST, PUT, DELETE = ("POST", CREDENTIALS_URL), ("PUT", CREDENTIALS_URL), ("DELETE", CREDENTIALS_URL)
DISCOVERY = ("GET", VERSIONS_URL), ("GET", DETAILS_URL)

KILL, ERROR, TIME_OUT, LOST_ANSWER = "kill", "error", "time-out", "lost answer"

#: By name: what is raised in place of an answer, or answered.
FATES = {
    KILL: asyncio.CancelledError(),
    ERROR: reply(b"", 500),
    "refused": unreachable(),
    TIME_OUT: lost(FetchCause.TIMEOUT),
    "time-out unsent": unreachable(FetchCause.TIMEOUT),
    LOST_ANSWER: lost(),
}
each_fate = pytest.mark.parametrize("fate", FATES.values(), ids=FATES)

#: Successes to a POST or PUT of ours by which nothing can be done.
UNUSABLE = {
    "OCPI status 3000": reply(envelope(status_code=3000)),
    "data missing": reply(envelope()),
    "empty list": reply(envelope([])),
    "token missing": reply(envelope({key: value for key, value in THEIRS.items() if key != "token"})),
    "token empty": reply(envelope({**THEIRS, "token": ""})),
    "no body": reply(b""),
    "HTTP 201 and OCPI status 2001": reply(envelope(status_code=2001), 201),
}
each_unusable = pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE)


def each_crash(*, writes):
    """A crash before and after each of so many transactions."""
    points = list(product(("before", "after"), range(1, writes + 1)))
    return pytest.mark.parametrize(("point", "write"), points, ids=[f"{point} {number}" for point, number in points])


def register(gateway):
    """The gateway registers with the partner's platform, as the Sender."""
    return gateway.register("acme", INVITATION_TOKEN)


async def fails(doing):
    """It ends by the process or by an error that is told; gives that."""
    with pytest.raises((asyncio.CancelledError, HandshakeError, StoreUnavailableError)) as failed:
        await doing
    return failed.value


async def presents(gateway, *request):
    """What a partner gets for a request, or None where the process ends before the answer."""
    try:
        return await gateway.presents(*request)
    except asyncio.CancelledError:
        return None


def one_token(platform, method):
    """The only token of ours that it was ever given so."""
    (given,) = set(platform.tokens_given(method))
    return given
