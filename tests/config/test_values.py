import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.config.values import (
    BaseUrl,
    DatabaseUrl,
    EncryptionKey,
    HeaderSecret,
    HostName,
    Network,
    TokenSecret,
    UrlPath,
    decode_encryption_key,
)


def accepts(kind, text):
    value = TypeAdapter(kind).validate_python(text)
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


def refuses(kind, text):
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text)
    return True


@settings(deadline=None)  # the machine may be busy
@given(st.binary(min_size=32, max_size=32))
def test_an_encryption_key_is_the_base64_of_32_bytes(key):
    text = base64.b64encode(key).decode()
    assert decode_encryption_key(text) == key
    assert accepts(EncryptionKey, text) == text


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_an_encryption_key_of_another_size_is_refused(size):
    assert refuses(EncryptionKey, base64.b64encode(b"x" * size).decode())


@pytest.mark.parametrize("text", ["not base64!", "é" * 43 + "=", " " + base64.b64encode(b"x" * 32).decode()])
def test_an_encryption_key_that_is_not_base64_is_refused(text):
    assert refuses(EncryptionKey, text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://a.example.com/", "https://a.example.com"),
        ("https://a.example.com/x//", "https://a.example.com/x"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("HTTPS://A.example.com/Path", "https://A.example.com/Path"),
    ],
)
def test_a_base_url_loses_its_trailing_slash(text, kept):
    assert accepts(BaseUrl, text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "a.example.com",
        "ftp://a.example.com",
        "https://",
        "https://u:p@a.example.com",
        "https://a.example.com?x=1",
        "https://a.example.com/#x",
        "https://a.example.com/a/../b",
        "https://a.example.com/a//b",
        "https://a.example.com/%2e",
        "https://a.example.com:99999",
        "https://a.example.com/a b",
        "https://b\u00fccher.example",
    ],
)
def test_other_base_urls_are_refused(text):
    assert refuses(BaseUrl, text)


@pytest.mark.parametrize(("text", "kept"), [("/v2/sessions", "/v2/sessions"), ("/v2/", "/v2"), ("/", ""), ("", "")])
def test_a_path_begins_with_a_slash_and_ends_without(text, kept):
    assert accepts(UrlPath, text) == kept


@pytest.mark.parametrize("text", ["v2", "/a//b", "/a/../b", "/.", "/a?b", "/a#b", "/a%2fb", "/a b", "//evil", "/a\n"])
def test_other_paths_are_refused(text):
    assert refuses(UrlPath, text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("0.0.0.0", "0.0.0.0"),
        ("::", "::"),
        ("::1", "::1"),
        ("Legacy_System", "legacy_system"),
        ("A.Example.", "a.example"),
    ],
)
def test_a_host_is_a_name_or_an_address(text, kept):
    assert accepts(HostName, text) == kept


@pytest.mark.parametrize("text", ["", "a:80", "http://a", "a/b", "a b", "*", "a..b", "[::1]"])
def test_other_hosts_are_refused(text):
    assert refuses(HostName, text)


@pytest.mark.parametrize("text", ["Token abc", "Basic dXNlcjpwYXNz", "x"])
def test_a_header_value_is_printable(text):
    assert accepts(HeaderSecret, text) == text


@pytest.mark.parametrize("text", ["", " x", "x ", "a\r\nX-Evil: 1", "a\0", "caf\u00e9", "x\n"])
def test_other_header_values_are_refused(text):
    assert refuses(HeaderSecret, text)


@pytest.mark.parametrize("text", ["", "a b", "x" * 65, "a\n", "\u00e9"])
def test_an_egress_token_that_could_never_match_is_refused(text):
    assert refuses(TokenSecret, text)


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:///data/gateway.db",
        "sqlite:////var/lib/gateway.db",
        "postgresql://u:p@h:5432/d?ssl=require",
        "postgresql:///d",
        "postgresql://u@/d?host=/run/postgresql",
    ],
)
def test_a_database_is_sqlite_or_postgresql(text):
    assert accepts(DatabaseUrl, text) == text


@pytest.mark.parametrize(
    "text",
    [
        "data/gateway.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///data/",
        "mysql://h/d",
        "postgresql://h",
    ],
)
def test_other_databases_are_refused(text):
    assert refuses(DatabaseUrl, text)


@pytest.mark.parametrize(
    "text", ["10.20.0.0/16", "192.168.1.7", "fd12:3456::/32", "127.0.0.1/32", "::1/128", "8.8.8.0/24"]
)
def test_a_network_is_given_exactly(text):
    assert str(accepts(Network, text)).startswith(text.partition("/")[0])


@pytest.mark.parametrize(
    "text",
    [
        "10.20.0.1/16",
        "10.0.0.0/33",
        "x",
        "",
        ["10.0.0.0/8"],
        "0.0.0.0/0",
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "::/0",
        "::/127",
    ],
)
def test_a_network_with_host_bits_or_with_loopback_or_metadata_in_it_is_refused(text):
    assert refuses(Network, text)
