"""OCPI 2.2.1 objects for end-to-end tests, written for this project; the foreign libraries' models accept them."""


def location(identifier, *, country_code="NL", party_id="EXA"):
    """A location with one EVSE and one connector."""
    return {
        "country_code": country_code,
        "party_id": party_id,
        "id": identifier,
        "publish": True,
        "name": f"Car park {identifier}",
        "address": "Stationsplein 1",
        "city": "Utrecht",
        "country": "NLD",
        "coordinates": {"latitude": "52.089444", "longitude": "5.110278"},
        "evses": [
            {
                "uid": f"{identifier}-1",
                "evse_id": f"NL*EXA*E{identifier}*1",
                "status": "AVAILABLE",
                "connectors": [
                    {
                        "id": "1",
                        "standard": "IEC_62196_T2",
                        "format": "SOCKET",
                        "power_type": "AC_3_PHASE",
                        "max_voltage": 230,
                        "max_amperage": 32,
                        "last_updated": "2025-06-01T08:00:00Z",
                    }
                ],
                "last_updated": "2025-06-01T08:00:00Z",
            }
        ],
        "time_zone": "Europe/Amsterdam",
        "last_updated": "2025-06-01T08:00:00Z",
    }


def card(uid, *, country_code="DE", party_id="ABC"):
    """A driver's card, which OCPI calls a Token."""
    return {
        "country_code": country_code,
        "party_id": party_id,
        "uid": uid,
        "type": "RFID",
        "contract_id": f"{country_code}-{party_id}-C{uid}",
        "issuer": "Example Mobility",
        "valid": True,
        "whitelist": "ALLOWED",
        "last_updated": "2025-06-01T08:00:00Z",
    }
