"""Carrying requests to one other side: where a URL leads, a connection, and a relay that joins it to the request."""

import asyncio
from collections.abc import Coroutine
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from gateway import __version__
from gateway.net.address import AddressPolicy, UrlRefusedError
from gateway.net.failures import FAILURES, explain
from gateway.net.http1 import CHUNKED
from gateway.net.outbound import Outbound
from gateway.net.pool import Destination, Pool
from gateway.net.request import Request
from gateway.observe.call import Call
from gateway.proxy import refusals
from gateway.proxy.breaker import Breakers
from gateway.proxy.relay import Relay
from gateway.proxy.sides import Bounds, Done, MakeHead, OtherSide

#: For requests that come without one.
USER_AGENT: Final = f"User-Agent: ocpi-gateway/{__version__}\r\n"


class Place(NamedTuple):
    """Where a request goes: whom to connect to, how the `Host` header calls it, and the request target."""

    destination: Destination
    host: str
    target: str


class Exchange:
    """Carries requests to one other side."""

    def __init__(
        self, pool: Pool, side: OtherSide, bounds: Bounds, breakers: Breakers, policy: AddressPolicy | None = None
    ) -> None:
        self.pool = pool
        self.policy = policy
        self.side = side
        self.bounds = bounds
        self.breakers = breakers

    def carry(
        self,
        request: Request,
        call: Call,
        *,
        place: "Place",
        headers: str,
        answer_head: MakeHead,
        done: Done,
        body: bytes | None = None,
    ) -> Coroutine[Any, Any, None] | None:
        """Send a request on and stream its answer back; at once where a connection is open, else by what it gives.

        Args:
            place: where it goes, from `located`.
            headers: all that go out beside `Host` and the framing of the body, as whole lines.
            done: told once when nothing more will happen; with a refusal where nothing was answered.
            body: what goes out instead of the request's own body.

        Raises:
            RefusedError: nothing was sent, and nothing was answered; also from what it gives.
        """
        if request.head.length > self.bounds.body_bytes:
            raise refusals.too_large(self.bounds.body_bytes, fault=self.side.asker)
        destination = place.destination
        breaker = self.breakers.of(destination.partner)
        if not breaker.admits():
            raise self.side.gone()
        relay = Relay(self.side, self.bounds, request, call, breaker, answer_head=answer_head, done=done)
        head = _write_head(request, place, headers, body)
        connection = self.pool.idle(destination)
        if connection is not None:
            relay.start(connection, head, body)
            return None
        return self._carry(relay, request, destination, head, body)

    def take_over(
        self,
        request: Request,
        call: Call,
        connection: Outbound,
        *,
        answer_head: MakeHead,
        done: Done,
        since: float,
    ) -> Relay:
        """Relay the answer to a request that was sent already, at a moment on the monotonic clock."""
        breaker = self.breakers.of(connection.destination.partner)
        relay = Relay(self.side, self.bounds, request, call, breaker, answer_head=answer_head, done=done)
        relay.take_over(connection, since)
        return relay

    async def carried(self, request: Request, call: Call, **how: Any) -> int:
        """`carry`, and wait for its end; gives the HTTP status that was answered, 0 where the client went first.

        Raises:
            RefusedError: nothing was answered.
        """
        ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

        def done(refusal: Exception | None) -> None:
            if not ended.done():
                ended.set_result(refusal)

        opening = self.carry(request, call, done=done, **how)
        if opening is not None:
            await opening
        refusal = await ended
        if refusal is not None:
            raise refusal
        return call.http_status

    def located(self, url: str, partner: str = "") -> "Place":
        """Where a URL leads.

        Args:
            url: exactly as it is to be sent.
            partner: whose rules of the address policy apply.

        Raises:
            RefusedError: the address policy stands against it, or it leads nowhere.
        """
        origin, target = _split(url)
        try:
            if self.policy is not None:
                self.policy.check_target(url, partner=partner or None)
            return Place(*_located(origin, partner), target)
        except UrlRefusedError as error:
            raise self.side.refusal(error) from None
        except ValueError:
            raise self.side.refusal(UrlRefusedError("the URL can not be read")) from None

    async def _carry(
        self, relay: Relay, request: Request, destination: Destination, head: bytes, body: bytes | None
    ) -> None:
        """Open a connection; one that is turned away is tried again once for a GET, for a push never."""
        again = request.method == "GET" and body is None and not request.has_body
        while True:
            try:
                connection = await self.pool.open(destination)
            except FAILURES as error:
                failure = explain(error)
                if again and failure.turned_away:
                    again = False
                    continue
                relay.breaker.failed(failure.cause)
                raise self.side.refusal(error) from None
            finally:
                relay.waited()
            relay.start(connection, head, body)
            return


def _split(url: str) -> tuple[str, str]:
    """Origin and request target of a URL, exactly as written."""
    start = url.find("//") + 2
    slash, mark = url.find("/", start), url.find("?", start)
    if slash < 0 or 0 <= mark < slash:
        return (url, "/") if mark < 0 else (url[:mark], f"/{url[mark:]}")
    return url[:slash], url[slash:]


@lru_cache(maxsize=4096)
def _located(origin: str, partner: str) -> tuple[Destination, str]:
    """Where an origin is, and how it is called in a Host header."""
    parts = urlsplit(origin)
    secure, host = parts.scheme == "https", parts.hostname or ""
    usual = 443 if secure else 80
    port = parts.port or usual
    shown = f"[{host}]" if ":" in host else host
    return Destination(secure, host, port, partner), shown if port == usual else f"{shown}:{port}"


def _write_head(request: Request, place: Place, headers: str, body: bytes | None) -> bytes:
    """The head of a request as it goes out."""
    length = request.head.length if body is None else len(body)
    if length > 0 or body is not None or "content-length" in request.headers:
        framing = f"Content-Length: {length}\r\n"
    else:
        framing = "Transfer-Encoding: chunked\r\n" if length == CHUNKED else ""
    _, host, target = place
    return f"{request.method} {target} HTTP/1.1\r\nHost: {host}\r\n{headers}{framing}\r\n".encode("latin-1")
