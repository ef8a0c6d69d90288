"""What the sample platforms tell the demonstration: one JSON line on standard output for each thing they see.

    {"listening": 40001, "platform": "eMSP"}
    {"mark": 7}
    {"phase": "call",   "caller": "eMSP", "callee": "gateway", "method": "GET", "path": "/ocpi/versions", ...}
    {"phase": "answer", "caller": "eMSP", "callee": "gateway", ..., "http_status": 200, "status_code": 1000, ...}

A call is told before it is carried out and its answer afterwards, so what happens in between stands in between. Lines
are short and written in one piece: several platforms may share one pipe, and their lines keep the order of causes.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

from gateway.demo.words import TokenBook, describe_body, describe_headers, read_document
from gateway.ocpi.flow import Reply
from gateway.ocpi.urls import path_of
from gateway.ocpi.vocabulary import CREDENTIALS

_LONGEST: Final = 600  # PIPE_BUF is at least 4096: shorter writes to a pipe are never torn
_STDOUT: Final = 1

EMSP: Final = "eMSP"
BACKEND: Final = "backend"
GATEWAY: Final = "gateway"


class Phase(StrEnum):
    """The two halves of an exchange."""

    CALL = "call"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Exchange:
    """Who calls whom for what.

    Attributes:
        path: with the query, as written.
        credential: the name of the token that is presented, and its first characters.
    """

    caller: str
    callee: str
    method: str
    path: str
    credential: str


@dataclass(frozen=True, slots=True)
class Sight(Exchange):
    """One half of an exchange that a platform took part in.

    Attributes:
        says: what is carried, in words.
        http_status, status_code: of an answer; the OCPI one is None where the body is no envelope.
    """

    phase: Phase
    says: str = ""
    http_status: int | None = None
    status_code: int | None = None


@dataclass(frozen=True, slots=True)
class Listening:
    """A platform is ready for requests."""

    platform: str
    port: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A platform has done what it was asked: all that it caused has been told."""

    number: int


@dataclass(frozen=True, slots=True)
class Reporter:
    """Tells what one platform sees.

    Attributes:
        platform: the name of the platform.
        book: the names of the tokens it meets.
    """

    platform: str
    book: TokenBook = field(default_factory=TokenBook)

    def listening(self, port: int) -> None:
        """Tell that requests can come."""
        _write({"listening": port, "platform": self.platform})

    def mark(self, number: int) -> None:
        """Tell that what was asked under this number is done."""
        _write({"mark": number})

    def outgoing(self, method: str, url: str, authorization: str | None, body: bytes) -> Exchange:
        """Tell that the platform is about to call the gateway."""
        exchange = Exchange(self.platform, GATEWAY, method, path_of(url), self.book.describe_header(authorization))
        return self._call(exchange, body)

    def incoming(self, method: str, path: str, authorization: str | None, body: bytes, *, remark: str = "") -> Exchange:
        """Tell that the gateway has called the platform."""
        exchange = Exchange(GATEWAY, self.platform, method, path, self.book.describe_header(authorization))
        return self._call(exchange, body, remark)

    def answered(self, exchange: Exchange, reply: Reply) -> None:
        """Tell how a call was answered."""
        document = read_document(reply.body) or {}
        if _posts_credentials(exchange):
            self.book.learn(document.get("data"), name="TOKEN_C")
        says = _joined(describe_body(reply.body, self.book), describe_headers(reply.headers))
        status_code = document.get("status_code")
        _tell(Phase.ANSWER, exchange, says, reply.http_status, status_code if isinstance(status_code, int) else None)

    def failed(self, exchange: Exchange, reason: str) -> None:
        """Tell that a call got no answer."""
        _tell(Phase.ANSWER, exchange, reason)

    def _call(self, exchange: Exchange, body: bytes, remark: str = "") -> Exchange:
        if _posts_credentials(exchange):
            self.book.learn(read_document(body), name="TOKEN_B")
        _tell(Phase.CALL, exchange, _joined(describe_body(body, self.book), remark))
        return exchange


def read_line(line: bytes) -> Sight | Listening | Mark | None:
    """Read what a platform told; None where the line is something else."""
    try:
        document = json.loads(line)
        if "listening" in document:
            return Listening(document["platform"], document["listening"])
        if "mark" in document:
            return Mark(document["mark"])
        return Sight(**{**document, "phase": Phase(document["phase"])})
    except (ValueError, TypeError, KeyError):
        return None


def _tell(
    phase: Phase, exchange: Exchange, says: str, http_status: int | None = None, status_code: int | None = None
) -> None:
    _write(
        asdict(exchange)
        | {"phase": phase, "says": says[:_LONGEST], "http_status": http_status, "status_code": status_code}
    )


def _write(document: dict[str, Any]) -> None:
    os.write(_STDOUT, json.dumps(document, ensure_ascii=False).encode() + b"\n")


def _posts_credentials(exchange: Exchange) -> bool:
    return exchange.method == "POST" and exchange.path.rstrip("/").endswith(f"/{CREDENTIALS}")


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
