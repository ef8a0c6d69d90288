"""The proxies that the gateway is held against; each checks the token and rewrites Authorization, one worker each."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.place import BUILT, PROXIES, Place
from bench.processes import Running, accepts
from tests.e2e.rig import BACKEND_AUTHORIZATION
from tests.ports import free_ports

NGINX, PLAIN = "nginx", "plain aiohttp"


@dataclass(frozen=True)
class Peer:
    """A proxy.

    Attributes:
        missing: what it needs and does not find here; empty where it can run.
        command: from the place and its port.
    """

    name: str
    missing: Callable[[], str]
    command: Callable[[Place, int], list[str]]


@dataclass(frozen=True)
class Serving:
    """A proxy that runs.

    Attributes:
        port: where it listens for partners.
    """

    name: str
    running: Running
    port: int


def start(peer: Peer, place: Place) -> Serving:
    """Run a peer until it accepts connections."""
    (port,) = free_ports(1)
    told = place.folder / f"{peer.name}.log"
    running = Running(peer.command(place, port), told=told, cores={place.proxy_core})
    running.wait_until(lambda: accepts(port))
    return Serving(peer.name, running, port)


def _needs(program: str) -> Callable[[], str]:
    return lambda: "" if shutil.which(program) else program


def _needs_in(program: str, path: Path) -> Callable[[], str]:
    return lambda: _needs(program)() or ("" if path.exists() else path.name)


def _configured(*words: str, file: str) -> Callable[[Place, int], list[str]]:
    """A program that reads a configuration file."""

    def command(place: Place, port: int) -> list[str]:
        written = place.folder / file
        values = {"folder": place.folder, "tokens": place.tokens, "authorization": BACKEND_AUTHORIZATION}
        text = (PROXIES / file).read_text().format(port=port, upstream_port=place.upstream_port, **values)
        written.write_text(text)
        return [*words, str(written)]

    return command


def _script(program: str, file: Path) -> Callable[[Place, int], list[str]]:
    """A script that takes everything as arguments."""
    return lambda place, port: [
        program,
        str(file),
        str(port),
        str(place.upstream_port),
        str(place.tokens),
        BACKEND_AUTHORIZATION,
    ]


_PYTHON = BUILT / "venv" / "bin" / "python"

PEERS = (
    Peer(NGINX, _needs("nginx"), _configured("nginx", "-c", file="nginx.conf")),
    Peer("HAProxy", _needs("haproxy"), _configured("haproxy", "-db", "-f", file="haproxy.cfg")),
    Peer(
        "Node undici",
        _needs_in("node", BUILT / "node_modules" / "undici"),
        _script("node", BUILT / "undici_proxy.mjs"),
    ),
    Peer(
        "Node http-proxy",
        _needs_in("node", BUILT / "node_modules" / "http-proxy"),
        _script("node", BUILT / "http_proxy.mjs"),
    ),
    Peer(PLAIN, lambda: "", _script(sys.executable, PROXIES / "aiohttp_proxy.py")),
    Peer(
        "FastAPI + httpx",
        lambda: "" if _PYTHON.exists() else ".bench/venv",
        _script(str(_PYTHON), PROXIES / "fastapi_proxy.py"),
    ),
)
