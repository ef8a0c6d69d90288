"""Every spelling straight to the client for partners, as if nobody had looked at it before; and to a careless one."""

import asyncio
import socket
from ipaddress import ip_network
from urllib.parse import urlsplit

import pytest

from gateway.net.address import AddressPolicy, AllowRule, UrlRefusedError
from gateway.net.client import partner_client
from gateway.net.failures import FAILURES
from tests.net.conftest import NamesLeadTo
from tests.urls.spellings import NAMES, spellings
from tests.urls.tripwire import Names, tripwire

pytestmark = pytest.mark.threat("T2", "T8", "U1")

OWN, FRONT = "own.example", 8443


@pytest.fixture
async def wire(monkeypatch):
    """A tripwire, in a world of the test's own names."""
    monkeypatch.setattr("socket.getaddrinfo", Names(NAMES).getaddrinfo)
    async with tripwire() as one:
        yield one


def policy_for(wire):
    """Opens nothing, but has a rule for each port, so that no spelling is refused for its port alone."""
    return AddressPolicy(allow=[AllowRule(ip_network("203.0.113.7/32"), ports=frozenset({443, FRONT, wire.port}))])


def test_there_are_at_least_a_hundred_spellings_and_each_stands_once():
    every = spellings(tripwire=7, own=OWN, front=FRONT)
    assert len(every) == len(set(every)) >= 300


async def test_no_spelling_gets_through_the_client_for_partners(wire):
    """The partner's own host resolves to loopback here too, and no rule opens that."""
    async with partner_client(policy_for(wire), connect_seconds=5, answer_seconds=5) as client:
        for url in spellings(tripwire=wire.port, own=OWN, front=FRONT):
            with pytest.raises(FAILURES):
                await client.send("GET", url, headers={}, partner="acme")
    assert wire.tripped == []


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"])
async def test_no_spelling_gets_through_whatever_its_name_leads_to(wire, address):
    async with partner_client(
        policy_for(wire), connect_seconds=5, answer_seconds=5, resolver=NamesLeadTo(address)
    ) as client:
        for url in spellings(tripwire=wire.port, own=OWN, front=FRONT):
            with pytest.raises(FAILURES):
                await client.send("GET", url, headers={}, partner="acme")
    assert wire.tripped == []


async def test_most_spellings_are_refused_before_anything_is_looked_up(wire):
    policy, looked_up = policy_for(wire), []
    for url in spellings(tripwire=wire.port, own=OWN, front=FRONT):
        try:
            policy.check_url(url, partner="acme")
        except UrlRefusedError:
            continue
        looked_up.append(url)
    assert {urlsplit(url).hostname for url in looked_up} <= {*NAMES, OWN, *ORDINARY}


#: Names that nothing but the DNS could tell from a partner's.
ORDINARY = {
    *("127.0.0.1.nip.example", "1.0.0.127.in-addr.arpa", "foo.localhost", "localhost.localdomain"),
    *("metadata.google.internal", "kubernetes.default.svc", "xn--.example"),
}


async def test_a_careless_client_is_led_to_the_tripwire_by_many_spellings(wire):
    """So the spellings are hostile, and the tripwire notices. Only loopback is really called."""
    for url in spellings(tripwire=wire.port, own=OWN, front=FRONT):
        try:
            parts = urlsplit(url)
            found = socket.getaddrinfo(parts.hostname or "", parts.port or 443)
        except ValueError:
            continue
        addresses = [each[4][:2] for each in found if each[4] in {("127.0.0.1", wire.port), ("::1", wire.port, 0, 0)}]
        for host, port in addresses[:1]:
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            await writer.wait_closed()
    assert len(wire.attempts) >= 100
    assert wire.connections >= 100
