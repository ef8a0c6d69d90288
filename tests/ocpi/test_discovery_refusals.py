"""Discovery as dialogues: redirects, foreign hosts and unusable answers, and what is told of them to whom."""

import pytest

from gateway.ocpi.discovery import GET_DETAILS, GET_VERSIONS, Target, discover, slash_redirect
from gateway.ocpi.envelope import StatusCode
from gateway.ocpi.flow import FetchCause, Reply
from tests.ocpi.dialogue import (
    BASE64,
    DETAILS_URL,
    HOST,
    OUTBOUND_TOKEN,
    VERSIONS_URL,
    details,
    dialogue,
    endpoint,
    envelope,
    versions,
)

OFFERED = versions({"2.2": f"{HOST}/ocpi/2.2", "2.2.1": DETAILS_URL})
FOUND = details(endpoint("credentials"), endpoint("locations", "SENDER"))
UNUSABLE, NO_VERSION = StatusCode.UNABLE_TO_USE_CLIENT_API, StatusCode.UNSUPPORTED_VERSION


def discovering(url=VERSIONS_URL, *, wanted=("2.2.1", "2.2"), **target):
    return dialogue(discover(Target(url, OUTBOUND_TOKEN, **target), wanted=wanted))


class TestRedirects:
    @pytest.mark.parametrize("http_status", [307, 308])
    @pytest.mark.parametrize("location", [f"{VERSIONS_URL}/", "/ocpi/versions/", "//emsp.example.com/ocpi/versions/"])
    def test_one_that_only_adds_a_slash_is_followed_once(self, http_status, location):
        found = (
            discovering()
            .expects("GET", VERSIONS_URL, BASE64)
            .redirects(location, http_status)
            .expects("GET", f"{VERSIONS_URL}/", BASE64)
            .replies(OFFERED)
            .expects("GET", DETAILS_URL, BASE64)
            .replies(FOUND)
            .ends()
        )

        assert found.versions_url == f"{VERSIONS_URL}/"

    def test_a_second_one_is_not(self):
        (
            discovering()
            .expects("GET", VERSIONS_URL, BASE64)
            .redirects(f"{VERSIONS_URL}/")
            .expects("GET", f"{VERSIONS_URL}/", BASE64)
            .redirects(VERSIONS_URL)
            .is_refused(UNUSABLE, step=GET_VERSIONS, says="HTTP 307")
        )

    @pytest.mark.parametrize(
        "location",
        [
            "https://evil.example/ocpi/versions/",
            "http://emsp.example.com/ocpi/versions/",
            "https://emsp.example.com:8443/ocpi/versions/",
            "https://emsp.example.com@evil.example/ocpi/versions/",
            "//evil.example/ocpi/versions/",
            "\\\\evil.example/ocpi/versions/",
            "/ocpi/other/",
            "/ocpi/versions",
            "/ocpi/versions/?x",
            "//[bad",
            "https://[bad/ocpi/versions/",
            "https://emsp.example.com:99999/ocpi/versions/",
            "",
        ],
    )
    def test_one_that_leads_elsewhere_is_refused(self, location):
        refused = (
            discovering()
            .expects("GET", VERSIONS_URL, BASE64)
            .redirects(location)
            .is_refused(UNUSABLE, step=GET_VERSIONS, says="redirected elsewhere")
        )

        assert "evil" not in str(refused)
        assert "redirect" not in refused.public_message

    @pytest.mark.parametrize("http_status", [301, 302, 303])
    def test_other_kinds_are_plain_failures(self, http_status):
        (
            discovering()
            .expects("GET", VERSIONS_URL, BASE64)
            .redirects(f"{VERSIONS_URL}/", http_status)
            .is_refused(UNUSABLE, says=f"HTTP {http_status}")
        )

    def test_a_slash_redirect_gives_a_url_made_from_ours(self):
        moved = slash_redirect(VERSIONS_URL + "/?a=b", Reply(308, {"location": "/ocpi/versions?a=b"}, b""))

        assert moved == VERSIONS_URL + "?a=b"


class TestHosts:
    FOREIGN = "https://api.emsp.example.net/ocpi/2.2.1"

    def foreign(self, **target):
        return (
            discovering(**target)
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(versions({"2.2.1": self.FOREIGN}))
        )  # fmt: skip

    def test_details_may_lie_on_another_host_and_bring_endpoints_there(self):
        found = (
            self.foreign()
            .expects("GET", self.FOREIGN, BASE64)
            .replies(details(endpoint("credentials", url=f"{self.FOREIGN}/credentials"), endpoint("cdrs")))
            .ends()
        )

        assert len(found.endpoints) == 2

    def test_endpoints_on_a_third_host_are_refused(self):
        refused = (
            discovering()
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(OFFERED)
            .expects("GET", DETAILS_URL, BASE64)
            .replies(details(endpoint("credentials", url="https://evil.example/x")))
            .is_refused(UNUSABLE, step=GET_DETAILS, says="evil.example")
        )

        assert "evil.example" not in refused.public_message
        assert "allowed_hosts" in refused.remedy

    def test_a_host_that_the_operator_allows_may_serve_endpoints(self):
        found = (
            discovering(hosts=frozenset({"third.example"}))
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(OFFERED)
            .expects("GET", DETAILS_URL, BASE64)
            .replies(details(endpoint("cdrs", url="https://Third.Example/x")))
            .ends()
        )

        assert found.endpoints[0].url == "https://Third.Example/x"

    def test_where_the_invitation_names_hosts_details_elsewhere_are_not_even_asked_for(self):
        hosts = frozenset({"emsp.example.com"})

        self.foreign(hosts=hosts, only_hosts=True).is_refused(UNUSABLE, step=GET_DETAILS, says="api.emsp.example.net")

    def test_where_the_invitation_names_hosts_all_of_them_may_be_used(self):
        hosts = frozenset({"emsp.example.com", "api.emsp.example.net"})
        found = (
            self.foreign(hosts=hosts, only_hosts=True)
            .expects("GET", self.FOREIGN, BASE64)
            .replies(details(endpoint("credentials"), endpoint("cdrs", url=f"{self.FOREIGN}/cdrs")))
            .ends()
        )

        assert len(found.endpoints) == 2


class TestFailures:
    @pytest.mark.parametrize(
        ("body", "http_status", "says"),
        [
            (b"", 500, "HTTP 500"),
            (b"secret page", 200, "not OCPI"),
            (b"", 204, "not OCPI"),
            (b"[]", 200, "not OCPI"),
            (b"{}", 200, "no OCPI status_code"),
        ],
    )
    def test_an_answer_that_is_not_ocpi_is_3001_and_which_it_was_is_not_told(self, body, http_status, says):
        refused = (
            discovering()
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(body, http_status)
            .is_refused(UNUSABLE, step=GET_VERSIONS, says=says)
        )

        assert "secret" not in str(refused)
        assert refused.public_message == (
            "GET versions: your platform could not be reached, or did not answer with HTTP 200 and an OCPI document"
        )

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            (b'{"status_code": 1000}', "the answer holds no list of versions"),
            (envelope([], status_code=2000, status_message="secret"), "your platform answered OCPI status 2000"),
            (envelope("secret words"), "the answer holds no list of versions"),
            (envelope([{"version": "2.2.1"}]), "no entry of the version list has a version and a URL"),
        ],
    )
    def test_who_answers_in_ocpi_is_told_what_is_wrong_with_the_version_list(self, body, says):
        refused = (
            discovering()
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(body)
            .is_refused(UNUSABLE, step=GET_VERSIONS, says=says.removeprefix("your platform "))
        )

        assert refused.public_message == f"GET versions: {says}"

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            (envelope([]), "the answer holds no list of endpoints"),
            (envelope({"version": "2.2.1"}), "the answer holds no list of endpoints"),
            (envelope({}, status_code=3000), "your platform answered OCPI status 3000"),
            (
                details(endpoint("credentials", url="https://user:secret@emsp.example.com/")),
                "an endpoint's url is not a usable URL",
            ),
        ],
    )
    def test_who_answers_in_ocpi_is_told_what_is_wrong_with_the_version_details(self, body, says):
        refused = (
            discovering()
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(OFFERED)
            .expects("GET", DETAILS_URL, BASE64)
            .replies(body)
            .is_refused(UNUSABLE, step=GET_DETAILS, says=says.removeprefix("your platform "))
        )

        assert "secret" not in str(refused)
        assert refused.public_message == f"GET version details: {says}"

    def test_a_url_that_is_not_called_at_all_is_3001_with_what_is_wrong_with_it(self):
        refused = discovering().expects("GET", VERSIONS_URL, BASE64).fails(FetchCause.URL, sent=False)

        assert refused.is_refused(UNUSABLE).public_message == "GET versions: your platform failed: url"

    @pytest.mark.parametrize("cause", set(FetchCause) - {FetchCause.URL})
    def test_no_answer_is_3001_with_the_cause_for_the_operator_only(self, cause):
        refused = (
            discovering()
            .expects("GET", VERSIONS_URL, BASE64)
            .fails(cause, sent=False)
            .is_refused(UNUSABLE, step=GET_VERSIONS, says=f"their platform failed: {cause}")
        )

        assert cause not in refused.public_message
        assert refused.remedy == "Ask them"
        assert not refused.outcome_unknown

    @pytest.mark.parametrize(
        "offered", [{}, {"2.1.1": DETAILS_URL}, {"2.3.0": DETAILS_URL, "inner-secret": DETAILS_URL}]
    )
    def test_no_mutual_version_is_3002_and_tells_only_what_we_want(self, offered):
        refused = (
            discovering()
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(versions(offered))
            .is_refused(NO_VERSION, step=GET_VERSIONS, says=next(iter(offered), "none")[:10])
        )

        assert refused.public_message == "GET versions: no mutual OCPI version; wanted is 2.2.1, 2.2"

    def test_a_flood_of_versions_does_not_fill_the_log(self):
        many = versions({f"9.{number}": DETAILS_URL for number in range(1000)})
        refused = discovering().expects("GET", VERSIONS_URL, BASE64).replies(many).is_refused(NO_VERSION)

        assert len(str(refused)) < 300

    def test_the_target_shows_no_token(self):
        assert OUTBOUND_TOKEN not in repr(Target(VERSIONS_URL, OUTBOUND_TOKEN, fallback_token=OUTBOUND_TOKEN))
