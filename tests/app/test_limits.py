"""What the public listener takes from whom, and what each partner may use: over HTTP against a whole gateway."""

import asyncio
import itertools

import pytest

from tests.platform import token_header

LOCATIONS = "/ocpi/2.2.1/sender/locations"
TOKENS = "/ocpi/2.2.1/receiver/tokens/DE/ABC/1"


async def register(gateway, platform, name="partner"):
    token_a = (await gateway.verbs.invite(name)).invitation_token
    http_status, _ = await platform.register(gateway.public_url, token_a=token_a)
    assert http_status == 200


def asks(gateway, platform, path=LOCATIONS, method="GET", **options):
    return platform.call(method, gateway.public_url + path, **options)


async def statuses(gateway, platform, times, **options):
    return [(await asks(gateway, platform, **options))[0] for _ in range(times)]


@pytest.mark.threat("D2")
class TestRates:
    async def test_a_partner_that_sends_too_many_is_told_when_to_come_again(self, start, backend, partner):
        backend.offer("/locations", [])
        async with start(limits={"requests_per_second_per_partner": 0.2}) as gateway:
            await register(gateway, partner)
            assert await statuses(gateway, partner, 2) == [200, 200]

            http_status, envelope, headers = await asks(gateway, partner)

        assert (http_status, envelope["status_code"]) == (429, 2000)
        assert 1 <= int(headers["Retry-After"]) <= 5
        assert len(backend.requests) == 2

    async def test_versions_and_credentials_are_not_counted_for_the_partner(self, start, backend, partner):
        async with start(limits={"requests_per_second_per_partner": 0.1}) as gateway:
            await register(gateway, partner)
            seen = await statuses(gateway, partner, 3, path="/ocpi/versions")

        assert seen == [200, 200, 200]

    async def test_a_partner_may_have_a_rate_of_its_own(self, start, backend, partner):
        backend.offer("/locations", [])
        partners = {"partner": {"requests_per_second": 0.3}}
        async with start(limits={"requests_per_second_per_partner": 100}, partners=partners) as gateway:
            await register(gateway, partner)
            seen = await statuses(gateway, partner, 4)

        assert seen == [200, 200, 200, 429]

    async def test_a_source_that_sends_too_many_is_answered_429_whoever_it_is(self, start, backend, partner):
        async with start(limits={"requests_per_second_per_source": 0.3}) as gateway:
            seen = await statuses(gateway, partner, 4, header="Token nobody-knows-this")

        assert seen == [401, 401, 401, 429]

    async def test_what_is_kept_out_is_counted_and_told_of(self, start, backend, partner):
        async with start(limits={"requests_per_second_per_source": 0.1}) as gateway:
            assert await statuses(gateway, partner, 3, path="/ocpi/versions", header="Token x") == [401, 429, 429]
            async with partner.http.get(f"{gateway.status_url}/metrics") as answer:
                metrics = await answer.text()

        told = [line for line in gateway.log if line["event"] == "limit_reached"]
        assert [(line["limit"], line["times"]) for line in told] == [("limits.requests_per_second_per_source", 1)]
        assert 'ocpi_gateway_limited_total{limit="requests_per_second_per_source"} 2.0' in metrics


@pytest.mark.threat("D2")
async def test_more_requests_of_a_partner_at_once_than_it_may_have_are_429_and_then_go_on(start, backend, partner):
    hold = backend.hold("/locations")
    async with start(limits={"requests_in_flight_per_partner": 1}) as gateway:
        await register(gateway, partner)
        first = asyncio.ensure_future(asks(gateway, partner))
        await hold.reached.wait()
        kept_out = await asks(gateway, partner)
        hold.release.set()

        assert (kept_out[0], kept_out[2]["Retry-After"]) == (429, "1")
        assert (await first)[0] == 200
        assert (await asks(gateway, partner))[0] == 200


@pytest.mark.threat("H2")
class TestFailedAuthentications:
    async def test_a_flood_of_bad_tokens_gets_the_same_401_without_a_look_and_a_good_one_passes(
        self, start, backend, partner
    ):
        backend.offer("/locations", [])
        async with start(limits={"failed_authentications_per_second_per_source": 0.2}) as gateway:
            await register(gateway, partner)
            answers = [await asks(gateway, partner, header=f"Token bad-{number}") for number in range(5)]
            good = await asks(gateway, partner)

        assert {answer[0] for answer in answers} == {401}
        assert len({answer[1]["status_message"] for answer in answers}) == 1
        assert good[0] == 200

    async def test_beyond_its_budget_a_source_reaches_no_database(self, start, backend, partner, monkeypatch):
        async with start(limits={"failed_authentications_per_second_per_source": 0.1}) as gateway:
            await asks(gateway, partner, header="Token bad-1")
            token_a = (await gateway.verbs.invite("late")).invitation_token
            refused = (await asks(gateway, partner, path="/ocpi/versions", token=token_a))[0]

        assert refused == 401, "a look would have found it"

    async def test_one_source_does_not_use_up_the_budget_of_another(self, start, backend, partner):
        settings = {
            "limits": {"failed_authentications_per_second_per_source": 0.1},
            "listen": {"public": {"trusted_proxies": ["127.0.0.1/32"]}},
        }
        async with start(**settings) as gateway:
            for number in range(3):
                headers = {"X-Forwarded-For": "203.0.113.66"}
                await asks(gateway, partner, header=f"Token bad-{number}", headers=headers)
            token_a = (await gateway.verbs.invite("late")).invitation_token
            headers = {"X-Forwarded-For": "203.0.113.7"}
            seen = await asks(gateway, partner, path="/ocpi/versions", token=token_a, headers=headers)

        assert seen[0] == 200


@pytest.mark.threat("P9")
class TestPermissions:
    async def test_a_partner_uses_only_the_modules_and_methods_it_may(self, start, backend, partner):
        backend.offer("/locations", [])
        async with start(partners={"Partner": {"modules": {"Locations": ["get"], "commands": []}}}) as gateway:
            await register(gateway, partner)
            allowed = await asks(gateway, partner)
            wrong_method = await asks(gateway, partner, method="DELETE")
            wrong_module = await asks(gateway, partner, path=TOKENS, method="PUT")

        assert allowed[0] == 200
        assert (wrong_method[0], wrong_method[1]["status_code"], wrong_method[2]["Allow"]) == (405, 2000, "GET")
        assert (wrong_module[0], wrong_module[1]["status_code"]) == (403, 2000)
        assert [request.method for request in backend.requests] == ["GET"]

    async def test_it_is_offered_what_it_may_use_and_nothing_else(self, start, backend, partner):
        async with start(partners={"partner": {"modules": {"locations": ["GET"], "commands": []}}}) as gateway:
            await register(gateway, partner)
            _, envelope, _ = await asks(gateway, partner, path="/ocpi/2.2.1")

        assert {each["identifier"] for each in envelope["data"]["endpoints"]} == {"credentials", "locations"}

    async def test_calls_from_elsewhere_get_the_uniform_401_and_reach_nothing(self, start, backend, partner):
        async with start(partners={"partner": {"addresses": ["203.0.113.0/24"]}}) as gateway:
            token_a = (await gateway.verbs.invite("partner")).invitation_token
            http_status, envelope = await partner.register(gateway.public_url, token_a=token_a)

        assert (http_status, envelope["status_code"]) == (401, 2000)
        reasons = [line.get("reason", "") for line in gateway.log if line["event"] == "request"]
        assert reasons == ["127.0.0.1 is not among partners.partner.addresses"]
        assert backend.requests == []

    @pytest.mark.parametrize("source", ["127.0.0.1/32", "127.0.0.0/32"])
    async def test_where_calls_come_from_is_the_other_end_of_the_connection(self, start, backend, partner, source):
        async with start(partners={"partner": {"addresses": [source]}}) as gateway:
            token_a = (await gateway.verbs.invite("partner")).invitation_token
            headers = {"X-Forwarded-For": "127.0.0.0"}
            seen = await asks(gateway, partner, path="/ocpi/versions", token=token_a, headers=headers)

        assert seen[0] == (200 if source == "127.0.0.1/32" else 401)

    async def test_a_partner_that_has_to_show_a_certificate_is_refused_without(self, start, backend, partner):
        async with start(partners={"partner": {"client_certificate_required": True}}) as gateway:
            token_a = (await gateway.verbs.invite("partner")).invitation_token
            seen = await asks(gateway, partner, path="/ocpi/versions", token=token_a)

        assert seen[0] == 401


@pytest.mark.threat("D1")
async def test_connections_of_one_source_beyond_its_share_are_closed_and_others_live(start, backend, partner):
    async with start(limits={"connections_per_source": 2}) as gateway:
        port = gateway.config.listen.public.port
        connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        assert await connections[2][0].read() == b""
        for _, writer in connections:
            writer.close()
        await eventually(lambda: asks(gateway, partner, path="/ocpi/versions", header=token_header("x")))

    assert [line["limit"] for line in gateway.log if line["event"] == "limit_reached"] == [
        "limits.connections_per_source"
    ]


async def eventually(attempt):
    for _ in itertools.repeat(None, 200):
        try:
            return await attempt()
        except OSError:
            await asyncio.sleep(0.01)
    raise AssertionError("there was never room again")
