"""Several processes on the same ports (`workers`): a supervisor that starts them, watches them and passes signals on.

Each worker is a whole gateway. They share the database, with the guarantees that any number of gateways on one database
have, and the ports, to which the kernel deals connections. What is to be done once, the first of them does.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from structlog.typing import FilteringBoundLogger as Logger

from gateway.observe.board import Board
from gateway.observe.events import Event
from gateway.ocpi.errors import GatewayError

_LIVED_LONG_ENOUGH_SECONDS: Final = 5
_BEFORE_ANOTHER_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class Worker:
    """Which of the processes this is.

    Attributes:
        number: from 0 on.
        board: where all of them put up what they counted; None where there is only one.
    """

    number: int = 0
    board: Board | None = None

    @property
    def is_first(self) -> bool:
        """Whether it does what is to be done once."""
        return self.number == 0


#: A gateway that is alone.
ALONE: Final = Worker()


class Supervisor:
    """Keeps so many workers running until it is told to stop.

    Args:
        serve: what a worker does in its own process; gives its exit code.
    """

    def __init__(self, workers: int, serve: Callable[[Worker], int], log: Logger) -> None:
        self._serve = serve
        self._log = log
        self._board = Board(workers)
        self._numbers = range(workers)
        self._running: dict[int, tuple[int, float]] = {}
        self._stopping = False

    def run(self) -> int:
        """Run until SIGTERM or SIGINT was passed on and every worker has ended; gives the exit code.

        A worker that dies is replaced. One that dies at once ends all: it can't start, and has said why.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._pass_on)
        for worker in self._numbers:
            self._start(worker)
        code = 0
        while self._running:
            pid, status = os.wait()
            worker, started = self._running.pop(pid)
            ended = os.waitstatus_to_exitcode(status)
            if self._stopping:
                code = code or max(ended, 0)
                continue
            self._log.error(Event.WORKER_ENDED, worker=worker, exit_code=ended)
            if ended > 0 and time.monotonic() - started < _LIVED_LONG_ENOUGH_SECONDS:
                code = ended
                self._stop(signal.SIGTERM)
            else:
                time.sleep(_BEFORE_ANOTHER_SECONDS)
                self._start(worker)
        return code

    def _start(self, number: int) -> None:
        if self._stopping:
            return
        pid = os.fork()
        if pid == 0:
            self._become(number)
        self._running[pid] = number, time.monotonic()

    def _become(self, number: int) -> NoReturn:
        """Be a worker, in the process that was made for it."""
        code = 1
        try:
            for each in (signal.SIGTERM, signal.SIGINT):
                signal.signal(each, signal.SIG_DFL)
            code = self._serve(Worker(number, self._board))
        except GatewayError as error:
            self._log.error(Event.WORKER_FAILED, worker=number, reason=str(error), fault=error.fault)
        except Exception as error:  # noqa: BLE001 - the last stop of a process
            self._log.error(Event.WORKER_FAILED, worker=number, exc_info=error)
        finally:
            os._exit(code)

    def _pass_on(self, number: int, _frame: object) -> None:
        self._stop(number)

    def _stop(self, number: int) -> None:
        self._stopping = True
        for pid in tuple(self._running):
            os.kill(pid, number)
