"""Address ranges as explicit lists, because `ipaddress.is_global` passes 16 of 50 hostile spellings.

Source: hardening.md, URLs that partners give us, 4; the ranges are those of the IANA special-purpose registries.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

_V4_DENIED: Final = tuple(
    IPv4Network(cidr)
    for cidr in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "168.63.129.16/32",  # metadata service of a cloud
    )
)
_V6_ALLOWED: Final = IPv6Network("2000::/3")
_V6_DENIED: Final = tuple(
    IPv6Network(cidr)
    for cidr in (
        "2001::/23",  # Teredo, ORCHID, benchmarking and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "2620:4f:8000::/48",
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_LOOPBACK_V4: Final = IPv4Network("127.0.0.0/8")
_LOOPBACK_V6: Final = IPv6Address("::1")
#: Opened only by a rule for the single address: a rule for a wide network must not open them by accident.
_EXACT_ONLY_V4: Final = tuple(
    IPv4Network(cidr)
    for cidr in (
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
    )
)
_EXACT_ONLY_V6: Final = tuple(IPv6Network(cidr) for cidr in ("::/127", "fe80::/10", "fd00:ec2::/32", "fd20:ce::/32"))


def unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Judge an IPv4-mapped address as the IPv4 address that the system would call."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _V4_DENIED)
    return address in _V6_ALLOWED and not any(address in network for network in _V6_DENIED)


def is_loopback(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is this machine."""
    return address in _LOOPBACK_V4 if isinstance(address, IPv4Address) else address == _LOOPBACK_V6


def needs_exact_rule(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is loopback, link-local or a cloud's metadata service, or leads to one through a tunnel."""
    if isinstance(address, IPv4Address):
        return any(address in network for network in _EXACT_ONLY_V4)
    return any(address in network for network in _EXACT_ONLY_V6) or any(map(needs_exact_rule, _tunnelled(address)))


def _tunnelled(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that an IPv6 address stands for: of NAT64, 6to4 and Teredo."""
    if address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
