"""Contexts of TLS: whom they let in, and what is said of files that can't be used."""

import ssl

import pytest
import trustme

from gateway.net.tls import TlsFilesError, client_context, load_client_certificate, server_context


class Files:
    """An authority and what it issued, in files."""

    def __init__(self, folder, name):
        self._authority = trustme.CA()
        self.authority = folder / f"{name}-ca.pem"
        self._authority.cert_pem.write_to_path(self.authority)
        issued = self._authority.issue_cert("localhost", organization_name=name)
        self.certificate, self.key, self.both = (folder / f"{name}-{part}.pem" for part in ("cert", "key", "both"))
        issued.cert_chain_pems[0].write_to_path(self.certificate)
        issued.private_key_pem.write_to_path(self.key)
        issued.private_key_and_cert_chain_pem.write_to_path(self.both)


@pytest.fixture
def ours(tmp_path):
    return Files(tmp_path, "ours")


@pytest.fixture
def theirs(tmp_path):
    return Files(tmp_path, "theirs")


@pytest.fixture
def stranger(tmp_path):
    return Files(tmp_path, "stranger")


def shown_to(server, client):
    """The organisation of the certificate that a client shows a server; None without one. Both lie in memory.

    Raises:
        ssl.SSLError: they don't come together.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    inside = server.wrap_bio(to_server, to_client, server_side=True)
    outside = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    for _ in range(5):
        for end in (outside, inside):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    names = dict(pair for part in (inside.getpeercert() or {}).get("subject", ()) for pair in part)
    return names.get("organizationName")


def calling(ours, shown=None):
    """The context of a client that trusts us."""
    context = client_context(ours.authority)
    if shown is not None:
        load_client_certificate(context, certificate=shown.certificate, key=shown.key)
    return context


def listening(ours, **options):
    return server_context(certificate=ours.certificate, key=ours.key, **options)


def test_a_listener_without_authorities_for_clients_asks_for_no_certificate(ours, theirs):
    assert shown_to(listening(ours), calling(ours, theirs)) is None


def test_a_listener_with_authorities_for_clients_lets_in_who_has_a_certificate_of_theirs_only(ours, theirs, stranger):
    server = listening(ours, client_ca=theirs.authority)

    assert shown_to(server, calling(ours, theirs)) == "theirs"
    for client in (calling(ours), calling(ours, stranger)):
        with pytest.raises(ssl.SSLError):
            shown_to(server, client)


def test_where_a_certificate_is_not_required_nobody_gets_in_with_a_wrong_one(ours, theirs, stranger):
    server = listening(ours, client_ca=theirs.authority, client_certificate_required=False)

    assert shown_to(server, calling(ours)) is None
    assert shown_to(server, calling(ours, theirs)) == "theirs"
    with pytest.raises(ssl.SSLError):
        shown_to(server, calling(ours, stranger))


def test_certificate_and_key_may_lie_in_one_file(ours, theirs):
    client = client_context(ours.authority)
    load_client_certificate(client, certificate=theirs.both, key=None)

    assert shown_to(listening(ours, client_ca=theirs.authority), client) == "theirs"


def test_authorities_of_several_files_are_trusted(ours, theirs):
    client = client_context(None, theirs.authority, ours.authority)

    assert shown_to(listening(ours), client) is None


#: How files of certificates are taken, each from the files that it is given.
TAKEN = {
    "authorities": lambda certificate, _: client_context(certificate),
    "client certificate": lambda certificate, key: load_client_certificate(
        client_context(), certificate=certificate, key=key
    ),
    "certificate": lambda certificate, key: server_context(certificate=certificate, key=key),
}


@pytest.mark.parametrize("taken", TAKEN)
def test_a_file_that_is_not_there_is_named_with_the_systems_words(tmp_path, ours, taken):
    with pytest.raises(TlsFilesError, match=r"gone\.pem.* can't be used: No such file or directory\. ") as failed:
        TAKEN[taken](tmp_path / "gone.pem", ours.key)
    assert "readable" in failed.value.remedy


@pytest.mark.parametrize("taken", ["client certificate", "certificate"])
def test_a_key_of_another_certificate_is_told_from_a_file_that_is_none(ours, theirs, taken):
    with pytest.raises(TlsFilesError, match=r"theirs-key\.pem can't be used: key values mismatch\. "):
        TAKEN[taken](ours.certificate, theirs.key)


def test_a_file_of_authorities_without_a_certificate_is_told(ours):
    with pytest.raises(TlsFilesError, match=r"can't be used: no certificate or crl found\. "):
        client_context(ours.key)
