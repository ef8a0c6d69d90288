"""How long the gateway takes from its launch to its first `/readyz` with 200."""

import os
import statistics
import time
from pathlib import Path

from bench.gateways import launch
from bench.place import Place


def seconds_to_ready(folders: list[Path], place: Place) -> float:
    """The median over gateways that are started one after the other, each in a folder, on all cores."""
    took = []
    for folder in folders:
        started = time.monotonic()
        gateway = launch("start", folder, upstream_port=place.upstream_port, cores=os.sched_getaffinity(0))
        took.append(time.monotonic() - started)
        gateway.running.stop()
    return statistics.median(took)
