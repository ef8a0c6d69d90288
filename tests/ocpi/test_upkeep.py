"""Flows that only read: what a platform offers now, and a registration that another system made."""

import pytest

from gateway.ocpi.discovery import Target
from gateway.ocpi.envelope import StatusCode
from gateway.ocpi.lifecycle import Imported
from gateway.ocpi.partner import CredentialsRole, Endpoint, Manners, Partner
from gateway.ocpi.party import Party
from gateway.ocpi.upkeep import GET_CREDENTIALS, adopt, differences, inspect
from gateway.ocpi.vocabulary import InterfaceRole, PartnerState
from tests.ocpi.dialogue import (
    BASE64,
    CREDENTIALS_URL,
    DETAILS_URL,
    FOUND,
    FRONT,
    INBOUND_TOKEN,
    OFFERED,
    OUTBOUND_TOKEN,
    PLAIN,
    VERSIONS_URL,
    credentials,
    details,
    dialogue,
    endpoint,
    envelope,
    versions,
)

UNUSABLE = StatusCode.UNABLE_TO_USE_CLIENT_API
REGISTERED = Partner(
    id=1,
    name="acme",
    state=PartnerState.REGISTERED,
    revision=5,
    version="2.2.1",
    versions_url=VERSIONS_URL,
    manners=Manners(PLAIN, PLAIN),
    outbound_token=OUTBOUND_TOKEN,
)


def read_with(flow, form, found=FOUND):
    return (
        dialogue(flow)
        .expects("GET", VERSIONS_URL, form)
        .replies(OFFERED)
        .expects("GET", DETAILS_URL, form)
        .replies(found)
    )


class TestInspecting:
    def to_the_credentials(self):
        return read_with(inspect(REGISTERED), PLAIN).expects("GET", CREDENTIALS_URL, PLAIN)

    @pytest.mark.parametrize(
        ("body", "http_status", "accepts"),
        [
            (envelope(credentials()), 200, True),
            (envelope(None), 200, True),
            (b"", 401, False),
            (envelope(status_code=2000), 401, False),
            (envelope(status_code=2000), 200, None),
            (b"", 200, None),
            (b"", 403, None),
            (b"", 405, None),
            (b"", 500, None),
        ],
    )
    def test_only_a_clear_answer_says_whether_our_token_is_accepted(self, body, http_status, accepts):
        finding = self.to_the_credentials().replies(body, http_status).ends()

        assert finding.accepts_token is accepts
        assert [each.identifier for each in finding.discovery.endpoints] == ["credentials", "tokens"]

    def test_a_credentials_endpoint_that_does_not_answer_says_nothing(self):
        assert self.to_the_credentials().fails().ends().accepts_token is None

    def test_without_a_credentials_endpoint_nobody_is_asked(self):
        assert read_with(inspect(REGISTERED), PLAIN, details(endpoint("tokens"))).ends().accepts_token is None

    def test_a_platform_that_left_our_version_is_3002(self):
        talk = dialogue(inspect(REGISTERED)).expects("GET", VERSIONS_URL, PLAIN)
        talk.replies(versions({"2.3.0": DETAILS_URL})).is_refused(StatusCode.UNSUPPORTED_VERSION)


def test_differences_name_what_is_new_and_what_is_gone():
    tokens = Endpoint("tokens", InterfaceRole.SENDER, "https://a.example/tokens")
    moved = Endpoint("tokens", InterfaceRole.SENDER, "https://a.example/v2/tokens")
    cdrs = Endpoint("cdrs", None, "https://a.example/cdrs")

    assert differences((tokens, cdrs), (cdrs, tokens)) == ()
    assert differences((tokens,), (moved, cdrs)) == (
        "+ cdrs https://a.example/cdrs",
        "+ tokens SENDER https://a.example/v2/tokens",
        "- tokens SENDER https://a.example/tokens",
    )


class TestAdopting:
    def adopting(self, *roles):
        flow = adopt(FRONT, Target(VERSIONS_URL, OUTBOUND_TOKEN), inbound_token=INBOUND_TOKEN, roles=roles)
        return read_with(flow, BASE64).expects("GET", CREDENTIALS_URL, BASE64)

    def test_the_parties_are_those_that_the_platform_tells(self):
        imported = self.adopting().replies(envelope(credentials("another"))).saves(Imported).ends()

        assert [role.party for role in imported.credentials.roles] == [Party("DE", "ABC")]
        assert imported.credentials.token == OUTBOUND_TOKEN
        assert imported.credentials.url == VERSIONS_URL
        assert imported.inbound_token == INBOUND_TOKEN

    @pytest.mark.parametrize("shape", [lambda told: told.pop("token"), lambda told: told.update(url=None)])
    def test_only_the_parties_of_what_it_tells_are_needed(self, shape):
        told = credentials()
        shape(told)

        assert self.adopting().replies(envelope(told)).saves(Imported).ends().credentials.roles

    def test_parties_that_the_operator_names_go_before_what_it_tells(self):
        ours = CredentialsRole("EMSP", Party("FR", "XYZ"))

        imported = self.adopting(ours).replies(envelope(credentials())).saves(Imported).ends()

        assert imported.credentials.roles == (ours,)

    @pytest.mark.parametrize("body", [b"", envelope([]), envelope(status_code=2000), envelope({"roles": []})])
    def test_where_nobody_says_which_parties_it_has_nothing_is_saved(self, body):
        refused = self.adopting().replies(body).is_refused(UNUSABLE, step=GET_CREDENTIALS)

        assert "--party" in refused.remedy

    def test_a_refused_token_is_a_failure(self):
        self.adopting().replies(b"", 401).is_refused(UNUSABLE, step=GET_CREDENTIALS, says="refuses the token")

    def test_a_party_of_ours_is_left_out(self):
        told = credentials(OUTBOUND_TOKEN, VERSIONS_URL, "NL-EXA", "DE-ABC")

        imported = self.adopting().replies(envelope(told)).saves(Imported).ends()

        assert [role.party for role in imported.credentials.roles] == [Party("DE", "ABC")]
        assert imported.remarks == ("the partner's parties include one of ours, which was left out",)
