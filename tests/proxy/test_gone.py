"""A backend or partner that is gone: refuses, resets, swallows or stands still. Answered in time, and found again."""

import asyncio
import contextlib
import signal
import socket
import sys

import pytest

from gateway.net.address import AddressPolicy
from gateway.net.pool import backend_pool, partner_pool
from gateway.ocpi.errors import Fault
from tests.proxy import wire
from tests.proxy.conftest import envelope

SECONDS = 0.3
#: Answers every request, and says on which port.
SERVER = """
import asyncio
async def serve(reader, writer):
    while await reader.readuntil(b"\\r\\n\\r\\n"):
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def refusing():
    """Nobody listens; then somebody does."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    async with contextlib.AsyncExitStack() as stack:

        async def returns():
            await stack.enter_async_context(wire.other_end(port=port))

        yield port, returns


@contextlib.asynccontextmanager
async def swallowing():
    """A black hole: no connection is ever accepted, and no packet answered; then all are."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening, contextlib.ExitStack() as stack:
        port = listening.getsockname()[1]
        fillers = [stack.enter_context(socket.socket()) for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        async with contextlib.AsyncExitStack() as later:

            async def returns():
                stack.close()
                await later.enter_async_context(wire.other_end(sock=listening))

            yield port, returns


@contextlib.asynccontextmanager
async def standing_still():
    """A process that is stopped: the system accepts connections for it, and nothing is answered; then it goes on."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, stdout=asyncio.subprocess.PIPE)
    port = int(await process.stdout.readline())
    process.send_signal(signal.SIGSTOP)

    async def returns():
        process.send_signal(signal.SIGCONT)

    try:
        yield port, returns
    finally:
        process.kill()
        await process.wait()


each_way = pytest.mark.parametrize(
    ("way", "http_status"),
    [(refusing, 502), (swallowing, 504), (standing_still, 504)],
    ids=lambda way: getattr(way, "__name__", ""),
)


@pytest.fixture
async def impatient(rig):
    """The rig with short time-outs."""
    async with (
        backend_pool(connect_seconds=SECONDS) as rig.to_backend,
        partner_pool(rig.policy, connect_seconds=SECONDS) as rig.to_partner,
    ):
        rig.configure(timeouts__backend_answer_seconds=SECONDS, timeouts__partner_answer_seconds=SECONDS)
        yield rig


@each_way
@pytest.mark.threat("D8")
async def test_a_backend_that_is_gone_is_answered_in_time_and_found_again_one_pause_after_its_return(
    impatient, way, http_status
):
    async with way() as (port, returns):
        impatient.configure(backend__url=f"http://127.0.0.1:{port}/ocpi")
        await answered_in_time(lambda: impatient.ingress_request("GET", "/sender/cdrs"), (http_status, 3000))
        assert impatient.call.fault is Fault.BACKEND
        for _ in range(5):
            await impatient.ingress_request("GET", "/sender/cdrs")
        at_once = await impatient.ingress_request("GET", "/sender/cdrs")
        assert envelope(at_once) == (502, 3000)
        assert "not asked by every request" in impatient.call.reason

        await returns()
        impatient.monotonic += 0.5
        assert (await impatient.ingress_request("GET", "/sender/cdrs")).http_status == 200
        assert (await impatient.ingress_request("GET", "/sender/cdrs")).http_status == 200
        assert impatient.changes == [("gone", ""), ("back", "")]


@each_way
@pytest.mark.threat("D8")
async def test_a_partner_that_is_gone_is_answered_in_time_and_keeps_no_other_waiting(impatient, way, http_status):
    expected = (http_status, 4002 if http_status == 504 else 4003)
    async with way() as (port, returns):
        impatient.partner.port, well = port, impatient.partner.port
        await impatient.register("gone", roles=("EMSP:FR-ONE",))
        impatient.partner.port = well
        target = "/partners/gone/sender/locations"
        await answered_in_time(lambda: impatient.egress_request("GET", target), expected)
        for _ in range(5):
            await impatient.egress_request("GET", target)
        assert "not asked by every request" in (await impatient.egress_request("GET", target)).body.decode()
        assert (await impatient.egress_request("GET", "/partners/acme/sender/locations")).http_status == 200

        await returns()
        impatient.monotonic += 0.5
        assert (await impatient.egress_request("GET", target)).http_status == 200


async def answered_in_time(ask, expected):
    """Within half a second of a timer as long as the time-out, so that a busy machine delays both."""
    loop = asyncio.get_running_loop()

    async def timer():
        await asyncio.sleep(SECONDS)
        return loop.time()

    async def answer():
        return await ask(), loop.time()

    due, (given, at) = await asyncio.gather(timer(), answer())
    assert envelope(given) == expected
    assert at < due + 0.5


class Attempts(AddressPolicy):
    """A policy that counts connections as they are begun."""

    def __init__(self, *, on_second):
        super().__init__(development=True)
        object.__setattr__(self, "begun", [])
        object.__setattr__(self, "on_second", on_second)

    def socket_factory(self, info):
        self.begun.append(info)
        if len(self.begun) == 2:
            self.on_second()
        return super().socket_factory(info)


@pytest.fixture
async def unsteady(rig):
    """A partner that nobody listens for at the first attempt to connect, and that listens from the second on."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    async with contextlib.AsyncExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        rig.listens = asyncio.Event()

        def on_second():
            listening.listen()
            rig.listens.set()

        attempts = Attempts(on_second=on_second)
        rig.to_partner = await stack.enter_async_context(partner_pool(attempts, connect_seconds=5))
        rig.configure()
        rig.partner.port, well = port, rig.partner.port
        await rig.register("unsteady", roles=("EMSP:FR-ONE",))
        rig.partner.port = well
        rig.attempts, rig.listening = attempts.begun, listening
        yield rig


async def test_a_get_that_was_turned_away_is_sent_again_once(unsteady):
    async def serve():
        async with wire.other_end(sock=unsteady.listening) as end:
            await end.cut_off.wait()

    asking = asyncio.ensure_future(unsteady.egress_request("GET", "/partners/unsteady/sender/locations"))
    await unsteady.listens.wait()
    serving = asyncio.ensure_future(serve())
    assert (await asking).http_status == 200
    assert len(unsteady.attempts) == 2
    serving.cancel()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.threat("D8")
async def test_a_push_that_was_turned_away_is_not_sent_again(unsteady, method):
    answer = await unsteady.egress_request(method, "/partners/unsteady/receiver/sessions/NL/EXA/1", body=b"{}")

    assert envelope(answer) == (502, 4003)
    assert len(unsteady.attempts) == 1
