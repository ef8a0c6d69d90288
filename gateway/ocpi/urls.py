"""URLs as text: origins, hosts, relative references. Nothing here normalises: what was checked is what is sent.

yarl and urllib resolve `..`, percent escapes and `//` in ways that change where a request goes (hardening.md, T8), so
URLs stay strings and only their origin is ever taken apart.
"""

import re
from typing import Final
from urllib.parse import urljoin, urlsplit

MAX_LENGTH: Final = 255  # OCPI 2.2.1, types, URL
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")


def check_url(url: object) -> str:
    """Give back an absolute http(s) URL of a stranger.

    Raises:
        ValueError: says what is wrong with it: type, length, characters, scheme, host, user name or fragment.
    """
    if not isinstance(url, str) or not url:
        raise ValueError("is not a text")
    if len(url) > MAX_LENGTH:
        raise ValueError(f"is longer than {MAX_LENGTH} characters")
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise ValueError("holds characters that are not allowed in a URL")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in {"http", "https"}:
        raise ValueError("does not start with https:// or http://")
    if not parts.hostname:
        raise ValueError("has no host name")
    if "@" in parts.netloc:
        raise ValueError("holds a user name")
    if "#" in url:
        raise ValueError("holds a fragment")
    return url


def origin_of(url: str) -> str:
    """The `scheme://host:port` of an absolute URL, in lower case, with the port always written."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    host = (parts.hostname or "").lower()
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def host_of(url: str) -> str:
    """The host name of an absolute URL in lower case, without port; empty where there is none."""
    return (urlsplit(url).hostname or "").lower()


def path_of(url: str) -> str:
    """Path and query of an absolute URL, exactly as written; at least `/`."""
    rest = url.split("://", 1)[-1]
    cut = min((position for mark in "/?" if (position := rest.find(mark)) >= 0), default=len(rest))
    path = rest[cut:]
    return path if path.startswith("/") else "/" + path


def resolve(base: str, reference: str) -> str:
    """Make a reference absolute against the document it stood in; an absolute one comes back unchanged."""
    if "://" in reference.split("?", 1)[0]:
        return reference
    return urljoin(base, reference)


def with_slash_toggled(url: str) -> str:
    """The same URL with the trailing slash of its path added or taken away."""
    path, mark, query = url.partition("?")
    path = path[:-1] if path.endswith("/") else path + "/"
    return path + mark + query


def append_path(url: str, segment: str) -> str:
    """Append a segment to the path of a URL, before its query if there is one."""
    path, mark, query = url.partition("?")
    return f"{path.rstrip('/')}/{segment}{mark}{query}"
