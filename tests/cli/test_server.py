"""`validate` and `healthcheck`; `run` and `demo` are driven as processes in tests/e2e."""

import json
import socket
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from tests.cli.conftest import CONFIGURATION


@pytest.fixture
def status_listener():
    """A status listener that answers what it is told, in a thread; gives it with the paths it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        http_status = 200

        def log_message(self, *_):
            pass

        def do_GET(self):
            asked.append(self.path)
            self.send_response(self.http_status)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1], Handler, asked
        server.shutdown()
        thread.join()


def listening_on(port, host="0.0.0.0"):
    return f"{CONFIGURATION}listen: {{status: {{host: {host}, port: {port}}}}}\n"


def test_validate_says_what_it_looked_at(configured):
    result = configured("validate")

    assert result.exit_code == 0
    assert "gateway.db" in result.output
    assert result.output.endswith("the configuration is valid\n")


def test_validate_as_json_lists_what_was_checked_and_the_warnings(configured):
    result = configured("validate", "--json")

    document = json.loads(result.output)
    assert document["checked"]
    assert any("development" in warning for warning in document["warnings"])
    assert "warning: " in result.errors


def test_validate_finds_that_a_file_is_missing(folder, configured):
    (folder / "config.yaml").write_text(CONFIGURATION + "outbound: {ca_file: nowhere.pem}\n")

    result = configured("validate")

    assert result.exit_code == 78
    assert "config.yaml:15: outbound.ca_file: " in result.errors


@pytest.mark.ways("error")
def test_store_wrong_key_validate_finds_that_the_key_is_not_that_of_the_database(folder, configured):
    assert configured("migrate").exit_code == 0
    (folder / "gateway.db.key").write_text(configured("key", "generate").output)

    result = configured("validate")

    assert result.exit_code == 1
    assert "encryption key" in result.errors
    assert "fault: operator" in result.errors
    assert "what to do: " in result.errors


def test_healthcheck_asks_the_status_listener_on_loopback_whether_it_is_alive(folder, configured, status_listener):
    port, _, asked = status_listener
    (folder / "config.yaml").write_text(listening_on(port))

    assert configured("healthcheck").exit_code == 0
    assert asked == ["/livez"]


def test_healthcheck_fails_where_the_gateway_says_that_it_is_not_alive(folder, configured, status_listener):
    port, handler, _ = status_listener
    handler.http_status = 503
    (folder / "config.yaml").write_text(listening_on(port))

    result = configured("healthcheck")

    assert result.exit_code == 1
    assert "HTTP 503" in result.errors


def test_healthcheck_fails_where_nothing_listens(folder, configured):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (folder / "config.yaml").write_text(listening_on(port, host="127.0.0.1"))

    result = configured("healthcheck")

    assert result.exit_code == 1
    assert f"/livez on 127.0.0.1 port {port}: Connection refused" in result.errors
    assert "fault: gateway" in result.errors


def test_healthcheck_gives_up_on_a_gateway_that_does_not_answer(folder, configured, monkeypatch):
    monkeypatch.setattr("gateway.cli.server._HEALTH_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (folder / "config.yaml").write_text(listening_on(silent.getsockname()[1]))
        result = configured("healthcheck")

    assert result.exit_code == 1
    assert "no answer in time" in result.errors


def test_healthcheck_can_not_guess_a_port(folder, configured):
    (folder / "config.yaml").write_text(listening_on(0))

    result = configured("healthcheck")

    assert result.exit_code == 1
    assert "listen.status.port" in result.errors
