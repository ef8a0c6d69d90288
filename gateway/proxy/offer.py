"""What the backend offers to partners, worked out of the configuration once, at start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.config import Config
from gateway.config.identity import OurParty
from gateway.config.network import OwnershipCheck, PartnerSettings
from gateway.ocpi.partner import Partner
from gateway.ocpi.party import Party
from gateway.ocpi.urls import host_of, path_of
from gateway.ocpi.vocabulary import InterfaceRole


@dataclass(frozen=True, slots=True)
class Habits:
    """What is special about traffic with one partner."""

    backend_authorization: str = field(repr=False)
    owns_strictly: bool
    settings: PartnerSettings


class Offer:
    """The backend as partners may see it, and who we are.

    Attributes:
        origin: of the backend, such as `http://legacy:9000`: every target is this plus an exact path.
        secrets: texts in lower case that name the backend's address and must not reach a partner.
        parties: ours, with their roles.
        paths: of each module at the backend, without trailing slash, by module in lower case and interface role.
    """

    def __init__(self, config: Config) -> None:
        backend = config.backend
        base_path = path_of(backend.url).rstrip("/")
        self.origin = backend.url.removesuffix(base_path) if base_path else backend.url
        host = host_of(backend.url)
        netloc = self.origin.partition("://")[2].lower()
        self.secrets: Sequence[str] = (f"//{host}", f"//[{host}]", *([netloc] if ":" in netloc else []))
        self.parties: Sequence[OurParty] = config.parties
        self.paths: Mapping[tuple[str, InterfaceRole], str] = {
            (module.lower(), role): base_path + backend.path_of(module) for module, role in backend.interfaces
        }
        self._ours = frozenset(ours.party for ours in config.parties)
        authorization = backend.authorization.get_secret_value()
        self._default = Habits(authorization, owns_strictly=True, settings=PartnerSettings())
        self._habits = {
            name.lower(): Habits(
                own.get_secret_value() if (own := settings.backend_authorization) else authorization,
                owns_strictly=settings.ownership_check is OwnershipCheck.STRICT,
                settings=settings,
            )
            for name, settings in config.partners.items()
        }

    def is_ours(self, party: Party) -> bool:
        """Whether we are that party."""
        return party in self._ours

    def habits(self, partner: Partner) -> Habits:
        """What the configuration says of a partner; its name is compared without letter case."""
        return self._habits.get(partner.name.lower(), self._default)

    def hosts(self, partner: Partner) -> frozenset[str]:
        """The hosts, in lower case, on which URLs of a partner may lie (hardening.md, URLs that partners give us)."""
        urls = [endpoint.url for endpoint in partner.endpoints]
        if partner.versions_url:
            urls.append(partner.versions_url)
        allowed = self.habits(partner).settings.allowed_hosts
        return partner.invitation.hosts.union(map(host_of, urls), allowed)
