"""A request that goes as one did before goes faster, and that is all: everybody sees what they saw the first time."""

import asyncio
import re
from contextlib import asynccontextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.app import express
from tests.e2e.rig import EGRESS_TOKEN
from tests.platform import token_header
from tests.proxy import wire

LOCATIONS = "/ocpi/2.2.1/sender/locations"
TOKEN = "/ocpi/2.2.1/receiver/tokens/DE/ABC/012345"
IDS = ("X-Request-ID: 5e6f3c1a-9d1b-4a57-8a3e-0d5c7b2f9e10", "X-Correlation-ID: 0b7a1c9e-2f4d-4c8b-b1a6-3e9d5f8c7a21")
USUAL = wire.answer(200, "Content-Type: application/json", "Date: Thu, 26 Nov 2026 12:00:00 GMT", body=b'{"data":[]}')
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
AMBIGUOUS = b"HTTP/1.1 200 OK\r\nContent-Length: 05\r\n\r\nabcde"
RUBBISH = b"not HTTP at all\r\n\r\n"


@pytest.fixture
async def backend():
    """A backend that answers byte for byte what the test says."""
    one = wire.OtherEnd()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    server.close()


@pytest.fixture
def passages(monkeypatch):
    """What took the lane, and what left it again."""
    seen = []

    class Seen(express.Passage):
        __slots__ = ()

        def __init__(self, *given):
            super().__init__(*given)
            seen.append("took")

    long_way = express.Express.long_way

    def left(lane, passage):
        seen.append("left")
        return long_way(lane, passage)

    monkeypatch.setattr(express, "Passage", Seen)
    monkeypatch.setattr(express.Express, "long_way", left)
    return seen


async def register(gateway, partner):
    token_a = (await gateway.verbs.invite("partner")).invitation_token
    await partner.register(gateway.public_url, token_a=token_a)


class Client:
    """A partner with one connection."""

    def __init__(self, reader, writer, token):
        self.reader, self.writer, self._authorization = reader, writer, f"Authorization: {token_header(token)}"

    async def ask(self, method="GET", target=LOCATIONS, *headers, body=b"", ids=IDS):
        """Give the answer to a request."""
        self.send(method, target, *headers, body=body, ids=ids)
        return await wire.read_message(self.reader)

    def send(self, method="GET", target=LOCATIONS, *headers, body=b"", ids=IDS):
        self.writer.write(wire.request(method, target, self._authorization, *ids, *headers, body=body))


@pytest.fixture
async def client(gateway, registered, backend):
    async with introduced(gateway, registered, backend) as one:
        yield one


@asynccontextmanager
async def introduced(gateway, partner, backend):
    """A client whose token was used before: the first use of a token is always something special."""
    async with wire.connected(gateway.config.listen.public.port) as (reader, writer):
        one = Client(reader, writer, partner.token_c)
        await one.ask("GET", LOCATIONS, "X-First: 1")
        backend.requests.clear()
        yield one


def told(gateway):
    """What the log says of the latest request, but for times."""
    line = next(line for line in reversed(gateway.log) if line["event"] == "request")
    return {name: value for name, value in line.items() if not name.endswith("_ms")}


async def counted(gateway, partner):
    """What the metrics count of traffic."""
    async with partner.http.get(f"{gateway.status_url}/metrics") as answer:
        text = await answer.text()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.endswith(("_requests_total", "_count", "_requests_in_flight", "_status_total"))
        and sample.labels.get("direction") == "ingress"
    }


def more(after, before):
    return {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}


@pytest.mark.parametrize(
    ("asked", "answers"),
    [
        (("GET", LOCATIONS), USUAL),
        (("GET", f"{LOCATIONS}?offset=50&limit=50"), USUAL),
        (("GET", f"{LOCATIONS}/LOC1/"), USUAL),
        (("PUT", TOKEN), USUAL),
        (("DELETE", LOCATIONS), USUAL),
        (("GET", LOCATIONS), wire.answer(200, body=b"")),
        (("GET", LOCATIONS), wire.answer(404, "Content-Type: application/json")),
        (("GET", LOCATIONS), wire.answer(299, "ETag: x", body=b"strange")),
        (("GET", LOCATIONS), b"HTTP/1.1 204 Nothing\r\n\r\n"),
        (("GET", LOCATIONS), b"HTTP/1.1 304 Same\r\nContent-Length: 7\r\n\r\n"),
        (("GET", LOCATIONS), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        (("GET", LOCATIONS), CLOSING),
        (("GET", LOCATIONS), wire.answer(200, 'Link: </ocpi/locations?offset=9>; rel="next"', "X-Limit: 9")),
        (("GET", LOCATIONS), wire.answer(301, "Location: /ocpi/locations/1")),
        (("GET", LOCATIONS), wire.answer(200, "Set-Cookie: a=b", "Server: legacy", "X-Backend: http://127.0.0.1/")),
        (("GET", LOCATIONS), AMBIGUOUS),
        (("GET", LOCATIONS), RUBBISH),
    ],
    ids=lambda given: repr(given)[:60],
)
async def test_the_second_time_is_like_the_first(  # noqa: PLR0917
    gateway, registered, backend, client, passages, asked, answers
):
    body = b'{"uid": "012345"}' if asked[0] == "PUT" else b""
    seen = []
    for _ in range(4):
        backend.answers.append(answers)
        before = await counted(gateway, registered)
        answer = await client.ask(*asked, "User-Agent: partner/1.0", body=body)
        drop_timestamps(answer)
        seen.append((answer, backend.last, told(gateway), more(await counted(gateway, registered), before)))

    assert seen[0] == seen[1] == seen[2] == seen[3]
    if answers not in {CLOSING, AMBIGUOUS, RUBBISH}:  # behind which there is no connection that is open
        assert passages.count("took") == 3
    if answers == USUAL:  # which goes back on the lane, too, once it was seen on the long way
        assert passages == ["took", "left", "took", "took"]


def drop_timestamps(answer):
    answer.headers = [(name, value) for name, value in answer.headers if name != "Date"]
    answer.body = re.sub(rb'"timestamp":"[^"]*"', b"", answer.body)


async def test_a_request_without_message_ids_gets_new_ones_each_time(backend, client, passages):
    answers = [await client.ask(ids=()) for _ in range(3)]

    assert len({answer.one("X-Request-ID") for answer in answers}) == 3
    assert [request.one("X-Request-ID") for request in backend.requests] == [
        answer.one("X-Request-ID") for answer in answers
    ]
    assert passages == ["took", "left", "took"]


async def test_message_ids_and_lengths_are_each_requests_own(backend, client):
    for number in range(4):
        ids = (f"X-Request-ID: r-{number}", f"X-Correlation-ID: c {number}")
        answer = await client.ask("PUT", TOKEN, body=b"x" * number * 10 or b"-", ids=ids)
        for message in (answer, backend.last):
            assert (message.one("X-Request-ID"), message.one("X-Correlation-ID")) == (f"r-{number}", f"c {number}")
        assert backend.last.body == (b"x" * number * 10 or b"-")


async def test_pipelined_requests_are_answered_in_order(backend, client, passages):
    await client.ask()
    for number in range(5):
        backend.answers.append(wire.answer(body=str(number).encode()))
        client.send(target=f"{LOCATIONS}?n={number}")
    bodies = [(await wire.read_message(client.reader)).body for _ in range(5)]

    assert bodies == [b"0", b"1", b"2", b"3", b"4"]
    assert passages == ["took", "left"]  # the last, behind which nothing else was waiting


@pytest.mark.parametrize(
    ("change", "http_status"),
    [("suspend", 401), ("revoke", 401)],
)
async def test_a_partner_that_is_locked_out_is_refused_at_its_next_request(
    gateway, backend, client, change, http_status
):
    assert [(await client.ask()).http_status for _ in range(2)] == [200, 200]
    await getattr(gateway.verbs, change)("partner")
    async with asyncio.timeout(5):  # another process would be noticed within a second
        while (answer := await client.ask()).http_status == 200:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    asked = len(backend.requests)
    assert [answer.http_status, (await client.ask()).http_status] == [http_status, http_status]
    assert len(backend.requests) == asked


async def test_who_names_a_party_that_is_not_its_own_is_refused_each_time(backend, client):
    for _ in range(3):
        assert (await client.ask("PUT", TOKEN.replace("ABC", "XYZ"), body=b"{}")).http_status == 404
        assert (await client.ask("PUT", TOKEN, body=b"{}")).http_status == 200
    assert {request.target for request in backend.requests} == {"/tokens/DE/ABC/012345"}


async def test_a_body_that_is_not_here_yet_takes_the_long_way(backend, client, passages):
    await client.ask("PUT", TOKEN, "Content-Length: 4", body=b"1234")
    raw = wire.request("PUT", TOKEN, client._authorization, *IDS, "Content-Length: 4", body=b"1234")
    client.writer.write(raw[:-2])
    await client.writer.drain()
    await asyncio.sleep(0.02)
    client.writer.write(raw[-2:])
    assert (await wire.read_message(client.reader)).http_status == 200
    assert backend.last.body == b"1234"
    assert passages == []


async def test_a_body_that_a_transport_does_not_take_at_once_takes_the_long_way(backend, client, passages):
    for size in (40_000, 40_000, 60_000, 500_000):
        assert (await client.ask("PUT", TOKEN, body=b"x" * size)).http_status == 200
        assert len(backend.last.body) == size
    assert passages.count("took") <= 2


@pytest.mark.parametrize("cut", [20, 60, -5])
async def test_an_answer_that_comes_in_two_pieces_is_whole(backend, client, passages, cut):
    async def slowly(reader, writer, head):
        writer.write(USUAL[:cut])
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(USUAL[cut:])
        await reader.read()

    await client.ask()
    backend.answers.append(slowly)
    assert (await client.ask()).body == b'{"data":[]}'
    assert passages[0] == "took"


async def test_an_answer_that_does_not_come_is_a_504_in_time(start, backend, partner, passages):
    async def never(reader, writer, head):
        await reader.read()

    async with start(timeouts={"backend_answer_seconds": 0.3}) as gateway:
        await register(gateway, partner)
        async with introduced(gateway, partner, backend) as client:
            await client.ask()
            backend.answers.append(never)
            answer = await client.ask()

    assert answer.http_status == 504
    assert passages == ["took", "left"]
    assert told(gateway)["fault"] == "backend"


async def test_a_client_that_hangs_up_lets_go_of_the_backend(gateway, registered, backend, client, passages):
    held = asyncio.Event()

    async def hold(reader, writer, head):
        held.set()
        await reader.read()
        backend.cut_off.set()

    await client.ask()
    backend.answers.append(hold)
    client.send()
    await held.wait()
    client.writer.close()
    async with asyncio.timeout(5):
        await backend.cut_off.wait()
    while told(gateway)["http_status"] == 200:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert told(gateway)["reason"] == "the client hung up before the answer"
    assert not any(value for (name, *_), value in (await counted(gateway, registered)).items() if "in_flight" in name)
    assert passages == ["took", "left"]


async def test_a_large_answer_to_a_client_that_reads_late_is_whole(backend, client, passages):
    large = wire.answer(body=b"x" * 200_000)
    for _ in range(3):
        backend.answers.append(large)
        assert len((await client.ask()).body) == 200_000
    client.writer.transport.pause_reading()
    for _ in range(40):  # more than sockets hold
        backend.answers.append(large)
        client.send()
    while len(backend.requests) < 5:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    client.writer.transport.resume_reading()
    for _ in range(40):
        assert len((await wire.read_message(client.reader)).body) == 200_000
    assert (await client.ask()).http_status == 200
    assert "took" in passages


async def test_a_client_that_hangs_up_on_a_large_answer_harms_nobody_else(gateway, registered, backend, client):
    large = wire.answer(body=b"x" * 200_000)
    for _ in range(3):
        backend.answers.append(large)
        await client.ask()
    async with wire.connected(gateway.config.listen.public.port) as (reader, writer):
        other = Client(reader, writer, registered.token_c)
        writer.transport.pause_reading()
        asked = len(backend.requests)
        for _ in range(60):
            backend.answers.append(large)
            other.send()
        while len(backend.requests) < asked + 5:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        writer.transport.abort()
    backend.answers.clear()
    for number in range(5):
        answer = await client.ask(ids=(f"X-Request-ID: own-{number}",))
        assert (answer.http_status, answer.one("X-Request-ID")) == (200, f"own-{number}")


async def test_a_backend_that_hangs_up_is_a_502_and_is_asked_again_by_the_next(backend, client, passages):
    async def hang_up(reader, writer, head):
        writer.close()

    await client.ask()
    backend.answers.append(hang_up)
    assert [(await client.ask()).http_status, (await client.ask()).http_status] == [502, 200]
    assert passages == ["took", "left"]


async def test_a_partner_has_no_more_seats_on_the_lane_than_elsewhere(start, backend, partner):
    async def never(reader, writer, head):
        await reader.read()

    async with start(limits={"requests_in_flight_per_partner": 1}) as gateway:
        await register(gateway, partner)
        async with introduced(gateway, partner, backend) as first, introduced(gateway, partner, backend) as second:
            assert [(await each.ask()).http_status for each in (first, second, first)] == [200, 200, 200]
            backend.answers.append(never)
            first.send()
            while len(backend.requests) < 4:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert (await second.ask()).http_status == 429


class TestTurnedAway:
    async def test_every_refusal_is_the_same(self, gateway, registered, backend, client, monkeypatch):
        monkeypatch.setattr("gateway.app.limits.TrafficLimits.may_look", lambda *_: False)
        client._authorization = "Authorization: Token nobody-was-given-this"
        before = await counted(gateway, registered)
        answers = [await client.ask(ids=IDS) for _ in range(3)]
        lines = told(gateway)
        after = more(await counted(gateway, registered), before)
        for answer in answers:
            drop_timestamps(answer)

        assert answers[0] == answers[1] == answers[2]
        assert (answers[0].http_status, answers[0].one("WWW-Authenticate")) == (401, "Token")
        assert (lines["fault"], lines["reason"], lines["status_code"]) == ("partner", "unknown", 2000)
        assert "partner" not in lines
        assert [value for (name, *_), value in after.items() if name.endswith("_requests_total")] == [3]
        assert [value for (name, *_), value in after.items() if name.endswith("_status_total")] == [3]
        assert not [key for key in after if key[0].endswith("in_flight")]
        assert backend.requests == []

    async def test_the_first_answer_is_the_long_ways(self, gateway, registered, client, monkeypatch):
        client._authorization = "Authorization: Token nobody-was-given-this"
        long = await client.ask()
        monkeypatch.setattr("gateway.app.limits.TrafficLimits.may_look", lambda *_: False)
        long_line = told(gateway)
        short = await client.ask()
        for answer in (long, short):
            drop_timestamps(answer)

        assert long == short
        assert told(gateway) == long_line

    async def test_a_token_of_a_partner_is_good_on_the_same_connection(self, client, registered, monkeypatch):
        monkeypatch.setattr("gateway.app.limits.TrafficLimits.may_look", lambda *_: False)
        good = client._authorization
        for _ in range(2):
            client._authorization = "Authorization: Token nobody-was-given-this"
            assert (await client.ask()).http_status == 401
            client._authorization = good
            assert (await client.ask()).http_status == 200


class TestEgress:
    """The backend asks a partner; its platform's answers are those of `tests.platform`."""

    @pytest.fixture
    async def legacy(self, gateway, registered):
        registered.answers["/tokens/1"] = (200, {"data": [], "status_code": 1000}, {"X-Limit": "5"})
        async with wire.connected(gateway.config.listen.private.port) as (reader, writer):
            one = Client(reader, writer, "")
            one._authorization = f"Authorization: Token {EGRESS_TOKEN}"
            yield one

    async def test_the_second_time_is_like_the_first(self, gateway, registered, legacy, passages):
        seen = []
        for _ in range(5):
            answer = await legacy.ask("GET", "/partners/partner/sender/tokens/1")
            drop_timestamps(answer)
            seen.append((answer, registered.requests[-1], told(gateway)))
        assert all(each == seen[0] for each in seen)
        assert seen[0][0].http_status == 200
        assert passages.count("took") >= 2

    @pytest.mark.parametrize("target", ["/ocpi/2.2.1/sender/tokens/1", "/partners/DE-ABC/sender/tokens/1?x=1"])
    async def test_so_it_is_by_party(self, registered, legacy, passages, target):
        party = ("OCPI-to-country-code: DE", "OCPI-to-party-id: ABC")
        answers = [await legacy.ask("GET", target, *party) for _ in range(4)]
        assert {answer.http_status for answer in answers} == {200}
        assert "took" in passages
        assert {path for _, path, _ in registered.requests[-4:]} == {"/tokens/1"}

    async def test_a_link_leads_back_through_us_each_time(self, gateway, registered, legacy):
        registered.answers["/tokens/1"] = (200, {"data": []}, {"Link": f'<{registered.url}/tokens?page=2>; rel="next"'})
        answers = [await legacy.ask("GET", "/partners/partner/sender/tokens/1") for _ in range(4)]
        links = {answer.one("Link") for answer in answers}
        assert links == {f'<{gateway.private_url}/partners/partner/sender/tokens?page=2>; rel="next"'}

    async def test_a_partner_that_refuses_its_token_three_times_is_half_open(
        self, gateway, registered, legacy, passages
    ):
        for _ in range(4):
            await legacy.ask("GET", "/partners/partner/sender/tokens/1")
        registered.refused.add(token_header(registered.token_b))
        del registered.answers["/tokens/1"]
        statuses = [(await legacy.ask("GET", "/partners/partner/sender/tokens/1")).http_status for _ in range(3)]
        assert statuses == [401, 401, 401]
        assert passages.count("took") >= 3
        async with asyncio.timeout(5):
            while (await gateway.verbs.partner("partner")).partner.state != "HALF_OPEN":  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def test_a_backend_without_its_token_is_refused_each_time(self, registered, legacy):
        asked = len(registered.requests)
        legacy._authorization = "Authorization: Token wrong-token-of-a-stranger"
        for _ in range(3):
            assert (await legacy.ask("GET", "/partners/partner/sender/tokens/1")).http_status == 401
        assert len(registered.requests) == asked
