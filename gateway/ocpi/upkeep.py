"""Looking at the front of a registered partner again, and carrying on a registration that another system made.

inspect  what it offers now, and whether it accepts the token that we call it with (operations.md, Partner health)
adopt    both tokens are in use already, so nothing is exchanged: only its front is read
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.ocpi.authorization import header_value
from gateway.ocpi.credentials import Credentials, salvage_credentials
from gateway.ocpi.discovery import Discovery, Target, discover, fetch
from gateway.ocpi.envelope import Envelope, NotAnEnvelopeError, StatusCode
from gateway.ocpi.flow import Conversation, Fetch, HandshakeError, Reply
from gateway.ocpi.lifecycle import Imported
from gateway.ocpi.partner import CredentialsRole, Endpoint, Partner
from gateway.ocpi.registration import Flow, Front
from gateway.ocpi.versions import credentials_endpoint

GET_CREDENTIALS = "GET credentials"

_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Finding:
    """What looking at a partner's front has shown.

    Attributes:
        accepts_token: whether it accepts the token that we call it with; None where nothing showed it.
    """

    discovery: Discovery
    accepts_token: bool | None


def inspect(partner: Partner, *, allowed_hosts: frozenset[str] = frozenset()) -> Conversation[Finding]:
    """Read versions and details again, and ask for the credentials, which no platform gives without a token.

    Raises:
        HandshakeError: its front can't be read; HTTP 401 says that it refuses our token already there.
    """
    discovery = yield from discover(_target(partner, allowed_hosts), wanted=(partner.version or "",))
    reply = yield from _get_credentials(discovery, partner.outbound_token or "")
    if reply is not None and reply.http_status == _UNAUTHORIZED:
        return Finding(discovery, accepts_token=False)
    return Finding(discovery, accepts_token=True if _is_success(reply) else None)


def differences(known: Sequence[Endpoint], found: Sequence[Endpoint]) -> tuple[str, ...]:
    """How a platform's endpoints differ from those noted, in words: `+ tokens SENDER https://...`, `- ...`."""
    new, gone = ({*one} - {*other} for one, other in ((found, known), (known, found)))
    return tuple(sorted([f"+ {_words(each)}" for each in new] + [f"- {_words(each)}" for each in gone]))


def adopt(
    front: Front,
    target: Target,
    *,
    inbound_token: str,
    roles: Sequence[CredentialsRole] = (),
) -> Flow[Imported]:
    """Carry on a live registration (contract.md, `partner import`).

    Args:
        target: the partner's versions URL and the token that we call it with.
        inbound_token: what the partner calls us with already.
        roles: the partner's parties, where it doesn't tell them itself.

    Raises:
        HandshakeError: its front can't be read, it refuses the token, or nobody says which parties it has.
    """
    discovery = yield from discover(target, wanted=front.versions)
    reply = yield from _get_credentials(discovery, target.credentials_token)
    if reply is not None and reply.http_status == _UNAUTHORIZED:
        raise _failed("their platform refuses the token that we are to call it with (HTTP 401)")
    told = _told(reply)
    theirs = tuple(roles) or (told.roles if told else ())
    remarks: tuple[str, ...] = ()
    if any(role.party in front.parties for role in theirs):
        theirs = tuple(role for role in theirs if role.party not in front.parties)
        remarks = ("the partner's parties include one of ours, which was left out",)
    if not theirs:
        raise _failed("their platform does not say which parties it has", remedy="Name them: --party DE-ABC:EMSP")
    credentials = Credentials(target.credentials_token, discovery.versions_url, theirs)
    imported = Imported(credentials, discovery, inbound_token, remarks)
    yield imported
    return imported


def _target(partner: Partner, allowed_hosts: frozenset[str]) -> Target:
    hosts = partner.invitation.hosts and partner.invitation.hosts | partner.hosts  # an unused one binds no registration
    return Target(
        partner.versions_url or "",
        partner.outbound_token or "",
        manners=partner.manners,
        fallback_token=partner.previous_outbound_token,
        hosts=hosts | allowed_hosts,
        only_hosts=bool(hosts),
    )


def _get_credentials(discovery: Discovery, outbound_token: str) -> Conversation[Reply | None]:
    """Ask for their credentials; None where they list no such endpoint, or it doesn't answer."""
    endpoint = credentials_endpoint(discovery.endpoints)
    if endpoint is None:
        return None
    authorization = header_value(outbound_token, discovery.manners.token_form)
    headers = {"Accept": "application/json", "Authorization": authorization}
    try:
        return (yield from fetch(Fetch(GET_CREDENTIALS, "GET", endpoint.url, headers)))
    except HandshakeError:
        return None


def _is_success(reply: Reply | None) -> bool:
    if reply is None or not reply.is_http_success:
        return False
    try:
        return Envelope.read(reply.body).is_success
    except NotAnEnvelopeError:
        return False


def _told(reply: Reply | None) -> Credentials | None:
    if reply is None or not _is_success(reply):
        return None
    document = Envelope.read(reply.body).data
    credentials, _ = salvage_credentials(document if not isinstance(document, dict) else {"token": "-", **document})
    return None if credentials is None else replace(credentials, token="")


def _words(endpoint: Endpoint) -> str:
    return " ".join(filter(None, (endpoint.identifier, endpoint.role, endpoint.url)))


def _failed(message: str, *, remedy: str = "") -> HandshakeError:
    return HandshakeError(message, step=GET_CREDENTIALS, status_code=StatusCode.UNABLE_TO_USE_CLIENT_API, remedy=remedy)
