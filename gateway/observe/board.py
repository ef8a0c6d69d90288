"""Where the workers of one gateway put up what they counted, so that each can tell the sum (operations.md, Metrics).

Memory that is shared by all processes forked after it was made: no file, no socket, and nothing on the path of a
request. Each worker puts its counts up now and then, and adds those of the others to its own when it is asked.
"""

import mmap
import struct
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

_HEAD: Final = struct.Struct("QQ")  # how often it was written, and how long it is; odd while it is being written
_PLACE_BYTES: Final = 16 * 2**20
_ATTEMPTS: Final = 5


class Board:
    """A place for each worker; a place that was never written is empty.

    Args:
        workers: how many there are. Memory is only taken for what is put up.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._memory = mmap.mmap(-1, workers * _PLACE_BYTES)

    def put_up(self, worker: int, text: bytes) -> bool:
        """Replace what a worker has put up; tells whether there was room for it."""
        if len(text) > _PLACE_BYTES - _HEAD.size:
            return False
        start = worker * _PLACE_BYTES
        written, _ = _HEAD.unpack_from(self._memory, start)
        written += written % 2  # a worker that was killed while writing left it odd
        _HEAD.pack_into(self._memory, start, written + 1, 0)
        self._memory[start + _HEAD.size : start + _HEAD.size + len(text)] = text
        _HEAD.pack_into(self._memory, start, written + 2, len(text))
        return True

    def of_others(self, worker: int) -> Iterator[bytes]:
        """What each of the other workers last put up."""
        for other in range(self._workers):
            if other != worker:
                yield self._read(other)

    def _read(self, worker: int) -> bytes:
        start = worker * _PLACE_BYTES
        for _ in range(_ATTEMPTS):
            before = _HEAD.unpack_from(self._memory, start)
            text = self._memory[start + _HEAD.size : start + _HEAD.size + before[1]]
            if before[0] % 2 == 0 and before == _HEAD.unpack_from(self._memory, start):
                return text
        return b""


class Summed(Collector):
    """Metrics of one worker with the counts of others added.

    Args:
        others: in Prometheus' text format; what of it has no like in `own` is told too.
    """

    def __init__(self, own: Iterable[Metric], others: Iterable[bytes]) -> None:
        self._own = own
        self._others = others

    def collect(self) -> Iterator[Metric]:
        """Each metric once."""
        sums: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
        for text in self._others:
            for family in text_string_to_metric_families(text.decode()):
                counts = sums.setdefault(family.name, {})
                for sample in family.samples:
                    key = sample.name, tuple(sorted(sample.labels.items()))
                    counts[key] = counts.get(key, 0.0) + sample.value
        for family in self._own:
            yield _added(family, sums.pop(family.name, {}))


def _added(family: Metric, counts: dict[tuple[str, tuple[tuple[str, str], ...]], float]) -> Metric:
    whole = Metric(family.name, family.documentation, family.type)
    for sample in family.samples:
        key = sample.name, tuple(sorted(sample.labels.items()))
        whole.samples.append(Sample(sample.name, sample.labels, sample.value + counts.pop(key, 0.0)))
    whole.samples += [Sample(name, dict(labels), value) for (name, labels), value in counts.items()]
    return whole
