"""Who is asked what: every workload at every proxy, and what only the gateway is asked."""

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from bench import gateways, peers
from bench.peers import Serving
from bench.place import PARTNERS, Place
from bench.plan import Plan
from bench.slices import Lane
from bench.workloads import (
    EGRESS,
    FORWARDED,
    ONE_BY_ONE,
    REFUSED,
    SCALE,
    Workload,
    bad_headers,
    good_headers,
    header_of,
)
from tests.e2e.rig import EGRESS_TOKEN

GATEWAY, DIRECT, OUTWARD = "OCPI Gateway", "upstream, asked directly", "OCPI Gateway, egress"
SILENT = "no access log"
WORKERS = 2
FEW = 10


@dataclass(frozen=True)
class Cast:
    """All that serves.

    Attributes:
        forwarding: every proxy that serves the same 1000 partners; the gateway is among them.
        variants: gateways that differ in one thing, with the number of their partners.
    """

    upstream: Serving
    forwarding: list[Serving]
    variants: dict[Serving, int]
    gateway: gateways.ServingGateway

    def lanes(self) -> list[Lane]:
        """Everything that is measured in rounds."""
        lanes = [_lane(each, workload, PARTNERS) for workload in FORWARDED for each in self.forwarding]
        lanes += [_lane(each, ONE_BY_ONE, PARTNERS) for each in (self.upstream, *self.forwarding)]
        lanes += [_lane(each, SCALE, partners) for each, partners in self.variants.items()]
        outward = {"headers": [header_of(EGRESS_TOKEN)], "port": self.gateway.private_port}
        return [*lanes, Lane(row=OUTWARD, workload=EGRESS, serving=self.gateway, **outward)]


def _lane(serving: Serving, workload: Workload, partners: int) -> Lane:
    headers = bad_headers() if workload is REFUSED else good_headers(partners)
    if serving.name == DIRECT:
        headers = [peers.BACKEND_AUTHORIZATION]
    return Lane(row=serving.name, workload=workload, serving=serving, port=serving.port, headers=headers)


def scale_row(partners: int) -> str:
    """What the gateway with so many partners is called."""
    return f"{partners} partners"


def start_all(place: Place, plan: Plan, stack: contextlib.ExitStack, tell: Callable[[str], None]) -> Cast:
    """Start every proxy that can run here, until the stack is closed."""

    def kept(serving: Serving) -> Serving:
        stack.callback(serving.running.stop)
        return serving

    def gateway(name: str, partners: int, **settings: object) -> Serving:
        folder = place.folder / re.sub("[^A-Za-z0-9]+", "-", name)
        gateways.fill_database(folder, partners=partners, upstream_port=place.upstream_port)
        cores, port = {place.proxy_core}, place.upstream_port
        return kept(gateways.launch(name, folder, upstream_port=port, cores=cores, **settings))

    upstream = kept(Serving(DIRECT, place.start_upstream(), place.upstream_port))
    forwarding = []
    for peer in peers.PEERS:
        if missing := peer.missing():
            tell(f"{peer.name} is left out: {missing} is not here")
        else:
            forwarding.append(kept(peers.start(peer, place)))
    forwarding += [gateway(GATEWAY, PARTNERS), gateway(f"{GATEWAY}, {WORKERS} workers", PARTNERS, workers=WORKERS)]
    tell(f"filling a database with {plan.many} partners")
    variants = {gateway(scale_row(partners), partners): partners for partners in (FEW, plan.many)}
    variants[gateway(SILENT, FEW, log={"format": "json", "level": "warning"})] = FEW
    return Cast(upstream, forwarding, variants, forwarding[-2])
