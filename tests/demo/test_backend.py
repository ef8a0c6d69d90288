"""The sample legacy backend, with an aiohttp server in the place of the gateway's private listener."""

import asyncio

import pytest
from aiohttp import web

from gateway.demo.backend import Backend

AUTHORIZATION = "Token legacy-authorization"
EGRESS_TOKEN = "egress-token-of-the-test"


@pytest.fixture
async def gateway(aiohttp_server):
    """Takes what the backend sends; `requests` are `(method, path, Authorization, JSON)`."""
    application = web.Application()
    requests = []
    stored = {}

    async def handle(request):
        document = await request.json() if request.can_read_body else None
        requests.append((request.method, request.path, request.headers.get("Authorization"), document))
        data = stored.get(request.path)
        if request.method == "POST" and request.path.endswith("/cdrs"):
            stored["/partners/DE-ABC/receiver/cdrs/1"] = document
            return web.json_response(
                {"status_code": 1000}, headers={"Location": str(server.make_url("/partners/DE-ABC/receiver/cdrs/1"))}
            )
        return web.json_response({"status_code": 1000, "data": data})

    application.router.add_route("*", "/{path:.*}", handle)
    server = await aiohttp_server(application)
    server.requests = requests
    return server


@pytest.fixture
async def backend(start, gateway):
    async with asyncio.TaskGroup() as tasks:
        yield await start(
            "backend",
            lambda caller, _: Backend(
                caller,
                tasks,
                authorization=AUTHORIZATION,
                egress_token=EGRESS_TOKEN,
                gateway_url=str(gateway.make_url("/")),
            ),
            authorization=AUTHORIZATION,
        )


async def test_without_its_own_authorization_everything_is_refused(backend):
    for path in ("/ocpi", "/ocpi/locations", "/control/push-cdr"):
        assert (await backend.call("GET", path, authorization="Token other"))[0] == 401


async def test_a_page_links_to_the_next_by_its_own_address(backend):
    _, document, headers = await backend.call("GET", "/ocpi/locations?limit=2", authorization=AUTHORIZATION)
    assert [location["id"] for location in document["data"]] == ["LOC1", "LOC2"]
    assert headers["Link"] == f'<{backend.url}/ocpi/locations?offset=2&limit=2>; rel="next"'
    assert headers["X-Total-Count"] == "3"


async def test_the_last_page_has_no_link(backend):
    _, document, headers = await backend.call("GET", "/ocpi/locations?offset=2&limit=2", authorization=AUTHORIZATION)
    assert [location["id"] for location in document["data"]] == ["LOC3"]
    assert "Link" not in headers


async def test_an_offset_that_is_no_number_is_answered_400(backend):
    http_status, document, _ = await backend.call("GET", "/ocpi/tariffs?offset=x", authorization=AUTHORIZATION)
    assert (http_status, document["status_code"]) == (400, 2001)


async def test_one_location_is_found_by_its_id(backend):
    _, document, _ = await backend.call("GET", "/ocpi/locations/LOC2", authorization=AUTHORIZATION)
    assert document["data"]["id"] == "LOC2"
    assert (await backend.call("GET", "/ocpi/locations/LOC9", authorization=AUTHORIZATION))[0] == 404


async def test_a_card_that_was_put_is_given_back(backend):
    path = "/ocpi/tokens/DE/ABC/CARD1"
    await backend.call("PUT", path, authorization=AUTHORIZATION, document={"uid": "CARD1"})
    _, document, _ = await backend.call("GET", path, authorization=AUTHORIZATION)
    assert document["data"] == {"uid": "CARD1"}


async def test_a_command_is_accepted_and_its_result_sent_to_the_response_url_with_the_egress_token(backend, gateway):
    response_url = str(gateway.make_url("/callbacks/abc"))
    _, document, _ = await backend.call(
        "POST", "/ocpi/commands/START_SESSION", authorization=AUTHORIZATION, document={"response_url": response_url}
    )
    await backend.control("finish-commands")
    assert document["data"] == {"result": "ACCEPTED", "timeout": 30}
    assert gateway.requests == [("POST", "/callbacks/abc", f"Token {EGRESS_TOKEN}", {"result": "ACCEPTED"})]


async def test_a_cdr_is_pushed_through_the_private_listener_and_fetched_from_its_location(backend, gateway):
    pushed = await backend.control("push-cdr", partner="DE-ABC", id="CDR1")
    assert pushed == {"location": str(gateway.make_url("/partners/DE-ABC/receiver/cdrs/1")), "is_the_same": True}
    assert [request[:3] for request in gateway.requests] == [
        ("POST", "/partners/DE-ABC/receiver/cdrs", f"Token {EGRESS_TOKEN}"),
        ("GET", "/partners/DE-ABC/receiver/cdrs/1", f"Token {EGRESS_TOKEN}"),
    ]
