"""Registering, repeating, rotating and unregistering as the Sender: what goes out, in which order, and how it ends."""

import base64
import json
from dataclasses import replace

import pytest

from gateway.ocpi.discovery import GET_DETAILS, GET_VERSIONS, Target
from gateway.ocpi.envelope import StatusCode
from gateway.ocpi.flow import FetchCause
from gateway.ocpi.lifecycle import Completed, Prepared, Rotated, Rotating
from gateway.ocpi.partner import Endpoint, Manners, Partner
from gateway.ocpi.party import Party
from gateway.ocpi.registration import (
    DELETE_CREDENTIALS,
    POST_CREDENTIALS,
    PUT_CREDENTIALS,
    Front,
    initiate,
    repeat,
    rotate,
    unregister,
)
from gateway.ocpi.vocabulary import InterfaceRole, PartnerState
from tests.ocpi.dialogue import (
    ABSENT,
    BASE64,
    CREDENTIALS_URL,
    DETAILS_URL,
    FOUND,
    FRONT,
    INBOUND_TOKEN,
    INVITATION_TOKEN,
    NEXT_OUTBOUND_TOKEN,
    OFFERED,
    OUTBOUND_TOKEN,
    PLAIN,
    VERSIONS_URL,
    credentials,
    details,
    dialogue,
    endpoint,
    envelope,
)

OURS = {
    "token": INBOUND_TOKEN,
    "url": "https://ocpi.example.com/ocpi/versions",
    "roles": [
        {"role": "CPO", "country_code": "NL", "party_id": "EXA", "business_details": {"name": "Example Charging"}}
    ],
}
THEIRS = envelope(credentials())
UNUSABLE = StatusCode.UNABLE_TO_USE_CLIENT_API

REGISTERED = Partner(
    id=1,
    name="acme",
    state=PartnerState.REGISTERED,
    revision=5,
    version="2.2.1",
    versions_url=VERSIONS_URL,
    endpoints=(Endpoint("credentials", InterfaceRole.SENDER, CREDENTIALS_URL),),
    outbound_token=OUTBOUND_TOKEN,
)


def initiating(*, front=FRONT, found=FOUND):
    flow = initiate(front, Target(VERSIONS_URL, INVITATION_TOKEN), inbound_token=INBOUND_TOKEN)
    return (
        dialogue(flow, token=INVITATION_TOKEN)
        .expects("GET", VERSIONS_URL, BASE64)
        .replies(OFFERED)
        .expects("GET", DETAILS_URL, BASE64)
        .replies(found)
    )


class TestRegistering:
    def test_token_b_is_saved_before_the_post_goes_out_and_token_c_before_the_end(self):
        talk = (
            initiating()
            .saves(Prepared)
            .expects("POST", CREDENTIALS_URL, BASE64, body=OURS)
            .replies(THEIRS)
            .saves(Completed)
        )
        completed = talk.ends()

        prepared = talk.saved[0]
        assert prepared.inbound_token == completed.inbound_token == INBOUND_TOKEN
        assert prepared.discovery.endpoints[0].url == CREDENTIALS_URL
        assert completed is talk.saved[1]
        assert completed.credentials.token == OUTBOUND_TOKEN
        assert completed.credentials.roles[0].party == Party("DE", "ABC")
        assert completed.discovery.manners == Manners(BASE64, BASE64)

    def test_nothing_is_posted_where_a_required_module_is_missing(self):
        front = Front(FRONT.versions_url, FRONT.roles, FRONT.versions, ("tokens:SENDER", "cdrs", "sessions:RECEIVER"))
        talk = initiating(front=front)
        refused = talk.is_refused(StatusCode.MISSING_ENDPOINTS, step=GET_DETAILS, says="cdrs, sessions:RECEIVER")

        assert talk.saved == []
        assert "required_modules" in refused.remedy

    def test_nothing_is_posted_where_they_list_no_credentials_module(self):
        talk = initiating(found=details(endpoint("tokens")))
        talk.is_refused(UNUSABLE, step=GET_DETAILS, says="no credentials module")

        assert talk.saved == []

    @pytest.mark.parametrize(
        "listed",
        [
            [endpoint("credentials", "SENDER")],
            [endpoint("credentials", None)],
            [endpoint("credentials", "SENDER", f"{CREDENTIALS_URL}-sender"), endpoint("credentials")],
        ],
    )
    def test_credentials_are_posted_to_whichever_side_lists_them(self, listed):
        initiating(found=details(*listed)).saves(Prepared).expects("POST", CREDENTIALS_URL, BASE64)

    def test_a_post_refused_by_a_platform_that_reads_no_token_before_is_tried_once_in_the_other_form(self):
        completed = (
            initiating()
            .saves(Prepared)
            .expects("POST", CREDENTIALS_URL, BASE64)
            .replies(b"", 401)
            .expects("GET", VERSIONS_URL, ABSENT)
            .replies(OFFERED)
            .expects("POST", CREDENTIALS_URL, PLAIN, body=OURS)
            .replies(THEIRS)
            .saves(Completed)
            .ends()
        )

        assert completed.discovery.manners == Manners(PLAIN, BASE64)

    @pytest.mark.parametrize("probed", [401, 403, 404, 500, None])
    def test_a_post_refused_by_a_platform_that_took_this_form_before_is_sent_once(self, probed):
        talk = (
            initiating()
            .saves(Prepared)
            .expects("POST", CREDENTIALS_URL, BASE64)
            .replies(envelope(status_code=2000), 401)
            .expects("GET", VERSIONS_URL, ABSENT)
        )
        talk = talk.fails() if probed is None else talk.replies(b"", probed)
        refused = talk.is_refused(UNUSABLE, step=POST_CREDENTIALS, says="HTTP 401, OCPI status 2000")

        assert refused.http_status == 401
        assert not refused.outcome_unknown

    def test_a_post_refused_in_both_forms_is_a_failure(self):
        refused = (
            initiating()
            .saves(Prepared)
            .expects("POST", CREDENTIALS_URL, BASE64)
            .replies(envelope(status_code=2000), 401)
            .expects("GET", VERSIONS_URL, ABSENT)
            .replies(OFFERED)
            .expects("POST", CREDENTIALS_URL, PLAIN)
            .replies(envelope(status_code=2000), 401)
            .is_refused(UNUSABLE, step=POST_CREDENTIALS, says="HTTP 401, OCPI status 2000")
        )

        assert refused.http_status == 401
        assert not refused.outcome_unknown

    @pytest.mark.parametrize("http_status", [307, 308])
    def test_a_post_redirected_to_the_slash_variant_is_sent_there_once(self, http_status):
        (
            initiating()
            .saves(Prepared)
            .expects("POST", CREDENTIALS_URL, BASE64)
            .redirects("/ocpi/2.2.1/credentials/", http_status)
            .expects("POST", f"{CREDENTIALS_URL}/", BASE64, body=OURS)
            .replies(THEIRS)
            .saves(Completed)
            .ends()
        )

    @pytest.mark.parametrize("location", ["https://evil.example/ocpi/2.2.1/credentials/", "//[bad", "/elsewhere"])
    def test_a_post_redirected_elsewhere_is_a_failure(self, location):
        (
            initiating()
            .saves(Prepared)
            .expects("POST", CREDENTIALS_URL, BASE64)
            .redirects(location)
            .is_refused(UNUSABLE, step=POST_CREDENTIALS, says="HTTP 307")
        )

    @pytest.mark.parametrize("http_status", [200, 201, 202])
    def test_any_2xx_answer_with_a_usable_token_completes(self, http_status):
        initiating().saves(Prepared).expects("POST", CREDENTIALS_URL, BASE64).replies(THEIRS, http_status).saves(
            Completed
        )

    @pytest.mark.parametrize(
        ("body", "http_status", "says"),
        [
            (envelope(credentials(), status_code=2001, status_message="No thanks"), 200, "OCPI status 2001: No thanks"),
            (envelope(credentials(), status_code=3000), 200, "OCPI status 3000"),
            (envelope([]), 200, "no usable credentials"),
            (envelope(), 200, "no usable credentials"),
            (b'{"status_code": 1000}', 200, "no usable credentials"),
            (envelope({**credentials(), "token": ""}), 200, "token: must be"),
            (envelope({**credentials(), "token": "a b"}), 200, "token: must be"),
            (envelope({}), 200, "token: must be"),
            (THEIRS, 500, "HTTP 500, OCPI status 1000"),
            (b"Internal Server Error", 500, "HTTP 500, not OCPI"),
            (b"", 200, "HTTP 200, not OCPI"),
            (b"", 405, "HTTP 405"),
        ],
    )
    def test_an_answer_without_a_usable_token_is_a_failure_whatever_its_http_status(self, body, http_status, says):
        talk = initiating().saves(Prepared).expects("POST", CREDENTIALS_URL, BASE64).replies(body, http_status)
        refused = talk.is_refused(UNUSABLE, step=POST_CREDENTIALS, says=says)

        assert [type(change) for change in talk.saved] == [Prepared]
        assert refused.http_status == http_status

    def test_an_answer_with_a_usable_token_completes_however_odd_its_rest(self):
        odd = envelope({"token": OUTBOUND_TOKEN, "url": None, "roles": [{"role": "EMSP"}]})
        completed = (
            initiating().saves(Prepared).expects("POST", CREDENTIALS_URL, BASE64).replies(odd).saves(Completed).ends()
        )

        assert completed.credentials.token == OUTBOUND_TOKEN
        assert completed.credentials.roles == ()
        assert "their credentials object: url: is not a text" in completed.remarks

    def test_a_party_of_ours_in_their_answer_is_left_out_and_told(self):
        taking = envelope(credentials(OUTBOUND_TOKEN, VERSIONS_URL, "NL-EXA", "DE-ABC"))
        completed = (
            initiating().saves(Prepared).expects("POST", CREDENTIALS_URL, BASE64).replies(taking).saves(Completed)
        ).ends()

        assert [role.party for role in completed.credentials.roles] == [Party("DE", "ABC")]
        assert completed.remarks == ("their credentials object claims a party of ours, which was left out",)

    @pytest.mark.parametrize("sent", [True, False])
    def test_the_outcome_is_unknown_where_the_post_was_sent_and_no_answer_came(self, sent):
        refused = (
            initiating()
            .saves(Prepared)
            .expects("POST", CREDENTIALS_URL, BASE64)
            .fails(FetchCause.RESET, sent=sent)
            .is_refused(UNUSABLE, step=POST_CREDENTIALS)
        )

        assert refused.outcome_unknown is sent

    @pytest.mark.parametrize(
        "quoted",
        [
            OURS["token"],
            INVITATION_TOKEN,
            base64.b64encode(INVITATION_TOKEN.encode()).decode(),
            base64.b64encode(INBOUND_TOKEN.encode()).decode().rstrip("="),
            json.dumps(OURS),
            "x" * 190 + INBOUND_TOKEN,
            "x" * 190 + INVITATION_TOKEN,
        ],
    )
    def test_what_they_quote_of_our_request_is_told_without_tokens(self, quoted):
        body = envelope(status_code=2001, status_message=f"invalid: {quoted} \x1b[31m")
        refused = (
            initiating()
            .saves(Prepared)
            .expects("POST", CREDENTIALS_URL, BASE64)
            .replies(body, 400)
            .is_refused(UNUSABLE)
        )

        assert "invalid: " in str(refused)
        assert "ocpigw_" not in str(refused)
        assert "partners-inv" not in str(refused)
        assert "\x1b" not in str(refused)


class TestRepeating:
    KNOWN = Partner(
        id=1,
        name="acme",
        state=PartnerState.REGISTERING,
        revision=5,
        version="2.2.1",
        versions_url=VERSIONS_URL,
        endpoints=(Endpoint("credentials", InterfaceRole.RECEIVER, CREDENTIALS_URL),),
        manners=Manners(PLAIN, BASE64),
    )

    def repeating(self):
        flow = repeat(
            FRONT, self.KNOWN, url=CREDENTIALS_URL, invitation_token=INVITATION_TOKEN, inbound_token=INBOUND_TOKEN
        )
        return dialogue(flow, token=INVITATION_TOKEN)

    def test_the_same_post_goes_out_again_at_once_because_token_a_opens_nothing_else_any_more(self):
        completed = (
            self.repeating().expects("POST", CREDENTIALS_URL, PLAIN, body=OURS).replies(THEIRS).saves(Completed).ends()
        )

        assert completed.inbound_token == INBOUND_TOKEN
        assert completed.discovery.endpoints == self.KNOWN.endpoints
        assert completed.discovery.version == "2.2.1"
        assert completed.discovery.manners == self.KNOWN.manners

    def test_a_spent_token_a_is_told_by_its_http_status(self):
        refused = (
            self.repeating()
            .expects("POST", CREDENTIALS_URL, PLAIN)
            .replies(b"", 401)
            .expects("GET", VERSIONS_URL, ABSENT)
            .replies(b"", 401)
            .is_refused(UNUSABLE, step=POST_CREDENTIALS)
        )

        assert refused.http_status == 401

    def test_405_is_not_tried_again(self):
        refused = self.repeating().expects("POST", CREDENTIALS_URL, PLAIN).replies(b"", 405).is_refused(UNUSABLE)

        assert refused.http_status == 405


def rotating(*, partner=REGISTERED, front=FRONT):
    return dialogue(rotate(front, partner, inbound_token=INBOUND_TOKEN))


class TestRotating:
    def to_the_put(self):
        return (
            rotating()
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(OFFERED)
            .expects("GET", DETAILS_URL, BASE64)
            .replies(FOUND)
            .saves(Rotating)
            .expects("PUT", CREDENTIALS_URL, BASE64, body=OURS)
        )

    def test_our_next_token_is_saved_before_the_put_and_theirs_after_it(self):
        talk = self.to_the_put().replies(envelope(credentials(NEXT_OUTBOUND_TOKEN))).saves(Rotated)
        rotated = talk.ends()

        assert talk.saved[0].inbound_token == INBOUND_TOKEN
        assert rotated.credentials.token == NEXT_OUTBOUND_TOKEN
        assert rotated.inbound_token == INBOUND_TOKEN

    @pytest.mark.parametrize(
        ("body", "http_status"), [(b"", 401), (b"", 500), (envelope(status_code=2000), 200), (envelope([]), 200)]
    )
    def test_an_error_answer_ends_it_after_one_put_with_nothing_replaced(self, body, http_status):
        talk = self.to_the_put().replies(body, http_status)
        talk.is_refused(UNUSABLE, step=PUT_CREDENTIALS)

        assert [type(change) for change in talk.saved] == [Rotating]

    def test_a_repeated_put_goes_to_the_known_endpoint_where_discovery_is_refused_401(self):
        talk = dialogue(rotate(FRONT, REGISTERED, inbound_token=INBOUND_TOKEN, repeated=True))
        for form in (BASE64, PLAIN, ABSENT):
            talk.expects("GET", VERSIONS_URL, form).replies(b"", 401)
        talk.saves(Rotating).expects("PUT", CREDENTIALS_URL, BASE64, body=OURS).replies(b"", 401)

        assert talk.is_refused(UNUSABLE, step=PUT_CREDENTIALS).http_status == 401

    def test_a_first_put_is_not_sent_where_discovery_is_refused(self):
        talk = rotating()
        for form in (BASE64, PLAIN, ABSENT):
            talk.expects("GET", VERSIONS_URL, form).replies(b"", 401)
        talk.is_refused(UNUSABLE, step=GET_VERSIONS)

        assert talk.saved == []

    def test_a_lost_answer_leaves_the_outcome_unknown(self):
        assert self.to_the_put().fails(sent=True).is_refused(UNUSABLE, step=PUT_CREDENTIALS).outcome_unknown

    def test_the_registered_version_is_kept(self):
        partner = replace(REGISTERED, version="2.2")
        (
            rotating(partner=partner)
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(OFFERED)
            .is_refused(StatusCode.UNSUPPORTED_VERSION, step=GET_VERSIONS)
        )

    def test_nothing_is_put_where_a_required_module_is_gone(self):
        front = Front(FRONT.versions_url, FRONT.roles, FRONT.versions, ("cdrs",))
        (
            rotating(front=front)
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(OFFERED)
            .expects("GET", DETAILS_URL, BASE64)
            .replies(FOUND)
            .is_refused(StatusCode.MISSING_ENDPOINTS)
        )


class TestUnregistering:
    def test_the_partner_is_told_by_delete(self):
        dialogue(unregister(REGISTERED)).expects("DELETE", CREDENTIALS_URL, BASE64).replies(envelope()).ends()

    @pytest.mark.parametrize("http_status", [401, 404, 405])
    def test_a_partner_that_knows_of_no_registration_counts_as_told(self, http_status):
        dialogue(unregister(REGISTERED)).expects("DELETE", CREDENTIALS_URL, BASE64).replies(b"", http_status).ends()

    def test_a_success_without_a_body_counts_as_told(self):
        dialogue(unregister(REGISTERED)).expects("DELETE", CREDENTIALS_URL, BASE64).replies(b"", 204).ends()

    @pytest.mark.parametrize(
        ("body", "http_status"), [(b"", 500), (b"", 403), (envelope(status_code=2000), 200), (b"gone", 200)]
    )
    def test_any_other_answer_is_a_failure(self, body, http_status):
        (
            dialogue(unregister(REGISTERED))
            .expects("DELETE", CREDENTIALS_URL, BASE64)
            .replies(body, http_status)
            .is_refused(UNUSABLE, step=DELETE_CREDENTIALS)
        )

    def test_no_answer_is_a_failure(self):
        talk = dialogue(unregister(REGISTERED)).expects("DELETE", CREDENTIALS_URL, BASE64)

        talk.fails(FetchCause.REFUSED, sent=False).is_refused(UNUSABLE, step=DELETE_CREDENTIALS)

    def test_nothing_is_sent_where_we_hold_no_token_of_theirs(self):
        dialogue(unregister(replace(REGISTERED, outbound_token=None))).ends()

    def test_a_partner_that_lists_no_credentials_can_not_be_told(self):
        partner = replace(REGISTERED, endpoints=())

        dialogue(unregister(partner)).is_refused(UNUSABLE, says="no credentials module")
