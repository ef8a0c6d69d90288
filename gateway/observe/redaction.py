"""The last resort against secrets in logs, and the reason why one event is one line whatever it holds.

Nothing is meant to hand a token to a logger. Should it happen, this replaces it: by the name of its key, by the form
of our own tokens (plain or Base64), and by the form of an Authorization header. Objects are never shown by their
`repr`, because that of aiohttp's exceptions holds the Authorization header (hardening.md, T7 and H6).
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from gateway.ocpi.errors import GatewayError
from gateway.ocpi.party import Party
from gateway.ocpi.tokens import PREFIX, TOKEN_PATTERN

REDACTED: Final = "[redacted]"
_MAX_DEPTH: Final = 5
_MAX_ITEMS: Final = 100
_MAX_TEXT: Final = 4000

_SECRET_KEY: Final = re.compile(
    r"(?:^|_)(?:tokens?(?:_[abc])?|authorization|secret|password|passphrase|cookie|credentials|encryption_key|private_key)$"
)
# Base64 of the prefix, at whichever of three offsets it stands; what follows belongs to the token.
_ENCODED: Final = re.compile(r"(?:b2NwaWd3X|9jcGlnd1|vY3BpZ3df)[A-Za-z0-9+/_=%-]{8,}")
_MUTILATED: Final = re.compile(re.escape(PREFIX) + r"[0-9A-Za-z]{8,}")
_HEADER: Final = re.compile(r"\b((?i:token|bearer|basic))(\s+|%20|\+)(?=\S*[0-9=+/_-])[^\s\"',;}\]]{8,}")
#: Found in every text that one of the patterns above could match; most texts are cleared by this alone.
_SUSPICIOUS: Final = re.compile(rf"{PREFIX}|b2NwaWd3X|9jcGlnd1|vY3BpZ3df|(?i:token|bearer|basic)")
#: One of these stands in each text that holds a token of ours; one of the blanks in each that holds a header.
MARKS: Final = (PREFIX, "b2NwaWd3X", "9jcGlnd1", "vY3BpZ3df")
BLANKS: Final = (" ", "\t", "%20", "+")
_PLAIN: Final = (int, float, bool, type(None))
_SHOWN: Final = (PurePath, date, timedelta, IPv4Address, IPv6Address, UUID, GatewayError, Party)


def redact(event: Mapping[str, Any]) -> dict[str, Any]:
    """Give an event of plain JSON values in which nothing looks like a secret."""
    return {str(key): _value(key, value, depth=0) for key, value in event.items()}


def redact_text(text: str) -> str:
    """Replace what looks like one of our tokens, or like an Authorization header, and bound the length."""
    text = text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "..."
    if not _SUSPICIOUS.search(text):
        return text
    text = TOKEN_PATTERN.sub(REDACTED, text)
    text = _MUTILATED.sub(REDACTED, text)
    text = _ENCODED.sub(REDACTED, text)
    return _HEADER.sub(rf"\1 {REDACTED}", text)


@lru_cache(maxsize=1024)
def _names_secret(key: str) -> bool:
    return _SECRET_KEY.search(key.lower()) is not None


def _value(key: object, value: Any, *, depth: int) -> Any:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, _PLAIN):
        return value
    if value and _names_secret(str(key)):
        return REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes | bytearray):
        return redact_text(value[:_MAX_TEXT].decode("ascii", "backslashreplace"))
    if isinstance(value, _SHOWN):
        return redact_text(str(value))
    if depth >= _MAX_DEPTH or not isinstance(value, Iterable):
        return f"<{type(value).__name__}>"
    if isinstance(value, Mapping):
        items = list(value.items())[:_MAX_ITEMS]
        return {redact_text(str(inner)): _value(inner, item, depth=depth + 1) for inner, item in items}
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(key, item, depth=depth + 1) for item in list(value)[:_MAX_ITEMS]]
    return f"<{type(value).__name__}>"
