"""The address policy: what is refused by its spelling, by its resolution, and by its final address."""

import asyncio
import ipaddress
import socket
from ipaddress import ip_address, ip_network

import aiohttp
import pytest

from gateway.net.address import (
    AddressPolicy,
    AddressRefusedError,
    AllowRule,
    GuardedResolver,
    UrlRefusedError,
    calling,
)
from gateway.net.client import partner_client
from gateway.net.failures import FAILURES, explain
from gateway.net.ranges import is_public
from gateway.ocpi.flow import FetchCause
from tests.net.conftest import NamesLeadTo

STRICT = AddressPolicy()

#: Spellings that some parser or resolver takes for this machine, a private network or a metadata service.
HOSTILE = [
    "https://127.0.0.1:{port}/",
    "https://127.1:{port}/",
    "https://127.0.1:{port}/",
    "https://2130706433:{port}/",
    "https://0x7f000001:{port}/",
    "https://0x7f.0.0.1:{port}/",
    "https://0177.0.0.1:{port}/",
    "https://017700000001:{port}/",
    "https://127.0.0.01:{port}/",
    "https://0:{port}/",
    "https://0.0.0.0:{port}/",
    "https://[::1]:{port}/",
    "https://[0:0:0:0:0:0:0:1]:{port}/",
    "https://[::]:{port}/",
    "https://[::ffff:127.0.0.1]:{port}/",
    "https://[::ffff:7f00:1]:{port}/",
    "https://[::127.0.0.1]:{port}/",
    "https://[64:ff9b::7f00:1]:{port}/",
    "https://[2002:7f00:1::]:{port}/",
    "https://[fe80::1%25lo]:{port}/",
    "https://[fe80::1%lo]:{port}/",
    "https://localhost:{port}/",
    "https://LOCALHOST:{port}/",
    "https://localhost.:{port}/",
    "https://localhost.localdomain:{port}/",
    "https://127.0.0.1.nip.example:{port}/",
    "https://\uff11\uff12\uff17.0.0.1:{port}/",
    "https://127\u30020\u30020\u30021:{port}/",
    "https://\u24dbocalhost:{port}/",
    "https://127%2e0%2e0%2e1:{port}/",
    "https://%6cocalhost:{port}/",
    "https://partner.example@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}#@partner.example/",
    "https://127.0.0.1:{port}\\@partner.example/",
    "https://127.0.0.1\t:{port}/",
    "https:///127.0.0.1:{port}/",
    "https:127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/",
    "HTTP://127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_",
    "https://169.254.169.254/latest/meta-data",
    "https://127.0.0.1:{port}:443/",
    "https://127.0.0.1:/",
    "https://:{port}/",
]


#: These are ordinary names until they are resolved.
RESOLVED = {"https://localhost.localdomain:{port}/", "https://127.0.0.1.nip.example:{port}/"}


@pytest.mark.parametrize("spelling", [form for form in HOSTILE if form not in RESOLVED])
def test_a_hostile_spelling_is_refused_before_any_io(spelling):
    with pytest.raises(UrlRefusedError):
        STRICT.check_url(spelling.replace("{port}", "443"))


@pytest.mark.parametrize("spelling", HOSTILE)
@pytest.mark.threat("T2", "U1", "U4")
async def test_no_hostile_spelling_reaches_a_listener_on_loopback(spelling):
    """Each is sent straight to the client, as if the check of its syntax had been forgotten."""
    tripped = []
    server = await asyncio.start_server(lambda *connection: tripped.append(connection), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    rule = AllowRule(ip_network("203.0.113.7/32"), ports=frozenset({port}))  # so that the port alone decides nothing
    url = spelling.replace("{port}", str(port))
    async with server:
        policy = AddressPolicy(allow=[rule])
        async with partner_client(
            policy, connect_seconds=2, answer_seconds=2, resolver=NamesLeadTo("127.0.0.1")
        ) as client:
            with pytest.raises(FAILURES):
                await client.send("GET", url, headers={})
    assert tripped == []


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1"),
        *("172.31.255.255", "192.0.0.8", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.1.1"),
        *("192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1"),
        *("255.255.255.255", "168.63.129.16", "::", "::1", "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::a00:1"),
        *("64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:a00:1::", "3fff::1", "2620:4f:8000::1"),
        *("fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "5f00::1", "4000::1", "not an address", ""),
    ],
)
@pytest.mark.threat("U4")
def test_an_address_that_is_not_public_is_refused(address):
    assert not STRICT.permits(address, host="partner.example", port=443, partner=None)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "172.15.255.255",
        "172.32.0.1",
        "192.0.1.1",
        "100.63.0.1",
        "2606:4700::1111",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
    ],
)
def test_a_public_address_is_allowed_on_443_only(address):
    assert STRICT.permits(address, host="partner.example", port=443, partner=None)
    assert not STRICT.permits(address, host="partner.example", port=8443, partner=None)


def test_the_lists_are_at_least_as_strict_as_the_standard_library():
    addresses = [ip_address(f"{first}.{second}.1.1") for first in range(256) for second in range(0, 256, 5)]
    assert all(address.is_global or not is_public(address) for address in addresses)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://partner.example/" + "a" * 255, "255 characters"),
        ("http://partner.example/", "does not start with https://"),
        ("https://partner.example:8443/", "a port other than 443"),
        ("https://partner.example:0443/", "unusual origin"),
        ("https://partner.example:/", "unusual origin"),
        ("https://user@partner.example/", "user name"),
        ("https://partner.example/#x", "fragment"),
        ("https://partner/", "host name without a dot"),
        ("https://partner.123/", "no valid host name"),
        ("https://partner..example/", "no valid host name"),
        ("https://-partner.example/", "no valid host name"),
        ("https://part_ner.example/", "no valid host name"),
        ("https://8.8.8.8/", "IP address instead"),
        ("https://[2606:4700::1111]/", "IP address instead"),
        (None, "is not a text"),
        (["https://partner.example"], "is not a text"),
    ],
)
@pytest.mark.threat("U1")
def test_a_url_is_refused_with_the_reason_in_words(url, reason):
    with pytest.raises(UrlRefusedError, match=reason):
        STRICT.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://partner.example",
        "https://partner.example:443/ocpi/versions?x=1",
        "https://Partner.Example/",
        "https://xn--bcher-kva.example/",
        "https://a.b.c.partner.example/%2e%2e/",
    ],
)
def test_an_ordinary_url_comes_back_unchanged(url):
    assert STRICT.check_url(url) == url


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000/", "http://localhost:9000/", "http://[::1]:9000/", "http://emsp/"]
)
def test_development_allows_http_loopback_and_any_port(url):
    assert AddressPolicy(development=True).check_url(url) == url


@pytest.mark.parametrize("url", ["http://emsp.example:0/", "http://127.0.0.1:0/", "https://emsp.example:00/"])
def test_no_mode_allows_a_port_that_is_none(url):
    with pytest.raises(UrlRefusedError, match="unusual origin"):
        AddressPolicy(development=True).check_url(url)


def test_development_does_not_open_private_networks():
    policy = AddressPolicy(development=True)
    assert not policy.permits("10.0.0.1", host="partner.example", port=443, partner=None)
    assert not policy.permits("169.254.169.254", host="partner.example", port=80, partner=None)


RULE = AllowRule(ip_network("10.0.0.0/8"), hosts=frozenset({"emsp.internal"}), ports=frozenset({8443}), partner="acme")


@pytest.mark.parametrize(
    ("change", "permitted"),
    [
        ({}, True),
        ({"address": "::ffff:10.0.0.1"}, True),
        ({"address": "11.0.0.1"}, False),
        ({"host": "other.internal"}, False),
        ({"port": 443}, False),
        ({"partner": "other"}, False),
        ({"partner": None}, False),
    ],
)
def test_a_rule_opens_exactly_its_network_hosts_ports_and_partner(change, permitted):
    connection = {"address": "10.0.0.1", "host": "emsp.internal", "port": 8443, "partner": "acme"} | change
    assert AddressPolicy(allow=[RULE]).permits(connection.pop("address"), **connection) is permitted


def test_a_rule_lets_its_host_and_port_through_the_syntax_check_for_its_partner_only():
    policy = AddressPolicy(allow=[RULE])
    assert policy.check_url("https://emsp.internal:8443/", partner="acme")
    with pytest.raises(UrlRefusedError):
        policy.check_url("https://emsp.internal:8443/", partner="other")


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "fd00:ec2::254", "100.100.100.200"])
def test_loopback_and_metadata_addresses_open_only_one_by_one(address):
    wide = AllowRule(ip_network("::/0" if ":" in address else "0.0.0.0/0"))
    exact = AllowRule(ip_network(address))
    connection = {"host": "x.example", "port": 443, "partner": None}
    assert not AddressPolicy(allow=[wide]).permits(address, **connection)
    assert AddressPolicy(allow=[exact]).permits(address, **connection)


def test_a_literal_is_allowed_only_where_a_rule_names_its_address():
    policy = AddressPolicy(allow=[AllowRule(ip_network("10.0.0.0/8"))])
    assert policy.check_url("https://10.0.0.1/")
    with pytest.raises(UrlRefusedError):
        policy.check_url("https://8.8.8.8/")


@pytest.mark.threat("U3")
async def test_a_name_is_refused_if_any_of_its_addresses_is_not_allowed():
    resolver = GuardedResolver(STRICT, NamesLeadTo("8.8.8.8", "10.0.0.1"))
    with pytest.raises(UrlRefusedError, match="not allowed") as refused:
        await resolver.resolve("partner.example", 443)
    assert "10.0.0.1" not in str(refused.value)


async def test_a_closed_resolver_closes_the_one_inside():
    inside = NamesLeadTo()
    await GuardedResolver(STRICT, inside).close()
    assert inside.closed


async def test_a_name_with_only_public_addresses_resolves():
    resolver = GuardedResolver(STRICT, NamesLeadTo("8.8.8.8", "8.8.4.4"))
    assert [answer["host"] for answer in await resolver.resolve("partner.example", 443)] == ["8.8.8.8", "8.8.4.4"]


@pytest.mark.parametrize("address", [("127.0.0.1", 443), ("8.8.8.8", 80), ("::1", 443, 0, 0), (b"abstract", "443")])
@pytest.mark.threat("T2", "U3")
def test_the_socket_factory_refuses_a_final_address_that_is_not_allowed(address):
    family = socket.AF_INET6 if len(address) > 2 else socket.AF_INET
    with calling(host="partner.example", partner=None), pytest.raises(AddressRefusedError):
        STRICT.socket_factory((family, socket.SOCK_STREAM, 6, "", address))


def test_the_socket_factory_makes_a_socket_for_an_allowed_address():
    with STRICT.socket_factory((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))) as made:
        assert made.family == socket.AF_INET


async def test_a_resolver_that_lies_is_caught_at_the_final_address():
    """The connector asks this one directly, as after a change of the name between check and connection."""
    tripped = []
    server = await asyncio.start_server(lambda *connection: tripped.append(connection), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        connector = aiohttp.TCPConnector(  # noqa: TID251 - a connector without the guarded resolver
            resolver=NamesLeadTo("127.0.0.1", "127.0.0.2"), socket_factory=STRICT.socket_factory
        )
        async with aiohttp.ClientSession(connector=connector) as session:  # noqa: TID251 - see above
            with pytest.raises(aiohttp.ClientConnectorError) as refused:
                await session.get(f"http://partner.example:{port}/")
    assert tripped == []
    assert explain(refused.value).cause is FetchCause.POLICY


class Shifting(dict):
    """An answer that names another address each time it is read."""

    def __getitem__(self, key):
        return super().__getitem__("hosts").pop(0) if key == "host" else super().__getitem__(key)


class ShiftingNames(NamesLeadTo):
    async def resolve(self, host, port=0, *_):
        return [Shifting(hosts=["8.8.8.8", "127.0.0.1"], port=port, hostname=host)]


@pytest.mark.threat("U3")
async def test_a_name_that_leads_elsewhere_after_the_check_is_caught_at_the_final_address():
    tripped = []
    server = await asyncio.start_server(lambda *connection: tripped.append(connection), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    policy = AddressPolicy(allow=[AllowRule(ip_network("8.8.8.8/32"), ports=frozenset({port}))])
    async with (
        server,
        partner_client(policy, connect_seconds=2, answer_seconds=2, resolver=ShiftingNames()) as client,
    ):
        with pytest.raises(aiohttp.ClientConnectorError) as refused:
            await client.send("GET", f"https://partner.example:{port}/", headers={})
    assert tripped == []
    assert explain(refused.value).cause is FetchCause.POLICY


async def test_a_name_without_an_address_does_not_resolve():
    with pytest.raises(OSError, match="no address"):
        await GuardedResolver(STRICT, NamesLeadTo()).resolve("partner.example", 443)


def test_a_rule_for_a_partner_holds_whatever_the_letter_case_of_its_name():
    rule = AllowRule(ipaddress.ip_network("10.0.0.0/8"), partner="Acme")

    assert rule.covers(host="emsp.example", port=443, partner="acme")
    assert not rule.covers(host="emsp.example", port=443, partner="other")
    assert not rule.covers(host="emsp.example", port=443, partner=None)
