"""One whole gateway for all hostile requests and answers: backend and partners around it keep every byte.

    test (blocking sockets)  ->  front, if any  ->  gateway  ->  recorder

It runs on uvloop, as in production, in a thread of its own, so that tests are plain sequences of sends and receives.
"""

import asyncio
import base64
import json
import threading
from concurrent.futures import Future
from contextlib import AsyncExitStack, contextmanager

import structlog
import uvloop

from gateway.app.server import running
from gateway.app.verbs import operations
from gateway.config import load_text
from tests.app.conftest import document_of
from tests.e2e.rig import BACKEND_AUTHORIZATION, EGRESS_TOKEN
from tests.hostile.recorder import Recorder
from tests.platform import Platform, ocpi, token_header

_START_SECONDS = 60
_ROLES = {"acme": "ABC", "bravo": "BRV"}


class Stage:
    """The gateway with everything around it.

    Attributes:
        config: of the gateway.
        backend, partner: record what reaches them; `partner` is where both partners' modules lie.
        platforms: where the handshakes were done, by partner; nothing of the corpus may call them again.
        log: what the gateway logged.
    """

    def __init__(self, folder, **settings):
        self._folder = folder
        self._settings = settings
        self.backend, self.partner = Recorder(), Recorder()
        self.platforms = {}
        self.log = []
        self.config = None

    @property
    def public_port(self):
        return self.config.listen.public.port

    @property
    def private_port(self):
        return self.config.listen.private.port

    def authorization(self, name="acme"):
        """The Authorization header of a partner, as it is written by the book."""
        return token_header(self.platforms[name].token_c)

    @property
    def secrets(self):
        """What nobody outside may ever read, as bytes."""
        plain = [BACKEND_AUTHORIZATION.rpartition(" ")[2], EGRESS_TOKEN]
        for platform in self.platforms.values():
            plain += [platform.token_b, platform.token_c, "token-c1-of-the-platform"]
        encoded = [base64.b64encode(each.encode()).decode().rstrip("=") for each in plain]
        addresses = [f"127.0.0.1:{self.backend.port}", "aiohttp", "Traceback", "gateway/net", "python"]
        return [each.encode() for each in (*plain, *encoded, *addresses)]

    def forget(self):
        """Forget what was recorded."""
        self.backend.forget()
        self.partner.forget()
        self.log.clear()

    async def run(self, ready, stop):
        """Run until `stop` is set; `ready` is called when both partners are registered."""
        async with AsyncExitStack() as stack:
            for recorder in (self.backend, self.partner):
                await stack.enter_async_context(recorder.listening())
            document = document_of(self._folder / "gateway.db", f"{self.backend.url}/legacy", **self._settings)
            self.config = load_text(json.dumps(document), source="test", environ={}).config
            await stack.enter_async_context(running(self.config, structlog.wrap_logger(None, [self._note])))
            verbs = await stack.enter_async_context(operations(self.config, remark=self.log.append))
            for name, party_id in _ROLES.items():
                platform = await stack.enter_async_context(Platform())
                await self._register(verbs, name, party_id, platform)
            ready()
            await stop.wait()

    async def _register(self, verbs, name, party_id, platform):
        self.platforms[name] = platform
        platform.token_b = f"token-b-of-{name}"
        platform.roles = [{**platform.roles[0], "party_id": party_id}]
        details = platform.details
        for endpoint in details["endpoints"][1:]:
            endpoint["url"] = f"{self.partner.url}/{name}/{endpoint['identifier']}"
        platform.answers["/2.2.1"] = (200, ocpi(details), {})
        token_a = (await verbs.invite(name)).invitation_token
        public_url = f"http://127.0.0.1:{self.public_port}"
        _, envelope = await platform.register(public_url, token_a=token_a)
        assert envelope["status_code"] == 1000, envelope
        await platform.call("GET", f"{public_url}/ocpi/versions")  # the first use of a token is special
        platform.requests.clear()

    def _note(self, _logger, _method, entry):
        self.log.append(entry)
        raise structlog.DropEvent


@contextmanager
def staged(folder, **settings):
    """A stage in a thread of its own."""
    stage = Stage(folder, partner_check={"enabled": False}, rotation={"mode": "off"}, **settings)
    started = Future()

    async def run():
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        await stage.run(lambda: started.set_result(lambda: loop.call_soon_threadsafe(stop.set)), stop)

    def work():
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=work, name="stage")
    thread.start()
    stop = started.result(_START_SECONDS)
    try:
        yield stage
    finally:
        stop()
        thread.join()
