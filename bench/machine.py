"""What the kernel tells of processes and of the machine: CPU time, memory, foreign load. Linux only."""

import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_IDLE_FIELDS = (3, 4)  # idle and iowait, of a line of /proc/stat; the eight fields up to `steal` are whole and apart
_FIELDS = 8


class Tree:
    """A process with all of its descendants."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def processes(self) -> list[int]:
        """Their ids."""
        found = [self.pid]
        for pid in found:
            for task in _tasks(pid):
                found += map(int, _read(task / "children").split())
        return found

    def cpu_seconds(self) -> float:
        """CPU time used so far by all threads that live, user and system, to the nanosecond."""
        tasks = [task for pid in self.processes() for task in _tasks(pid)]
        return sum(int((_read(task / "schedstat") or "0").split()[0]) for task in tasks) / 1e9

    def resident_mb(self) -> list[float]:
        """Resident memory of each process now, in megabytes."""
        return [_memory(pid, "VmRSS") for pid in self.processes()]

    def forget_peak(self) -> None:
        """Let `peak_mb` start anew."""
        for pid in self.processes():
            (_PROC / str(pid) / "clear_refs").write_text("5")

    def peak_mb(self) -> list[float]:
        """The largest resident memory of each process since `forget_peak`, in megabytes."""
        return [_memory(pid, "VmHWM") for pid in self.processes()]


class LoadMeter:
    """How busy others keep the machine."""

    def __init__(self) -> None:
        self._ours = Tree(os.getpid())
        self._before = self._read()

    def _read(self) -> tuple[float, float, float]:
        return time.monotonic(), _busy_seconds(), self._ours.cpu_seconds()

    def foreign_share(self) -> float:
        """What part of all cores' time others used since this was made, stolen time included: from 0 to 1."""
        seconds, busy, ours = (now - before for now, before in zip(self._read(), self._before, strict=True))
        return max(0.0, busy - ours) / (seconds * (os.cpu_count() or 1))


def _busy_seconds() -> float:
    fields = list(map(int, _read(_PROC / "stat").split("\n", 1)[0].split()[1 : _FIELDS + 1]))
    return (sum(fields) - sum(fields[index] for index in _IDLE_FIELDS)) / _TICKS_PER_SECOND


def _tasks(pid: int) -> Iterator[Path]:
    try:
        yield from (_PROC / str(pid) / "task").iterdir()
    except FileNotFoundError:
        return


def _read(path: Path) -> str:
    """Nothing where the process has ended meanwhile."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _memory(pid: int, name: str) -> float:
    lines = _read(_PROC / str(pid) / "status").splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), 0.0)


def describe() -> str:
    """The machine in a line."""
    lines = _read(_PROC / "cpuinfo").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    python = f"Python {platform.python_version()}"
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release()}, {python}"
