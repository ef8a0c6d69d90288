"""Fixtures of the end-to-end tests."""

import base64
import shutil
import ssl
import sys

import aiohttp
import pytest

from tests.e2e.foreign import ForeignPeers, make_authority
from tests.e2e.make_peers import FIRST_PYTHON_WITHOUT_PEERS
from tests.e2e.nursery import Nursery
from tests.e2e.rig import Backend, Gateway


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate authority and the file of its certificate, trusted by the gateway and every peer."""
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def peers(tmp_path, authority):
    """Starts foreign peers; see `ForeignPeers.start`."""
    if sys.version_info >= FIRST_PYTHON_WITHOUT_PEERS:
        pytest.skip("both foreign implementations stand on pydantic 1, which does not run on this Python")
    certificate_authority, file = authority
    async with ForeignPeers(folder=tmp_path, authority=certificate_authority, authority_file=file) as starter:
        yield starter


@pytest.fixture
async def backend():
    """A legacy system that records what reaches it."""
    async with Backend() as legacy:
        yield legacy


@pytest.fixture(scope="session")
def nursery():
    """Starts processes of gateways in a tenth of the time."""
    with Nursery() as running:
        yield running


@pytest.fixture
def make_gateway(tmp_path, nursery, _migrated):
    """Makes a gateway in a folder of that name with an empty database that is migrated already."""

    def make(name, **options):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(_migrated, folder)
        return Gateway(folder=folder, nursery=nursery, **options)

    return make


@pytest.fixture
async def gateway(make_gateway, backend, authority):
    """A running gateway ahead of `backend`; it is NL-EXA, a CPO."""
    options = {"backend_url": backend.url, "outbound": {"ca_file": str(authority[1])}}
    async with make_gateway("gateway", **options) as running:
        yield running


@pytest.fixture
async def outsider(authority):
    """Fetches a URL with a credentials token as `(HTTP status, JSON or text, headers)`, following redirects."""
    trust = ssl.create_default_context(cafile=authority[1])

    async with aiohttp.ClientSession() as http:  # noqa: TID251 - an outsider's client

        async def fetch(url, credentials_token):
            headers = {"Authorization": f"Token {base64.b64encode(credentials_token.encode()).decode()}"}
            async with http.get(url, headers=headers, ssl=trust) as answer:
                is_json = answer.content_type == "application/json"
                return answer.status, await answer.json() if is_json else await answer.text(), answer.headers

        yield fetch
