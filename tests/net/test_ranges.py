"""The lists of addresses, each by its borders: what lies inside, and what lies just beside it."""

from ipaddress import ip_address, ip_network

import pytest

from gateway.net.ranges import is_loopback, is_public, needs_exact_rule, unmapped

DENIED = [
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
    "224.0.0.0/3",
    "168.63.129.16/32",
    "::/3",
    "4000::/2",
    "8000::/1",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "2620:4f:8000::/48",
]
EXACT_ONLY = [
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "192.0.0.192/32",
    "::/127",
    "fe80::/10",
    "fd00:ec2::/32",
    "fd20:ce::/32",
]
LAST = {4: 2**32 - 1, 6: 2**128 - 1}


def borders(cidr):
    """The first and the last address of a network, and those before and behind it, as far as there are any."""
    network = ip_network(cidr)
    first, last = network[0], network[-1]
    outside = [first - 1] if int(first) else []
    return (first, last), outside + ([last + 1] if int(last) < LAST[network.version] else [])


@pytest.mark.parametrize("cidr", DENIED)
def test_a_denied_network_is_denied_from_its_first_address_to_its_last(cidr):
    assert not any(map(is_public, borders(cidr)[0]))


@pytest.mark.parametrize("cidr", sorted(set(DENIED) - {"::/3", "4000::/2", "8000::/1"}))
def test_what_lies_beside_a_denied_network_is_public(cidr):
    beside = [address for address in borders(cidr)[1] if not any(address in ip_network(denied) for denied in DENIED)]

    assert beside
    assert all(map(is_public, beside))


def test_the_public_part_of_ipv6_ends_where_2000_3_ends():
    assert [is_public(ip_address(text)) for text in ("1fff:ffff::1", "2000::", "3ffe:ffff::", "4000::")] == [
        *(False, True, True, False)
    ]


@pytest.mark.parametrize("cidr", EXACT_ONLY)
def test_a_network_that_needs_an_exact_rule_needs_it_at_its_borders_and_not_beside_them(cidr):
    inside, beside = borders(cidr)

    assert all(map(needs_exact_rule, inside))
    assert not any(map(needs_exact_rule, beside))


@pytest.mark.parametrize(
    ("address", "needs"),
    [
        ("64:ff9b::7f00:1", True),
        ("64:ff9b::a9fe:a9fe", True),
        ("64:ff9b::808:808", False),
        ("64:ff9b:0:0:0:1:7f00:1", False),
        ("2002:7f00:1::", True),
        ("2002:808:808::", False),
        ("2001:0:7f00:1:0:0:f7f7:f7f7", True),  # the server of the tunnel
        ("2001:0:808:808:0:0:80ff:fffe", True),  # its client, every bit turned
        ("2001:0:808:808:0:0:f7f7:f7f7", False),
        ("2606:4700::1111", False),
    ],
)
def test_an_address_that_leads_through_a_tunnel_is_judged_by_where_it_leads(address, needs):
    assert needs_exact_rule(ip_address(address)) is needs


def test_loopback_is_127_8_and_1():
    loopback = [*map(ip_address, ("127.0.0.0", "127.255.255.255", "::1"))]
    others = [*map(ip_address, ("126.255.255.255", "128.0.0.0", "::", "::2", "::ffff:127.0.0.1"))]

    assert all(map(is_loopback, loopback))
    assert not any(map(is_loopback, others))


def test_an_ipv4_mapped_address_is_judged_as_the_ipv4_address():
    assert unmapped(ip_address("::ffff:127.0.0.1")) == ip_address("127.0.0.1")
    assert unmapped(ip_address("::1")) == ip_address("::1")
    assert unmapped(ip_address("127.0.0.1")) == ip_address("127.0.0.1")
