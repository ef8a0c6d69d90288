"""The rig for foreign peers: starts them as processes and drives them by their verbs.

A foreign peer is another OCPI implementation in an environment of its own (`make_peers.py`, `peers/`). Nothing is
waited for by time: a peer says on its standard output when it listens, and answers each verb with one line there.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from tests.e2e.make_peers import peer_python

_RUNNER = Path(__file__).parent / "peers" / "run_peer.py"
_LONGEST_LINE = 4 * 1024 * 1024
_ANSWER_SECONDS = 60

#: How each peer is run: the module that builds it, and whether the library only speaks of itself as `https`.
_MODULES = {"extrawest": ("extrawest_peer", False), "py-ocpi": ("py_ocpi_peer", True)}


class PeerRefusedError(Exception):
    """A verb failed in the peer.

    Attributes:
        account: `method`, `url`, `http_status` and `body` of the answer that the peer took for a failure, or None.
    """

    def __init__(self, error, account):
        self.account = account
        super().__init__(f"{error} {account or ''}".strip())


@dataclass
class ForeignPeer:
    """A running foreign platform.

    Attributes:
        versions_url: where it answers versions.
    """

    process: asyncio.subprocess.Process
    versions_url: str
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def call(self, verb, **arguments):
        """Have the peer do what `PeerClient` in `peers/peer_client.py` offers under that name; gives its result.

        Raises:
            PeerRefusedError: it failed there, most often because the other platform's answer did not please it.
        """
        async with self._turn:
            self.process.stdin.write(json.dumps({"verb": verb, "arguments": arguments}).encode() + b"\n")
            answer = await _read_line(self.process)
        if "error" in answer:
            raise PeerRefusedError(answer["error"], answer["account"])
        return answer["result"]


class ForeignPeers:
    """Starts peers within one test, and ends them all with it."""

    def __init__(self, *, folder, authority, authority_file):
        self._folder = folder
        self._authority = authority
        self._authority_file = authority_file
        self._running = AsyncExitStack()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *failure):
        await self._running.aclose()

    async def start(self, implementation, *, party, roles):
        """Start a peer: one of `make_peers.PEERS`, as that party (`DE-ABC`), in those roles (`EMSP`, `CPO`)."""
        module, only_https = _MODULES[implementation]
        folder = self._folder / f"{implementation}-{party}"
        folder.mkdir()
        words = [module, "--party", party, *(word for role in roles for word in ("--role", role))]
        if only_https:
            words += self._certificate(folder)
        python = await asyncio.to_thread(peer_python, implementation)
        running = _running(python, words, folder=folder, authority_file=self._authority_file)
        return await self._running.enter_async_context(running)

    def _certificate(self, folder):
        certificate = self._authority.issue_cert("127.0.0.1")
        chain, key = folder / "certificate.pem", folder / "key.pem"
        certificate.cert_chain_pems[0].write_to_path(chain)
        certificate.private_key_pem.write_to_path(key)
        return ["--certificate", str(chain), "--key", str(key)]


def make_authority(folder):
    """A certificate authority for loopback peers, and the file that holds its certificate."""
    authority = trustme.CA()
    file = folder / "authority.pem"
    authority.cert_pem.write_to_path(file)
    return authority, file


@asynccontextmanager
async def _running(python, words, *, folder, authority_file):
    # The environment is empty but for the authority: a proxy or a setting of this machine must not reach the peer.
    environment = {"SSL_CERT_FILE": str(authority_file), "PYTHONUNBUFFERED": "1"}
    log = folder / "peer.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(python, _RUNNER, *words),
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=_LONGEST_LINE,
        )
    try:
        yield ForeignPeer(process=process, versions_url=(await _read_line(process))["versions_url"])
    finally:
        await _end(process)
        # pytest keeps this to itself unless the test fails.
        sys.stdout.write(f"--- log of the foreign peer {folder.name}\n{log.read_text(errors='replace')}\n")


async def _end(process):
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), timeout=10)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _read_line(process):
    try:
        line = await asyncio.wait_for(process.stdout.readline(), timeout=_ANSWER_SECONDS)
    except TimeoutError:
        raise RuntimeError(f"the foreign peer said nothing for {_ANSWER_SECONDS} s; its log says why") from None
    if not line:
        raise RuntimeError("the foreign peer ended early; its log says why")
    return json.loads(line)
