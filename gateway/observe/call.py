"""The record of one request through a listener: what the access log and the metrics say about it."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from gateway.ocpi.errors import Fault

_MILLI: Final = 1000
_MAX_VALUE: Final = 200
#: The only headers whose values are ever logged.
LOGGED_HEADERS: Final = (
    "content-length",
    "content-type",
    "ocpi-from-country-code",
    "ocpi-from-party-id",
    "ocpi-to-country-code",
    "ocpi-to-party-id",
    "traceparent",
    "user-agent",
)


class Direction(StrEnum):
    """Which way a request goes, or which part of the gateway answers it."""

    INGRESS = "ingress"
    EGRESS = "egress"
    VERSIONS = "versions"
    CREDENTIALS = "credentials"
    CALLBACK = "callback"
    NONE = "none"


@dataclass(slots=True)
class Call:
    """One request; filled in while it is handled, then handed to `gateway.observe.access.CallLog`.

    Attributes:
        path: without the query, which may hold what must not be logged.
        source: the address it came from.
        partner: its name, once authenticated or found.
        status_code: of an OCPI envelope that the gateway made itself.
        fault: who has to act; None where all went well.
        reason: in words, for the operator.
        started: on the monotonic clock.
        upstream_seconds: spent waiting for the other side; None where it was not asked.
        client_seconds: spent waiting for whoever asked to send or take a body.
        total_seconds: set at the end.
    """

    direction: Direction
    method: str
    path: str
    request_id: str
    correlation_id: str
    started: float
    source: str = ""
    partner: str = ""
    module: str = ""
    version: str = ""
    interface_role: str = ""
    http_status: int = 0
    status_code: int | None = None
    fault: Fault | None = None
    reason: str = ""
    upstream_seconds: float | None = None
    client_seconds: float = 0.0
    total_seconds: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def own_seconds(self) -> float:
        """The part of the time that was the gateway's own."""
        return max(0.0, self.total_seconds - (self.upstream_seconds or 0.0) - self.client_seconds)

    def waited_upstream(self, seconds: float) -> None:
        """Add time spent waiting for the other side."""
        self.upstream_seconds = (self.upstream_seconds or 0.0) + seconds

    def fields(self) -> dict[str, Any]:
        """What goes to the log; whatever is empty is left out."""
        upstream = self.upstream_seconds
        fields = {
            "direction": self.direction.value,
            "method": self.method,
            "path": self.path,
            "source": self.source,
            "http_status": self.http_status,
            "status_code": self.status_code,
            "partner": self.partner,
            "module": self.module,
            "version": self.version,
            "interface_role": self.interface_role,
            "request_id": self.request_id,
            "correlation_id": self.correlation_id,
            "own_ms": round(self.own_seconds * _MILLI, 2),
            "upstream_ms": None if upstream is None else round(upstream * _MILLI, 2),
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "fault": self.fault.value if self.fault else None,
            "reason": self.reason,
            "headers": loggable(self.headers),
        }
        return {name: value for name, value in fields.items() if value not in (None, "", {})}


#: The request that the running task handles; None outside of requests.
current_call: ContextVar[Call | None] = ContextVar("current_call", default=None)


def loggable(headers: Mapping[str, str]) -> dict[str, str]:
    """Pick the headers that may be logged; names compare without case."""
    lowered = {name.lower(): value for name, value in headers.items()}
    return {name: lowered[name][:_MAX_VALUE] for name in LOGGED_HEADERS if name in lowered}
