"""What the gateway knows of a partner, as plain records that store, handshake and proxy share."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from gateway.ocpi.party import Party
from gateway.ocpi.urls import host_of
from gateway.ocpi.vocabulary import InterfaceRole, PartnerState, TokenForm

#: What the operator may call a partner: it stands in URLs, logs and metrics.
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Endpoint(NamedTuple):
    """One module of a platform (OCPI 2.2.1, versions, Endpoint class).

    Attributes:
        role: None where the platform left it out (interop.md): it then serves both sides.
    """

    identifier: str
    role: InterfaceRole | None
    url: str

    def serves(self, module: str, role: InterfaceRole | None) -> bool:
        """Whether this is an endpoint of that module, and of that side where one is asked for."""
        return self.identifier == module and (role is None or self.role is None or self.role is role)


@dataclass(frozen=True, slots=True)
class CredentialsRole:
    """One party of a platform with its role there (OCPI 2.2.1, credentials, CredentialsRole class).

    Attributes:
        role: kept as sent, because unknown roles must not fail a handshake.
        business_details: kept as sent.
    """

    role: str
    party: Party
    business_details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manners:
    """How a platform wants its token, learned at first contact (interop.md, Authorization header).

    Attributes:
        token_form: on every module.
        versions_form: on the versions endpoint only, where some platforms refuse any token.
    """

    token_form: TokenForm = TokenForm.BASE64
    versions_form: TokenForm = TokenForm.BASE64


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the operator demanded of the platform that may use an invitation token; empty means anything.

    Attributes:
        roles: parties with, optionally, the role each must have: `(DE-ABC, "EMSP")` or `(DE-ABC, None)`.
        hosts: host names, in lower case, that the platform's URLs must be on.
    """

    roles: tuple[tuple[Party, str | None], ...] = ()
    hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Partner:
    """A remote platform.

    Attributes:
        revision: moves with every change of the record; changes are made by comparing it (handshake.md, Concurrency).
        versions_url: the URL that answered as their versions endpoint.
        leaving: we began to unregister: nothing is sent to them any more (handshake.md, SD1).
        outbound_token: what we call them with; None unless the registration is whole.
        outbound_since: when they gave it to us.
        outbound_proved: whether it has worked once.
        outbound_refusals: how often in a row they refused it since it last worked, as far as that was noted.
        previous_outbound_token: the one before, kept until the new one has worked once (handshake.md, RU7 and SU4).
    """

    id: int
    name: str
    state: PartnerState
    revision: int
    suspended: bool = False
    version: str | None = None
    versions_url: str | None = None
    roles: tuple[CredentialsRole, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    manners: Manners = field(default_factory=Manners)
    invitation: Invitation = field(default_factory=Invitation)
    leaving: bool = False
    outbound_token: str | None = field(default=None, repr=False)
    outbound_since: datetime | None = None
    outbound_proved: bool = True
    outbound_refusals: int = 0
    previous_outbound_token: str | None = field(default=None, repr=False)

    @property
    def parties(self) -> tuple[Party, ...]:
        """Their parties in the order in which they presented them, each once."""
        return tuple(dict.fromkeys(role.party for role in self.roles))

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts, in lower case, on which the URLs lie that they are registered with."""
        urls = [endpoint.url for endpoint in self.endpoints]
        return frozenset(map(host_of, [*urls, self.versions_url] if self.versions_url else urls))

    def endpoint(self, module: str, role: InterfaceRole | None = None) -> Endpoint | None:
        """Their endpoint of a module; one that names the wanted side goes before one that names none."""
        found = [endpoint for endpoint in self.endpoints if endpoint.serves(module, role)]
        return next((endpoint for endpoint in found if endpoint.role is role), found[0] if found else None)
