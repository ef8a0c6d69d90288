"""`run` as a process, with commands beside it."""

import json
import signal
import socket
import subprocess
import sys

import pytest

from tests.cli.conftest import CONFIGURATION
from tests.e2e.rig import Gateway

UNREACHED = "http://127.0.0.1:9/ocpi"


@pytest.mark.e2e
async def test_a_running_gateway_is_healthy_and_takes_commands_beside_it(tmp_path):
    async with Gateway(folder=tmp_path, backend_url=UNREACHED) as gateway:
        assert await gateway.do("healthcheck") == "alive\n"
        invitation = json.loads(await gateway.do("partner", "invite", "acme", "--json"))
        listed = json.loads(await gateway.do("partner", "list", "--json"))

    assert invitation["versions_url"] == f"{gateway.public_url}/ocpi/versions"
    assert [one["state"] for one in listed] == ["INVITED"]


@pytest.mark.e2e
def test_run_without_any_file_or_environment_starts_on_the_example_and_ends_on_sigterm(tmp_path):
    """Its ports may be taken on this machine: then it says so and fails, which is told apart here."""
    environment = {"PATH": "", "PYTHONUNBUFFERED": "1"}
    words = [sys.executable, "-m", "gateway", "run"]
    with subprocess.Popen(
        words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if '"ready"' in line:
                process.send_signal(signal.SIGTERM)
    log = "".join(lines)

    assert "using the example configuration" in lines[0]
    assert (tmp_path / "data" / "gateway.db.key").is_file()
    assert process.returncode == (1 if "in use" in log else 0), log


@pytest.mark.e2e
def test_run_on_a_port_that_is_taken_says_which(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        others = "private: {port: 0}, admin: {port: 0}, status: {host: 127.0.0.1, port: 0}"
        (folder / "config.yaml").write_text(
            f"{CONFIGURATION}listen: {{public: {{host: 127.0.0.1, port: {port}}}, {others}}}\n"
        )
        ended = subprocess.run([sys.executable, "-m", "gateway", "run"], capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert str(port) in ended.stderr
    assert "fault: operator" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout


@pytest.mark.e2e
@pytest.mark.parametrize("verb", [["run"], ["partner", "list"], ["validate"]], ids=" ".join)
@pytest.mark.ways("error")
def test_store_wrong_key_refuses_to_start_with_one_clear_line(folder, prepared, verb):
    (folder / "gateway.db.key").write_text(prepared("key", "generate").output)
    ended = subprocess.run([sys.executable, "-m", "gateway", *verb], capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    (told,) = [line for line in ended.stderr.splitlines() if line.startswith("failed: ")]
    assert "the database needs the encryption key" in told
    assert "fault: operator" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout
    assert "listening" not in ended.stdout


def test_run_on_an_invalid_configuration_ends_with_78(folder, command):
    (folder / "config.yaml").write_text("public_url: 1\n")

    assert command("run").exit_code == 78


def test_run_does_not_start_where_a_named_file_is_missing(folder, command):
    (folder / "config.yaml").write_text(f"{CONFIGURATION}outbound: {{ca_file: nowhere.pem}}\n")

    result = command("run")

    assert result.exit_code == 78
    assert "outbound.ca_file" in result.errors
