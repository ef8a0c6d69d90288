"""TLS of a whole gateway: the operator reads what is wrong with a certificate, the partner doesn't; and mTLS."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import trustme

from gateway.ocpi.flow import HandshakeError
from tests.app.conftest import document_of
from tests.e2e.rig import EGRESS_TOKEN, Backend
from tests.platform import Platform
from tests.tls import SelfSigned, old_context, server_context, tls_server
from tests.urls.answers import tells_nothing
from tests.urls.stage import OWN, PUBLIC_URL, Front, started
from tests.urls.tripwire import Names

pytestmark = pytest.mark.threat("U5", "U6")

PAST, FUTURE = datetime(2021, 1, 1, tzinfo=UTC), datetime(2199, 1, 1, tzinfo=UTC)

WRONG = {
    "expired": (lambda trusted: trusted.issue_cert(OWN, not_after=PAST), "has a certificate that has expired"),
    "not yet valid": (
        lambda trusted: trusted.issue_cert(OWN, not_before=FUTURE),
        "has a certificate that is not valid yet",
    ),
    "wrong name": (lambda trusted: trusted.issue_cert("other.example"), "has a certificate for another host name"),
    "unknown authority": (
        lambda _trusted: trustme.CA().issue_cert(OWN),
        "has a certificate from an authority that is not trusted",
    ),
    "self-signed": (lambda _trusted: SelfSigned(OWN), "has a certificate that is self-signed"),
}


@pytest.fixture
async def world(monkeypatch, tmp_path):
    """Starts fronts and a gateway that may call them: `await world(...)`."""
    names = Names({})
    monkeypatch.setattr("socket.getaddrinfo", names.getaddrinfo)
    async with Backend() as backend:
        yield lambda fronts, **settings: started(_document(tmp_path, backend, fronts, **settings))


def _document(folder, backend, fronts, **settings):
    rules = [{"cidr": "127.0.0.1/32", "hosts": [front.host], "ports": [front.port]} for front in fronts]
    return document_of(
        folder / "gateway.db",
        backend.url,
        development=False,
        public_url=PUBLIC_URL,
        egress={"allow": rules},
        **settings,
    )


@pytest.mark.parametrize("wrong", WRONG)
async def test_the_operator_reads_what_is_wrong_with_a_certificate_and_the_partner_does_not(world, tmp_path, wrong):
    make, words = WRONG[wrong]
    trusted = trustme.CA()
    trusted.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = make(trusted)
    if wrong == "self-signed":
        certificate.write_to(tmp_path / "self.pem")
    async with (
        Front(server_context(certificate)) as front,
        world([front], outbound={"ca_file": str(tmp_path / "ca.pem")}) as gateway,
    ):
        token_a = (await gateway.verbs.invite("acme")).invitation_token
        http_status, envelope = await front.register(gateway.public_url, token_a=token_a)
        record = await gateway.verbs.partner("acme")
        with pytest.raises(HandshakeError, match=words):
            await gateway.verbs.register(
                "other",
                versions_url=front.versions_url,
                invitation_token="token-a",
                progress=lambda *_: None,
            )

    assert (http_status, envelope["status_code"]) == (200, 3001)
    assert tells_nothing((http_status, envelope["status_code"], envelope["status_message"]))
    assert words in record.note
    assert any(words in str(line.get("outcome", "")) for line in gateway.log)
    assert front.requests == []


async def test_the_operator_reads_that_a_platform_speaks_old_tls_only_and_the_partner_does_not(world, tmp_path):
    trusted = trustme.CA()
    trusted.cert_pem.write_to_path(tmp_path / "ca.pem")
    with tls_server(old_context(trusted.issue_cert(OWN))) as server:
        platform = SimpleNamespace(host=OWN, port=server.port)
        async with Platform() as partner, world([platform], outbound={"ca_file": str(tmp_path / "ca.pem")}) as gateway:
            document = {**partner.credentials, "url": f"https://{OWN}:{server.port}/versions"}
            token_a = (await gateway.verbs.invite("acme")).invitation_token
            http_status, envelope = await partner.register(gateway.public_url, token_a=token_a, document=document)
            record = await gateway.verbs.partner("acme")

    assert tells_nothing((http_status, envelope["status_code"], envelope["status_message"]))
    assert "does not speak TLS 1.2 or newer" in record.note
    assert server.requests == 0


class Partners:
    """Two partners whose platforms each demand a certificate of their own authority."""

    def __init__(self, folder):
        self._folder = folder
        self.servers = {name: trustme.CA() for name in ("one", "two")}
        self.clients = {name: trustme.CA() for name in ("one", "two")}

    def front(self, name):
        host = f"{name}.example"
        made = Front(server_context(self.servers[name].issue_cert(host), clients=self.clients[name]), host=host)
        made.roles = [{**made.roles[0], "party_id": name.upper()}]
        return made

    def settings(self, name, *, certificate_of=None):
        """What the configuration says of a partner."""
        files = self._folder / f"{name}-ca.pem", self._folder / f"{name}.pem", self._folder / f"{name}-key.pem"
        issued = self.clients[certificate_of or name].issue_cert("us.example", organization_name=f"us at {name}")
        self.servers[name].cert_pem.write_to_path(files[0])
        issued.cert_chain_pems[0].write_to_path(files[1])
        issued.private_key_pem.write_to_path(files[2])
        return dict(zip(("ca_file", "client_certificate", "client_key"), map(str, files), strict=True))


async def test_each_partner_is_shown_its_own_certificate_in_handshake_and_traffic(world, tmp_path):
    partners = Partners(tmp_path)
    settings = {name.upper(): partners.settings(name) for name in ("one", "two")}
    async with (
        partners.front("one") as one,
        partners.front("two") as two,
        world([one, two], partners=settings) as gateway,
    ):
        token_a = (await gateway.verbs.invite("one")).invitation_token
        assert (await one.register(gateway.public_url, token_a=token_a))[1]["status_code"] == 1000
        await gateway.verbs.register(
            "two", versions_url=two.versions_url, invitation_token="token-a", progress=lambda *_: None
        )
        for name in ("one", "two", "one", "two"):
            url = f"{gateway.private_url}/partners/{name}/sender/tokens"
            assert (await one.call("GET", url, header=f"Token {EGRESS_TOKEN}"))[0] == 404

    assert set(one.certificates) == {"us at one"}
    assert set(two.certificates) == {"us at two"}
    assert len(one.certificates) == 2 + 2
    assert len(two.certificates) == 3 + 2


@pytest.mark.parametrize("shown", ["none", "that of another partner"])
async def test_a_partner_that_demands_a_certificate_is_not_registered_without_the_right_one(world, tmp_path, shown):
    partners = Partners(tmp_path)
    wrong = partners.settings("one", certificate_of="two")
    settings = {"one": wrong if shown != "none" else {"ca_file": wrong["ca_file"]}}
    async with partners.front("one") as one, world([one], partners=settings) as gateway:
        token_a = (await gateway.verbs.invite("one")).invitation_token
        http_status, envelope = await one.register(gateway.public_url, token_a=token_a)

    assert tells_nothing((http_status, envelope["status_code"], envelope["status_message"]))
    assert one.requests == []
