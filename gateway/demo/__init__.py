"""The self-contained demonstration: `ocpi-gateway demo`, `make demo`.

It starts the gateway, a sample legacy backend and a sample eMSP as processes on this machine, performs the six steps in
both roles, sends traffic both ways, and shows each exchange as it happens.
"""

import asyncio
import signal
import tempfile
from pathlib import Path
from typing import Final

from gateway.demo.processes import StepFailedError
from gateway.demo.scenario import tell
from gateway.demo.setting import choose_setting
from gateway.demo.show import Show
from gateway.demo.stage import open_stage

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run_demo() -> int:
    """Run the demonstration; gives the exit code: 0, 1 where a step failed, or 128 and the signal that ended it."""
    show = Show()
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in a task
    received: list[int] = []
    for number in _STOPPING:
        asyncio.get_running_loop().add_signal_handler(number, _stop, task, received, number)
    show.begin()
    try:
        with tempfile.TemporaryDirectory(prefix="ocpi-gateway-demo-") as folder:
            async with open_stage(choose_setting(Path(folder)), show.see) as stage:
                await tell(stage, show)
    except StepFailedError as error:
        show.fail(error)
        return 1
    except asyncio.CancelledError:
        if not received:
            raise
        return 128 + received[0]
    return 0


def _stop(task: asyncio.Task[object], received: list[int], number: int) -> None:
    received.append(number)
    task.cancel()
