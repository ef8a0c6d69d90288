"""Partner to backend: a request that was attributed to a partner becomes one that the backend can trust.

One walk: module, method, who speaks for whom, `response_url` where there may be one, the outgoing head, the exchange.
No database on the way, except for a `response_url` (contract.md, Public listener; hardening.md, T8, P2 to P8).
"""

from collections.abc import Coroutine
from functools import lru_cache
from typing import Any, Final

from gateway.config import Config
from gateway.memory import Memory
from gateway.net.address import AddressPolicy, UrlRefusedError
from gateway.net.http1 import AnswerHead
from gateway.net.pool import Pool
from gateway.net.request import Request
from gateway.observe.call import Call, Direction
from gateway.ocpi.envelope import Answer, StatusCode
from gateway.ocpi.errors import Fault
from gateway.ocpi.partner import Partner
from gateway.ocpi.party import Party
from gateway.ocpi.paths import FunctionalPath, read_functional_path
from gateway.ocpi.timestamps import Clock
from gateway.ocpi.urls import host_of, path_of
from gateway.ocpi.vocabulary import METHODS, PartnerState
from gateway.proxy import heads, refusals, routing
from gateway.proxy.answers import BackendLinks, Seal, head_of, sealed_in, with_query
from gateway.proxy.breaker import Breakers
from gateway.proxy.callbacks import EGRESS, INGRESS, ResponseUrls, callback_id_in, has_response_url
from gateway.proxy.exchange import USER_AGENT, Exchange, Place
from gateway.proxy.heads import Secrets
from gateway.proxy.offer import Offer
from gateway.proxy.routing import End
from gateway.proxy.sides import Bounds, MakeHead, OtherSide, Pace
from gateway.proxy.way import MOST_WAYS, Path, Way, Ways, way_key
from gateway.store.engine import Store
from gateway.store.vault import Vault

_BACKEND: Final = OtherSide(
    name="the backend",
    fault=Fault.BACKEND,
    asker=Fault.PARTNER,
    failed=Answer(502, StatusCode.SERVER_ERROR, "our system is not reachable at the moment"),
    slow=Answer(504, StatusCode.SERVER_ERROR, "our system did not answer in time"),
)


def key_of(target: FunctionalPath) -> tuple[str, ...]:
    """What of a target has a say in the way of its request: the module, and the owner of an object that is pushed."""
    if target.rest and routing.names_owner(target.module, target.role):
        return (*target[:3], *target.rest.split("/", 3)[1:3])
    return target[:3]


@lru_cache(maxsize=1024)
def read_target(target: str) -> tuple[FunctionalPath | None, tuple[str, ...]]:
    """What a target names, and by what its way is known; partners ask for the same ones again and again."""
    path = read_functional_path(target)
    return path, () if path is None else key_of(path)


class Ingress:
    """Forwards requests of partners to the backend.

    Args:
        pool: of connections to the backend.
        policy: which URLs of partners may be called.

    Attributes:
        ways: on which requests went up to now.
    """

    def __init__(
        self,
        *,
        config: Config,
        pool: Pool,
        breakers: Breakers,
        policy: AddressPolicy,
        store: Store,
        vault: Vault,
        clock: Clock,
    ) -> None:
        limits, timeouts = config.limits, config.timeouts
        self._offer = Offer(config)
        self._public_url = config.public_url
        self._private_url = config.private_url
        self._policy = policy
        self._vault = vault
        pace = Pace(timeouts.body_seconds, limits.least_bytes_per_second)
        patience = timeouts.backend_answer_seconds
        self._exchange = Exchange(pool, _BACKEND, Bounds(limits.body_bytes, pace, patience), breakers)
        self._backend = self._exchange.located(self._offer.origin)
        self.ways: Ways = Memory(MOST_WAYS)
        self._response_urls = ResponseUrls(
            store,
            clock=clock,
            lifetime=config.callbacks.lifetime,
            bounds=Bounds(limits.rewritten_body_bytes, pace, patience),
        )

    def forward(
        self, request: Request, call: Call, partner: Partner, target: FunctionalPath
    ) -> Coroutine[Any, Any, None] | None:
        """Forward one request of an authenticated partner to the backend, at once or by what it gives.

        Raises:
            RefusedError: with the answer, for every request that isn't forwarded; also from what it gives.
        """
        call.partner, call.version = partner.name, target.version
        if request.method not in METHODS:
            raise refusals.wrong_method(request.method, fault=Fault.PARTNER)
        callback_id = callback_id_in(target.module, target.role, target.rest)
        path = self._offer.paths.get((target.module, target.role))
        if path is None and callback_id is None:
            message = f"module {target.module[:36]} is not offered here as {target.role}"
            raise refusals.unknown_path(message, fault=Fault.PARTNER)
        call.module, call.interface_role = target.module, target.role
        way = self._way(request, partner, target)
        if path is None or callback_id is not None:
            return self._call_back(request, call, way, target, callback_id or "")
        rest = target.rest
        exact = path + rest if not rest.startswith("/~") else self._opened(partner, target, path)
        if has_response_url(target.module, target.role, request.method):
            return self._ask_with_response_url(request, call, way, target, exact)
        return self._ask(request, call, way, target, with_query(exact, target.query))

    async def _ask_with_response_url(
        self, request: Request, call: Call, way: Way, target: FunctionalPath, exact: str
    ) -> None:
        """Replace the `response_url`, then forward."""
        query, body = await self._response_urls.replace(
            request, target.module, target.query, lambda url: self._stand_in(way.partner, url), asker=Fault.PARTNER
        )
        opening = self._ask(request, call, way, target, with_query(exact, query), body=body)
        if opening is not None:
            await opening

    def _ask(
        self, request: Request, call: Call, way: Way, target: FunctionalPath, exact: str, *, body: bytes | None = None
    ) -> Coroutine[Any, Any, None] | None:
        """Forward to what lies at an exact path and query of the backend."""
        place = Place(self._backend.destination, self._backend.host, exact)
        answer_head = self._answer_head(call, way.partner, target, exact, way.secrets)
        return self._send(request, call, way, place=place, answer_head=answer_head, body=body)

    def _answer_head(
        self, call: Call, partner: Partner, target: FunctionalPath, exact: str, secrets: Secrets
    ) -> MakeHead:
        def answer_head(answer: AnswerHead) -> str:
            led = "link" in answer.headers or "location" in answer.headers
            links = self._links(partner, target, exact) if led else None
            return head_of(answer, call, side=_BACKEND, links=links, secrets=secrets)

        return answer_head

    def _links(self, partner: Partner, target: FunctionalPath, exact: str) -> BackendLinks:
        return BackendLinks(
            requested=self._offer.origin + exact,
            path=self._offer.paths[target.module, target.role],
            public_url=self._public_url,
            base=f"{self._public_url}/ocpi/{target.version}/{target.role.path_segment}/{target.module}",
            seal=self._seal(partner, target),
        )

    def _seal(self, partner: Partner, target: FunctionalPath) -> Seal:
        return Seal(self._vault, f"ingress/{partner.id}/{target.module}/{target.role}")

    async def _call_back(
        self, request: Request, call: Call, way: Way, target: FunctionalPath, callback_id: str
    ) -> None:
        """Forward a result to the `response_url` that the backend gave this partner."""
        callback = await self._response_urls.find(callback_id, EGRESS)
        if callback is None or callback.partner_id != way.partner.id:
            raise refusals.unknown_path("this response_url is unknown or has expired", fault=Fault.PARTNER)
        secrets = way.secrets
        opening = self._send(
            request,
            call,
            way,
            place=self._exchange.located(with_query(self._at_backend(callback.url), target.query)),
            answer_head=lambda answer: head_of(answer, call, side=_BACKEND, links=None, secrets=secrets),
        )
        if opening is not None:
            await opening

    def _send(
        self,
        request: Request,
        call: Call,
        way: Way,
        *,
        place: Place,
        answer_head: MakeHead,
        body: bytes | None = None,
    ) -> Coroutine[Any, Any, None] | None:
        headers = way.headers if body is None else heads.without(way.headers, heads.OF_THE_BODY)
        headers = f"{headers}X-Request-ID: {call.request_id}\r\nX-Correlation-ID: {call.correlation_id}\r\n"
        return self._exchange.carry(
            request, call, place=place, headers=headers, answer_head=answer_head, done=request.refuse, body=body
        )

    def _at_backend(self, url: str) -> str:
        """A URL that the backend gave; by whatever name it calls itself there, its authorization goes to its host."""
        return url if host_of(url) == host_of(self._offer.origin) else self._offer.origin + path_of(url)

    def _way(self, request: Request, partner: Partner, target: FunctionalPath) -> Way:
        """How the request goes on: most go as one did before."""
        key = way_key(request.head, key_of(target))
        way = self.ways.get(key)
        if way is None or way.partner is not partner:
            way = self._found(request, partner, target)
            if not target.rest.startswith("/~"):
                self.ways.keep(key, way)
                request.remember()
        return way

    def _found(self, request: Request, partner: Partner, target: FunctionalPath) -> Way:
        habits, form = self._offer.habits(partner), request.head.form
        sender, receiver = self._ends(request, partner, target, strict=habits.owns_strictly)
        lines = [
            f"Authorization: {habits.backend_authorization}",
            f"X-OCPI-Partner: {partner.name}",
            f"X-OCPI-Version: {target.version}",
        ]
        routing.state(lines, End.FROM, sender)
        routing.state(lines, End.TO, receiver)
        headers = heads.forwarded(form) + heads.as_text(lines)
        if "user-agent" not in form.headers:
            headers += USER_AGENT
        module, role, secrets = target.module, target.role, habits.secrets
        path = self._offer.paths.get((module, role), "")

        def answering(call: Call, asked: Path) -> MakeHead:
            exact = path + asked.rest + asked.query
            return self._answer_head(call, partner, target, exact, secrets)

        return Way(
            Direction.INGRESS,
            partner,
            target.version,
            exchange=self._exchange,
            place=self._backend._replace(target=path),
            headers=headers,
            secrets=secrets,
            is_plain=not has_response_url(module, role, request.method),
            answering=answering,
        )

    def _ends(
        self, request: Request, partner: Partner, target: FunctionalPath, *, strict: bool
    ) -> tuple[Party | None, Party | None]:
        """Who speaks to whom, checked where it was said and filled in where it wasn't."""
        if not partner.roles and partner.state is not PartnerState.HALF_OPEN:
            raise refusals.wrong_party("none of your parties is known here; present them with a PUT credentials")
        module, role, theirs = target.module, target.role, routing.other_side(target.role)
        try:
            owner = routing.owner_in(target.rest) if routing.names_owner(module, role) else None
            sender = routing.stated(request.headers, End.FROM, partner.roles, module=module, role=theirs)
            receiver = routing.stated(request.headers, End.TO, self._offer.parties, module=module, role=role)
        except ValueError as error:
            raise refusals.wrong_party(f"the path or the OCPI headers name no possible party: {error}") from None
        for party, where in ((owner, "the path"), (sender, "OCPI-from")):
            if strict and party is not None and party not in partner.parties:
                raise refusals.wrong_party(f"{where} names {party}, which is not one of your parties")
        if receiver is not None and not self._offer.is_ours(receiver):
            raise refusals.wrong_party(f"OCPI-to names {receiver}, which is not one of our parties")
        return (
            sender or owner or routing.likeliest(partner.roles, module, theirs),
            receiver or routing.likeliest(self._offer.parties, module, role),
        )

    def _opened(self, partner: Partner, target: FunctionalPath, path: str) -> str:
        """The path at the backend that a sealed link below a module stands for; it may bring a query along."""
        sealed = sealed_in(target.rest)
        if sealed is None:
            return path + target.rest
        opened = self._seal(partner, target).open(sealed)
        if opened is None:
            raise refusals.unknown_path("this link is not one that we gave you", fault=Fault.PARTNER)
        return opened

    async def _stand_in(self, partner: Partner, url: str) -> str:
        """The URL of ours that the backend gets for a `response_url` of a partner."""
        try:
            self._policy.check_url(url, partner=partner.name)
        except UrlRefusedError as error:
            message = "response_url can not be called from here"
            raise refusals.wrong_parameter(message, fault=Fault.PARTNER, reason=f"response_url: {error}") from None
        if host_of(url) not in self._offer.hosts(partner):
            message = "response_url is not on a host of your platform"
            reason = f"{message}; if it is theirs, name it in partners.{partner.name}.allowed_hosts"
            raise refusals.wrong_parameter(message, fault=Fault.PARTNER, reason=reason)
        callback_id = await self._response_urls.keep(partner, INGRESS, url)
        return f"{self._private_url}/callbacks/{callback_id}"
