"""A partner that repeats in its headers the token that it was called with: the backend is not to know it."""

import base64

import pytest

from gateway.proxy.heads import echoes
from tests.proxy import wire
from tests.proxy.conftest import OUTBOUND_TOKEN

ENCODED = base64.b64encode(OUTBOUND_TOKEN.encode()).decode()
TOKENS = "/partners/acme/sender/tokens"

ECHOES = {
    "as it is": OUTBOUND_TOKEN,
    "as it was presented": f"Token {ENCODED}",
    "without padding": ENCODED.rstrip("="),
    "in a sentence": f"your token {OUTBOUND_TOKEN} is known",
    "in another letter case": OUTBOUND_TOKEN.upper(),
    "percent-encoded": OUTBOUND_TOKEN.replace("-", "%2D"),
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
async def test_a_header_that_repeats_the_partners_token_does_not_reach_the_backend(rig, echo):
    rig.partner.answers.append(wire.answer(200, f"X-Echo: {echo}", "X-Limit: 50"))
    answer = await rig.egress_request("GET", TOKENS)
    assert answer.http_status == 200
    assert answer.all("X-Echo") == []
    assert answer.one("X-Limit") == "50"


async def test_a_header_that_repeats_either_token_is_dropped_after_the_former_one_was_fallen_back_to(rig):
    await rig.renew(token="the-next-outbound-token")
    told = ("X-New: the-next-outbound-token", f"X-Former: Token {ENCODED}")
    rig.partner.answers.extend([wire.answer(401, *told), wire.answer(200, *told)])
    answer = await rig.egress_request("GET", TOKENS)
    assert answer.http_status == 200
    assert answer.all("X-New") + answer.all("X-Former") == []


async def test_a_link_that_holds_the_partners_token_is_sealed_and_leads_to_the_same_page(rig):
    page = f"{TOKENS.removeprefix('/partners/acme')}?key={OUTBOUND_TOKEN}"
    rig.partner.answers.append(wire.answer(200, f'Link: <{rig.partner.url}/ocpi/2.2.1{page}>; rel="next"'))
    link = (await rig.egress_request("GET", TOKENS)).one("Link")
    assert OUTBOUND_TOKEN not in link
    await rig.follow(link.partition(">")[0][1:])
    assert rig.partner.last.target == f"/ocpi/2.2.1{page}"


async def test_a_parameter_of_a_link_that_repeats_the_partners_token_is_left_out(rig):
    rig.partner.answers.append(wire.answer(200, f'Link: <?offset=2>; rel="next"; title="{OUTBOUND_TOKEN}"'))
    link = (await rig.egress_request("GET", TOKENS)).one("Link")
    assert link.endswith('offset=2>; rel="next"')


@pytest.mark.parametrize("header", ["application/json", "50", "token", "Token 500", "a test"])
def test_a_header_in_which_a_short_token_stands_by_chance_is_kept(header):
    assert not echoes("50", "json", "t").are_in(header)


@pytest.mark.parametrize("header", ["Token 50", "got Token NTA=", "bearer json"])
def test_a_short_token_is_found_behind_the_scheme_of_an_authorization_header(header):
    assert echoes("50", "json", "t").are_in(header)
