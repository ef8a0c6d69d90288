"""One connection of a client, and its requests: where aiohttp's own behaviour is corrected.

Reaches into aiohttp where it leaves no other way; tests/net/test_server.py holds every such place by its effect on
the wire, so that a new version that moves something fails there.
"""

import asyncio
import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.http_exceptions import BadHttpMethod, HttpProcessingError, LineTooLong
from aiohttp.web_protocol import ERROR, RequestHandler, RequestPayloadError, _ErrInfo
from multidict import CIMultiDict

from gateway.ocpi.vocabulary import METHODS

if TYPE_CHECKING:
    from gateway.net.server import GatewayServer

#: A whole request line as aiohttp's parser quotes it, of which then only the method can be wrong.
_REQUEST_LINE: Final = re.compile(r"b'[A-Za-z0-9!#$%&*+.^_`|~-]+ \S+ HTTP/1\.[01]'")
_MESSAGE_ID: Final = re.compile(rb"(?mi)^(X-Request-ID|X-Correlation-ID):[ \t]*([!-~]+)[ \t]*\r?$")
_BAD_REQUEST: Final = 400
_METHOD_NOT_ALLOWED: Final = 405
_HEADERS_TOO_LARGE: Final = 431
#: How long, and how much of, what a client still sends is thrown away, so that it gets to read an early answer.
_LINGER_SECONDS: Final = 2.0
_LINGER_BYTES: Final = 2**20


class IncomingRequest(web.BaseRequest):
    """A request that decides whether its connection lives on."""

    @property
    def keep_alive(self) -> bool:
        """Close after HTTP/1.0 (R9), a chunked or upgrading request (T1), a body not here yet, and while drained."""
        message = self._message
        if message.version < HttpVersion11 or message.chunked or message.upgrade or not self._payload.is_eof():
            return False
        return super().keep_alive and not self.protocol.server.closing  # type: ignore[attr-defined]

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers.popall("Server", None)
        if self._message.version not in {HttpVersion10, HttpVersion11}:  # refused, and not to be answered in kind (R9)
            self._cache["version"] = HttpVersion11


class Connection(RequestHandler):
    """aiohttp's protocol with a deadline for heads, envelopes for errors, and early answers that can be read."""

    __slots__ = ("_head_size", "_head_timer", "_lingered", "_lingering", "_refused_ids", "server", "source")

    def __init__(self, server: "GatewayServer", **options: Any) -> None:
        super().__init__(server, **options)
        self.server = server
        self.source = ""
        self._head_timer: asyncio.TimerHandle | None = None
        self._refused_ids: Mapping[str, str] = {}
        self._head_size = 0
        self._lingered = 0
        self._lingering: asyncio.Transport | None = None

    @property
    def busy(self) -> bool:
        """Whether a request is being handled, or its answer is still on the way."""
        return self._request_in_progress or (self.transport is not None and self.transport.get_write_buffer_size() > 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection, or close it where there are too many."""
        peer = transport.get_extra_info("peername")
        self.source = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self.server.admits(self):
            transport.close()
            return
        super().connection_made(transport)
        self.server.opened(self)
        self._start_head_timer()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give everything back; aiohttp cancels the handler."""
        self._stop_head_timer()
        super().connection_lost(exc)
        self.server.closed(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and bound time and size until a head is complete, however slowly it drips."""
        if self._lingering is not None:
            self._lingered += len(data)
            if self._lingered > _LINGER_BYTES:
                self._lingering.close()
            return
        idle = self._idle
        super().data_received(data)
        if self._messages:
            self._stop_head_timer()
            self._head_size = 0
            if isinstance(self._messages[-1][0], _ErrInfo):
                self._refused_ids = _ids_in(data)
        elif idle:
            self._head_size += len(data)
            if self._head_size > self.server.head_bytes:
                self.force_close()
            elif self._head_timer is None:
                self._start_head_timer()

    def close(self) -> None:
        """Close now if idle, else after the answer under way."""
        idle = self._idle
        super().close()
        if idle and self.transport is not None:
            self.transport.close()

    def force_close(self) -> None:
        """Close now, whatever is under way."""
        super().force_close()
        self.stop_lingering()

    def stop_lingering(self) -> None:
        """Close now if the client had its answer and is only being listened out."""
        if self._lingering is not None:
            self._lingering.close()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Write the end of an answer; where the client is still sending, let it read the answer before the close.

        A socket closed with bytes unread resets the connection, and the reset destroys the answer on its way (RFC 9112,
        section 9.6).
        """
        finished = await super().finish_response(request, resp, start_time)
        refused = request._message is ERROR  # noqa: SLF001 - by the parser: what follows is unread, too
        if not resp.keep_alive and (refused or not request._payload.is_eof()):  # noqa: SLF001
            self._linger()
        return finished

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's texts quote what the client sent
    ) -> web.StreamResponse:
        """Answer what went wrong outside of a handler's own answers as an envelope, and close."""
        if isinstance(exc, ConnectionError) and (self.transport is None or self.transport.is_closing()):
            raise exc  # the client is gone: nobody's bug, and nobody to answer
        answer = partial(
            self.server.failure_response,
            peer=self.peername[0] if isinstance(self.peername, tuple) else "",
            headers=request.headers or self._refused_ids,
        )
        if isinstance(exc, LineTooLong):
            response = answer(_HEADERS_TOO_LARGE, "a header or the URL is too long")
        elif isinstance(exc, BadHttpMethod) and _REQUEST_LINE.search(exc.message):
            response = answer(_METHOD_NOT_ALLOWED, "OCPI has no such method")
            response.headers["Allow"] = ", ".join(METHODS)
        elif isinstance(exc, RequestPayloadError | HttpProcessingError):
            response = answer(_BAD_REQUEST, "the request is not valid HTTP")
        else:
            reason = f"a handler failed: {type(exc).__name__}" if exc else "a handler ran into a time-out"
            response = answer(status, reason, error=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer was already under way")
        return response

    @property
    def _idle(self) -> bool:
        """Whether the connection waits for a request."""
        return self._waiter is not None and not self._waiter.done()

    def _linger(self) -> None:
        """Take the transport from aiohttp, which would close it, and throw away what still comes for a while."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        self.transport, self._lingering = None, transport
        super().close()  # nothing more is parsed
        if transport.can_write_eof():
            transport.write_eof()
        transport.resume_reading()
        self._loop.call_later(_LINGER_SECONDS, transport.close)

    def _start_head_timer(self) -> None:
        self._head_timer = self._loop.call_later(self.server.header_seconds, self.force_close)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def _ids_in(data: bytes) -> Mapping[str, str]:
    """The message ids in a head that the parser refused, if it came in one piece; they are only repeated."""
    found = _MESSAGE_ID.findall(data.partition(b"\r\n\r\n")[0])
    return CIMultiDict((name.decode(), value.decode()) for name, value in found)
