"""The foreign peers work, without the gateway: what fails here is the rig's or the libraries' doing, never ours."""

import asyncio

import pytest

from tests.e2e import make_peers, samples
from tests.e2e.foreign import PeerRefusedError

pytestmark = [pytest.mark.e2e, pytest.mark.foreign]

CPO, EMSP = "NL-EXA", "DE-ABC"
EACH_PEER = pytest.mark.parametrize("implementation", make_peers.PEERS)
EACH_PAIR = pytest.mark.parametrize(
    ("initiator", "responder"), [("extrawest", "py-ocpi"), ("py-ocpi", "extrawest"), ("extrawest", "extrawest")]
)


async def pair(peers, initiator, responder):
    """An eMSP registered with a CPO; the eMSP began."""
    emsp, cpo = await asyncio.gather(
        peers.start(initiator, party=EMSP, roles=["EMSP"]), peers.start(responder, party=CPO, roles=["CPO"])
    )
    await cpo.call("invite", invitation_token="invitation-of-the-cpo")
    registration = await emsp.call("register", versions_url=cpo.versions_url, invitation_token="invitation-of-the-cpo")
    return emsp, cpo, registration


@EACH_PEER
async def test_an_invited_stranger_reads_the_versions_and_modules_of_a_peer(peers, outsider, implementation):
    peer = await peers.start(implementation, party=EMSP, roles=["EMSP"])
    await peer.call("invite", invitation_token="let-me-in")

    http_status, versions, _ = await outsider(peer.versions_url, "let-me-in")
    assert (http_status, [entry["version"] for entry in versions["data"]]) == (200, ["2.2.1"])

    http_status, details, _ = await outsider(versions["data"][0]["url"], "let-me-in")
    offered = {(entry["identifier"], entry["role"]) for entry in details["data"]["endpoints"]}
    assert http_status == 200
    assert {("credentials", "RECEIVER"), ("locations", "RECEIVER"), ("tokens", "SENDER")} <= offered


@EACH_PEER
async def test_a_stranger_is_refused_the_version_details_of_a_peer(peers, outsider, implementation):
    peer = await peers.start(implementation, party=EMSP, roles=["EMSP"])

    http_status, _, _ = await outsider(peer.versions_url.replace("versions", "2.2.1/details"), "a-stranger")

    assert http_status == 401


@EACH_PAIR
async def test_peers_register_with_one_another(peers, initiator, responder):
    emsp, cpo, registration = await pair(peers, initiator, responder)

    (seen_by_cpo,) = await cpo.call("registrations")
    assert registration["roles"][0]["role"] == "CPO"
    assert seen_by_cpo["roles"][0]["role"] == "EMSP"
    assert seen_by_cpo["inbound_token"] == registration["outbound_token"]
    assert seen_by_cpo["outbound_token"] == registration["inbound_token"]
    assert seen_by_cpo["versions_url"] == emsp.versions_url


async def test_an_invitation_serves_for_one_registration(peers):
    emsp, cpo, _ = await pair(peers, "extrawest", "extrawest")

    with pytest.raises(PeerRefusedError) as failure:
        await emsp.call("register", versions_url=cpo.versions_url, invitation_token="invitation-of-the-cpo")

    assert failure.value.account["http_status"] == 401


@pytest.mark.parametrize("initiator", make_peers.PEERS)
async def test_a_registered_peer_pulls_locations_that_its_own_model_accepts(peers, initiator):
    emsp, cpo, _ = await pair(peers, initiator, "extrawest")
    await cpo.call("load", module="locations", documents=[samples.location("LOC1"), samples.location("LOC2")])

    pulled = await emsp.call("pull", module="locations", limit=10)

    assert [found["id"] for found in pulled["objects"]] == ["loc1", "loc2"]
    assert pulled["pages"][0]["headers"]["x-total-count"] == "2"


@EACH_PEER
async def test_the_next_page_that_a_library_links_to_leads_nowhere(peers, outsider, implementation):
    """Why the gateway's tests page through the gateway's answers, never through those of a foreign peer."""
    peer = await peers.start(implementation, party=CPO, roles=["CPO"])
    caller = await peers.start("extrawest", party=EMSP, roles=["EMSP"])
    await peer.call("invite", invitation_token="let-me-in")
    registration = await caller.call("register", versions_url=peer.versions_url, invitation_token="let-me-in")
    await peer.call("load", module="locations", documents=[samples.location("LOC1"), samples.location("LOC2")])
    (url,) = [entry["url"] for entry in registration["endpoints"] if entry["identifier"] == "locations"]

    _, _, headers = await outsider(f"{url.rstrip('/')}/?limit=1", registration["outbound_token"])

    assert headers["Link"].startswith("<https://127.0.0.1:")
    assert "/ocpi/cpo/VersionNumber.v_2_2_1/ModuleID.locations/?" in headers["Link"]


async def test_a_peer_pushes_an_object_to_another(peers):
    emsp, cpo, _ = await pair(peers, "extrawest", "extrawest")

    await emsp.call(
        "push", module="tokens", country_code="DE", party_id="ABC", identifier="card1", document=samples.card("card1")
    )

    assert [found["uid"] for found in await cpo.call("objects", module="tokens")] == ["card1"]


async def test_a_peer_rotates_its_tokens_and_the_old_ones_die(peers, outsider):
    emsp, cpo, before = await pair(peers, "extrawest", "extrawest")

    after = await emsp.call("rotate")

    (seen_by_cpo,) = await cpo.call("registrations")
    assert (seen_by_cpo["inbound_token"], seen_by_cpo["outbound_token"]) == (
        after["outbound_token"],
        after["inbound_token"],
    )
    http_status, _, _ = await outsider(cpo.versions_url, before["outbound_token"])
    assert http_status == 401


async def test_py_ocpi_cannot_take_a_new_token(peers):
    """Why the gateway's tests expect a rotation to fail there and both tokens to keep working."""
    emsp, _, _ = await pair(peers, "extrawest", "extrawest")
    other = await peers.start("py-ocpi", party="FR-CPO", roles=["CPO"])
    await emsp.call("unregister")
    await other.call("invite", invitation_token="let-me-in")
    await emsp.call("register", versions_url=other.versions_url, invitation_token="let-me-in")

    with pytest.raises(PeerRefusedError) as failure:
        await emsp.call("rotate")

    assert failure.value.account["http_status"] == 500


@EACH_PAIR
async def test_a_peer_unregisters_and_is_forgotten(peers, initiator, responder):
    emsp, cpo, _ = await pair(peers, initiator, responder)

    await emsp.call("unregister")

    assert await cpo.call("registrations") == []
    assert await emsp.call("registrations") == []
