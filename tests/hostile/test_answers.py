"""Hostile answers of backend and partner: hardening.md, P5, P6, R14 and D4.

Whoever asked gets a clean error in time, or what may pass; the connection is dropped, and the next gets its own answer.
"""

import asyncio
import json
import threading
import time

import pytest

from tests.e2e.rig import EGRESS_TOKEN
from tests.hostile.answers import PROMPT, SLOW, UNASKED
from tests.hostile.client import Line, NotAnAnswerError
from tests.hostile.said import End, Fate, Said
from tests.hostile.verdict import check_envelope, reveals

pytestmark = pytest.mark.threat("P5", "P6", "R14", "D4")

_DRIP_SECONDS = 0.02
_PATIENCE_SECONDS = 10
_MUCH = 2**20
#: HTTP status and OCPI status code of a failure, by direction.
_FAILURES = {
    ("ingress", Fate.FAILED): (502, 3000),
    ("ingress", Fate.SLOW): (504, 3000),
    ("egress", Fate.FAILED): (502, 4003),
    ("egress", Fate.SLOW): (504, 4002),
}
_SPOILT = Said("R14", "spoilt", b"", End.CLOSES)
DIRECTIONS = ("ingress", "egress")


class Performance:
    """The other side, saying what it was told to.

    Attributes:
        over: it has ended its connection, or the gateway has dropped it.
    """

    def __init__(self, said):
        self._said = said
        self.over = threading.Event()

    async def __call__(self, reader, writer):
        """Gives whether the connection goes on."""
        try:
            writer.write(self._said.says)
            return await self._end(reader, writer)
        except ConnectionError:
            return False
        finally:
            self.over.set()

    async def _end(self, reader, writer):
        match self._said.end:
            case End.STAYS:
                await reader.read()
            case End.GOES_ON:
                return True
            case End.RESETS:
                await writer.drain()
                writer.transport.abort()
            case End.DRIPS:
                while not reader.at_eof():
                    writer.write(self._said.again)
                    await asyncio.sleep(_DRIP_SECONDS)
            case End.REPEATS:
                while not reader.at_eof():
                    writer.write(self._said.again)
                    await writer.drain()
                    await asyncio.sleep(0)
        return False


class Asker:
    """Asks through one listener for something of the other side."""

    def __init__(self, stage, direction):
        self.direction = direction
        self.other = stage.backend if direction == "ingress" else stage.partner
        self._port = stage.public_port if direction == "ingress" else stage.private_port
        self._path = "/ocpi/2.2.1/sender/locations" if direction == "ingress" else "/partners/acme/sender/tokens"
        self._target = "/legacy/locations" if direction == "ingress" else "/acme/tokens"
        self._header = stage.authorization() if direction == "ingress" else f"Token {EGRESS_TOKEN}"

    def line(self, query):
        """A connection on which was asked."""
        line = Line(self._port)
        lines = (f"GET {self._path}?{query} HTTP/1.1", "Host: gateway.test", f"Authorization: {self._header}")
        line.send("\r\n".join([*lines, "", ""]).encode())
        return line

    def gets_its_own(self, query):
        """Whether the answer to a request is that one's."""
        with self.line(query) as line:
            answer = line.answer()
        return (answer.http_status, answer.body) == (200, f"the answer to {self._target}?{query}".encode())


def start(asker, said):
    """Let the other side answer so; gives its performance."""
    performance = Performance(said)
    asker.other.plan = performance
    return performance


def check(stage, direction, said):
    """Ask for it, hold what comes against its fate, and see that the connection is dropped."""
    stage.forget()
    asker = Asker(stage, direction)
    performance = start(asker, said)
    with asker.line("hostile") as line:
        _FATES[said.fate_in(direction)](line, asker, said, stage)
    assert performance.over.wait(_PATIENCE_SECONDS), "the connection must be dropped"
    assert [each.target.endswith("?hostile") for each in asker.other.requests].count(True) == 1, "it is asked once"
    assert not [entry for entry in stage.log if entry["event"] == "request_crashed"]
    return asker


def check_failed(line, asker, said, stage):
    answer = line.answer()
    expected = _FAILURES[asker.direction, said.fate_in(asker.direction)]
    assert (answer.http_status, json.loads(answer.body)["status_code"]) == expected, answer
    check_envelope(answer, fronted=False)
    check_clean(answer.raw, said, stage)


def check_cut(line, asker, said, stage):
    with pytest.raises(NotAnAnswerError):
        line.answer()
    assert line.closed


def check_endless(line, asker, said, stage):
    line.take(_MUCH)


def check_passed(line, asker, said, stage):
    answer = line.answer()
    assert (answer.http_status, answer.body) == (said.http_status, said.body), answer
    assert {"x-request-id", "x-correlation-id"} <= answer.headers.keys()
    check_clean(answer.raw, said, stage)


def check_clean(raw, said, stage):
    assert not reveals(raw, stage)
    assert not [each for each in (*said.never, b"cookie") if each in raw.lower()], raw


_FATES = {
    Fate.FAILED: check_failed,
    Fate.SLOW: check_failed,
    Fate.CUT: check_cut,
    Fate.ENDLESS: check_endless,
    Fate.PASSED: check_passed,
}


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("said", PROMPT, ids=lambda said: said.id)
def test_a_hostile_answer_does_no_harm(stage, direction, said):
    asker = check(stage, direction, said)
    assert asker.gets_its_own("next")
    assert asker.gets_its_own("after-next")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_an_answer_before_the_request_is_at_most_the_answer_to_that_one(stage, direction):
    stage.forget()
    asker = Asker(stage, direction)
    asker.other.plan = Performance(_SPOILT)  # so that a connection is opened
    with asker.line("spoilt") as line:
        line.answer()
    asker.other.greeting = UNASKED.says
    with asker.line("hostile") as line:
        answer = line.answer()
    assert (answer.http_status, answer.body) == (200, b"{}") or answer.http_status == 502
    asker.other.greeting = b""
    assert asker.gets_its_own("next")
    assert asker.gets_its_own("after-next")


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("said", SLOW, ids=lambda said: said.id)
def test_a_slow_answer_ends_in_time(hasty_stage, direction, said):
    started = time.monotonic()
    asker = check(hasty_stage, direction, said)
    assert time.monotonic() - started < _PATIENCE_SECONDS
    assert any(asker.gets_its_own("next") for _ in range(5)), "a busy machine may be too slow for so hasty a gateway"
