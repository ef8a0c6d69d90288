"""`Party`: country code and party id, the name by which OCPI knows a market participant."""

import re
from dataclasses import dataclass
from typing import Final

_COUNTRY_CODE: Final = re.compile(r"[A-Za-z]{2}")
_PARTY_ID: Final = re.compile(r"[A-Za-z0-9]{3}")
_NAMED: Final = re.compile(rf"({_COUNTRY_CODE.pattern})[-*]({_PARTY_ID.pattern})")


@dataclass(frozen=True, slots=True, order=True)
class Party:
    """A market participant, compared without letter case (OCPI 2.2.1, types, CiString; interop.md, Roles).

    Both parts are kept in upper case, the form that hubs and the specification's examples use.

    Raises:
        ValueError: a part isn't two letters, or three letters or digits.
    """

    country_code: str
    party_id: str

    def __post_init__(self) -> None:
        if not _COUNTRY_CODE.fullmatch(self.country_code):
            raise ValueError("a country code is two letters (ISO 3166-1 alpha-2)")
        if not _PARTY_ID.fullmatch(self.party_id):
            raise ValueError("a party id is three letters or digits (ISO 15118)")
        object.__setattr__(self, "country_code", self.country_code.upper())
        object.__setattr__(self, "party_id", self.party_id.upper())

    @classmethod
    def parse(cls, text: str) -> "Party":
        """Read `DE-ABC` (also `DE*ABC` and `DEABC`).

        Raises:
            ValueError: the text has another shape.
        """
        country_code, rest = text[:2], text[2:]
        return cls(country_code, rest[1:] if rest[:1] in {"-", "*"} else rest)

    @classmethod
    def named(cls, name: str) -> "Party | None":
        """The party that `DE-ABC` or `DE*ABC` stands for; None for a name of any other form."""
        match = _NAMED.fullmatch(name)
        return cls(match[1], match[2]) if match else None

    def __str__(self) -> str:
        return f"{self.country_code}-{self.party_id}"
