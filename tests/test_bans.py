"""Dangerous calls are found: those that ruff has a rule for by `make lint`, the others here (CONTRIBUTING.md)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import gateway
from tests.calls import SECRET_COMPARED, forbidden

GATEWAY = Path(gateway.__file__).parent
ROOT = GATEWAY.parent

#: What `make lint` finds: a rule and a sample of it.
LINTED = [
    ("TID251", "import aiohttp\naiohttp.ClientSession()"),
    ("TID251", "from aiohttp import ClientSession"),
    ("TID251", "import aiohttp\naiohttp.TCPConnector()"),
    ("TID251", "import aiohttp\naiohttp.request('GET', 'http://a.test')"),
    ("TID251", "import requests"),
    ("TID251", "from urllib.request import urlopen"),
    ("TID251", "import urllib.request"),
    ("TID251", "from aiohttp import web\nraise web.HTTPFound('/')"),
    ("TID251", "from aiohttp import web\nraise web.HTTPMovedPermanently('/')"),
    ("TID251", "from aiohttp import web\nraise web.HTTPPermanentRedirect('/')"),
    ("TID251", "from aiohttp import web\nraise web.HTTPSeeOther('/')"),
    ("TID251", "from aiohttp import web\nraise web.HTTPTemporaryRedirect('/')"),
    ("TID251", "import asyncio\nasyncio.create_task(None)"),
    ("RUF006", "import asyncio\nasyncio.ensure_future(None)"),
    ("TID251", "from datetime import UTC, datetime\ndatetime.now(UTC)"),
    ("TID251", "from datetime import datetime\ndatetime.utcnow()"),
    ("TID251", "from datetime import datetime\ndatetime.today()"),
    ("TID251", "from datetime import date\ndate.today()"),
    ("TID251", "import time\ntime.time()"),
    ("TID251", "import time\ntime.time_ns()"),
    ("TID251", "import structlog\nstructlog.processors.dict_tracebacks"),
    ("TID251", "from structlog.tracebacks import ExceptionDictTransformer"),
    ("TID251", "from rich.traceback import install"),
    ("TID251", "import ssl\nssl.CERT_NONE"),
    ("TID251", "import ssl\nssl._create_unverified_context()"),
    ("S323", "import ssl\nssl._create_unverified_context()"),
    ("S501", "import httpx\nhttpx.get('https://a.test', verify=False)"),
    ("S502", "import ssl\nfrom ssl import wrap_socket\nwrap_socket(ssl_version=ssl.PROTOCOL_TLSv1)"),
    ("S602", "import subprocess\nsubprocess.run('ls ' + x, shell=True)"),
    ("S604", "f('ls', shell=True)"),
    ("S605", "import os\nos.system('ls ' + x)"),
    ("S301", "import pickle\npickle.loads(x)"),
    ("S302", "import marshal\nmarshal.loads(x)"),
    ("S506", "import yaml\nyaml.load(x)"),
    ("S506", "import yaml\nyaml.load(x, Loader=yaml.UnsafeLoader)"),
    ("S307", "eval(x)"),
    ("S102", "exec(x)"),
    ("S311", "import random\ntoken = random.choice('ab')"),
    ("S311", "import random\nkey = random.randbytes(32)"),
    ("S324", "import hashlib\nhashlib.md5(x)"),
    ("S105", "password = 'correct horse'"),
    ("S608", "query = 'select * from partner where name = ' + name"),
    ("S101", "assert x"),
    ("BLE001", "try:\n    x()\nexcept Exception:\n    pass"),
    ("T201", "print(x)"),
]

#: What has no rule, and is found here.
FOUND_HERE = [
    "log.exception('handshake failed')",
    "self._log.exception(Event.REQUEST_CRASHED, partner=name)",
    "loop.create_task(work())",
    "self_loop.create_task(work())",
    "ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)",
    "context.check_hostname = False",
    "session.get(url, ssl=False)",
    "TCPConnector(verify_ssl=False)",
    "session.get(url, verify=False)",
    "install(show_locals=True)",
    "TracebackException(a, b, c, capture_locals=True)",
    "credentials_token == presented",
    "presented != self._egress_token",
    "header == config.backend.authorization",
    "presented == config.egress_token.get_secret_value()",
]
HARMLESS = [
    "transaction.exception()",
    "group.create_task(work())",
    "ssl.create_default_context()",
    "session.get(url, ssl=context)",
    "token_id == row.token_id",
    "token.kind == TokenKind.CREDENTIALS",
    "hmac.compare_digest(presented, self._egress_token)",
    "credentials_token is None",
]

#: What is found and stays.
JUDGED = {
    ("config/environment.py", "make contexts with gateway.net.tls"),  # it looks at files and never connects
    ("handshake/standing.py", SECRET_COMPARED),  # both are what we hold ourselves; nobody else can choose one
}


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """What ruff finds in each sample, by the project's rules for the gateway: a set of rules by the sample's number."""
    folder = tmp_path_factory.mktemp("samples")
    for number, (_, sample) in enumerate(LINTED):
        (folder / f"{number}.py").write_text(f"{sample}\n")
    command = [Path(sys.executable).with_name("ruff"), "check", "--isolated", "--output-format", "json", "--no-cache"]
    command[2:3] = ["--config", ROOT / "pyproject.toml"]
    ran = subprocess.run([*command, folder], cwd=folder, capture_output=True, text=True, check=False)
    found = {}
    for each in json.loads(ran.stdout):
        found.setdefault(int(Path(each["filename"]).stem), set()).add(each["code"])
    return found


@pytest.mark.parametrize("number", range(len(LINTED)), ids=lambda number: LINTED[number][1].splitlines()[-1])
def test_a_dangerous_call_is_found_by_make_lint(findings, number):
    assert LINTED[number][0] in findings[number]


@pytest.mark.parametrize("sample", FOUND_HERE)
def test_a_dangerous_call_that_ruff_has_no_rule_for_is_found(sample):
    assert len(forbidden(sample)) == 1


@pytest.mark.parametrize("sample", HARMLESS)
def test_a_harmless_call_is_not_taken_for_a_dangerous_one(sample):
    assert forbidden(sample) == []


def test_the_gateway_has_no_dangerous_call():
    files = [path for path in GATEWAY.rglob("*.py") if "demo" not in path.relative_to(GATEWAY).parts]
    found = {
        (path.relative_to(GATEWAY).as_posix(), line.partition(": ")[2])
        for path in files
        for line in forbidden(path.read_text(encoding="utf-8"))
    }

    assert len(files) > 80
    assert found == JUDGED
