"""Looking at partners' fronts: reachable, what they offer now, whether they accept our token; and what follows from it.

Operations.md, Partner health: what differs is told, and taken over only when the operator says so.
"""

from collections.abc import Callable, Sequence

from gateway.handshake.performer import Progress, perform
from gateway.handshake.registrar import Registrar, check_typed_url
from gateway.handshake.standing import note_accepted, note_refused
from gateway.ocpi.discovery import Target
from gateway.ocpi.envelope import StatusCode
from gateway.ocpi.errors import OperatorError
from gateway.ocpi.flow import HandshakeError
from gateway.ocpi.lifecycle import Change, Imported, Refreshed, destination
from gateway.ocpi.partner import CredentialsRole, Manners
from gateway.ocpi.upkeep import GET_CREDENTIALS, Finding, adopt, differences, inspect
from gateway.ocpi.vocabulary import PartnerState, TokenForm
from gateway.store.changes import Ledger
from gateway.store.notes import UnknownPartnerError
from gateway.store.records import PartnerRecord

_UNAUTHORIZED = 401
_LOOKED_AT = (PartnerState.REGISTERED, PartnerState.HALF_OPEN)


def can_be_looked_at(record: PartnerRecord) -> bool:
    """Whether there is a registration whose front can be read."""
    partner = record.partner
    return partner.state in _LOOKED_AT and partner.outbound_token is not None and not partner.leaving


class Inspector:
    """Looks at the fronts of registered partners.

    Args:
        actor: who looks, for the audit trail.
    """

    def __init__(self, registrar: Registrar, *, actor: str) -> None:
        self._registrar = registrar
        self._actor = actor

    async def look(self, name: str, *, progress: Progress) -> PartnerRecord:
        """Look, and note what was found.

        Raises:
            HandshakeError: its front can't be read, or it refuses our token; that is noted.
            OperatorError: there is no registration.
        """
        return await self._look(name, progress, adopting=False)

    async def refresh(self, name: str, *, progress: Progress) -> PartnerRecord:
        """Look, and take over what the partner offers now; one that accepts our token again is REGISTERED again.

        Raises:
            HandshakeError: as `look`.
            OperatorError: there is no registration.
        """
        return await self._look(name, progress, adopting=True)

    async def adopt(
        self,
        name: str,
        *,
        versions_url: str,
        outbound_token: str,
        inbound_token: str,
        roles: Sequence[CredentialsRole],
        progress: Progress,
    ) -> PartnerRecord:
        """Carry on a registration that another system made (contract.md, `partner import`).

        Args:
            outbound_token: the partner's token, which we call it with.
            inbound_token: ours, which it calls us with.
            roles: the partner's parties, where it doesn't tell them itself.

        Raises:
            HandshakeError: its front can't be read, it refuses the token, or nobody says which parties it has.
            OperatorError: there is a registration already, or the inbound token is somebody's; or what was given is
                no URL.
        """
        check_typed_url(versions_url)
        registrar = self._registrar
        async with registrar.alone_with(name):
            await self._require_importable(name)
            form = registrar.token_form_of(name) or TokenForm.BASE64
            target = Target(versions_url, outbound_token, Manners(form, form), hosts=registrar.hosts_of(name))
            flow = adopt(registrar.front, target, inbound_token=inbound_token, roles=roles)

            async def save(change: Change) -> None:
                await registrar.write(self._actor, lambda ledger: ledger.apply(ledger.ensure(name), change))

            await perform(flow, fetch=registrar.fetcher(name), save=save, progress=progress)
            return await registrar.read(name)

    async def _require_importable(self, name: str) -> None:
        """Refuse to import over a registration before anything is sent."""
        try:
            record = await self._registrar.read(name)
        except UnknownPartnerError:
            return
        destination(record.partner.state, Imported)

    async def _look(self, name: str, progress: Progress, *, adopting: bool) -> PartnerRecord:
        registrar = self._registrar
        async with registrar.alone_with(name):
            record = await registrar.read(name)
            if not can_be_looked_at(record):
                raise OperatorError(
                    f"the partner {record.partner.name!r} has no registration whose front could be read",
                    remedy="See `ocpi-gateway partner show`",
                )
            partner = record.partner
            flow = inspect(registrar.as_configured(partner), allowed_hosts=registrar.hosts_of(partner.name))
            try:
                finding = await perform(flow, fetch=registrar.fetcher(partner.name), progress=progress)
            except HandshakeError as error:
                await registrar.write(self._actor, self._failing(record, error))
                raise
            await registrar.write(self._actor, self._concluding(record, finding, adopting=adopting))
            if finding.accepts_token is False:
                raise _refuses_token()
        return await registrar.reread(record)

    def _failing(self, record: PartnerRecord, error: HandshakeError) -> Callable[[Ledger], None]:
        """Note a front that could not be read. One that refuses our token was reached."""

        def work(ledger: Ledger) -> None:
            refused = error.http_status == _UNAUTHORIZED
            ledger.looked(record, unreachable="" if refused else error.message, drift=None)
            if refused:
                self._note_refused(ledger, record)

        return work

    def _concluding(self, record: PartnerRecord, finding: Finding, *, adopting: bool) -> Callable[[Ledger], None]:
        partner, found = record.partner, finding.discovery
        adopting = adopting or not partner.endpoints  # a registration that was begun anew took them away

        def work(ledger: Ledger) -> None:
            drift = differences(partner.endpoints, found.endpoints)
            ledger.looked(record, unreachable="", drift=() if adopting else drift)
            if adopting and (drift or partner.versions_url != found.versions_url or partner.manners != found.manners):
                ledger.apply(ledger.partner(partner.name), Refreshed(found))
            if finding.accepts_token:
                note_accepted(ledger, partner.name, partner.outbound_token or "")
            elif finding.accepts_token is False:
                self._note_refused(ledger, record)

        return work

    def _note_refused(self, ledger: Ledger, record: PartnerRecord) -> None:
        name, token = record.partner.name, record.partner.outbound_token or ""
        note_refused(ledger, name, token, trust=self._registrar.trust, now=self._registrar.clock())


def _refuses_token() -> HandshakeError:
    return HandshakeError(
        "their platform refuses the token that we call it with (HTTP 401)",
        step=GET_CREDENTIALS,
        status_code=StatusCode.UNABLE_TO_USE_CLIENT_API,
        remedy="Ask the partner whether it deleted or replaced that token; see `ocpi-gateway partner show`",
        http_status=_UNAUTHORIZED,
    )
