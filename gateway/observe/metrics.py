"""The metrics of `/metrics`, from one table, on a registry of their own.

Every label value is configured or enumerated: what a stranger sends becomes `other` or an empty label, so that
nobody can make the number of time series grow (operations.md, Metrics).
"""

import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway import __version__
from gateway.observe.board import Summed
from gateway.observe.traffic import Traffic
from gateway.ocpi.timestamps import Clock
from gateway.ocpi.vocabulary import STANDARD_MODULES, PartnerState

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


@dataclass(frozen=True, slots=True)
class Definition:
    """One row of the table: the full name, the kind, the labels, and what it counts."""

    name: str
    kind: type[Counter | Gauge | Histogram]
    labels: tuple[str, ...]
    help: str


TABLE: Final = (
    Definition(
        "ocpi_gateway_requests_total",
        Counter,
        ("direction", "partner", "module", "method", "code_class"),
        "Requests answered, by the class of the HTTP status; the partner is empty where none was authenticated.",
    ),
    Definition(
        "ocpi_gateway_request_duration_seconds",
        Histogram,
        ("direction", "module"),
        "From the head of a request to the end of its answer.",
    ),
    Definition(
        "ocpi_gateway_upstream_duration_seconds",
        Histogram,
        ("direction", "module"),
        "The part of it spent waiting for the backend or the partner.",
    ),
    Definition(
        "ocpi_gateway_ocpi_status_total",
        Counter,
        ("direction", "partner", "status_code"),
        "OCPI status codes of the answers that the gateway made itself.",
    ),
    Definition("ocpi_gateway_requests_in_flight", Gauge, ("direction",), "Requests being handled now."),
    Definition(
        "ocpi_gateway_auth_failures_total", Counter, ("reason",), "Requests refused with 401; the reason is never told."
    ),
    Definition(
        "ocpi_gateway_limited_total",
        Counter,
        ("limit",),
        "Connections closed and requests answered 429 because of a limit, by its key in the configuration.",
    ),
    Definition(
        "ocpi_gateway_handshakes_total",
        Counter,
        ("role", "outcome"),
        "Registrations, rotations and unregistrations that ended, by our end of them and how.",
    ),
    Definition(
        "ocpi_gateway_partner_state", Gauge, ("partner", "state"), "1 for the state a partner is in, 0 for the others."
    ),
    Definition(
        "ocpi_gateway_token_age_seconds",
        Gauge,
        ("partner", "direction"),
        "Age of the credentials token in use; `inbound` is the one the partner calls us with.",
    ),
    Definition(
        "ocpi_gateway_rotation_failures_total",
        Counter,
        ("partner",),
        "Rotations of ours that failed.",
    ),
    Definition("ocpi_gateway_build_info", Gauge, ("version", "python"), "1; the labels say what runs."),
)


#: Metrics that are made of the partner table.
_OF_PARTNERS: Final = frozenset({"ocpi_gateway_partner_state", "ocpi_gateway_token_age_seconds"})

#: Metrics that are counted in plain numbers, because that is done for every request.
_OF_TRAFFIC: Final = frozenset(
    {
        "ocpi_gateway_requests_total",
        "ocpi_gateway_request_duration_seconds",
        "ocpi_gateway_upstream_duration_seconds",
        "ocpi_gateway_ocpi_status_total",
        "ocpi_gateway_requests_in_flight",
        "ocpi_gateway_auth_failures_total",
    }
)

#: Metrics whose values add up over several workers, as Prometheus' client names the families.
_SUMMED: Final = frozenset(
    row.name.removesuffix("_total")
    for row in TABLE
    if row.kind is not Gauge or row.name == "ocpi_gateway_requests_in_flight"
)


class Metrics:
    """Counts, and renders what was counted.

    Attributes:
        traffic: counts requests.

    Args:
        clock: for the ages of tokens.
        modules: those configured beside the standard ones.
        auth_reasons: every reason that `auth_failed` will be given.
    """

    def __init__(self, *, clock: Clock, modules: Iterable[str] = (), auth_reasons: Iterable[str] = ()) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        made = {
            row.name.removeprefix("ocpi_gateway_"): _make(row, self.registry)
            for row in TABLE
            if row.name not in _OF_PARTNERS | _OF_TRAFFIC
        }
        self.registry.register(_OfPartners(self))
        self.traffic = Traffic(STANDARD_MODULES | {"versions"} | frozenset(modules), auth_reasons)
        self.registry.register(_OfTraffic(self.traffic))
        self._limited: Counter = made["limited_total"]
        self._handshakes: Counter = made["handshakes_total"]
        self._rotation_failures: Counter = made["rotation_failures_total"]
        made["build_info"].labels(__version__, platform.python_version()).set(1)
        self._clock = clock
        self._partner_states: Mapping[str, PartnerState] = {}
        self._token_births: Mapping[tuple[str, str], datetime] = {}

    def auth_failed(self, reason: str) -> None:
        """Count a refused token."""
        self.traffic.auth_failed(reason)

    def limited(self, limit: str) -> None:
        """Count what a limit kept out; the limit is a key of the configuration."""
        self._limited.labels(limit).inc()

    def handshake_ended(self, *, role: str, outcome: str) -> None:
        """Count a handshake; both from enumerations."""
        self._handshakes.labels(role, outcome).inc()

    def rotation_failed(self, partner: str) -> None:
        """Count a rotation that failed."""
        self._rotation_failures.labels(partner).inc()

    def set_partners(
        self, states: Mapping[str, PartnerState], token_births: Mapping[tuple[str, str], datetime]
    ) -> None:
        """Replace what is known of partners; those left out disappear.

        Args:
            states: by partner name.
            token_births: when the tokens in use were made, by partner name and `inbound` or `outbound`.
        """
        self._partner_states, self._token_births = states, token_births

    def partner_states(self) -> Iterator[tuple[tuple[str, str], float]]:
        """1 or 0 for each partner and state."""
        for partner, present in self._partner_states.items():
            for state in PartnerState:
                yield (partner, state.value), float(state is present)

    def token_ages(self) -> Iterator[tuple[tuple[str, str], float]]:
        """Seconds for each partner and direction."""
        now = self._clock()
        for key, born in self._token_births.items():
            yield key, (now - born).total_seconds()

    def render(self) -> bytes:
        """The metrics in Prometheus' text format (`CONTENT_TYPE`)."""
        return generate_latest(self.registry)

    def counts(self) -> bytes:
        """What adds up over several workers: everything but the states of partners and what is about one process."""
        return generate_latest(_Only(self.registry, _SUMMED))

    def render_with(self, others: Iterable[bytes]) -> bytes:
        """The metrics with the counts of other workers added."""
        return generate_latest(Summed(self.registry.collect(), others))


class _OfTraffic(Collector):
    """What is counted on the path of a request, in plain numbers, as Prometheus' client shows it."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic

    def collect(self) -> Iterator[Metric]:
        traffic = self._traffic
        counters = {
            "ocpi_gateway_requests_total": {labels: tally.number for labels, tally in traffic.tallies.items()},
            "ocpi_gateway_ocpi_status_total": traffic.statuses,
            "ocpi_gateway_auth_failures_total": traffic.auth_failures,
        }
        histograms = {
            "ocpi_gateway_request_duration_seconds": traffic.durations,
            "ocpi_gateway_upstream_duration_seconds": traffic.upstream,
        }
        for row in TABLE:
            if row.name in counters:
                counter = CounterMetricFamily(row.name, row.help, labels=row.labels)
                for labels, value in counters[row.name].items():
                    counter.add_metric(labels, value)
                yield counter
            elif row.name in histograms:
                histogram = HistogramMetricFamily(row.name, row.help, labels=row.labels)
                for labels, series in histograms[row.name].items():
                    if not series.is_empty:
                        histogram.add_metric(labels, series.buckets(), series.total)
                yield histogram
            elif row.name == "ocpi_gateway_requests_in_flight":
                gauge = GaugeMetricFamily(row.name, row.help, labels=row.labels)
                for direction, value in traffic.in_flight.items():
                    gauge.add_metric((direction,), value)
                yield gauge


class _OfPartners(Collector):
    """What is read off the partner table at each scrape: of thousands of partners, every change would cost too much."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        samples = {
            "ocpi_gateway_partner_state": self._metrics.partner_states,
            "ocpi_gateway_token_age_seconds": self._metrics.token_ages,
        }
        for row in TABLE:
            if row.name in samples:
                family = GaugeMetricFamily(row.name, row.help, labels=row.labels)
                for labels, value in samples[row.name]():
                    family.add_metric(labels, value)
                yield family


class _Only(Collector):
    """Some of a registry's metrics."""

    def __init__(self, registry: CollectorRegistry, names: frozenset[str]) -> None:
        self._registry = registry
        self._names = names

    def collect(self) -> Iterator[Metric]:
        return (family for family in self._registry.collect() if family.name in self._names)


def _make(row: Definition, registry: CollectorRegistry) -> Any:
    return row.kind(row.name, row.help, row.labels, registry=registry)
