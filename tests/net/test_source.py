"""Where a request comes from: nobody chooses it who is not a trusted proxy."""

import ipaddress

import pytest

from gateway.net.source import Sources, read_address, subscriber

PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::1/128")]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "source"),
    [
        ("198.51.100.1", [], "198.51.100.1"),
        ("198.51.100.1", ["203.0.113.9"], "198.51.100.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["192.0.2.66, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["192.0.2.66", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3,10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["[2001:db8::5]"], "2001:db8::5"),
        ("2001:db8::1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("", ["203.0.113.9"], ""),
        ("a-path-of-a-unix-socket", ["203.0.113.9"], "a-path-of-a-unix-socket"),
    ],
)
def test_the_source_is_the_first_address_that_no_trusted_proxy_has(peer, forwarded_for, source):
    assert Sources(PROXIES).of(peer, ", ".join(forwarded_for)) == source


def test_without_trusted_proxies_it_is_always_the_other_end():
    assert Sources().of("10.0.0.1", ["203.0.113.9"]) == "10.0.0.1"


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("a:path", "a:path"),
    ],
)
def test_limits_go_by_the_subscriber(source, key):
    assert subscriber(source) == key


@pytest.mark.parametrize("text", ["", "unknown", "1.2.3", "1.2.3.4:80", "_hidden", "1.2.3.4 5"])
def test_what_is_no_address_is_none(text):
    assert read_address(text) is None
