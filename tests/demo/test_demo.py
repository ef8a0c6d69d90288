"""The whole demonstration as a user runs it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HANGING_SECONDS = 90
WHOLE_TOKEN = re.compile(r"(ocpigw_|emsp_|legacy-|egress-)[\w-]{12,}")
CHAPTERS = (
    "Starting a gateway, a sample legacy backend and a sample eMSP",
    "The partner registers with us",
    "The partner unregisters",
    "We register with the partner",
    "The eMSP pulls the backend's locations",
    "The eMSP starts a session",
    "The backend pushes a CDR",
    "The backend pulls the eMSP's tokens",
    "We unregister",
    "What was shown",
)


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-m", "gateway", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
    )


def processes_of(folder):
    """The processes that were started with this temporary folder, and have not ended."""
    mark = f"TMPDIR={folder}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in environment.read_bytes().split(b"\0"):
                found.append(environment.parent.name)
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def output(folder):
    """What a demonstration printed that ended well."""
    with start(folder) as demo:
        printed, _ = demo.communicate(timeout=HANGING_SECONDS)
    assert demo.returncode == 0, printed
    return printed


def test_it_shows_all_parts_in_order(output):
    positions = [output.find(chapter) for chapter in CHAPTERS]
    assert positions == sorted(positions)
    assert -1 not in positions


def test_it_shows_the_six_steps_once_in_each_role(output):
    assert re.findall(r"step (\d):", output) == ["1", "2", "3", "4", "5", "6"] * 2


def test_it_names_the_token_of_every_exchange_of_the_handshake(output):
    calls = re.findall(
        r"(\S+ \S+ \S+) +(GET|POST) (/ocpi/versions|/ocpi/2.2.1|/ocpi/2.2.1/credentials)  with (\w+)", output
    )
    both = [call[1:] for call in calls if call[3] != "TOKEN_C"]
    as_receiver = [call[0].split()[0] for call in calls if call[3] == "TOKEN_B"]
    reading = [("GET", "/ocpi/versions"), ("GET", "/ocpi/2.2.1")]
    handshake = [
        *((*one, "TOKEN_A") for one in reading),
        ("POST", "/ocpi/2.2.1/credentials", "TOKEN_A"),
        *((*one, "TOKEN_B") for one in reading),
    ]
    refused = {name: ("GET", "/ocpi/versions", name) for name in ("TOKEN_A", "TOKEN_B")}
    assert both == [*handshake, refused["TOKEN_A"], *handshake, refused["TOKEN_B"]]
    assert as_receiver == ["gateway", "gateway", "eMSP", "eMSP", "eMSP"]


def test_no_whole_token_is_printed(output):
    assert not WHOLE_TOKEN.search(output)


def test_it_sums_up_what_was_shown(output):
    assert len(re.findall(r"^\W+ok\b", output, re.MULTILINE)) == 8


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
def test_it_leaves_no_process_and_no_file_behind(output, folder):
    assert output
    assert processes_of(folder) == []
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_no_process_and_no_file_behind(tmp_path, number):
    with start(tmp_path) as demo:
        for line in demo.stdout:
            if "step 2:" in line:
                break
        assert len(processes_of(tmp_path)) >= 4
        demo.send_signal(number)
        demo.communicate(timeout=HANGING_SECONDS)
    assert demo.returncode == 128 + number
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
