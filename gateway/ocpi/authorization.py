"""The Authorization header of OCPI, read with tolerance and written strictly.

Base64 or plain is the oldest quarrel of OCPI (ocpi/ocpi#212): a hex token is also valid Base64, so nothing is judged
by its looks. Each reading is a candidate, to be looked up by digest (interop.md, Authorization header).
"""

import base64
import binascii
import re
from typing import Final

from gateway.ocpi.tokens import is_well_formed
from gateway.ocpi.vocabulary import TokenForm

_STANDARD: Final = str.maketrans("-_", "+/")
_HEADER: Final = re.compile(r"(?i:token) +(\S{1,200})[ \t]*")
_PRIVATE_HEADER: Final = re.compile(r"(?i:token|bearer) +(\S{1,200})[ \t]*")


def candidates(header: str, *, bearer: bool = False) -> list[tuple[TokenForm, str]]:
    """Give every credentials token that a header value may stand for: the literal one first, then decoded.

    Args:
        header: the whole value, such as `Token ZXhh...`.
        bearer: also accept the scheme `Bearer` (private listener).
    """
    match = (_PRIVATE_HEADER if bearer else _HEADER).fullmatch(header)
    if match is None:
        return []
    literal = match[1]
    readings = [(TokenForm.PLAIN, literal)] if is_well_formed(literal) else []
    decoded = _decode(literal)
    if decoded is not None and is_well_formed(decoded):
        readings.append((TokenForm.BASE64, decoded))
    return readings


def header_value(credentials_token: str, form: TokenForm) -> str:
    """Write the header value that presents a credentials token (OCPI 2.2.1, Authorization header)."""
    if form is TokenForm.PLAIN:
        return f"Token {credentials_token}"
    return f"Token {base64.b64encode(credentials_token.encode()).decode()}"


def _decode(literal: str) -> str | None:
    """Padded, unpadded or URL-safe Base64; one trailing line feed is dropped: the specification's samples carry it."""
    standard = literal.rstrip("=").translate(_STANDARD)
    try:
        decoded = binascii.a2b_base64(standard + "=" * (-len(standard) % 4), strict_mode=True).decode("ascii")
    except ValueError:  # not Base64, or not ASCII before or after
        return None
    return decoded.removesuffix("\n").removesuffix("\r")
