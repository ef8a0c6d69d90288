"""Who may speak for whom: the message routing headers, and the owner named in a path.

OCPI 2.2.1, transport, Message Routing Headers and Client Owned Object Push; hardening.md, P8.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, Protocol
from urllib.parse import unquote

from gateway.ocpi.party import Party
from gateway.ocpi.vocabulary import InterfaceRole, Role


class End(StrEnum):
    """One end of a message, as the names of the routing headers have it."""

    FROM = "from"
    TO = "to"


class HasParty(Protocol):
    """A party with its role: one of ours, or one of a partner's."""

    @property
    def role(self) -> str:
        """Such as `CPO`."""

    @property
    def party(self) -> Party:
        """Country code and party id."""


#: A side of a module; None where it doesn't matter.
Side = InterfaceRole | None

#: The names of the routing headers, as they are written; they are read in lower case.
_HEADERS: Final = {end: (f"OCPI-{end}-country-code", f"OCPI-{end}-party-id") for end in End}
_READ: Final = {end: tuple(name.lower() for name in names) for end, names in _HEADERS.items()}
#: All four, in lower case.
HEADERS: Final = tuple(name for names in _READ.values() for name in names)

_CHARGING: Final = (Role.CPO,)
_MOBILITY: Final = (Role.EMSP, Role.NSP, Role.SCSP)
_STEERING: Final = (Role.EMSP, Role.SCSP)
_CHARGING_SENDS: Final = {InterfaceRole.SENDER: _CHARGING, InterfaceRole.RECEIVER: _MOBILITY}
_CHARGING_RECEIVES: Final = {InterfaceRole.SENDER: _STEERING, InterfaceRole.RECEIVER: _CHARGING}

#: Who implements the sender and the receiver interface of a module (OCPI 2.2.1, Interfaces and endpoints of each).
_IMPLEMENTERS: Final[Mapping[str, Mapping[InterfaceRole, Sequence[str]]]] = {
    "cdrs": _CHARGING_SENDS,
    "chargingprofiles": _CHARGING_RECEIVES,
    "commands": _CHARGING_RECEIVES,
    "hubclientinfo": {InterfaceRole.SENDER: (Role.HUB,)},
    "locations": _CHARGING_SENDS,
    "sessions": _CHARGING_SENDS,
    "tariffs": _CHARGING_SENDS,
    "tokens": _CHARGING_RECEIVES,
}

#: Modules whose objects are owned by whoever pushes them to a receiver, which the path then names.
_OWNED_BY_CLIENT: Final = frozenset({"locations", "sessions", "tariffs", "tokens"})

#: Modules between platforms, not parties: routing headers don't belong there.
_UNROUTED: Final = frozenset({"hubclientinfo"})


def is_routed(module: str) -> bool:
    """Whether messages of a module carry routing headers to a partner."""
    return module not in _UNROUTED


def stated(
    headers: Mapping[str, str], end: End, parties: Iterable[HasParty] = (), *, module: str = "", role: Side = None
) -> Party | None:
    """The party that the routing headers name for one end; None where they don't.

    Args:
        headers: by name in lower case.
        parties: who may be meant; where the headers name half a party, the other half is filled in from these.
        module: with `role` what the message is about, to tell which of several is meant.
        role: the side of the module that the party implements.

    Raises:
        ValueError: they name no possible party, or half of one that none of the parties has.
    """
    country_code, party_id = (headers.get(name, "").upper() for name in _READ[end])
    if not country_code and not party_id:
        return None
    if country_code and party_id:
        return Party(country_code, party_id)
    matching = [each for each in parties if country_code == each.party.country_code or party_id == each.party.party_id]
    found = likeliest(matching, module, role)
    if found is None:
        missing = _HEADERS[end][1 if country_code else 0]
        raise ValueError(f"{missing} is missing, and can't be filled in")
    return found


def state(lines: list[str], end: End, party: Party | None) -> None:
    """Write the routing headers of one end; nothing where the party isn't known."""
    if party is not None:
        country_code, party_id = _HEADERS[end]
        lines.append(f"{country_code}: {party.country_code}")
        lines.append(f"{party_id}: {party.party_id}")


def likeliest(parties: Iterable[HasParty], module: str, role: Side) -> Party | None:
    """The first of the parties that implements one side of a module, or else the very first."""
    wanted = _IMPLEMENTERS.get(module, {}).get(role, ()) if role else ()
    first = None
    for each in parties:
        if each.role in wanted:
            return each.party
        first = first or each.party
    return first


def other_side(role: InterfaceRole) -> InterfaceRole:
    """Who calls an interface implements the other one."""
    return InterfaceRole.SENDER if role is InterfaceRole.RECEIVER else InterfaceRole.RECEIVER


def names_owner(module: str, role: InterfaceRole) -> bool:
    """Whether the paths of an interface name the owner of the object."""
    return role is InterfaceRole.RECEIVER and module in _OWNED_BY_CLIENT


def owner_in(rest: str) -> Party | None:
    """The owner in `/{country_code}/{party_id}[/...]`; None in shorter paths.

    Raises:
        ValueError: the path names no possible party.
    """
    segments = rest.split("/", 3)
    return None if len(segments) <= 2 else Party(unquote(segments[1]), unquote(segments[2]))  # noqa: PLR2004 - "", country, party
