"""Where URLs stand in traffic: `Link` headers, and `response_url` in bodies and queries.

The gateway hands out its own URLs in their place. Everything around a replaced URL stays byte for byte, because
parsing and re-writing loses precision (interop.md, Traffic).
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

RESPONSE_URL: Final = "response_url"

_LINK: Final = re.compile(r'[\s,]*<([^<>]*)>((?:[^",]|"(?:[^"\\]|\\.)*")*)(?:,|\Z)')
_NEXT_LINK: Final = re.compile(r",(?=\s*<)")
_PARAMETER: Final = re.compile(r';\s*([^\s;=,"]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?')
_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_MARK: Final = "\ufeff"
#: Every printable ASCII character: `quote` then escapes only what can't stand in a URL at all.
_KEPT: Final = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a `Link` header (RFC 8288).

    Attributes:
        target: the URI reference between the angle brackets.
        parameters: what follows them, exactly as written.
    """

    target: str
    parameters: str = ""

    @property
    def is_next(self) -> bool:
        """Whether it leads to the next page (OCPI 2.2.1, transport, Paginated Response)."""
        return "next" in self._rel.lower().split()

    @property
    def relation(self) -> str:
        """The parameter that says what the link is for, and no other; empty where there is none."""
        words = " ".join(word for word in self._rel.split() if word.isalnum())
        return f'; rel="{words}"' if words else ""

    @property
    def _rel(self) -> str:
        for name, quoted, plain in _PARAMETER.findall(self.parameters):
            if name.lower() == "rel":
                return str(quoted or plain)
        return ""

    def __str__(self) -> str:
        return f"<{self.target}>{self.parameters}"


def read_links(header: str) -> Iterator[Link]:
    """Read the links of one header; empty and malformed ones are dropped (interop.md, Traffic)."""
    position = 0
    while position < len(header):
        match = _LINK.match(header, position)
        if match is None:
            following = _NEXT_LINK.search(header, position)
            position = following.end() if following else len(header)
            continue
        position = match.end()
        target = match[1].strip()
        if target:
            yield Link(target, match[2].rstrip())


def as_uri(reference: str) -> str:
    """Percent-encode what can't stand in a URI: some platforms write blanks and letters beyond ASCII into links.

    Bytes that aren't UTF-8 arrive as surrogates, and are written as the bytes they were.
    """
    return quote(reference.encode("utf-8", "surrogateescape"), safe=_KEPT)


def rest_below(prefix: str, target: str) -> str | None:
    """What follows `prefix` in `target`: empty, or beginning with `/` or `?`; None if it doesn't lie below.

    Args:
        prefix: a path without trailing slash, or an empty one.
    """
    if not target.startswith(prefix):
        return None
    rest = target[len(prefix) :]
    return rest if not rest or rest[0] in "/?" else None


@dataclass(frozen=True, slots=True)
class ResponseUrl:
    """A `response_url` and the text that it was found in.

    Attributes:
        url: decoded.
        before: the text up to it.
        after: the text behind it.
        write: encodes a URL for that place.
    """

    url: str
    before: str
    after: str
    write: Callable[[str], str]

    def replaced_by(self, url: str) -> str:
        """The same text with another URL."""
        return self.before + self.write(url) + self.after


def find_in_body(body: bytes) -> ResponseUrl | None:
    """Find the `response_url` of a JSON object; None where it has none.

    Its name is compared without letter case, because that is how some legacy systems read JSON.

    Raises:
        ValueError: the body isn't a JSON object in UTF-8, or holds the URL twice or not as a text.
    """
    try:
        text = body.decode()
        document = _DECODER.decode(text.removeprefix(_MARK))
    except UnicodeDecodeError:
        raise ValueError("the body is not UTF-8") from None
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None
    except ValueError:
        raise ValueError("the body is not JSON") from None
    if not isinstance(document, dict):
        raise ValueError("the body is not a JSON object")  # noqa: TRY004 - all wrong bodies are one kind of error
    found = [member for member in _members(text) if member[0].lower() == RESPONSE_URL]
    if not found:
        return None
    _, url, start, end = found[0]
    if len(found) > 1 or not isinstance(url, str):
        raise ValueError(f"{RESPONSE_URL} must stand in the body once, as a text")
    return ResponseUrl(url, text[:start], text[end:], json.dumps)


def find_in_query(query: str) -> ResponseUrl | None:
    """Find the `response_url` of a raw query, with or without question mark; None where it has none.

    A plus sign stays one: URLs hold no blanks, and the specification's own example isn't encoded at all.

    Raises:
        ValueError: the query holds the URL twice, or escapes that aren't UTF-8.
    """
    found: list[tuple[int, int]] = []
    position = 1 if query.startswith("?") else 0
    for field in query[position:].split("&"):
        name, equals, _ = field.partition("=")
        end = position + len(field)
        if unquote(name).lower() == RESPONSE_URL:
            found.append((position + len(name) + len(equals), end))
        position = end + 1
    if not found:
        return None
    if len(found) > 1:
        raise ValueError(f"{RESPONSE_URL} must stand in the query once")
    start, end = found[0]
    try:
        url = unquote(query[start:end], errors="strict")
    except UnicodeDecodeError:
        raise ValueError(f"{RESPONSE_URL} holds percent escapes that are not UTF-8") from None
    return ResponseUrl(url, query[:start], query[end:], _as_field)


def _members(text: str) -> Iterator[tuple[str, object, int, int]]:
    """Walk the members of a text that is known to be one JSON object: name, value, and where the value stands."""
    position = text.index("{") + 1
    while True:
        position = _skip_blanks(text, position)
        if text[position] == "}":
            return
        if text[position] == ",":
            position = _skip_blanks(text, position + 1)
        name, position = _DECODER.raw_decode(text, position)
        start = _skip_blanks(text, _skip_blanks(text, position) + 1)
        value, position = _DECODER.raw_decode(text, start)
        yield name, value, start, position


def _skip_blanks(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    return match.end() if match else position


def _ignore_number(_digits: str) -> None:
    return None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _as_field(url: str) -> str:
    return quote(url, safe="")


#: Nothing is needed of numbers, and long ones are slow or refused by Python.
_DECODER: Final = json.JSONDecoder(
    parse_int=_ignore_number, parse_float=_ignore_number, parse_constant=_refuse_constant
)
