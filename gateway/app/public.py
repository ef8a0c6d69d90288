"""The public listener: what is asked for, who asks, and who answers.

/ocpi/versions                                    versions
/ocpi/{version}                                   version details
/ocpi/{version}/credentials                       GET, POST, PUT, DELETE
/ocpi/{version}/{sender|receiver}/{module}[/...]  forwarded to the backend
"""

import contextlib
from typing import Final

from aiohttp import web
from structlog.typing import FilteringBoundLogger as Logger

from gateway.app.answering import make_response
from gateway.app.limits import Permissions, TrafficLimits
from gateway.config import Config
from gateway.handshake.responder import Responder
from gateway.net.server import send_continue
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
    read_public_path,
)
from gateway.ocpi.refusal import RefusedError
from gateway.ocpi.timestamps import Clock
from gateway.ocpi.vocabulary import CREDENTIALS, METHODS, VERSIONS
from gateway.proxy import refusals
from gateway.proxy.exchange import Bounds, Pace, read_body
from gateway.proxy.ingress import Ingress
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

    async def handle(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        """Answer one request.

        Raises:
            RefusedError: with the answer.
            UnauthenticatedError: the token isn't good for it.
        """
        self._limits.came_from(call.source)
        raw = request.raw_path
        try:
            check_path(raw)
        except ValueError as error:
            raise refusals.wrong_path(f"the path {error}", fault=Fault.PARTNER) from None
        match read_public_path(raw):
            case FunctionalPath() as target:
                return await self._functional(request, call, target)
            case CredentialsPath(version):
                return await self._credentials(request, call, version)
            case DetailsPath(version):
                call.module, call.version = VERSIONS, version
                partner = await self._admit_discovery(request, call)
                self._require_version(version)
                return self._answer(
                    call,
                    self._responder.version_details(
                        version, offered=lambda module: partner is None or self._permissions.offers(partner, module)
                    ),
                )
            case VersionsPath():
                call.module = VERSIONS
                await self._admit_discovery(request, call)
                return self._answer(call, self._responder.versions())
        if request.method not in METHODS:
            raise refusals.wrong_method(request.method, fault=Fault.PARTNER)
        raise _unknown_path()

    async def _functional(self, request: web.BaseRequest, call: Call, target: FunctionalPath) -> web.StreamResponse:
        call.module, call.version, call.interface_role = target.module, target.version, target.role
        holder = await self._admit(request, call, Area.FUNCTIONAL)
        self._require_version(target.version)
        self._permissions.require(holder.partner, target.module, request.method)
        with self._limits.forwarding(holder.partner):
            await send_continue(request)
            return await self._ingress.forward(request, call, holder.partner, target)

    async def _admit_discovery(self, request: web.BaseRequest, call: Call) -> Partner | None:
        """Who reads our versions; None where they are open to anybody."""
        if request.method != "GET":
            await self._admit(request, call, Area.DISCOVERY)
            raise _not_allowed("GET")
        if self._open_versions:
            return None
        return (await self._admit(request, call, Area.DISCOVERY)).partner

    async def _credentials(self, request: web.BaseRequest, call: Call, version: str) -> web.StreamResponse:
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

    async def _registered(
        self, request: web.BaseRequest, call: Call, holder: Holder, answer: Answer
    ) -> web.StreamResponse:
        """Write the answer with TOKEN_C; once it is written TOKEN_A is dead (handshake.md, rule 9).

        In memory it dies in the same turn of the event loop that wrote the answer, before any further request is read.
        """
        await self._refresh()  # TOKEN_C has to work before the partner knows it
        response = self._answer(call, answer)
        await response.prepare(request)
        await response.write_eof()
        call.http_status = response.status
        if request.transport is None or request.transport.is_closing():
            return response
        self._directory.forget_token(holder.token)
        try:
            await self._responder.delivered(holder)
        except StoreUnavailableError as error:
            self._log.error(Event.STORE_FAILED, doing="marking an invitation as used", reason=str(error))
        return response

    async def _renewed(self, call: Call, answer: Answer) -> web.StreamResponse:
        await self._refresh()
        return self._answer(call, answer)

    async def _refresh(self) -> None:
        """Bring to memory what was just committed; where that fails, the next request with a new token looks for it."""
        with contextlib.suppress(StoreUnavailableError):
            await self._directory.refresh()

    async def _admit(self, request: web.BaseRequest, call: Call, area: Area) -> Holder:
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

    async def _identify(self, request: web.BaseRequest, call: Call, area: Area) -> tuple[Holder, Admission]:
        """Find who asks, and whether it may from where it does; a refused token counts against that place."""
        try:
            holder, admission = await self._gatekeeper.admit(
                request.headers.get("Authorization"), area, may_look=lambda: self._limits.may_look(call.source)
            )
        except UnauthenticatedError:
            self._limits.refused_token(call.source)
            raise
        call.partner = holder.partner.name
        objection = self._permissions.objection(
            holder.partner, source=call.source, certificate=lambda: request.get_extra_info("peercert")
        )
        if objection:
            raise UnauthenticatedError(Refusal.FROM_ELSEWHERE, partner=call.partner, detail=objection)
        return holder, admission

    async def _was_unregistered(self, request: web.BaseRequest, call: Call) -> bool:
        if self._limits.may_look(call.source):
            with contextlib.suppress(StoreUnavailableError):
                return await self._gatekeeper.was_unregistered(request.headers.get("Authorization"))
        return False

    async def _body(self, request: web.BaseRequest) -> bytes:
        await send_continue(request)
        return await read_body(request, self._bounds, asker=Fault.PARTNER)

    def _require_version(self, version: str) -> None:
        if version not in self._versions:
            raise _unknown_path()

    def _answer(self, call: Call, answer: Answer) -> web.Response:
        return make_response(answer, call, now=self._clock())


def _presented(request: web.BaseRequest, gatekeeper: Gatekeeper, holder: Holder) -> str:
    """The credentials token as the request presents it, without its wrapping."""
    header = request.headers.get("Authorization", "")
    return next(token for _, token in candidates(header) if gatekeeper.is_of(holder, token))


def _not_allowed(allow: str) -> RefusedError:
    answer = Answer(405, StatusCode.CLIENT_ERROR, f"allowed here: {allow}", headers={"Allow": allow})
    return RefusedError(answer, fault=Fault.PARTNER)


def _unknown_path() -> RefusedError:
    return refusals.unknown_path("there is nothing at this path; see our version details", fault=Fault.PARTNER)
