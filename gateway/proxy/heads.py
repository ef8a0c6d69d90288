"""Which headers travel on.

Hop-by-hop headers go first, among them those that `Connection` names; then what the sender may not set; whatever is
ours is added after that, so that nobody can remove or double it (hardening.md, P3, P4, P6). Repeated identity headers
and names with an underscore never get here: `gateway.net.framing` refuses them on every listener.
"""

import base64
import re
from collections.abc import Container, Iterable, Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from gateway.memory import Memory
from gateway.net.http1 import Form

_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "content-length",  # of one connection, as those that frame its messages are
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

#: What is said of a body, and doesn't hold of the one that replaces it.
OF_THE_BODY: Final = frozenset({"content-digest", "content-md5", "digest", "repr-digest"})

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
_CONTROL: Final = re.compile(r"[\x80-\x9f]")
#: How many texts are remembered as telling nothing, or something.
_MOST_KNOWN: Final = 1024


class Secrets:
    """Finds what must not travel: most headers say the same again and again, and are searched once."""

    __slots__ = ("_known", "_pattern")

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern, re.IGNORECASE)
        self._known: Memory[str, bool] = Memory(_MOST_KNOWN)

    def are_in(self, text: str) -> bool:
        """Whether a text holds one, as it stands or behind percent escapes."""
        known = self._known.get(text)
        if known is None:
            known = bool(self._pattern.search(text) or ("%" in text and self._pattern.search(unquote(text))))
            self._known.keep(text, known)
        return known


def forwarded(form: Form) -> str:
    """The headers of a request that travel on as they are: whole lines, each with its line end."""
    return as_text(_filtered(form, _NOT_FORWARDED, _NOT_FORWARDED_PREFIXES))


def returned(form: Form, *, secrets: Secrets | None = None) -> str:
    """The headers of an answer that travel back as they are: whole lines, each with its line end.

    Args:
        secrets: a header in which there is one, such as the backend's address, is dropped, by whatever name it repeats.
    """
    kept = _filtered(form, _NOT_RETURNED, _NOT_RETURNED_PREFIXES)
    if secrets is not None:
        telling = {_name_of(line) for line in kept if secrets.are_in(line.partition(": ")[2])}
        kept = [line for line in kept if _name_of(line) not in telling] if telling else kept
    return as_text(kept)


def without(headers: str, names: Container[str]) -> str:
    """What is left of whole lines but those of some headers."""
    return as_text(line for line in headers.split("\r\n")[:-1] if _name_of(line) not in names)


def as_text(lines: Iterable[str]) -> str:
    """Headers as whole lines, each with its line end."""
    return "".join([f"{line}\r\n" for line in lines])


def spellings(credentials_token: str) -> Iterator[str]:
    """A token as headers hold it: plain and in Base64, which may lack its padding."""
    yield credentials_token
    yield base64.b64encode(credentials_token.encode()).decode().rstrip("=")


@lru_cache(maxsize=4096)
def echoes(*credentials_tokens: str) -> Secrets:
    """Finds the tokens with which somebody was called in what it answers.

    A partner may have a token of one character; a short one is found behind the scheme of an Authorization header only,
    because it stands everywhere by chance.
    """
    words = [spelling for each in credentials_tokens for spelling in spellings(each)]
    patterns = [
        re.escape(word) if len(word) >= _TELLING else rf"\b(?:token|bearer|basic)\s+{re.escape(word)}(?![\w+/-])"
        for word in words
    ]
    return Secrets("|".join(patterns) or "(?!)")


def _filtered(form: Form, names: frozenset[str], prefixes: tuple[str, ...]) -> list[str]:
    dropped = {name.strip() for name in form.headers.get("connection", "").lower().split(",")}
    named = [(_name_of(line), line) for line in form.lines]
    return [
        line
        for name, line in named
        if name not in names
        and name not in dropped
        and not name.startswith(prefixes)
        and (line.isascii() or _is_text(line))
    ]


def _name_of(line: str) -> str:
    return line.partition(":")[0].lower()


def _is_text(line: str) -> bool:
    """Whether what is beyond ASCII is UTF-8, and no control character."""
    try:
        return not _CONTROL.search(line.encode("latin-1").decode())
    except UnicodeDecodeError:
        return False
