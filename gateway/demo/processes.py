"""The demonstration's child processes: started with their output kept, waited for by their signs, always ended."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.ocpi.errors import GatewayError

_START_SECONDS: Final = 20
_VERB_SECONDS: Final = 30
_STOP_SECONDS: Final = 8
_POLL_SECONDS: Final = 0.03
_LAST_LINES: Final = 12


class StepFailedError(GatewayError):
    """A step of the demonstration didn't go as it has to.

    Attributes:
        expected, came: in words.
        platform: whose log may tell more.
        last_lines: of that log, once they are known.
    """

    def __init__(self, *, expected: str, came: str, platform: str) -> None:
        super().__init__(f"expected {expected}, but {came}")
        self.expected = expected
        self.came = came
        self.platform = platform
        self.last_lines: list[str] = []


@dataclass(frozen=True, slots=True)
class Child:
    """One running process of the demonstration."""

    platform: str
    process: asyncio.subprocess.Process
    log: Path

    @property
    def has_ended(self) -> bool:
        """Whether it ended, by itself or because it was stopped."""
        return self.process.returncode is not None

    def last_lines(self) -> list[str]:
        """The end of its log."""
        return self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:] if self.log.exists() else []

    async def stop(self) -> None:
        """End it: with SIGTERM, and with SIGKILL where that is not enough or there is no time."""
        try:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(_STOP_SECONDS):
                await self.process.wait()
        except TimeoutError:
            pass
        finally:
            if not self.has_ended:
                self.process.kill()
        await self.process.wait()


async def start(platform: str, module: str, *words: str, log: Path, stdout: int | None = None) -> Child:
    """Start `python -m module words...` in a session of its own, so that Ctrl-C reaches only the demonstration.

    Args:
        log: where its standard error goes, and its standard output unless `stdout` is given.
        stdout: a file descriptor.
    """
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *words),
            stdin=subprocess.DEVNULL,
            stdout=file if stdout is None else stdout,
            stderr=file,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
    return Child(platform, process, log)


async def wait_until(ready: Callable[[], Awaitable[bool]], child: Child) -> None:
    """Wait for a child's sign.

    Raises:
        StepFailedError: it ended instead, or the sign didn't come.
    """
    deadline = asyncio.get_running_loop().time() + _START_SECONDS
    while not await ready():
        if child.has_ended:
            raise _not_started(child, f"it ended with exit code {child.process.returncode}")
        if asyncio.get_running_loop().time() > deadline:
            raise _not_started(child, f"after {_START_SECONDS} s it had not")
        await asyncio.sleep(_POLL_SECONDS)


async def run_verb(config_file: Path, words: Sequence[str], *, typed: str) -> str:
    """Run a verb of the gateway's command line, as its operator does; gives its standard output.

    Raises:
        StepFailedError: it failed; says why.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "-c", str(config_file), *words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    expected = f"`{' '.join(words[:3])}` to end with exit code 0"
    try:
        async with asyncio.timeout(_VERB_SECONDS):
            output, errors = await process.communicate(typed.encode())
    except TimeoutError:
        raise StepFailedError(
            expected=expected, came=f"it ran longer than {_VERB_SECONDS} s", platform="gateway"
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        came = f"it ended with {process.returncode}: {errors.decode(errors='replace').strip()}"
        raise StepFailedError(expected=expected, came=came, platform="gateway")
    return output.decode()


def _not_started(child: Child, came: str) -> StepFailedError:
    return StepFailedError(expected=f"the {child.platform} to start", came=came, platform=child.platform)
