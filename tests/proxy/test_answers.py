"""`Link` and `Location` lead back through the gateway, in both directions, any number of times."""

import pytest

from gateway.net.request import Response
from gateway.ocpi.errors import Fault
from gateway.ocpi.links import read_links
from gateway.ocpi.partner import Endpoint
from gateway.ocpi.vocabulary import InterfaceRole
from gateway.proxy.answers import with_query
from tests.proxy import wire
from tests.proxy.conftest import EGRESS_TOKEN, envelope, says


def next_of(answer):
    """The target of the one link of an answer, which must still be to the next page."""
    (link,) = read_links(answer.one("Link"))
    assert link.is_next
    return link.target


async def next_page_of(rig, link, path="/sender/locations?offset=0"):
    rig.backend.answers.append(wire.answer(200, f"Link: {link}"))
    return await rig.ingress_request("GET", path)


async def created(rig, location, http_status=201):
    rig.backend.answers.append(wire.answer(http_status, f"Location: {location}"))
    return await rig.ingress_request("POST", "/sender/cdrs", body=b"{}")


@pytest.mark.parametrize(
    "target",
    [
        "{backend}/ocpi/locations?offset=50&limit=50&date_from=2026-01-01T00:00:00Z",
        "https://legacy.internal/ocpi/locations?offset=50&limit=50&date_from=2026-01-01T00:00:00Z",
        "HTTP://localhost:1/ocpi/locations?offset=50&limit=50&date_from=2026-01-01T00:00:00Z",
        "//legacy/ocpi/locations?offset=50&limit=50&date_from=2026-01-01T00:00:00Z",
        "/ocpi/locations?offset=50&limit=50&date_from=2026-01-01T00:00:00Z",
        "?offset=50&limit=50&date_from=2026-01-01T00:00:00Z",
        "locations?offset=50&limit=50&date_from=2026-01-01T00:00:00Z#fragment",
        "{public}/ocpi/2.2.1/sender/locations?offset=50&limit=50&date_from=2026-01-01T00:00:00Z",
    ],
)
async def test_a_link_below_the_module_keeps_its_shape_whatever_the_backend_calls_itself(rig, target):
    target = target.format(backend=rig.backend.url, public=rig.public_url)
    answer = await next_page_of(rig, f'<{target}>; rel="next"')

    expected = f"{rig.public_url}/ocpi/2.2.1/sender/locations?offset=50&limit=50&date_from=2026-01-01T00:00:00Z"
    assert answer.one("Link") == f'<{expected}>; rel="next"'
    for _ in range(2):
        await rig.follow(next_of(answer))
        assert rig.backend.last.target == "/ocpi/locations?offset=50&limit=50&date_from=2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("target", "requested"),
    [
        ("https://other.internal/pages/7f3a?cursor=a%2Fb", "/pages/7f3a?cursor=a%2Fb"),
        ("/ocpi/locations2?offset=1", "/ocpi/locations2?offset=1"),
        ("/ocpi/locations/~odd", "/ocpi/locations/~odd"),
        ("/ocpi/locations/a%2Fb;c", "/ocpi/locations/a%2Fb;c"),
        ("https://legacy", "/"),
        ("/ocpi/pages/ein h\xc3\xbcbscher", "/ocpi/pages/ein%20h%C3%BCbscher"),
        ("/ocpi/pages/h\xfcbsch", "/ocpi/pages/h%FCbsch"),
    ],
)
async def test_any_other_link_is_sealed_and_leads_to_the_same_page_again_and_again(rig, target, requested):
    answer = await next_page_of(rig, f'<{target}>; rel="next"')
    url = next_of(answer)

    assert url.startswith(f"{rig.public_url}/ocpi/2.2.1/sender/locations/~")
    assert "internal" not in url
    for _ in range(2):
        await rig.follow(url)
        assert rig.backend.last.target == requested
        rig.configure()  # as after a restart


async def test_the_same_link_is_sealed_to_the_same_url(rig):
    first = await next_page_of(rig, '</pages/2>; rel="next"')
    again = await next_page_of(rig, '</pages/2>; rel="next"')
    assert next_of(first) == next_of(again)


async def test_filters_that_a_client_appends_to_a_sealed_link_join_its_query(rig):
    url = next_of(await next_page_of(rig, '</pages?cursor=1>; rel="next"'))
    await rig.follow(f"{url}?limit=10")
    assert rig.backend.last.target == "/pages?cursor=1&limit=10"


async def test_a_sealed_link_is_good_only_for_its_partner_and_its_interface(rig):
    await rig.register("other", roles=("EMSP:FR-OTH",))
    url = next_of(await next_page_of(rig, '</pages/2>; rel="next"'))
    target = url.removeprefix(rig.public_url)
    rig.backend.requests.clear()

    for raw, name in (
        (wire.request("GET", target), "other"),
        (wire.request("GET", target.replace("/sender/", "/receiver/")), "acme"),
        (wire.request("GET", target.replace("/locations/", "/cdrs/")), "acme"),
        (wire.request("GET", target[:-1] + ("A" if target[-1] != "A" else "B")), "acme"),
    ):
        assert envelope(await rig.as_partner(raw, name=name)) == (404, 2000)
    assert rig.backend.requests == []


async def test_several_links_keep_their_parameters_and_order(rig):
    rig.backend.answers.append(
        wire.answer(200, 'Link: <?page=1>; rel="first"; title="a, b", <?page=3>;rel=next', "Link: <?page=9>; rel=last")
    )
    answer = await rig.ingress_request("GET", "/sender/locations")
    base = f"{rig.public_url}/ocpi/2.2.1/sender/locations"
    assert answer.all("Link") == [
        f'<{base}?page=1>; rel="first"; title="a, b", <{base}?page=3>;rel=next',
        f"<{base}?page=9>; rel=last",
    ]


@pytest.mark.parametrize(
    "link",
    ['<>; rel="next"', "nonsense", "<mailto:a@b.test>; rel=author", "<javascript:1>", "<http://[bad>", "<http://>"],
)
async def test_a_link_that_leads_nowhere_is_left_out(rig, link):
    answer = await next_page_of(rig, link)
    assert answer.http_status == 200
    assert answer.all("Link") == []


async def test_of_a_link_whose_parameters_tell_of_the_backend_only_where_it_leads_and_why_is_kept(rig):
    answer = await next_page_of(rig, f'<?page=1>; rel="first x"; anchor="{rig.backend.url}/x", <?page=2>; rel=next')
    here = f"{rig.public_url}/ocpi/2.2.1/sender/locations"
    assert answer.one("Link") == f'<{here}?page=1>; rel="first x", <{here}?page=2>; rel=next'


async def test_a_next_page_is_not_lost_for_a_parameter_that_tells_of_the_backend(rig):
    answer = await next_page_of(rig, f'<?page=2>; title="{rig.backend.url}"; rel=next')
    assert answer.one("Link") == f'<{rig.public_url}/ocpi/2.2.1/sender/locations?page=2>; rel="next"'


async def test_a_next_page_that_can_not_be_led_back_is_an_error_rather_than_the_end_of_the_list(rig):
    answer = await next_page_of(rig, '<ftp://legacy/next>; rel="next"')
    assert envelope(answer) == (502, 3000)
    assert rig.call.fault is Fault.BACKEND
    assert "next page" in rig.call.reason


@pytest.mark.parametrize("http_status", [200, 201, 202])
async def test_the_location_of_a_created_object_leads_back(rig, http_status):
    answer = await created(rig, f"{rig.backend.url}/ocpi/cdrs/C1?v=1", http_status)
    assert answer.one("Location") == f"{rig.public_url}/ocpi/2.2.1/sender/cdrs/C1?v=1"
    await rig.follow(answer.one("Location"))
    assert rig.backend.last.target == "/ocpi/cdrs/C1?v=1"


async def test_a_location_elsewhere_at_the_backend_is_sealed(rig):
    answer = await created(rig, "https://archive.internal/cdr/C1")
    await rig.follow(answer.one("Location"))
    assert rig.backend.last.target == "/cdr/C1"


async def test_a_location_that_is_no_http_url_is_left_out_and_noted(rig):
    answer = await created(rig, "urn:cdr:1")
    assert answer.http_status == 201
    assert answer.all("Location") == []
    assert "Location" in rig.call.reason


@pytest.mark.parametrize("http_status", [301, 302, 303, 307, 308])
@pytest.mark.threat("H7")
async def test_a_redirect_of_the_backend_leads_back_and_is_not_followed(rig, http_status):
    answer = await created(rig, "/ocpi/cdrs/", http_status)
    assert answer.http_status == http_status
    assert answer.one("Location") == f"{rig.public_url}/ocpi/2.2.1/sender/cdrs/"
    assert len(rig.backend.requests) == 1


async def test_a_redirect_of_the_backend_that_can_not_be_led_back_is_an_error(rig):
    assert envelope(await created(rig, "ftp://legacy/x", 302)) == (502, 3000)


async def test_links_carry_the_version_that_was_asked(rig):
    rig.backend.answers.append(wire.answer(200, "Link: <?page=2>; rel=next"))
    answer = await rig.ingress_request("GET", "/sender/sessions", version="2.2")
    assert next_of(answer) == f"{rig.public_url}/ocpi/2.2/sender/sessions?page=2"


# Egress: links of a partner, for the backend


async def partners_page(rig, link, path="/partners/acme/sender/tokens"):
    rig.partner.answers.append(wire.answer(200, f"Link: {link}"))
    return await rig.egress_request("GET", path)


@pytest.mark.parametrize(
    "target",
    [
        "{partner}/ocpi/2.2.1/sender/tokens?offset=5&date_from=a%3Ab",
        "https://127.0.0.1/ocpi/2.2.1/sender/tokens?offset=5&date_from=a%3Ab",  # TLS ends ahead of it, on another port
        "/ocpi/2.2.1/sender/tokens?offset=5&date_from=a%3Ab",
        "?offset=5&date_from=a%3Ab",
    ],
)
async def test_a_partners_link_below_its_endpoint_leads_through_the_private_listener(rig, target):
    answer = await partners_page(rig, f'<{target.format(partner=rig.partner.url)}>; rel="next"')

    assert next_of(answer) == f"{rig.private_url}/partners/acme/sender/tokens?offset=5&date_from=a%3Ab"
    for _ in range(2):
        await rig.follow(next_of(answer))
        assert rig.partner.last.target == "/ocpi/2.2.1/sender/tokens?offset=5&date_from=a%3Ab"


async def test_a_link_of_a_partner_found_by_party_names_the_partner(rig):
    rig.partner.answers.append(wire.answer(200, "Link: <?page=2>; rel=next"))
    answer = await rig.egress_request(
        "GET", "/ocpi/2.2.1/sender/tokens", "OCPI-to-country-code: DE", "OCPI-to-party-id: ABC"
    )
    assert next_of(answer) == f"{rig.private_url}/partners/acme/sender/tokens?page=2"


@pytest.mark.parametrize("target", ["/opaque/7?x=%2F", "{partner}/opaque/7?x=%2F"])
async def test_a_partners_link_elsewhere_on_its_hosts_is_sealed(rig, target):
    answer = await partners_page(rig, f'<{target.format(partner=rig.partner.url)}>; rel="next"')
    url = next_of(answer)
    assert url.startswith(f"{rig.private_url}/partners/acme/sender/tokens/~")
    for _ in range(2):
        await rig.follow(url)
        assert rig.partner.last.target == "/opaque/7?x=%2F"
        rig.configure()


async def test_a_sealed_link_is_not_followed_to_a_host_that_the_partner_no_longer_has(rig):
    rig.configure(partners={"acme": {"allowed_hosts": ["old.acme.test"]}})
    url = next_of(await partners_page(rig, "<https://old.acme.test/x>; rel=next"))
    rig.configure(partners={})
    answer = await rig.follow(url)
    assert envelope(answer) == (404, 2000)
    assert "no longer" in says(answer)


async def test_a_next_page_on_a_foreign_host_is_an_error_rather_than_the_end_of_the_list(rig):
    answer = await partners_page(rig, '<https://elsewhere.test/tokens?page=2>; rel="next"')
    assert envelope(answer) == (502, 4003)
    assert "next page" in says(answer)
    assert rig.call.fault is Fault.PARTNER


async def test_other_foreign_links_are_left_out(rig):
    answer = await partners_page(rig, "<https://elsewhere.test/docs>; rel=help, <?page=2>; rel=next")
    assert next_of(answer) == f"{rig.private_url}/partners/acme/sender/tokens?page=2"


async def test_the_location_of_an_object_stored_at_a_partner_leads_back(rig):
    rig.partner.answers.append(wire.answer(201, f"Location: {rig.partner.url}/ocpi/2.2.1/receiver/cdrs/1234"))
    answer = await rig.egress_request("POST", "/partners/acme/receiver/cdrs", body=b"{}")

    assert answer.http_status == 201
    assert answer.one("Location") == f"{rig.private_url}/partners/acme/receiver/cdrs/1234"
    await rig.follow(answer.one("Location"))
    assert rig.partner.last.target == "/ocpi/2.2.1/receiver/cdrs/1234"


async def test_a_foreign_location_is_left_out_and_noted(rig):
    rig.partner.answers.append(wire.answer(201, "Location: https://elsewhere.test/cdrs/1"))
    answer = await rig.egress_request("POST", "/partners/acme/receiver/cdrs", body=b"{}")
    assert answer.http_status == 201
    assert answer.all("Location") == []
    assert "Location" in rig.call.reason


@pytest.mark.threat("H7", "U2")
async def test_a_redirect_to_a_foreign_host_is_an_error(rig):
    rig.partner.answers.append(wire.answer(307, "Location: https://elsewhere.test/cdrs/"))
    answer = await rig.egress_request("POST", "/partners/acme/receiver/cdrs", body=b"{}")
    assert envelope(answer) == (502, 4003)


async def test_links_of_an_endpoint_with_a_query_are_sealed(rig):
    await rig.register(
        "query",
        roles=("EMSP:FR-QRY",),
        endpoints=(Endpoint("tokens", InterfaceRole.SENDER, f"{rig.partner.url}/ocpi?module=tokens"),),
    )
    answer = await partners_page(
        rig, f"<{rig.partner.url}/ocpi?module=tokens&page=2>; rel=next", "/partners/query/sender/tokens?x=1"
    )
    assert rig.partner.last.target == "/ocpi?module=tokens&x=1"
    await rig.follow(next_of(answer))
    assert rig.partner.last.target == "/ocpi?module=tokens&page=2"
    assert EGRESS_TOKEN not in str(rig.partner.last)


@pytest.mark.parametrize(
    ("url", "query", "joined"),
    [
        ("/a", "", "/a"),
        ("/a", "?b=1", "/a?b=1"),
        ("/a?b=1", "?c=2", "/a?b=1&c=2"),
        ("/a?b=1", "?", "/a?b=1"),
        ("/a?b=1", "", "/a?b=1"),
    ],
)
def test_a_query_joins_the_one_that_is_there(url, query, joined):
    assert with_query(url, query) == joined


async def test_a_parameter_of_a_link_in_any_script_travels_as_its_bytes(rig):
    rig.backend.answers.append(
        wire.answer(200, 'Link: <?page=2>; rel="next"; title="Zürich → 東京"'.encode().decode("latin-1"))
    )
    answer = await rig.ingress_request("GET", "/sender/locations")
    assert answer.http_status == 200
    assert answer.one("Link").encode("latin-1").decode().endswith('title="Zürich → 東京"')


async def test_a_bug_in_what_reads_an_answer_is_answered_and_drops_the_connection(rig, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("a bug")

    monkeypatch.setattr("gateway.proxy.heads.returned", fail)
    refused = []
    rig._refuse = lambda request, error: (refused.append(error), request.respond(Response(500)))
    answer = await rig.ingress_request("GET", "/sender/locations")
    monkeypatch.undo()
    assert answer.http_status == 500
    assert isinstance(refused[0], RuntimeError)
    assert (await rig.ingress_request("GET", "/sender/locations")).http_status == 200
