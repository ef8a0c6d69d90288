"""Backend to partner: the whole private listener.

    /partners/{partner}/{sender|receiver}/{module}[/...]   the partner by name or party
    /ocpi/{version}/{sender|receiver}/{module}[/...]       the partner by OCPI-to headers
    /callbacks/{id}                                        a `response_url` of a partner that we replaced

The backend's engineer reads our answers, so they say what to do (contract.md, Private listener).
"""

import hmac
import math
from collections.abc import Coroutine
from functools import lru_cache
from typing import Any, Final, Protocol

from gateway.config import Config
from gateway.memory import Memory
from gateway.net.address import AddressPolicy
from gateway.net.http1 import AnswerHead
from gateway.net.pool import Pool
from gateway.net.request import Request
from gateway.observe.call import Call, Direction
from gateway.ocpi.authorization import candidates, header_value
from gateway.ocpi.envelope import Answer, StatusCode
from gateway.ocpi.errors import Fault
from gateway.ocpi.links import rest_below
from gateway.ocpi.partner import Endpoint, Partner
from gateway.ocpi.party import Party
from gateway.ocpi.paths import CallbackPath, FunctionalPath, PartnerPath, check_path, is_canonical, read_private_path
from gateway.ocpi.refusal import RefusedError
from gateway.ocpi.timestamps import Clock
from gateway.ocpi.urls import check_url, host_of, origin_of, path_of
from gateway.ocpi.vocabulary import METHODS, InterfaceRole
from gateway.proxy import heads, refusals, routing
from gateway.proxy.addressee import Addressee, Addressees, check_callable, stated
from gateway.proxy.answers import PartnerLinks, Seal, head_of, sealed_in, with_query
from gateway.proxy.bodies import read_body
from gateway.proxy.breaker import Breakers
from gateway.proxy.callbacks import EGRESS, INGRESS, ResponseUrls, has_response_url
from gateway.proxy.exchange import USER_AGENT, Exchange
from gateway.proxy.heads import Secrets
from gateway.proxy.offer import Offer
from gateway.proxy.routing import End
from gateway.proxy.sides import Bounds, MakeHead, OtherSide, Pace
from gateway.proxy.way import MOST_WAYS, Path, Seats, Way, Ways, way_key
from gateway.store.directory import Directory
from gateway.store.engine import Store
from gateway.store.vault import Vault


class Standing(Protocol):
    """What partners' answers show about the token that we call them with."""

    def fallback(self, partner: Partner) -> str | None:
        """The former token that a call refused with the present one is tried with once."""

    async def accepted(self, partner: Partner) -> None:
        """A call with the present token was accepted."""

    def refused(self, partner: Partner, *, former_too: bool = False) -> Coroutine[Any, Any, None]:
        """A call with the present token was refused, and with the former one too."""


class _TokenRefusedError(RefusedError):
    """The partner refused the present token, and there is a former one to fall back to."""


_PARTNER: Final = OtherSide(
    name="the partner",
    fault=Fault.PARTNER,
    asker=Fault.BACKEND,
    failed=Answer(502, StatusCode.CONNECTION_PROBLEM, "the partner is not reachable, or its answer is not usable"),
    slow=Answer(504, StatusCode.TIMEOUT, "the partner did not answer in time"),
    explains=True,
)

_FORMS: Final = (
    "there is nothing at this path; ask for /partners/NAME/sender|receiver/MODULE, "
    "for /ocpi/VERSION/sender|receiver/MODULE with OCPI-to headers, or for a response_url that you were given"
)

_SUCCESS: Final = range(200, 300)
_UNAUTHORIZED: Final = 401


class Egress:
    """Answers the backend on the private listener.

    Args:
        pool: of connections to partners.
        policy: which of their addresses may be called.
        standing: told of each call that says something about a partner's token.

    Attributes:
        ways: on which requests went up to now.
    """

    def __init__(
        self,
        *,
        config: Config,
        pool: Pool,
        policy: AddressPolicy,
        breakers: Breakers,
        store: Store,
        vault: Vault,
        directory: Directory,
        clock: Clock,
        standing: Standing,
    ) -> None:
        limits, timeouts = config.limits, config.timeouts
        self._offer = Offer(config)
        self._addressees = Addressees(directory, versions=config.versions)
        self._public_url = config.public_url
        self._private_url = config.private_url
        self._egress_token = config.backend.egress_token.get_secret_value().encode()
        self._vault = vault
        self._directory = directory
        self._standing = standing
        pace = Pace(timeouts.body_seconds, limits.least_bytes_per_second)
        patience = timeouts.partner_answer_seconds
        self._exchange = Exchange(pool, _PARTNER, Bounds(limits.body_bytes, pace, patience), breakers, policy)
        self.ways: Ways = Memory(MOST_WAYS)
        self._seats = Seats(math.inf)
        self._kept = Bounds(limits.rewritten_body_bytes, pace, patience)
        self._response_urls = ResponseUrls(store, clock=clock, lifetime=config.callbacks.lifetime, bounds=self._kept)

    async def handle(self, request: Request, call: Call) -> None:
        """Answer one request of the backend.

        Raises:
            RefusedError: with the answer, for every request that isn't forwarded or whose forwarding failed.
        """
        raw = request.target
        try:
            check_path(raw)
        except ValueError as error:
            raise refusals.wrong_path(f"the path {error}", fault=Fault.BACKEND) from None
        self._authenticate(request)
        path = read_private_path(raw)
        if request.method not in METHODS:
            raise refusals.wrong_method(request.method, fault=Fault.BACKEND)
        if path is None:
            raise refusals.unknown_path(_FORMS, fault=Fault.BACKEND)
        if isinstance(path, CallbackPath):
            return await self._call_back(request, call, path)
        return await self._ask(request, call, path, await self._addressees.find(request, call, path))

    async def _ask(
        self, request: Request, call: Call, path: PartnerPath | FunctionalPath, addressee: Addressee
    ) -> None:
        """Forward to an endpoint of a partner."""
        module, role = path.module, path.role
        partner, endpoint = addressee.partner, addressee.endpoint
        seal = Seal(self._vault, f"egress/{partner.id}/{module}/{role}")
        headers = self._head(request, partner, module, role, addressed=addressee.party)
        exact, query, body = _exact(endpoint, path.rest, seal, self._offer.hosts(partner)), path.query, None
        request.send_continue()
        if has_response_url(module, role, request.method):
            query, body = await self._response_urls.replace(
                request, module, query, lambda given: self._stand_in(partner, module, given), asker=Fault.BACKEND
            )
        elif _is_settled(partner) and not path.rest.startswith("/~"):
            self._keep_way(request, path, partner, endpoint, headers)
        url = with_query(exact, query)
        links = self._links(partner, endpoint, path, url)
        return await self._send(request, call, partner, url=url, headers=headers, links=links, body=body)

    def _links(self, partner: Partner, endpoint: Endpoint, path: Path, url: str) -> PartnerLinks:
        module, role = path.module, path.role
        return PartnerLinks(
            requested=url,
            endpoint=endpoint.url,
            hosts=self._offer.hosts(partner),
            base=f"{self._private_url}/partners/{partner.name}/{role.path_segment}/{module}",
            seal=Seal(self._vault, f"egress/{partner.id}/{module}/{role}"),
            secrets=_secrets(partner),
        )

    def _keep_way(
        self,
        request: Request,
        path: PartnerPath | FunctionalPath,
        partner: Partner,
        endpoint: Endpoint,
        headers: str,
    ) -> None:
        """Remember how requests like this one go."""
        key, record = way_key(request.head, about(path)), self._directory.by_id.get(partner.id)
        known = self.ways.get(key)
        if record is None or record.partner is not partner or (known is not None and known.partner is partner):
            return
        secrets = _secrets(partner)

        def answering(call: Call, asked: Path) -> MakeHead:
            links = self._links(partner, endpoint, asked, _below(endpoint.url, asked.rest) + asked.query)
            return lambda answer: head_of(answer, call, side=_PARTNER, links=links, secrets=secrets)

        def after(http_status: int) -> Coroutine[Any, Any, None] | None:
            return self._standing.refused(partner) if http_status == _UNAUTHORIZED else None

        way = Way(
            Direction.EGRESS,
            partner,
            partner.version or "",
            exchange=self._exchange,
            place=self._exchange.located(endpoint.url, partner.name),
            headers=f"{headers}Authorization: {self._authorization(partner, partner.outbound_token or '')}\r\n",
            secrets=secrets,
            is_plain=True,
            answering=answering,
            after=after,
        )
        way.admit(record, among=self._directory.by_id, name=partner.id)
        way.seats = self._seats
        self.ways.keep(key, way)
        request.remember()

    async def _call_back(self, request: Request, call: Call, path: CallbackPath) -> None:
        """Forward a result to the `response_url` that a partner gave."""
        call.module = "callbacks"
        callback = await self._response_urls.find(path.callback_id, INGRESS)
        partner = None if callback is None else self._directory.with_id(callback.partner_id)
        if callback is None or partner is None:
            raise refusals.unknown_path("this response_url is unknown or has expired", fault=Fault.BACKEND)
        call.partner, call.version = partner.name, partner.version or ""
        check_callable(partner)
        if host_of(callback.url) not in self._offer.hosts(partner):
            message = f"this response_url leads to a host that {partner.name} no longer has"
            raise refusals.unknown_path(message, fault=Fault.PARTNER)
        headers = self._head(request, partner, "commands", InterfaceRole.SENDER)
        request.send_continue()
        url = with_query(callback.url, path.query)
        return await self._send(request, call, partner, url=url, headers=headers, links=None, body=None)

    async def _send(
        self,
        request: Request,
        call: Call,
        partner: Partner,
        *,
        url: str,
        headers: str,
        links: PartnerLinks | None,
        body: bytes | None,
    ) -> None:
        place = self._exchange.located(url, partner.name)
        former, replaced = self._standing.fallback(partner), body is not None
        if former is not None and body is None:
            body = await self._repeatable(request)
        repeatable = former is not None and (body is not None or not request.has_body)
        if body is not None:
            headers = heads.without(headers, heads.OF_THE_BODY) if replaced else headers
        headers += f"X-Request-ID: {call.request_id}\r\nX-Correlation-ID: {call.correlation_id}\r\n"

        def head(answer: AnswerHead) -> str:
            return head_of(answer, call, side=_PARTNER, links=links, secrets=_secrets(partner))

        def head_unless_refused(answer: AnswerHead) -> str:
            if answer.http_status == _UNAUTHORIZED and repeatable:
                raise _TokenRefusedError(_PARTNER.failed, fault=Fault.PARTNER)
            return head(answer)

        async def carry(outbound_token: str, answer_head: MakeHead) -> int:
            authorization = f"Authorization: {self._authorization(partner, outbound_token)}\r\n"
            return await self._exchange.carried(
                request,
                call,
                place=place,
                headers=headers + authorization,
                answer_head=answer_head,
                body=body,
            )

        try:
            http_status = await carry(partner.outbound_token or "", head_unless_refused)
        except _TokenRefusedError:
            call.reason = f"{partner.name} refused its new token; the former was used (handshake.md, RU7)"
            http_status = await carry(former or "", head)
            await self._standing.refused(partner, former_too=http_status == _UNAUTHORIZED)
            return
        if http_status == _UNAUTHORIZED:
            await self._standing.refused(partner)
        elif http_status in _SUCCESS:
            await self._standing.accepted(partner)

    async def _repeatable(self, request: Request) -> bytes | None:
        """The body of a request that may have to be sent twice; None where there is none, or it may be too large."""
        length = request.content_length
        if not length or length > self._kept.body_bytes:
            return None
        return await read_body(request, self._kept, asker=Fault.BACKEND)

    def _authorization(self, partner: Partner, outbound_token: str) -> str:
        """The header that presents a token in the form that the partner understands."""
        form = self._offer.habits(partner).settings.token_form.fixed or partner.manners.token_form
        return header_value(outbound_token, form)

    def _authenticate(self, request: Request) -> None:
        presented = candidates(request.headers.get("authorization", ""), bearer=True)
        matches = [hmac.compare_digest(token.encode(), self._egress_token) for _, token in presented]
        if not any(matches):
            raise refusals.unauthorized()

    def _head(
        self,
        request: Request,
        partner: Partner,
        module: str,
        role: InterfaceRole,
        *,
        addressed: Party | None = None,
    ) -> str:
        """The outgoing headers: what may travel on, and who speaks to whom; ids and token are added when it is sent."""
        our_side = routing.other_side(role)
        sender = stated(request, End.FROM, self._offer.parties, module, our_side)
        receiver = stated(request, End.TO, partner.roles, module, role)
        if sender is not None and not self._offer.is_ours(sender):
            message = f"OCPI-from names {sender}, which is not one of the configured parties"
            raise refusals.wrong_parameter(message, fault=Fault.BACKEND)
        if receiver is not None and receiver not in partner.parties:
            theirs = ", ".join(map(str, partner.parties))
            raise refusals.unknown_receiver(f"{receiver} is not a party of {partner.name}, which has: {theirs}")
        lines: list[str] = []
        if routing.is_routed(module):
            sender = sender or routing.likeliest(self._offer.parties, module, our_side)
            receiver = receiver or addressed or routing.likeliest(partner.roles, module, role)
            routing.state(lines, End.FROM, sender)
            routing.state(lines, End.TO, receiver)
        headers = heads.forwarded(request.head.form) + heads.as_text(lines)
        return headers if "user-agent" in request.headers else headers + USER_AGENT

    async def _stand_in(self, partner: Partner, module: str, url: str) -> str:
        """The URL of ours that a partner gets for a `response_url` of the backend."""
        try:
            check_url(url)
        except ValueError as error:
            raise refusals.wrong_parameter(f"response_url {error}", fault=Fault.BACKEND) from None
        if url.startswith(f"{self._public_url}/ocpi/"):
            return url
        base = f"{self._public_url}/ocpi/{partner.version}/{InterfaceRole.SENDER.path_segment}/{module}"
        path = self._offer.paths.get((module, InterfaceRole.SENDER))
        if path is not None and origin_of(url) == origin_of(self._offer.origin):
            rest = rest_below(path, path_of(url))
            if rest is not None and is_canonical(f"/x{rest}") and not rest.startswith("/~"):
                return base + rest
        return f"{base}/~{await self._response_urls.keep(partner, EGRESS, url)}"


def _secrets(partner: Partner) -> Secrets:
    """Finds in an answer of a partner the tokens that we call it with; the backend is not to know them."""
    return heads.echoes(*filter(None, (partner.outbound_token, partner.previous_outbound_token)))


def _below(endpoint: str, rest: str) -> str:
    """The URL of what lies below an endpoint, whose query stays."""
    url, mark, query = endpoint.partition("?")
    return (url.rstrip("/") + rest if rest else url) + mark + query


def _is_settled(partner: Partner) -> bool:
    """Whether no good answer of a partner says anything new about the token that it is called with."""
    return partner.outbound_proved and not partner.outbound_refusals and not partner.previous_outbound_token


def about(path: PartnerPath | FunctionalPath) -> tuple[str, ...]:
    """What of a target has a say in the way of its request."""
    if isinstance(path, PartnerPath):
        return "partners", path.partner, path.role, path.module
    return path[:3]


@lru_cache(maxsize=1024)
def read_target(target: str) -> tuple[PartnerPath | FunctionalPath | None, tuple[str, ...]]:
    """What a target names, and what of that has a say in the way of its request."""
    path = read_private_path(target) if is_canonical(target) else None
    return (None, ()) if path is None or isinstance(path, CallbackPath) else (path, about(path))


def _exact(endpoint: Endpoint, rest: str, seal: Seal, hosts: frozenset[str]) -> str:
    """The URL of the partner that `rest` below its endpoint, or a sealed link, stands for."""
    sealed = sealed_in(rest)
    if sealed is None:
        return _below(endpoint.url, rest)
    opened = seal.open(sealed)
    if opened is None or host_of(opened) not in hosts:
        message = "this link is not one that the gateway gave you, or leads to a host that the partner no longer has"
        raise refusals.unknown_path(message, fault=Fault.BACKEND)
    return opened
