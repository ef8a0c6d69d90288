"""The public listener is what docs/reference/public-api.yaml says, whatever it is asked: schemathesis asks.

Data that fits the description and data that doesn't, with a good token and without one; no answer may be missing there,
or be other than described, or tell of an error of ours.
"""

import asyncio
import contextlib
import copy
import json
import os
import re
import threading
from pathlib import Path

import pytest
import requests  # noqa: TID251 - what schemathesis asks with
import schemathesis
import structlog
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

import gateway
from gateway.app.server import running
from gateway.app.verbs import operations
from gateway.config import load_text
from gateway.ocpi.errors import OperatorError
from tests.app.conftest import document_of
from tests.platform import Platform, token_header
from tests.proxy import wire

FILE = Path(gateway.__file__).parents[1] / "docs" / "reference" / "public-api.yaml"
DESCRIPTION = yaml.safe_load(FILE.read_text(encoding="utf-8"))
OPERATIONS = [
    (path, method)
    for path, item in DESCRIPTION["paths"].items()
    for method in ("get", "post", "put", "patch", "delete")
    if method in item
]
#: Of each operation, in each way; OCPI_GATEWAY_EXAMPLES=100 looks longer.
EXAMPLES = int(os.environ.get("OCPI_GATEWAY_EXAMPLES", "5"))
PARTNERS = ["registered", "registered", "invited", "stranger"]
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


class Partner:
    """A platform before the gateway, in a loop of its own, so that it can be asked from a test that doesn't await."""

    def __init__(self, folder):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._opened = self._open(folder)
        self.tokens = {}

    def __enter__(self):
        self._thread.start()
        self.run(self._opened.__aenter__())
        return self

    def __exit__(self, *failure):
        self.run(self._opened.__aexit__(*failure))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    @contextlib.asynccontextmanager
    async def _open(self, folder):
        async with wire.other_end() as backend, Platform() as self.platform:
            document = document_of(folder / "gateway.db", f"{backend.url}/legacy")
            config = load_text(json.dumps(document), source="test", environ={}).config
            async with running(config, structlog.get_logger()), operations(config, remark=str) as self.verbs:
                self.url = config.public_url
                with requests.Session() as self.session:
                    yield

    def ask(self, case, who):
        """Send a case with the token of a partner that is invited, or registered, or that nobody knows."""
        headers = {"Authorization": token_header(self.run(getattr(self, f"_{who}")()))}
        answer = case.call(base_url=self.url, session=self.session, headers=headers, allow_redirects=False, timeout=20)
        if case.path.endswith("/credentials") and case.method != "GET" and answer.json()["status_code"] == 1000:
            self.tokens.pop(who)  # it isn't any more what it was
        return answer

    async def _stranger(self):
        return "nobody-knows-this"

    async def _invited(self):
        """Bound to this machine, so that no URL that is made up is ever called."""
        if "invited" not in self.tokens:
            self.tokens["invited"] = await self._invite("invited")
        return self.tokens["invited"]

    async def _registered(self):
        if "registered" not in self.tokens:
            await self.platform.register(self.url, token_a=await self._invite("registered"))
            self.tokens["registered"] = self.platform.token_c
        return self.tokens["registered"]

    async def _invite(self, name):
        with contextlib.suppress(OperatorError):  # there is none yet
            await self.verbs.revoke(name)
        return (await self.verbs.invite(name, hosts=["127.0.0.1"])).invitation_token


@pytest.fixture(scope="module")
def partner(tmp_path_factory):
    with structlog.testing.capture_logs(), Partner(tmp_path_factory.mktemp("gateway")) as one:
        yield one


@pytest.fixture(scope="module")
def described(partner):
    """The description, with URLs of platforms to register with that lead nowhere else than to this machine."""
    document = copy.deepcopy(DESCRIPTION)
    presented = copy.deepcopy(document["components"]["schemas"]["Credentials"])
    presented["properties"]["url"]["enum"] = [
        *(partner.platform.versions_url, f"{partner.platform.url}/nothing/", "http://emsp.example.com/ocpi/versions"),
    ]
    document["components"]["requestBodies"]["Credentials"]["content"]["application/json"]["schema"] = presented
    return schemathesis.openapi.from_dict(document)


@pytest.mark.timeout(max(120, 20 * EXAMPLES))
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_one_that_the_description_has(partner, described, path, method, mode):
    cases = described[path][method].as_strategy(generation_mode=mode)

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(cases, st.sampled_from(PARTNERS))
    def holds(case, who):
        answer = partner.ask(case, who)
        case.validate_response(answer, checks=CHECKS)
        assert who != "stranger" or answer.status_code >= 400

    holds()


def test_the_description_has_the_version_of_the_package():
    assert DESCRIPTION["info"]["version"] == gateway.__version__


def test_every_answer_to_trouble_at_the_public_listener_is_described():
    """The HTTP statuses of the table in behaviour.md, and those that need no token."""
    table = (FILE.parent / "behaviour.md").read_text(encoding="utf-8").partition("## Answers to trouble")[2]
    rows = re.findall(r"^\| (.+?) \| ([0-9 /]+)", table.partition("## Life")[0], re.MULTILINE)
    stated = {code for case, codes in rows if not case.startswith("private") for code in codes.split(" / ")}
    described = {code for path, method in OPERATIONS for code in DESCRIPTION["paths"][path][method]["responses"]}

    assert {"401", "409", "413"} < {code.strip() for code in stated} <= described
