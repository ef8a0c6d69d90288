"""What a foreign peer remembers, in memory: invitations, registered platforms, and OCPI objects by module.

The libraries leave exactly this to their users. It knows no library and no network, so both peers share it.
"""

import secrets
from dataclasses import dataclass, field


@dataclass
class Registration:
    """A platform that this peer exchanged credentials with; `endpoints` and `roles` as that platform wrote them."""

    inbound_token: str
    outbound_token: str
    versions_url: str
    endpoints: list
    roles: list


@dataclass
class Book:
    """One peer's memory.

    Attributes:
        versions_url: where others read this peer's versions.
        roles: this peer's credentials roles.
        invitations: TOKEN_As that this peer accepts, each for one registration.
        offered: tokens sent in a POST or PUT that isn't answered yet; they work already.
        registrations: by inbound token.
        objects: by module, then by identifier in lower case (the libraries lower-case what they read from a path).
    """

    versions_url: str
    roles: list
    invitations: set = field(default_factory=set)
    offered: set = field(default_factory=set)
    registrations: dict = field(default_factory=dict)
    objects: dict = field(default_factory=dict)

    def accepts(self, inbound_token):
        """Whether a call with this token is from a platform that is registered, or about to be."""
        return inbound_token in self.registrations or inbound_token in self.offered

    def credentials(self, inbound_token):
        """This peer's credentials object, holding the token by which it wants to be called."""
        return {"token": inbound_token, "url": self.versions_url, "roles": self.roles}

    def offer(self):
        """Make a token that works at once, for a POST or PUT of this peer's."""
        inbound_token = new_token()
        self.offered.add(inbound_token)
        return inbound_token

    def register(self, *, inbound_token, credentials, endpoints):
        """Remember a platform by what it sent; its credentials' token is what this peer calls it with."""
        self.offered.discard(inbound_token)
        self.registrations[inbound_token] = Registration(
            inbound_token=inbound_token,
            outbound_token=credentials["token"],
            versions_url=credentials["url"],
            endpoints=endpoints,
            roles=credentials["roles"],
        )

    def the_registration(self):
        """The one platform that this peer is registered with, as most tests have it."""
        if len(self.registrations) != 1:
            raise LookupError(f"this peer is registered with {len(self.registrations)} platforms, not with one")
        return next(iter(self.registrations.values()))

    def keep(self, module, identifier, document):
        """Store an object and hand it back."""
        self.objects.setdefault(module, {})[str(identifier).lower()] = document
        return document

    def find(self, module, identifier):
        """The object, or None."""
        return self.objects.get(module, {}).get(str(identifier).lower())


def new_token():
    """A credentials token of at most 64 printable characters."""
    return secrets.token_urlsafe(24)
