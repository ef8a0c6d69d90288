"""URLs as text: what is refused before any I/O, and where references of strangers lead."""

import pytest

from gateway.ocpi.urls import (
    append_path,
    check_url,
    host_of,
    origin_of,
    path_of,
    resolve,
    with_slash_toggled,
)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example",
        "http://a.example/",
        "https://a.example:8443/x?y=z",
        "https://[2001:db8::1]/",
        "HTTPS://A.example/",
    ],
)
def test_an_absolute_http_url_comes_back_unchanged(url):
    assert check_url(url) == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (None, "is not a text"),
        ("", "is not a text"),
        (5, "is not a text"),
        ("https://a.example/" + "x" * 238, "longer than 255"),
        ("https://a.example/a b", "not allowed"),
        ("https://a.example/\r\nX: y", "not allowed"),
        ("https://a.example/\0", "not allowed"),
        ("https://b\xfccher.example/", "not allowed"),
        ("https://a.example\\@evil.example/", "not allowed"),
        ("https://[::1/", "is not a URL"),
        ("https://a.example:99999/", "is not a URL"),
        ("https://a.example:port/", "is not a URL"),
        ("ftp://a.example/", "does not start with"),
        ("//a.example/", "does not start with"),
        ("file:///etc/passwd", "does not start with"),
        ("javascript:alert(1)", "does not start with"),
        ("https:///path", "no host name"),
        ("https://user@a.example/", "user name"),
        ("https://user:secret@a.example/", "user name"),
        ("https://@a.example/", "user name"),
        ("https://a.example/#part", "fragment"),
    ],
)
def test_each_wrong_url_is_refused_with_the_reason(url, reason):
    with pytest.raises(ValueError, match=reason) as refused:
        check_url(url)

    assert "secret" not in str(refused.value)


def test_255_characters_are_allowed():
    url = "https://a.example/" + "x" * 237

    assert check_url(url) == url


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://A.Example/x", "https://a.example:443"),
        ("http://a.example", "http://a.example:80"),
        ("https://a.example:8443?x", "https://a.example:8443"),
        ("https://[2001:DB8::1]/x", "https://[2001:db8::1]:443"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url, origin):
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("url", "host"), [("https://A.Example:8443/x", "a.example"), ("https://[::1]/", "::1"), ("/x", ""), ("", "")]
)
def test_a_host_has_neither_case_nor_port(url, host):
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://a.example", "/"),
        ("https://a.example/", "/"),
        ("https://a.example?x=1", "/?x=1"),
        ("https://a.example/a%2Fb/../c?x=/y", "/a%2Fb/../c?x=/y"),
        ("https://a.example/x?next=https://b.example/y", "/x?next=https://b.example/y"),
    ],
)
def test_a_path_is_exactly_what_was_written(url, path):
    assert path_of(url) == path


BASE = "https://a.example/ocpi/versions"


@pytest.mark.parametrize(
    ("reference", "resolved"),
    [
        ("https://b.example/x/../y", "https://b.example/x/../y"),
        ("/ocpi/2.2.1", "https://a.example/ocpi/2.2.1"),
        ("2.2.1", "https://a.example/ocpi/2.2.1"),
        ("?page=2", "https://a.example/ocpi/versions?page=2"),
        ("/x?url=https://b.example/", "https://a.example/x?url=https://b.example/"),
    ],
)
def test_a_reference_is_resolved_against_its_document(reference, resolved):
    assert resolve(BASE, reference) == resolved


@pytest.mark.parametrize(
    "reference", ["//evil.example/x", "https://evil.example/x", "\\\\evil.example/x", "@evil.example/x"]
)
def test_a_hostile_reference_shows_its_host_or_stays_a_path(reference):
    resolved = resolve(BASE, reference)

    if "evil.example" in host_of(resolved):
        assert origin_of(resolved) != origin_of(BASE)
    else:
        assert origin_of(resolved) == origin_of(BASE)


@pytest.mark.parametrize(
    ("url", "toggled"),
    [
        ("https://a.example/x", "https://a.example/x/"),
        ("https://a.example/x/", "https://a.example/x"),
        ("https://a.example/x?y=/", "https://a.example/x/?y=/"),
        ("https://a.example/x/?y", "https://a.example/x?y"),
    ],
)
def test_only_the_slash_at_the_end_of_the_path_is_toggled(url, toggled):
    assert with_slash_toggled(url) == toggled


@pytest.mark.parametrize(
    ("url", "appended"),
    [
        ("https://a.example/ocpi", "https://a.example/ocpi/versions"),
        ("https://a.example/ocpi/", "https://a.example/ocpi/versions"),
        ("https://a.example/ocpi?k=v", "https://a.example/ocpi/versions?k=v"),
    ],
)
def test_a_segment_goes_before_the_query(url, appended):
    assert append_path(url, "versions") == appended
