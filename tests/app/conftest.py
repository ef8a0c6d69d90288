"""The whole gateway in the test's own process, between a recording backend and a platform that can be bent."""

import json
from contextlib import asynccontextmanager

import pytest
import structlog

from gateway.app.server import running
from gateway.app.verbs import operations
from gateway.config import load_text
from tests.e2e.rig import BACKEND_AUTHORIZATION, EGRESS_TOKEN, Backend
from tests.platform import Platform
from tests.ports import free_ports


class Running:
    """A gateway with its URLs and the operator's verbs."""

    def __init__(self, config, verbs, log):
        self.config = config
        self.verbs = verbs
        self.log = log
        listen = config.listen
        self.public_url = f"http://127.0.0.1:{listen.public.port}"
        self.private_url = f"http://127.0.0.1:{listen.private.port}"
        self.status_url = f"http://127.0.0.1:{listen.status.port}"
        self.credentials_url = f"{self.public_url}/ocpi/2.2.1/credentials"


def document_of(file, backend_url, *, listen=None, **settings):
    """A configuration on free ports, and on that file unless `settings` name a database; `listen` adds keys to those of
    a listener.
    """
    ports = dict(zip(("public", "private", "admin", "status"), free_ports(4), strict=True))
    party = {"role": "CPO", "country_code": "NL", "party_id": "EXA", "business_details": {"name": "Example Charging"}}
    return {
        "public_url": f"http://127.0.0.1:{ports['public']}",
        "development": True,
        "parties": [party, {**party, "country_code": "BE"}],
        "listen": {
            name: {"host": "127.0.0.1", "port": port, **(listen or {}).get(name, {})} for name, port in ports.items()
        },
        "backend": {
            "url": backend_url,
            "authorization": BACKEND_AUTHORIZATION,
            "egress_token": EGRESS_TOKEN,
            "modules": {
                "locations": {"role": "SENDER"},
                "tokens": {"role": "RECEIVER"},
                "commands": {"role": "RECEIVER"},
            },
        },
        "database": f"sqlite:///{file}",
        **settings,
    }


@pytest.fixture
def start(tmp_path, database, backend):
    """Starts a gateway: `async with start(required_modules=[...]) as running`."""

    @asynccontextmanager
    async def starter(**settings):
        document = document_of(database, backend.url, **settings)
        config = load_text(json.dumps(document), source="test", environ={}).config
        with structlog.testing.capture_logs() as log:
            async with running(config, structlog.get_logger()), operations(config, remark=log.append) as verbs:
                yield Running(config, verbs, log)

    return starter


@pytest.fixture
async def gateway(start):
    """A running gateway with an empty database."""
    async with start() as one:
        yield one


@pytest.fixture
async def backend():
    """A legacy system that records what reaches it."""
    async with Backend() as legacy:
        yield legacy


@pytest.fixture
async def partner():
    """A platform that isn't known to the gateway yet."""
    async with Platform() as one:
        yield one


@pytest.fixture
async def invited(gateway, partner):
    """The platform with an invitation."""
    partner.token_a = (await gateway.verbs.invite("partner")).invitation_token
    return partner


@pytest.fixture
async def registered(gateway, invited):
    """The platform, registered with the gateway."""
    http_status, _ = await invited.register(gateway.public_url, token_a=invited.token_a)
    assert http_status == 200
    return invited
