"""Where the benchmark runs: folders, cores, ports, the token map that all peers read, and the upstream."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import ProcessFailedError, Running, accepts
from bench.workloads import good_headers, header_of
from tests.e2e.rig import BACKEND_AUTHORIZATION
from tests.ports import free_ports

ROOT = Path(__file__).parents[1]
BUILT = ROOT / ".bench"
PROXIES = Path(__file__).parent / "proxies"
OUTBOUND_TOKEN = "t" * 40  # as `bench.partners` writes it for every partner
PARTNERS = 1_000


@dataclass
class Place:
    """Made once.

    Attributes:
        folder: for everything that is written while it runs.
        proxy_core, other_core: where proxies run, and where upstream and clients do; the same one unless `two_cores`.
        upstream_port: where the upstream listens.
        tokens: a file with lines of Authorization and partner.
    """

    folder: Path
    two_cores: bool = False
    proxy_core: int = field(default_factory=lambda: max(os.sched_getaffinity(0)))
    upstream_port: int = field(default_factory=lambda: free_ports(1)[0])

    @property
    def other_core(self) -> int:
        """The proxy's own, or the first that the benchmark may use."""
        return min(os.sched_getaffinity(0)) if self.two_cores else self.proxy_core

    @property
    def tokens(self) -> Path:
        """The token map of all peers but the gateway."""
        return self.folder / "tokens"

    def write_tokens(self) -> None:
        """In the forms that the peers read."""
        named = list(zip(good_headers(PARTNERS), (f"partner-{number}" for number in range(PARTNERS)), strict=False))
        for ending, line in (("", "{} {}"), (".nginx", '"{}" {};'), (".haproxy", "{} {}")):
            keys = ((header.partition(" ")[2] if ending == ".haproxy" else header, name) for header, name in named)
            (self.folder / f"tokens{ending}").write_text("".join(f"{line.format(*each)}\n" for each in keys))

    def start_upstream(self) -> Running:
        """The backend, and the partner at the other end of egress."""
        words = (built("upstream"), str(self.upstream_port), BACKEND_AUTHORIZATION, header_of(OUTBOUND_TOKEN))
        upstream = Running(words, told=self.folder / "upstream.log", cores={self.other_core})
        upstream.wait_until(lambda: accepts(self.upstream_port))
        return upstream


def built(name: str) -> str:
    """A program that `make bench` builds.

    Raises:
        ProcessFailedError: it is not there.
    """
    path = shutil.which(name, path=str(BUILT))
    if path is None:
        raise ProcessFailedError(f"{name} is not built; `make bench` does it")
    return path
