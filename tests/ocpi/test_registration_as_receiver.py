"""Accepting and renewing as the Receiver: remote checks first, one change at the end, and who may do it."""

from dataclasses import replace

import pytest

from gateway.ocpi.credentials import read_credentials
from gateway.ocpi.demands import READ_CREDENTIALS
from gateway.ocpi.discovery import GET_VERSIONS
from gateway.ocpi.envelope import StatusCode
from gateway.ocpi.flow import Fetch, FetchCause, Reply
from gateway.ocpi.lifecycle import Accepted, Renewed
from gateway.ocpi.partner import Invitation, Manners, Partner
from gateway.ocpi.party import Party
from gateway.ocpi.registration import accept, renew
from gateway.ocpi.vocabulary import PartnerState
from tests.ocpi.dialogue import (
    ABSENT,
    BASE64,
    DETAILS_URL,
    FOUND,
    FRONT,
    INBOUND_TOKEN,
    NEXT_OUTBOUND_TOKEN,
    OUTBOUND_TOKEN,
    PLAIN,
    VERSIONS_URL,
    credentials,
    dialogue,
    envelope,
    versions,
)

REQUIRING = replace(FRONT, required_modules=("tokens:SENDER", "locations"))
OFFERED = versions({"2.2": "https://emsp.example.com/ocpi/2.2", "2.2.1": DETAILS_URL})
INVALID, UNUSABLE = StatusCode.INVALID_PARAMETERS, StatusCode.UNABLE_TO_USE_CLIENT_API

INVITED = Partner(id=1, name="acme", state=PartnerState.INVITED, revision=1)
REGISTERED = replace(
    INVITED, state=PartnerState.REGISTERED, version="2.2.1", versions_url=VERSIONS_URL, outbound_token=OUTBOUND_TOKEN
)


def inviting(*names, hosts=()):
    roles = tuple((Party.parse(name.partition(":")[0]), name.partition(":")[2] or None) for name in names)
    return replace(INVITED, invitation=Invitation(roles, frozenset(hosts)))


def accepting(*, partner=INVITED, presented=None, front=FRONT, version="2.2.1", **options):
    presented = read_credentials(presented or credentials())
    return dialogue(accept(front, partner, presented, version=version, inbound_token=INBOUND_TOKEN, **options))


class TestAccepting:
    def test_everything_is_checked_with_token_b_then_saved_once_then_answered_with_token_c(self):
        talk = (
            accepting()
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(OFFERED)
            .expects("GET", DETAILS_URL, BASE64)
            .replies(FOUND)
            .saves(Accepted)
        )
        ours = talk.ends()

        assert (ours.token, ours.url, ours.roles) == (INBOUND_TOKEN, FRONT.versions_url, FRONT.roles)
        assert talk.saved[0].inbound_token == INBOUND_TOKEN
        assert talk.saved[0].credentials == read_credentials(credentials())
        assert len(talk.saved[0].discovery.endpoints) == 2

    def test_the_version_posted_to_is_the_one_that_is_registered(self):
        found = (
            accepting(version="2.2")
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(OFFERED)
            .expects("GET", "https://emsp.example.com/ocpi/2.2", BASE64)
            .replies(FOUND)
            .saves(Accepted)
            .saved[0]
        )

        assert found.discovery.version == "2.2"

    def test_without_that_version_it_is_3002(self):
        offered = versions({"2.3.0": DETAILS_URL})

        accepting().expects("GET", VERSIONS_URL, BASE64).replies(offered).is_refused(StatusCode.UNSUPPORTED_VERSION)

    def test_without_a_required_module_it_is_3003_and_nothing_is_saved(self):
        talk = (
            accepting(front=REQUIRING)
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(OFFERED)
            .expects("GET", DETAILS_URL, BASE64)
            .replies(FOUND)
        )
        refused = talk.is_refused(StatusCode.MISSING_ENDPOINTS)

        assert "locations" in refused.public_message
        assert "tokens" not in refused.public_message
        assert talk.saved == []

    @pytest.mark.parametrize("cause", FetchCause)
    def test_a_platform_that_can_not_be_reached_is_3001_and_nothing_is_saved(self, cause):
        talk = accepting().expects("GET", VERSIONS_URL, BASE64).fails(cause)
        talk.is_refused(UNUSABLE, step=GET_VERSIONS)

        assert talk.saved == []

    def test_a_token_that_is_accepted_only_after_our_answer_is_3001_with_that_cause(self):
        talk = accepting()
        for form in (BASE64, PLAIN, ABSENT):
            talk.expects("GET", VERSIONS_URL, form).replies(b"", 401)

        assert "must be accepted before our answer" in talk.is_refused(UNUSABLE).public_message

    def test_a_party_that_the_invitation_names_may_register(self):
        accepting(partner=inviting("DE-ABC:EMSP")).expects("GET", VERSIONS_URL, BASE64)

    def test_all_parties_that_the_invitation_names_may_register(self):
        presented = credentials(OUTBOUND_TOKEN, VERSIONS_URL, "DE-ABC", "de-xyz")

        accepting(partner=inviting("DE-ABC", "DE-XYZ"), presented=presented).expects("GET", VERSIONS_URL, BASE64)

    @pytest.mark.parametrize(
        ("invited", "parties", "says"),
        [
            (["DE-XYZ"], ["DE-ABC"], "the invitation is for DE-XYZ"),
            (["DE-ABC:CPO"], ["DE-ABC"], "the invitation is for DE-ABC:CPO"),
            (["DE-ABC", "DE-XYZ"], ["DE-ABC"], "the invitation is for DE-XYZ"),
            (["DE-ABC"], ["DE-ABC", "DE-XYZ", "DE-AAA"], "the invitation does not cover DE-AAA:EMSP, DE-XYZ:EMSP"),
        ],
    )
    def test_parties_outside_the_invitation_are_2001_before_anything_is_fetched(self, invited, parties, says):
        presented = credentials(OUTBOUND_TOKEN, VERSIONS_URL, *parties)
        refused = accepting(partner=inviting(*invited), presented=presented).is_refused(INVALID, step=READ_CREDENTIALS)

        assert says in refused.public_message

    def test_another_role_than_the_invited_one_is_2001_although_the_party_is_invited(self):
        presented = credentials()
        presented["roles"].append({**presented["roles"][0], "role": "CPO"})
        refused = accepting(partner=inviting("DE-ABC:EMSP"), presented=presented).is_refused(INVALID)

        assert refused.public_message == "read credentials: the invitation does not cover DE-ABC:CPO"
        accepting(partner=inviting("DE-ABC"), presented=presented).expects("GET", VERSIONS_URL, BASE64)

    def test_a_party_of_ours_is_2001_whatever_its_role(self):
        presented = credentials(OUTBOUND_TOKEN, VERSIONS_URL, "DE-ABC", "NL-EXA")
        refused = accepting(presented=presented).is_refused(INVALID, step=READ_CREDENTIALS)

        assert refused.public_message == "read credentials: roles: NL-EXA belongs to our platform"

    def test_a_host_outside_the_invitation_is_2001_before_anything_is_fetched(self):
        refused = accepting(partner=inviting(hosts=["other.example.com"])).is_refused(INVALID, step=READ_CREDENTIALS)

        assert "url" in refused.public_message
        assert "other.example.com" not in refused.public_message

    @pytest.mark.parametrize("options", [{"hosts": ["emsp.example.com"]}, {"hosts": ["other.example.com"]}])
    def test_a_host_that_invitation_or_operator_allows_may_register(self, options):
        partner = inviting(**options)
        talk = accepting(partner=partner, allowed_hosts=frozenset({"emsp.example.com"}))

        talk.expects("GET", VERSIONS_URL, BASE64).replies(OFFERED).expects("GET", DETAILS_URL, BASE64)

    def test_an_invitation_that_names_hosts_binds_every_url(self):
        elsewhere = versions({"2.2.1": "https://emsp.example.net/ocpi/2.2.1"})
        talk = accepting(partner=inviting(hosts=["emsp.example.com"])).expects("GET", VERSIONS_URL, BASE64)

        talk.replies(elsewhere).is_refused(UNUSABLE)

    def test_only_the_same_platform_may_repeat_its_post(self):
        presented = credentials(NEXT_OUTBOUND_TOKEN, "https://thief.example/ocpi/versions")

        accepting(partner=REGISTERED, presented=presented, repeated=True).is_refused(INVALID, says="another origin")
        accepting(partner=REGISTERED, repeated=True).expects("GET", VERSIONS_URL, BASE64)


def renewing(*, partner=REGISTERED, url=VERSIONS_URL, version="2.2.1", **options):
    presented = read_credentials(credentials(NEXT_OUTBOUND_TOKEN, url))
    flow = renew(FRONT, partner, presented, version=version, inbound_token=INBOUND_TOKEN, **options)
    return dialogue(flow, token=NEXT_OUTBOUND_TOKEN)


class TestRenewing:
    def test_the_new_token_is_checked_then_saved_then_answered_with_a_new_one_of_ours(self):
        talk = (
            renewing()
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(OFFERED)
            .expects("GET", DETAILS_URL, BASE64)
            .replies(FOUND)
            .saves(Renewed)
        )

        assert talk.ends().token == INBOUND_TOKEN
        assert talk.saved[0].credentials.token == NEXT_OUTBOUND_TOKEN

    def test_the_learned_manners_are_kept_to(self):
        renewing(partner=replace(REGISTERED, manners=Manners(PLAIN, PLAIN))).expects("GET", VERSIONS_URL, PLAIN)

    def test_a_call_back_refused_with_the_new_token_is_tried_once_with_the_old_one(self):
        (
            renewing()
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(b"", 401)
            .expects("GET", VERSIONS_URL, BASE64, token=OUTBOUND_TOKEN)
            .replies(OFFERED)
            .expects("GET", DETAILS_URL, BASE64)
            .replies(FOUND)
            .saves(Renewed)
            .ends()
        )

    def test_a_put_to_another_version_switches_to_it(self):
        talk = (
            renewing(version="2.2")
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(OFFERED)
            .expects("GET", "https://emsp.example.com/ocpi/2.2", BASE64)
            .replies(FOUND)
            .saves(Renewed)
        )

        assert talk.saved[0].discovery.version == "2.2"

    @pytest.mark.parametrize(
        "url",
        [
            "https://thief.example/ocpi/versions",
            "http://emsp.example.com/ocpi/versions",
            "https://emsp.example.com:8443/ocpi/versions",
        ],
    )
    def test_another_origin_is_2001_before_anything_is_fetched(self, url):
        refused = renewing(url=url).is_refused(INVALID, step=READ_CREDENTIALS)

        assert "the operator must allow it first" in refused.public_message

    @pytest.mark.parametrize(
        ("partner", "options"),
        [
            (REGISTERED, {"allowed_hosts": frozenset({"new.example.com"})}),
            (replace(REGISTERED, invitation=Invitation(hosts=frozenset({"new.example.com"}))), {}),
            (replace(REGISTERED, versions_url=None), {}),
        ],
    )
    def test_another_origin_is_fine_where_the_operator_allows_it_or_none_is_known(self, partner, options):
        moved = "https://new.example.com/ocpi/versions"

        renewing(partner=partner, url=moved, **options).expects("GET", moved, BASE64)

    @pytest.mark.parametrize(
        ("invited", "says"), [(["FR-ZZZ"], "FR-ZZZ, which is not among"), (["DE-ABC:CPO"], "DE-ABC:CPO")]
    )
    def test_parties_outside_the_invitation_are_2001_before_anything_is_fetched(self, invited, says):
        partner = replace(REGISTERED, invitation=inviting(*invited).invitation)

        renewing(partner=partner).is_refused(INVALID, step=READ_CREDENTIALS, says=says)

    def test_another_path_on_the_same_origin_is_fine(self):
        moved = "https://EMSP.example.com:443/v2/versions"

        renewing(url=moved).expects("GET", moved, BASE64)

    def test_a_failed_call_back_saves_nothing(self):
        talk = renewing().expects("GET", VERSIONS_URL, BASE64).replies(envelope(status_code=3000))
        talk.is_refused(UNUSABLE)

        assert talk.saved == []


def test_requests_and_replies_show_no_token_and_no_body():
    request = Fetch("POST credentials", "POST", VERSIONS_URL, {"Authorization": "Token secret"}, b"secret")
    reply = Reply(200, {"x": "secret"}, b"secret")

    assert "secret" not in f"{request!r} {request} {reply!r} {reply}"
    assert VERSIONS_URL in repr(request)
    assert "6 bytes" in repr(reply)
