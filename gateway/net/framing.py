"""What is refused about the head of a request before anything else looks at it, on every listener.

aiohttp's parser passes heads that a proxy in front of us, or the backend behind, may read differently: such a
difference is how requests are smuggled. Each rule names its row of hardening.md.
"""

import re
from collections import Counter
from typing import Final

from aiohttp import HttpVersion10, HttpVersion11, web

_ONCE: Final = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"expect",
        b"host",
        b"transfer-encoding",
        b"x-correlation-id",
        b"x-request-id",
    }
)
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\])(?::([0-9]{1,5}))?")
_LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_HIGHEST_PORT: Final = 65535


def refusal(request: web.BaseRequest) -> str | None:
    """Say why a request can't be accepted, in words for its sender; None for a good one."""
    names = [name.lower() for name, _ in request.raw_headers]
    if request.version not in {HttpVersion10, HttpVersion11}:  # R9
        return "only HTTP/1.1 and HTTP/1.0 are spoken here"
    if not request.raw_path.startswith("/"):  # R10
        return "the request target must be an absolute path"
    if len(set(names)) != len(names):
        repeated = _repeated(names)
        if repeated:
            return f"the header {repeated} was sent twice"
    if b"_" in b"".join(names):  # R6
        return "header names with an underscore are not accepted"
    return _refused_framing(request) or _refused_host(request)


def _repeated(names: list[bytes]) -> str | None:
    """T1, R8: a header whose repetition two readers could resolve differently."""
    for name, count in Counter(names).items():
        if count > 1 and (name in _ONCE or name.startswith(b"ocpi-")):
            return name.decode("ascii", "replace")
    return None


def _refused_framing(request: web.BaseRequest) -> str | None:
    """R1 to R3."""
    encoding, length = request.headers.get("Transfer-Encoding"), request.headers.get("Content-Length")
    if encoding is not None and encoding.strip() != "chunked":
        return "the only transfer encoding accepted is chunked"
    if encoding is not None and length is not None:
        return "Content-Length and Transfer-Encoding exclude each other"
    if encoding is not None and request.version == HttpVersion10:
        return "HTTP/1.0 has no transfer encodings"
    if length is not None and not _LENGTH.fullmatch(length):
        return "the Content-Length is not a plain decimal number"
    return None


def _refused_host(request: web.BaseRequest) -> str | None:
    """R7."""
    host = request.headers.get("Host")
    if host is None:
        return "the Host header is missing" if request.version == HttpVersion11 else None
    match = _HOST.fullmatch(host)
    if match is None or (match[1] and int(match[1]) > _HIGHEST_PORT):
        return "the Host header is not a host name with an optional port"
    return None
