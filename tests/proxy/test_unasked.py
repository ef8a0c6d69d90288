"""Answers that nobody asked for, and heads that never end: hardening.md, R14 and P5."""

import asyncio

import pytest

from gateway.ocpi.errors import Fault
from tests.proxy import wire
from tests.proxy.conftest import BACKEND_AUTHORIZATION, envelope

LISTENERS = {
    "ingress": ("backend", lambda rig, number: rig.ingress_request("GET", f"/sender/cdrs?n={number}")),
    "egress": ("partner", lambda rig, number: rig.egress_request("GET", f"/partners/acme/sender/tokens?n={number}")),
}


class Talkative:
    """Answers each request with its query; after the first answer, when told to, it sends something more, unasked."""

    def __init__(self, afterwards=b""):
        self.afterwards = afterwards
        self.go_on = asyncio.Event()
        self.said = asyncio.Event()

    async def __call__(self, reader, writer, head):
        writer.write(wire.answer(body=head.target.partition("?")[2].encode()))
        await self.go_on.wait()
        writer.write(self.afterwards)
        await writer.drain()
        self.said.set()
        while (head := await wire.read_head(reader)) is not None:
            writer.write(wire.answer(body=head.target.partition("?")[2].encode()))


@pytest.mark.parametrize("listener", LISTENERS)
@pytest.mark.parametrize(
    "afterwards",
    [wire.answer(body=b"UNASKED"), wire.answer(408, "Connection: close"), b"HTTP/1.1 101 Switching\r\n\r\n", b"junk"],
    ids=["an answer", "a time-out", "an upgrade", "junk"],
)
@pytest.mark.threat("R14")
async def test_what_comes_unasked_is_taken_for_no_answer(rig, listener, afterwards):
    side, ask = LISTENERS[listener]
    other = getattr(rig, side)
    talkative = Talkative(afterwards)
    other.answers.append(talkative)
    assert (await ask(rig, 1)).body == b"n=1"
    talkative.go_on.set()
    await talkative.said.wait()

    quiet = Talkative()
    quiet.go_on.set()
    other.answers.append(quiet)
    for number in (2, 3):
        answer = await ask(rig, number)
        assert (answer.http_status, answer.body) == (200, f"n={number}".encode())
    assert other.connections == 2


@pytest.mark.parametrize(("listener", "expected"), [("ingress", (504, 3000)), ("egress", (504, 4002))])
@pytest.mark.threat("P5")
async def test_a_head_that_drips_is_waited_for_no_longer_than_one_that_does_not_come(rig, listener, expected):
    rig.configure(timeouts={"backend_answer_seconds": 0.3, "partner_answer_seconds": 0.3})
    side, ask = LISTENERS[listener]
    ended = asyncio.Event()

    async def drip(reader, writer, head):
        try:
            for byte in wire.answer(200, "X-Slow: " + "x" * 500):
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.05)
        finally:
            ended.set()

    getattr(rig, side).answers.append(drip)
    assert envelope(await ask(rig, 1)) == expected
    assert rig.call.upstream_seconds < 5
    async with asyncio.timeout(10):
        await ended.wait()


async def test_a_body_that_drips_takes_as_long_as_it_takes(rig):
    rig.configure(timeouts={"backend_answer_seconds": 0.2})

    async def drip(reader, writer, head):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        for byte in b"12345678":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)

    rig.backend.answers.append(drip)
    answer = await rig.ingress_request("GET", "/sender/cdrs")
    assert (answer.http_status, answer.body) == (200, b"12345678")


async def test_the_time_that_the_other_side_takes_for_its_body_is_not_ours(rig):
    async def late_body(reader, writer, head):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.3)
        writer.write(b"{}")

    rig.backend.answers.append(late_body)
    await rig.ingress_request("GET", "/sender/cdrs")
    assert rig.call.upstream_seconds >= 0.25


async def test_the_time_that_a_client_takes_to_send_is_neither_ours_nor_the_other_sides(rig):
    rig.asking = "acme"
    async with wire.connected(rig.public_port) as (reader, writer):
        writer.write(wire.request("PUT", "/ocpi/2.2.1/sender/cdrs", "Content-Length: 4", body=b"ab"))
        await asyncio.sleep(0.3)
        writer.write(b"cd")
        assert (await wire.read_message(reader)).http_status == 200
    assert rig.call.client_seconds >= 0.25
    assert rig.call.upstream_seconds < 0.25
    assert rig.call.fault is not Fault.PARTNER


@pytest.mark.threat("P7")
async def test_secrets_in_the_headers_of_an_answer_travel_no_further(rig):
    rig.backend.answers.append(
        wire.answer(200, f"Authorization: {BACKEND_AUTHORIZATION}", f"X-Echo: got {BACKEND_AUTHORIZATION}")
    )
    answer = await rig.ingress_request("GET", "/sender/cdrs")
    assert BACKEND_AUTHORIZATION.rpartition(" ")[2] not in str(answer.headers)

    rig.partner.answers.append(wire.answer(200, "Authorization: Token b3V0Ym91bmQ="))
    answer = await rig.egress_request("GET", "/partners/acme/sender/tokens")
    assert answer.all("Authorization") == []


async def test_the_longest_link_that_the_backend_may_give_can_be_followed(rig):
    link = f"{rig.backend.url}/cursor/{'x' * 7500}"
    rig.backend.answers.append(wire.answer(200, f'Link: <{link}>; rel="next"'))
    answer = await rig.ingress_request("GET", "/sender/cdrs")
    await rig.follow(answer.one("Link").partition(">")[0][1:])
    assert rig.backend.last.target == link.removeprefix(rig.backend.url)
