"""A body with versions or version details (gateway.ocpi.envelope, gateway.ocpi.versions)."""

from gateway.ocpi.envelope import NotAnEnvelopeError, read_json_object
from gateway.ocpi.urls import MAX_LENGTH, check_url, host_of, origin_of, path_of
from gateway.ocpi.versions import (
    DIALECTS,
    UnreadableDocumentError,
    choose_version,
    credentials_endpoint,
    is_version_details,
    missing_modules,
    read_endpoints,
    read_versions,
)

BASE = "https://emsp.example.com/ocpi/versions"


def check(data: bytes) -> None:
    """Every URL that comes out can be called as it is; what was read, written plainly, is read again as the same."""
    try:
        document = read_json_object(data)
    except NotAnEnvelopeError:
        return
    for one in (document, document.get("data")):
        _check_versions(one)
        _check_details(one)


def _check_versions(data: object) -> None:
    try:
        versions = read_versions(data, base=BASE)
    except UnreadableDocumentError as error:
        assert str(error).isprintable()
        return
    for url in versions.values():
        _check_url(url)
    chosen = choose_version(versions, DIALECTS)
    assert chosen is None or (chosen in versions and chosen in DIALECTS)
    plain = [{"version": version, "url": url} for version, url in versions.items()]
    assert read_versions(plain, base=BASE) == versions


def _check_details(data: object) -> None:
    try:
        endpoints = read_endpoints(data, base=BASE)
    except UnreadableDocumentError as error:
        assert str(error).isprintable()
        return
    assert is_version_details(data)
    assert len({(endpoint.identifier, endpoint.role) for endpoint in endpoints}) == len(endpoints)
    for endpoint in endpoints:
        _check_url(endpoint.url)
        assert endpoint.identifier.isascii()
        assert endpoint.identifier.isprintable()
        assert 1 <= len(endpoint.identifier) <= 64
        assert " " not in endpoint.identifier
        assert endpoint.serves(endpoint.identifier, endpoint.role)
    found = credentials_endpoint(endpoints)
    assert (found is None) is bool(missing_modules(endpoints, ["credentials"]))
    assert found is None or found in endpoints
    assert set(missing_modules(endpoints, ["tokens:SENDER", "tokens"])) != {"tokens"}
    plain = [{"identifier": each.identifier, "role": each.role, "url": each.url} for each in endpoints]
    assert read_endpoints({"endpoints": plain}, base=BASE) == endpoints


def _check_url(url: str) -> None:
    assert check_url(url) == url
    assert url.lower().startswith(("http://", "https://"))
    assert host_of(url)
    assert path_of(url)[0] == "/"
    whole = origin_of(url) + path_of(url)  # with the port, it may be too long
    assert len(whole) > MAX_LENGTH or check_url(whole)
