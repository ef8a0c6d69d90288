"""Backend to partner: who may ask, whom it reaches, and what the partner gets."""

import base64
import socket

import pytest

from gateway.net.address import AddressPolicy
from gateway.net.pool import partner_pool
from gateway.ocpi.errors import Fault
from gateway.ocpi.lifecycle import Leaving, Revoked, Unregistered
from gateway.ocpi.partner import Endpoint
from gateway.ocpi.vocabulary import InterfaceRole, TokenForm
from tests.proxy import wire
from tests.proxy.conftest import BACKEND_AUTHORIZATION, EGRESS_TOKEN, OUTBOUND_TOKEN, envelope, says, token_header

ENCODED = base64.b64encode(EGRESS_TOKEN.encode()).decode()


@pytest.mark.parametrize(
    "presented",
    [
        f"Token {EGRESS_TOKEN}",
        f"Bearer {EGRESS_TOKEN}",
        f"token {ENCODED}",
        f"Token {ENCODED.rstrip('=')}",
        f"BEARER {ENCODED}",
    ],
)
async def test_the_egress_token_is_accepted_in_every_form(rig, presented):
    answer = await rig.egress_request("GET", "/partners/acme/sender/tokens", token=presented)
    assert answer.http_status == 200


@pytest.mark.parametrize(
    "presented",
    [
        None,
        "Token",
        "Token wrong",
        f"Basic {EGRESS_TOKEN}",
        EGRESS_TOKEN,
        f"Token {EGRESS_TOKEN}x",
        f"Token {OUTBOUND_TOKEN}",
    ],
)
async def test_nobody_passes_without_the_egress_token(rig, presented):
    for target in ("/partners/acme/sender/tokens", "/callbacks/x", "/unknown"):
        answer = await rig.egress_request("GET", target, token=presented)
        assert envelope(answer) == (401, 2000)
        assert "backend.egress_token" in says(answer)
        assert EGRESS_TOKEN not in answer.body.decode()
    assert rig.call.fault is Fault.BACKEND
    assert rig.partner.connections == 0


async def test_a_partner_is_asked_at_its_endpoint_with_path_and_query_as_they_were_sent(rig):
    await rig.egress_request("GET", "/partners/acme/sender/Tokens/T%201/?type=RFID&x=%2f")
    assert rig.partner.last.first_line == "GET /ocpi/2.2.1/sender/tokens/T%201/?type=RFID&x=%2f HTTP/1.1"


@pytest.mark.parametrize("name", ["acme", "ACME", "DE-ABC", "de-xyz", "DE*ABC"])
async def test_a_partner_is_named_by_its_name_or_by_one_of_its_parties(rig, name):
    answer = await rig.egress_request("GET", f"/partners/{name}/receiver/locations")
    assert answer.http_status == 200
    assert rig.call.partner == "acme"


async def test_a_partner_is_found_by_the_party_that_a_message_is_for(rig):
    answer = await rig.egress_request(
        "GET", "/ocpi/2.2/sender/tokens", "OCPI-to-country-code: de", "OCPI-to-party-id: xyz"
    )
    assert answer.http_status == 200
    assert rig.partner.last.target == "/ocpi/2.2.1/sender/tokens"
    assert rig.partner.last.party("to") == "DE-XYZ"


@pytest.mark.parametrize(
    ("url", "rest", "target"),
    [
        ("/a/tokens", "", "/a/tokens"),
        ("/a/tokens", "/", "/a/tokens/"),
        ("/a/tokens", "/T1/", "/a/tokens/T1/"),
        ("/a/tokens/", "", "/a/tokens/"),
        ("/a/tokens/", "/", "/a/tokens/"),
        ("/a/tokens/", "/T1?x=1", "/a/tokens/T1?x=1"),
        ("/a?m=t", "", "/a?m=t"),
        ("/a?m=t", "/T1?x=1", "/a/T1?m=t&x=1"),
        ("", "/T1", "/T1"),
    ],
)
async def test_what_is_asked_joins_an_endpoint_of_any_shape(rig, url, rest, target):
    await rig.register(
        "shape",
        roles=("EMSP:FR-SHP",),
        endpoints=(Endpoint("tokens", InterfaceRole.SENDER, rig.partner.url + url),),
    )
    await rig.egress_request("GET", f"/partners/shape/sender/tokens{rest}")
    assert rig.partner.last.target == target


async def test_an_endpoint_without_a_role_serves_both_sides(rig):
    await rig.register(
        "roleless", roles=("EMSP:FR-ROL",), endpoints=(Endpoint("tokens", None, f"{rig.partner.url}/both"),)
    )
    for side in ("sender", "receiver"):
        await rig.egress_request("GET", f"/partners/roleless/{side}/tokens")
        assert rig.partner.last.target == "/both"


@pytest.mark.parametrize("form", [TokenForm.BASE64, TokenForm.PLAIN])
async def test_the_partner_gets_its_token_in_the_form_that_it_understands(rig, form):
    await rig.register("forms", roles=("EMSP:FR-FRM",), form=form)
    await rig.egress_request("GET", "/partners/forms/sender/tokens")
    assert rig.partner.last.one("Authorization") == token_header(form)


async def test_the_operator_can_fix_the_form_of_a_partners_token(rig):
    rig.configure(partners={"Acme": {"token_form": "plain"}})
    await rig.egress_request("GET", "/partners/acme/sender/tokens")
    assert rig.partner.last.one("Authorization") == f"Token {OUTBOUND_TOKEN}"


@pytest.mark.threat("P7")
async def test_the_backends_secrets_never_reach_a_partner(rig):
    await rig.egress_request("GET", "/partners/acme/sender/tokens", "Cookie: a=b", "X-OCPI-Partner: acme")
    seen = str(rig.partner.last)
    for secret in (EGRESS_TOKEN, ENCODED, BACKEND_AUTHORIZATION, "a=b"):
        assert secret not in seen
    assert rig.partner.last.all("X-OCPI-Partner") == []


async def test_message_ids_reach_the_partner_and_come_back(rig):
    rig.partner.answers.append(wire.answer(200, "X-Request-ID: theirs"))
    answer = await rig.egress_request(
        "GET", "/partners/acme/sender/tokens", "X-Request-ID: r-1", "X-Correlation-ID: c-1"
    )
    for message in (rig.partner.last, answer):
        assert message.one("X-Request-ID") == "r-1"
        assert message.one("X-Correlation-ID") == "c-1"


async def test_message_ids_are_made_where_the_backend_left_them_out(rig):
    await rig.egress_request("GET", "/partners/acme/sender/tokens")
    assert rig.partner.last.one("X-Request-ID") == "made-request-id"
    assert rig.partner.last.one("X-Correlation-ID") == "made-correlation-id"


@pytest.mark.parametrize(
    ("interface", "sender", "receiver"),
    [
        ("sender/tokens", "NL-CPO", "DE-ABC"),
        ("receiver/locations", "NL-CPO", "DE-ABC"),
        ("sender/locations", "NL-EMS", "DE-XYZ"),
        ("receiver/commands", "NL-EMS", "DE-XYZ"),
    ],
)
async def test_routing_headers_name_the_parties_that_fit_the_module(rig, interface, sender, receiver):
    await rig.egress_request("GET", f"/partners/acme/{interface}")
    assert rig.partner.last.party("from") == sender
    assert rig.partner.last.party("to") == receiver


@pytest.mark.parametrize("party", ["DE-XYZ", "de-xyz", "DE*XYZ"])
async def test_a_party_that_stands_in_the_path_is_the_one_spoken_to(rig, party):
    await rig.egress_request("GET", f"/partners/{party}/sender/tokens")
    assert rig.partner.last.party("to") == "DE-XYZ"

    await rig.egress_request(
        "GET", f"/partners/{party}/sender/tokens", "OCPI-to-country-code: DE", "OCPI-to-party-id: ABC"
    )
    assert rig.partner.last.party("to") == "DE-ABC"


@pytest.mark.parametrize(
    ("header", "sender"), [("OCPI-from-country-code: nl", "NL-CPO"), ("OCPI-from-party-id: EMS", "NL-EMS")]
)
async def test_half_a_party_of_the_backend_is_filled_in(rig, header, sender):
    await rig.egress_request("GET", "/partners/acme/sender/tokens", header, "OCPI-to-party-id: XYZ")
    assert rig.partner.last.party("from") == sender
    assert rig.partner.last.party("to") == "DE-XYZ"


async def test_routing_headers_of_the_backend_are_kept(rig):
    await rig.egress_request(
        "GET",
        "/partners/acme/sender/tokens",
        "OCPI-from-country-code: nl",
        "OCPI-from-party-id: ems",
        "OCPI-to-country-code: DE",
        "OCPI-to-party-id: XYZ",
    )
    assert rig.partner.last.party("from") == "NL-EMS"
    assert rig.partner.last.party("to") == "DE-XYZ"


async def test_messages_between_platforms_carry_no_routing_headers(rig):
    await rig.egress_request("GET", "/partners/acme/sender/hubclientinfo")
    assert not any(name.lower().startswith("ocpi-") for name, _ in rig.partner.last.headers)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (("OCPI-from-country-code: FR", "OCPI-from-party-id: OTH"), (400, 2001)),
        (("OCPI-from-country-code: FR",), (400, 2001)),
        (("OCPI-to-party-id: OTH",), (400, 2001)),
        (("OCPI-to-country-code: D", "OCPI-to-party-id: ABC"), (400, 2001)),
        (("OCPI-to-country-code: FR", "OCPI-to-party-id: OTH"), (404, 4001)),
    ],
)
async def test_routing_headers_of_the_backend_that_are_wrong_are_refused(rig, headers, expected):
    answer = await rig.egress_request("GET", "/partners/acme/sender/tokens", *headers)
    assert envelope(answer) == expected
    assert rig.call.fault is Fault.BACKEND
    assert rig.partner.requests == []


@pytest.mark.parametrize(
    ("target", "headers", "expected"),
    [
        ("/partners/nobody/sender/tokens", (), (404, 4001)),
        ("/partners/FR-OTH/sender/tokens", (), (404, 4001)),
        ("/ocpi/2.2.1/sender/tokens", ("OCPI-to-country-code: FR", "OCPI-to-party-id: OTH"), (404, 4001)),
        ("/ocpi/2.2.1/sender/tokens", (), (400, 2001)),
        ("/ocpi/1.6/sender/tokens", ("OCPI-to-country-code: DE", "OCPI-to-party-id: ABC"), (404, 2000)),
        ("/partners/acme/sender/parking", (), (404, 2000)),
        ("/partners/acme/receiver/credentials", (), (404, 2000)),
        ("/partners/acme/sender/versions", (), (404, 2000)),
        ("/partners/acme/credentials", (), (404, 2000)),
        ("/ocpi/versions", (), (404, 2000)),
        ("/ocpi/2.2.1", (), (404, 2000)),
        ("/", (), (404, 2000)),
        ("/partners/acme/sender/tokens/../credentials", (), (400, 2000)),
        ("/partners/acme/sender/tokens/%2e%2e/x", (), (400, 2000)),
    ],
)
async def test_what_leads_to_no_partner_is_refused(rig, target, headers, expected):
    answer = await rig.egress_request("GET", target, *headers)
    assert envelope(answer) == expected
    assert rig.call.fault is Fault.BACKEND
    assert rig.partner.requests == []


async def test_a_module_that_the_partner_lacks_is_refused_with_those_that_it_has(rig):
    answer = await rig.egress_request("GET", "/partners/acme/sender/parking")
    assert "tokens:SENDER" in says(answer)
    assert "locations:RECEIVER" in says(answer)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE"])
async def test_a_method_that_ocpi_lacks_is_refused(rig, method):
    answer = await rig.egress_request(method, "/partners/acme/sender/tokens")
    assert answer.http_status == 405
    assert answer.one("Allow") == "GET, POST, PUT, PATCH, DELETE"
    assert rig.partner.requests == []


async def test_a_suspended_partner_is_not_called(rig):
    await rig.change(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=True))
    answer = await rig.egress_request("GET", "/partners/acme/sender/tokens")
    assert envelope(answer) == (409, 4003)
    assert "partner resume acme" in says(answer)
    assert rig.call.fault is Fault.OPERATOR
    assert rig.partner.requests == []


@pytest.mark.parametrize("change", [Unregistered(), Revoked()])
async def test_rd3_a_partner_that_is_no_longer_registered_is_not_called(rig, change):
    await rig.change(lambda ledger: ledger.apply(ledger.partner("acme"), change))
    answer = await rig.egress_request("GET", "/partners/acme/sender/tokens")
    assert envelope(answer) == (409, 4003)
    assert "UNREGISTERED" in says(answer)


async def test_a_partner_that_never_registered_is_not_called(rig):
    await rig.change(lambda ledger: ledger.start("new", versions_url="https://new.test/v", invitation_token="a"))
    answer = await rig.egress_request("GET", "/partners/new/sender/tokens")
    assert envelope(answer) == (409, 4003)
    assert "partner register" in says(answer)


async def test_a_partner_that_another_process_just_registered_is_called_at_once(rig):
    await rig.register("late", roles=("EMSP:FR-LAT",), noticed=False)
    assert (await rig.egress_request("GET", "/partners/late/sender/tokens")).http_status == 200


@pytest.mark.parametrize("http_status", [200, 201, 400, 401, 403, 404, 429, 500])
async def test_status_and_body_of_a_partner_come_back_byte_for_byte(rig, http_status):
    body = b'{"status_code": 1000, "n": 1.10}\n'
    rig.partner.answers.append(wire.answer(http_status, "Retry-After: 9", "Set-Cookie: a=b", body=body))
    answer = await rig.egress_request("PUT", "/partners/acme/receiver/locations/NL/CPO/1", body=b"{}")
    assert (answer.http_status, answer.body) == (http_status, body)
    assert answer.one("Retry-After") == "9"
    assert answer.all("Set-Cookie") == []
    assert rig.call.fault is None
    assert len(rig.partner.requests) == 1


async def test_a_body_reaches_the_partner_byte_for_byte(rig):
    body = bytes(range(256)) * 1000
    await rig.egress_request("PUT", "/partners/acme/receiver/locations/NL/CPO/1", body=body)
    assert rig.partner.last.body == body


async def test_a_partner_that_can_not_be_reached_is_a_connection_problem_and_the_backend_reads_why(rig):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    endpoint = Endpoint("tokens", InterfaceRole.SENDER, f"http://127.0.0.1:{port}/tokens")
    await rig.register("away", roles=("EMSP:FR-AWY",), endpoints=(endpoint,))
    answer = await rig.egress_request("GET", "/partners/away/sender/tokens")
    assert envelope(answer) == (502, 4003)
    assert says(answer) == "the partner refused the connection"
    assert rig.call.fault is Fault.PARTNER


async def test_a_partner_that_does_not_answer_is_a_timeout(rig):
    async def behave(reader, writer, head):
        assert await reader.read() == b""

    rig.partner.answers.append(behave)
    rig.configure(timeouts__partner_answer_seconds=0.2)
    answer = await rig.egress_request("GET", "/partners/acme/sender/tokens")
    assert envelope(answer) == (504, 4002)
    assert rig.call.fault is Fault.PARTNER


@pytest.mark.threat("U4")
async def test_a_partner_that_the_address_policy_forbids_is_not_called_and_the_operator_reads_what_to_do(rig):
    rig.policy = AddressPolicy()
    async with partner_pool(rig.policy, connect_seconds=5) as rig.to_partner:
        rig.configure()
        answer = await rig.egress_request("GET", "/partners/acme/sender/tokens")
    assert envelope(answer) == (502, 4003)
    assert rig.call.fault is Fault.OPERATOR
    assert "https" in says(answer)
    assert rig.partner.connections == 0


ACCEPTED, REFUSED = ("accepted", "acme"), ("refused", "acme")


@pytest.mark.parametrize(
    ("http_status", "findings"),
    [(200, [ACCEPTED]), (201, [ACCEPTED]), (401, [REFUSED]), (403, []), (404, []), (500, [])],
)
async def test_what_an_answer_shows_about_our_token_is_told(rig, http_status, findings):
    rig.partner.answers.append(wire.answer(http_status))
    answer = await rig.egress_request("GET", "/partners/acme/sender/tokens")
    assert answer.http_status == http_status
    assert rig.standing.findings == findings


class TestFallingBack:
    """handshake.md, RU7 and SU4: a new token that is refused is replaced by the former one, once a call."""

    NEXT = token_header(token="the-next-outbound-token")

    async def call(self, rig, method="GET", *headers, body=b""):
        answer = await rig.egress_request(method, "/partners/acme/sender/tokens", *headers, body=body)
        return answer, [request.one("Authorization") for request in rig.partner.requests]

    async def test_the_new_token_goes_first_and_alone_where_it_is_accepted(self, rig):
        await rig.renew(token="the-next-outbound-token")
        assert (await self.call(rig))[1] == [self.NEXT]
        assert rig.standing.findings == [ACCEPTED]

    async def test_a_refused_new_token_is_followed_by_the_former_one(self, rig):
        await rig.renew(token="the-next-outbound-token")
        rig.partner.answers.extend([wire.answer(401), wire.answer(200)])
        answer, presented = await self.call(rig)
        assert answer.http_status == 200
        assert presented == [self.NEXT, token_header()]
        assert rig.standing.findings == [REFUSED]
        assert "refused its new token" in rig.call.reason

    async def test_a_body_is_sent_again_byte_for_byte(self, rig):
        await rig.renew(token="the-next-outbound-token")
        rig.partner.answers.extend([wire.answer(401), wire.answer(200)])
        await self.call(rig, "PUT", body=b'{"number": 1.10}')
        assert [request.body for request in rig.partner.requests] == [b'{"number": 1.10}'] * 2

    async def test_where_both_are_refused_the_answer_is_the_partners_and_nothing_goes_out_a_third_time(self, rig):
        await rig.renew(token="the-next-outbound-token")
        rig.partner.answers.extend([wire.answer(401), wire.answer(401)])
        answer, presented = await self.call(rig)
        assert answer.http_status == 401
        assert len(presented) == 2
        assert rig.standing.findings == [("both refused", "acme")]

    async def test_a_body_too_large_to_be_kept_goes_out_once(self, rig):
        await rig.renew(token="the-next-outbound-token")
        rig.partner.answers.append(wire.answer(401))
        answer, presented = await self.call(rig, "PUT", body=b"x" * 70_000)
        assert answer.http_status == 401
        assert presented == [self.NEXT]
        assert rig.standing.findings == [REFUSED]

    async def test_without_a_former_token_there_is_no_second_request(self, rig):
        rig.partner.answers.append(wire.answer(401))
        assert len((await self.call(rig))[1]) == 1


async def test_a_token_of_ours_in_place_of_a_partners_name_is_repeated_neither_in_the_answer_nor_in_the_record(rig):
    pasted = rig.vault.new_token()
    answer = await rig.egress_request("GET", f"/partners/{pasted}/sender/tokens")
    assert envelope(answer) == (404, 4001)
    assert "there is no partner [token]" in says(answer)
    assert pasted not in rig.call.reason


async def test_sd1_a_partner_that_we_are_leaving_is_not_called(rig):
    await rig.change(lambda ledger: ledger.apply(ledger.partner("acme"), Leaving()))
    answer = await rig.egress_request("GET", "/partners/acme/sender/tokens")
    assert envelope(answer) == (409, 4003)
    assert "being unregistered" in says(answer)
    assert rig.partner.requests == []


async def test_the_record_of_a_call_says_whom_it_reached(rig):
    await rig.egress_request("GET", "/partners/DE-ABC/sender/tokens")
    call = rig.call
    assert (call.partner, call.module, call.interface_role, call.version) == ("acme", "tokens", "SENDER", "2.2.1")
    assert call.upstream_seconds > 0


async def test_the_record_of_a_refused_call_says_whom_it_was_for(rig):
    await rig.change(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=True))
    await rig.egress_request("GET", "/partners/acme/sender/tokens")
    assert (rig.call.partner, rig.call.module, rig.call.interface_role) == ("acme", "tokens", "SENDER")


async def test_a_module_that_a_partner_asks_for_and_nobody_offers_is_not_counted_by_name(rig):
    await rig.ingress_request("GET", "/sender/anything-at-all")
    assert rig.call.module == ""
