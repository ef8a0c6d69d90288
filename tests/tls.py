"""Servers that speak TLS as OpenSSL's own do, alerts included, which asyncio's keep to themselves; and certificates."""

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
_PATIENCE_SECONDS = 10


class TlsServer:
    """Answers each request on each connection with `OK`, in threads of its own.

    Attributes:
        shown: the organisation of the client certificate of each connection, or None where there was none.
    """

    def __init__(self, context):
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.port = self._listening.getsockname()[1]
        self.connections = 0
        self.requests = 0
        self.shown = []

    def close(self):
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()

    def _accept(self):
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=[connection])
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection):
        connection.settimeout(_PATIENCE_SECONDS)
        with connection, suppress(OSError), self._context.wrap_socket(connection, server_side=True) as tls:
            shown = tls.getpeercert() or {}
            names = dict(pair for part in shown.get("subject", ()) for pair in part)
            self.shown.append(names.get("organizationName"))
            while self._read_head(tls):
                self.requests += 1
                tls.sendall(OK)

    def _read_head(self, tls):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = tls.recv(65536)
            if not piece:
                return False
            head += piece
        return True


@contextmanager
def tls_server(context):
    """A server on loopback."""
    server = TlsServer(context)
    try:
        yield server
    finally:
        server.close()


def server_context(certificate, *, clients=None, version=None):
    """For a server with a certificate of trustme's.

    Args:
        clients: the authority whose client certificates it demands.
        version: the only TLS version that it speaks.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    if clients is not None:
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def old_context(certificate):
    """For a server that speaks TLS 1.0 and 1.1 only."""
    context = server_context(certificate)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


class SelfSigned:
    """A certificate that only its own key vouches for, with the interface of trustme's."""

    def __init__(self, host):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        now = datetime(2020, 1, 1, tzinfo=UTC)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now.replace(year=2100))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        self._pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._folder = None

    def write_to(self, path):
        path.write_bytes(self._pem)
        self._folder = path
        return self

    def configure_cert(self, context):
        context.load_cert_chain(self._folder)
