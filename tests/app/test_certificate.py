"""TLS on the public listener: files that change are read again, and clients may have to show a certificate."""

import asyncio
import ssl

import pytest
import structlog
import trustme

from gateway.app.certificate import Certificate
from gateway.config.network import Tls
from gateway.net.listener import Listener
from gateway.net.request import Response
from gateway.net.server import make_server
from gateway.observe.clock import utc_now
from gateway.ocpi.errors import OperatorError

OURS, THEIRS = trustme.CA(), trustme.CA()


async def hello(request):
    return Response(body=b"known!" if request.certificate() else b"hello!")


class Front:
    """A listener with its certificate, and the files of that."""

    def __init__(self, folder, **settings):
        self.files = {name: folder / f"{name}.pem" for name in ("certificate", "key", "client_ca")}
        self.renew()
        THEIRS.cert_pem.write_to_path(self.files["client_ca"])
        self.listener = Listener("public", host="127.0.0.1", port=0, server=server())
        self.log = structlog.testing.CapturingLogger()
        self.tls = Tls(certificate=self.files["certificate"], key=self.files["key"], **settings)
        self.certificate = Certificate(self.tls, self.listener, self.log)

    def renew(self, *, only=("certificate", "key"), authority=OURS):
        """Write another certificate, or a part of it."""
        issued = authority.issue_cert("127.0.0.1")
        if "certificate" in only:
            issued.cert_chain_pems[0].write_to_path(self.files["certificate"])
        if "key" in only:
            issued.private_key_pem.write_to_path(self.files["key"])

    async def connect(self, certificate=None):
        """A connection, and the serial number of the certificate that was shown."""
        context = ssl.create_default_context()
        OURS.configure_trust(context)
        if certificate is not None:
            certificate.configure_cert(context)
        reader, writer = await asyncio.open_connection(*self.listener.address, ssl=context, server_hostname="127.0.0.1")
        return reader, writer, writer.get_extra_info("peercert")["serialNumber"]

    def told(self):
        return [call.args[0] for call in self.log.calls]


def server():
    return make_server(hello, clock=utc_now, on_failure=pytest.fail)


async def ask(reader, writer):
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    return (await reader.readuntil(b"!"))[-6:-1]


async def ask_once(front, certificate=None):
    reader, writer, _ = await front.connect(certificate)
    try:
        return await ask(reader, writer)
    finally:
        writer.close()


@pytest.fixture
async def front_with(tmp_path):
    """Starts a listener with a certificate."""
    started = []

    async def start(**settings):
        front = Front(tmp_path, **settings)
        await front.certificate.look()
        await front.listener.start()
        started.append(front.listener)
        return front

    yield start
    for listener in started:
        await listener.close()


async def test_new_connections_get_a_certificate_that_was_renewed_and_open_ones_live_on(front_with):
    front = await front_with()
    reader, writer, first = await front.connect()
    address = front.listener.address
    front.renew()

    await front.certificate.look()

    _, other, second = await front.connect()
    assert second != first
    assert await ask(reader, writer) == b"hello"
    assert front.listener.address == address
    assert front.told() == ["tls_renewed"]
    for each in (writer, other):
        each.close()


async def test_what_did_not_change_is_left_alone(front_with):
    front = await front_with()

    await front.certificate.look()

    assert front.told() == []


async def test_a_pair_that_is_half_written_is_told_of_once_and_used_when_it_is_whole(front_with):
    front = await front_with()
    _, writer, first = await front.connect()
    writer.close()
    front.files["key"].write_text("half a key")
    for _ in range(3):
        await front.certificate.look()
    _, writer, meanwhile = await front.connect()
    writer.close()
    front.renew()
    await front.certificate.look()
    _, writer, last = await front.connect()
    writer.close()

    assert meanwhile == first
    assert last != first
    assert front.told() == ["tls_kept", "tls_renewed"]


async def test_a_file_that_went_away_leaves_the_former_certificate(front_with):
    front = await front_with()
    front.files["certificate"].unlink()

    await front.certificate.look()

    assert await ask_once(front) == b"hello"
    assert front.told() == ["tls_kept"]


async def test_without_usable_files_nothing_starts(tmp_path):
    front = Front(tmp_path)
    front.files["key"].write_text("no key")

    with pytest.raises(OperatorError, match="can't be used"):
        await front.certificate.look()


class TestClientCertificates:
    async def test_where_they_are_required_nobody_gets_through_without_one(self, front_with, tmp_path):
        front = await front_with(client_ca=tmp_path / "client_ca.pem")

        assert await ask_once(front, THEIRS.issue_cert("a-partner.example.com")) == b"known"
        for certificate in (None, OURS.issue_cert("a-stranger.example.com")):
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                await ask_once(front, certificate)

    async def test_where_they_are_optional_it_is_known_who_showed_one(self, front_with, tmp_path):
        front = await front_with(client_ca=tmp_path / "client_ca.pem", client_certificates="optional")

        assert await ask_once(front) == b"hello"
        assert await ask_once(front, THEIRS.issue_cert("a-partner.example.com")) == b"known"

    async def test_another_authority_holds_for_new_connections(self, front_with, tmp_path):
        front = await front_with(client_ca=tmp_path / "client_ca.pem")
        others = trustme.CA()
        others.cert_pem.write_to_path(tmp_path / "client_ca.pem")

        await front.certificate.look()

        assert await ask_once(front, others.issue_cert("b.example.com")) == b"known"
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await ask_once(front, THEIRS.issue_cert("a.example.com"))
