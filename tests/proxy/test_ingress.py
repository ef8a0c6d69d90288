"""Partner to backend: what arrives there, what doesn't, and who may speak for whom."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.ocpi.errors import Fault
from tests.proxy import wire
from tests.proxy.conftest import BACKEND_AUTHORIZATION, envelope, says


async def test_a_request_reaches_its_module_with_path_and_query_as_they_were_sent(rig):
    answer = await rig.ingress_request("GET", "/sender/Locations/LOC%20'1/3256/?date_from=2026-01-01T00:00:00Z&x=%2f+;")

    assert answer.http_status == 200
    assert rig.backend.last.first_line == (
        "GET /ocpi/locations/LOC%20'1/3256/?date_from=2026-01-01T00:00:00Z&x=%2f+; HTTP/1.1"
    )


async def test_a_module_with_a_configured_path_is_asked_there(rig):
    await rig.ingress_request("GET", "/sender/sessions/S1")
    assert rig.backend.last.target == "/ocpi/v2/sessions/S1"


async def test_a_backend_without_a_base_path_is_asked_at_its_root(rig):
    rig.configure(backend__url=rig.backend.url)
    await rig.ingress_request("GET", "/sender/locations/")
    assert rig.backend.last.target == "/locations/"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_every_method_of_ocpi_is_forwarded_once(rig, method):
    await rig.ingress_request(method, "/sender/cdrs")
    assert [request.method for request in rig.backend.requests] == [method]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.threat("R11")
async def test_a_method_that_ocpi_lacks_is_refused_with_those_it_has(rig, method):
    answer = await rig.ingress_request(method, "/sender/locations")

    assert answer.http_status == 405
    assert answer.one("Allow") == "GET, POST, PUT, PATCH, DELETE"
    assert rig.backend.requests == []


@pytest.mark.parametrize(
    "rest", ["/sender/hubclientinfo", "/receiver/cdrs/1", "/sender/credentials", "/sender/versions"]
)
async def test_a_module_or_side_that_is_not_configured_is_unknown(rig, rest):
    answer = await rig.ingress_request("GET", rest)
    assert envelope(answer) == (404, 2000)
    assert rig.backend.requests == []


@pytest.mark.threat("P7")
async def test_the_backend_gets_its_own_authorization_and_never_the_partners_token(rig):
    await rig.ingress_request("GET", "/sender/locations", "Authorization: Token the-partners-token")

    assert rig.backend.last.one("Authorization") == BACKEND_AUTHORIZATION
    assert "the-partners-token" not in str(rig.backend.last)


async def test_a_partner_may_have_an_authorization_of_its_own_at_the_backend(rig):
    rig.configure(partners={"ACME": {"backend_authorization": "Basic acme-alone"}})
    await rig.ingress_request("GET", "/sender/locations")
    assert rig.backend.last.one("Authorization") == "Basic acme-alone"


async def test_the_backend_is_told_who_asks_and_in_which_version(rig):
    await rig.ingress_request("GET", "/sender/locations", version="2.2")

    assert rig.backend.last.one("X-OCPI-Partner") == "acme"
    assert rig.backend.last.one("X-OCPI-Version") == "2.2"
    assert rig.backend.last.one("Host") == f"127.0.0.1:{rig.backend.port}"


async def test_message_ids_reach_the_backend_and_come_back(rig):
    answer = await rig.ingress_request("GET", "/sender/locations", "X-Request-ID: r-1", "X-Correlation-ID: c-1")

    for message in (rig.backend.last, answer):
        assert message.one("X-Request-ID") == "r-1"
        assert message.one("X-Correlation-ID") == "c-1"


async def test_message_ids_of_the_backend_do_not_replace_those_of_the_partner(rig):
    rig.backend.answers.append(wire.answer(200, "X-Request-ID: theirs", "x-correlation-id: theirs"))
    answer = await rig.ingress_request("GET", "/sender/locations")
    assert answer.one("X-Request-ID") == "made-request-id"
    assert answer.one("X-Correlation-ID") == "made-correlation-id"


@pytest.mark.parametrize(
    ("rest", "sender", "receiver"),
    [
        ("/sender/locations", "DE-ABC", "NL-CPO"),  # an EMSP asks a CPO
        ("/receiver/tokens/DE/XYZ/T1", "DE-XYZ", "NL-CPO"),  # the owner in the path speaks
        ("/receiver/locations", "DE-XYZ", "NL-EMS"),  # a CPO pushes to an EMSP
    ],
)
async def test_routing_headers_are_filled_in_where_the_partner_left_them_out(rig, rest, sender, receiver):
    await rig.ingress_request("GET", rest)

    assert rig.backend.last.party("from") == sender
    assert rig.backend.last.party("to") == receiver


@pytest.mark.parametrize(
    ("header", "sender", "receiver"),
    [
        ("OCPI-from-country-code: de", "DE-ABC", "NL-CPO"),
        ("OCPI-from-party-id: XYZ", "DE-XYZ", "NL-CPO"),
        ("OCPI-to-country-code: NL", "DE-ABC", "NL-CPO"),
        ("OCPI-to-party-id: EMS", "DE-ABC", "NL-EMS"),
    ],
)
async def test_the_half_of_a_party_that_the_partner_left_out_is_filled_in(rig, header, sender, receiver):
    await rig.ingress_request("GET", "/sender/locations", header)

    assert rig.backend.last.party("from") == sender
    assert rig.backend.last.party("to") == receiver


async def test_a_custom_module_is_spoken_of_by_the_first_party_of_each_side(rig):
    rig.configure(backend__modules={"parking": {"role": "SENDER"}})
    await rig.ingress_request("GET", "/sender/parking")
    assert rig.backend.last.party("from") == "DE-ABC"
    assert rig.backend.last.party("to") == "NL-EMS"


async def test_routing_headers_of_the_partner_arrive_once_and_in_upper_case(rig):
    await rig.ingress_request(
        "GET",
        "/sender/locations",
        "ocpi-FROM-country-code: de",
        "OCPI-from-party-id: xyz",
        "OCPI-to-country-code: nl",
        "OCPI-to-party-id: ems",
    )
    assert rig.backend.last.party("from") == "DE-XYZ"
    assert rig.backend.last.party("to") == "NL-EMS"


@pytest.mark.parametrize(
    "headers",
    [
        ("OCPI-from-country-code: FR", "OCPI-from-party-id: ABC"),
        ("OCPI-from-country-code: FR",),
        ("OCPI-from-party-id: OTH",),
        ("OCPI-from-country-code: DEU", "OCPI-from-party-id: ABC"),
        ("OCPI-to-country-code: NL", "OCPI-to-party-id: OTH"),
        ("OCPI-to-country-code: DE", "OCPI-to-party-id: ABC"),
        ("OCPI-to-party-id: ABC",),
    ],
)
@pytest.mark.threat("P8")
async def test_routing_headers_that_name_anybody_else_are_refused(rig, headers):
    answer = await rig.ingress_request("GET", "/sender/locations", *headers)
    assert envelope(answer) == (404, 2001)
    assert rig.backend.requests == []


@pytest.mark.parametrize("module", ["locations", "sessions", "tariffs", "tokens"])
@pytest.mark.parametrize("owned", ["FR/ABC/1", "DE/OTH", "DEU/ABC/1", "%46R/ABC/1", "DE/"])
@pytest.mark.threat("P8")
async def test_an_object_of_somebody_else_is_refused(rig, module, owned):
    answer = await rig.ingress_request("PUT", f"/receiver/{module}/{owned}", body=b"{}")
    assert envelope(answer) == (404, 2001)
    assert rig.backend.requests == []


@pytest.mark.parametrize("owner", ["DE/ABC", "de/xyz", "%44E/AB%43"])
async def test_an_object_of_the_partner_is_forwarded_with_its_path_untouched(rig, owner):
    await rig.ingress_request("PUT", f"/receiver/tokens/{owner}/T1?type=RFID", body=b"{}")
    assert rig.backend.last.target == f"/ocpi/tokens/{owner}/T1?type=RFID"


@pytest.mark.parametrize("rest", ["/sender/cdrs/FR/OTH", "/sender/tokens/FR/OTH/1/authorize", "/receiver/commands/A/B"])
async def test_paths_that_name_no_owner_are_not_checked_for_one(rig, rest):
    rig.configure(
        backend__modules={module: {"role": ["SENDER", "RECEIVER"]} for module in ("cdrs", "tokens", "commands")}
    )
    answer = await rig.ingress_request("GET", rest)
    assert answer.http_status == 200


@pytest.mark.threat("P8")
async def test_the_check_of_ownership_can_be_relaxed_for_one_partner(rig):
    rig.configure(partners={"acme": {"ownership_check": "relaxed"}})
    await rig.ingress_request("PUT", "/receiver/tokens/FR/OTH/1", body=b"{}")
    assert rig.backend.last.party("from") == "FR-OTH"

    await rig.ingress_request("GET", "/sender/cdrs", "OCPI-from-country-code: FR", "OCPI-from-party-id: OTH")
    assert rig.backend.last.party("from") == "FR-OTH"

    answer = await rig.ingress_request("GET", "/sender/cdrs", "OCPI-to-country-code: FR", "OCPI-to-party-id: OTH")
    assert envelope(answer) == (404, 2001)


async def test_the_record_of_a_call_says_who_asked_what_and_how_long_the_backend_took(rig):
    await rig.ingress_request("POST", "/sender/cdrs", body=b"12345")
    call = rig.call
    assert (call.partner, call.module, call.interface_role, call.version) == ("acme", "cdrs", "SENDER", "2.2.1")
    assert 0 < call.upstream_seconds < 10
    assert (call.bytes_in, call.bytes_out) == (5, 2)
    assert call.fault is None


async def test_the_record_of_a_refused_call_says_whose_fault_it_was(rig):
    answer = await rig.ingress_request("GET", "/receiver/tokens/FR/OTH/1")
    assert rig.call.fault is Fault.PARTNER
    assert "FR-OTH" in says(answer)
    assert rig.call.reason == says(answer)


_PATHS = st.text(alphabet="abAB/.%25fF0;~*'&=+-_@:,()!$\\", max_size=24)
_QUERIES = st.text(alphabet="abAB/.%25fF0;~*'?&=+-_@:,()!$[]{}|\\^`\"<>", min_size=1, max_size=24)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rest=_PATHS, query=st.just("") | _QUERIES.map("?".__add__))
@pytest.mark.threat("P2")
async def test_any_path_is_refused_or_reaches_the_backend_byte_for_byte(rig, rest, query):
    rig.backend.requests.clear()
    answer = await rig.ingress_request("GET", f"/sender/locations/{rest}{query}")

    if answer.http_status == 200:
        (request,) = rig.backend.requests
        assert request.target == f"/ocpi/locations/{rest}{query}"
    else:
        assert answer.http_status == 400
        assert rig.backend.requests == []
