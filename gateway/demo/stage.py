"""The stage of the demonstration: gateway, backend and eMSP as processes, and how the story makes them act.

backend  <-->  gateway  <-->  eMSP
   |                           |
   +------ one pipe -----------+-->  the audience: what both tell, in the order in which it happened
"""

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

from gateway.demo.processes import Child, StepFailedError, run_verb, start, wait_until
from gateway.demo.report import BACKEND, EMSP, GATEWAY, Listening, Mark, Sight, read_line
from gateway.demo.setting import Setting, choose_setting
from gateway.demo.words import read_document
from gateway.net.client import HttpClient, backend_client
from gateway.net.fetch import fetch
from gateway.ocpi.flow import Fetch, FetchFailedError, Reply

_STARTS: Final = 3
_TIMEOUT_SECONDS: Final = 30
_MAX_BYTES: Final = 1 << 20
_OK: Final = 200

#: Is told what the platforms see, as it happens.
Audience = Callable[[Sight], None]


class Stage:
    """Three running processes.

    Attributes:
        setting: their addresses.
        sights: what the platforms saw, from the start.
        children: the processes, by platform.
    """

    def __init__(self, setting: Setting, client: HttpClient, audience: Audience) -> None:
        self.setting = setting
        self.sights: list[Sight] = []
        self._client = client
        self._audience = audience
        self.children: dict[str, Child] = {}
        self._ports: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self._marks: dict[int, asyncio.Event] = {}

    @property
    def places(self) -> dict[str, str]:
        """Where each process listens, in words."""
        setting = self.setting
        return {
            GATEWAY: f"public {setting.public_url}, private {setting.private_url}, SQLite in a temporary folder",
            **{platform: f"http://127.0.0.1:{port}" for platform, port in self._ports.items()},
        }

    async def control(self, platform: str, action: str, **arguments: Any) -> dict[str, Any]:
        """Make a sample platform do something; returns when all that it caused has been shown.

        Raises:
            StepFailedError: it couldn't; says why.
        """
        number = next(self._numbers)
        marked = self._marks.setdefault(number, asyncio.Event())
        url = f"http://127.0.0.1:{self._ports[platform]}/control/{action}"
        headers = {"Authorization": self.setting.authorization, "Content-Type": "application/json"}
        body = json.dumps(arguments | {"mark": number}).encode()
        try:
            reply = await self._fetch(Fetch(action, "POST", url, headers, body))
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await marked.wait()
        except (FetchFailedError, TimeoutError) as error:
            raise self._failed(platform, action, f"it did not answer: {error}") from None
        document: dict[str, Any] = read_document(reply.body) or {}
        if reply.http_status != _OK:
            raise self._failed(platform, action, document.get("error") or f"it answered HTTP {reply.http_status}")
        return document

    async def verb(self, *words: str, typed: str = "") -> dict[str, Any]:
        """Run a verb of the gateway's command line with `--json`; returns when all that it caused has been shown.

        Args:
            typed: its standard input.

        Raises:
            StepFailedError: it failed, or didn't print one JSON document.
        """
        output = await run_verb(self.setting.config_file, [*words, "--json"], typed=typed)
        await self.control(EMSP, "nothing")
        try:
            document = json.loads(output)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            expected = f"one JSON object from `{' '.join(words[:3])}`"
            raise StepFailedError(expected=expected, came=f"it printed {output[:80]!r}", platform=GATEWAY)
        return document

    async def start(self, pipe: int) -> None:
        """Start the three processes; another program may take a chosen port meanwhile, so try again.

        Args:
            pipe: where the sample platforms tell what they see.

        Raises:
            StepFailedError: one of them doesn't start.
        """
        for attempts_left in reversed(range(_STARTS)):
            try:
                await self._start_all(pipe)
            except StepFailedError:
                gateway = self.children.get(GATEWAY)
                clashed = gateway is not None and gateway.has_ended and not self.setting.ports_are_free()
                if not clashed or not attempts_left:
                    raise
                await self.stop()
                self.setting = choose_setting(self.setting.folder)
            else:
                return

    def last_lines(self, platform: str) -> list[str]:
        """The end of the log that tells most of a failure: of a process that ended unasked, else of the one named."""
        ended = [child for child in self.children.values() if child.has_ended]
        child = next(iter(ended), self.children.get(platform))
        return child.last_lines() if child else []

    async def stop(self) -> None:
        """End all processes."""
        try:
            await asyncio.gather(*(child.stop() for child in self.children.values()))
        finally:
            for child in self.children.values():
                if not child.has_ended:
                    child.process.kill()

    def take(self, line: bytes) -> None:
        """Take in one line that a platform told."""
        match read_line(line):
            case Listening(platform, port):
                self._ports[platform] = port
            case Mark(number):
                self._marks.setdefault(number, asyncio.Event()).set()
            case Sight() as sight:
                self.sights.append(sight)
                self._audience(sight)

    async def _start_all(self, pipe: int) -> None:
        """The platforms first, because the gateway's configuration names the backend."""
        self._ports.clear()
        setting = self.setting
        words = ("--host", "127.0.0.1", "--port", "0")
        ours = (
            *("--authorization", setting.authorization),
            *("--egress-token", setting.egress_token),
            *("--gateway-url", setting.private_url),
        )
        await self._start(EMSP, "gateway.demo.emsp", *words, stdout=pipe)
        await self._start(BACKEND, "gateway.demo.backend", *words, *ours, stdout=pipe)
        for platform in (EMSP, BACKEND):
            await wait_until(partial(self._listens, platform), self.children[platform])
        setting.write_config(backend_port=self._ports[BACKEND])
        await self._start(GATEWAY, "gateway", "-c", str(setting.config_file), "run")
        await wait_until(self._gateway_is_ready, self.children[GATEWAY])

    async def _start(self, platform: str, module: str, *words: str, stdout: int | None = None) -> None:
        log = self.setting.folder / f"{platform}.log"
        self.children[platform] = await start(platform, module, *words, log=log, stdout=stdout)

    async def _listens(self, platform: str) -> bool:
        return platform in self._ports

    async def _gateway_is_ready(self) -> bool:
        with suppress(FetchFailedError):
            return (
                await self._fetch(Fetch("ready", "GET", f"{self.setting.status_url}/readyz", {}))
            ).http_status == _OK
        return False

    async def _fetch(self, request: Fetch) -> Reply:
        return await fetch(self._client, request, timeout_seconds=_TIMEOUT_SECONDS, max_bytes=_MAX_BYTES)

    def _failed(self, platform: str, action: str, came: str) -> StepFailedError:
        return StepFailedError(expected=f"the {platform} to {action.replace('-', ' ')}", came=came, platform=platform)


class _Lines(asyncio.Protocol):
    """Cuts what comes through the pipe into lines."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)


@asynccontextmanager
async def open_stage(setting: Setting, audience: Audience) -> AsyncIterator[Stage]:
    """Set the stage, and clear it whatever happens.

    Raises:
        StepFailedError: from the start or from the body; it then has the last lines of the log that tells most.
    """
    async with backend_client(connect_seconds=5, answer_seconds=_TIMEOUT_SECONDS) as client:
        stage = Stage(setting, client, audience)
        read_end, write_end = os.pipe()
        with os.fdopen(write_end, "wb"), os.fdopen(read_end, "rb") as source:
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: _Lines(stage.take), source)
            try:
                await stage.start(write_end)
                yield stage
            except StepFailedError as error:
                error.last_lines = stage.last_lines(error.platform)
                raise
            finally:
                await stage.stop()
                transport.close()
