"""Words of OCPI that the gateway reads, as enumerations that keep values they don't know.

OCPI lets platforms extend most enumerations, and real platforms do (interop.md): an unknown word must never fail a
handshake, so the open ones are plain strings with the known values listed beside them.
"""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """A party's role on a platform (OCPI 2.2.1, types, Role enum)."""

    CPO = "CPO"
    EMSP = "EMSP"
    HUB = "HUB"
    NAP = "NAP"
    NSP = "NSP"
    OTHER = "OTHER"
    SCSP = "SCSP"


class InterfaceRole(StrEnum):
    """The side of a module that an endpoint implements (OCPI 2.2.1, versions, InterfaceRole enum)."""

    SENDER = "SENDER"
    RECEIVER = "RECEIVER"

    @property
    def path_segment(self) -> str:
        """The word in our URLs: `sender` or `receiver`."""
        return self.value.lower()


#: The modules of OCPI 2.2.1 with their identifiers (versions, ModuleID enum). Custom modules are allowed beside them.
STANDARD_MODULES: Final = frozenset(
    {
        "cdrs",
        "chargingprofiles",
        "commands",
        "credentials",
        "hubclientinfo",
        "locations",
        "sessions",
        "tariffs",
        "tokens",
    }
)

#: Configuration modules: never forwarded (OCPI 2.2.1, transport, Message Routing Headers).
CREDENTIALS: Final = "credentials"
VERSIONS: Final = "versions"

#: Methods that OCPI uses (OCPI 2.2.1, transport, Request format).
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


class PartnerState(StrEnum):
    """How far the registration with a partner is (contract.md, Partner states)."""

    INVITED = "INVITED"
    REGISTERING = "REGISTERING"
    REGISTERED = "REGISTERED"
    HALF_OPEN = "HALF_OPEN"
    UNREGISTERED = "UNREGISTERED"


class TokenKind(StrEnum):
    """What a credentials token may be used for: one registration (TOKEN_A), or everything after it (B, C)."""

    INVITATION = "invitation"
    CREDENTIALS = "credentials"


class TokenState(StrEnum):
    """The life of an inbound token (handshake.md, Rules)."""

    PENDING = "pending"
    ACTIVE = "active"
    GRACE = "grace"
    REVOKED = "revoked"


class TokenForm(StrEnum):
    """How a credentials token is written in the Authorization header (interop.md, Authorization header)."""

    BASE64 = "base64"
    PLAIN = "plain"
    ABSENT = "absent"

    @property
    def other(self) -> "TokenForm":
        """The form to try once when this one was refused."""
        return TokenForm.PLAIN if self is TokenForm.BASE64 else TokenForm.BASE64
