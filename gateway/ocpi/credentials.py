"""The credentials object: reading what a partner sent, naming every field that is wrong, and writing ours.

Source: OCPI 2.2.1, credentials, Credentials object and CredentialsRole class; interop.md, Handshake documents.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.ocpi.partner import CredentialsRole
from gateway.ocpi.party import Party
from gateway.ocpi.tokens import is_well_formed
from gateway.ocpi.urls import check_url

_MAX_NAME = 100  # OCPI 2.2.1, locations, BusinessDetails


@dataclass(frozen=True, slots=True)
class Credentials:
    """A credentials object.

    Attributes:
        token: the credentials token by which its sender wants to be called.
        url: its sender's versions endpoint.
    """

    token: str = field(repr=False)
    url: str
    roles: tuple[CredentialsRole, ...]


class InvalidCredentialsError(ValueError):
    """A credentials object can't be used: one line for each wrong field."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


def read_credentials(document: object) -> Credentials:
    """Read a credentials object that a partner presents to register with.

    Raises:
        InvalidCredentialsError: names each field that is missing or wrong.
    """
    credentials, problems = salvage_credentials(document)
    if problems or credentials is None:
        raise InvalidCredentialsError(problems)
    return credentials


def salvage_credentials(document: object) -> tuple[Credentials | None, tuple[str, ...]]:
    """Read as much of a credentials object as is usable, with the problems found.

    For the answer to our own POST: once a partner gave us a usable token it must not be lost because something else in
    its answer is odd (handshake.md, SP5). Nothing is returned only where there is no usable token.
    """
    if not isinstance(document, dict):
        return None, ("the credentials object is missing",)
    problems: list[str] = []
    token = document.get("token")
    if not isinstance(token, str) or not is_well_formed(token):
        problems.append("token: must be 1 to 64 printable ASCII characters without blanks")
        token = None
    try:
        url = check_url(document.get("url"))
    except ValueError as error:
        problems.append(f"url: {error}")
        url = ""
    roles = _read_roles(document.get("roles"), problems)
    return (Credentials(token, url, roles) if token else None), tuple(problems)


def write_credentials(credentials: Credentials) -> dict[str, Any]:
    """Write a credentials object of ours; business details hold only what the operator configured (interop.md)."""
    return {
        "token": credentials.token,
        "url": credentials.url,
        "roles": [
            {
                "role": role.role,
                "business_details": dict(role.business_details),
                "party_id": role.party.party_id,
                "country_code": role.party.country_code,
            }
            for role in credentials.roles
        ],
    }


def _read_roles(document: object, problems: list[str]) -> tuple[CredentialsRole, ...]:
    if not isinstance(document, list) or not document:
        problems.append("roles: must be a list of at least one role")
        return ()
    roles: dict[tuple[str, Party], CredentialsRole] = {}
    for position, entry in enumerate(document):
        role = _read_role(entry, f"roles[{position}]", problems)
        if role is None:
            continue
        if (role.role, role.party) in roles:
            problems.append(f"roles[{position}]: {role.role} {role.party} is listed twice")
            continue
        roles[role.role, role.party] = role
    return tuple(roles.values())


def _read_role(entry: object, where: str, problems: list[str]) -> CredentialsRole | None:
    if not isinstance(entry, Mapping):
        problems.append(f"{where}: must be an object")
        return None
    found = len(problems)
    role = entry.get("role")
    if not isinstance(role, str) or not role.strip() or not role.isprintable():
        problems.append(f"{where}.role: must be a role such as CPO or EMSP")
    details = _read_business_details(entry.get("business_details"), where, problems)
    country_code, party_id = entry.get("country_code"), entry.get("party_id")
    try:
        party = Party(country_code if isinstance(country_code, str) else "", "XXX").country_code
    except ValueError as error:
        problems.append(f"{where}.country_code: {error}")
        party = "XX"
    try:
        whole = Party(party, party_id if isinstance(party_id, str) else "")
    except ValueError as error:
        problems.append(f"{where}.party_id: {error}")
        return None
    if len(problems) > found or not isinstance(role, str):
        return None
    return CredentialsRole(role.strip().upper(), whole, details)


def _read_business_details(details: object, where: str, problems: list[str]) -> Mapping[str, Any]:
    if not isinstance(details, Mapping):
        problems.append(f"{where}.business_details: is missing")
        return {}
    name = details.get("name")
    if not isinstance(name, str) or not name.strip():
        problems.append(f"{where}.business_details.name: is missing")
    elif len(name) > _MAX_NAME:
        problems.append(f"{where}.business_details.name: is longer than {_MAX_NAME} characters")
    return details
