"""Discovery as dialogues: the tolerances of interop.md."""

import pytest

from gateway.ocpi.discovery import GET_VERSIONS, Target, discover
from gateway.ocpi.envelope import StatusCode
from gateway.ocpi.partner import Endpoint, Manners
from gateway.ocpi.vocabulary import InterfaceRole
from tests.ocpi.dialogue import (
    ABSENT,
    BASE64,
    CREDENTIALS_URL,
    DETAILS_URL,
    HOST,
    OUTBOUND_TOKEN,
    PLAIN,
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


def test_versions_and_the_details_of_the_newest_mutual_version_are_fetched():
    found = (
        discovering()
        .expects("GET", VERSIONS_URL, BASE64)
        .replies(OFFERED)
        .expects("GET", DETAILS_URL, BASE64)
        .replies(FOUND)
        .ends()
    )

    assert (found.version, found.versions_url) == ("2.2.1", VERSIONS_URL)
    assert found.endpoints == (
        Endpoint("credentials", InterfaceRole.RECEIVER, CREDENTIALS_URL),
        Endpoint("locations", InterfaceRole.SENDER, f"{DETAILS_URL}/locations"),
    )
    assert found.manners == Manners(BASE64, BASE64)


def test_an_older_version_is_taken_where_the_newest_is_not_mutual():
    found = (
        discovering(wanted=("2.2",)).expects("GET", VERSIONS_URL, BASE64).replies(OFFERED)
        .expects("GET", f"{HOST}/ocpi/2.2", BASE64).replies(FOUND).ends()
    )  # fmt: skip

    assert found.version == "2.2"


class TestTokenForms:
    @pytest.mark.parametrize("http_status", [401, 403])
    def test_a_refused_token_is_tried_plain_and_that_form_is_remembered(self, http_status):
        found = (
            discovering()
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(b"", http_status)
            .expects("GET", VERSIONS_URL, PLAIN)
            .replies(OFFERED)
            .expects("GET", DETAILS_URL, PLAIN)
            .replies(FOUND)
            .ends()
        )

        assert found.manners == Manners(PLAIN, PLAIN)

    def test_versions_are_asked_for_without_a_token_where_every_form_is_refused(self):
        found = (
            discovering()
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(b"", 401)
            .expects("GET", VERSIONS_URL, PLAIN)
            .replies(b"", 403)
            .expects("GET", VERSIONS_URL, ABSENT)
            .replies(OFFERED)
            .expects("GET", DETAILS_URL, BASE64)
            .replies(FOUND)
            .ends()
        )

        assert found.manners == Manners(BASE64, ABSENT)

    def test_the_form_of_the_details_is_the_one_for_every_module(self):
        found = (
            discovering()
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(OFFERED)
            .expects("GET", DETAILS_URL, BASE64)
            .replies(b"", 401)
            .expects("GET", DETAILS_URL, PLAIN)
            .replies(FOUND)
            .ends()
        )

        assert found.manners == Manners(PLAIN, BASE64)

    def test_open_details_teach_nothing_about_the_modules(self):
        asked = discovering(manners=Manners(PLAIN, ABSENT)).expects("GET", VERSIONS_URL, ABSENT).replies(OFFERED)
        for form in (PLAIN, BASE64):
            asked.expects("GET", DETAILS_URL, form).replies(b"", 401)
        found = asked.expects("GET", DETAILS_URL, ABSENT).replies(FOUND).ends()

        assert found.manners == Manners(PLAIN, ABSENT)

    def test_what_was_learned_before_is_tried_first(self):
        (
            discovering(manners=Manners(PLAIN, PLAIN))
            .expects("GET", VERSIONS_URL, PLAIN)
            .replies(OFFERED)
            .expects("GET", DETAILS_URL, PLAIN)
            .replies(FOUND)
            .ends()
        )

    def test_a_token_refused_in_every_form_is_told_to_both_sides(self):
        asked = discovering()
        for form in (BASE64, PLAIN, ABSENT):
            asked.expects("GET", VERSIONS_URL, form).replies(b"", 401)
        refused = asked.is_refused(UNUSABLE, step=GET_VERSIONS, says="refused the token in every form (HTTP 401)")

        assert "must be accepted before our answer" in refused.public_message
        assert refused.http_status == 401
        assert refused.remedy

    def test_a_fall_back_token_is_tried_once_after_the_new_one(self):
        (
            discovering(fallback_token="the-former-token")
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(b"", 401)
            .expects("GET", VERSIONS_URL, BASE64, token="the-former-token")
            .replies(OFFERED)
            .expects("GET", DETAILS_URL, BASE64)
            .replies(b"", 401)
            .expects("GET", DETAILS_URL, BASE64, token="the-former-token")
            .replies(FOUND)
            .ends()
        )

    def test_the_fall_back_token_is_tried_once_and_no_more(self):
        asked = (
            discovering(fallback_token="the-former-token")
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(b"", 401)
            .expects("GET", VERSIONS_URL, BASE64, token="the-former-token")
            .replies(b"", 401)
        )
        for form in (PLAIN, ABSENT):
            asked.expects("GET", VERSIONS_URL, form).replies(b"", 401)
        asked.is_refused(UNUSABLE, step=GET_VERSIONS)


class TestPlaces:
    @pytest.mark.parametrize("base", [f"{HOST}/ocpi", f"{HOST}/ocpi/"])
    def test_a_base_that_is_not_found_is_tried_with_versions_appended(self, base):
        found = (
            discovering(base)
            .expects("GET", base, BASE64)
            .replies(b"", 404)
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(OFFERED)
            .expects("GET", DETAILS_URL, BASE64)
            .replies(FOUND)
            .ends()
        )

        assert found.versions_url == VERSIONS_URL

    def test_where_that_fails_too_the_first_failure_is_told(self):
        refused = (
            discovering()
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(b"", 404)
            .expects("GET", f"{VERSIONS_URL}/versions", BASE64)
            .replies(b"", 500)
            .is_refused(UNUSABLE, step=GET_VERSIONS, says="HTTP 404")
        )

        assert refused.http_status == 404

    def test_version_details_at_the_versions_url_are_taken(self):
        found = discovering().expects("GET", VERSIONS_URL, BASE64).replies(FOUND).ends()

        assert (found.version, found.versions_url, len(found.endpoints)) == ("2.2.1", VERSIONS_URL, 2)

    def test_details_that_name_no_version_are_taken_for_the_newest(self):
        unnamed = envelope({"endpoints": [endpoint("credentials")]})

        assert discovering().expects("GET", VERSIONS_URL, BASE64).replies(unnamed).ends().version == "2.2.1"

    def test_details_of_another_version_at_the_versions_url_are_no_mutual_version(self):
        discovering().expects("GET", VERSIONS_URL, BASE64).replies(details(version="2.1.1")).is_refused(NO_VERSION)

    def test_a_relative_url_and_a_wrapped_list_are_understood(self):
        wrapped = envelope({"versions": [{"version": "2.2.1", "url": "2.2.1?tenant=5"}]})
        found = (
            discovering()
            .expects("GET", VERSIONS_URL, BASE64)
            .replies(wrapped)
            .expects("GET", f"{DETAILS_URL}?tenant=5", BASE64)
            .replies(details({"identifier": "credentials", "url": "/ocpi/2.2.1/credentials"}))
            .ends()
        )

        assert found.endpoints == (Endpoint("credentials", None, CREDENTIALS_URL),)
