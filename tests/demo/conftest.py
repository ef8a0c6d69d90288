"""Serves the sample platforms in this process and talks to them."""

import base64
import socket
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from gateway.demo.caller import Caller
from gateway.demo.report import Reporter
from gateway.net.client import backend_client


class Platform:
    """A sample platform that is served; `url` is where."""

    def __init__(self, url, http, control_headers):
        self.url = url
        self._http = http
        self._control_headers = control_headers

    async def control(self, action, **arguments):
        """Make it do something; gives its answer as JSON."""
        url = f"{self.url}/control/{action}"
        async with self._http.post(url, json=arguments, headers=self._control_headers) as answer:
            return await answer.json()

    async def call(self, method, path, *, authorization=None, document=None):
        """Call it as `(HTTP status, JSON, headers)`."""
        headers = {"Authorization": authorization} if authorization else {}
        async with self._http.request(method, self.url + path, headers=headers, json=document) as answer:
            return answer.status, await answer.json(), answer.headers


def token(credentials_token):
    """The Authorization header that presents a credentials token."""
    return f"Token {base64.b64encode(credentials_token.encode()).decode()}"


@pytest.fixture
async def start():
    """`start(name, make)` serves what `make(caller, url)` gives on a free port; gives its `Platform`."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())  # noqa: TID251 - an outsider's client

        async def starter(name, make, *, authorization=None):
            url = await stack.enter_async_context(_served(name, make))
            return Platform(url, http, {"Authorization": authorization} if authorization else {})

        yield starter


@asynccontextmanager
async def _served(name, make):
    async with backend_client(connect_seconds=5, answer_seconds=5) as client:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            runner = web.AppRunner(make(Caller(client, Reporter(name)), url).application())
            await runner.setup()
            try:
                await web.SockSite(runner, listener).start()
                yield url
            finally:
                await runner.cleanup()
