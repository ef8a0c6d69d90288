"""The rig for end-to-end tests: the gateway as a process with its command line, and a legacy backend that records.

    backend (this process)  <--  gateway (a process, four loopback listeners)  <-->  partners

Whatever is waited for is waited for by its sign, with a deadline: readiness on the status listener, exit of a process.
"""

import asyncio
import itertools
import json
import os
import signal
import sys
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from tests.ports import free_ports

_READY_SECONDS = 30
_COMMAND_SECONDS = 60
_STOP_SECONDS = 30
_POLL_SECONDS = 0.05
_SETTLED_SECONDS = 5
_STARTS = 3
_KEPT_BYTES = 2**20

BACKEND_AUTHORIZATION = "Token legacy-authorization-of-the-tests"
EGRESS_TOKEN = "egress-token-of-the-tests"


@dataclass(frozen=True)
class Recorded:
    """A request that reached the backend; `path` starts at the root and is as it came, `query` too;
    of the body the first MiB is kept."""

    method: str
    path: str
    query: str
    headers: CIMultiDict
    body: bytes


class Hold:
    """Keeps a request waiting until the test releases it; awaited by whoever handles the request.

    Attributes:
        reached: a request is waiting.
        cancelled: it was given up.
    """

    def __init__(self):
        self.reached, self.release, self.cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def wait(self):
        """Wait as a handler."""
        self.reached.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


class Backend:
    """A legacy system: it serves lists page by page, records every request, and calls partners through the gateway.

    Attributes:
        url: what `backend.url` is to be.
        requests: all that came, in order.
        received: how many bytes of bodies came.
    """

    def __init__(self):
        self.url = ""
        self.requests = []
        self.received = 0
        self._holds = {}
        self._downloads = {}
        self._lists = {}
        self._answers = {}

    async def __aenter__(self):
        application = web.Application(client_max_size=2**30)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/legacy"
        self._http = aiohttp.ClientSession()  # noqa: TID251 - the legacy system's own client
        return self

    async def __aexit__(self, *failure):
        await self._http.close()
        await self._runner.cleanup()

    def offer(self, path, documents):
        """Serve a list at `path` below `url`, in pages that link to one another by the backend's own address."""
        self._lists[path] = documents

    def answer(self, method, path, *, data, http_status=200, headers=None):
        """Answer every such request to `path` below `url` with an envelope around `data`."""
        self._answers[method, path] = (http_status, headers or {}, data)

    def hold(self, path):
        """Keep requests for a list at `path` waiting; the list is empty."""
        self._lists[path] = []
        self._holds[path] = Hold()
        return self._holds[path]

    def download(self, path, size):
        """Serve that many bytes at `path`, piece by piece."""
        self._downloads[path] = size

    async def call(self, method, url, *, document=None):
        """Call the gateway's private listener as the legacy system does; gives `(HTTP status, body, headers)`."""
        headers = {"Authorization": f"Token {EGRESS_TOKEN}"}
        async with self._http.request(method, url, headers=headers, json=document) as answer:
            return answer.status, await answer.json(), answer.headers

    async def _answer(self, request):
        body = b""
        async for piece in request.content.iter_any():
            self.received += len(piece)
            body = (body + piece)[:_KEPT_BYTES]
        path, query = request.raw_path.partition("?")[::2]
        self.requests.append(Recorded(request.method, path, query, request.headers.copy(), body))
        if request.headers.get("Authorization") != BACKEND_AUTHORIZATION:
            return web.json_response({"error": "this is not what the gateway is configured to send"}, status=401)
        asked = path.removeprefix("/legacy").rstrip("/")
        if asked in self._holds:
            await self._holds[asked].wait()
        if asked in self._downloads:
            return await _stream(request, self._downloads[asked])
        if request.method == "GET" and asked in self._lists:
            return self._page(asked, request)
        http_status, headers, data = self._answers.get((request.method, asked), (404, {}, None))
        return web.json_response(_envelope(data), status=http_status, headers=headers)

    def _page(self, asked, request):
        documents = self._lists[asked]
        offset, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 50))
        headers = {"X-Total-Count": str(len(documents)), "X-Limit": str(limit)}
        if offset + limit < len(documents):
            headers["Link"] = f'<{self.url}{asked}?offset={offset + limit}&limit={limit}>; rel="next"'
        return web.json_response(_envelope(documents[offset : offset + limit]), headers=headers)


async def _stream(request, size):
    response = web.StreamResponse(headers={"Content-Length": str(size)})
    await response.prepare(request)
    piece = b"x" * 2**16
    while size > 0:
        await response.write(piece[:size])
        size -= len(piece)
    await response.write_eof()
    return response


@dataclass(frozen=True)
class CommandResult:
    """How a command line verb ended."""

    exit_code: int
    output: str
    errors: str


class CommandFailedError(AssertionError):
    """A verb that was to succeed did not."""


class Verb:
    """A verb of the command line as a process.

    Attributes:
        words: what was called.
        output, errors: the files that it writes to.
    """

    def __init__(self, words, process, *, output, errors):
        self.words, self._process, self.output, self.errors = words, process, output, errors

    async def result(self):
        """How it ended, once it has."""
        exit_code = await self._process.wait()
        return CommandResult(exit_code, self.output.read_text(), self.errors.read_text())

    def send_signal(self, number):
        """Send it a signal."""
        self._process.send_signal(number)

    async def kill(self):
        """SIGKILL it; whether it was alive."""
        self._process.kill()
        return await self._process.wait() == -signal.SIGKILL


class Gateway:
    """The gateway in a folder of its own: configuration, database, log; started and stopped as a process.

    Attributes:
        public_url, private_url, status_url: of its listeners, from the first start on.
    """

    def __init__(self, *, folder, backend_url, nursery=None, **settings):
        """`settings` are top-level keys of the configuration that replace the ones below.

        Args:
            nursery: where its processes are started; without one each is a Python of its own, which takes a second.
        """
        self._folder = folder
        self._nursery = nursery
        self._verbs = itertools.count(1)
        self._settings = settings
        self._backend_url = backend_url
        self._process = None
        self._log = folder / "gateway.log"
        self._use_other_ports()

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *failure):
        try:
            if self._process is not None:
                assert await self.stop() == 0, "the gateway must end with exit code 0 on SIGTERM"
        finally:
            # pytest keeps this to itself unless the test fails.
            sys.stdout.write(f"--- log of the gateway {self._folder.name}\n{self._read_log()}\n")

    async def start(self):
        """Start it and wait until it is ready; another process may take a chosen port meanwhile, so try again."""
        for attempt in range(1, _STARTS + 1):
            await self._launch()
            if await self._becomes_ready():
                return
            if attempt == _STARTS or self._read_log().count("can't listen on") < attempt:
                raise AssertionError(f"the gateway ended with {self._process.returncode}:\n{self._read_log()}")
            self._use_other_ports()

    async def stop(self):
        """End it with SIGTERM; gives its exit code."""
        process, self._process = self._process, None
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(process.wait(), timeout=_STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise AssertionError(f"the gateway did not end within {_STOP_SECONDS} s of SIGTERM") from None

    async def restart(self, **settings):
        """Stop it and start it again on the same ports and database, with further settings."""
        assert await self.stop() == 0
        self._settings |= settings
        await self._launch()
        assert await self._becomes_ready(), self._read_log()

    async def crash(self):
        """Kill it, and start it again on the same ports and database."""
        self._process.kill()
        await self._process.wait()
        await self._launch()
        assert await self._becomes_ready(), self._read_log()

    @property
    def pid(self):
        """The process."""
        return self._process.pid

    @property
    def database_file(self):
        """The database."""
        return self._folder / "gateway.db"

    @property
    def configuration_file(self):
        """For `-c`."""
        return self._file

    def signal(self, number):
        """Send it a signal."""
        self._process.send_signal(number)

    async def until(self, event):
        """Wait until an event stands in its log since it was last started."""
        deadline = asyncio.get_running_loop().time() + _READY_SECONDS
        while event not in self._told_since_start():
            assert asyncio.get_running_loop().time() < deadline, f"{event} never came:\n{self._read_log()}"
            await asyncio.sleep(_POLL_SECONDS)

    def _told_since_start(self):
        """Its events since the last start, the newest first."""
        told = [line["event"] for line in reversed(self.log())]
        return told[: told.index("starting")] if "starting" in told else []

    def files(self):
        """What it wrote: log, database, key file."""
        return [file for file in self._folder.iterdir() if file.is_file() and file != self._file]

    async def begin(self, *words):
        """Begin a verb of the command line beside the running server."""
        folder = self._folder / "verbs"
        folder.mkdir(exist_ok=True)
        number = next(self._verbs)
        files = {"output": folder / f"{number}.output", "errors": folder / f"{number}.errors"}
        return Verb(words, await self._start(*words, **files), **files)

    async def run(self, *words):
        """Run a verb of the command line beside the running server, whatever comes of it."""
        verb = await self.begin(*words)
        try:
            return await asyncio.wait_for(verb.result(), timeout=_COMMAND_SECONDS)
        except TimeoutError:
            await verb.kill()
            raise CommandFailedError(f"`{' '.join(words)}` did not end within {_COMMAND_SECONDS} s") from None

    async def do(self, *words):
        """Run a verb that must succeed; gives what it wrote to standard output."""
        result = await self.run(*words)
        if result.exit_code:
            raise CommandFailedError(
                f"`{' '.join(words)}` ended with {result.exit_code}\n{result.output}{result.errors}"
            )
        return result.output

    async def invite(self, name, *options):
        """`partner invite`: its JSON document."""
        return json.loads(await self.do("partner", "invite", name, *options, "--json"))

    async def register(self, name, *, versions_url, token_a):
        """`partner register`: its JSON document."""
        words = ("--versions-url", versions_url, "--token-a", token_a, "--json")
        return json.loads(await self.do("partner", "register", name, *words))

    async def show(self, name):
        """`partner show`: its JSON document."""
        return json.loads(await self.do("partner", "show", name, "--json"))

    def log(self):
        """The lines of its log that are JSON documents."""
        return [json.loads(line) for line in self._read_log().splitlines() if line.startswith("{")]

    @property
    def configuration(self):
        """The document that is written as its configuration file."""
        listen = {name: {"host": "127.0.0.1", "port": port} for name, port in self._ports.items()}
        party = {
            "role": "CPO",
            "country_code": "NL",
            "party_id": "EXA",
            "business_details": {"name": "Example Charging"},
        }
        modules = {
            "locations": {"role": ["SENDER", "RECEIVER"]},
            "tokens": {"role": "RECEIVER"},
            "commands": {"role": "RECEIVER"},
        }
        return {
            "public_url": self.public_url,
            "development": True,
            "parties": [party],
            "listen": listen,
            "backend": {
                "url": self._backend_url,
                "authorization": BACKEND_AUTHORIZATION,
                "egress_token": EGRESS_TOKEN,
                "modules": modules,
            },
            "database": f"sqlite:///{self._folder / 'gateway.db'}",
            "log": {"format": "json"},
            "shutdown": {"drain_delay_seconds": 0, "grace_period_seconds": 5},
            **self._settings,
        }

    def _use_other_ports(self):
        self._ports = dict(zip(("public", "private", "admin", "status"), free_ports(4), strict=True))
        self.public_url, self.private_url, _, self.status_url = (
            f"http://127.0.0.1:{port}" for port in self._ports.values()
        )

    @property
    def _file(self):
        return self._folder / "gateway.yaml"

    async def _launch(self):
        # JSON is YAML.
        self._file.write_text(json.dumps(self.configuration, indent=2))
        self._process = await self._start("run", output=self._log, errors=self._log)

    async def _start(self, *words, output, errors):
        words = ("-c", str(self._file), *words)
        if self._nursery is not None:
            files = {"output": output, "errors": errors}
            return await self._nursery.start("gateway.cli:main", words, folder=self._folder, **files)
        with output.open("ab") as written, errors.open("ab") as complained:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", *words),
                cwd=self._folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=written,
                stderr=complained,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )

    async def _becomes_ready(self):
        """Whether it says so on `/readyz`; False where the process ended instead."""
        try:
            async with asyncio.timeout(_READY_SECONDS), aiohttp.ClientSession() as http:  # noqa: TID251 - a probe
                while self._process.returncode is None:
                    if await _answers_200(http, f"{self.status_url}/readyz"):
                        return True
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            await self.stop()
            raise AssertionError(f"the gateway was not ready within {_READY_SECONDS} s") from None
        return False

    def _read_log(self):
        return self._log.read_text(errors="replace") if self._log.exists() else ""


async def eventually(http_status, call, *arguments):
    """Repeat a call that gives `(HTTP status, body, headers)` until it gives that status; gives that answer.

    A running gateway follows the command line within a second, not at once (contract.md, Command line).
    """
    deadline = asyncio.get_running_loop().time() + _SETTLED_SECONDS
    while True:
        answer = await call(*arguments)
        if answer[0] == http_status or asyncio.get_running_loop().time() > deadline:
            assert answer[0] == http_status, f"still HTTP {answer[0]} after {_SETTLED_SECONDS} s: {answer[1]}"
            return answer
        await asyncio.sleep(_POLL_SECONDS)


async def _answers_200(http, url):
    try:
        async with http.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def _envelope(data):
    envelope = {"status_code": 1000, "status_message": "Success", "timestamp": "2025-06-01T08:00:00Z"}
    return envelope | ({} if data is None else {"data": data})
