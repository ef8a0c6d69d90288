"""A connection for the bytes of one message, from an address of its own.

By that address everybody tells messages apart: the whole of 127.0.0.0/8 is this machine.
"""

import asyncio
import contextlib
import socket

#: For a machine that stands still now and then; nobody waits as long.
PATIENCE_SECONDS = 60


def source_of(number):
    """The address from which a message is sent."""
    return f"127.{1 + number // 62500}.{number // 250 % 250}.{1 + number % 250}"


async def converse(port, source, raw, *, ends=True):
    """Send bytes and nothing more, and say so unless told otherwise; gives all that is answered.

    The first of them are there as soon as the connection is: no deadline of a server runs before that.
    """
    loop, received = asyncio.get_running_loop(), b""
    with socket.socket() as line:
        line.bind((source, 0))
        line.connect(("127.0.0.1", port))
        line.setblocking(False)
        async with asyncio.timeout(PATIENCE_SECONDS):
            with contextlib.suppress(ConnectionError):  # answered and closed already
                await loop.sock_sendall(line, raw)
            if ends:
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                while piece := await loop.sock_recv(line, 65536):
                    received += piece
    return received
