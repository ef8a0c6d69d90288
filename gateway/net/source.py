"""Where a request comes from: the address that limits and allow-lists go by.

A header that names the client is believed only from a proxy that the operator trusts (`listen.public.trusted_proxies`);
anybody else's would let an attacker choose whose limits it uses up.
"""

import ipaddress
from collections.abc import Sequence
from typing import Final

from gateway.net.address import IPAddress

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

#: A subscriber has at least so large a network of IPv6 to itself: limits go by that.
_IPV6_SUBSCRIBER: Final = 64


class Sources:
    """Tells the source of requests.

    Args:
        trusted: proxies whose `X-Forwarded-For` is believed.
    """

    def __init__(self, trusted: Sequence[IPNetwork] = ()) -> None:
        self._trusted = tuple(trusted)

    def is_trusted(self, peer: str) -> bool:
        """Whether a connection comes from a trusted proxy."""
        address = read_address(peer) if self._trusted else None
        return address is not None and self._trusts(address)

    def of(self, peer: str, forwarded_for: str) -> str:
        """The address that a request came from.

        Args:
            peer: the other end of the connection; empty where that is no IP address.
            forwarded_for: the header of that name; each proxy adds the address that it was called from at the end.
        """
        if not forwarded_for or not self.is_trusted(peer):
            return peer
        source = peer
        for word in reversed(forwarded_for.split(",")):
            address = read_address(word.strip())
            if address is None:
                return source
            source = str(address)
            if not self._trusts(address):
                break
        return source

    def _trusts(self, address: IPAddress) -> bool:
        return any(address in network for network in self._trusted)


def read_address(text: str) -> IPAddress | None:
    """An IP address as proxies and sockets write it, an embedded IPv4 address as such; None for anything else."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0].removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def subscriber(source: str) -> str:
    """What limits go by: an IPv4 address, or the /64 of an IPv6 address."""
    if ":" not in source:
        return source
    address = read_address(source)
    if address is None or address.version == 4:  # noqa: PLR2004 - of the Internet Protocol
        return str(address or source)
    return str(ipaddress.ip_network((address, _IPV6_SUBSCRIBER), strict=False))
