"""Processes that start in a tenth of the time: forked off one that has imported the gateway and done nothing yet.

Each is a process of its own with its own memory, event loop and files, and can be killed like any other. What it runs
is named `module:function`; `gateway.cli:main` is the command line.
"""

import asyncio
import contextlib
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import traceback

_IMPORTED = ("gateway.cli", "gateway.app.server", "gateway.app.verbs", "gateway.handshake.operations")


class Nursery:
    """Starts such processes.

    Args:
        further: modules to import beside the gateway's.
    """

    def __init__(self, *further):
        self._further = further
        self._children = {}

    async def __aenter__(self):
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.e2e.nursery", *_IMPORTED, *self._further),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        self._births = asyncio.Queue()
        self._reading = asyncio.ensure_future(self._read())
        return self

    async def __aexit__(self, *failure):
        for child in self._children.values():
            child.kill()
        self._process.stdin.close()
        await self._process.wait()
        await self._reading

    async def start(self, function, *arguments, folder, log):
        """Start one.

        Args:
            log: the file that its output is added to.
        """
        order = {"function": function, "arguments": arguments, "folder": str(folder), "log": str(log)}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        return await self._births.get()

    async def _read(self):
        """Births come in the order of the orders."""
        async for line in self._process.stdout:
            told = json.loads(line)
            if "code" in told:
                self._children.pop(told["pid"]).end(told["code"])
            else:
                child = self._children[told["pid"]] = Child(told["pid"])
                self._births.put_nowait(child)


class Child:
    """One of its processes, with what `asyncio.subprocess.Process` has.

    Attributes:
        returncode: None while it lives.
    """

    def __init__(self, pid):
        self.pid = pid
        self._code = asyncio.get_running_loop().create_future()

    @property
    def returncode(self):
        return self._code.result() if self._code.done() else None

    async def wait(self):
        return await asyncio.shield(self._code)

    def send_signal(self, number):
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def end(self, code):
        """It ended, as its parent says."""
        self._code.set_result(code)


def _serve():
    """Fork at each line of standard input, and tell of births and deaths on standard output."""
    for name in sys.argv[1:]:
        importlib.import_module(name)
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    orders = b""
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if woken in ready:
                woken.recv(4096)
                _bury()
            if 0 in ready:
                read = os.read(0, 65536)
                if not read:
                    return
                *lines, orders = (orders + read).split(b"\n")
                for line in lines:
                    _bear(json.loads(line))


def _bear(order):
    pid = os.fork()
    if pid:
        _tell(pid=pid)
        return
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        code = _live(order)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - the last stop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _live(order):
    os.closerange(3, 256)
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.dup2(1, 2)
    os.chdir(order["folder"])
    module, function = order["function"].split(":")
    return getattr(importlib.import_module(module), function)(*order["arguments"]) or 0


def _bury():
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            _tell(pid=pid, code=os.waitstatus_to_exitcode(status))


def _tell(**document):
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _serve()
