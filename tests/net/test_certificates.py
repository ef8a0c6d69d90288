"""Each thing that can be wrong with a partner's certificate is told in words, and the request does not go out."""

from datetime import UTC, datetime

import pytest
import trustme

from gateway.net.address import AddressPolicy
from gateway.net.client import partner_client
from gateway.net.fetch import fetch
from gateway.ocpi.flow import Fetch, FetchCause, FetchFailedError
from tests.net.conftest import NamesLeadTo
from tests.tls import SelfSigned, old_context, server_context, tls_server

pytestmark = pytest.mark.threat("U5")

HOST = "partner.example"


def _expired(trusted, _folder):
    return server_context(trusted.issue_cert(HOST, not_after=datetime(2021, 1, 1, tzinfo=UTC)))


def _not_yet_valid(trusted, _folder):
    return server_context(trusted.issue_cert(HOST, not_before=datetime(2199, 1, 1, tzinfo=UTC)))


def _wrong_name(trusted, _folder):
    return server_context(trusted.issue_cert("other.example"))


def _unknown_authority(_trusted, _folder):
    return server_context(trustme.CA().issue_cert(HOST))


def _unknown_intermediate(_trusted, _folder):
    return server_context(trustme.CA().create_child_ca().issue_cert(HOST))


def _self_signed(_trusted, folder):
    return server_context(SelfSigned(HOST).write_to(folder / "self.pem"))


def _old(trusted, _folder):
    return old_context(trusted.issue_cert(HOST))


#: What a server presents, and what is said about it.
WRONG = {
    "expired": (_expired, "has a certificate that has expired"),
    "not yet valid": (_not_yet_valid, "has a certificate that is not valid yet"),
    "wrong name": (_wrong_name, "has a certificate for another host name"),
    "unknown authority": (_unknown_authority, "has a certificate from an authority that is not trusted"),
    "unknown intermediate": (_unknown_intermediate, "has a certificate from an authority that is not trusted"),
    "self-signed": (_self_signed, "has a certificate that is self-signed"),
    "TLS 1.1 only": (_old, "does not speak TLS 1.2 or newer"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_certificate_that_is_wrong_is_told_in_words_and_nothing_is_sent(tmp_path, wrong):
    make, words = WRONG[wrong]
    trusted = trustme.CA()
    trusted.cert_pem.write_to_path(tmp_path / "ca.pem")
    with tls_server(make(trusted, tmp_path)) as server:
        async with partner_client(
            AddressPolicy(development=True),
            connect_seconds=5,
            answer_seconds=5,
            ca_file=tmp_path / "ca.pem",
            resolver=NamesLeadTo("127.0.0.1"),
        ) as client:
            request = Fetch("POST credentials", "POST", f"https://{HOST}:{server.port}/", {}, b"{}")
            with pytest.raises(FetchFailedError) as failed:
                await fetch(client, request, timeout_seconds=10, max_bytes=10)
    assert words in failed.value.message
    assert (failed.value.cause, failed.value.sent) == (FetchCause.TLS, False)
    assert HOST not in str(failed.value)
    assert server.requests == 0
