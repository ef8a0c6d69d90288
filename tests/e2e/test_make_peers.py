"""The environments of the foreign peers are made once, and say why where they can't be."""

import asyncio
import subprocess
import sys

import pytest

from tests.e2e import make_peers

pytestmark = [
    pytest.mark.foreign,
    pytest.mark.skipif(
        sys.version_info >= make_peers.FIRST_PYTHON_WITHOUT_PEERS,
        reason="both foreign implementations stand on pydantic 1, which does not run on this Python",
    ),
]


@pytest.mark.parametrize("name", make_peers.PEERS)
async def test_an_environment_is_made_once_for_several_who_ask_at_the_same_time(name):
    first, second = await asyncio.gather(
        asyncio.to_thread(make_peers.peer_python, name), asyncio.to_thread(make_peers.peer_python, name)
    )
    made = first.lstat()

    assert first == second == make_peers.peer_python(name)
    assert first.lstat() == made


@pytest.mark.parametrize(
    ("name", "distribution", "version"), [("extrawest", "extrawest-ocpi", "2025.7.16"), ("py-ocpi", "py-ocpi", "0.3.1")]
)
def test_an_environment_holds_the_implementation_that_the_tests_are_about(name, distribution, version):
    ask = f"import importlib.metadata as m; print(m.version({distribution!r}))"
    answer = subprocess.run([make_peers.peer_python(name), "-c", ask], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == version


def test_an_environment_that_cannot_be_made_says_which_and_why(tmp_path, monkeypatch):
    sources = tmp_path / "peers"
    sources.mkdir()
    (sources / "extrawest.lock").write_text("extrawest-ocpi\n")
    monkeypatch.setattr(make_peers, "_SOURCES", sources)
    monkeypatch.setattr(make_peers, "_ENVIRONMENTS", tmp_path / "environments")

    with pytest.raises(make_peers.PeerEnvironmentError, match=r"(?s)'extrawest'.*pip.*--require-hashes"):
        make_peers.peer_python("extrawest")

    assert not (tmp_path / "environments" / "extrawest").exists()
