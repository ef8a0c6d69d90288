"""Rows about a partner's platform: its roles, the parties it owns, its endpoints."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select

from gateway.ocpi.partner import CredentialsRole, Endpoint
from gateway.ocpi.party import Party
from gateway.store import tables


def replace_endpoints(connection: Connection, partner_id: int, endpoints: Sequence[Endpoint]) -> None:
    """Take over the endpoints that a discovery found."""
    connection.execute(delete(tables.endpoint).where(tables.endpoint.c.partner_id == partner_id))
    rows = [
        {"partner_id": partner_id, "identifier": each.identifier, "role": each.role or "", "url": each.url}
        for each in endpoints
    ]
    if rows:
        connection.execute(insert(tables.endpoint), rows)


def replace_roles(connection: Connection, partner_id: int, roles: Sequence[CredentialsRole]) -> None:
    """Take over the roles that a partner presented; none of their parties may belong to another partner."""
    for table in (tables.party, tables.credentials_role):
        connection.execute(delete(table).where(table.c.partner_id == partner_id))
    parties = [
        {"country_code": party.country_code, "party_id": party.party_id, "partner_id": partner_id}
        for party in dict.fromkeys(role.party for role in roles)
    ]
    rows = [
        {
            "partner_id": partner_id,
            "position": position,
            "role": role.role,
            "country_code": role.party.country_code,
            "party_id": role.party.party_id,
            "business_details": dict(role.business_details),
        }
        for position, role in enumerate(roles)
    ]
    if rows:
        connection.execute(insert(tables.party), parties)
        connection.execute(insert(tables.credentials_role), rows)


def owners(connection: Connection, parties: Iterable[Party], partner_id: int) -> Mapping[Party, str]:
    """Which of the parties belong to another partner than this, and to which.

    A party that is another partner's name counts as that partner's: either may stand for it in a URL.
    """
    wanted = sorted(set(parties))
    owned = (
        select(tables.party.c.country_code, tables.party.c.party_id, tables.partner.c.name)
        .join(tables.partner, tables.partner.c.id == tables.party.c.partner_id)
        .where(
            tables.party.c.partner_id != partner_id,
            tables.party.c.party_id.in_({party.party_id for party in wanted}),
        )
    )
    named = select(tables.partner.c.name_key, tables.partner.c.name).where(
        tables.partner.c.id != partner_id, tables.partner.c.name_key.in_({str(party).lower() for party in wanted})
    )
    names = {row.name_key: row.name for row in connection.execute(named)}
    found = {party: names[str(party).lower()] for party in wanted if str(party).lower() in names}
    found |= {Party(row.country_code, row.party_id): row.name for row in connection.execute(owned)}
    return {party: found[party] for party in wanted if party in found}


def owner_of_name(connection: Connection, name: str) -> str | None:
    """The partner that a party written as `CC-PID` belongs to; None for any other name."""
    party = Party.named(name)
    if party is None:
        return None
    query = (
        select(tables.partner.c.name)
        .join(tables.party, tables.partner.c.id == tables.party.c.partner_id)
        .where(tables.party.c.country_code == party.country_code, tables.party.c.party_id == party.party_id)
    )
    return connection.execute(query).scalar()


def forget(connection: Connection, partner_id: int) -> None:
    """The partner left: its parties are free, its endpoints gone."""
    replace_roles(connection, partner_id, ())
    replace_endpoints(connection, partner_id, ())
