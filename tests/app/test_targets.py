"""P2: a request target is refused, or reaches the backend in the same bytes; `make paths` sends 100 000.

The requests are written by hand, and the backend keeps the bytes of each, so that no library can hide a difference.
"""

import asyncio
import contextlib
import json
import re

import pytest
import structlog
from hypothesis import given

from gateway.app.server import running
from gateway.app.verbs import operations
from gateway.config import load_text
from tests.app.conftest import document_of
from tests.platform import Platform, token_header
from tests.proxy import wire
from tests.targets import PARTS, SEED, searched, targets

FORWARDED = re.compile(rb"(?i:/ocpi/2\.2(?:\.1)?/(sender/locations|receiver/tokens))([/?].*)?", re.DOTALL)
OUR_OWN = re.compile(rb"(?i:/ocpi/(?:versions|2\.2(?:\.1)?(?:/credentials)?)/?)(?:\?.*)?", re.DOTALL)


class Front:
    """The public listener of a whole gateway, as a registered partner speaks to it over one connection at a time."""

    def __init__(self, port, backend, header):
        self.backend = backend
        self._port, self._header = port, header
        self._open = None

    async def ask(self, target):
        """Send a target; gives the HTTP status, None where the connection was just closed, and what the backend got."""
        self.backend.requests.clear()
        if self._open is None:
            self._open = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._open
        writer.write(b"GET %b HTTP/1.1\r\nHost: gateway.test\r\nAuthorization: %b\r\n\r\n" % (target, self._header))
        answer = await asyncio.wait_for(wire.read_message(reader), 20)
        if answer is None or answer.all("Connection") == ["close"]:
            await self.close()
        seen = [request.first_line.encode("latin-1").split(b" ", 1)[1] for request in self.backend.requests]
        return answer and answer.http_status, [line.removesuffix(b" HTTP/1.1") for line in seen]

    async def close(self):
        if self._open is not None:
            self._open[1].close()
            with contextlib.suppress(OSError):
                await self._open[1].wait_closed()
        self._open = None


@contextlib.asynccontextmanager
async def front(folder):
    async with wire.other_end() as backend, Platform() as partner:
        document = document_of(folder / "gateway.db", f"{backend.url}/legacy")
        config = load_text(json.dumps(document), source="test", environ={}).config
        async with running(config, structlog.get_logger()), operations(config, remark=str) as verbs:
            partner.token_a = (await verbs.invite("partner")).invitation_token
            await partner.register(config.public_url, token_a=partner.token_a)
            one = Front(config.listen.public.port, backend, token_header(partner.token_c).encode())
            yield one
            await one.close()


@pytest.mark.threat("P2")
@pytest.mark.timeout(0 if SEED else 120)
@pytest.mark.parametrize("part", range(PARTS))
def test_p2_a_target_is_refused_or_reaches_the_backend_in_the_same_bytes(part, tmp_path):
    with asyncio.Runner() as runner, structlog.testing.capture_logs():
        opened = front(tmp_path)
        gateway = runner.run(opened.__aenter__())

        @searched(part, 300)
        @given(targets)
        def holds(target):
            http_status, reached = runner.run(gateway.ask(target))
            target = target.strip(b" ")  # blanks around it are of the request line (RFC 9112, 3)
            if http_status is None or 400 <= http_status < 500:
                assert reached == []
            elif forwarded := FORWARDED.fullmatch(target):
                where = forwarded[1].split(b"/")[1].lower()
                assert (http_status, reached) == (200, [b"/legacy/" + where + (forwarded[2] or b"")])
            else:
                assert (http_status, reached) == (200, [])
                assert OUR_OWN.fullmatch(target)

        try:
            holds()
        finally:
            runner.run(opened.__aexit__(None, None, None))
