"""`egress.allow`: each rule opens exactly what it names, for whom it names, at each of the three points."""

from ipaddress import ip_network
from itertools import product

import pytest

from gateway.net.address import AddressPolicy, AllowRule, GuardedResolver, HostRefusedError, UrlRefusedError, calling
from tests.net.conftest import NamesLeadTo

pytestmark = pytest.mark.threat("U4")

#: Every combination of what a rule may name beside its network.
RULES = [
    {"hosts": hosts, "ports": ports, "partner": partner}
    for hosts, ports, partner in product(
        (frozenset(), frozenset({"emsp.example"}), frozenset({"emsp.example", "cdn.example"})),
        (frozenset({443}), frozenset({8443}), frozenset({443, 8443})),
        (None, "acme"),
    )
]
CONNECTIONS = [
    {"host": host, "port": port, "partner": partner}
    for host, port, partner in product(
        ("emsp.example", "cdn.example", "other.example"), (443, 8443, 22), ("acme", "ACME", "other", None)
    )
]


def expected(rule, connection):
    """Whether a rule speaks of a connection, worked out anew."""
    return (
        (not rule["hosts"] or connection["host"] in rule["hosts"])
        and connection["port"] in rule["ports"]
        and (rule["partner"] is None or (connection["partner"] or "").lower() == rule["partner"])
    )


@pytest.mark.parametrize(
    ("cidr", "inside", "outside"),
    [
        ("10.20.0.0/16", "10.20.3.4", "10.21.0.1"),
        ("10.20.3.4/32", "10.20.3.4", "10.20.3.5"),
        ("100.64.0.0/10", "100.64.0.1", "100.100.100.200"),
        ("fd12:3456::/32", "fd12:3456::1", "fd12:3457::1"),
        ("fd12:3456::1/128", "fd12:3456::1", "fd12:3456::2"),
    ],
)
@pytest.mark.parametrize("rule", RULES)
async def test_a_rule_opens_its_network_for_its_hosts_ports_and_partner_and_nothing_else(cidr, inside, outside, rule):
    policy = AddressPolicy(allow=[AllowRule(ip_network(cidr), **rule)])
    for connection in CONNECTIONS:
        opened = expected(rule, connection)
        assert policy.permits(inside, **connection) is opened, connection
        assert not policy.permits(outside, **connection), connection
        assert await resolves(policy, connection, inside) is opened
        assert not await resolves(policy, connection, inside, outside)


async def resolves(policy, connection, *addresses):
    resolver = GuardedResolver(policy, NamesLeadTo(*addresses))
    try:
        with calling(host=connection["host"], partner=connection["partner"]):
            await resolver.resolve(connection["host"], connection["port"])
    except HostRefusedError:
        return False
    return True


@pytest.mark.parametrize(
    ("wide", "address"),
    [
        *((wide, "127.0.0.1") for wide in ("0.0.0.0/0", "127.0.0.0/8", "127.0.0.0/31")),
        *((wide, "169.254.169.254") for wide in ("0.0.0.0/0", "169.254.0.0/16", "169.254.169.254/31")),
        *(("0.0.0.0/0", address) for address in ("0.0.0.0", "168.63.129.16", "192.0.0.192")),
        ("100.64.0.0/10", "100.100.100.200"),
        *(("::/0", address) for address in ("::", "::1", "fe80::1", "fd00:ec2::254", "fd20:ce::254")),
        ("fc00::/7", "fd00:ec2::254"),
        *(("64:ff9b::/96", address) for address in ("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe")),
        *(("2002::/16", address) for address in ("2002:7f00:1::", "2002:a9fe:a9fe::1")),
        ("2001::/32", "2001:0:4136:e378:8000:63bf:80ff:fffe"),
    ],
)
def test_loopback_and_metadata_open_to_a_rule_for_the_one_address_only(wide, address):
    connection = {"host": "emsp.example", "port": 443, "partner": None}

    assert not AddressPolicy(allow=[AllowRule(ip_network(wide))]).permits(address, **connection)
    assert AddressPolicy(allow=[AllowRule(ip_network(address))]).permits(address, **connection)


def test_a_rule_for_a_translated_network_opens_the_public_addresses_in_it():
    policy = AddressPolicy(allow=[AllowRule(ip_network("64:ff9b::/96"))])

    assert policy.permits("64:ff9b::808:808", host="emsp.example", port=443, partner=None)


def test_a_host_name_without_a_dot_is_for_the_partner_and_port_of_the_rule_that_names_it():
    rule = AllowRule(ip_network("10.0.0.0/8"), hosts=frozenset({"emsp"}), ports=frozenset({8443}), partner="acme")
    policy = AddressPolicy(allow=[rule])

    assert policy.check_url("https://emsp:8443/", partner="acme")
    for url, partner in (("https://emsp:8443/", "other"), ("https://emsp/", "acme"), ("https://cdn:8443/", "acme")):
        with pytest.raises(UrlRefusedError):
            policy.check_url(url, partner=partner)


def test_a_rule_does_not_make_http_acceptable():
    with pytest.raises(UrlRefusedError, match="https://"):
        AddressPolicy(allow=[AllowRule(ip_network("10.0.0.1/32"), ports=frozenset({80}))]).check_url("http://10.0.0.1/")


@pytest.mark.parametrize("literal", ["[::ffff:10.0.0.1]", "[::ffff:a00:1]", "[fd12:0::1]", "[fd12::1%251]"])
def test_an_allowed_address_is_written_in_one_way_only(literal):
    policy = AddressPolicy(allow=[AllowRule(ip_network(net)) for net in ("10.0.0.0/8", "fd12::/16", "::ffff:0:0/96")])

    assert policy.check_url("https://[fd12::1]/")
    with pytest.raises(UrlRefusedError):
        policy.check_url(f"https://{literal}/")


def test_development_opens_loopback_on_every_port_and_no_private_network():
    policy = AddressPolicy(development=True)
    for port in (22, 80, 443, 9000):
        connection = {"host": "emsp", "port": port, "partner": None}
        assert policy.permits("127.0.0.1", **connection)
        assert policy.permits("::1", **connection)
        assert not policy.permits("10.0.0.1", **connection)
        assert not policy.permits("169.254.169.254", **connection)
        assert not policy.permits("0.0.0.0", **connection)
