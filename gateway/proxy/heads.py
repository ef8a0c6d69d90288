"""Which headers travel on.

Hop-by-hop headers go first, among them those that `Connection` names; then what the sender may not set; whatever is
ours is added after that, so that nobody can remove or double it (hardening.md, P3, P4, P6). Repeated identity headers
and names with an underscore never get here: `gateway.net.framing` refuses them on every listener.
"""

import base64
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from multidict import CIMultiDict, CIMultiDictProxy

_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

#: Credentials, and what frameworks believe about who called, from where, for which URL and with which method.
_NOT_FORWARDED: Final = _HOP_BY_HOP | {
    "authorization",
    "cf-connecting-ip",
    "client-ip",
    "cookie",
    "cookie2",
    "expect",
    "fastly-client-ip",
    "forwarded",
    "host",
    "proxy",  # becomes HTTP_PROXY in a CGI program, through which that then calls others
    "remote-user",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-correlation-id",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-real-ip",
    "x-remote-user",
    "x-request-id",
    "x-rewrite-url",
}
_NOT_FORWARDED_PREFIXES: Final = ("ocpi-", "proxy-", "x-forwarded", "x-ocpi-")

#: What tells of the software and the network behind us; `link` and `location` are rewritten by `answers`.
_NOT_RETURNED: Final = _HOP_BY_HOP | {
    "alt-svc",
    "authorization",
    "content-location",
    "link",
    "location",
    "public-key-pins",
    "refresh",
    "server",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "via",
    "www-authenticate",
    "x-aspnet-version",
    "x-aspnetmvc-version",
    "x-backend-server",
    "x-correlation-id",
    "x-powered-by",
    "x-request-id",
    "x-served-by",
}
_NOT_RETURNED_PREFIXES: Final = ("x-forwarded", "x-ocpi-")

#: So many characters don't stand somewhere by chance.
_TELLING: Final = 8

#: What can be written into a head: no control characters, and no bytes that were not UTF-8.
_WRITABLE: Final = re.compile(r"[\t\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]*")


def forwarded(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """The headers of a request that travel on as they are."""
    return _filtered(headers, _NOT_FORWARDED, _NOT_FORWARDED_PREFIXES)


def returned(headers: CIMultiDictProxy[str], *, secrets: re.Pattern[str] | None = None) -> CIMultiDict[str]:
    """The headers of an answer that travel back as they are.

    Args:
        secrets: a header in which this finds something, such as the backend's address, is dropped.
    """
    kept = _filtered(headers, _NOT_RETURNED, _NOT_RETURNED_PREFIXES)
    if secrets is not None:
        for name in {name for name, value in kept.items() if mentions(value, secrets)}:
            kept.popall(name)
    return kept


def spellings(credentials_token: str) -> Iterator[str]:
    """A token as headers hold it: plain and in Base64, which may lack its padding."""
    yield credentials_token
    yield base64.b64encode(credentials_token.encode()).decode().rstrip("=")


@lru_cache(maxsize=4096)
def echoes(*credentials_tokens: str) -> re.Pattern[str]:
    """Finds the tokens with which somebody was called in what it answers.

    A partner may have a token of one character; a short one is found behind the scheme of an Authorization header only,
    because it stands everywhere by chance.
    """
    words = [spelling for each in credentials_tokens for spelling in spellings(each)]
    patterns = [
        re.escape(word) if len(word) >= _TELLING else rf"\b(?:token|bearer|basic)\s+{re.escape(word)}(?![\w+/-])"
        for word in words
    ]
    return re.compile("|".join(patterns) or "(?!)", re.IGNORECASE)


def mentions(value: str, secrets: re.Pattern[str] | None) -> bool:
    """Whether a text holds a secret, as it stands or behind percent escapes."""
    if secrets is None:
        return False
    return bool(secrets.search(value)) or ("%" in value and bool(secrets.search(unquote(value))))


def _filtered(headers: CIMultiDictProxy[str], names: frozenset[str], prefixes: tuple[str, ...]) -> CIMultiDict[str]:
    if "Connection" in headers:
        named = ",".join(headers.getall("Connection")).lower().split(",")
        names = names | {name.strip() for name in named}
    kept: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        lowered = name.lower()
        if lowered not in names and not lowered.startswith(prefixes) and _WRITABLE.fullmatch(value):
            kept.add(name, value)
    return kept
