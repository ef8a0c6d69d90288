"""What a handshake asks the outside for, and what it gets: the words between the pure flow and who performs it.

A flow is a generator: it yields one of these, is sent the matching answer, and returns its outcome. It raises
`HandshakeError` when it can't go on. The performer (`gateway.handshake`) does the I/O; tests answer by hand.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from gateway.ocpi.envelope import StatusCode
from gateway.ocpi.errors import PartnerError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fetch:
    """One HTTP request to a partner, to be sent exactly once.

    Attributes:
        step: what this is for, in words that go to the operator's terminal and log: `"GET versions"`.
        url: the exact URL.
        headers: everything to be sent beside Host, Content-Length and the message ids; holds the Authorization.
        body: the JSON document of a POST or PUT.
    """

    step: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None

    def __repr__(self) -> str:  # headers and body hold credentials tokens
        return f"Fetch(step={self.step!r}, method={self.method!r}, url={self.url!r})"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: header names in lower case, the body whole."""

    http_status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_http_success(self) -> bool:
        """Whether the HTTP status is 2xx; what OCPI says of it is in the envelope."""
        return 200 <= self.http_status < 300  # noqa: PLR2004 - the ranges of HTTP

    def __repr__(self) -> str:  # the body may hold a credentials token
        return f"Reply(http_status={self.http_status}, {len(self.body)} bytes)"


#: A flow that only talks to the partner: yields requests, is sent replies, returns `T`.
Conversation = Generator[Fetch, Reply, T]


class FetchCause(StrEnum):
    """Why a request to a partner got no usable answer.

    `URL` is known before anything is looked up or called, so it may be told to whoever gave the URL; all else would
    tell a stranger what is where in our network (hardening.md, URLs 6).
    """

    URL = "url"
    POLICY = "policy"
    DNS = "dns"
    REFUSED = "refused"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    OVERSIZE = "oversize"
    MALFORMED = "malformed"


class FetchFailedError(PartnerError):
    """A request to a partner got no usable answer.

    Attributes:
        cause: for logs and metrics.
        sent: the partner may have received the request, so its outcome is unknown (handshake.md, SP4).
    """

    def __init__(self, message: str, *, cause: FetchCause, sent: bool, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.cause = cause
        self.sent = sent


class HandshakeError(PartnerError):
    """A handshake can't go on because of what the partner sent or didn't send.

    Attributes:
        step: the request that failed, such as `GET versions`.
        status_code: what we answer when the partner is waiting: 2001, 3001, 3002 or 3003.
        public_message: what the partner may learn: the step and the cause, never what was fetched
            (hardening.md, URLs 6).
        outcome_unknown: the partner may have completed the handshake nevertheless.
    """

    def __init__(
        self,
        message: str,
        *,
        step: str,
        status_code: StatusCode,
        public_message: str = "",
        remedy: str = "",
        outcome_unknown: bool = False,
        http_status: int | None = None,
    ) -> None:
        super().__init__(f"{step}: {message}", remedy=remedy)
        self.step = step
        self.status_code = status_code
        self.public_message = f"{step}: {public_message or message}"
        self.outcome_unknown = outcome_unknown
        self.http_status = http_status
