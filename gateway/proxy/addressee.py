"""Which partner a request of the backend means, by name, by party or by OCPI-to headers, and whether it can be called.

The backend's engineer reads the refusals, so they say what to do (contract.md, Private listener).
"""

import contextlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from gateway.net.request import Request
from gateway.observe.call import Call
from gateway.ocpi.errors import Fault
from gateway.ocpi.partner import Endpoint, Partner
from gateway.ocpi.party import Party
from gateway.ocpi.paths import FunctionalPath, PartnerPath
from gateway.ocpi.refusal import RefusedError
from gateway.ocpi.tokens import without_tokens
from gateway.ocpi.vocabulary import CREDENTIALS, VERSIONS, InterfaceRole, PartnerState
from gateway.proxy import refusals, routing
from gateway.proxy.routing import End, HasParty
from gateway.store.directory import Directory
from gateway.store.engine import StoreUnavailableError

_CONFIGURATION: Final = frozenset({CREDENTIALS, VERSIONS})

#: What to do about a partner that can't be called.
_REMEDIES: Final = {
    PartnerState.INVITED: "it has not used its invitation yet; ask it to register",
    PartnerState.REGISTERING: "its registration is not finished; 'ocpi-gateway partner register {name}' resumes it",
    PartnerState.HALF_OPEN: "it can call us, but we have no token that it accepts; 'ocpi-gateway partner show {name}' "
    "says what to ask it for",
    PartnerState.UNREGISTERED: "invite it or register with it anew",
}


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a request goes to.

    Attributes:
        party: of the partner's, where the path names one in place of the partner's name.
        endpoint: of the module and interface role asked for.
    """

    partner: Partner
    party: Party | None
    endpoint: Endpoint


class Addressees:
    """Finds partners for requests of the backend.

    Args:
        versions: the OCPI versions that a path may name.
    """

    def __init__(self, directory: Directory, *, versions: Collection[str]) -> None:
        self._directory = directory
        self._versions = frozenset(versions)

    async def find(self, request: Request, call: Call, path: PartnerPath | FunctionalPath) -> Addressee:
        """The partner meant, if it can be called; if not it is looked up again: it may just have registered.

        Raises:
            RefusedError: there is none, it can't be called, or it doesn't offer the module.
        """
        call.module, call.interface_role = path.module, path.role
        try:
            return self._found(request, call, path)
        except RefusedError:
            with contextlib.suppress(StoreUnavailableError):
                await self._directory.refresh()
            return self._found(request, call, path)

    def _found(self, request: Request, call: Call, path: PartnerPath | FunctionalPath) -> Addressee:
        party: Party | None
        if isinstance(path, FunctionalPath):
            named, party = None, self._stated_receiver(request, path)
            name = str(party)
        else:
            name = path.partner
            named = self._directory.named(name)
            party = None if named else Party.named(name)
        partner = named or (self._directory.owner(party) if party else None)
        if partner is None:
            message = f"there is no partner {without_tokens(name)}; see 'ocpi-gateway partner list'"
            raise refusals.unknown_receiver(message)
        call.partner, call.version = partner.name, partner.version or ""
        check_callable(partner)
        return Addressee(partner, party, _endpoint(partner, path.module, path.role))

    def _stated_receiver(self, request: Request, path: FunctionalPath) -> Party:
        if path.version not in self._versions:
            offered = ", ".join(sorted(self._versions))
            raise refusals.unknown_path(f"the OCPI versions here are: {offered}", fault=Fault.BACKEND)
        party = stated(request, End.TO)
        if party is None:
            message = "say which partner you mean: by OCPI-to headers here, or by name under /partners/NAME/"
            raise refusals.wrong_parameter(message, fault=Fault.BACKEND)
        return party


def check_callable(partner: Partner) -> None:
    """Refuse a partner that can't be called at present.

    Raises:
        RefusedError: says why, and what the operator can do.
    """
    name = partner.name
    if partner.suspended:
        message = f"{name} is suspended; 'ocpi-gateway partner resume {name}' lets traffic through again"
        raise refusals.not_callable(message)
    if partner.leaving:
        raise refusals.not_callable(f"{name} is being unregistered; see 'ocpi-gateway partner show {name}'")
    if partner.outbound_token is None or partner.state is not PartnerState.REGISTERED:
        remedy = _REMEDIES.get(partner.state, "register with it anew").format(name=name)
        raise refusals.not_callable(f"{name} can not be called while it is {partner.state}: {remedy}")


def stated(
    request: Request,
    end: End,
    parties: Iterable[HasParty] = (),
    module: str = "",
    role: InterfaceRole | None = None,
) -> Party | None:
    """The party that the backend's routing headers name, as `routing.stated`.

    Raises:
        RefusedError: they name no possible party.
    """
    try:
        return routing.stated(request.headers, end, parties, module=module, role=role)
    except ValueError as error:
        raise refusals.wrong_parameter(f"the OCPI-{end} headers are wrong: {error}", fault=Fault.BACKEND) from None


def _endpoint(partner: Partner, module: str, role: InterfaceRole) -> Endpoint:
    if module in _CONFIGURATION:
        message = f"{module} is the gateway's own affair; see 'ocpi-gateway partner show {partner.name}'"
        raise refusals.unknown_path(message, fault=Fault.BACKEND)
    endpoint = partner.endpoint(module, role)
    if endpoint is None:
        offered = ", ".join(
            f"{each.identifier}:{each.role}" if each.role else each.identifier
            for each in partner.endpoints
            if each.identifier not in _CONFIGURATION
        )
        message = f"{partner.name} does not offer {module[:36]} as {role}; it offers: {offered or 'nothing'}"
        raise refusals.unknown_path(message, fault=Fault.BACKEND)
    return endpoint
