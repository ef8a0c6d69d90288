"""Turns away at once what presents no good token: a flood of that is to cost less than what it displaces.

It answers as `gateway.app.public` does, and takes only what needs no more than a look into memory (hardening.md, H2).
"""

from time import monotonic
from typing import Final
from uuid import uuid4

from gateway.app.answering import UNAUTHORIZED
from gateway.app.limits import TrafficLimits
from gateway.app.surface import Surface
from gateway.net.connection import Connection
from gateway.net.http1 import RequestHead, as_lines, status_line
from gateway.observe.access import Kind
from gateway.observe.call import Call, Direction
from gateway.ocpi.errors import Fault
from gateway.ocpi.paths import FunctionalPath
from gateway.ocpi.timestamps import Clock
from gateway.store.gatekeeper import Gatekeeper, Refusal

_START: Final = (
    status_line(UNAUTHORIZED.http_status)
    + as_lines({**UNAUTHORIZED.headers, "Content-Type": "application/json"})
    + "X-Request-ID: "
)


class Turnstile:
    """Refuses requests."""

    def __init__(self, gatekeeper: Gatekeeper, limits: TrafficLimits, surface: Surface, clock: Clock) -> None:
        self._gatekeeper = gatekeeper
        self._limits = limits
        self._surface = surface
        self._calls = surface.calls
        self._auth_failed = surface.metrics.traffic.auth_failed
        self._clock = clock
        self._body, self._good_until = b"", 0.0

    def refuses(self, client: Connection, head: RequestHead, path: FunctionalPath, bytes_in: int) -> bool:
        """Answer a request whose token is certainly no good; False where nothing was done."""
        started, headers = monotonic(), head.form.headers
        refusal = self._gatekeeper.refusal_at_once(head.authorization or head.headers.get("authorization"))
        if refusal is None or self._limits.counts_sources:
            return False
        source = self._surface.source_of(client.source, headers)
        if refusal is Refusal.UNKNOWN and self._limits.may_look(source):
            return False
        self._limits.refused_token(source)
        self._calls.in_flight[Direction.INGRESS] += 1
        self._auth_failed(refusal)
        request_id, correlation_id = head.request_id or str(uuid4()), head.correlation_id or str(uuid4())
        body = self._body if started < self._good_until else self._new_body(started)
        raw = (
            f"{_START}{request_id}\r\nX-Correlation-ID: {correlation_id}\r\n{client.server.date()}"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode("latin-1")
        client.write(raw + body)
        key = (source, path.module, refusal)
        kind: Kind | None = head.form.facts.get(key)
        if kind is None:
            kind = self._calls.kind_of(_call(head, path, source, (request_id, correlation_id), refusal))
            head.form.facts.keep(key, kind)
        lasted = monotonic() - started
        if not self._calls.answered(
            kind,
            lasted,
            head.target,
            UNAUTHORIZED.http_status,
            request_id,
            correlation_id,
            lasted,
            None,
            0,
            0,
            str(bytes_in) if "content-length" in headers else None,
        ):
            call = _call(head, path, source, (request_id, correlation_id), refusal)
            call.total_seconds = lasted
            self._calls.log(call)
        return True

    def _new_body(self, now: float) -> bytes:
        """Good for a second, as its timestamp is."""
        moment = self._clock()
        self._body = UNAUTHORIZED.body(moment)
        self._good_until = now + 1 - moment.microsecond / 1_000_000
        return self._body


def _call(head: RequestHead, path: FunctionalPath, source: str, ids: tuple[str, str], refusal: Refusal) -> Call:
    call = Call(Direction.INGRESS, head.method, head.target.partition("?")[0], *ids, 0.0)
    call.source = source
    call.version, call.interface_role, call.module, _, _ = path
    call.http_status, call.status_code = UNAUTHORIZED.http_status, int(UNAUTHORIZED.status_code)
    call.fault, call.reason, call.headers = Fault.PARTNER, str(refusal), head.headers
    return call
