"""Traffic: links of answers and `response_url`s of either side never make the gateway call a wrong address."""

import json
import re
from itertools import cycle
from urllib.parse import quote

import pytest

from tests.urls.answers import tells_nothing

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.threat("T8", "U1", "U6")]

REDIRECTS = (301, 302, 303, 307, 308)
COMMAND_THERE = "receiver/commands/START_SESSION"
COMMAND = "ocpi/2.2.1/receiver/commands/START_SESSION"


def links_of(headers):
    return re.findall(r"<([^>]*)>", headers.get("Link", ""))


async def follow(stage, url, asked):
    """Follow what the backend was given, if anything: its own path at the partner was meant, or nothing is called."""
    before = len(stage.front.requests)
    (http_status, status_code, _), _ = await stage.ask(url)
    called = len(stage.front.requests) > before
    assert called or (http_status, status_code) in {(502, 4003), (404, 2000), (400, 2000)}, (asked, url, http_status)


async def test_no_link_of_a_partner_leads_the_backend_elsewhere(registered):
    followed = 0
    for url in registered.header_spellings:
        registered.front.answers["/tokens"] = (200, answer(), {"Link": f'<{url}>; rel="next"'})
        said, headers = await registered.ask_partner("sender/tokens")
        assert said[:2] in {(200, 1000), (502, 4003)}, (url, said)
        for link in links_of(headers):
            followed += 1
            await follow(registered, link, url)

    assert registered.wire.tripped == []
    assert followed > 50


@pytest.mark.parametrize("statuses", [(200, 201), REDIRECTS], ids=["created", "redirect"])
async def test_no_location_of_a_partner_leads_the_backend_elsewhere(registered, statuses):
    followed = 0
    for url, http_status in zip(registered.header_spellings, cycle(statuses)):
        registered.front.answers["/cdrs"] = (http_status, answer(), {"Location": url})
        said, headers = await registered.ask_partner("receiver/cdrs", method="POST", document={})
        assert said[0] in {http_status, 502}, (url, said)
        if "Location" in headers:
            followed += 1
            await follow(registered, headers["Location"], url)

    assert registered.wire.tripped == []
    assert followed > 50


def answer():
    return {"status_code": 1000, "timestamp": "2026-01-01T00:00:00Z", "data": []}


async def test_no_response_url_of_a_partner_in_a_body_leads_the_backend_elsewhere(registered):
    await response_urls(
        registered, lambda url: ("POST", COMMAND, {"response_url": url}), lambda request: json.loads(request.body)
    )


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_no_response_url_of_a_partner_in_a_query_leads_the_backend_elsewhere(registered, method):
    path = "ocpi/2.2.1/receiver/chargingprofiles/S1?response_url="
    await response_urls(
        registered,
        lambda url: (method, path + quote(url, safe=""), None),
        lambda request: {"response_url": re.search("callbacks%2F([^&]*)", request.query)[1]},
    )


async def response_urls(stage, write, read):
    called = 0
    for url in stage.spellings:
        method, path, document = write(url)
        stage.backend.requests.clear()
        http_status, envelope, _ = await stage.front.call(
            method, f"{stage.gateway.public_url}/{path}", document=document
        )
        if not stage.backend.requests:
            assert tells_nothing((http_status, envelope["status_code"], envelope["status_message"])), url
            continue
        called += 1
        ours = read(stage.backend.requests[0])["response_url"].rpartition("/")[2]
        said, _ = await stage.ask(f"{stage.gateway.private_url}/callbacks/{ours}", method="POST", document={})
        assert said[:2] == (502, 4003), (url, said)

    assert stage.wire.tripped == []
    assert called >= 20


async def test_no_response_url_of_the_backend_leads_a_partner_elsewhere_than_to_the_backend(registered):
    called = 0
    registered.front.answers["/commands/START_SESSION"] = (200, answer(), {})
    for url in registered.spellings:
        before = len(registered.front.requests)
        said, _ = await registered.ask_partner(COMMAND_THERE, method="POST", document={"response_url": url})
        assert said[:2] in {(200, 1000), (400, 2001)}, (url, said)
        if len(registered.front.requests) == before:
            continue
        called += 1
        ours = registered.front.commands[-1]["response_url"].replace(
            "https://gateway.example", registered.gateway.public_url
        )
        http_status, _, _ = await registered.front.call("POST", ours, document={"result": "ACCEPTED"})
        assert http_status == 404, (url, ours)
        assert registered.backend.requests, url

    assert registered.wire.tripped == []
    assert called > 100


async def test_no_link_of_the_backend_leads_a_partner_elsewhere_than_to_the_backend(registered):
    locations = f"{registered.gateway.public_url}/ocpi/2.2.1/sender/locations"
    followed = 0
    for url in registered.header_spellings:
        registered.backend.answer("GET", "/locations", data=[], headers={"Link": f'<{url}>; rel="next"'})
        http_status, _, headers = await registered.front.call("GET", locations)
        assert http_status in {200, 502}, url
        for link in links_of(headers):
            followed += 1
            assert link.startswith("https://gateway.example/ocpi/"), link
            registered.backend.requests.clear()
            http_status, _, _ = await registered.front.call(
                "GET", link.replace("https://gateway.example", registered.gateway.public_url)
            )
            assert http_status in {200, 400, 404}, (url, link, http_status)

    assert registered.wire.tripped == []
    assert followed > 50
