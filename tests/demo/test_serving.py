"""The sample platforms as processes."""

import http.client
import json
import os
import signal
import subprocess
import sys

import pytest

PLATFORMS = {"gateway.demo.emsp": "eMSP", "gateway.demo.backend": "backend"}


@pytest.mark.parametrize("module", PLATFORMS)
def test_a_platform_says_where_it_listens_and_ends_with_0_on_sigterm(module):
    with subprocess.Popen([sys.executable, "-m", module, "--port", "0"], stdout=subprocess.PIPE) as process:
        told = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=20)
    assert told["platform"] == PLATFORMS[module]
    assert told["listening"] > 0
    assert (process.returncode, rest) == (0, b"")


def test_the_backend_takes_its_authorization_from_the_environment_as_the_example_configuration_does():
    command = [sys.executable, "-m", "gateway.demo.backend", "--port", "0"]
    environment = os.environ | {"BACKEND_TOKEN": "token-of-the-environment"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        connection = http.client.HTTPConnection("127.0.0.1", json.loads(process.stdout.readline())["listening"])
        connection.request("GET", "/ocpi/tariffs", headers={"Authorization": "Token token-of-the-environment"})
        http_status = connection.getresponse().status
        connection.close()
        process.terminate()
        process.communicate(timeout=20)
    assert http_status == 200
