"""Which addresses may be called for a partner: the guard against server-side request forgery.

A URL that a partner gave us is judged three times, because each time sees what the others can't: its syntax before
any I/O, every address its name resolves to, and the final address of every new connection (hardening.md, URLs that
partners give us, and T2). Denied unless allowed. A refusal names the reason to the operator, never to the partner.

Whoever has a URL of a stranger needs nothing else: `AddressPolicy.check_url` before it is stored, and the client of
`gateway.net.client.partner_client` to call it, which asks this policy at each of the three points by itself.
"""

import ipaddress
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.net.ranges import is_loopback, is_public, needs_exact_rule, unmapped
from gateway.ocpi.errors import PartnerError
from gateway.ocpi.urls import check_url

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
#: What aiohttp hands to a socket factory: family, type, protocol, canonical name, socket address.
AddrInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]]

_HTTPS_PORT: Final = 443
_DEFAULT_PORTS: Final = {"http": 80, "https": _HTTPS_PORT}
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)*(?!\d+$)(?!0x[0-9a-f]*$){_LABEL}", re.IGNORECASE)
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_REMEDY: Final = "Allow it under egress.allow if it is meant to be called"


class UrlRefusedError(PartnerError):
    """A URL of a partner is not called; the message says which rule stands against it, never the address."""


class HostRefusedError(UrlRefusedError):
    """The host name of a URL leads to an address that is not allowed; known only by asking the DNS."""


class AddressRefusedError(PermissionError):
    """The final address of a connection is not allowed.

    An `OSError`, because aiohttp lets nothing else through from a socket factory.
    """

    def __init__(self) -> None:
        super().__init__("the address is not allowed")


@dataclass(frozen=True, slots=True)
class AllowRule:
    """One exception from the ban on private addresses (`egress.allow`).

    Attributes:
        cidr: loopback and metadata addresses only as a single address.
        hosts: only under these host names; any if empty.
        ports: only on these.
        partner: only for this partner; any if None.
    """

    cidr: IPNetwork
    hosts: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset({_HTTPS_PORT})
    partner: str | None = None

    def covers(self, *, host: str, port: int, partner: str | None) -> bool:
        """Whether the rule speaks of this host and port for this partner, wherever the host may lie."""
        return (
            port in self.ports
            and (not self.hosts or host in self.hosts)
            and (self.partner is None or self.partner.lower() == (partner or "").lower())
        )

    def includes(self, address: IPAddress) -> bool:
        """Whether the rule speaks of this address."""
        if address.version != self.cidr.version or address not in self.cidr:
            return False
        return self.cidr.num_addresses == 1 or not needs_exact_rule(address)


@dataclass(frozen=True, slots=True)
class _Destination:
    """For whom, and under which name, the connection being made is made."""

    host: str = ""
    partner: str | None = None


_NOBODY: Final = _Destination()
_destination: ContextVar[_Destination] = ContextVar("destination", default=_NOBODY)


@contextmanager
def calling(*, host: str, partner: str | None) -> Iterator[None]:
    """Say whom connections made inside this block are for; tasks started in it inherit it."""
    reset = _destination.set(_Destination(host.lower(), partner))
    try:
        yield
    finally:
        _destination.reset(reset)


def current_partner() -> str | None:
    """The partner that the connection being made is for."""
    return _destination.get().partner


@dataclass(frozen=True)
class AddressPolicy:
    """Whom we may call for partners.

    Args:
        development: also allow http, loopback addresses, any port and names without a dot.
        allow: exceptions for private networks.
    """

    development: bool = False
    allow: Sequence[AllowRule] = field(default=())

    def check_url(self, url: object, *, partner: str | None = None) -> str:
        """Give back a URL that a partner gave us, once its syntax is acceptable; does no I/O.

        Raises:
            UrlRefusedError: says what is wrong with it.
        """
        try:
            checked = check_url(url)
        except ValueError as error:
            raise UrlRefusedError(f"the URL {error}") from None
        self.check_target(checked, partner=partner)
        return checked

    def check_target(self, url: str, *, partner: str | None) -> None:
        """Check scheme, host and port of the exact URL of a request, whatever its length.

        Raises:
            UrlRefusedError: says what is wrong with it.
        """
        scheme, host, port = _split_origin(url)
        if scheme != "https" and not self.development:
            raise UrlRefusedError("the URL does not start with https://", remedy="http is for development only")
        rules = [rule for rule in self.allow if rule.covers(host=host, port=port, partner=partner)]
        if port != _HTTPS_PORT and not self.development and not rules:
            raise UrlRefusedError("the URL names a port other than 443", remedy=_REMEDY)
        address = _literal(host)
        if address is not None:
            if not self._permits_exception(address, host=host, port=port, partner=partner):
                raise UrlRefusedError("the URL names an IP address instead of a host name", remedy=_REMEDY)
        elif not _NAME.fullmatch(host):
            raise UrlRefusedError("the URL has no valid host name")
        elif "." not in host and not self.development and not any(host in rule.hosts for rule in rules):
            raise UrlRefusedError("the URL has a host name without a dot", remedy=_REMEDY)

    def permits(self, address: str, *, host: str, port: int, partner: str | None) -> bool:
        """Whether a connection to this address may be made for this partner under this host name."""
        try:
            parsed = unmapped(ipaddress.ip_address(address))
        except ValueError:
            return False
        if self._permits_exception(parsed, host=host, port=port, partner=partner):
            return True
        return is_public(parsed) and (port == _HTTPS_PORT or self.development)

    def socket_factory(self, info: AddrInfo) -> socket.socket:
        """Make the socket of a new connection; for `TCPConnector(socket_factory=...)`.

        Raises:
            AddressRefusedError: the final address is not allowed.
        """
        family, kind, protocol, _, address = info
        to = _destination.get()
        host, port = str(address[0]), address[1]
        if not isinstance(port, int) or not self.permits(host, host=to.host, port=port, partner=to.partner):
            raise AddressRefusedError
        return socket.socket(family=family, type=kind, proto=protocol)

    def _permits_exception(self, address: IPAddress, *, host: str, port: int, partner: str | None) -> bool:
        if self.development and is_loopback(address):
            return True
        return any(rule.includes(address) and rule.covers(host=host, port=port, partner=partner) for rule in self.allow)


class GuardedResolver(AbstractResolver):
    """Resolves a name once, and refuses it if any of its addresses is not allowed (hardening.md, URLs 3)."""

    def __init__(self, policy: AddressPolicy, resolver: AbstractResolver) -> None:
        self._policy = policy
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a host name.

        Raises:
            OSError: the name does not resolve.
            HostRefusedError: one of its addresses is not allowed.
        """
        answers = await self._resolver.resolve(host, port, family)
        if not answers:
            raise OSError("the host name has no address")
        partner = current_partner()
        if not all(
            self._policy.permits(answer["host"], host=host.lower(), port=port, partner=partner) for answer in answers
        ):
            raise HostRefusedError("the host name leads to an address that is not allowed", remedy=_REMEDY)
        return answers

    async def close(self) -> None:
        """Close the resolver inside."""
        await self._resolver.close()


def _split_origin(url: str) -> tuple[str, str, int]:
    """Take scheme, host and port from a URL, refusing every spelling that two parsers could read differently."""
    if not _VISIBLE.fullmatch(url):  # some parsers drop what isn't, others don't
        raise UrlRefusedError("the URL holds characters that are not allowed in a URL")
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        raise UrlRefusedError("the URL can not be read") from None
    shown = f"[{host}]" if ":" in host else host
    canonical = {shown, f"{shown}:{port}"} if port is not None else {shown}
    if scheme not in _DEFAULT_PORTS or not host or parts.netloc.lower() not in canonical or port == 0:
        raise UrlRefusedError("the URL has an unusual origin")
    return scheme, host, port if port is not None else _DEFAULT_PORTS[scheme]


def _literal(host: str) -> IPAddress | None:
    """The address that a host part spells out, in its one canonical form; None for a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if str(address) != host or getattr(address, "scope_id", None) or unmapped(address) != address:
        raise UrlRefusedError("the URL has an unusual IP address")
    return address
