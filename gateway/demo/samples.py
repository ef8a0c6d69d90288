"""The objects that the sample platforms exchange: OCPI 2.2.1, small, and made up for this project."""

from typing import Any, Final

from gateway.ocpi.partner import CredentialsRole
from gateway.ocpi.party import Party
from gateway.ocpi.vocabulary import Role

CPO: Final = Party("NL", "EXA")
PROVIDER: Final = Party("DE", "ABC")

#: How the sample eMSP presents itself.
PROVIDER_ROLE: Final = CredentialsRole(
    Role.EMSP, PROVIDER, {"name": "Sample Mobility", "website": "https://emsp.example.com"}
)

_UPDATED: Final = "2026-01-15T09:00:00Z"
_COORDINATES: Final = {"latitude": "52.089444", "longitude": "5.110278"}
_ADDRESS: Final = {"address": "Stationsplein 1", "city": "Utrecht", "country": "NLD"}


def locations() -> list[dict[str, Any]]:
    """The charging locations of the backend: enough for two pages of two."""
    return [
        _location(identifier, name)
        for identifier, name in (
            ("LOC1", "Central station"),
            ("LOC2", "Market square"),
            ("LOC3", "Stadium"),
        )
    ]


def tariffs() -> list[dict[str, Any]]:
    """The backend's tariffs."""
    component = {"type": "ENERGY", "price": 0.39, "vat": 21.0, "step_size": 1}
    return [_of(CPO) | {"id": "TARIFF1", "currency": "EUR", "elements": [{"price_components": [component]}]}]


def sessions() -> list[dict[str, Any]]:
    """The backend's charging sessions."""
    return [
        _of(CPO)
        | {
            "id": "SESSION1",
            "start_date_time": "2026-01-15T08:00:00Z",
            "kwh": 12.5,
            "cdr_token": _cdr_token(),
            "auth_method": "COMMAND",
            "location_id": "LOC1",
            "evse_uid": "LOC1-1",
            "connector_id": "1",
            "currency": "EUR",
            "status": "ACTIVE",
        }
    ]


def cdr(identifier: str) -> dict[str, Any]:
    """The charge detail record of a session that ended."""
    dimension = {"type": "ENERGY", "volume": 18.25}
    return _of(CPO) | {
        "id": identifier,
        "start_date_time": "2026-01-15T07:00:00Z",
        "end_date_time": "2026-01-15T08:30:00Z",
        "cdr_token": _cdr_token(),
        "auth_method": "WHITELIST",
        "cdr_location": _ADDRESS
        | {
            "id": "LOC1",
            "name": "Central station",
            "coordinates": _COORDINATES,
            "evse_uid": "LOC1-1",
            "evse_id": "NL*EXA*ELOC1*1",
            "connector_id": "1",
            "connector_standard": "IEC_62196_T2",
            "connector_format": "SOCKET",
            "connector_power_type": "AC_3_PHASE",
        },
        "currency": "EUR",
        "charging_periods": [{"start_date_time": "2026-01-15T07:00:00Z", "dimensions": [dimension]}],
        "total_cost": {"excl_vat": 7.12, "incl_vat": 8.61},
        "total_energy": 18.25,
        "total_time": 1.5,
    }


def cards() -> list[dict[str, Any]]:
    """The drivers' cards of the eMSP, which OCPI calls Tokens: enough for two pages of two."""
    return [card(uid) for uid in ("CARD1", "CARD2", "CARD3")]


def card(uid: str) -> dict[str, Any]:
    """One driver's card."""
    return _of(PROVIDER) | {
        "uid": uid,
        "type": "RFID",
        "contract_id": f"DE-ABC-C{uid}",
        "issuer": "Sample Mobility",
        "valid": True,
        "whitelist": "ALLOWED",
    }


def _location(identifier: str, name: str) -> dict[str, Any]:
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 32,
        "tariff_ids": ["TARIFF1"],
        "last_updated": _UPDATED,
    }
    evse = {
        "uid": f"{identifier}-1",
        "evse_id": f"NL*EXA*E{identifier}*1",
        "status": "AVAILABLE",
        "connectors": [connector],
        "last_updated": _UPDATED,
    }
    return (
        _of(CPO)
        | _ADDRESS
        | {
            "id": identifier,
            "publish": True,
            "name": name,
            "coordinates": _COORDINATES,
            "evses": [evse],
            "time_zone": "Europe/Amsterdam",
        }
    )


def _cdr_token() -> dict[str, str]:
    return _of(PROVIDER, updated=False) | {"uid": "CARD1", "type": "RFID", "contract_id": "DE-ABC-CCARD1"}


def _of(party: Party, *, updated: bool = True) -> dict[str, Any]:
    owner = {"country_code": party.country_code, "party_id": party.party_id}
    return owner | ({"last_updated": _UPDATED} if updated else {})
