"""The gateway against itself, in both roles: each gateway is the other's partner, each with a backend of its own."""

import json

import pytest

from tests.e2e import samples
from tests.e2e.rig import Backend, eventually

pytestmark = pytest.mark.e2e

LOCATIONS = [samples.location(f"LOC{number}") for number in (1, 2, 3)]
EMSP = {
    "parties": [
        {
            "role": "EMSP",
            "country_code": "DE",
            "party_id": "ABC",
            "business_details": {"name": "Example Mobility", "website": "https://example.com"},
        },
        {"role": "EMSP", "country_code": "AT", "party_id": "ABC", "business_details": {"name": "Example Austria"}},
    ],
}


@pytest.fixture
async def emsp_backend():
    """The legacy system of the eMSP."""
    async with Backend() as legacy:
        yield legacy


@pytest.fixture
async def emsp(make_gateway, emsp_backend):
    """A second gateway, ahead of an eMSP's system: it is DE-ABC and AT-ABC."""
    backend = {
        "url": emsp_backend.url,
        "authorization": "Token legacy-authorization-of-the-tests",
        "egress_token": "egress-token-of-the-tests",
        "modules": {
            "locations": {"role": "RECEIVER"},
            "cdrs": {"role": "RECEIVER"},
            "tokens": {"role": "SENDER"},
            "commands": {"role": "SENDER"},
        },
    }
    async with make_gateway("emsp", backend_url=emsp_backend.url, backend=backend, **EMSP) as running:
        yield running


@pytest.fixture
async def connected(gateway, emsp):
    """The eMSP's gateway registered with the CPO's, which invited it."""
    invitation = await gateway.invite("emsp", "--party", "DE-ABC:EMSP", "--party", "AT-ABC")
    return await emsp.register("cpo", versions_url=invitation["versions_url"], token_a=invitation["token_a"])


async def test_both_ends_are_registered_with_one_another_after_the_six_steps(gateway, emsp, connected):
    theirs = await gateway.show("emsp")

    assert (connected["state"], connected["version"], connected["parties"]) == ("REGISTERED", "2.2.1", ["NL-EXA"])
    assert (theirs["state"], theirs["version"], theirs["parties"]) == ("REGISTERED", "2.2.1", ["DE-ABC", "AT-ABC"])


async def test_each_end_holds_the_token_that_the_other_made(gateway, emsp, connected):
    theirs, ours = await gateway.show("emsp"), await emsp.show("cpo")

    assert [token["fingerprint"] for token in theirs["outbound_tokens"]] != []
    assert [token["kind"] for token in ours["inbound_tokens"]] == ["credentials"]
    assert {token["kind"] for token in theirs["inbound_tokens"]} == {"credentials"}, "TOKEN_A has to be dead"


async def test_locations_are_pulled_through_both_gateways_page_by_page(backend, emsp, emsp_backend, connected):
    backend.offer("/locations", LOCATIONS)
    first = f"{emsp.private_url}/partners/cpo/sender/locations?limit=2"

    _, page, headers = await eventually(200, emsp_backend.call, "GET", first)
    link = headers["Link"].partition(";")[0].strip("<>")
    _, rest, last = await emsp_backend.call("GET", link)

    assert [location["id"] for location in page["data"] + rest["data"]] == ["LOC1", "LOC2", "LOC3"]
    assert link.startswith(f"{emsp.private_url}/partners/cpo/sender/locations?")
    assert "Link" not in last


async def test_a_partner_is_also_found_by_the_routing_headers(backend, emsp, emsp_backend, connected):
    backend.offer("/locations", LOCATIONS)

    await eventually(200, emsp_backend.call, "GET", f"{emsp.private_url}/partners/NL-EXA/sender/locations")
    seen = backend.requests[-1].headers

    assert (seen["OCPI-to-country-code"], seen["OCPI-to-party-id"]) == ("NL", "EXA")
    assert (seen["OCPI-from-country-code"], seen["OCPI-from-party-id"]) == ("DE", "ABC")
    assert seen["X-OCPI-Partner"] == "emsp"


async def test_a_command_finds_its_way_and_its_result_finds_its_way_back(
    gateway, backend, emsp, emsp_backend, connected
):
    backend.answer("POST", "/commands/START_SESSION", data={"result": "ACCEPTED", "timeout": 30})
    emsp_backend.answer("POST", "/commands/START_SESSION/77", data=None)
    command = {"response_url": f"{emsp_backend.url}/commands/START_SESSION/77", "location_id": "LOC1"}
    url = f"{emsp.private_url}/partners/cpo/receiver/commands/START_SESSION"

    http_status, _, _ = await emsp_backend.call("POST", url, document=command)
    response_url = json.loads(backend.requests[-1].body)["response_url"]
    twice = [await backend.call("POST", response_url, document={"result": "ACCEPTED"}) for _ in range(2)]

    assert http_status == 200
    assert response_url.startswith(f"{gateway.private_url}/callbacks/")
    assert [answer[0] for answer in twice] == [200, 200]
    assert [json.loads(request.body) for request in emsp_backend.requests[-2:]] == [{"result": "ACCEPTED"}] * 2


async def test_a_stored_record_is_fetched_again_by_its_location(gateway, backend, emsp_backend, connected):
    emsp_backend.answer(
        "POST", "/cdrs", data=None, http_status=201, headers={"Location": f"{emsp_backend.url}/cdrs/1234"}
    )
    emsp_backend.answer("GET", "/cdrs/1234", data={"id": "1234"})
    url = f"{gateway.private_url}/partners/emsp/receiver/cdrs"

    _, _, headers = await eventually(201, backend.call, "POST", url)
    _, body, _ = await backend.call("GET", headers["Location"])

    assert headers["Location"].startswith(f"{gateway.private_url}/partners/emsp/receiver/cdrs/")
    assert body["data"] == {"id": "1234"}


async def test_traffic_goes_on_after_a_rotation(gateway, backend, emsp, emsp_backend, connected):
    backend.offer("/locations", LOCATIONS)
    before = await gateway.show("emsp")

    await emsp.do("partner", "rotate", "cpo")
    await emsp_backend.call("GET", f"{emsp.private_url}/partners/cpo/sender/locations")
    answer = await eventually(200, emsp_backend.call, "GET", f"{emsp.private_url}/partners/cpo/sender/locations")
    after = await gateway.show("emsp")

    assert len(answer[1]["data"]) == 3
    assert before["outbound_tokens"] != after["outbound_tokens"]


async def test_an_unregistration_ends_it_on_both_ends(gateway, emsp, emsp_backend, connected):
    await emsp.do("partner", "unregister", "cpo")

    assert (await gateway.show("emsp"))["state"] == "UNREGISTERED"
    assert (await emsp.show("cpo"))["state"] == "UNREGISTERED"
    url = f"{emsp.private_url}/partners/cpo/sender/locations"
    _, body, _ = await eventually(409, emsp_backend.call, "GET", url)
    assert body["status_code"] == 4003


async def test_a_partner_that_left_is_invited_again_with_one_command(gateway, emsp, connected):
    await emsp.do("partner", "unregister", "cpo")
    invitation = await gateway.invite("emsp")

    again = await emsp.register("cpo", versions_url=invitation["versions_url"], token_a=invitation["token_a"])

    assert again["state"] == "REGISTERED"


async def test_a_suspended_partner_is_refused_within_a_second_and_resumed_again(
    gateway, backend, emsp, emsp_backend, connected
):
    backend.offer("/locations", LOCATIONS)
    url = f"{emsp.private_url}/partners/cpo/sender/locations"
    await eventually(200, emsp_backend.call, "GET", url)

    await gateway.do("partner", "suspend", "emsp")
    await eventually(401, emsp_backend.call, "GET", url)
    await gateway.do("partner", "resume", "emsp")

    await eventually(200, emsp_backend.call, "GET", url)
