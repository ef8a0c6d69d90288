"""A partner that refuses our token, over HTTP against a whole gateway: handshake.md, RU2, RU7, SP10."""

import json

import pytest

from tests.app.test_watch import until
from tests.e2e.rig import EGRESS_TOKEN
from tests.platform import token_header


async def call(gateway, partner):
    """One call of the backend to the partner's tokens: HTTP status and OCPI status code."""
    headers = {"Authorization": f"Token {EGRESS_TOKEN}"}
    async with partner.http.get(f"{gateway.private_url}/partners/partner/sender/tokens", headers=headers) as answer:
        return answer.status, json.loads(await answer.read())["status_code"]


async def shown(gateway):
    return await gateway.verbs.partner("partner")


def presented(partner):
    return [authorization for _, path, authorization in partner.requests if path == "/tokens"]


@pytest.mark.ways("error")
async def test_sp10_a_token_refused_at_its_first_use_is_told_with_what_to_ask_for(
    gateway, backend, partner, registered
):
    backend.offer("/locations", [])
    partner.answers["/tokens"] = (401, {"status_code": 2000}, {})

    assert await call(gateway, partner) == (401, 2000)
    assert await call(gateway, partner) == (409, 4003)

    record = await shown(gateway)
    assert record.partner.state == "HALF_OPEN"
    (alarm,) = [line for line in gateway.log if line["event"] == "partner_half_open"]
    assert alarm["reason"] == record.note
    assert len(presented(partner)) == 1
    assert (await registered.call("GET", f"{gateway.public_url}/ocpi/2.2.1/sender/locations"))[0] == 200

    async def is_measured():
        async with partner.http.get(f"{gateway.status_url}/metrics") as answer:
            return 'partner_state{partner="partner",state="HALF_OPEN"} 1.0' in await answer.text()

    assert await until(is_measured)
    assert any(line["event"] == "partner_changed" and line["after"] == "HALF_OPEN" for line in gateway.log)


async def test_sp10_it_can_be_tried_again_and_is_well_where_the_partner_accepts_it(gateway, partner, registered):
    partner.answers["/tokens"] = (401, {"status_code": 2000}, {})
    await call(gateway, partner)
    del partner.answers["/tokens"]
    partner.answers["/credentials"] = (200, {"status_code": 1000, "data": partner.credentials}, {})

    await gateway.verbs.refresh("partner", progress=lambda *_: None)

    assert (await shown(gateway)).partner.state == "REGISTERED"
    assert (await call(gateway, partner))[0] == 404  # the platform has no tokens module of its own to answer with


@pytest.mark.ways("error")
async def test_ru7_a_new_token_that_is_refused_later_is_replaced_by_the_former_one(gateway, partner, registered):
    partner.answers["/tokens"] = (200, {"status_code": 1000}, {})
    await call(gateway, partner)
    former, partner.token_b = partner.token_b, "the-next-token-b"
    assert (await registered.register(gateway.public_url, token_a=registered.token_c, method="PUT"))[0] == 200
    partner.refused.add(token_header("the-next-token-b"))
    del partner.answers["/tokens"]
    partner.requests.clear()

    assert (await call(gateway, partner))[0] == 404
    assert presented(partner) == [token_header("the-next-token-b"), token_header(former)]
    assert (await shown(gateway)).partner.state == "REGISTERED"


@pytest.mark.ways("error")
async def test_ru2_a_put_whose_new_token_works_only_after_our_answer_is_accepted(gateway, partner, registered):
    former, partner.token_b = partner.token_b, "the-next-token-b"
    partner.refused.add(token_header("the-next-token-b"))
    partner.refused.add("Token the-next-token-b")

    assert (await registered.register(gateway.public_url, token_a=registered.token_c, method="PUT"))[0] == 200
    partner.requests.clear()
    assert (await call(gateway, partner))[0] == 404
    assert presented(partner)[-1] == token_header(former)


async def test_each_call_back_of_a_handshake_is_logged(gateway, partner, registered):
    steps = [(line["step"], line["outcome"]) for line in gateway.log if line["event"] == "handshake_step"]
    assert steps == [("GET versions", "HTTP 200"), ("GET version details", "HTTP 200")]


async def test_a_handshake_that_fails_is_logged_with_step_fault_and_request_id(gateway, invited):
    invited.answers["/versions"] = (500, b"", {})
    await invited.register(gateway.public_url, token_a=invited.token_a)

    (failed,) = [line for line in gateway.log if line["event"] == "handshake_failed"]
    assert (failed["step"], failed["fault"], failed["role"]) == ("GET versions", "partner", "receiver")
    assert "HTTP 500" in failed["reason"]
    (record,) = [line for line in gateway.log if line["event"] == "request" and line["method"] == "POST"]
    assert record["request_id"] == failed["request_id"]
    assert record["upstream_ms"] > 0
