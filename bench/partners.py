"""What many partners cost: start-up, memory and the look-up of a token, as ratios to ten (issue 3).

    python -m bench.partners [PARTNERS]

Each size is measured in a process of its own on a database of its own, so that none inherits the memory of another.
"""

import asyncio
import base64
import contextlib
import gc
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, insert, update

from gateway.ocpi.authorization import candidates
from gateway.store import tables
from gateway.store.directory import Directory
from gateway.store.engine import Store
from gateway.store.keys import binding_of, open_vault, seal
from gateway.store.migrate import migrate
from gateway.store.vault import Keyring, Vault
from tests.e2e.rig import Backend, Gateway

KEY = bytes(range(32))
NOW = datetime.now(UTC)  # noqa: TID251 - so that no token is due to be renewed
FEW, MANY = 10, 10_000
LOOKUPS = 200_000
STARTS = 5


def token_of(number: int) -> str:
    """The inbound token of a partner."""
    return f"token-of-partner-{number:06d}"


def fill(connection: Connection, vault: Vault, partners: int) -> None:
    """Write so many registered partners, each with a party, nine endpoints and a token in each direction."""
    modules = ("credentials", "cdrs", "chargingprofiles", "commands", "locations", "sessions", "tariffs", "tokens", "x")
    numbers = range(1, partners + 1)
    party = [
        {"country_code": "DE", "party_id": _base36(number), "partner_id": number}
        for number in numbers
        if number < 36**3
    ]
    rows = {
        tables.partner: [
            {
                "id": number,
                "name": f"partner-{number}",
                "name_key": f"partner-{number}",
                "state": "REGISTERED",
                "suspended": False,
                "revision": 1,
                "version": "2.2.1",
                "versions_url": f"https://p{number}.example.com/ocpi/versions",
                "token_form": "base64",
                "versions_form": "base64",
                "invited_roles": [],
                "invited_hosts": [],
                "created_at": NOW,
                "registered_at": NOW,
            }
            for number in numbers
        ],
        tables.party: party,
        tables.credentials_role: [
            {**each, "position": 0, "role": "EMSP", "business_details": {"name": "Example"}} for each in party
        ],
        tables.endpoint: [
            {
                "partner_id": number,
                "identifier": module,
                "role": "SENDER",
                "url": f"https://p{number}.example.com/{module}",
            }
            for number in numbers
            for module in modules
        ],
        tables.inbound_token: [
            {
                "id": f"i{number}",
                "partner_id": number,
                "kind": "credentials",
                "state": "active",
                "provable": True,
                "digest": vault.digest(token_of(number)),
                "fingerprint": "00000000",
                "created_at": NOW,
            }
            for number in numbers
        ],
        tables.outbound_token: [_outbound(connection, vault, number) for number in numbers],
    }
    for table, values in rows.items():
        connection.execute(insert(table), values)
    connection.execute(update(tables.store_state).values(revision=1))


def _outbound(connection: Connection, vault: Vault, number: int) -> dict[str, object]:
    sealed = seal(connection, vault, b"t" * 40, binding=binding_of(tables.outbound_token, f"o{number}", number))
    return {
        "id": f"o{number}",
        "partner_id": number,
        "kind": "credentials",
        "state": "active",
        "fingerprint": "00000000",
        "sealed": sealed.blob,
        "seal_key": sealed.key_id,
        "created_at": NOW,
        "proved": True,
    }


def _base36(number: int) -> str:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return digits[number // 1296 % 36] + digits[number // 36 % 36] + digits[number % 36]


async def measure(partners: int, folder: str) -> dict[str, float]:
    """CPU seconds to read all partners, CPU nanoseconds a look-up, resident megabytes."""
    store = Store(f"sqlite:///{folder}/gateway.db")
    vault = await store.read(lambda connection: open_vault(connection, Keyring([KEY]), now=NOW))
    directory = Directory(store, vault)
    gc.disable()  # as `gateway.app.server` does until it is ready
    started = time.process_time()
    await directory.refresh()
    read = time.process_time() - started
    gc.enable()
    headers = [f"Token {token_of(number % partners + 1)}" for number in range(997)]
    started = time.process_time()
    for number in range(LOOKUPS):
        for _, credentials_token in candidates(headers[number % 997]):
            assert directory.holder(vault.digest(credentials_token)) is not None
            break
    lookup = (time.process_time() - started) / LOOKUPS * 1e9
    await store.close()
    return {"read_cpu_seconds": read, "lookup_cpu_ns": lookup, "resident_mb": resident_megabytes()}


async def seconds_to_ready(folder: str) -> float:
    """From the launch of a gateway on the database to its first `/readyz` with 200."""
    key = base64.b64encode(KEY).decode()
    database = f"sqlite:///{folder}/gateway.db"
    async with Backend() as backend:
        gateway = Gateway(folder=Path(folder), backend_url=backend.url, database=database, encryption_key=key)
        started = time.monotonic()
        async with gateway:
            return time.monotonic() - started


def resident_megabytes() -> float:
    """The memory of this process."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


async def prepare(partners: int, folder: str) -> None:
    """Make the database."""
    store = Store(f"sqlite:///{folder}/gateway.db")
    await store.write(migrate)
    vault = await store.write(lambda connection: open_vault(connection, Keyring([KEY]), now=NOW))
    await store.write(lambda connection: fill(connection, vault, partners))
    await store.close()


def main(arguments: list[str]) -> None:
    """Measure both sizes and print them with their ratios."""
    if arguments[:1] == ["--measure"]:
        print(json.dumps(asyncio.run(measure(int(arguments[1]), arguments[2]))))
        return
    many = int(arguments[0]) if arguments else MANY
    results = {}
    for partners in (FEW, many):
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(prepare(partners, folder))
            command = [sys.executable, "-m", "bench.partners", "--measure", str(partners), folder]
            results[partners] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            with contextlib.redirect_stdout(io.StringIO()):  # the gateway's log
                starts = [asyncio.run(seconds_to_ready(folder)) for _ in range(STARTS)]
            results[partners]["ready_seconds"] = statistics.median(starts)
    print(f"{'':18}{FEW:>12}{many:>12}{'ratio':>10}")
    for name, few in results[FEW].items():
        print(f"{name:18}{few:>12.3f}{results[many][name]:>12.3f}{results[many][name] / few:>10.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
