"""The gateway as shipped: `python -m gateway run` with its defaults, on a database that was filled before."""

import asyncio
import base64
import http.client
import json
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import update

from bench.partners import KEY, prepare
from bench.peers import Serving
from bench.processes import Running
from gateway.store import tables
from gateway.store.engine import Store
from tests.e2e.rig import BACKEND_AUTHORIZATION, EGRESS_TOKEN, Gateway

MODULES = {"locations": {"role": "SENDER"}, "cdrs": {"role": "RECEIVER"}}
OK = 200


@dataclass(frozen=True)
class ServingGateway(Serving):
    """A gateway that runs.

    Attributes:
        private_port: where it listens for the backend.
    """

    private_port: int


def fill_database(folder: Path, *, partners: int, upstream_port: int) -> None:
    """Make a database with so many registered partners; the first one's tokens module is the upstream."""
    folder.mkdir()
    asyncio.run(prepare(partners, str(folder)))
    asyncio.run(_lead_to_upstream(folder, upstream_port))


async def _lead_to_upstream(folder: Path, upstream_port: int) -> None:
    endpoint = tables.endpoint
    change = (
        update(endpoint)
        .where(endpoint.c.partner_id == 1, endpoint.c.identifier == "tokens")
        .values(url=f"http://127.0.0.1:{upstream_port}/tokens")
    )
    store = Store(f"sqlite:///{folder}/gateway.db")
    await store.write(lambda connection: connection.execute(change))
    await store.close()


def launch(
    name: str, folder: Path, *, upstream_port: int, cores: Collection[int], **settings: object
) -> ServingGateway:
    """Start a gateway in a folder, on the database that lies there if one does, and wait until it is ready.

    Args:
        settings: top-level keys of its configuration.
    """
    folder.mkdir(exist_ok=True)
    rig = Gateway(
        folder=folder,
        backend_url="",
        **settings,
        encryption_key=base64.b64encode(KEY).decode(),
        backend={
            "url": f"http://127.0.0.1:{upstream_port}",
            "authorization": BACKEND_AUTHORIZATION,
            "egress_token": EGRESS_TOKEN,
            "modules": MODULES,
        },
    )
    file = folder / "gateway.yaml"
    file.write_text(json.dumps(rig.configuration))
    words = (sys.executable, "-m", "gateway", "-c", str(file), "run")
    running = Running(words, told=folder / f"{name}.log", cores=cores)
    running.wait_until(lambda: _is_ready(rig.status_url))
    ports = (urlsplit(url).port or 0 for url in (rig.public_url, rig.private_url))
    return ServingGateway(name, running, *ports)


def _is_ready(status_url: str) -> bool:
    connection = http.client.HTTPConnection(urlsplit(status_url).netloc, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == OK
    except OSError:
        return False
    finally:
        connection.close()
