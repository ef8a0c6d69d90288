"""Processes of the benchmark: on cores of their own, ended together, their words kept for the case of failure."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from bench.machine import Tree

READY_SECONDS, STOP_SECONDS = 60, 20
TOLD_BYTES = 4000


class ProcessFailedError(Exception):
    """A process ended, or did not do what it was started for."""


class Running:
    """A process that runs until it is stopped.

    Attributes:
        tree: the process with its children.
        told: the file that it writes to.
    """

    def __init__(self, words: Sequence[str], *, told: Path, cores: Collection[int]) -> None:
        self.told = told
        with told.open("ab") as output:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=lambda: os.sched_setaffinity(0, cores),  # noqa: PLW1509 - no thread runs here
            )
        self.tree = Tree(self._process.pid)

    def wait_until(self, is_ready: Callable[[], bool], *, poll_seconds: float = 0.002) -> None:
        """Wait for a sign.

        Raises:
            ProcessFailedError: it ended, or the sign did not come in time.
        """
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ProcessFailedError(f"{self.told.stem} did not become ready:\n{self.last_words()}")
            time.sleep(poll_seconds)

    def last_words(self) -> str:
        """The end of what it wrote."""
        return self.told.read_text(errors="replace")[-TOLD_BYTES:]

    def empty(self) -> None:
        """Throw away what it wrote, so that access logs don't fill the disk."""
        os.truncate(self.told, 0)

    def stop(self) -> None:
        """End it, at the latest by SIGKILL."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def accepts(port: int) -> bool:
    """Whether somebody listens there on loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
