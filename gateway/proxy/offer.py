"""What the backend offers to partners, worked out of the configuration once, at start."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.config import Config
from gateway.config.identity import OurParty
from gateway.config.network import OwnershipCheck, PartnerSettings
from gateway.ocpi.partner import Partner
from gateway.ocpi.party import Party
from gateway.ocpi.urls import host_of, path_of
from gateway.ocpi.vocabulary import InterfaceRole
from gateway.proxy.heads import Secrets, spellings


@dataclass(frozen=True, slots=True)
class Habits:
    """What is special about traffic with one partner.

    Attributes:
        secrets: finds in a text what must not travel back to it: addresses of our network, the backend's token.
    """

    backend_authorization: str = field(repr=False)
    owns_strictly: bool
    secrets: Secrets = field(repr=False)
    settings: PartnerSettings


class Offer:
    """The backend as partners may see it, and who we are.

    Attributes:
        origin: of the backend, such as `http://legacy:9000`: every target is this plus an exact path.
        parties: ours, with their roles.
        paths: of each module at the backend, without trailing slash, by module in lower case and interface role.
    """

    def __init__(self, config: Config) -> None:
        backend = config.backend
        base_path = path_of(backend.url).rstrip("/")
        self.origin = backend.url.removesuffix(base_path) if base_path else backend.url
        host = host_of(backend.url)
        netloc = self.origin.partition("://")[2].lower()
        self._address = _address_pattern(host, netloc)
        self._egress_token = backend.egress_token.get_secret_value()
        self.parties: Sequence[OurParty] = config.parties
        self.paths: Mapping[tuple[str, InterfaceRole], str] = {
            (module.lower(), role): base_path + backend.path_of(module) for module, role in backend.interfaces
        }
        self._ours = frozenset(ours.party for ours in config.parties)
        authorization = backend.authorization.get_secret_value()
        self._default = self._made(authorization, PartnerSettings())
        self._habits = {
            name.lower(): self._made(
                own.get_secret_value() if (own := settings.backend_authorization) else authorization, settings
            )
            for name, settings in config.partners.items()
        }

    def _made(self, authorization: str, settings: PartnerSettings) -> Habits:
        presented = "|".join(map(re.escape, self._tokens(authorization)))
        return Habits(
            authorization,
            owns_strictly=settings.ownership_check is OwnershipCheck.STRICT,
            secrets=Secrets(f"{self._address}|{presented}"),
            settings=settings,
        )

    def _tokens(self, authorization: str) -> Iterator[str]:
        """What the backend is called with and calls us with, plain and in Base64."""
        for token in (authorization.rpartition(" ")[2], self._egress_token):
            yield from spellings(token)

    def is_ours(self, party: Party) -> bool:
        """Whether we are that party."""
        return party in self._ours

    def habits(self, partner: Partner) -> Habits:
        """What the configuration says of a partner; its name is compared without letter case."""
        return self._habits.get(partner.name.lower(), self._default)

    def hosts(self, partner: Partner) -> frozenset[str]:
        """The hosts, in lower case, on which URLs of a partner may lie (hardening.md, URLs that partners give us)."""
        return partner.invitation.hosts.union(partner.hosts, self.habits(partner).settings.allowed_hosts)


#: Addresses of private networks and of this machine, as a text may hold them.
_SHARED_V4 = r"100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])"
_PRIVATE_V4 = rf"10\.\d{{1,3}}|127\.\d{{1,3}}|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01])|{_SHARED_V4}"
_PRIVATE_ADDRESS = "|".join(
    (
        rf"(?<![\d.])(?:{_PRIVATE_V4})\.\d{{1,3}}\.\d{{1,3}}(?![\d.])",
        r"(?<![\w:])(?:::1|f[cd][0-9a-f]{2}:[0-9a-f:]+|fe[89ab][0-9a-f]:[0-9a-f:]+)(?![\w:])",
        r"(?<![\w.-])localhost(?![\w.-])",
        r"https?://[a-z0-9-]+(?=[:/?#\s]|\Z)",
    )
)


def _address_pattern(host: str, netloc: str) -> str:
    """What finds the backend's address in a text; a name without a dot only where it clearly is one: `//legacy`."""
    words = [rf"//\[?{re.escape(host)}(?![\w.-])"]
    if ":" in netloc:
        words.append(rf"(?<![\w.-]){re.escape(netloc)}(?!\d)")
    if "." in host or ":" in host:
        words.append(rf"(?<![\w.-]){re.escape(host)}(?![\w.-])")
    return "|".join([*words, _PRIVATE_ADDRESS])
