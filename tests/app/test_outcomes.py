"""Handshakes that the command line runs beside a server are told by the server too."""

import pytest

from gateway.handshake.performer import silent
from gateway.ocpi.flow import HandshakeError
from tests.app.test_watch import until


async def counted(gateway, partner, outcome):
    """How many handshakes of ours ended so, by the metrics."""
    async with partner.http.get(f"{gateway.status_url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    name = f'ocpi_gateway_handshakes_total{{outcome="{outcome}",role="sender"}} '
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


async def registers(gateway, partner):
    url = partner.versions_url
    await gateway.verbs.register("partner", versions_url=url, invitation_token="their-a", progress=silent)


async def test_what_the_command_line_registers_and_rotates_is_counted_and_logged(gateway, partner):
    await registers(gateway, partner)
    await gateway.verbs.rotate("partner", progress=silent)
    await gateway.verbs.unregister("partner", force=False, progress=silent)

    outcomes = ["registered", "rotated", "unregistered"]

    async def is_counted():
        return [await counted(gateway, partner, outcome) for outcome in outcomes] == [1, 1, 1]

    assert await until(is_counted)
    assert [line["outcome"] for line in gateway.log if line["event"] == "handshake_finished"] == outcomes


async def test_why_one_failed_is_told(gateway, partner):
    partner.answers["/versions"] = (500, b"", {})
    with pytest.raises(HandshakeError):
        await registers(gateway, partner)

    async def is_counted():
        return await counted(gateway, partner, "failed") == 1

    assert await until(is_counted)
    (told,) = [line for line in gateway.log if line["event"] == "handshake_failed"]
    assert "HTTP 500" in told["reason"]


async def test_what_ended_before_the_server_started_is_not_counted_again(start, partner):
    async with start() as first:
        await registers(first, partner)
    async with start() as second:
        await second.verbs.rotate("partner", progress=silent)

        async def is_counted():
            return await counted(second, partner, "rotated") == 1

        assert await until(is_counted)
        assert await counted(second, partner, "registered") == 0
