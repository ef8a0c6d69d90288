"""The partner calls: versions, version details and credentials (we are the Receiver).

All remote checks come first, then one transaction with everything, then the answer (handshake.md, rule 2). Every answer
is an `Answer`; a refusal is raised as `RefusedError`.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gateway.handshake.performer import perform
from gateway.handshake.registrar import Ending, Registrar
from gateway.ocpi.admission import Admission, Area, admit
from gateway.ocpi.credentials import Credentials, InvalidCredentialsError, read_credentials, write_credentials
from gateway.ocpi.envelope import Answer, NotAnEnvelopeError, NotAnObjectError, StatusCode, read_json_object
from gateway.ocpi.errors import Fault, GatewayError, InternalError
from gateway.ocpi.flow import HandshakeError
from gateway.ocpi.lifecycle import Change, Unregistered
from gateway.ocpi.refusal import RefusedError
from gateway.ocpi.registration import Flow, accept, renew
from gateway.ocpi.versions import write_version_details, write_versions
from gateway.ocpi.vocabulary import InterfaceRole, PartnerState, TokenKind, TokenState
from gateway.store.changes import ConcurrentChangeError, PartyTakenError
from gateway.store.claims import UnderWayError
from gateway.store.directory import Holder
from gateway.store.gatekeeper import Refusal, UnauthenticatedError
from gateway.store.records import PartnerRecord

ROLE: Final = "receiver"
REGISTER, ROTATE, UNREGISTER = "register", "renew", "unregister"
_ACTOR: Final = "partner"

#: States in which a partner counts as registered for the credentials module.
_REGISTERED: Final = frozenset({PartnerState.REGISTERED, PartnerState.HALF_OPEN})


class Responder:
    """The Receiver's end of handshakes.

    Args:
        public_url: what every URL we hand out starts with.
        modules: what we offer, with interface roles.
        answer_http_status: HTTP status of a successful POST or PUT, by partner name: some partners demand 201.
        on_step: told of each call-back: partner, step, outcome.
    """

    def __init__(
        self,
        registrar: Registrar,
        *,
        public_url: str,
        modules: tuple[tuple[str, InterfaceRole], ...],
        answer_http_status: Callable[[str], int],
        on_step: Callable[[str, str, str], None],
    ) -> None:
        self._registrar = registrar
        self._public_url = public_url
        self._modules = modules
        self._answer_http_status = answer_http_status
        self._on_step = on_step

    def versions(self) -> Answer:
        """Our version list."""
        return Answer.success(write_versions(self._public_url, self._registrar.front.versions))

    def version_details(self, version: str, *, offered: Callable[[str], bool] = lambda _module: True) -> Answer:
        """The details of one of our versions, with the modules that are offered to whoever asks."""
        modules = [(module, role) for module, role in self._modules if offered(module)]
        return Answer.success(write_version_details(self._public_url, version, modules))

    def credentials(self, presented_token: str) -> Answer:
        """Our credentials object, echoing the token by which it was asked for (handshake.md, Tokens)."""
        return Answer.success(write_credentials(self._registrar.front.credentials(presented_token)))

    async def post(self, holder: Holder, version: str, body: bytes) -> Answer:
        """Register the partner (steps 3 to 5)."""
        holder = await self._present(holder, Area.REGISTRATION)
        partner = holder.partner
        if holder.token.kind is not TokenKind.INVITATION:
            if partner.state in _REGISTERED:
                raise _not_allowed("GET, PUT, DELETE", "you are registered already: use PUT to change credentials")
            raise _under_way()
        credentials = _read(body)
        return await self._answer(
            holder,
            lambda inbound_token: accept(
                self._registrar.front,
                self._registrar.as_configured(partner),
                credentials,
                version=version,
                inbound_token=inbound_token,
                allowed_hosts=self._registrar.hosts_of(partner.name),
                repeated=holder.token.state is TokenState.GRACE,
            ),
        )

    async def put(self, holder: Holder, version: str, body: bytes) -> Answer:
        """Renew the partner's credentials; also switches to the version of the URL (OCPI 2.2.1, PUT method)."""
        holder = await self._present(holder, Area.CREDENTIALS)
        partner = holder.partner
        _require_registered(holder)
        credentials = _read(body)
        return await self._answer(
            holder,
            lambda inbound_token: renew(
                self._registrar.front,
                self._registrar.as_configured(partner),
                credentials,
                version=version,
                inbound_token=inbound_token,
                allowed_hosts=self._registrar.hosts_of(partner.name),
            ),
        )

    async def delete(self, holder: Holder) -> Answer:
        """End the registration; requests in flight finish (handshake.md, RD1 to RD4)."""
        holder = await self._present(holder, Area.CREDENTIALS)
        _require_registered(holder)
        name = holder.partner.name
        try:
            async with self._registrar.alone_with(name):
                await self._registrar.save(_ACTOR, holder.record, Unregistered())
        except (UnderWayError, ConcurrentChangeError) as error:
            raise await self._overtaken(holder, error) from error
        except InternalError as error:
            raise _unable(error) from error
        self._registrar.on_outcome(Ending(ROLE, UNREGISTER, "unregistered", name))
        return Answer.success()

    async def delivered(self, holder: Holder) -> None:
        """The answer to a POST was written to the partner's connection: TOKEN_A is dead (handshake.md, rule 9)."""
        await self._registrar.write(_ACTOR, lambda ledger: ledger.delivered(ledger.partner(holder.partner.name)))

    async def proved(self, holder: Holder) -> None:
        """The partner used a token for the first time: what it replaces dies."""
        await self._registrar.write(
            _ACTOR, lambda ledger: ledger.prove(ledger.partner(holder.partner.name), holder.token.id)
        )

    async def _present(self, holder: Holder, area: Area) -> Holder:
        """The holder as the store has it now: what a request was admitted by may be a second old.

        Raises:
            UnauthenticatedError: its token died, or its partner was suspended, meanwhile.
        """
        try:
            record = await self._registrar.reread(holder.record)
        except GatewayError as error:
            raise _unable(error) from error
        name, state = record.partner.name, record.partner.state
        token = next((each for each in record.inbound_tokens if each.id == holder.token.id), None)
        if token is None or not token.is_alive(self._registrar.clock()):
            raise UnauthenticatedError(Refusal.REVOKED, partner=name)
        if record.partner.suspended:
            raise UnauthenticatedError(Refusal.SUSPENDED, partner=name)
        if admit(state, token.kind, token.state, area, provable=token.provable) is Admission.REFUSED:
            raise UnauthenticatedError(Refusal.NOT_ADMITTED, partner=name)
        return Holder(record, token)

    async def _answer(self, holder: Holder, flow_for: Callable[[str], Flow[Credentials]]) -> Answer:
        """Run a flow to its end and put its outcome, whatever it is, into words."""
        registrar, record = self._registrar, holder.record
        name = record.partner.name
        try:
            async with registrar.alone_with(name):
                credentials = await self._performed(holder, flow_for(registrar.vault.new_token()))
        except (UnderWayError, ConcurrentChangeError) as error:
            raise await self._overtaken(holder, error) from error
        except GatewayError as error:
            raise _in_words(error) from error
        registrar.on_outcome(_ending(holder))
        return Answer.success(write_credentials(credentials), http_status=self._answer_http_status(name))

    async def _performed(self, holder: Holder, flow: Flow[Credentials]) -> Credentials:
        """Run a flow; why it failed is told and kept."""
        registrar, record = self._registrar, holder.record
        name = record.partner.name

        def progress(step: str, outcome: str) -> None:
            self._on_step(name, step, outcome)

        try:
            return await perform(
                flow,
                fetch=registrar.fetcher(name),
                save=lambda change: self._save(record, change),
                progress=progress,
            )
        except ConcurrentChangeError:
            raise
        except GatewayError as error:
            await registrar.note_failure(_ACTOR, replace(_ending(holder), outcome="failed"), error)
            raise

    async def _overtaken(self, holder: Holder, error: GatewayError) -> RefusedError:
        """What it means that somebody else was faster: the operator, who may have ended this token, or a handshake.

        Raises:
            UnauthenticatedError: the token died, or the partner was suspended.
        """
        invited = holder.token.kind is TokenKind.INVITATION
        await self._present(holder, Area.REGISTRATION if invited else Area.CREDENTIALS)
        return _under_way(error.message)

    async def _save(self, record: PartnerRecord, change: Change) -> None:
        await self._registrar.save(_ACTOR, record, change)


def _ending(holder: Holder) -> Ending:
    """A handshake that ends well, by the token that it was begun with."""
    name = holder.partner.name
    if holder.token.kind is TokenKind.INVITATION:
        return Ending(ROLE, REGISTER, "registered", name)
    return Ending(ROLE, ROTATE, "renewed", name)


def _read(body: bytes) -> Credentials:
    try:
        document = read_json_object(body)
    except NotAnEnvelopeError as error:
        http_status = 200 if isinstance(error, NotAnObjectError) else 400
        answer = Answer(http_status, StatusCode.INVALID_PARAMETERS, f"read credentials: {error}")
        raise RefusedError(answer, fault=Fault.PARTNER) from None
    try:
        return read_credentials(document)
    except InvalidCredentialsError as error:
        answer = Answer(200, StatusCode.INVALID_PARAMETERS, f"read credentials: {error}")
        raise RefusedError(answer, fault=Fault.PARTNER) from None


def _require_registered(holder: Holder) -> None:
    """PUT and DELETE need a registration; with a TOKEN_A there is none (handshake.md, RU1 and RD4)."""
    if holder.token.kind is TokenKind.INVITATION or holder.partner.state not in _REGISTERED:
        raise _not_allowed("GET, POST", "you are not registered: use POST with the token of your invitation")


def _not_allowed(allow: str, message: str) -> RefusedError:
    answer = Answer(405, StatusCode.CLIENT_ERROR, message, headers={"Allow": allow})
    return RefusedError(answer, fault=Fault.PARTNER)


def _under_way(reason: str = "") -> RefusedError:
    message = "the same handshake is already under way; wait for its answer"
    return RefusedError(Answer(409, StatusCode.CLIENT_ERROR, message), fault=Fault.PARTNER, reason=reason)


def _unable(error: GatewayError) -> RefusedError:
    message = "the gateway could not store the registration; nothing was changed; try again later"
    return RefusedError(Answer(200, StatusCode.SERVER_ERROR, message), fault=error.fault, reason=str(error))


def _in_words(error: GatewayError) -> RefusedError:
    """What the partner is told of a failure: always HTTP 200 with the OCPI status code (handshake.md, rule 5)."""
    match error:
        case HandshakeError():
            answer = Answer(200, error.status_code, error.public_message)
        case PartyTakenError():
            answer = Answer(200, StatusCode.INVALID_PARAMETERS, f"read credentials: {error.public_message}")
        case _:
            return _unable(error)
    return RefusedError(answer, fault=error.fault, reason=str(error))
