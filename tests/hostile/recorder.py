"""A backend or a partner that keeps every byte it is sent, and answers what the test says."""

import asyncio
import contextlib
from contextlib import asynccontextmanager

from tests.proxy import wire


class _Tapped(asyncio.StreamReader):
    """A reader that copies all that comes, read or not, to its recorder."""

    def __init__(self, recorder):
        super().__init__(limit=2**20)
        self._recorder = recorder

    def feed_data(self, data):
        self._recorder.received += data
        super().feed_data(data)


class Recorder:
    """What stands behind the gateway.

    Attributes:
        received: all bytes since the last `forget`, of whole requests or not.
        requests: the whole requests since then.
        connections: how many were opened since then.
        plan: how the next request is answered, a coroutine function given recorder, reader and writer; if None, with
            a body that names its target.
        gone: how many connections ended since then.
    """

    def __init__(self):
        self.port = 0
        self.forget()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def forget(self):
        self.received = bytearray()
        self.requests = []
        self.connections = self.gone = 0
        self.plan = None

    @asynccontextmanager
    async def listening(self):
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: asyncio.StreamReaderProtocol(_Tapped(self), self._serve), "127.0.0.1", 0
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while (message := await wire.read_head(reader)) is not None:
                await wire.read_body(reader, message)
                self.requests.append(message)
                plan, self.plan = self.plan, None
                if plan is not None:
                    await plan(reader, writer)
                    break
                writer.write(wire.answer(body=f"the answer to {message.target}".encode()))
        self.gone += 1
        writer.close()
