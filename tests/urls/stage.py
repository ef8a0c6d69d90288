"""A whole gateway as in production, between a partner whose every answer can be bent and a legacy system.

partner's front   https://own.example:PORT, on 127.0.0.1, certified by an authority that the gateway trusts
gateway           development is off; rules open exactly that front, and name the tripwire's port for an address that
                  nobody has, so that no spelling is refused for its port alone
"""

import json
import os
import ssl
from contextlib import asynccontextmanager

import aiohttp
import pytest
import structlog
import trustme
from aiohttp import web

from gateway.app.server import running
from gateway.app.verbs import operations
from gateway.config import load_text
from tests.app.conftest import Running, document_of
from tests.e2e.rig import EGRESS_TOKEN, Backend
from tests.platform import Platform, ocpi
from tests.urls.spellings import NAMES, fit_for_a_header, spellings
from tests.urls.tripwire import Names, tripwire

#: With this variable set to 1 every spelling goes through every entry point; else each takes a third of them or more.
EVERY = "OCPI_GATEWAY_EVERY_SPELLING"

OWN = "own.example"
#: Not the tripwire's address: whatever port of its own host the backend names, it means.
BACKEND = "backend.internal"
PUBLIC_URL = "https://gateway.example"
PARTNERS = [f"partner{number}" for number in range(500)]
_LITERALS = ("localhost", "127.0.0.1", "::1", "169.254.169.254")


class Front(Platform):
    """The partner's platform, over TLS and under a name.

    Attributes:
        certificates: organisations of the client certificates that it was shown, None where there was none.
        commands: that came.
    """

    def __init__(self, context, *, host=OWN):
        super().__init__()
        self.endpoints = {"tokens": "SENDER", "cdrs": "RECEIVER", "commands": "RECEIVER"}
        self._context = context
        self.host = host
        self.certificates = []
        self.commands = []

    async def __aenter__(self):
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context).start()
        self.port = self._runner.addresses[0][1]
        self.url = f"https://{self.host}:{self.port}"
        self.http = aiohttp.ClientSession()  # noqa: TID251 - the platform's own client
        return self

    async def _answer(self, request):
        shown = request.transport.get_extra_info("peercert") or {}
        names = dict(pair for part in shown.get("subject", ()) for pair in part)
        self.certificates.append(names.get("organizationName"))
        if request.path.startswith("/commands/"):
            self.commands.append(await request.json())
        return await super()._answer(request)


class Stage:
    """Everything on it, and what tests do there. An answer is `(HTTP status, OCPI status code, message)`.

    Attributes:
        partner: what the front's platform is called; another name for each test, because a long history is slow.
    """

    def __init__(self, *, gateway, front, backend, wire, names, authority):
        self.gateway = gateway
        self.front = front
        self.backend = backend
        self.wire = wire
        self.names = names
        self.authority = authority
        self.partner = ""
        self._partners = iter(PARTNERS)

    @property
    def spellings(self):
        return spellings(tripwire=self.wire.port, own=OWN, front=self.front.port)

    @property
    def header_spellings(self):
        """Those that can be written into a header."""
        return list(filter(fit_for_a_header, self.spellings))

    def third(self, turn, *, in_header=False):
        """Every third spelling, beginning with the first, second or third; what takes a handshake each is slow."""
        found = self.header_spellings if in_header else self.spellings
        return found if os.environ.get(EVERY) == "1" else found[turn::3]

    def give_endpoint(self, url, module="tokens"):
        """Let the front's version details give this URL for a module."""
        details = self.front.details
        for endpoint in details["endpoints"]:
            if endpoint["identifier"] == module:
                endpoint["url"] = url
        self.front.answers["/2.2.1"] = (200, ocpi(details), {})

    def give_version(self, url):
        """Let the front's version list give this URL for the details."""
        self.front.answers["/versions"] = (200, ocpi([{"version": "2.2.1", "url": url}]), {})

    def redirect(self, path, url, http_status):
        """Let the front redirect from a path of its own."""
        self.front.answers[path] = (http_status, b"", {"Location": url})

    async def invite(self):
        """Invite the partner."""
        self.front.token_a = (await self.gateway.verbs.invite(self.partner)).invitation_token

    async def register(self):
        """Let the partner register with the gateway."""
        await self.invite()
        answer = await self.post()
        assert answer[:2] == (200, 1000), answer

    async def post(self, *, url=None):
        """Let the partner register with TOKEN_A; gives the answer."""
        return await self._present("POST", self.front.token_a, url)

    async def put(self, *, url=None):
        """Let the partner renew its credentials; gives the answer."""
        return await self._present("PUT", self.front.token_c, url)

    async def _present(self, method, token, url):
        document = self.front.credentials if url is None else {**self.front.credentials, "url": url}
        http_status, envelope = await self.front.register(
            self.gateway.public_url, token_a=token, method=method, document=document
        )
        return http_status, envelope["status_code"], envelope["status_message"]

    async def ask_partner(self, path, *, method="GET", document=None):
        """Call the partner as the backend does; gives the answer, and its headers."""
        url = f"{self.gateway.private_url}/partners/{self.partner}/{path}"
        return await self.ask(url, method=method, document=document)

    async def ask(self, url, *, method="GET", document=None):
        """Call a URL of the private listener as the backend does; gives the answer, and its headers."""
        assert url.startswith(f"{self.gateway.private_url}/"), url
        http_status, envelope, headers = await self.front.call(
            method, url, header=f"Token {EGRESS_TOKEN}", document=document
        )
        said = envelope or {"status_code": None}
        return (http_status, said["status_code"], said.get("status_message", "")), headers

    def reasons(self):
        """What the operator read since this was last asked."""
        told = [str(line.get("reason") or "") for line in self.gateway.log]
        self.gateway.log.clear()
        return list(filter(None, told))

    def another_partner(self):
        """Call the front's platform by another name from now on."""
        self.partner = next(self._partners)

    def begin(self):
        """Forget what an earlier test left."""
        self.another_partner()
        self.names.turns.clear()
        for forgotten in (
            self.front.answers,
            self.front.requests,
            self.front.posted,
            self.wire.attempts,
            self.gateway.log,
        ):
            forgotten.clear()
        self.backend.requests.clear()
        self.wire.connections = 0


def settings_for(front_port, wire_port, authority, folder, **more):
    """The configuration beside what every gateway of the tests has."""
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return {
        "development": False,
        "public_url": PUBLIC_URL,
        "outbound": {"ca_file": str(folder / "ca.pem")},
        "partner_check": {"enabled": False},
        "egress": {
            "allow": [
                {"cidr": "127.0.0.1/32", "hosts": [OWN], "ports": [front_port]},
                {"cidr": "203.0.113.7/32", "ports": [wire_port]},
            ]
        },
        # Host binding would refuse most spellings first; here the address policy has to.
        "partners": {name: {"allowed_hosts": [*NAMES, *_LITERALS]} for name in PARTNERS},
        **more,
    }


@asynccontextmanager
async def started(document):
    """A gateway in this process."""
    config = load_text(json.dumps(document), source="test", environ={}).config
    with structlog.testing.capture_logs() as log:
        async with running(config, structlog.get_logger()), operations(config, remark=log.append) as verbs:
            yield Running(config, verbs, log)


@asynccontextmanager
async def staged(folder, **more):
    """The stage with everything on it."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(OWN).configure_cert(context)
    names = Names({**NAMES, OWN: ("127.0.0.1",), BACKEND: ("127.0.0.1",)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("socket.getaddrinfo", names.getaddrinfo)
        async with tripwire() as wire, Backend() as backend, Front(context) as front:
            settings = settings_for(front.port, wire.port, authority, folder, **more)
            document = document_of(folder / "gateway.db", backend.url.replace("127.0.0.1", BACKEND), **settings)
            document["backend"]["modules"]["chargingprofiles"] = {"role": "RECEIVER"}
            async with started(document) as gateway:
                wire.expect(front.port, *(each["port"] for each in document["listen"].values()))
                wire.expect(int(backend.url.split(":")[2].split("/")[0]))
                yield Stage(gateway=gateway, front=front, backend=backend, wire=wire, names=names, authority=authority)
