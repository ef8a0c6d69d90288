"""A suite of which every test leaks one secret, at one place: test_plugin.py runs it, and sees each fail.

The docstring of each is what has to be told of its leak.
"""

import asyncio
import base64
import json
import logging
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import insert, select

from gateway.cli import offline
from gateway.cli.show import show_invitation, show_json
from gateway.net.request import Response
from gateway.net.server import make_server
from gateway.observe.metrics import Metrics
from gateway.ocpi.credentials import Credentials
from gateway.ocpi.envelope import Answer, StatusCode
from gateway.ocpi.errors import OperatorError
from gateway.ocpi.flow import Fetch, HandshakeError
from gateway.store import tables
from gateway.store.vault import Keyring, make_key
from tests.proxy import wire

SECRET = "partners/own+token=5d1f"
ENCODED = base64.b64encode(SECRET.encode()).decode()
INVITATION = {"partner": "acme", "versions_url": "https://x", "token_a": "", "expires": "tomorrow"}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def known(vault):
    """The secret, as the token with which a partner calls."""
    vault.digest(SECRET)
    return SECRET


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    return tmp_path_factory.mktemp("lasting")


def test_output(known):
    """the inbound token # stands as it is in standard output of the call, in line 2"""
    sys.stdout.write(f"one line\nanother {known}\n")


def test_error_output_of_a_fixture(request):
    """a token that the gateway made # stands as it is in standard error of the teardown, in line 1"""
    vault = request.getfixturevalue("vault")
    request.addfinalizer(lambda: sys.stderr.write(vault.new_token()))


def test_output_that_the_test_takes_for_itself(known, capsys):
    """the inbound token # stands in Base64 in standard output, in line 1"""
    sys.stdout.write(ENCODED)
    assert capsys.readouterr().out


def test_output_that_is_wrapped(known):
    """the inbound token # stands as it is in standard output of the call across lines, in line 1"""
    sys.stdout.write(f"│ no partner {known[:9]} │\n│ {known[9:]} │\n")


def test_traceback_in_the_log(known):
    """the inbound token # stands URL-encoded in the log of the call, in line"""
    try:
        int(quote(known, safe=""))
    except ValueError:
        logging.getLogger("aiohttp").exception("failed")


def test_log_event(known):
    """the inbound token # stands as it is in a log event, in line 2"""
    with structlog.testing.capture_logs():
        structlog.get_logger().info("ready", inner={"key": [known]})


def test_exception_of_a_log_event(known):
    """the inbound token # stands as it is in a log event, in line 3"""
    error = OSError("no such file")
    error.__cause__ = OSError(known)
    with structlog.testing.capture_logs():
        structlog.get_logger().info("ready", exc_info=error)


def test_message_of_an_error(known):
    """the inbound token # stands as it is in an error (OperatorError), in line 1"""
    OperatorError(f"no partner {known}")


def test_remedy_of_an_error(known):
    """the inbound token # stands in Base64 in an error (OperatorError), in line 2"""
    OperatorError("no such partner", remedy=f"Present {ENCODED}")


def test_public_message_of_an_error(known):
    """the inbound token # stands as it is in an error (HandshakeError), in line 4"""
    HandshakeError("no", step="GET", status_code=StatusCode.UNABLE_TO_USE_CLIENT_API, public_message=known)


def test_refusal(known):
    """the inbound token # stands as it is in an answer with 401 and 2000, in line 1"""
    Answer(401, StatusCode.CLIENT_ERROR, f"{known} is unknown").body(NOW)


def test_refusal_with_http_200(known):
    """the inbound token # stands as it is in an answer with 200 and 3001, in line 1"""
    Answer(200, StatusCode.UNABLE_TO_USE_CLIENT_API, "no", {"token": known}).body(NOW)


@pytest.mark.parametrize("response", [lambda: Response(headers={"X-Echo": SECRET})])
async def test_head_of_an_answer(known, response):
    """the inbound token # stands as it is in the head of an answer with 200, in line 1"""
    await _served(response)


@pytest.mark.parametrize("response", [lambda: Response(404, body=SECRET.encode())])
async def test_body_of_an_answer_that_is_an_error(known, response):
    """the inbound token # stands as it is in an answer with 404, in line 1"""
    await _served(response)


async def _served(response, *headers):
    async def handle(request):
        return response()

    server = make_server(handle, clock=lambda: NOW, on_failure=lambda _: None)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    await wire.send(listening.sockets[0].getsockname()[1], wire.request("GET", "/", *headers))
    listening.close()
    await server.drain(timeout_seconds=0)


def test_metrics(known):
    """the inbound token # stands as it is in the metrics, in line"""
    Metrics(clock=lambda: NOW, auth_reasons=[known]).render()


def test_log_file(known, tmp_path):
    """the inbound token # stands JSON-escaped in the file gateway/gateway.log, at byte 12"""
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "gateway.log").write_text(json.dumps({"reason": known}).replace("/", "\\/"))


def test_freed_page_of_a_database(known, tmp_path):
    """the inbound token # stands in hex in the file other.db, at byte"""
    with closing(sqlite3.connect(tmp_path / "other.db", isolation_level=None)) as database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("CREATE TABLE one (two TEXT)")
        database.execute("INSERT INTO one VALUES (?)", [known.encode().hex()])
        database.execute("DELETE FROM one")


def test_journal_of_a_database(known, tmp_path):
    """the inbound token # stands as it is in the file gateway.db-journal, at byte 0"""
    (tmp_path / "gateway.db-journal").write_text(known)


def test_file_of_a_wider_fixture(known, lasting):
    """the inbound token # stands as it is in the file peer.log, at byte 0"""
    (lasting / "peer.log").write_text(known)


def test_file_that_is_gone(known):
    """the inbound token # stands as it is in the file gateway.log, at byte 0"""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "gateway.log").write_text(known)


async def test_row_that_is_overwritten(known, store):
    """the inbound token # stands as it is in a statement to the database, in line 1"""

    def write(connection):
        connection.execute(insert(tables.data_key).values(purpose=known, sealed=b"", seal_key="", created_at=NOW))
        connection.execute(tables.data_key.delete())

    await store.write(write)


def test_output_of_a_process(known):
    """the inbound token # stands as it is in standard error of a process: -c"""
    words = [sys.executable, "-c", f"import sys; sys.stderr.write({known[:9]!r} + {known[9:]!r})", "gateway"]
    subprocess.run(words, capture_output=True, text=True, check=True)


async def test_output_of_a_process_that_is_awaited(known):
    """the inbound token # stands as it is in standard output of a process: -c"""
    words = [sys.executable, "-c", f"print({known[:9]!r} + {known[9:]!r})", "gateway"]
    process = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE)
    await process.communicate()


def test_encryption_key(keyring):
    """the operator's key # stands in hex in standard output of the call, in line 1"""
    sys.stdout.write(bytes(range(32)).hex())


async def test_data_key(store, clock, vault):
    """the data key # stands in Base64 in standard output of the call, in line 1"""
    sys.stdout.write(base64.b64encode(vault._link_key).decode())


def test_token_that_is_kept_encrypted():
    """the outbound token # stands as it is in standard output of the call, in line 1"""
    Keyring([bytes(range(32))]).seal(SECRET.encode(), binding="outbound_token/1/1")
    sys.stdout.write(SECRET)


def test_configured_secret():
    """the configured secret # stands as it is in standard output of the call, in line 1"""
    SecretStr(f"Token {SECRET}")
    sys.stdout.write(SECRET)


def test_password_of_the_database():
    """the configured secret # stands as it is in standard output of the call, in line 1"""
    SecretStr("postgresql://gateway:correct-horse-9@db/ocpi")
    sys.stdout.write("refused: correct-horse-9")


def test_token_in_credentials():
    """the partner's token # stands as it is in standard output of the call, in line 1"""
    Credentials(SECRET, "https://emsp.example", ())
    sys.stdout.write(SECRET)


def test_token_that_is_sent():
    """the presented token # stands as it is in standard output of the call, in line 1"""
    Fetch("GET", "GET", "https://emsp.example", {"Authorization": f"Token {ENCODED}"})
    sys.stdout.write(SECRET)


async def test_token_that_a_stranger_presents():
    """the presented token # stands as it is in standard output of the call, in line 1"""
    await _served(Response, f"Authorization: Token {ENCODED}")
    sys.stdout.write(SECRET)


def test_key_of_a_key_file(tmp_path):
    """the encryption key # stands in Base64 in the file gateway.log, at byte 0"""
    key = make_key()
    (tmp_path / "gateway.db.key").write_text(key)
    (tmp_path / "gateway.log").write_text(key)


def test_secret_of_a_configuration_file(tmp_path):
    """the configured egress_token # stands as it is in the file gateway.log, at byte 0"""
    (tmp_path / "gateway.yaml").write_text(json.dumps({"backend": {"egress_token": SECRET}}))
    (tmp_path / "gateway.log").write_text(SECRET)


def test_header_of_a_configuration_file(tmp_path):
    """the configured backend_authorization # stands as it is in the file gateway.log, at byte 0"""
    (tmp_path / "config.yaml").write_text(f"partners:\n  acme:\n    backend_authorization: Token {SECRET}\n")
    (tmp_path / "gateway.log").write_text(SECRET)


def test_token_of_an_invitation_in_another_document(vault, capsys):
    """a token that the gateway made # stands as it is in standard output, in line 4"""
    show_json({"partner": "acme", "versions_url": "https://x", "token_a": vault.new_token(), "state": "INVITED"})
    assert capsys.readouterr().out


def test_second_token_beside_an_invitation(vault, capsys):
    """a token that the gateway made # stands as it is in standard output, in line 3"""
    show_invitation({**INVITATION, "versions_url": f"https://x/{vault.new_token()}", "token_a": vault.new_token()})
    assert capsys.readouterr().out


@pytest.mark.parametrize("show", [show_json, show_invitation])
def test_invitation(vault, capsys, show):
    """nothing"""
    show({**INVITATION, "token_a": vault.new_token()})
    assert capsys.readouterr().out


def test_key_that_was_asked_for(capsys):
    """nothing"""
    offline.generate()
    key = capsys.readouterr().out
    Keyring([base64.b64decode(key)])


def test_answer_with_token_c(known):
    """nothing"""
    Answer.success({"token": known}).body(NOW)


async def test_lookup_of_what_was_typed(known, store):
    """nothing"""
    await store.read(lambda connection: connection.execute(select(tables.partner).filter_by(name=known)).all())


def test_configuration_and_key_file(known, tmp_path):
    """nothing"""
    (tmp_path / "config.yaml").write_text(f"egress_token: {known}")
    (tmp_path / "gateway.db.key").write_text(make_key())


def test_row_of_postgresql_that_was_deleted(known, postgres):
    """the inbound token # stands as it is in the file"""
    name = postgres.database()
    postgres.run(f"\\c {name}\nCREATE TABLE one (two TEXT); INSERT INTO one VALUES ('{known}'); DELETE FROM one;")
    postgres.drop(name)
