"""The status listener: alive, ready or why not, metrics, and nothing else."""

import json
from datetime import UTC, datetime

import aiohttp
import pytest

from gateway.admin.status import Condition, Readiness, StatusPages
from gateway.net.listener import Listener
from gateway.net.server import make_server
from gateway.observe.metrics import CONTENT_TYPE, Metrics


def now():
    return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def readiness():
    """Everything was found good."""
    found = Readiness()
    for condition in Condition:
        found.set(condition, ok=True)
    return found


@pytest.fixture
async def ask(readiness):
    """Asks the listener: `await ask("/livez")` gives HTTP status, headers and body."""
    metrics = Metrics(clock=now)
    pages = StatusPages(readiness=readiness, metrics=metrics.render, metrics_content_type=CONTENT_TYPE, clock=now)
    server = make_server(pages, clock=now, on_failure=pytest.fail)
    listener = Listener("status", host="127.0.0.1", port=0, server=server)
    address = await listener.start()
    async with aiohttp.ClientSession() as session:  # noqa: TID251 - a client from outside

        async def request(path, method="GET"):
            async with session.request(method, f"http://{address}{path}") as answer:
                return answer.status, answer.headers, await answer.read()

        yield request
    await listener.close()


def test_nothing_counts_as_good_before_it_was_checked():
    readiness = Readiness()
    assert not readiness.ready
    assert readiness.report()["conditions"]["store_writable"] == {
        "ok": False,
        "required": True,
        "detail": "not checked yet",
    }


@pytest.mark.parametrize("condition", [one for one in Condition if one.required])
def test_a_required_condition_that_is_lost_takes_readiness_away_until_it_returns(readiness, condition):
    assert readiness.set(condition, ok=False, detail="disk full")
    assert not readiness.set(condition, ok=False, detail="still full")
    assert not readiness.ready
    assert readiness.report()["conditions"][condition.value]["detail"] == "still full"
    assert readiness.set(condition, ok=True, detail="ignored")
    assert readiness.ready
    assert "detail" not in readiness.report()["conditions"][condition.value]


def test_an_unreachable_backend_is_a_warning_only(readiness):
    readiness.set(Condition.BACKEND_REACHABLE, ok=False, detail="refused the connection")
    assert readiness.ready
    assert readiness.report()["conditions"]["backend_reachable"] == {
        "ok": False,
        "required": False,
        "detail": "refused the connection",
    }


def test_draining_takes_readiness_away(readiness):
    readiness.draining = True
    assert not readiness.ready
    assert readiness.report()["conditions"]["not_draining"]["ok"] is False


async def test_readyz_names_each_condition(ask, readiness):
    http_status, headers, body = await ask("/readyz")
    assert http_status == 200
    assert headers["Cache-Control"] == "no-store"
    document = json.loads(body)
    assert document["ready"] is True
    assert set(document["conditions"]) == {*(one.value for one in Condition), "not_draining"}
    readiness.draining = True
    http_status, _, body = await ask("/readyz")
    assert http_status == 503
    assert json.loads(body)["ready"] is False


async def test_livez_answers_whatever_readiness_says(ask, readiness):
    readiness.draining = True
    assert (await ask("/livez"))[0] == 200


async def test_metrics_are_in_prometheus_format(ask):
    http_status, headers, body = await ask("/metrics")
    assert http_status == 200
    assert headers["Content-Type"] == CONTENT_TYPE
    assert b"ocpi_gateway_build_info{" in body


@pytest.mark.parametrize("path", ["/", "/livez/", "/ocpi/versions", "/metrics/x", "/%6civez/.."])
async def test_anything_else_is_not_found(ask, path):
    http_status, headers, body = await ask(path)
    assert (http_status, headers["Content-Type"]) == (404, "application/json")
    envelope = json.loads(body)
    assert envelope["status_code"] == 2000
    assert envelope["timestamp"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_refused_with_allow(ask, method):
    http_status, headers, body = await ask("/readyz", method)
    assert (http_status, headers["Allow"]) == (405, "GET")
    assert json.loads(body)["status_code"] == 2000
