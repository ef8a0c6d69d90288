"""The verbs on partners, on a real database and against a real HTTP server that plays the partner."""

import base64
import json
import socket

import pytest

from gateway.ocpi.tokens import TOKEN_PATTERN, is_ours
from tests.cli.partner_peer import INVITATION_TOKEN


def document_of(result):
    assert result.exit_code == 0, result.errors
    return json.loads(result.output)


@pytest.fixture
def registered(migrated, peer):
    """The command, where acme (the peer) is registered."""
    document_of(migrated(*registering(peer), "--json"))
    return migrated


def registering(peer):
    return ("partner", "register", "acme", "--versions-url", peer.versions_url, "--token-a", INVITATION_TOKEN)


def test_an_invitation_as_json_is_what_the_partner_needs(prepared):
    result = prepared("partner", "invite", "acme", "--json")

    document = document_of(result)
    assert set(document) == {"partner", "versions_url", "token_a", "expires"}
    assert document["partner"] == "acme"
    assert document["versions_url"] == "https://ocpi.example.com/ocpi/versions"
    assert is_ours(document["token_a"])
    assert document["expires"].endswith("Z")
    assert result.errors == ""


def test_an_invitation_in_words_shows_the_whole_header_and_warns_apart_from_it(migrated):
    result = migrated("partner", "invite", "acme")

    invitation_token = TOKEN_PATTERN.search(result.output)[0]
    assert f"Authorization: Token {base64.b64encode(invitation_token.encode()).decode()}" in result.output
    assert "https://ocpi.example.com/ocpi/versions" in result.output
    assert "not shown again" in result.errors
    assert invitation_token not in result.errors


def test_an_invitation_keeps_the_parties_and_hosts_it_was_made_for(migrated):
    words = ("--party", "DE-ABC:emsp", "--party", "fr*xyz", "--host", "OCPI.partner.example", "--host", "10.1.2.3")
    migrated("partner", "invite", "acme", *words)

    shown = document_of(migrated("partner", "show", "acme", "--json"))
    assert shown["invited_parties"] == ["DE-ABC:EMSP", "FR-XYZ"]
    assert shown["invited_hosts"] == ["10.1.2.3", "ocpi.partner.example"]
    assert "DE-ABC:EMSP, FR-XYZ" in migrated("partner", "show", "acme").output


def test_an_invitation_lives_as_long_as_was_asked_for(migrated):
    week = document_of(migrated("partner", "invite", "acme", "--json"))["expires"]
    hour = document_of(migrated("partner", "invite", "acme", "--expires", "1h", "--json"))["expires"]

    assert hour < week


def test_a_partner_can_be_invited_again(migrated):
    first, second = (document_of(migrated("partner", "invite", "acme", "--json"))["token_a"] for _ in range(2))

    assert first != second


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--party", "DEUTSCHLAND", "is not a party such as DE-ABC"),
        ("--party", "DE-ABC:EMPS", "is not a role; one of CPO, EMSP"),
        ("--party", "DE-ABC:", "is not a role"),
        ("--host", "https://partner.example", "is not a host name"),
        ("--expires", "soon", "must be a duration"),
        ("--expires", "0d", "longer than nothing"),
    ],
)
def test_an_option_of_invite_that_can_not_be_read_is_wrong_usage(migrated, option, value, complaint):
    result = migrated("partner", "invite", "acme", option, value)

    assert result.exit_code == 2
    assert complaint in result.complaint


def test_a_name_that_a_partner_can_not_have_is_refused(migrated):
    result = migrated("partner", "invite", "not/a/name", "--json")

    assert (result.exit_code, result.output) == (2, "")
    assert "can't be a partner's name" in result.errors


def test_registering_prints_the_steps_as_they_happen(prepared, peer):
    result = prepared(*registering(peer))

    steps = [line for line in result.output.splitlines() if line.endswith("HTTP 200")]
    assert [step.split()[0] for step in steps] == ["GET", "GET", "POST"]
    assert "REGISTERED" in result.output
    assert result.errors == ""


def test_registering_as_json_prints_the_steps_on_standard_error(prepared, peer):
    result = prepared(*registering(peer), "--json")

    document = document_of(result)
    assert document["partner"] == document["name"] == "acme"
    assert document["state"] == "REGISTERED"
    assert document["version"] == "2.2.1"
    assert document["parties"] == ["DE-ABC"]
    assert {"identifier": "tokens", "role": "SENDER", "url": f"{peer.url}/2.2.1/tokens"} in document["endpoints"]
    assert len(result.errors.splitlines()) == 3


def test_token_a_can_come_from_standard_input(migrated, peer):
    words = ("partner", "register", "acme", "--versions-url", peer.versions_url, "--token-a", "-", "--json")

    assert document_of(migrated(*words, stdin=f"{INVITATION_TOKEN}\n"))["state"] == "REGISTERED"


def test_standard_input_can_not_hold_configuration_and_token_a(migrated, peer):
    words = ("-c", "-", "partner", "register", "acme", "--versions-url", peer.versions_url, "--token-a", "-")

    result = migrated(*words, stdin="token")

    assert result.exit_code == 2
    assert "holds the configuration already" in result.complaint


@pytest.mark.parametrize("option", [("--versions-url", "https://partner.example/versions"), ("--token-a", "abc")])
def test_registering_needs_both_options_or_none(migrated, option):
    result = migrated("partner", "register", "acme", *option)

    assert result.exit_code == 2
    assert "give both, or none to resume" in result.complaint


@pytest.mark.parametrize(("url", "token_a"), [("not a url", "abc"), ("https://partner.example/v", "with blanks in it")])
def test_an_option_of_register_that_can_not_be_read_is_wrong_usage(migrated, url, token_a):
    result = migrated("partner", "register", "acme", "--versions-url", url, "--token-a", token_a)

    assert result.exit_code == 2
    assert "with blanks in it" not in result.complaint


def test_a_failed_registration_says_why_and_whose_fault_and_can_be_resumed(migrated, peer):
    peer.is_broken = True
    failed = migrated(*registering(peer), "--json")
    peer.is_broken = False
    resumed = migrated("partner", "register", "acme", "--json")

    assert (failed.exit_code, failed.output) == (1, "")
    assert "HTTP 500" in failed.errors
    assert "fault: partner" in failed.errors
    assert document_of(resumed)["state"] == "REGISTERED"


def test_a_partner_that_can_not_be_reached_is_its_own_fault(migrated):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/versions"

    result = migrated("partner", "register", "acme", "--versions-url", url, "--token-a", "abc")

    assert result.exit_code == 1
    assert "fault: partner" in result.errors


def test_there_is_nothing_to_resume_with_a_partner_that_never_began(migrated):
    migrated("partner", "invite", "acme")

    result = migrated("partner", "register", "acme")

    assert result.exit_code == 1
    assert "what to do: " in result.errors


def test_list_is_an_array_of_what_show_prints(registered):
    registered("partner", "invite", "other")

    listed = document_of(registered("partner", "list", "--json"))

    assert [one["name"] for one in listed] == ["acme", "other"]
    assert listed == [document_of(registered("partner", "show", one["name"], "--json")) for one in listed]


def test_an_empty_list_is_an_empty_array(migrated):
    assert document_of(migrated("partner", "list", "--json")) == []
    assert migrated("partner", "list").output == ""


def test_list_in_words_has_one_line_for_each_partner(registered):
    registered("partner", "suspend", "acme")

    lines = registered("partner", "list").output.splitlines()

    assert lines[0].split() == ["NAME", "STATE", "VERSION", "PARTIES"]
    assert lines[1].split() == ["acme", "REGISTERED,", "suspended", "2.2.1", "DE-ABC"]


def test_show_in_words_names_endpoints_and_fingerprints(registered, peer):
    document = document_of(registered("partner", "show", "acme", "--json"))

    output = registered("partner", "show", "acme").output

    assert f"{peer.url}/2.2.1/tokens" in output
    for kind in ("inbound", "outbound"):
        assert all(token["fingerprint"] in output for token in document[f"{kind}_tokens"])
        assert document[f"{kind}_tokens"]


def test_what_a_partner_calls_itself_can_not_steer_the_terminal(registered):
    output = registered("partner", "show", "acme").output

    assert "\x1b" not in output
    assert r"Peer \x1b[31mred" in output


def test_suspend_and_resume_move_the_flag(registered):
    assert document_of(registered("partner", "suspend", "acme", "--json"))["suspended"] is True
    assert document_of(registered("partner", "resume", "acme", "--json"))["suspended"] is False


def test_rotate_puts_a_new_token_and_takes_theirs(registered, peer):
    before = document_of(registered("partner", "show", "acme", "--json"))
    result = registered("partner", "rotate", "acme", "--json")

    assert document_of(result)["state"] == "REGISTERED"
    assert document_of(result)["outbound_tokens"] != before["outbound_tokens"]
    assert "HTTP 200" in result.errors
    assert "PUT" in {method for method, _ in peer.requests}


def test_unregister_tells_the_partner(registered, peer):
    assert document_of(registered("partner", "unregister", "acme", "--json"))["state"] == "UNREGISTERED"
    assert peer.requests[-1][0] == "DELETE"


def test_unregister_keeps_the_registration_where_the_partner_can_not_be_told_unless_forced(registered, peer):
    peer.is_broken = True

    refused = registered("partner", "unregister", "acme", "--json")
    kept = document_of(registered("partner", "show", "acme", "--json"))
    forced = registered("partner", "unregister", "acme", "--force", "--json")

    assert refused.exit_code == 1
    assert "--force" in refused.errors
    assert kept["state"] == "REGISTERED"
    assert document_of(forced)["state"] == "UNREGISTERED"


def test_revoke_drops_the_tokens_and_tells_nobody(registered, peer):
    peer.requests.clear()

    revoked = document_of(registered("partner", "revoke", "acme", "--json"))

    assert revoked["state"] == "UNREGISTERED"
    assert revoked["inbound_tokens"] == []
    assert revoked["outbound_tokens"] == []
    assert peer.requests == []


@pytest.mark.parametrize("verb", ["show", "suspend", "resume", "rotate", "unregister", "revoke", "register"])
def test_a_verb_on_a_partner_that_does_not_exist_fails_and_says_where_to_look(migrated, verb):
    result = migrated("partner", verb, "nobody")

    assert result.exit_code == 1
    assert "there is no partner 'nobody'" in result.errors
    assert "fault: operator" in result.errors
    assert "partner list" in result.errors


def test_a_token_that_was_pasted_as_a_name_is_not_repeated(migrated):
    invitation_token = document_of(migrated("partner", "invite", "acme", "--json"))["token_a"]

    result = migrated("partner", "show", invitation_token)

    assert result.exit_code == 1
    assert invitation_token not in result.errors
    assert "there is no partner '[token]'" in result.errors


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_no_token_is_ever_shown_but_that_of_an_invitation(migrated, peer, as_json):
    peer.is_broken = True
    results = [migrated(*registering(peer), *as_json)]
    peer.is_broken = False
    results += [migrated("partner", "register", "acme", *as_json)]
    verbs = ("show", "rotate", "suspend", "resume", "unregister", "revoke")
    results += [migrated("partner", verb, "acme", *as_json) for verb in verbs]
    results += [migrated("partner", "list", *as_json), migrated("audit", *as_json)]

    shown = "".join(result.output + result.errors for result in results)
    assert len(peer.secrets) >= 8
    assert not TOKEN_PATTERN.search(shown)
    assert not [secret for secret in peer.secrets if secret in shown]


def importing(peer, *, outbound="the-live-token-of-the-peer", inbound="our-live-token"):
    words = ("partner", "import", "acme", "--versions-url", peer.versions_url)
    return (*words, "--outbound-token", outbound, "--inbound-token", inbound, "--json")


def test_a_live_registration_is_imported_without_a_post(migrated, peer):
    document = document_of(migrated(*importing(peer), "--party", "DE-ABC:EMSP"))

    assert (document["name"], document["state"], document["parties"]) == ("acme", "REGISTERED", ["DE-ABC"])
    assert {method for method, _ in peer.requests} == {"GET"}


def test_both_tokens_of_an_import_can_come_from_standard_input(migrated, peer):
    words = importing(peer, outbound="-", inbound="-")

    result = migrated(*words, "--party", "DE-ABC:EMSP", stdin="their-live-token\nour-live-token\n")

    assert document_of(result)["state"] == "REGISTERED"
    assert "live-token" not in result.output + result.errors


def test_a_party_to_import_needs_its_role(migrated, peer):
    result = migrated(*importing(peer), "--party", "DE-ABC")

    assert result.exit_code == 2
    assert "needs its role" in result.complaint


def test_refreshing_takes_over_what_the_partner_offers(registered, peer):
    document = document_of(registered("partner", "refresh", "acme", "--json"))

    assert document["drift"] == []
    assert document["checked"].endswith("Z")


def test_a_rotation_that_fails_says_that_the_tokens_go_on_working(registered, peer):
    peer.is_broken = True
    result = registered("partner", "rotate", "acme")

    assert result.exit_code == 1
    assert "The present tokens of both sides go on working" in result.errors
    shown = document_of(registered("partner", "show", "acme", "--json"))
    assert shown["failures"] == 1
    assert shown["retry"].endswith("Z")
