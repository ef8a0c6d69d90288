"""Authorities and client certificates of single partners, against a server that demands a client certificate."""

import ssl

import pytest
import trustme

from gateway.net.address import AddressPolicy
from gateway.net.client import partner_client
from gateway.net.fetch import fetch
from gateway.net.trust import PartnerTls
from gateway.ocpi.flow import Fetch, FetchCause, FetchFailedError
from tests.net.conftest import NamesLeadTo
from tests.tls import server_context, tls_server

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Files:
    """Authorities and certificates in files."""

    def __init__(self, folder):
        self._folder = folder
        self.servers, self.clients = trustme.CA(), trustme.CA()

    def authority(self, authority, name="servers.pem"):
        authority.cert_pem.write_to_path(self._folder / name)
        return self._folder / name

    def client(self, organisation, *, authority=None):
        """Certificate and key in one file."""
        issued = (authority or self.clients).issue_cert("us.example", organization_name=organisation)
        path = self._folder / f"{organisation}.pem"
        issued.private_key_and_cert_chain_pem.write_to_path(path)
        return path


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


@pytest.fixture
def mtls_server(files):
    """A partner's server that demands a certificate of `files.clients`, with each version of TLS."""

    def start(version=None):
        issued = files.servers.issue_cert("partner.example")
        return tls_server(server_context(issued, clients=files.clients, version=version))

    return start


def client_of(partner_tls, *, ca_file=None):
    return partner_client(
        AddressPolicy(development=True),
        connect_seconds=5,
        answer_seconds=5,
        ca_file=ca_file,
        partner_tls=partner_tls,
        resolver=NamesLeadTo("127.0.0.1"),
    )


async def ask(client, server, partner, *, method="GET", host="partner.example"):
    request = Fetch("GET versions", method, f"https://{host}:{server.port}/", {})
    return (await fetch(client, request, timeout_seconds=10, max_bytes=10, partner=partner)).http_status


@pytest.mark.parametrize("version", VERSIONS)
async def test_each_partner_is_shown_its_own_certificate_on_connections_of_its_own(files, mtls_server, version):
    tls = {name: PartnerTls(files.authority(files.servers), files.client(name)) for name in ("one", "two")}
    with mtls_server(version) as server:
        async with client_of(tls) as client:
            for partner in ("one", "two", "ONE", "two", "one"):
                assert await ask(client, server, partner) == 200
    assert server.shown.count("one") == 2  # "ONE" is the same partner written otherwise, and gets no connection of it
    assert server.shown.count("two") == 1
    assert server.requests == 5


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("partner", ["three", None])
async def test_whoever_has_no_certificate_is_not_lent_one(files, mtls_server, version, partner):
    trusted = files.authority(files.servers)
    with mtls_server(version) as server:
        async with client_of({"one": PartnerTls(certificate=files.client("one"))}, ca_file=trusted) as client:
            assert await ask(client, server, "one") == 200
            with pytest.raises(FetchFailedError):
                await ask(client, server, partner)
    assert server.shown == ["one"]
    assert server.requests == 1


async def test_a_server_that_asks_for_a_certificate_in_vain_is_told_from_one_that_hung_up(files, mtls_server):
    """With TLS 1.3 its alert may be overtaken by the end of the connection, so this is about TLS 1.2."""
    trusted = files.authority(files.servers)
    with mtls_server(ssl.TLSVersion.TLSv1_2) as server:
        async with client_of({}, ca_file=trusted) as client:
            with pytest.raises(FetchFailedError, match="it may ask for a client certificate") as failed:
                await ask(client, server, "one")
    assert failed.value.cause is FetchCause.TLS
    assert "partners.NAME.client_certificate" in failed.value.remedy
    assert not failed.value.sent


async def test_a_certificate_that_the_partner_refuses_is_named_as_the_cause(files, mtls_server):
    wrong = PartnerTls(files.authority(files.servers), files.client("wrong", authority=trustme.CA()))
    with mtls_server(ssl.TLSVersion.TLSv1_2) as server:
        async with client_of({"one": wrong}) as client:
            with pytest.raises(FetchFailedError, match="refuses the client certificate") as failed:
                await ask(client, server, "one")
    assert failed.value.cause is FetchCause.TLS
    assert server.shown == []


async def test_an_authority_of_one_partner_is_trusted_for_that_partner_only(files):
    with tls_server(server_context(files.servers.issue_cert("partner.example"))) as server:
        async with client_of({"one": PartnerTls(files.authority(files.servers))}) as client:
            assert await ask(client, server, "one") == 200
            for partner in ("two", None):
                with pytest.raises(FetchFailedError, match="authority that is not trusted") as failed:
                    await ask(client, server, partner)
                assert "partners.NAME.ca_file or outbound.ca_file" in failed.value.remedy
    assert server.requests == 1


async def test_an_authority_of_one_partner_adds_to_those_of_all(files):
    every, own = trustme.CA(), trustme.CA()
    tls = {"one": PartnerTls(files.authority(own, "own.pem"))}
    contexts = [server_context(authority.issue_cert("partner.example")) for authority in (every, own)]
    with tls_server(contexts[0]) as first, tls_server(contexts[1]) as second:
        async with client_of(tls, ca_file=files.authority(every, "every.pem")) as client:
            for server in (first, second):
                assert await ask(client, server, "one") == 200


async def test_the_name_is_checked_whatever_authority_vouches_for_it(files):
    with tls_server(server_context(files.servers.issue_cert("partner.example"))) as server:
        async with client_of({"one": PartnerTls(files.authority(files.servers))}) as client:
            with pytest.raises(FetchFailedError, match="certificate for another host name"):
                await ask(client, server, "one", host="other.example")
    assert server.requests == 0


@pytest.mark.parametrize("key", ["ca_file", "certificate"])
async def test_a_file_that_went_away_since_the_start_is_ours_to_mend(files, tmp_path, key):
    tls = {"one": PartnerTls(**{key: tmp_path / "gone.pem"})}
    with tls_server(server_context(files.servers.issue_cert("partner.example"))) as server:
        async with client_of(tls) as client:
            with pytest.raises(FetchFailedError, match=r"gone\.pem.* can't be used: No such file") as failed:
                await ask(client, server, "one")
    assert failed.value.cause is FetchCause.POLICY
    assert not failed.value.sent
    assert server.connections == 0
