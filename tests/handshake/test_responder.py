"""The Receiver's end: the six steps, and the rows of "Answers to trouble" in contract.md."""

import pytest
from sqlalchemy import update

from gateway.ocpi.errors import Fault
from gateway.ocpi.party import Party
from gateway.ocpi.refusal import RefusedError
from gateway.ocpi.vocabulary import PartnerState, TokenForm
from gateway.store import tables
from tests.handshake.partners import THEIR_NEXT, THEIRS, invited, registered
from tests.handshake.rig import codes, document, reply, said
from tests.ocpi.dialogue import (
    DETAILS_URL,
    HOST,
    OUTBOUND_TOKEN,
    VERSIONS_URL,
    details,
    endpoint,
    envelope,
    versions,
)


class TestSixSteps:
    async def test_a_partner_registers_and_both_sides_hold_a_token(self, gateway, platform):
        invitation_token = await invited(gateway)
        for path in ("/ocpi/versions", "/ocpi/2.2.1"):
            assert codes(await gateway.asks("GET", path, invitation_token)) == (200, 1000)

        answer = await gateway.presents("POST", invitation_token, THEIRS)

        given = document(answer)["data"]
        assert given["url"] == gateway.versions_url
        assert given["roles"] == [
            {"role": "CPO", "country_code": "NL", "party_id": "EXA", "business_details": {"name": "ocpi.example.com"}}
        ]
        partner = await gateway.partner("acme")
        assert (partner.state, partner.outbound_token) == (PartnerState.REGISTERED, OUTBOUND_TOKEN)
        assert [request.method for request in platform.requests] == ["GET", "GET"]
        assert await gateway.opens(given["token"])
        assert not await gateway.opens(invitation_token)
        assert gateway.outcomes == [("receiver", "registered", "acme")]

    async def test_our_documents_are_what_the_specification_says(self, gateway):
        token = await invited(gateway)

        offered = document(await gateway.asks("GET", "/ocpi/versions", token))["data"]
        assert [each["version"] for each in offered] == ["2.2.1", "2.2"]
        listed = document(await gateway.asks("GET", "/ocpi/2.2", token))["data"]["endpoints"]
        assert [(each["identifier"], each["role"]) for each in listed] == [
            ("credentials", "SENDER"),
            ("locations", "SENDER"),
            ("tokens", "RECEIVER"),
        ]

    async def test_get_credentials_echoes_the_presented_token(self, gateway):
        token = await registered(gateway)

        assert document(await gateway.presents("GET", token))["data"]["token"] == token

    async def test_a_partner_that_demands_201_gets_it(self, gateway_with):
        gateway = gateway_with(answer_http_status=201)

        assert codes(await gateway.presents("POST", await invited(gateway), THEIRS)) == (201, 1000)

    async def test_the_learned_token_form_is_kept(self, gateway, platform):
        async def plain_only(request):
            if not request.headers.get("Authorization", "").endswith(OUTBOUND_TOKEN):
                return reply(b"", 401)
            return reply(versions({"2.2.1": DETAILS_URL}))

        platform.answers["GET", VERSIONS_URL] = plain_only
        await registered(gateway)

        assert (await gateway.partner("acme")).manners.token_form is TokenForm.PLAIN


class TestAnswersToTrouble:
    async def test_rp8_post_when_registered_is_405_and_says_what_is_allowed(self, gateway):
        answer = await gateway.presents("POST", await registered(gateway), THEIRS)

        assert said(answer)[:2] == (405, 2000)
        assert answer.headers["allow"] == "GET, PUT, DELETE"

    @pytest.mark.parametrize("method", ["PUT", "DELETE"])
    async def test_ru1_rd4_put_and_delete_when_not_registered_are_405_and_say_what_is_allowed(self, gateway, method):
        answer = await gateway.presents(method, await invited(gateway), THEIRS)

        assert said(answer)[:2] == (405, 2000)
        assert answer.headers["allow"] == "GET, POST"

    @pytest.mark.parametrize("body", [b"", b"<xml/>", b'{"token":"a","token":"b"}', b'{"a":NaN}', b"\xff"])
    async def test_a_body_that_is_not_json_is_400(self, gateway, body):
        token = await invited(gateway)

        http_status, status_code, message = said(await gateway.presents("POST", token, body))

        assert (http_status, status_code) == (400, 2001)
        assert message.startswith("read credentials: the ")

    async def test_an_incomplete_object_is_2001_naming_each_field(self, gateway, platform):
        token = await invited(gateway)
        http_status, status_code, message = said(await gateway.presents("POST", token, {"url": "x", "roles": []}))

        assert (http_status, status_code) == (200, 2001)
        assert [problem.split(":")[0] for problem in message.removeprefix("read credentials: ").split("; ")] == [
            "token",
            "url",
            "roles",
        ]
        assert platform.requests == []

    @pytest.mark.ways("error")
    async def test_rp2_a_platform_that_can_not_be_used_is_3001_with_the_step(self, gateway, platform):
        platform.answers["GET", DETAILS_URL] = reply(b"secret page", 500)
        answer = said(await gateway.presents("POST", await invited(gateway), THEIRS))

        assert answer[:2] == (200, 3001)
        assert answer[2].startswith("GET version details: your platform could not be reached")
        assert gateway.outcomes == [("receiver", "failed", "acme")]
        assert "HTTP 500" in (await gateway.operations.partner("acme")).note

    @pytest.mark.ways("error")
    async def test_rp2_no_mutual_version_is_3002(self, gateway, platform):
        platform.answers["GET", VERSIONS_URL] = reply(versions({"2.1.1": DETAILS_URL}))

        assert codes(await gateway.presents("POST", await invited(gateway), THEIRS)) == (200, 3002)

    @pytest.mark.ways("error")
    async def test_rp2_a_missing_module_is_3003_naming_it(self, gateway_with):
        gateway = gateway_with(required_modules=("cdrs:RECEIVER",))
        answer = said(await gateway.presents("POST", await invited(gateway), THEIRS))

        assert answer[:2] == (200, 3003)
        assert "cdrs:RECEIVER" in answer[2]

    async def test_rp7_the_same_handshake_under_way_is_409(self, gateway, platform):
        token = await invited(gateway)
        meanwhile = []

        async def busy(_request):
            meanwhile.append(await gateway.presents("POST", token, THEIRS))
            return reply(versions({"2.2.1": DETAILS_URL}))

        platform.answers["GET", VERSIONS_URL] = busy
        answer = await gateway.presents("POST", token, THEIRS)

        assert codes(meanwhile[0]) == (409, 2000)
        assert codes(answer) == (200, 1000)

    async def test_a_party_of_another_partner_is_2001_and_audited(self, gateway):
        await registered(gateway, "first")
        answer = said(await gateway.presents("POST", await invited(gateway, "second"), THEIRS))

        assert answer == (200, 2001, "read credentials: roles: DE-ABC belongs to another platform")
        (trail,) = [row for row in await gateway.operations.audit("second") if row.action == "handshake failed"]
        assert "first" in trail.detail["reason"]
        assert (await gateway.partner("second")).state is PartnerState.INVITED

    @pytest.mark.parametrize("demands", [{"roles": [(Party("DE", "XYZ"), None)]}, {"hosts": ["other.example.com"]}])
    async def test_what_the_invitation_does_not_cover_is_2001(self, gateway, platform, demands):
        token = await invited(gateway, **demands)

        assert codes(await gateway.presents("POST", token, THEIRS)) == (200, 2001)
        assert platform.requests == []

    async def test_no_answer_and_no_record_holds_a_token_that_the_partner_sent(self, gateway, platform):
        platform.answers["GET", VERSIONS_URL] = reply(envelope(status_code=2000, status_message=OUTBOUND_TOKEN))
        answer = await gateway.presents("POST", await invited(gateway), THEIRS)

        kept = str([row.document() for row in await gateway.operations.audit(None)])
        for shown in (answer.body.decode(), (await gateway.operations.partner("acme")).note, kept):
            assert OUTBOUND_TOKEN not in shown


@pytest.mark.parametrize("verb", ["revoke", "suspend"])
async def test_rd5_a_partner_that_the_operator_shut_out_while_its_put_was_open_is_401(gateway, other, platform, verb):
    token = await registered(gateway)
    before = (await gateway.partner("acme")).outbound_token

    async def meanwhile(_request):
        await getattr(other.operations, verb)("acme")
        return reply(versions({"2.2.1": DETAILS_URL}))

    platform.answers["GET", VERSIONS_URL] = meanwhile

    assert codes(await gateway.presents("PUT", token, THEIR_NEXT)) == (401, 2000)
    assert (await gateway.partner("acme")).outbound_token == (None if verb == "revoke" else before)
    assert not await gateway.restarted().opens(token)


async def test_an_invitation_that_the_operator_replaced_while_its_post_was_open_is_401(gateway, other, platform):
    token, fresh = await invited(gateway), []

    async def meanwhile(_request):
        platform.answers["GET", VERSIONS_URL] = usual
        fresh.append(await invited(other))
        return usual

    usual, platform.answers["GET", VERSIONS_URL] = platform.answers["GET", VERSIONS_URL], meanwhile

    assert codes(await gateway.presents("POST", token, THEIRS)) == (401, 2000)
    assert codes(await gateway.presents("POST", fresh[0], THEIRS)) == (200, 1000)


async def test_a_token_of_theirs_that_no_longer_decrypts_is_mended_by_their_next_put(gateway, platform):
    token = await registered(gateway)
    tamper = update(tables.outbound_token).values(sealed=b"x" * 60)
    await gateway.store.write(lambda connection: connection.execute(tamper))

    answer = said(await gateway.presents("PUT", token, THEIR_NEXT))

    assert answer[:2] == (200, 1000)


async def test_a_refusal_says_whose_fault_it_is(gateway, locked):
    token = await invited(gateway)
    await gateway.directory.refresh()
    holder = gateway.directory.holder(gateway.vault.digest(token))

    with pytest.raises(RefusedError) as theirs:
        await gateway.responder.post(holder, "2.2.1", b"")
    assert theirs.value.fault is Fault.PARTNER
    with locked(), pytest.raises(RefusedError) as ours:
        await gateway.responder.post(
            holder,
            "2.2.1",
            b'{"token":"a","url":"https://emsp.example.com/ocpi/versions",'
            b'"roles":[{"role":"EMSP","country_code":"DE","party_id":"ABC","business_details":{"name":"x"}}]}',
        )
    assert ours.value.fault is Fault.GATEWAY
    assert "locked" in ours.value.message


async def test_a_platform_on_two_hosts_registers(gateway, platform):
    elsewhere = "https://api.emsp.example.net/2.2.1"
    platform.answers["GET", VERSIONS_URL] = reply(versions({"2.2.1": elsewhere}))
    platform.answers["GET", elsewhere] = reply(details(endpoint("credentials", url=f"{HOST}/credentials")))

    assert codes(await gateway.presents("POST", await invited(gateway), THEIRS)) == (200, 1000)
