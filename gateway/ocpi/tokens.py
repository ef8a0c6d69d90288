"""Credentials tokens: how ours are made, which of a partner's we accept, and the fingerprint we show.

Source: OCPI 2.2.1, credentials object (`token`); handshake.md, Tokens.
"""

import re
import string
import zlib
from typing import Final

PREFIX: Final = "ocpigw_"
_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_BYTES: Final = 32
_RANDOM_LENGTH: Final = 43  # 62 ** 43 > 2 ** 256
_CHECKSUM_LENGTH: Final = 6  # 62 ** 6 > 2 ** 32

#: Finds our tokens in any text: for scanners and for the last-resort redaction of logs.
TOKEN_PATTERN: Final = re.compile(PREFIX + r"[0-9A-Za-z]{%d}" % (_RANDOM_LENGTH + _CHECKSUM_LENGTH))

MAX_LENGTH: Final = 64
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]{1,%d}" % MAX_LENGTH)


def make_token(random_bytes: bytes) -> str:
    """Write 32 random bytes as a credentials token: prefix, 43 characters, 6 characters of CRC-32 (56 in all).

    Raises:
        ValueError: other than 32 bytes were given.
    """
    if len(random_bytes) != _RANDOM_BYTES:
        raise ValueError("a credentials token is made from exactly 32 random bytes")
    secret = _base62(int.from_bytes(random_bytes), _RANDOM_LENGTH)
    return PREFIX + secret + _checksum(secret)


def is_ours(text: str) -> bool:
    """Whether a text has the form and the checksum of a token we made: tells a mistyped token from a foreign one."""
    return bool(TOKEN_PATTERN.fullmatch(text)) and _checksum(text[len(PREFIX) : -_CHECKSUM_LENGTH]) == text[-6:]


def is_well_formed(text: str) -> bool:
    """Whether a partner's token is 1 to 64 printable, non-blank ASCII characters (OCPI 2.2.1, credentials object)."""
    return bool(_PRINTABLE.fullmatch(text))


def without_tokens(text: str) -> str:
    """A text with tokens of ours replaced: for what somebody typed, who may have pasted one in a wrong place."""
    return TOKEN_PATTERN.sub("[token]", text)


def _checksum(secret: str) -> str:
    return _base62(zlib.crc32(secret.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
