"""Metrics: what is counted, and that nobody can make the number of series grow."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.observe.call import Call, Direction
from gateway.observe.metrics import TABLE, Metrics
from gateway.ocpi.vocabulary import PartnerState

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def metrics():
    return Metrics(clock=lambda: NOW, modules=["nl-custom"], auth_reasons=["unknown", "malformed"])


def a_call(**fields):
    fields = {
        "direction": Direction.INGRESS,
        "method": "GET",
        "path": "/",
        "request_id": "r",
        "correlation_id": "c",
        "started": 0.0,
        "http_status": 200,
        "partner": "acme",
        "module": "locations",
        "total_seconds": 0.3,
    } | fields
    return Call(**fields)


def samples(metrics):
    """Every sample as `{(name, ((label, value), ...)): value}`."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
        if sample.name.startswith("ocpi_gateway_")
    }


def value(metrics, name, **labels):
    return samples(metrics)["ocpi_gateway_" + name, tuple(sorted(labels.items()))]


def test_a_request_is_counted_and_timed(metrics):
    call = a_call(upstream_seconds=0.2, status_code=2000)
    metrics.traffic.in_flight[call.direction] += 1
    assert value(metrics, "requests_in_flight", direction="ingress") == 1
    metrics.traffic.finished(call)
    assert value(metrics, "requests_in_flight", direction="ingress") == 0
    labels = {"direction": "ingress", "partner": "acme", "module": "locations", "method": "GET", "code_class": "2xx"}
    assert value(metrics, "requests_total", **labels) == 1
    assert value(metrics, "request_duration_seconds_sum", direction="ingress", module="locations") == 0.3
    assert value(metrics, "upstream_duration_seconds_sum", direction="ingress", module="locations") == 0.2
    assert value(metrics, "ocpi_status_total", direction="ingress", partner="acme", status_code="2000") == 1


def test_a_request_that_asked_nobody_has_no_upstream_time_and_no_ocpi_status(metrics):
    call = a_call()
    metrics.traffic.in_flight[call.direction] += 1
    metrics.traffic.finished(call)
    names = {name for name, _ in samples(metrics)}
    assert "ocpi_gateway_upstream_duration_seconds_count" not in names
    assert "ocpi_gateway_ocpi_status_total" not in names


def test_what_strangers_send_makes_no_new_series(metrics):
    for number in range(1000):
        call = a_call(module=f"module{number}", method=f"METHOD{number}", http_status=600 + number)
        metrics.traffic.in_flight[call.direction] += 1
        metrics.traffic.finished(call)
        metrics.auth_failed(f"reason {number}")
    found = samples(metrics)
    labels = {"direction": "ingress", "partner": "acme", "module": "other", "method": "other", "code_class": "other"}
    assert found["ocpi_gateway_requests_total", tuple(sorted(labels.items()))] == 1000
    assert found["ocpi_gateway_auth_failures_total", (("reason", "other"),)] == 1000
    assert len(found) < 50


def test_configured_modules_have_series_of_their_own(metrics):
    call = a_call(module="nl-custom")
    metrics.traffic.in_flight[call.direction] += 1
    metrics.traffic.finished(call)
    assert value(metrics, "request_duration_seconds_count", direction="ingress", module="nl-custom") == 1


def test_auth_failures_start_at_zero_so_that_a_first_one_is_an_increase(metrics):
    assert value(metrics, "auth_failures_total", reason="unknown") == 0
    metrics.auth_failed("unknown")
    assert value(metrics, "auth_failures_total", reason="unknown") == 1


def test_handshakes_are_counted_by_role_and_outcome(metrics):
    metrics.handshake_ended(role="responder", outcome="registered")
    assert value(metrics, "handshakes_total", role="responder", outcome="registered") == 1


def test_a_partner_is_in_exactly_one_state_and_disappears_when_it_is_gone(metrics):
    metrics.set_partners({"acme": PartnerState.REGISTERED}, {("acme", "inbound"): NOW - timedelta(days=1)})
    states = {state: value(metrics, "partner_state", partner="acme", state=state) for state in PartnerState}
    assert states == {state: float(state is PartnerState.REGISTERED) for state in PartnerState}
    assert value(metrics, "token_age_seconds", partner="acme", direction="inbound") == 86400
    metrics.set_partners({}, {})
    assert not any("acme" in str(labels) for _, labels in samples(metrics))


def test_two_sets_of_metrics_do_not_share_counts(metrics):
    metrics.handshake_ended(role="initiator", outcome="failed")
    other = Metrics(clock=lambda: NOW)
    assert ("ocpi_gateway_handshakes_total", (("outcome", "failed"), ("role", "initiator"))) not in samples(other)


def test_the_build_is_named(metrics):
    assert any(name == "ocpi_gateway_build_info" and value == 1 for (name, _), value in samples(metrics).items())


def test_every_metric_of_the_table_is_exposed_with_its_help(metrics):
    text = metrics.render().decode()
    for row in TABLE:
        assert f"# HELP {row.name} {row.help}\n" in text
