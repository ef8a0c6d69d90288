"""The sample eMSP's side of the handshake, as Sender and as Receiver: one registration, kept in memory.

The steps themselves are the pure flows of `gateway.ocpi.registration`, which serve either end; here they get this
platform's tokens, its HTTP client and a place to keep what they save.
"""

import dataclasses
import secrets
from typing import Final, TypeVar

from gateway.demo.caller import Caller, UnexpectedAnswerError
from gateway.handshake.performer import perform
from gateway.ocpi.authorization import candidates, header_value
from gateway.ocpi.credentials import Credentials, InvalidCredentialsError, read_credentials, write_credentials
from gateway.ocpi.discovery import Discovery, Target
from gateway.ocpi.envelope import Answer, NotAnEnvelopeError, StatusCode, read_json_object
from gateway.ocpi.flow import HandshakeError
from gateway.ocpi.lifecycle import Accepted, Change, Completed, Prepared, Renewed
from gateway.ocpi.partner import CredentialsRole, Partner
from gateway.ocpi.registration import Flow, Front, accept, initiate, renew, unregister
from gateway.ocpi.vocabulary import InterfaceRole, PartnerState

VERSION: Final = "2.2.1"
T = TypeVar("T")

_STRANGER: Final = Partner(id=0, name="gateway", state=PartnerState.UNREGISTERED, revision=0)


class Registrar:
    """The platform's registration with the gateway.

    Attributes:
        invitation_token: TOKEN_A that this platform made, until it is used.
        inbound_token: what the gateway calls us with.
        partner: what is known of the gateway, with what we call it with.
    """

    def __init__(self, caller: Caller, *, versions_url: str, role: CredentialsRole) -> None:
        self._caller = caller
        self._front = Front(versions_url, (role,), (VERSION,))
        self.invitation_token: str | None = None
        self.inbound_token: str | None = None
        self.partner = _STRANGER

    @property
    def is_registered(self) -> bool:
        """Whether the handshake is complete."""
        return self.partner.state is PartnerState.REGISTERED

    def presented(self, header: str | None) -> str | None:
        """The credentials token that an Authorization header presents, if it is a live one."""
        live = {self.invitation_token, self.inbound_token} - {None}
        return next((value for _, value in candidates(header or "") if value in live), None)

    def headers(self) -> dict[str, str]:
        """What we present to the gateway.

        Raises:
            UnexpectedAnswerError: there is no registration.
        """
        if self.partner.outbound_token is None:
            raise UnexpectedAnswerError("the eMSP is not registered with the gateway")
        form = self.partner.manners.token_form
        return {"Accept": "application/json", "Authorization": header_value(self.partner.outbound_token, form)}

    def url(self, module: str, role: InterfaceRole) -> str:
        """Where the gateway serves a module, as its version details said.

        Raises:
            UnexpectedAnswerError: it doesn't.
        """
        endpoint = self.partner.endpoint(module, role)
        if endpoint is None:
            raise UnexpectedAnswerError(f"the gateway offers no {role} endpoint of {module}")
        return endpoint.url

    def invite(self) -> dict[str, str]:
        """Make TOKEN_A for the gateway (step 1, we are the Receiver)."""
        self._caller.reporter.book.forget()
        self.invitation_token = _make_token()
        self._caller.reporter.book.name(self.invitation_token, "TOKEN_A")
        return {"versions_url": self._front.versions_url, "token_a": self.invitation_token}

    async def register(self, versions_url: str, token_a: str) -> None:
        """Register with the gateway (steps 2 to 5, we are the Sender).

        Raises:
            HandshakeError: with the step that failed.
        """
        self._caller.reporter.book.forget()
        self._caller.reporter.book.name(token_a, "TOKEN_A")
        flow = initiate(self._front, Target(versions_url, token_a), inbound_token=_make_token())
        await self._perform(flow)

    async def answer_post(self, body: bytes) -> Answer:
        """Answer the gateway's POST or PUT of credentials (steps 3 to 5, we are the Receiver)."""
        try:
            credentials = read_credentials(read_json_object(body))
        except NotAnEnvelopeError as error:
            return Answer(400, StatusCode.INVALID_PARAMETERS, str(error))
        except InvalidCredentialsError as error:
            return Answer(200, StatusCode.INVALID_PARAMETERS, str(error))
        flow = renew if self.is_registered else accept
        try:
            ours = await self._perform(
                flow(self._front, self.partner, credentials, version=VERSION, inbound_token=_make_token())
            )
        except HandshakeError as error:
            return Answer(200, error.status_code, error.public_message)
        self.invitation_token = None
        return self.answer_get(ours)

    def answer_get(self, ours: Credentials | None = None) -> Answer:
        """Our credentials object, with the token that the gateway holds."""
        ours = ours or self._front.credentials(self.inbound_token or self.invitation_token or "")
        return Answer.success(write_credentials(ours))

    def answer_delete(self) -> Answer:
        """End the registration because the gateway says so."""
        self._forget()
        return Answer.success()

    async def unregister(self) -> None:
        """End the registration and tell the gateway.

        Raises:
            HandshakeError: the gateway couldn't be told.
        """
        await self._perform(unregister(self.partner))
        self._forget()

    async def _perform(self, flow: Flow[T]) -> T:
        return await perform(flow, fetch=self._caller.send, save=self._save)

    async def _save(self, change: Change) -> None:
        """Keep what a flow asks to be kept."""
        if isinstance(change, Prepared):
            self.inbound_token = change.inbound_token
        elif isinstance(change, Completed | Accepted | Renewed):
            self.inbound_token = change.inbound_token
            self.partner = _registered(change.credentials, change.discovery)

    def _forget(self) -> None:
        self.inbound_token = None
        self.partner = _STRANGER


def _registered(credentials: Credentials, discovery: Discovery) -> Partner:
    return dataclasses.replace(
        _STRANGER,
        state=PartnerState.REGISTERED,
        version=discovery.version,
        versions_url=discovery.versions_url,
        roles=credentials.roles,
        endpoints=discovery.endpoints,
        manners=discovery.manners,
        outbound_token=credentials.token,
    )


def _make_token() -> str:
    return f"emsp_{secrets.token_urlsafe(32)}"
