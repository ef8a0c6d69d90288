"""A sample eMSP platform: `python -m gateway.demo.emsp`. It registers with a gateway in either role, and then works.

    POST /control/register      {"versions_url": ..., "token_a": ...}   be the Sender of a handshake
    POST /control/invite        {}                                      be the Receiver: gives versions_url and token_a
    POST /control/unregister    {}                                      DELETE the credentials at the gateway
    POST /control/pull          {"module": "locations", "limit": 2}     fetch a list, page by page
    POST /control/start-session {"location_id": ...}                    send a command; gives its result_path
    POST /control/result        {"result_path": ...}                    what came there since
    POST /control/nothing       {}                                      only tell the mark
    POST /control/knock         {"name": "TOKEN_A", "url": ...}         GET with that token, whatever comes

The control path has no lock: let it listen on loopback only.
"""

import argparse
import asyncio
import secrets
import socket
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.demo import samples
from gateway.demo.caller import Caller
from gateway.demo.registrar import VERSION, Registrar
from gateway.demo.report import EMSP, Reporter
from gateway.demo.samples import PROVIDER_ROLE
from gateway.demo.serving import control_routes, not_found, respond, respond_page, serve, telling
from gateway.demo.words import read_document
from gateway.net.client import backend_client
from gateway.ocpi.authorization import header_value
from gateway.ocpi.envelope import Answer, StatusCode
from gateway.ocpi.flow import Fetch
from gateway.ocpi.partner import CredentialsRole
from gateway.ocpi.versions import write_version_details, write_versions
from gateway.ocpi.vocabulary import InterfaceRole, TokenForm

_BASE: Final = f"/ocpi/{VERSION}"
_CREDENTIALS: Final = f"{_BASE}/credentials"

#: Versions, version details and credentials: all that TOKEN_A is good for.
_CONFIGURATION: Final = frozenset({"/ocpi/versions", _BASE, _CREDENTIALS})

_MODULES: Final = (
    *((module, InterfaceRole.RECEIVER) for module in ("locations", "tariffs", "sessions", "cdrs")),
    *((module, InterfaceRole.SENDER) for module in ("tokens", "commands")),
)


class Emsp:
    """The platform: its interfaces, what it was sent, and what it does on its own.

    Args:
        role: the party that it is.
    """

    def __init__(self, caller: Caller, *, public_url: str, role: CredentialsRole = PROVIDER_ROLE) -> None:
        self._caller = caller
        self._public_url = public_url
        self._registrar = Registrar(caller, versions_url=f"{public_url}/ocpi/versions", role=role)
        self._stored: dict[str, Any] = {}

    def application(self) -> web.Application:
        """The platform as a web application."""
        application = web.Application(middlewares=[telling(self._caller.reporter), self._guard])
        application.add_routes(
            [
                web.get("/ocpi/versions", self._versions),
                web.get(_BASE, self._version_details),
                web.route("*", _CREDENTIALS, self._credentials),
                web.get(_BASE + "/sender/tokens", self._cards),
                web.post(_BASE + "/sender/commands/{command}/{uid}", self._command_result),
                web.post(_BASE + "/receiver/cdrs", self._take_cdr),
                web.get(_BASE + "/receiver/{module:cdrs|locations|tariffs|sessions}/{identifier:.+}", self._show),
                web.put(_BASE + "/receiver/{module:locations|tariffs|sessions}/{identifier:.+}", self._keep),
                *control_routes(
                    self._caller.reporter,
                    {
                        "register": self._register,
                        "invite": self._invite,
                        "unregister": self._unregister,
                        "pull": self._pull,
                        "start-session": self._start_session,
                        "result": self._result,
                        "nothing": self._nothing,
                        "knock": self._knock,
                    },
                ),
            ]
        )
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let TOKEN_A to versions and credentials only, and our token everywhere."""
        if request.path.startswith("/control/"):
            return await handler(request)
        presented = self._registrar.presented(request.headers.get("Authorization"))
        if presented is None or (presented != self._registrar.inbound_token and request.path not in _CONFIGURATION):
            return respond(Answer(401, 2000, "Unknown credentials token"))
        return await handler(request)

    async def _versions(self, _request: web.Request) -> web.Response:
        return respond(Answer.success(write_versions(self._public_url, [VERSION])))

    async def _version_details(self, _request: web.Request) -> web.Response:
        return respond(Answer.success(write_version_details(self._public_url, VERSION, _MODULES)))

    async def _credentials(self, request: web.Request) -> web.Response:
        """The credentials module; POST only while not registered, PUT and DELETE only while registered."""
        registered = self._registrar.is_registered
        if request.method == "GET":
            return respond(self._registrar.answer_get())
        if request.method == ("PUT" if registered else "POST"):
            return respond(await self._registrar.answer_post(await request.read()))
        if request.method == "DELETE" and registered:
            return respond(self._registrar.answer_delete())
        allowed = "GET, PUT, DELETE" if registered else "GET, POST"
        state = "registered" if registered else "not registered"
        return respond(Answer(405, StatusCode.CLIENT_ERROR, f"The platform is {state}", headers={"Allow": allowed}))

    async def _cards(self, request: web.Request) -> web.Response:
        return respond_page(request, samples.cards(), url=f"{self._public_url}{request.path}")

    async def _command_result(self, request: web.Request) -> web.Response:
        self._stored[request.path] = await request.json()
        return respond(Answer.success())

    async def _take_cdr(self, request: web.Request) -> web.Response:
        cdr = await request.json()
        path = f"{request.path}/{cdr['id']}"
        self._stored[path] = cdr
        response = respond(Answer.success(http_status=201))
        response.headers["Location"] = self._public_url + path
        return response

    async def _show(self, request: web.Request) -> web.Response:
        found = self._stored.get(request.path)
        return respond(Answer.success(found)) if found else not_found()

    async def _keep(self, request: web.Request) -> web.Response:
        self._stored[request.path] = await request.json()
        return respond(Answer.success())

    async def _register(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        await self._registrar.register(arguments["versions_url"], arguments["token_a"])
        return {"version": self._registrar.partner.version}

    async def _invite(self, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._registrar.invite()

    async def _unregister(self, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        await self._registrar.unregister()
        return {}

    async def _pull(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        url = self._registrar.url(arguments["module"], InterfaceRole.SENDER)
        pages = await self._caller.pull(f"{url}?limit={arguments['limit']}", headers=self._registrar.headers())
        return pages.summary()

    async def _start_session(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        path = f"{_BASE}/sender/commands/START_SESSION/{secrets.token_hex(4)}"
        document = {
            "response_url": self._public_url + path,
            "token": samples.card("CARD1"),
            "location_id": arguments["location_id"],
        }
        url = self._registrar.url("commands", InterfaceRole.RECEIVER) + "/START_SESSION"
        reply = await self._caller.call("POST", url, headers=self._registrar.headers(), document=document)
        return {"result_path": path, "result": (read_document(reply.body) or {}).get("data", {}).get("result")}

    async def _result(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return dict(self._stored.get(arguments["result_path"], {}))

    async def _nothing(self, _arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return {}

    async def _knock(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        credentials_token = self._caller.reporter.book.find(arguments["name"]) or ""
        headers = {"Authorization": header_value(credentials_token, TokenForm.BASE64)}
        reply = await self._caller.send(Fetch("knock", "GET", arguments["url"], headers))
        return {"http_status": reply.http_status}


async def main(options: argparse.Namespace) -> None:
    """Run the platform until SIGTERM."""
    reporter = Reporter(EMSP)
    with socket.create_server((options.host, options.port)) as listener:
        public_url = options.public_url or f"http://{options.host}:{listener.getsockname()[1]}"
        async with backend_client(connect_seconds=5, answer_seconds=20) as client:
            emsp = Emsp(Caller(client, reporter), public_url=public_url.rstrip("/"))
            await serve(emsp.application(), listener, reporter)


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m gateway.demo.emsp", description="A sample eMSP platform.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=9100, help="port to listen on, 0 for a free one (default: 9100)")
    parser.add_argument("--public-url", help="URL under which others reach it (default: made of host and port)")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(read_options()))
