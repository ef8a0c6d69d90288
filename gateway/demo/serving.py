"""What both sample platforms serve with: OCPI envelopes, pages, the control path, and a server that SIGTERM stops.

The control path, `/control/...`, is how the demonstration makes a platform do something. What comes there is not told.
"""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.demo.report import Reporter
from gateway.ocpi.envelope import Answer, StatusCode
from gateway.ocpi.errors import GatewayError
from gateway.ocpi.flow import Reply

_BAD_GATEWAY: Final = 502
_PAGE: Final = 50

#: Does what the control path asks, and gives what the demonstration wants to know.
Action = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


def now() -> datetime:
    """The present moment, which only goes into the timestamps of answers."""
    return datetime.now(UTC)  # noqa: TID251 - the clock of a sample platform


def respond(answer: Answer) -> web.Response:
    """An answer as a response."""
    return web.Response(
        body=answer.body(now()),
        status=answer.http_status,
        headers=answer.headers,
        content_type="application/json",
        charset="utf-8",
    )


def respond_page(request: web.Request, objects: Sequence[Any], *, url: str) -> web.Response:
    """One page of a list, with a link to the next (OCPI 2.2.1, transport and format, Pagination).

    Args:
        url: of the list, as the platform itself calls it.
    """
    try:
        offset, limit = (int(request.query.get(name, default)) for name, default in (("offset", 0), ("limit", _PAGE)))
    except ValueError:
        return respond(Answer(400, StatusCode.INVALID_PARAMETERS, "offset and limit must be numbers"))
    offset, limit = max(0, offset), max(1, min(_PAGE, limit))
    response = respond(Answer.success(list(objects[offset : offset + limit])))
    response.headers.update({"X-Total-Count": str(len(objects)), "X-Limit": str(limit)})
    if offset + limit < len(objects):
        response.headers["Link"] = f'<{url}?offset={offset + limit}&limit={limit}>; rel="next"'
    return response


def not_found() -> web.Response:
    """The answer to a request for something that isn't there."""
    return respond(Answer(404, 2003, "There is no such object here"))


def control_routes(reporter: Reporter, actions: Mapping[str, Action]) -> list[web.RouteDef]:
    """Routes that carry out an action each: `POST /control/<name>` with its arguments as a JSON object.

    Where the arguments hold a `mark`, it is told when the action is over.
    """
    return [web.post(f"/control/{name}", _controlled(reporter, action)) for name, action in actions.items()]


def _controlled(reporter: Reporter, action: Action) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        arguments = await request.json() if request.can_read_body else {}
        try:
            return web.json_response(dict(await action(arguments)))
        except GatewayError as error:
            return web.json_response({"error": str(error)}, status=_BAD_GATEWAY)
        finally:
            if "mark" in arguments:
                reporter.mark(arguments["mark"])

    return handler


def telling(reporter: Reporter) -> Middleware:
    """Tells about every exchange in which the platform is called."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/control/"):
            return await handler(request)
        partner = request.headers.get("X-OCPI-Partner")
        exchange = reporter.incoming(
            request.method,
            request.path_qs,
            request.headers.get("Authorization"),
            await request.read(),
            remark=f"X-OCPI-Partner: {partner}" if partner else "",
        )
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = respond(Answer(error.status, 2000, error.reason))
        body = response.body if isinstance(response, web.Response) else b""
        content = body if isinstance(body, bytes) else b""
        reporter.answered(exchange, Reply(response.status, response.headers, content))
        return response

    return middleware


async def serve(application: web.Application, listener: socket.socket, reporter: Reporter) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        reporter.listening(listener.getsockname()[1])
        await stopped.wait()
    finally:
        await runner.cleanup()
