"""The gateway against foreign OCPI implementations: registration in both roles, traffic both ways, and the end of it.

What each implementation does that the gateway must live with is listed in `peers/extrawest_peer.py` and
`peers/py_ocpi_peer.py`; the tests here name the consequence, not the cause.
"""

import base64
import json
from urllib.parse import urlsplit

import pytest

from tests.e2e import make_peers, samples
from tests.e2e.foreign import PeerRefusedError
from tests.e2e.rig import BACKEND_AUTHORIZATION, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.foreign]

EACH_PEER = pytest.mark.parametrize("implementation", make_peers.PEERS)
PARTNER, PARTY = "foreign", "DE-ABC"
LOCATIONS = [samples.location(f"LOC{number}") for number in (1, 2, 3)]


async def registered_by_the_peer(gateway, peers, implementation):
    """A foreign eMSP that registered with the gateway on its invitation."""
    peer = await peers.start(implementation, party=PARTY, roles=["EMSP"])
    invitation = await gateway.invite(PARTNER, "--party", f"{PARTY}:EMSP")
    registration = await peer.call(
        "register", versions_url=invitation["versions_url"], invitation_token=invitation["token_a"]
    )
    return peer, registration


async def registered_by_the_gateway(gateway, backend, peers, implementation):
    """A foreign platform, CPO and eMSP in one, that the gateway registered with and the backend can reach."""
    peer = await peers.start(implementation, party=PARTY, roles=["CPO", "EMSP"])
    await peer.call("invite", invitation_token="invitation-of-the-peer")
    document = await gateway.register(PARTNER, versions_url=peer.versions_url, token_a="invitation-of-the-peer")
    await eventually(200, backend.call, "GET", f"{gateway.private_url}/partners/{PARTNER}/sender/tokens")
    return peer, document


@EACH_PEER
async def test_a_foreign_platform_registers_with_the_gateway(gateway, peers, implementation):
    peer, registration = await registered_by_the_peer(gateway, peers, implementation)

    shown = await gateway.show(PARTNER)
    assert (shown["state"], shown["version"], shown["parties"]) == ("REGISTERED", "2.2.1", [PARTY])
    assert _endpoint(shown, "tokens")["role"] == "SENDER"
    assert registration["versions_url"] == f"{gateway.public_url}/ocpi/versions"
    assert [role["role"] for role in registration["roles"]] == ["CPO"]
    credentials = await peer.call("credentials")
    assert (credentials["token"], credentials["roles"]) == (registration["outbound_token"], registration["roles"])


@EACH_PEER
async def test_an_invitation_is_dead_once_a_foreign_platform_has_registered(gateway, peers, outsider, implementation):
    peer = await peers.start(implementation, party=PARTY, roles=["EMSP"])
    invitation = await gateway.invite(PARTNER)
    words = {"versions_url": invitation["versions_url"], "invitation_token": invitation["token_a"]}
    await peer.call("register", **words)

    http_status, _, _ = await outsider(invitation["versions_url"], invitation["token_a"])

    assert http_status == 401
    with pytest.raises(PeerRefusedError) as failure:
        await peer.call("register", **words)
    assert failure.value.account["http_status"] == 401


@pytest.mark.parametrize(("implementation", "path"), [("extrawest", ""), ("py-ocpi", "/")])
async def test_a_foreign_platform_pulls_locations_page_by_page(gateway, backend, peers, implementation, path):
    peer, _ = await registered_by_the_peer(gateway, peers, implementation)
    backend.offer("/locations", LOCATIONS)

    pulled = await peer.call("pull", module="locations", limit=2, path=path)

    assert [found["id"] for found in pulled["objects"]] == ["loc1", "loc2", "loc3"]
    assert len(pulled["pages"]) == 2
    for page in pulled["pages"]:
        assert page["url"].startswith(f"{gateway.public_url}/ocpi/2.2.1/sender/locations")
        assert urlsplit(backend.url).netloc not in json.dumps(page["headers"])


@EACH_PEER
async def test_the_backend_is_told_which_foreign_platform_calls(gateway, backend, peers, implementation):
    peer, registration = await registered_by_the_peer(gateway, peers, implementation)
    backend.offer("/locations", LOCATIONS)

    await peer.call("pull", module="locations", limit=10)

    (request,) = backend.requests
    assert request.headers["Authorization"] == BACKEND_AUTHORIZATION
    assert (request.headers["X-OCPI-Partner"], request.headers["X-OCPI-Version"]) == (PARTNER, "2.2.1")
    sender = f"{request.headers['OCPI-from-country-code']}-{request.headers['OCPI-from-party-id']}"
    receiver = f"{request.headers['OCPI-to-country-code']}-{request.headers['OCPI-to-party-id']}"
    assert (sender.upper(), receiver.upper()) == (PARTY, "NL-EXA")
    assert request.headers["X-Request-ID"]
    assert request.headers["X-Correlation-ID"]
    assert registration["outbound_token"] not in str(request)
    assert base64.b64encode(registration["outbound_token"].encode()).decode() not in str(request)


@EACH_PEER
async def test_a_foreign_platform_pushes_a_card_to_the_backend(gateway, backend, peers, implementation):
    peer, _ = await registered_by_the_peer(gateway, peers, implementation)
    backend.answer("PUT", "/tokens/DE/ABC/card1", data=None)

    pushed = await peer.call(
        "push", module="tokens", country_code="DE", party_id="ABC", identifier="card1", document=samples.card("card1")
    )

    assert pushed["http_status"] == 200
    assert json.loads(backend.requests[-1].body)["uid"] == "card1"


@EACH_PEER
async def test_a_command_of_a_foreign_platform_gets_its_result_through_the_gateway(
    gateway, backend, peers, implementation
):
    peer, _ = await registered_by_the_peer(gateway, peers, implementation)
    backend.answer("POST", "/commands/START_SESSION", data={"result": "ACCEPTED", "timeout": 30})

    answer = await peer.call("start_session", command_id="command1", location_id="LOC1", card=samples.card("card1"))
    response_url = json.loads(backend.requests[-1].body)["response_url"]
    http_status, _, _ = await backend.call("POST", response_url, document={"result": "ACCEPTED"})

    assert answer["result"] == "ACCEPTED"
    assert response_url.startswith(f"{gateway.private_url}/callbacks/")
    assert http_status == 200
    assert [result["result"] for result in await peer.call("objects", module="commands")] == ["ACCEPTED"]


@EACH_PEER
async def test_the_gateway_registers_with_a_foreign_platform(gateway, backend, peers, implementation):
    peer, document = await registered_by_the_gateway(gateway, backend, peers, implementation)

    assert (document["state"], document["version"], document["parties"]) == ("REGISTERED", "2.2.1", [PARTY])
    assert _endpoint(document, "locations", "SENDER")["url"].startswith(peer.versions_url.removesuffix("/versions"))
    (seen,) = await peer.call("registrations")
    assert seen["versions_url"] == f"{gateway.public_url}/ocpi/versions"
    assert [(role["role"], role["party_id"].upper()) for role in seen["roles"]] == [("CPO", "EXA")]


@EACH_PEER
async def test_the_backend_pulls_from_a_foreign_platform(gateway, backend, peers, implementation):
    peer, _ = await registered_by_the_gateway(gateway, backend, peers, implementation)
    await peer.call("load", module="locations", documents=[samples.location("LOC9", country_code="DE", party_id="ABC")])
    await peer.call("load", module="tokens", documents=[samples.card("card1"), samples.card("card2")])

    for partner in (PARTNER, PARTY):
        url = f"{gateway.private_url}/partners/{partner}/sender"
        http_status, locations, _ = await backend.call("GET", f"{url}/locations")
        assert (http_status, [found["id"] for found in locations["data"]]) == (200, ["loc9"])
        http_status, cards, headers = await backend.call("GET", f"{url}/tokens?limit=10")
        assert (http_status, [found["uid"] for found in cards["data"]]) == (200, ["card1", "card2"])
        assert headers["X-Total-Count"] == "2"
        assert not headers.get("Link")


@EACH_PEER
async def test_a_link_of_a_foreign_platform_never_leads_around_the_gateway(gateway, backend, peers, implementation):
    peer, _ = await registered_by_the_gateway(gateway, backend, peers, implementation)
    await peer.call("load", module="tokens", documents=[samples.card("card1"), samples.card("card2")])

    _, _, headers = await backend.call("GET", f"{gateway.private_url}/partners/{PARTNER}/sender/tokens?limit=1")

    assert urlsplit(peer.versions_url).netloc not in json.dumps(dict(headers))


@EACH_PEER
async def test_the_backend_pushes_a_location_to_a_foreign_platform(gateway, backend, peers, implementation):
    peer, _ = await registered_by_the_gateway(gateway, backend, peers, implementation)

    http_status, answer, _ = await backend.call(
        "PUT",
        f"{gateway.private_url}/partners/{PARTNER}/receiver/locations/NL/EXA/LOC1",
        document=samples.location("LOC1"),
    )

    assert (http_status, answer["status_code"]) == (200, 1000)
    assert [found["id"] for found in await peer.call("objects", module="locations")] == ["loc1"]


@EACH_PEER
async def test_a_platform_registered_by_the_gateway_calls_it_too(gateway, backend, peers, implementation):
    peer, _ = await registered_by_the_gateway(gateway, backend, peers, implementation)
    backend.offer("/locations", LOCATIONS)

    pulled = await peer.call("pull", module="locations", limit=2)

    assert [found["id"] for found in pulled["objects"]] == ["loc1", "loc2", "loc3"]


@EACH_PEER
async def test_a_foreign_platform_rotates_its_tokens_with_the_gateway(gateway, backend, peers, implementation):
    peer, before = await registered_by_the_peer(gateway, peers, implementation)
    backend.offer("/locations", LOCATIONS)

    after = await peer.call("rotate")

    assert after["outbound_token"] != before["outbound_token"]
    assert len((await peer.call("pull", module="locations", limit=10))["objects"]) == 3
    assert (await backend.call("GET", f"{gateway.private_url}/partners/{PARTNER}/sender/tokens"))[0] == 200


async def test_the_gateway_rotates_its_tokens_with_a_foreign_platform(gateway, backend, peers):
    peer, _ = await registered_by_the_gateway(gateway, backend, peers, "extrawest")
    (before,) = await peer.call("registrations")
    backend.offer("/locations", LOCATIONS)

    await gateway.do("partner", "rotate", PARTNER)

    (after,) = await peer.call("registrations")
    assert after["inbound_token"] != before["inbound_token"]
    assert after["outbound_token"] != before["outbound_token"]
    assert len((await peer.call("pull", module="locations", limit=10))["objects"]) == 3
    await eventually(200, backend.call, "GET", f"{gateway.private_url}/partners/{PARTNER}/sender/tokens")


async def test_a_rotation_that_a_foreign_platform_cannot_do_leaves_both_tokens_working(gateway, backend, peers):
    peer, _ = await registered_by_the_gateway(gateway, backend, peers, "py-ocpi")
    backend.offer("/locations", LOCATIONS)

    result = await gateway.run("partner", "rotate", PARTNER)

    assert (result.exit_code, "500" in result.errors) == (1, True)
    assert len((await peer.call("pull", module="locations", limit=10))["objects"]) == 3
    assert (await backend.call("GET", f"{gateway.private_url}/partners/{PARTNER}/sender/tokens"))[0] == 200


@EACH_PEER
async def test_a_foreign_platform_unregisters_from_the_gateway(gateway, backend, peers, outsider, implementation):
    peer, registration = await registered_by_the_peer(gateway, peers, implementation)

    await peer.call("unregister")

    assert (await gateway.show(PARTNER))["state"] == "UNREGISTERED"
    http_status, _, _ = await outsider(
        f"{gateway.public_url}/ocpi/2.2.1/sender/locations", registration["outbound_token"]
    )
    assert http_status == 401
    assert (await backend.call("GET", f"{gateway.private_url}/partners/{PARTNER}/sender/tokens"))[0] == 409


@EACH_PEER
async def test_the_gateway_unregisters_from_a_foreign_platform(gateway, backend, peers, outsider, implementation):
    peer, _ = await registered_by_the_gateway(gateway, backend, peers, implementation)
    (seen,) = await peer.call("registrations")

    await gateway.do("partner", "unregister", PARTNER)

    assert await peer.call("registrations") == []
    assert (await gateway.show(PARTNER))["state"] == "UNREGISTERED"
    await eventually(401, outsider, f"{gateway.public_url}/ocpi/versions", seen["outbound_token"])
    await eventually(409, backend.call, "GET", f"{gateway.private_url}/partners/{PARTNER}/sender/tokens")


async def test_two_foreign_platforms_are_partners_of_one_gateway(gateway, backend, peers):
    first = await peers.start("extrawest", party="DE-ABC", roles=["EMSP"])
    second = await peers.start("py-ocpi", party="FR-XYZ", roles=["EMSP"])
    invitation = await gateway.invite("first")
    await first.call("register", versions_url=invitation["versions_url"], invitation_token=invitation["token_a"])
    await second.call("invite", invitation_token="invitation-of-the-peer")
    await gateway.register("second", versions_url=second.versions_url, token_a="invitation-of-the-peer")
    await first.call("load", module="tokens", documents=[samples.card("of-first")])
    await second.call("load", module="tokens", documents=[samples.card("of-second")])

    for name, party, uid in (("first", "DE-ABC", "of-first"), ("second", "FR-XYZ", "of-second")):
        url = f"{gateway.private_url}/partners/{party}/sender/tokens"
        _, cards, _ = await eventually(200, backend.call, "GET", url)
        assert [found["uid"] for found in cards["data"]] == [uid]
        assert (await gateway.show(name))["parties"] == [party]


def _endpoint(document, identifier, role=None):
    return next(
        entry for entry in document["endpoints"] if entry["identifier"] == identifier and role in (None, entry["role"])
    )
