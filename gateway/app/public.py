"""The public listener: what is asked for, who asks, and who answers.

/ocpi/versions                                    versions
/ocpi/{version}                                   version details
/ocpi/{version}/credentials                       GET, POST, PUT, DELETE
/ocpi/{version}/{sender|receiver}/{module}[/...]  forwarded to the backend
"""

import contextlib
from collections.abc import Coroutine
from typing import Any, Final

from structlog.typing import FilteringBoundLogger as Logger

from gateway.app.answering import make_response
from gateway.app.limits import Permissions, TrafficLimits
from gateway.app.surface import Handling
from gateway.config import Config
from gateway.handshake.responder import Responder
from gateway.net.request import Request, Response
from gateway.observe.call import Call
from gateway.observe.events import Event
from gateway.ocpi.admission import Admission, Area
from gateway.ocpi.authorization import candidates
from gateway.ocpi.envelope import Answer, StatusCode
from gateway.ocpi.errors import Fault
from gateway.ocpi.partner import Partner
from gateway.ocpi.paths import (
    CredentialsPath,
    DetailsPath,
    FunctionalPath,
    VersionsPath,
    check_path,
    read_functional_path,
    read_public_path,
)
from gateway.ocpi.refusal import RefusedError
from gateway.ocpi.timestamps import Clock
from gateway.ocpi.vocabulary import CREDENTIALS, METHODS, VERSIONS
from gateway.proxy import refusals
from gateway.proxy.bodies import read_body
from gateway.proxy.ingress import Ingress, key_of
from gateway.proxy.sides import Bounds, Pace
from gateway.proxy.way import way_key
from gateway.store.directory import Directory, Holder
from gateway.store.engine import StoreUnavailableError
from gateway.store.gatekeeper import Gatekeeper, Refusal, UnauthenticatedError

_CREDENTIALS_METHODS: Final = {
    "GET": Area.DISCOVERY,
    "POST": Area.REGISTRATION,
    "PUT": Area.CREDENTIALS,
    "DELETE": Area.CREDENTIALS,
}


class PublicFront:
    """Dispatches what partners ask for."""

    def __init__(
        self,
        config: Config,
        *,
        gatekeeper: Gatekeeper,
        directory: Directory,
        responder: Responder,
        ingress: Ingress,
        limits: TrafficLimits,
        permissions: Permissions,
        clock: Clock,
        log: Logger,
    ) -> None:
        self._versions = frozenset(config.versions)
        self._open_versions = config.public_versions
        self._bounds = Bounds(
            config.limits.credentials_body_bytes,
            pace=Pace(config.timeouts.body_seconds, config.limits.least_bytes_per_second),
            other_seconds=config.timeouts.body_seconds,
        )
        self._limits = limits
        self._permissions = permissions
        self._gatekeeper = gatekeeper
        self._directory = directory
        self._responder = responder
        self._ingress = ingress
        self._clock = clock
        self._log = log
        self._proving: set[str] = set()

    def handle(self, request: Request, call: Call) -> Handling:
        """Answer one request.

        Raises:
            RefusedError: with the answer; also from what it gives.
            UnauthenticatedError: the token isn't good for it; the same.
        """
        self._limits.came_from(call.source)
        target = request.target
        functional = read_functional_path(target)
        if functional is not None:
            return self._functional(request, call, functional)
        try:
            check_path(target)
        except ValueError as error:
            raise refusals.wrong_path(f"the path {error}", fault=Fault.PARTNER) from None
        match read_public_path(target):
            case FunctionalPath() as path:
                return self._functional(request, call, path)
            case CredentialsPath(version):
                return self._credentials(request, call, version)
            case DetailsPath(version):
                return self._details(request, call, version)
            case VersionsPath():
                return self._version_list(request, call)
        if request.method not in METHODS:
            raise refusals.wrong_method(request.method, fault=Fault.PARTNER)
        raise _unknown_path()

    def _functional(self, request: Request, call: Call, path: FunctionalPath) -> Handling:
        """Forward; whoever is in memory with a token that was used before is admitted without waiting for anything."""
        call.version, call.interface_role, call.module, _, _ = path
        header = request.headers.get("authorization")
        present = self._gatekeeper.admit_at_once(header, Area.FUNCTIONAL)
        if present is None:
            self._refuse_at_once(header, call.source)
            return self._functional_later(request, call, path)
        partner = present.partner
        self._permit(request, call, partner)
        forwarding = self._forward(request, call, partner, path)
        way = self._ingress.ways.get(way_key(request.head, key_of(path)))
        if way is not None and way.admitted is not present:
            way.admit(present, among=self._directory.holders, name=present.token.digest)
            way.seats = None if self._permissions.restricts(partner) else self._limits.seats(partner.name)
        return forwarding

    def _refuse_at_once(self, header: str | None, source: str) -> None:
        """Raise where nothing has to be waited for to know that a token is no good: a flood of such costs little."""
        refusal = self._gatekeeper.refusal_at_once(header)
        if refusal is None or (refusal is Refusal.UNKNOWN and self._limits.may_look(source)):
            return
        self._limits.refused_token(source)
        raise UnauthenticatedError(refusal)

    async def _functional_later(self, request: Request, call: Call, path: FunctionalPath) -> None:
        holder = await self._admit(request, call, Area.FUNCTIONAL)
        forwarding = self._forward(request, call, holder.partner, path)
        if forwarding is not None:
            await forwarding

    def _forward(
        self, request: Request, call: Call, partner: Partner, path: FunctionalPath
    ) -> Coroutine[Any, Any, None] | None:
        if path.version not in self._versions:
            raise _unknown_path()
        self._permissions.require(partner, path.module, request.method)
        self._limits.forward(partner)
        request.at_end(self._forwarded)
        if not request.complete:
            request.send_continue()
        return self._ingress.forward(request, call, partner, path)

    def _forwarded(self, request: Request) -> None:
        self._limits.forwarded(request.context.partner)

    async def _version_list(self, request: Request, call: Call) -> Response:
        call.module = VERSIONS
        await self._admit_discovery(request, call)
        return self._answer(call, self._responder.versions())

    async def _details(self, request: Request, call: Call, version: str) -> Response:
        call.module, call.version = VERSIONS, version
        partner = await self._admit_discovery(request, call)
        self._require_version(version)
        return self._answer(
            call,
            self._responder.version_details(
                version, offered=lambda module: partner is None or self._permissions.offers(partner, module)
            ),
        )

    async def _admit_discovery(self, request: Request, call: Call) -> Partner | None:
        """Who reads our versions; None where they are open to anybody."""
        if request.method != "GET":
            await self._admit(request, call, Area.DISCOVERY)
            raise _not_allowed("GET")
        if self._open_versions:
            return None
        return (await self._admit(request, call, Area.DISCOVERY)).partner

    async def _credentials(self, request: Request, call: Call, version: str) -> Response | None:
        call.module, call.version = CREDENTIALS, version
        area = _CREDENTIALS_METHODS.get(request.method, Area.DISCOVERY)
        try:
            holder = await self._admit(request, call, area)
        except UnauthenticatedError:
            if request.method == "DELETE" and await self._was_unregistered(request, call):
                return self._answer(call, Answer.success())
            raise
        self._require_version(version)
        match request.method:
            case "GET":
                return self._answer(call, self._responder.credentials(_presented(request, self._gatekeeper, holder)))
            case "POST":
                body = await self._body(request)
                return await self._registered(request, call, holder, await self._responder.post(holder, version, body))
            case "PUT":
                body = await self._body(request)
                return await self._renewed(call, await self._responder.put(holder, version, body))
            case "DELETE":
                return await self._renewed(call, await self._responder.delete(holder))
        raise _not_allowed("GET, POST, PUT, DELETE")

    async def _registered(self, request: Request, call: Call, holder: Holder, answer: Answer) -> Response | None:
        """Write the answer with TOKEN_C; once it is written TOKEN_A is dead (handshake.md, rule 9).

        In memory it dies in the same turn of the event loop that wrote the answer, before any further request is read.
        """
        await self._refresh()  # TOKEN_C has to work before the partner knows it
        response = self._answer(call, answer)
        call.http_status = response.http_status
        if request.gone:
            return None
        request.respond(response)
        self._directory.forget_token(holder.token)
        try:
            await self._responder.delivered(holder)
        except StoreUnavailableError as error:
            self._log.error(Event.STORE_FAILED, doing="marking an invitation as used", reason=str(error))
        return None

    async def _renewed(self, call: Call, answer: Answer) -> Response | None:
        await self._refresh()
        return self._answer(call, answer)

    async def _refresh(self) -> None:
        """Bring to memory what was just committed; where that fails, the next request with a new token looks for it."""
        with contextlib.suppress(StoreUnavailableError):
            await self._directory.refresh()

    async def _admit(self, request: Request, call: Call, area: Area) -> Holder:
        """Find who asks; a token used for the first time is proved by it, once, however many requests come with it."""
        holder, admission = await self._identify(request, call, area)
        if admission is not Admission.PROVES or holder.token.id in self._proving:
            return holder
        self._proving.add(holder.token.id)
        try:
            await self._responder.proved(holder)
            await self._directory.refresh()
        except StoreUnavailableError as error:  # the token is good all the same, and its next use proves it again
            self._log.error(Event.STORE_FAILED, doing="recording the first use of a token", reason=str(error))
            return holder
        finally:
            self._proving.discard(holder.token.id)
        present = self._directory.holder(holder.token.digest)
        if present is None:
            raise UnauthenticatedError(Refusal.REVOKED, partner=call.partner)
        return present

    async def _identify(self, request: Request, call: Call, area: Area) -> tuple[Holder, Admission]:
        """Find who asks, and whether it may from where it does; a refused token counts against that place."""
        try:
            holder, admission = await self._gatekeeper.admit(
                request.headers.get("authorization"), area, may_look=lambda: self._limits.may_look(call.source)
            )
        except UnauthenticatedError:
            self._limits.refused_token(call.source)
            raise
        self._permit(request, call, holder.partner)
        return holder, admission

    def _permit(self, request: Request, call: Call, partner: Partner) -> None:
        """Raise where a partner may not call from where it does."""
        call.partner = partner.name
        objection = self._permissions.objection(partner, source=call.source, certificate=request.certificate)
        if objection:
            raise UnauthenticatedError(Refusal.FROM_ELSEWHERE, partner=call.partner, detail=objection)

    async def _was_unregistered(self, request: Request, call: Call) -> bool:
        if self._limits.may_look(call.source):
            with contextlib.suppress(StoreUnavailableError):
                return await self._gatekeeper.was_unregistered(request.headers.get("authorization"))
        return False

    async def _body(self, request: Request) -> bytes:
        request.send_continue()
        return await read_body(request, self._bounds, asker=Fault.PARTNER)

    def _require_version(self, version: str) -> None:
        if version not in self._versions:
            raise _unknown_path()

    def _answer(self, call: Call, answer: Answer) -> Response:
        return make_response(answer, call, now=self._clock())


def _presented(request: Request, gatekeeper: Gatekeeper, holder: Holder) -> str:
    """The credentials token as the request presents it, without its wrapping."""
    header = request.headers.get("authorization", "")
    return next(token for _, token in candidates(header) if gatekeeper.is_of(holder, token))


def _not_allowed(allow: str) -> RefusedError:
    answer = Answer(405, StatusCode.CLIENT_ERROR, f"allowed here: {allow}", headers={"Allow": allow})
    return RefusedError(answer, fault=Fault.PARTNER)


def _unknown_path() -> RefusedError:
    return refusals.unknown_path("there is nothing at this path; see our version details", fault=Fault.PARTNER)
