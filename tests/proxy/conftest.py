"""The traffic path between a real backend and a real partner on loopback, on a real SQLite store."""

import asyncio
import contextlib
import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine

from gateway.config import load_text
from gateway.net.address import AddressPolicy
from gateway.net.pool import backend_pool, partner_pool
from gateway.net.request import Response
from gateway.net.server import make_server
from gateway.observe.call import Call, Direction
from gateway.ocpi.authorization import header_value
from gateway.ocpi.credentials import Credentials
from gateway.ocpi.discovery import Discovery
from gateway.ocpi.lifecycle import Accepted, Renewed
from gateway.ocpi.partner import CredentialsRole, Endpoint, Invitation, Manners
from gateway.ocpi.party import Party
from gateway.ocpi.paths import FunctionalPath, check_path, read_public_path
from gateway.ocpi.refusal import RefusedError
from gateway.ocpi.vocabulary import InterfaceRole, TokenForm
from gateway.proxy.breaker import Breakers
from gateway.proxy.egress import Egress
from gateway.proxy.ingress import Ingress
from gateway.store.changes import Ledger
from gateway.store.directory import Directory
from gateway.store.engine import Store
from gateway.store.keys import open_vault
from gateway.store.migrate import migrate
from gateway.store.vault import Keyring
from tests.proxy import wire

KEYRING = Keyring([b"k" * 32])
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BACKEND_AUTHORIZATION = "Token what-the-legacy-system-wants"
EGRESS_TOKEN = "what-the-legacy-system-presents"
OUTBOUND_TOKEN = "outbound-token-of-the-partner"
PARTNERS_ROLES = ("EMSP:DE-ABC", "CPO:DE-XYZ")

MODULES = {
    "locations": {"role": ["SENDER", "RECEIVER"]},
    "sessions": {"role": ["SENDER", "RECEIVER"], "path": "/v2/sessions"},
    "cdrs": {"role": "SENDER"},
    "tariffs": {"role": "RECEIVER"},
    "tokens": {"role": "RECEIVER"},
    "commands": {"role": ["SENDER", "RECEIVER"]},
    "chargingprofiles": {"role": "RECEIVER"},
}


class Noted:
    """Notes what answers show about outbound tokens, and falls back as long as there is something to fall back to."""

    def __init__(self):
        self.findings = []

    def fallback(self, partner):
        return partner.previous_outbound_token

    async def accepted(self, partner):
        self.findings.append(("accepted", partner.name))

    async def refused(self, partner, *, former_too=False):
        self.findings.append(("both refused" if former_too else "refused", partner.name))


class Rig:
    """A gateway's traffic path with everything around it; the tests change what they are about."""

    def __init__(self, *, store, backend, partner):
        self.store = store
        self.backend = backend
        self.partner = partner
        self.now = NOW
        self.calls = []
        self.failures = []
        self.standing = Noted()
        self.settings = {}
        self.public_port = self.private_port = 0
        self.monotonic, self.changes = 0.0, []

    def clock(self):
        return self.now

    @property
    def call(self):
        """The record of the newest request."""
        return self.calls[-1]

    @property
    def public_url(self):
        return f"http://127.0.0.1:{self.public_port}"

    @property
    def private_url(self):
        return f"http://127.0.0.1:{self.private_port}"

    def configure(self, **changes):
        """Build both directions anew, as a restart would; keys are those of the configuration, dots for nesting."""
        self.settings |= changes
        document = {
            "public_url": self.public_url,
            "private_url": self.private_url,
            "development": True,
            "parties": [
                {"role": role, "country_code": "NL", "party_id": party_id, "business_details": {"name": "Example"}}
                for role, party_id in (("EMSP", "EMS"), ("CPO", "CPO"))
            ],
            "backend": {
                "url": f"{self.backend.url}/ocpi",
                "authorization": BACKEND_AUTHORIZATION,
                "egress_token": EGRESS_TOKEN,
                "modules": MODULES,
            },
            "timeouts": {"backend_answer_seconds": 10, "partner_answer_seconds": 10},
        }
        for key, value in self.settings.items():
            section = document
            *parents, last = key.split("__")
            for parent in parents:
                section = section.setdefault(parent, {})
            section[last] = value
        config = load_text(json.dumps(document), source="test", environ={}).config
        common = {"config": config, "store": self.store, "vault": self.vault, "clock": self.clock}
        breaker = dict(config.breaker) | {"monotonic": lambda: self.monotonic}
        common["breakers"] = Breakers(
            on_gone=lambda name: self.changes.append(("gone", name)),
            on_back=lambda name: self.changes.append(("back", name)),
            **breaker,
        )
        self.ingress = Ingress(pool=self.to_backend, policy=self.policy, **common)
        self.egress = Egress(
            pool=self.to_partner, policy=self.policy, directory=self.directory, standing=self.standing, **common
        )

    async def register(
        self,
        name="acme",
        *,
        roles=PARTNERS_ROLES,
        modules=("locations", "sessions", "cdrs", "tokens", "commands", "chargingprofiles", "hubclientinfo"),
        endpoints=(),
        token=OUTBOUND_TOKEN,
        form=TokenForm.BASE64,
        change=Accepted,
        hosts=(),
        noticed=True,
    ):
        """Register the partner's platform, or renew its credentials; unless noticed, as another process would."""
        endpoints = endpoints or tuple(
            Endpoint(module, role, f"{self.partner.url}/ocpi/2.2.1/{role.path_segment}/{module}")
            for module in modules
            for role in InterfaceRole
        )
        discovery = Discovery("2.2.1", f"{self.partner.url}/versions", tuple(endpoints), Manners(form, form))
        credentials = Credentials(
            token,
            f"{self.partner.url}/versions",
            tuple(
                CredentialsRole(role, Party.parse(party)) for role, _, party in (each.partition(":") for each in roles)
            ),
        )

        def write(connection):
            ledger = self.ledger(connection)
            if change is Accepted:
                ledger.invite(
                    name,
                    invitation_token=self.vault.new_token(),
                    invitation=Invitation(hosts=frozenset(hosts)),
                    expires_at=self.now + timedelta(days=1),
                )
            ledger.apply(ledger.partner(name), change(credentials, discovery, self.vault.new_token()))

        await self.store.write(write)
        if noticed:
            await self.directory.refresh()
        return self.directory.named(name)

    async def renew(self, name="acme", **changes):
        return await self.register(name, change=Renewed, **changes)

    async def change(self, work):
        """Change records through the ledger: `await rig.change(lambda ledger: ...)`."""
        await self.store.write(lambda connection: work(self.ledger(connection)))
        await self.directory.refresh()

    def ledger(self, connection):
        return Ledger(connection, self.vault, now=self.now, actor="test")

    async def ingress_request(self, method, rest, *headers, body=b"", name="acme", version="2.2.1"):
        """What a partner asks below `/ocpi/{version}`; the authentication is the caller's, so it is just believed."""
        return await self.as_partner(wire.request(method, f"/ocpi/{version}{rest}", *headers, body=body), name=name)

    async def as_partner(self, raw, name="acme"):
        self.asking = name
        return await wire.send(self.public_port, raw)

    async def egress_request(self, method, target, *headers, body=b"", token=f"Token {EGRESS_TOKEN}"):
        authorization = [f"Authorization: {token}"] if token else []
        return await wire.send(self.private_port, wire.request(method, target, *authorization, *headers, body=body))

    async def follow(self, url, method="GET", **more):
        """Ask for a URL that the gateway handed out, at the listener that it leads to."""
        for base, ask in ((self.public_url, self.as_partner), (self.private_url, None)):
            if url.startswith(f"{base}/"):
                target = url.removeprefix(base)
                if ask is None:
                    return await self.egress_request(method, target, **more)
                return await ask(wire.request(method, target, **more))
        raise AssertionError(f"{url} leads out of the gateway")

    def _public(self, request):
        try:
            check_path(request.target)
        except ValueError as error:
            return request.respond(Response(400, body=str(error).encode()))
        target = read_public_path(request.target)
        assert isinstance(target, FunctionalPath), request.target
        request.send_continue()
        partner = self.directory.named(self.asking)
        return self._answered(
            request, Direction.INGRESS, lambda call: self.ingress.forward(request, call, partner, target)
        )

    def _private(self, request):
        return self._answered(request, Direction.EGRESS, lambda call: self.egress.handle(request, call))

    def _answered(self, request, direction, handle):
        call = Call(
            direction=direction,
            method=request.method,
            path=request.target,
            request_id=request.headers.get("x-request-id") or "made-request-id",
            correlation_id=request.headers.get("x-correlation-id") or "made-correlation-id",
            started=0.0,
        )
        self.calls.append(call)
        request.context, request.on_refused = call, self._refuse
        try:
            handling = handle(call)
        except RefusedError as error:
            return self._refuse(request, error)
        return handling and self._later(request, handling)

    async def _later(self, request, handling):
        try:
            await handling
        except RefusedError as error:
            self._refuse(request, error)

    def _refuse(self, request, error):
        call = request.context
        call.fault, call.reason = error.fault, str(error)
        headers = {**error.answer.headers, "Content-Type": "application/json"}
        request.respond(Response(error.answer.http_status, headers, error.answer.body(self.now)))

    @contextlib.asynccontextmanager
    async def running(self):
        loop = asyncio.get_running_loop()
        servers = []
        for handler in (self._public, self._private):
            made = make_server(handler, clock=self.clock, on_failure=self.failures.append)
            servers.append((made, await loop.create_server(made, "127.0.0.1", 0)))
        self.public_port, self.private_port = (listening.sockets[0].getsockname()[1] for _, listening in servers)
        self.vault = await self.store.read(_open)
        self.directory = Directory(self.store, self.vault)
        self.policy = AddressPolicy(development=True)
        async with (
            backend_pool(connect_seconds=5) as self.to_backend,
            partner_pool(self.policy, connect_seconds=5) as self.to_partner,
        ):
            self.configure()
            await self.register()
            yield self
            for made, listening in servers:
                listening.close()
                await made.drain(timeout_seconds=0)


def _open(connection):
    return open_vault(connection, KEYRING, now=NOW)


def envelope(message):
    """HTTP status and OCPI status code of an answer of the gateway's own, which must be whole."""
    document = json.loads(message.body)
    assert document["status_message"]
    assert document["timestamp"]
    return message.http_status, document["status_code"]


def says(message):
    return json.loads(message.body)["status_message"]


def token_header(form=TokenForm.BASE64, token=OUTBOUND_TOKEN):
    return header_value(token, form)


@pytest.fixture(scope="session")
def new_database(tmp_path_factory):
    """A database with its schema and keys and nothing else; made once, because migrating takes its time."""
    file = tmp_path_factory.mktemp("store") / "new.db"
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        migrate(connection)
        _open(connection)
    engine.dispose()
    return file


@pytest.fixture
async def rig(tmp_path, new_database):
    """A gateway's traffic path with the partner `acme`, which is DE-ABC (EMSP) and DE-XYZ (CPO)."""
    store = Store(f"sqlite:///{shutil.copy(new_database, tmp_path)}")
    async with wire.other_end() as backend, wire.other_end() as partner:
        async with Rig(store=store, backend=backend, partner=partner).running() as running:
            yield running
        await store.close()
