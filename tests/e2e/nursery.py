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
import subprocess
import sys
import traceback

_IMPORTED = ("gateway.cli", "gateway.app.server", "gateway.app.verbs", "gateway.handshake.operations")


class Nursery:
    """Starts such processes while a `with` block runs, from any event loop.

    Args:
        further: modules to import beside the gateway's.
    """

    def __init__(self, *further):
        self._further = further

    def __enter__(self):
        self._orders, theirs = socket.socketpair()
        words = (sys.executable, "-m", "tests.e2e.nursery", *_IMPORTED, *self._further)
        self._process = subprocess.Popen(words, stdin=theirs, env=os.environ | {"PYTHONUNBUFFERED": "1"})
        theirs.close()
        return self

    def __exit__(self, *failure):
        """What it bore ends with it."""
        self._orders.close()
        self._process.wait()

    async def start(self, function, *arguments, folder, output, errors):
        """Start one.

        Args:
            output, errors: the files at whose end it writes.
        """
        order = {"function": function, "arguments": arguments, "folder": str(folder)}
        told, telling = os.pipe()
        with output.open("ab") as written, errors.open("ab") as complained:
            given = [telling, written.fileno(), complained.fileno()]
            socket.send_fds(self._orders, [json.dumps(order).encode()], given)
        os.close(telling)
        news = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(news), os.fdopen(told, "rb")
        )
        return Child(int(await news.readline()), news)


class Child:
    """One of its processes, with what `asyncio.subprocess.Process` has.

    Attributes:
        returncode: None while it lives.
    """

    def __init__(self, pid, news):
        self.pid = pid
        self.returncode = None
        self._ending = asyncio.ensure_future(self._end(news))

    async def wait(self):
        return await asyncio.shield(self._ending)

    def send_signal(self, number):
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    async def _end(self, news):
        self.returncode = int(await news.read())
        return self.returncode


def _serve():
    """Fork at each order that comes with its descriptors; when nobody can order any more, end all that live."""
    for name in sys.argv[1:]:
        importlib.import_module(name)
    living = {}
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with socket.socket(fileno=0) as orders, selectors.DefaultSelector() as selector:
        selector.register(orders, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if woken in ready:
                woken.recv(4096)
                _bury(living)
            if orders in ready:
                # One order at a time: the kernel lets no read go past a message with descriptors.
                order, given, _, _ = socket.recv_fds(orders, 65536, 3)
                if not order:
                    break
                _bear(living, json.loads(order), *given)
    for pid in living:
        os.kill(pid, signal.SIGKILL)


def _bear(living, order, telling, output, errors):
    pid = os.fork()
    if pid:
        living[pid] = os.fdopen(telling, "w")
        _tell(living[pid], pid)
        os.close(output)
        os.close(errors)
        return
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        code = _live(order, output, errors)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - the last stop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _live(order, output, errors):
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.closerange(3, 256)
    os.chdir(order["folder"])
    module, function = order["function"].split(":")
    return getattr(importlib.import_module(module), function)(*order["arguments"]) or 0


def _bury(living):
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with living.pop(pid) as told:
                _tell(told, os.waitstatus_to_exitcode(status))


def _tell(told, number):
    with contextlib.suppress(BrokenPipeError):  # whoever wanted to know has gone
        told.write(f"{number}\n")
        told.flush()


if __name__ == "__main__":
    _serve()
