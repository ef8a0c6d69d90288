"""The line of a request that is written the fast way is the one that the pipeline writes."""

import asyncio
import io
import json
from datetime import UTC, datetime

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.access import CallLog
from gateway.observe.call import LOGGED_HEADERS, Call, Direction
from gateway.observe.events import Event
from gateway.observe.lines import Output, RequestLines
from gateway.observe.metrics import Metrics
from gateway.observe.redaction import redact
from gateway.ocpi.errors import Fault
from gateway.ocpi.tokens import PREFIX

texts = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(
    ["Token abcdefgh=", "a b", 'a"b\\', "\x00é"]
)


@pytest.fixture
def lines(logged):
    return logged()


@pytest.fixture
def calls(lines):
    metrics = Metrics(clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    return CallLog(logger=structlog.get_logger().bind(), metrics=metrics, monotonic=lambda: 100.0)


def a_call(**fields):
    said = {"method": "GET", "path": "/ocpi", "request_id": "r1", "correlation_id": "c1", "http_status": 200}
    return Call(direction=Direction.INGRESS, started=100.0, **said | fields)


@given(
    path=texts.filter(bool),
    request_id=texts.filter(bool),
    partner=texts,
    module=texts,
    headers=st.dictionaries(st.sampled_from([*LOGGED_HEADERS, "authorization", "x-other"]), texts),
    upstream_seconds=st.none() | st.floats(0, 100),
    status_code=st.none() | st.just(1000),
    fault=st.none() | st.just(Fault.PARTNER),
    reason=texts,
)
def test_what_the_fast_way_writes_is_what_the_pipeline_makes_of_the_event(**fields):
    call = a_call(**fields)
    written = io.StringIO()
    if not RequestLines(Output(written)).write(call):
        assert written.getvalue() == ""
        return
    event = json.loads(written.getvalue())
    assert written.getvalue().count("\n") == 1
    assert (event.pop("level"), event.pop("event")) == ("info", Event.REQUEST)
    del event["timestamp"]
    expected = redact(call.fields())
    for each in (event, expected):
        each |= {name: round(each.get(name, 0), 1) for name in ("own_ms", "upstream_ms")}
    assert event == expected


def test_an_ordinary_request_goes_the_fast_way(lines):
    assert RequestLines(Output(lines)).write(a_call(partner="acme", headers={"user-agent": "partner/1.0"}))


@pytest.mark.parametrize(
    "secret",
    [
        {"path": f"/ocpi/{PREFIX}0123456789abcdef"},
        {"request_id": f"{PREFIX}0123456789abcdef"},
        {"headers": {"user-agent": "Token 0123456789abcdef="}},
        {"module": f"{PREFIX}0123456789abcdef"},
        {"reason": f"{PREFIX}0123456789abcdef"},
    ],
)
def test_no_secret_gets_through_the_fast_way(lines, calls, secret):
    call = a_call(**secret)
    calls.start(call.direction, "GET", "/", "", "")
    calls.finish(call)
    assert "0123456789abcdef" not in lines.getvalue()
    assert "[redacted]" in lines.getvalue()


def test_the_moment_is_written_as_the_pipeline_writes_it(lines):
    RequestLines(Output(lines), clock=lambda: 1767323045.25).write(a_call())
    assert lines.only()["timestamp"] == "2026-01-02T03:04:05.250000Z"


async def test_lines_of_one_turn_are_written_together_and_before_any_other():
    written = io.StringIO()
    output = Output(written)
    output.add("first\n")
    output.add("second\n")
    assert written.getvalue() == ""
    output.write("third\n")
    assert written.getvalue() == "first\nsecond\nthird\n"
    output.add("fourth\n")
    await asyncio.sleep(0)
    assert written.getvalue().endswith("third\nfourth\n")


def test_a_line_is_written_at_once_where_there_is_no_event_loop():
    written = io.StringIO()
    Output(written).add("line\n")
    assert written.getvalue() == "line\n"


def test_what_is_remembered_is_bounded(lines):
    fast = RequestLines(Output(lines))
    for number in range(5000):
        fast.write(a_call(headers={"user-agent": str(number)}))
    assert len(fast._parts) <= 4096


def test_long_texts_of_strangers_are_not_remembered(lines):
    fast = RequestLines(Output(lines))
    assert fast.write(a_call(headers={"user-agent": "x" * 5000}))
    assert all(len(value or "") <= 256 for part in fast._parts for value in part)


def test_what_the_logger_is_bound_to_stands_in_the_line(lines):
    metrics = Metrics(clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    calls = CallLog(logger=structlog.get_logger().bind(worker=1), metrics=metrics, monotonic=lambda: 100.0)
    calls.start(Direction.INGRESS, "GET", "/", "", "")
    calls.finish(a_call())
    assert lines.only()["worker"] == 1
