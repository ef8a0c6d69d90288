"""Listeners: binding, its failures, and a drain that cuts nothing that can still finish."""

import asyncio
import ssl

import aiohttp
import pytest
import trustme

from gateway.net.listener import Address, Listener
from gateway.net.request import Response
from gateway.net.server import make_server
from gateway.net.tls import client_context, server_context
from gateway.ocpi.errors import OperatorError
from tests.net.conftest import NOW

REQUEST = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


def a_listener(handler, *, host="127.0.0.1", port=0, **options):
    server = make_server(handler, clock=lambda: NOW, on_failure=pytest.fail)
    return Listener("private", host=host, port=port, server=server, **options)


class Gate:
    """A handler that waits until it is opened."""

    def __init__(self):
        self.entered = asyncio.Event()
        self.opened = asyncio.Event()
        self.cancelled = False

    async def __call__(self, _):
        self.entered.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return Response(body=b"finished")


async def test_port_zero_gives_the_port_that_was_taken():
    listener = a_listener(Gate())
    address = await listener.start()
    assert address.host == "127.0.0.1"
    assert address.port > 0
    assert listener.address == address
    await listener.close()


@pytest.mark.parametrize(
    ("host", "remedy"),
    [
        ("127.0.0.1", "Another process listens there"),
        ("192.0.2.1", "does not have that address"),
        ("no.invalid", "not an address"),
    ],
)
async def test_an_address_that_can_not_be_bound_is_the_operators_error(host, remedy):
    taken = a_listener(Gate())
    port = (await taken.start()).port
    with pytest.raises(OperatorError, match=f"private listener can't listen on {host}:{port}.*{remedy}"):
        await a_listener(Gate(), host=host, port=port).start()
    await taken.close()


async def test_an_address_is_written_as_in_a_url():
    assert str(Address("127.0.0.1", 8080)) == "127.0.0.1:8080"
    assert str(Address("::1", 8080)) == "[::1]:8080"


@pytest.mark.threat("T11")
async def test_a_drain_lets_a_request_in_flight_finish_and_refuses_new_connections():
    gate = Gate()
    listener = a_listener(gate)
    address = await listener.start()
    reader, writer = await asyncio.open_connection(*address)
    writer.write(REQUEST)
    await gate.entered.wait()
    draining = asyncio.ensure_future(listener.drain(timeout_seconds=10))
    await asyncio.sleep(0)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)
    gate.opened.set()
    answer = await reader.read()
    assert answer.endswith(b"finished")
    assert b"\r\nConnection: close\r\n" in answer
    assert await draining == 0
    writer.close()


async def test_a_drain_cuts_what_does_not_finish_in_time_and_counts_it():
    gate = Gate()
    listener = a_listener(gate)
    reader, writer = await asyncio.open_connection(*await listener.start())
    writer.write(REQUEST)
    await gate.entered.wait()
    assert await asyncio.wait_for(listener.drain(timeout_seconds=0.05), 2) == 1
    assert await reader.read() == b""
    assert gate.cancelled
    writer.close()


async def test_a_drain_closes_idle_connections_at_once():
    gate = Gate()
    gate.opened.set()
    listener = a_listener(gate)
    reader, writer = await asyncio.open_connection(*await listener.start())
    writer.write(REQUEST)
    await reader.readuntil(b"finished")
    silent_reader, silent_writer = await asyncio.open_connection(*listener.address)
    assert await asyncio.wait_for(listener.drain(timeout_seconds=10), 2) == 0
    assert await reader.read() == b""
    assert await silent_reader.read() == b""
    writer.close()
    silent_writer.close()


async def test_an_answer_still_on_its_way_to_a_slow_reader_is_not_cut():
    size = 8 * 2**20

    async def large(request):
        return Response(body=b"a" * size)

    listener = a_listener(large)
    reader, writer = await asyncio.open_connection(*await listener.start(), limit=1024)
    writer.write(REQUEST)
    await reader.readuntil(b"\r\n\r\n")
    draining = asyncio.ensure_future(listener.drain(timeout_seconds=10))
    received = len(await reader.read())
    assert received == size
    assert await draining == 0
    writer.close()


async def test_connections_end_with_their_next_answer_once_closing_has_begun():
    gate = Gate()
    gate.opened.set()
    listener = a_listener(gate)
    address = await listener.start()
    listener.begin_closing()
    reader, writer = await asyncio.open_connection(*address)
    writer.write(REQUEST)
    answer = await reader.read()
    assert b"\r\nConnection: close\r\n" in answer
    writer.close()
    await listener.close()


async def test_a_listener_that_never_started_closes_without_ado():
    await a_listener(Gate()).close()


@pytest.fixture
def certificate(tmp_path):
    """Files of a certificate, its key and its authority."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path


async def test_https_is_served_with_the_given_certificate(certificate):
    gate = Gate()
    gate.opened.set()
    tls = server_context(certificate=certificate / "certificate.pem", key=certificate / "key.pem")
    assert tls.minimum_version == ssl.TLSVersion.TLSv1_2
    listener = a_listener(gate, ssl_context=tls)
    address = await listener.start()
    async with aiohttp.ClientSession() as session:  # noqa: TID251 - a client from outside
        trust = client_context(certificate / "ca.pem")
        async with session.get(f"https://{address}/", ssl=trust) as answer:
            assert await answer.text() == "finished"
    assert await asyncio.wait_for(listener.drain(timeout_seconds=10), 5) == 0


@pytest.mark.parametrize(("certificate_file", "key_file"), [("certificate.pem", "ca.pem"), ("missing.pem", "key.pem")])
async def test_a_certificate_that_can_not_be_used_is_the_operators_error(certificate, certificate_file, key_file):
    with pytest.raises(OperatorError, match="can't be used"):
        server_context(certificate=certificate / certificate_file, key=certificate / key_file)


async def test_a_key_with_a_passphrase_is_refused_instead_of_asking_for_it(certificate):
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key((certificate / "key.pem").read_bytes(), None)
    (certificate / "locked.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"passphrase"),
        )
    )
    with pytest.raises(OperatorError, match="without a passphrase"):
        server_context(certificate=certificate / "certificate.pem", key=certificate / "locked.pem")
