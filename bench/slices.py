"""One slice: requests of one kind at one proxy for less than a second, and the CPU time that the proxy used."""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.machine import LoadMeter
from bench.peers import Serving
from bench.place import Place, built
from bench.processes import ProcessFailedError
from bench.workloads import Workload, in_turn


class WrongAnswerError(Exception):
    """A proxy did not answer as it must: what it costs is not worth knowing."""


@dataclass(frozen=True, kw_only=True)
class Lane:
    """Requests of one kind at one proxy.

    Attributes:
        row: as the proxy is called in tables.
    """

    row: str
    workload: Workload
    serving: Serving
    port: int
    headers: Sequence[str]

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.row}, {self.workload.name}"


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What was measured.

    Attributes:
        cpu_us: CPU time of the proxy's processes for each request, in microseconds.
        foreign_share: of the machine's CPU time meanwhile, from 0 to 1.
        p50_us, p99_us: how long clients waited for an answer.
    """

    row: str
    workload: str
    number: int
    requests: int
    cpu_us: float
    p50_us: float
    p99_us: float
    foreign_share: float


class Clients:
    """A process with connections to a proxy."""

    def __init__(self, process: subprocess.Popen[str], lane: Lane) -> None:
        self._process, self._lane = process, lane

    def run(self, seconds: float) -> dict[str, Any]:
        """Ask for so long, and until the last answer has come.

        Raises:
            WrongAnswerError: an answer was not what it must be.
        """
        with contextlib.suppress(BrokenPipeError):  # it has ended, and says why
            self._process.stdin.write(f"{round(seconds * 1000)}\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise WrongAnswerError(f"{self._lane.name}: {self._process.stderr.read().strip()}")
        seen = json.loads(line)
        wrong = wrong_with(seen, self._lane.workload)
        if wrong:
            raise WrongAnswerError(f"{self._lane.name}: {wrong}\n{self._lane.serving.running.last_words()}")
        return seen


def wrong_with(seen: dict[str, Any], workload: Workload) -> str:
    """What is not as it must be in what clients saw; empty where all is well."""
    if seen["statuses"] != {str(workload.http_status): seen["requests"]}:
        return f"answered {seen['statuses']} instead of {workload.http_status} throughout"
    lengths = {seen["shortest"], seen["longest"]}
    if workload.answer_bytes is not None and lengths != {workload.answer_bytes}:
        return f"bodies of {sorted(lengths)} bytes instead of {workload.answer_bytes}"
    return ""


@contextlib.contextmanager
def clients_of(lane: Lane, place: Place) -> Iterator[Clients]:
    """Clients that are connected while the block runs."""
    requests, length = in_turn(lane.workload, lane.headers)
    file = place.folder / "requests"
    file.write_bytes(requests)
    words = ("taskset", "-c", str(place.other_core), built("load"), str(lane.port), str(file), str(length))
    pipe = subprocess.PIPE
    with subprocess.Popen(
        (*words, str(lane.workload.connections)), stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            yield Clients(process, lane)
        finally:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()


def measure(place: Place, lane: Lane, number: int, *, warm_seconds: float, seconds: float) -> Slice:
    """One slice of the round `number`; nothing is in flight when CPU times are read.

    Raises:
        WrongAnswerError: an answer was not what it must be.
    """
    tree = lane.serving.running.tree
    with clients_of(lane, place) as clients:
        clients.run(warm_seconds)
        load, before = LoadMeter(), tree.cpu_seconds()
        seen = clients.run(seconds)
        used, foreign = tree.cpu_seconds() - before, load.foreign_share()
    lane.serving.running.empty()
    if not seen["requests"]:
        raise ProcessFailedError(f"{lane.name}: no request was answered")
    return Slice(
        row=lane.row,
        workload=lane.workload.name,
        number=number,
        requests=seen["requests"],
        cpu_us=used / seen["requests"] * 1e6,
        p50_us=seen["p50_us"],
        p99_us=seen["p99_us"],
        foreign_share=foreign,
    )
