"""A sample legacy CPO system: `python -m gateway.demo.backend`. The demonstration and compose.example.yaml use it.

It is what the gateway is made for: it has authentication of its own, knows nothing of OCPI credentials, links pages by
its own internal address, and calls partners through the gateway's private listener with the egress token. Its defaults
fit config.example.yaml.

    POST /control/push-cdr     {"partner": "DE-ABC", "id": "CDR1"}   send a CDR, then fetch it from its Location
    POST /control/pull-tokens  {"partner": "DE-ABC", "limit": 2}     fetch a partner's drivers' cards, page by page
    POST /control/finish-commands  {}                                wait until all results of commands are delivered
"""

import argparse
import asyncio
import logging
import os
import socket
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.demo import samples
from gateway.demo.caller import Caller, UnexpectedAnswerError
from gateway.demo.report import BACKEND, Reporter
from gateway.demo.serving import control_routes, not_found, respond, respond_page, serve, telling
from gateway.demo.words import read_document
from gateway.net.client import backend_client
from gateway.ocpi.envelope import Answer
from gateway.ocpi.errors import GatewayError

_LOG = logging.getLogger(__name__)
_COMMAND_TIMEOUT_SECONDS: Final = 30
_CHARGE_POINT_SECONDS: Final = 0.3
_BASE: Final = "/ocpi"


class Backend:
    """The system: its objects in memory, its interfaces, and what it does on its own."""

    def __init__(
        self, caller: Caller, tasks: asyncio.TaskGroup, *, authorization: str, egress_token: str, gateway_url: str
    ) -> None:
        self._caller = caller
        self._tasks = tasks
        self._authorization = authorization
        self._headers = {"Authorization": f"Token {egress_token}"}
        self._gateway_url = gateway_url.rstrip("/")
        self._cards: dict[str, Any] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._lists = {
            "locations": samples.locations(),
            "tariffs": samples.tariffs(),
            "sessions": samples.sessions(),
            "cdrs": [samples.cdr("CDR0")],
        }

    def application(self) -> web.Application:
        """The system as a web application; every path needs its authorization, the control path too."""
        application = web.Application(middlewares=[telling(self._caller.reporter), self._guard])
        application.add_routes(
            [
                web.get(_BASE + "/{module:locations|tariffs|sessions|cdrs}", self._list),
                web.get(_BASE + "/{module:locations}/{identifier}", self._one),
                web.get(_BASE + "/tokens/{country_code}/{party_id}/{uid}", self._card),
                web.put(_BASE + "/tokens/{country_code}/{party_id}/{uid}", self._keep_card),
                web.post(_BASE + "/commands/{command}", self._command),
                *control_routes(
                    self._caller.reporter,
                    {
                        "push-cdr": self._push_cdr,
                        "pull-tokens": self._pull_tokens,
                        "finish-commands": self._finish_commands,
                    },
                ),
            ]
        )
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Authorization") != self._authorization:
            return web.json_response({"error": "wrong authorization"}, status=401)
        return await handler(request)

    async def _list(self, request: web.Request) -> web.Response:
        objects = self._lists[request.match_info["module"]]
        return respond_page(request, objects, url=str(request.url.with_query(None)))

    async def _one(self, request: web.Request) -> web.Response:
        wanted = request.match_info["identifier"]
        found = [document for document in self._lists[request.match_info["module"]] if document["id"] == wanted]
        return respond(Answer.success(found[0])) if found else not_found()

    async def _card(self, request: web.Request) -> web.Response:
        card = self._cards.get(request.path)
        return respond(Answer.success(card)) if card else not_found()

    async def _keep_card(self, request: web.Request) -> web.Response:
        self._cards[request.path] = await request.json()
        return respond(Answer.success())

    async def _command(self, request: web.Request) -> web.Response:
        """Accept a command; its result follows when the charge point has carried it out."""
        document = await request.json()
        task = self._tasks.create_task(self._carry_out(document["response_url"]))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return respond(Answer.success({"result": "ACCEPTED", "timeout": _COMMAND_TIMEOUT_SECONDS}))

    async def _carry_out(self, response_url: str) -> None:
        await asyncio.sleep(_CHARGE_POINT_SECONDS)
        try:
            await self._caller.call("POST", response_url, headers=self._headers, document={"result": "ACCEPTED"})
        except GatewayError as error:  # a lost result must not stop the system
            _LOG.warning("the result of a command could not be delivered: %s", error)

    async def _finish_commands(self, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        await asyncio.gather(*self._running)
        return {}

    async def _push_cdr(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        cdr = samples.cdr(arguments["id"])
        url = f"{self._gateway_url}/partners/{arguments['partner']}/receiver/cdrs"
        reply = await self._caller.call("POST", url, headers=self._headers, document=cdr)
        location = reply.headers.get("location")
        if location is None:
            raise UnexpectedAnswerError("the CDR was taken, but the answer has no Location")
        stored = await self._caller.call("GET", location, headers=self._headers)
        return {"location": location, "is_the_same": (read_document(stored.body) or {}).get("data") == cdr}

    async def _pull_tokens(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        url = f"{self._gateway_url}/partners/{arguments['partner']}/sender/tokens?limit={arguments['limit']}"
        return (await self._caller.pull(url, headers=self._headers)).summary()


async def main(options: argparse.Namespace) -> None:
    """Run the system until SIGTERM."""
    reporter = Reporter(BACKEND)
    reporter.book.name(options.authorization.rpartition(" ")[2], "the backend's own authorization")
    reporter.book.name(options.egress_token, "the egress token")
    with socket.create_server((options.host, options.port)) as listener:
        async with backend_client(connect_seconds=5, answer_seconds=20) as client, asyncio.TaskGroup() as tasks:
            backend = Backend(
                Caller(client, reporter),
                tasks,
                authorization=options.authorization,
                egress_token=options.egress_token,
                gateway_url=options.gateway_url,
            )
            await serve(backend.application(), listener, reporter)


def read_options() -> argparse.Namespace:
    """Read the command line; without options, BACKEND_TOKEN and EGRESS_TOKEN count, as in config.example.yaml."""
    environment = os.environ
    parser = argparse.ArgumentParser(prog="python -m gateway.demo.backend", description="A sample legacy CPO system.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=9000, help="port to listen on, 0 for a free one (default: 9000)")
    parser.add_argument(
        "--authorization",
        default=f"Token {environment.get('BACKEND_TOKEN', 'development-backend-token')}",
        help="Authorization header that it demands (default: 'Token $BACKEND_TOKEN')",
    )
    parser.add_argument(
        "--egress-token",
        default=environment.get("EGRESS_TOKEN", "development-egress-token"),
        help="what it presents to the gateway (default: $EGRESS_TOKEN)",
    )
    parser.add_argument(
        "--gateway-url",
        default=environment.get("GATEWAY_PRIVATE_URL", "http://127.0.0.1:8081"),
        help="the gateway's private listener (default: $GATEWAY_PRIVATE_URL, else http://127.0.0.1:8081)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(read_options()))
