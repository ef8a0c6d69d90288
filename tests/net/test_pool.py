"""Connections to other sides are few, are used again, and are never lost count of."""

import asyncio

import pytest

from gateway.net.http1 import Bounds
from gateway.net.outbound import Outbound
from gateway.net.pool import ConnectError, ConnectTimeoutError, Destination, Dialer, Pool

BOUNDS = Bounds(8190, 8190)
BACKEND = Destination(secure=False, host="backend.example", port=80)
OTHER = BACKEND._replace(host="other.example")


class Wire(asyncio.Transport):
    """A transport that notes what becomes of it."""

    def __init__(self, protocol):
        super().__init__()
        self.protocol, self.closing = protocol, False

    def abort(self):
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def is_closing(self):
        return self.closing

    def write(self, data):
        pass


class Phone:
    """Opens connections, unless it is told to fail or to wait."""

    def __init__(self):
        self.dialled, self.error, self.wait = [], None, None

    async def __call__(self, destination, protocol):
        self.dialled.append(destination)
        if self.wait is not None:
            await self.wait.wait()
        if self.error is not None:
            raise self.error
        made = protocol()
        made.connection_made(Wire(made))
        return made


@pytest.fixture
def phone():
    return Phone()


@pytest.fixture
async def pool(phone):
    async with Pool(phone, bounds=BOUNDS, connect_seconds=0.2, in_all=3, for_each=2) as made:
        yield made


async def test_a_connection_that_was_given_back_is_used_again_the_last_one_first(pool, phone):
    first, second = await pool.open(BACKEND), await pool.open(BACKEND)
    for connection in (first, second):
        connection.release()
    assert pool.idle(BACKEND) is second
    assert pool.idle(BACKEND) is first
    assert pool.idle(BACKEND) is None
    assert len(phone.dialled) == 2


async def test_a_connection_of_one_partner_is_not_lent_to_another(pool):
    (await pool.open(BACKEND._replace(partner="acme"))).release()
    assert pool.idle(BACKEND) is None
    assert pool.idle(BACKEND._replace(partner="bravo")) is None


async def test_who_finds_no_room_waits_for_a_connection_that_is_given_back(pool):
    first, _ = await pool.open(BACKEND), await pool.open(BACKEND)
    waiting = asyncio.ensure_future(pool.open(BACKEND))
    await asyncio.sleep(0)
    first.release()
    assert await waiting is first


async def test_who_finds_no_room_takes_that_of_a_connection_that_is_closed(pool, phone):
    first, _ = await pool.open(BACKEND), await pool.open(BACKEND)
    waiting = asyncio.ensure_future(pool.open(BACKEND))
    await asyncio.sleep(0)
    first.close()
    assert await waiting is not first
    assert len(phone.dialled) == 3


async def test_an_idle_connection_to_somebody_else_makes_room(pool):
    idle = await pool.open(OTHER)
    _ = await pool.open(BACKEND), await pool.open(BACKEND._replace(port=81))
    waiting = asyncio.ensure_future(pool.open(BACKEND))
    await asyncio.sleep(0)
    idle.release()
    assert isinstance(await waiting, Outbound)
    assert not idle.usable


async def test_no_room_in_time_is_a_time_out_and_takes_nothing_away(pool):
    first, _ = await pool.open(BACKEND), await pool.open(BACKEND)
    with pytest.raises(ConnectTimeoutError):
        await pool.open(BACKEND)
    first.release()
    assert pool.idle(BACKEND) is first


async def test_connections_that_can_not_be_made_use_up_no_room(pool, phone):
    phone.error = ConnectError(ConnectionRefusedError())
    for _ in range(5):
        with pytest.raises(ConnectError):
            await pool.open(BACKEND)
    phone.error = None
    assert [await pool.open(BACKEND) for _ in range(2)]


async def test_connections_that_nobody_waits_for_any_more_use_up_no_room(pool, phone):
    phone.wait = asyncio.Event()
    for _ in range(5):
        waiting = asyncio.ensure_future(pool.open(BACKEND))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    phone.wait = None
    assert [await pool.open(BACKEND) for _ in range(2)]


async def test_a_connection_that_is_lost_while_it_is_opened_uses_up_no_room(pool, phone):
    async def lost(destination, protocol):
        made = await Phone()(destination, protocol)
        made.connection_lost(None)
        return made

    pool._dial = lost
    for _ in range(5):
        with pytest.raises(ConnectError):
            await pool.open(BACKEND)
    pool._dial = phone
    assert [await pool.open(BACKEND) for _ in range(2)]


async def test_what_comes_unasked_on_an_idle_connection_ends_it(pool):
    connection = await pool.open(BACKEND)
    connection.release()
    connection.data_received(b"HTTP/1.1 200 OK\r\n\r\n")
    assert pool.idle(BACKEND) is None


async def test_a_host_that_is_an_address_is_not_looked_up():
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        pool = Pool(Dialer(None, None), bounds=BOUNDS, connect_seconds=5)
        connection = await pool.open(Destination(secure=False, host="127.0.0.1", port=port))
        assert connection.transport.get_extra_info("peername") == ("127.0.0.1", port)
        await pool.close()
