"""The six steps as flows, for both ends, and rotation and unregistration beside them.

A flow yields a `Fetch` (an HTTP request to the partner, sent once) or a change to be saved, and is sent the reply, or
None once saved. It holds no socket, clock or store, so tests can stop it at any point (handshake.md, the tables).

    initiator (Sender)                              responder (Receiver)
    GET versions, GET details     with TOKEN_A      check the object against the invitation
    save Prepared                 TOKEN_B works     GET versions, GET details    with TOKEN_B
    POST credentials              with TOKEN_A      save Accepted                TOKEN_C made
    save Completed                TOKEN_C kept      answer                       with TOKEN_C
"""

import base64
import json
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from gateway.ocpi.authorization import header_value
from gateway.ocpi.credentials import Credentials, salvage_credentials, write_credentials
from gateway.ocpi.demands import check_host, check_origin, check_parties
from gateway.ocpi.discovery import (
    GET_DETAILS,
    Discovery,
    Target,
    answers_anybody,
    discover,
    fetch,
    slash_redirect,
)
from gateway.ocpi.envelope import Envelope, NotAnEnvelopeError, StatusCode
from gateway.ocpi.flow import Conversation, Fetch, HandshakeError, Reply
from gateway.ocpi.lifecycle import Accepted, Change, Completed, Prepared, Renewed, Rotated, Rotating
from gateway.ocpi.partner import CredentialsRole, Endpoint, Manners, Partner
from gateway.ocpi.party import Party
from gateway.ocpi.versions import credentials_endpoint, missing_modules
from gateway.ocpi.vocabulary import TokenForm

T = TypeVar("T")

#: A flow of a handshake: yields requests and changes, returns `T`.
Flow = Generator[Fetch | Change, Any, T]

POST_CREDENTIALS = "POST credentials"
PUT_CREDENTIALS = "PUT credentials"
DELETE_CREDENTIALS = "DELETE credentials"

_UNAUTHORIZED = 401
#: Answers to a DELETE by which a platform says that there is no such registration.
_GONE = frozenset({401, 404, 405})
_SAID = 200


@dataclass(frozen=True, slots=True)
class Front:
    """What we present to partners.

    Attributes:
        versions_url: our versions endpoint, the `url` of our credentials.
        roles: our parties.
        versions: the OCPI versions we offer, newest first.
        required_modules: what a partner must offer: `module` or `module:ROLE`.
    """

    versions_url: str
    roles: tuple[CredentialsRole, ...]
    versions: tuple[str, ...]
    required_modules: tuple[str, ...] = ()

    @property
    def parties(self) -> frozenset[Party]:
        """Our parties, whatever their role."""
        return frozenset(role.party for role in self.roles)

    def credentials(self, inbound_token: str) -> Credentials:
        """Our credentials object with the token by which the partner is to call us."""
        return Credentials(inbound_token, self.versions_url, self.roles)


def initiate(front: Front, target: Target, *, inbound_token: str) -> Flow[Completed]:
    """Register with a partner that gave us TOKEN_A (we are the Sender).

    Args:
        target: its versions URL and TOKEN_A.
        inbound_token: TOKEN_B; when resuming, the one that may already have been sent (rule 4).

    Raises:
        HandshakeError: with the step; `outcome_unknown` where the POST may have been carried out.
    """
    discovery = yield from discover(target, wanted=front.versions)
    _require(discovery, front.required_modules)
    url = _credentials_url(discovery.endpoints)
    yield Prepared(discovery, inbound_token)
    return (yield from _post(front, discovery, url, target.credentials_token, inbound_token=inbound_token))


def repeat(front: Front, partner: Partner, *, url: str, invitation_token: str, inbound_token: str) -> Flow[Completed]:
    """Send again, with the same TOKEN_A and TOKEN_B, a POST of which the outcome is unknown (handshake.md, SP4).

    Nothing is discovered anew: where the earlier POST arrived, TOKEN_A opens nothing else any more (rule 9).

    Args:
        partner: with what the discovery before that POST found.
        url: its credentials endpoint.

    Raises:
        HandshakeError: as `initiate`; HTTP 401 or 405 says that TOKEN_A did its work.
    """
    return (yield from _post(front, _known(partner), url, invitation_token, inbound_token=inbound_token))


def accept(
    front: Front,
    partner: Partner,
    credentials: Credentials,
    *,
    version: str,
    inbound_token: str,
    allowed_hosts: frozenset[str] = frozenset(),
    repeated: bool = False,
) -> Flow[Credentials]:
    """Answer a POST that came with TOKEN_A (we are the Receiver); returns the credentials object to answer with.

    Args:
        version: of the URL that was posted to; that version is registered.
        inbound_token: TOKEN_C.
        allowed_hosts: hosts the operator allows beside the partner's own.
        repeated: TOKEN_A did its work already: only the same platform may repeat its POST (handshake.md, rule 9).

    Raises:
        HandshakeError: 2001 outside the invitation, 3001, 3002 or 3003 as the discovery ends.
    """
    check_parties(credentials, invitation=partner.invitation, ours=front.parties)
    check_host(credentials, invitation=partner.invitation, allowed_hosts=allowed_hosts)
    if repeated:
        check_origin(credentials, partner=partner, allowed_hosts=allowed_hosts)
    manners = Manners(partner.manners.token_form, partner.manners.token_form)
    target = _target(partner, credentials.url, credentials.token, allowed_hosts=allowed_hosts, manners=manners)
    discovery = yield from discover(target, wanted=(version,))
    _require(discovery, front.required_modules)
    yield Accepted(credentials, discovery, inbound_token)
    return front.credentials(inbound_token)


def renew(
    front: Front,
    partner: Partner,
    credentials: Credentials,
    *,
    version: str,
    inbound_token: str,
    allowed_hosts: frozenset[str] = frozenset(),
) -> Flow[Credentials]:
    """Answer a PUT of a registered partner; returns the credentials object to answer with (handshake.md, RU1 to RU10).

    Raises:
        HandshakeError: as `accept`; also 2001 where the URL moved to another origin that the operator didn't allow.
    """
    check_parties(credentials, invitation=partner.invitation, ours=front.parties)
    check_origin(credentials, partner=partner, allowed_hosts=allowed_hosts)
    target = _target(
        partner,
        credentials.url,
        credentials.token,
        allowed_hosts=allowed_hosts,
        manners=partner.manners,
        fallback_token=partner.outbound_token,
        registered=partner.hosts,
    )
    discovery = yield from discover(target, wanted=(version,))
    _require(discovery, front.required_modules)
    yield Renewed(credentials, discovery, inbound_token)
    return front.credentials(inbound_token)


def rotate(
    front: Front,
    partner: Partner,
    *,
    inbound_token: str,
    allowed_hosts: frozenset[str] = frozenset(),
    repeated: bool = False,
) -> Flow[Rotated]:
    """Give a registered partner a new token of ours by PUT and take its new one (handshake.md, SU1 to SU5).

    Args:
        repeated: an earlier PUT may have arrived and ended the token we call them with. Discovery may then be refused,
            which says nothing yet; what the PUT itself is answered at the known endpoint does.

    Raises:
        HandshakeError: with the step; both sides' present tokens stay as they are.
    """
    target = _target(
        partner,
        partner.versions_url or "",
        partner.outbound_token or "",
        allowed_hosts=allowed_hosts,
        manners=partner.manners,
        fallback_token=partner.previous_outbound_token,
        registered=partner.hosts,
    )
    try:
        discovery = yield from discover(target, wanted=(partner.version or "",))
    except HandshakeError as error:
        if not repeated or error.http_status != _UNAUTHORIZED:
            raise
        discovery = _known(partner)
    _require(discovery, front.required_modules)
    url = _credentials_url(discovery.endpoints)
    yield Rotating(inbound_token)
    ours = front.credentials(inbound_token)
    request = Fetch(PUT_CREDENTIALS, "PUT", url, {}, _document(ours))
    reply = yield from _send_as(partner, request, discovery.manners.token_form)
    credentials, remarks = _read_answer(PUT_CREDENTIALS, reply, front, ours, target.credentials_token)
    rotated = Rotated(credentials, discovery, inbound_token, remarks)
    yield rotated
    return rotated


def unregister(partner: Partner) -> Conversation[None]:
    """Tell a partner that the registration ends.

    401, 404 and 405 count as done (handshake.md, SD1), and so does a success without a body. 403 doesn't, although some
    platforms say it of an unknown token: it may as well come from something in between that told nobody.

    Raises:
        HandshakeError: the partner couldn't be told.
    """
    if partner.outbound_token is None:
        return
    request = Fetch(DELETE_CREDENTIALS, "DELETE", _credentials_url(partner.endpoints), {})
    reply = yield from _send_as(partner, request, partner.manners.token_form)
    if reply.http_status in _GONE or (reply.is_http_success and not reply.body):
        return
    _envelope(DELETE_CREDENTIALS, reply, partner.outbound_token)


def _target(
    partner: Partner,
    url: str,
    outbound_token: str,
    *,
    allowed_hosts: frozenset[str],
    manners: Manners,
    fallback_token: str | None = None,
    registered: frozenset[str] = frozenset(),
) -> Target:
    """Where to discover, bound to the hosts that the invitation and the operator name.

    Args:
        registered: hosts of the present registration, which an invitation that wasn't used yet does not bind.
    """
    hosts = partner.invitation.hosts and partner.invitation.hosts | registered
    return Target(url, outbound_token, manners, fallback_token, hosts | allowed_hosts, only_hosts=bool(hosts))


def _known(partner: Partner) -> Discovery:
    """What an earlier discovery found."""
    return Discovery(partner.version or "", partner.versions_url or "", partner.endpoints, partner.manners)


def _post(
    front: Front, discovery: Discovery, url: str, invitation_token: str, *, inbound_token: str
) -> Flow[Completed]:
    """POST our credentials and read theirs.

    A refused POST is sent again in the other form of the token only where nothing has shown yet that this form is
    right: a platform that refused it did nothing with it (interop.md, Authorization header).
    """
    ours, form = front.credentials(inbound_token), discovery.manners.token_form
    reply = yield from _present(POST_CREDENTIALS, url, ours, invitation_token, form)
    if reply.http_status == _UNAUTHORIZED and (yield from answers_anybody(discovery)):
        form = form.other
        reply = yield from _present(POST_CREDENTIALS, url, ours, invitation_token, form)
    credentials, remarks = _read_answer(POST_CREDENTIALS, reply, front, ours, invitation_token)
    completed = Completed(credentials, _with_form(discovery, form), inbound_token, remarks)
    yield completed
    return completed


def _send_as(partner: Partner, request: Fetch, form: TokenForm) -> Conversation[Reply]:
    """Send a request with the token we call a partner with; refused, with the former one if there is one (RU7, SU4)."""
    reply = yield from _sent_with(partner.outbound_token or "", request, form)
    if reply.http_status != _UNAUTHORIZED or partner.previous_outbound_token is None:
        return reply
    return (yield from _sent_with(partner.previous_outbound_token, request, form))


def _sent_with(outbound_token: str, request: Fetch, form: TokenForm) -> Conversation[Reply]:
    headers = _headers(outbound_token, form)
    return (yield from _send(request.step, request.method, request.url, headers, request.body))


def _present(step: str, url: str, ours: Credentials, outbound_token: str, form: TokenForm) -> Conversation[Reply]:
    """Send our credentials object, once."""
    method = step.split(maxsplit=1)[0]
    return (yield from _send(step, method, url, _headers(outbound_token, form), _document(ours)))


def _read_answer(
    step: str, reply: Reply, front: Front, ours: Credentials, outbound_token: str
) -> tuple[Credentials, tuple[str, ...]]:
    """Their credentials object as far as it is usable, and what is odd about it: its token must not be lost (SP5)."""
    credentials, problems = salvage_credentials(_envelope(step, reply, outbound_token, ours.token).data)
    if credentials is None:
        raise _unusable(step, f"the answer holds no usable credentials: {'; '.join(problems)}", reply)
    theirs = tuple(role for role in credentials.roles if role.party not in front.parties)
    remarks = [f"their credentials object: {problem}" for problem in problems]
    if len(theirs) < len(credentials.roles):
        remarks.append("their credentials object claims a party of ours, which was left out")
    return replace(credentials, roles=theirs), tuple(remarks)


def _send(step: str, method: str, url: str, headers: dict[str, str], body: bytes | None) -> Conversation[Reply]:
    """Send once to the exact URL; a 307 or 308 to its slash variant on the same origin is followed once."""
    reply = yield from fetch(Fetch(step, method, url, headers, body))
    moved = slash_redirect(url, reply)
    return reply if moved is None else (yield from fetch(Fetch(step, method, moved, headers, body)))


def _envelope(step: str, reply: Reply, *secrets: str) -> Envelope:
    said = ""
    try:
        envelope = Envelope.read(reply.body)
        said = _quoted(envelope, secrets)
    except NotAnEnvelopeError as error:
        raise _unusable(step, f"their platform answered HTTP {reply.http_status}, not OCPI: {error}", reply) from None
    if not reply.is_http_success:
        raise _unusable(step, f"their platform answered HTTP {reply.http_status}, {said}", reply)
    if not envelope.is_success:
        raise _unusable(step, f"their platform answered {said}", reply)
    return envelope


def _quoted(envelope: Envelope, secrets: Iterable[str]) -> str:
    """What their platform said, without the tokens that we sent: many servers quote the request they refuse."""
    message = envelope.status_message
    for secret in secrets:
        for written in (secret, base64.b64encode(secret.encode()).decode().rstrip("=")):
            message = message.replace(written, "...")
    said = "".join(c if c.isprintable() else " " for c in message)[:_SAID]
    return f"OCPI status {envelope.status_code}: {said}".rstrip(": ")


def _credentials_url(endpoints: Iterable[Endpoint]) -> str:
    endpoint = credentials_endpoint(endpoints)
    if endpoint is None:
        raise HandshakeError(
            "their version details list no credentials module",
            step=GET_DETAILS,
            status_code=StatusCode.UNABLE_TO_USE_CLIENT_API,
            remedy="Ask the partner to list its credentials endpoint",
        )
    return endpoint.url


def _require(discovery: Discovery, required_modules: Sequence[str]) -> None:
    absent = missing_modules(discovery.endpoints, required_modules)
    if absent:
        raise HandshakeError(
            f"the platform does not offer {', '.join(absent)}, which this connection requires",
            step=GET_DETAILS,
            status_code=StatusCode.MISSING_ENDPOINTS,
            remedy="Ask the partner to offer it, or take it out of required_modules",
        )


def _with_form(discovery: Discovery, form: TokenForm) -> Discovery:
    return replace(discovery, manners=replace(discovery.manners, token_form=form))


def _headers(outbound_token: str, form: TokenForm) -> dict[str, str]:
    return {"Accept": "application/json", "Authorization": header_value(outbound_token, form)}


def _document(credentials: Credentials) -> bytes:
    return json.dumps(write_credentials(credentials), ensure_ascii=False, separators=(",", ":")).encode()


def _unusable(step: str, message: str, reply: Reply) -> HandshakeError:
    return HandshakeError(
        message, step=step, status_code=StatusCode.UNABLE_TO_USE_CLIENT_API, http_status=reply.http_status
    )
