"""What the gateway is to reach, beside what it reached (issue 5)."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench import figures
from bench.cells import cell
from bench.figures import Figures
from bench.lanes import DIRECT, FEW, GATEWAY, OUTWARD, SILENT, WORKERS, scale_row
from bench.peers import NGINX, PLAIN
from bench.plan import Plan
from bench.workloads import GET_1MB, GET_2KB, ONE_BY_ONE, POST_2KB, REFUSED, SCALE


@dataclass(frozen=True)
class Goal:
    """A figure with what it is to be.

    Attributes:
        measured: as it is shown.
    """

    name: str
    measured: str
    goal: str


def goals(measured: Figures, alone: Mapping[str, float], plan: Plan) -> list[Goal]:
    """All of them.

    Args:
        alone: what was measured apart from the rounds: the results of `bench.memory` and `bench.starts`.
    """

    def ratio(name: str, base: str, row: str = GATEWAY) -> str:
        return cell(measured.over(figures.cheaper, (name, row), (name, base)))

    get, post, large, scale, one = (each.name for each in (GET_2KB, POST_2KB, GET_1MB, SCALE, ONE_BY_ONE))
    refused = measured.over(figures.dearer, (REFUSED.name, GATEWAY), (get, GATEWAY))
    added = measured.over(figures.added_ratio, (one, GATEWAY), (one, NGINX), (one, DIRECT))
    scaled = measured.over(figures.dearer, (scale, scale_row(plan.many)), (scale, scale_row(FEW)))
    silent = measured.over(figures.dearer, (scale, SILENT), (scale, scale_row(FEW)))
    growth = f"{alone['growth_mb']:.1f} in {alone['growth_requests']:.0f} requests"
    streams = f"eight bodies of {plan.stream_mb} MB up and down, slow ends: added, MB"
    return [
        Goal("GET 2 kB, requests in a CPU second, of nginx's", ratio(get, NGINX), "0.45, aim 0.65"),
        Goal("GET 2 kB, of plain aiohttp's", ratio(get, PLAIN), "3.5"),
        Goal("egress, of plain aiohttp's", ratio(get, PLAIN, OUTWARD), "3"),
        Goal("POST 2 kB, of nginx's", ratio(post, NGINX), "0.36"),
        Goal("POST 2 kB, of plain aiohttp's", ratio(post, PLAIN), "2.8"),
        Goal("GET 1 MB, bytes in a CPU second, of nginx's", ratio(large, NGINX), "0.7, aim 1"),
        Goal("added p50 at one connection, of what nginx adds", cell(added), "at most 1.7, aim 1.2"),
        Goal("CPU time of a 401, of a good GET 2 kB", cell(refused), "below 1"),
        Goal(f"CPU time with {plan.many} partners, of that with {FEW}", cell(scaled), "at most 1.05"),
        Goal("CPU time without the access log, of that with it", cell(silent), "shown"),
        Goal(f"{WORKERS} workers, requests in a CPU second, of one's", _workers(measured), "0.85"),
        Goal("memory idle, MB", f"{alone['idle_mb']:.0f}", "below 80"),
        Goal(streams, f"{alone['streaming_adds_mb']:.0f}", "below 16"),
        Goal("growth, MB", growth, "none in 1 000 000"),
        Goal("ready on a fresh database, s", f"{alone['fresh_ready_seconds']:.2f}", "below 1"),
        Goal("ready with 1000 partners, s", f"{alone['ready_seconds']:.2f}", "below 2"),
    ]


def _workers(measured: Figures) -> str:
    get = GET_2KB.name
    return cell(measured.over(figures.cheaper, (get, f"{GATEWAY}, {WORKERS} workers"), (get, GATEWAY)))
