"""One whole handshake on a real SQLite file, for a process that is killed or whose disk fails.

The gateway's own services are driven, first with one fault, then without, to the end; see `flows`. The process is
killed at each moment that matters (`test_killed`), or strace spoils its writes (`test_strace`).
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import time
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path

from sqlalchemy import event

from gateway.observe.clock import utc_now
from gateway.store.engine import Store
from gateway.store.keys import open_vault
from gateway.store.migrate import migrate
from gateway.store.vault import Keyring
from tests.e2e.flows import FLOWS, MortalStore, Reaper
from tests.handshake import invariants

#: The call of each kind that strace spoils; a handshake makes fewer.
BASE = {"pwrite64": 250, "fdatasync": 30, "unlink": 10}
_SURE, _POLL_SECONDS, _TRIES = 3, 0.004, 10
_KEYRING = Keyring([bytes(range(32))])
#: What a process leaves behind, and what a copy of its start is made of.
_DATABASE, _MEMORIES = "gateway.db", ("memory", "theirs")


class Rehearsal:
    """Runs a handshake on one copy of a database after another, always at the same path, with one fault in each.

    Strace counts calls by thread, and SQLite's thread is new in each run. So one strace, told to spoil the call number
    `BASE`, spoils another one in every run: as many calls as are missing are made on a file that it watches as well.

    Args:
        folder: holds all files.
        trace: what strace writes.
    """

    def __init__(self, flow, folder):
        self._folder, self._trace = folder, folder / "trace"
        self._seen = 0
        self._spare = 0
        self._call = ""
        self._reaper = Reaper(lambda: os.kill(os.getpid(), signal.SIGKILL))
        self._flow = FLOWS[flow](folder, self._reaper)
        self._store = MortalStore(f"sqlite:///{folder / _DATABASE}")
        event.listen(self._store._engine.sync_engine, "connect", self._count_up)
        self.in_turn(self._prepare)
        for name in (_DATABASE, *_MEMORIES):
            if (folder / name).exists():
                shutil.copy(folder / name, folder / f"template-{name}")

    def in_turn(self, work, *arguments):
        """Run something in an event loop of its own; whatever it opened is closed after it."""

        async def turn():
            try:
                return await work(*arguments)
            finally:
                await self._store.close()

        return asyncio.run(turn())

    def rehearse(self, disturb):
        """Disturb a run at its first call or moment, then one at its second, until one passes untouched.

        Args:
            disturb: runs it, disturbed at that number; tells whether there was one.

        Returns:
            What came of each.

        Raises:
            AssertionError: something was lost; says by which.
        """
        outcomes = []
        while True:
            number = len(outcomes) + 1
            touched = disturb(number)
            try:
                outcome = self.in_turn(self._end)
            except Exception as error:
                raise AssertionError(f"number {number}: {error!r}") from error
            if not touched:
                return outcomes
            outcomes.append(outcome)

    def killed_at(self, moment):
        """Disturbs: the process is killed at that moment."""

        def disturb(number):
            self._restore()
            self._reaper.arm(moment, number)
            pid = self._forked()
            self._reaper.arm("", 0)
            return _was_killed(os.waitpid(pid, 0)[1])

        return disturb

    def spoiled_by_strace(self, call, *, dies, step):
        """Disturbs: a call of this kind fails, or the process is killed before it.

        Args:
            step: from one such call to the next; 1 tries every one.
        """
        return lambda number: self._spoil(call, (number - 1) * step + 1, dies=dies)

    def _spoil(self, call, number, *, dies):
        """Whether there was a call of this number."""
        for _ in range(_TRIES):
            self._restore()
            self._call, self._spare = call, BASE[call] - number
            touched = self._dies() if dies else self._fails()
            self._spare = 0
            if touched is not None:
                return touched
        raise AssertionError(f"the process was never killed in time at {call} {number}")

    def _dies(self):
        """Whether it was killed; None where that came too late."""
        killed = _kill_when_held(self._forked())
        return killed or (None if "(DELAYED)" in self._new_trace() else False)

    def _forked(self):
        """Begin it in a process of its own."""
        pid = os.fork()
        if not pid:
            try:
                self.in_turn(self._begin)
            except BaseException:  # noqa: BLE001 - the last stop
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(1)
            os._exit(0)
        return pid

    def _new_trace(self):
        with self._trace.open() as file:
            file.seek(self._seen)
            new = file.read()
        self._seen += len(new)
        return new

    def _fails(self):
        self.in_turn(self._begin)
        return "(INJECTED)" in self._new_trace()

    def _count_up(self, connection, _record):
        """Make the calls that are missing, in the thread that SQLite's calls will be made in."""
        if not self._spare:
            return
        function = partial(_call_so_often, self._call, self._spare, self._folder / "spare")
        connection.run_async(lambda raw: raw.create_function("count_up", 0, function))
        cursor = connection.cursor()
        cursor.execute("SELECT count_up()")
        cursor.close()

    def _restore(self):
        for name in (_DATABASE, f"{_DATABASE}-journal", "outcome", *_MEMORIES):
            with suppress(FileNotFoundError):
                (self._folder / name).replace(self._folder / "discarded")  # an unlink would be counted
        for name in (_DATABASE, *_MEMORIES):
            with suppress(FileNotFoundError):
                shutil.copy(self._folder / f"template-{name}", self._folder / name)

    async def _prepare(self):
        plain = Store(self._store.url)
        await plain.write(migrate)
        await plain.write(lambda connection: open_vault(connection, _KEYRING, now=utc_now()))
        await plain.close()
        await self._flow.prepare(await self._gateway())

    async def _begin(self):
        await self._flow.begin(await self._gateway())

    async def _end(self):
        """The documented way to the end of the handshake, and what has to hold then."""
        gateway, outcome = await self._gateway(later=True), self._flow.outcome()
        await self._flow.end(gateway, outcome)
        await invariants.hold(gateway)
        return outcome

    async def _gateway(self, *, later=False):
        vault = await self._store.read(lambda connection: open_vault(connection, _KEYRING, now=utc_now()))
        return self._flow.gateway(self._store, vault, later=later)


def _kill_when_held(pid):
    """SIGKILL a process that strace holds before a call; whether it ended by that.

    Strace's own `signal=KILL` needs every call of the process to be stopped at, which is twenty times slower.
    """
    same, before = 0, None
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return _was_killed(status)
        now = _stopped_at(pid)
        same = same + 1 if now and now == before else 0
        before = now
        if same == _SURE:
            os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)


def _was_killed(status):
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, -signal.SIGKILL}, "it neither ended well nor was killed"
    return code != 0


def _stopped_at(pid):
    """The calls at which threads of a process are stopped by who traces it."""
    with suppress(OSError):
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        stopped = [task for task in tasks if (task / "stat").read_text().rpartition(")")[2].split()[0] == "t"]
        return [(task.name, (task / "syscall").read_text()) for task in stopped]
    return []


def _call_so_often(call, times, path):
    with path.open("wb", buffering=0) as file:
        for _ in range(times):
            match call:
                case "pwrite64":
                    os.pwrite(file.fileno(), b"x", 0)
                case "fdatasync":
                    os.fdatasync(file.fileno())
                case "unlink":
                    with suppress(FileNotFoundError):
                        os.unlink(f"{path}-missing")  # noqa: PTH108 - the call itself


def main(flow, end, folder, step="1"):
    """Disturb a handshake at one call or moment after the other; prints what came of each run.

    Args:
        end: what happens there: the call `fails`, or the process `dies` before it, or is `killed` at a moment.
        step: for the most frequent call; of the others every one has its turn.
    """
    rehearsal = Rehearsal(flow, Path(folder))
    if end == "killed":
        ways = {moment: rehearsal.killed_at(moment) for moment in Reaper.MOMENTS}
    else:
        steps = {"pwrite64": int(step)}
        ways = {call: rehearsal.spoiled_by_strace(call, dies=end == "dies", step=steps.get(call, 1)) for call in BASE}
    outcomes = {}
    for name, way in ways.items():
        try:
            outcomes[name] = rehearsal.rehearse(way)
        except AssertionError as error:
            raise AssertionError(f"{flow} {end} at {name} {error}") from error.__cause__
    print(json.dumps(outcomes))  # noqa: T201 - for the test


if __name__ == "__main__":
    main(*sys.argv[1:])
