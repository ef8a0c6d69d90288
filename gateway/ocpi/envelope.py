"""The OCPI response format: what we answer, and how we read what others answer.

Source: OCPI 2.2.1, transport and format, Response format; status codes.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

from gateway.ocpi.timestamps import format_timestamp


class StatusCode(IntEnum):
    """The OCPI status codes that the gateway itself gives (OCPI 2.2.1, status codes)."""

    SUCCESS = 1000
    CLIENT_ERROR = 2000
    INVALID_PARAMETERS = 2001
    SERVER_ERROR = 3000
    UNABLE_TO_USE_CLIENT_API = 3001
    UNSUPPORTED_VERSION = 3002
    MISSING_ENDPOINTS = 3003
    UNKNOWN_RECEIVER = 4001
    TIMEOUT = 4002
    CONNECTION_PROBLEM = 4003


_NO_DATA: Final = object()
_STATUS_CODE: Final = re.compile(r"[0-9]{1,4}")
_MAX_DEPTH: Final = 64  # the documents of a handshake need six


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer that the gateway makes itself: HTTP status, OCPI status code, message, and data where there is any.

    Attributes:
        data: left out of the body unless given; `None` is written as `null`.
        headers: further response headers, such as `Allow`.
    """

    http_status: int
    status_code: int
    status_message: str
    data: Any = _NO_DATA
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def success(cls, data: Any = _NO_DATA, *, http_status: int = 200) -> "Answer":
        """The answer to a request that was done."""
        return cls(http_status, StatusCode.SUCCESS, "Success", data)

    def body(self, now: datetime) -> bytes:
        """The envelope as JSON; `status_message` is always present, because three client models require it."""
        envelope: dict[str, Any] = {} if self.data is _NO_DATA else {"data": self.data}
        envelope["status_code"] = int(self.status_code)
        envelope["status_message"] = self.status_message
        envelope["timestamp"] = format_timestamp(now)
        return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()


class NotAnEnvelopeError(ValueError):
    """A body isn't an OCPI response; the text says why, without quoting the body."""


class NotAnObjectError(NotAnEnvelopeError):
    """A body is JSON, but another value than an object."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """An OCPI response as another platform sent it, read with tolerance (interop.md, Handshake documents)."""

    status_code: int
    status_message: str
    data: Any

    @property
    def is_success(self) -> bool:
        """1xxx is success; everything else is a failure whatever the HTTP status said."""
        return 1000 <= self.status_code < 2000  # noqa: PLR2004 - the ranges of the specification

    @classmethod
    def read(cls, body: bytes) -> "Envelope":
        """Read a response body.

        A status code given as a numeric string is accepted; message and data may be missing.

        Raises:
            NotAnEnvelopeError: not JSON, not an object, or without a status code.
        """
        document = read_json_object(body)
        status_code = document.get("status_code")
        if isinstance(status_code, str) and _STATUS_CODE.fullmatch(status_code):
            status_code = int(status_code)
        if not isinstance(status_code, int) or isinstance(status_code, bool):
            raise NotAnEnvelopeError("the answer has no OCPI status_code")
        message = document.get("status_message")
        return cls(status_code, message if isinstance(message, str) else "", document.get("data"))


def read_json_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object from a stranger: UTF-8, no duplicate keys, no NaN, bounded depth and number length.

    Raises:
        NotAnEnvelopeError: with the reason in words.
    """
    try:
        document = json.loads(
            body.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite
        )
    except UnicodeDecodeError:
        raise NotAnEnvelopeError("the body is not UTF-8") from None
    except RecursionError:
        raise NotAnEnvelopeError("the JSON is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise NotAnEnvelopeError(f"the body is not JSON (line {error.lineno}, column {error.colno})") from None
    except NotAnEnvelopeError:
        raise
    except ValueError:  # Python's limit on the digits of an integer
        raise NotAnEnvelopeError("the JSON holds a number that is too long") from None
    if not isinstance(document, dict):
        raise NotAnObjectError("the body is not a JSON object")
    _check_depth(document)
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise NotAnEnvelopeError("the JSON holds a key twice in one object")
    return document


def _no_constant(_name: str) -> Any:
    raise NotAnEnvelopeError("the JSON holds NaN or Infinity, which JSON does not allow")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise NotAnEnvelopeError("the JSON holds a number that is too large")
    return number


def _check_depth(document: Any) -> None:
    """Bound the depth by ourselves: how deep the parser goes differs between versions of Python."""
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > _MAX_DEPTH:
            raise NotAnEnvelopeError("the JSON is nested too deeply")
        level = [child for node in level for child in _children(node)]


def _children(node: Any) -> Iterable[Any]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()
