"""The operator's verbs: what they do, what they print, and that no token is in it."""

import json
from datetime import timedelta

import pytest

from gateway.handshake.operations import describe
from gateway.ocpi.errors import OperatorError
from gateway.ocpi.flow import HandshakeError
from gateway.ocpi.party import Party
from gateway.ocpi.vocabulary import PartnerState
from gateway.store.notes import UnknownPartnerError
from tests.handshake.rig import reply, token_in
from tests.ocpi.dialogue import (
    CREDENTIALS_URL,
    INVITATION_TOKEN,
    NEXT_OUTBOUND_TOKEN,
    VERSIONS_URL,
    credentials,
    envelope,
)


@pytest.fixture
def operations(gateway):
    return gateway.operations


async def test_an_invitation_is_everything_that_the_partner_needs(operations, gateway, clock):
    issued = await operations.invite("Acme", lifetime=timedelta(days=1))

    assert issued.document() == {
        "partner": "Acme",
        "versions_url": "https://ocpi.example.com/ocpi/versions",
        "token_a": issued.invitation_token,
        "expires": "2026-01-03T03:04:05Z",
    }
    assert issued.invitation_token not in repr(issued)
    assert (await gateway.asks("GET", "/ocpi/versions", issued.invitation_token)).http_status == 200
    clock.move(days=1)
    assert (await gateway.asks("GET", "/ocpi/versions", issued.invitation_token)).http_status == 401


async def test_an_invitation_lives_seven_days_unless_told_otherwise(operations, clock):
    assert (await operations.invite("acme")).expires_at == clock() + timedelta(days=7)


async def test_hosts_of_an_invitation_have_no_letter_case(operations):
    await operations.invite("acme", hosts=["EMSP.Example.com"], roles=[(Party("DE", "ABC"), "EMSP")])

    shown = describe(await operations.partner("acme"))
    assert (shown["invited_hosts"], shown["invited_parties"]) == (["emsp.example.com"], ["DE-ABC:EMSP"])


async def test_an_existing_partner_is_invited_anew_under_its_first_name(operations):
    await operations.invite("Acme")

    assert (await operations.invite("acme")).partner == "Acme"


async def test_suspending_stops_all_traffic_and_resuming_restarts_it(operations, gateway):
    issued = await operations.invite("acme")
    token = token_in(await gateway.presents("POST", issued.invitation_token, credentials()))
    assert await gateway.opens(token)

    assert (await operations.suspend("acme")).partner.suspended
    await gateway.directory.refresh()
    assert not await gateway.opens(token)

    assert not (await operations.resume("acme")).partner.suspended
    await gateway.directory.refresh()
    assert await gateway.opens(token)


async def test_partners_are_listed_by_name(operations):
    for name in ("Zeta", "alpha", "Mid"):
        await operations.invite(name)

    assert [record.partner.name for record in await operations.partners()] == ["alpha", "Mid", "Zeta"]


@pytest.mark.parametrize("verb", ["partner", "suspend", "resume", "revoke", "audit"])
async def test_an_unknown_partner_is_said_to_be_unknown(operations, verb):
    with pytest.raises(UnknownPartnerError, match="no partner 'nobody'"):
        await getattr(operations, verb)("nobody")


@pytest.mark.parametrize("verb", ["rotate", "unregister"])
async def test_also_where_the_partner_would_be_called(gateway, platform, verb):
    with pytest.raises(OperatorError, match="no partner 'nobody'"):
        await getattr(gateway, verb)("nobody")
    assert platform.requests == []


async def test_the_trail_tells_who_did_what_when_oldest_first(operations, gateway, clock):
    issued = await operations.invite("acme")
    await operations.invite("other")
    clock.move(minutes=1)
    await gateway.presents("POST", issued.invitation_token, credentials())

    trail = [row.document() for row in await operations.audit("ACME")]

    assert [(row["at"], row["actor"], row["partner"], row["action"]) for row in trail] == [
        ("2026-01-02T03:04:05Z", "cli", "acme", "invited"),
        ("2026-01-02T03:05:05Z", "partner", "acme", "registered (we are Receiver)"),
        ("2026-01-02T03:05:05Z", "partner", "acme", "answer delivered"),
    ]
    assert len(await operations.audit(None)) == 4
    assert json.dumps(trail)


async def test_a_partner_is_described_with_fingerprints_and_no_token(operations, gateway, platform):
    await gateway.register("acme", INVITATION_TOKEN)
    platform.answers["PUT", CREDENTIALS_URL] = reply(envelope(credentials(NEXT_OUTBOUND_TOKEN)))
    await gateway.rotate("acme")
    shown = describe(await operations.partner("acme"))

    assert shown["state"] == PartnerState.REGISTERED
    assert shown["parties"] == ["DE-ABC"]
    assert shown["roles"] == [{"role": "EMSP", "party": "DE-ABC", "name": "Example eMSP"}]
    assert {"identifier": "tokens", "role": "SENDER", "url": "https://emsp.example.com/ocpi/2.2.1/tokens"} in shown[
        "endpoints"
    ]
    assert [token["state"] for token in shown["inbound_tokens"]] == ["active", "pending"]
    assert [token["state"] for token in shown["outbound_tokens"]] == ["previous", "active"]
    assert all(len(token["fingerprint"]) == 8 for token in shown["inbound_tokens"] + shown["outbound_tokens"])
    assert shown["versions_url"] == VERSIONS_URL
    text = json.dumps([shown, [row.document() for row in await operations.audit(None)]])
    for token in (
        INVITATION_TOKEN,
        NEXT_OUTBOUND_TOKEN,
        credentials()["token"],
        *platform.tokens_given("POST"),
        *platform.tokens_given("PUT"),
    ):
        assert token not in text


async def test_an_invited_partner_is_described_with_what_is_known(operations):
    await operations.invite("acme")
    shown = describe(await operations.partner("acme"))

    assert (shown["registered"], shown["created"]) == (None, "2026-01-02T03:04:05Z")
    assert shown["inbound_tokens"][0]["expires"] == "2026-01-09T03:04:05Z"
    assert (shown["version"], shown["endpoints"], shown["note"]) == (None, [], "")


async def test_the_reason_of_a_failure_is_described(operations, gateway, platform):
    platform.answers["GET", VERSIONS_URL] = reply(b"", 503)
    with pytest.raises(HandshakeError):
        await gateway.register("acme", INVITATION_TOKEN)

    assert "HTTP 503" in describe(await operations.partner("acme"))["note"]


async def test_everything_that_is_known_of_a_partner_is_described(operations, gateway, platform, clock):
    await gateway.register("acme", INVITATION_TOKEN)
    clock.move(minutes=1)
    await operations.invite("acme", hosts=["emsp.example.com", "a.example"], roles=[(Party("DE", "ABC"), "EMSP")])
    platform.answers["PUT", CREDENTIALS_URL] = reply(b"", 500)
    with pytest.raises(HandshakeError):
        await gateway.rotate("acme")
    record = await operations.partner("acme")
    shown = describe(record)

    fingerprints = [token.pop("fingerprint") for token in shown["inbound_tokens"] + shown["outbound_tokens"]]
    assert fingerprints == [token.fingerprint for token in record.inbound_tokens + record.outbound_tokens]
    assert "HTTP 500" in shown.pop("note")
    retry = shown.pop("retry")
    assert "2026-01-02T03:20:05Z" <= retry <= "2026-01-02T03:23:50Z"
    first, second = "2026-01-02T03:04:05Z", "2026-01-02T03:05:05Z"
    credentials_endpoint = {"identifier": "credentials", "role": "RECEIVER", "url": CREDENTIALS_URL}
    tokens_endpoint = {"identifier": "tokens", "role": "SENDER", "url": "https://emsp.example.com/ocpi/2.2.1/tokens"}
    assert shown == {
        "name": "acme",
        "state": "REGISTERED",
        "suspended": False,
        "version": "2.2.1",
        "versions_url": VERSIONS_URL,
        "parties": ["DE-ABC"],
        "roles": [{"role": "EMSP", "party": "DE-ABC", "name": "Example eMSP"}],
        "endpoints": [credentials_endpoint, tokens_endpoint],
        "token_form": "base64",
        "versions_form": "base64",
        "invited_parties": ["DE-ABC:EMSP"],
        "invited_hosts": ["a.example", "emsp.example.com"],
        "inbound_tokens": [
            {"kind": "credentials", "state": "active", "created": first, "expires": None},
            {"kind": "invitation", "state": "active", "created": second, "expires": "2026-01-09T03:05:05Z"},
            {"kind": "credentials", "state": "pending", "created": second, "expires": "2026-01-03T03:05:05Z"},
        ],
        "outbound_tokens": [
            {"kind": "credentials", "state": "active", "created": first, "proved": False, "refusals": 0}
        ],
        "leaving": False,
        "failures": 1,
        "checked": None,
        "unreachable": "",
        "drift": [],
        "created": first,
        "registered": first,
    }


async def test_what_a_look_at_its_front_found_is_described(operations, gateway, platform, clock):
    await gateway.register("acme", INVITATION_TOKEN)
    platform.answers["GET", VERSIONS_URL] = reply(b"", 503)
    clock.move(minutes=1)
    with pytest.raises(HandshakeError):
        await gateway.inspector.look("acme", progress=gateway._show)
    shown = describe(await operations.partner("acme"))

    assert shown["checked"] == "2026-01-02T03:05:05Z"
    assert "HTTP 503" in shown["unreachable"]


async def test_an_invitation_for_any_role_names_the_party_alone(operations):
    await operations.invite("acme", roles=[(Party("DE", "ABC"), None)])

    assert describe(await operations.partner("acme"))["invited_parties"] == ["DE-ABC"]


async def test_a_row_of_the_trail_is_a_document_with_its_detail(operations, gateway):
    issued = await operations.invite("acme")
    (row,) = await operations.audit("acme")

    assert row.document() == {
        "at": "2026-01-02T03:04:05Z",
        "actor": "cli",
        "partner": "acme",
        "action": "invited",
        "detail": {"token_a": gateway.vault.fingerprint(issued.invitation_token), "expires": "2026-01-09T03:04:05Z"},
    }


async def test_what_the_store_does_not_know_of_an_exported_trail_is_told_by_partner(operations, clock):
    await operations.invite("acme")
    clock.move(minutes=1)
    await operations.invite("other")
    known = [row.document() for row in await operations.audit(None)]
    lost = [
        known[0] | {"action": "revoked"},
        known[0] | {"at": "2026-01-02T03:04:06Z"},
        known[1] | {"partner": "gone"},
        known[1] | {"at": "2026-01-02T03:05:04Z", "partner": "acme"},
    ]

    assert await operations.missing_since(known) == {}
    assert await operations.missing_since([lost[0], known[0], *lost[1:], known[1]]) == {
        "acme": [lost[0], lost[1], lost[3]],
        "gone": [lost[2]],
    }


async def test_an_untouched_trail_is_found_whole(operations):
    await operations.invite("acme")

    verdict = await operations.verify_audit()
    assert (verdict.rows, verdict.reason) == (1, "")
