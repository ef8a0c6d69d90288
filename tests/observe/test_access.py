"""The access log: one event for each request, with whose time and whose fault it was."""

from datetime import UTC, datetime

import pytest
import structlog

from gateway.observe.access import CallLog
from gateway.observe.call import Direction, loggable
from gateway.observe.metrics import Metrics
from gateway.ocpi.errors import Fault


class Stopwatch:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def stopwatch():
    return Stopwatch()


@pytest.fixture
def lines(logged):
    return logged()


@pytest.fixture
def calls(lines, stopwatch):
    metrics = Metrics(clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    return CallLog(logger=structlog.get_logger().bind(), metrics=metrics, monotonic=stopwatch)


def start(calls):
    return calls.start(
        direction=Direction.EGRESS,
        method="GET",
        path="/partners/acme/sender/locations?token=secret&x=1",
        request_id="r1",
        correlation_id="c1",
    )


def test_a_request_is_one_event_with_both_latencies(calls, lines, stopwatch):
    call = start(calls)
    call.partner, call.module, call.version, call.interface_role = "acme", "locations", "2.2.1", "SENDER"
    call.http_status, call.upstream_seconds, call.bytes_out = 200, 0.2, 17
    stopwatch.now += 0.25
    calls.finish(call)
    event = lines.only()
    event.pop("timestamp")
    assert event == {
        "event": "request",
        "level": "info",
        "direction": "egress",
        "method": "GET",
        "path": "/partners/acme/sender/locations",
        "http_status": 200,
        "partner": "acme",
        "module": "locations",
        "version": "2.2.1",
        "interface_role": "SENDER",
        "request_id": "r1",
        "correlation_id": "c1",
        "own_ms": 50.0,
        "upstream_ms": 200.0,
        "bytes_in": 0,
        "bytes_out": 17,
    }


@pytest.mark.parametrize(
    ("fault", "level"),
    [(Fault.PARTNER, "info"), (Fault.BACKEND, "warning"), (Fault.OPERATOR, "warning"), (Fault.GATEWAY, "error")],
)
def test_the_level_follows_from_whose_fault_it_was(calls, lines, fault, level):
    call = start(calls)
    call.http_status, call.status_code, call.fault, call.reason = 502, 3000, fault, "refused the connection"
    calls.finish(call)
    event = lines.only()
    assert (event["level"], event["fault"], event["status_code"]) == (level, fault.value, 3000)
    assert event["reason"] == "refused the connection"
    assert "upstream_ms" not in event


def test_only_harmless_headers_are_logged(calls, lines):
    call = start(calls)
    call.headers = {"authorization": "Token abc", "cookie": "a", "x-other": "b", "user-agent": "u" * 500}
    calls.finish(call)
    assert lines.only()["headers"] == {"user-agent": "u" * 200}


def test_header_names_compare_without_case():
    assert loggable({"Content-TYPE": "application/json", "OCPI-from-party-id": "EXA"}) == {
        "content-type": "application/json",
        "ocpi-from-party-id": "EXA",
    }
