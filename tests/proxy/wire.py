"""HTTP by hand: a client and a server that show every byte, so that tests can hold them against each other."""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
_PATIENCE_SECONDS = 20


@dataclass
class Message:
    """A request or an answer as it stood on the wire."""

    first_line: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    chunked: bool = False

    @property
    def method(self):
        return self.first_line.split(" ")[0]

    @property
    def target(self):
        return self.first_line.split(" ")[1]

    @property
    def http_status(self):
        return int(self.first_line.split(" ")[1])

    def all(self, name):
        return [value for each, value in self.headers if each.lower() == name.lower()]

    def one(self, name):
        """The value of a header that must be there exactly once."""
        (value,) = self.all(name)
        return value

    def party(self, end):
        return f"{self.one(f'OCPI-{end}-country-code')}-{self.one(f'OCPI-{end}-party-id')}"


async def read_message(reader):
    """Read a whole message; None where the connection ends before one begins."""
    message = await read_head(reader)
    if message is not None:
        await read_body(reader, message)
    return message


async def read_head(reader):
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    first_line, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    pairs = [line.partition(":") for line in lines]
    return Message(first_line, [(name, value.strip()) for name, _, value in pairs])


async def read_body(reader, message):
    encoding, length = message.all("Transfer-Encoding"), message.all("Content-Length")
    if encoding:
        message.chunked = True
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            message.body += await reader.readexactly(size)
            await reader.readexactly(2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass  # a trailer
    elif length:
        message.body = await reader.readexactly(int(length[0]))
    elif message.first_line.startswith("HTTP/") and message.http_status not in {204, 304}:
        message.body = await reader.read()


def request(method, target, *headers, body=b"", host="gateway.test"):
    """Write a request; a body gets its Content-Length unless the headers say otherwise."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *headers]
    if body and not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def answer(http_status=200, *headers, body=b"{}"):
    lines = [f"HTTP/1.1 {http_status} Whatever", *headers]
    if not any(line.lower().startswith("transfer-encoding") for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@contextlib.asynccontextmanager
async def connected(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def send(port, raw):
    """Send bytes on a connection of their own and give the one answer; None where the connection was just closed."""
    async with asyncio.timeout(_PATIENCE_SECONDS), connected(port) as (reader, writer):
        writer.write(raw)
        return await (read_head(reader) if raw.startswith(b"HEAD ") else read_message(reader))


@dataclass
class OtherEnd:
    """A backend or a partner: records what it is sent and answers what the test says.

    Attributes:
        answers: used up one by one; bytes, or a coroutine function given reader, writer and the head of the request,
            which then does everything itself. When there is none left, the answer is `OK`.
        cut_off: is set when a client went away.
    """

    answers: deque = field(default_factory=deque)
    requests: list[Message] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    cut_off: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def last(self):
        return self.requests[-1]

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while (head := await read_head(reader)) is not None:
                self.requests.append(head)
                planned = self.answers.popleft() if self.answers else OK
                if callable(planned):
                    await planned(reader, writer, head)
                    break
                await read_body(reader, head)
                writer.write(planned)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.cut_off.set()
        finally:
            self.cut_off.set()
            writer.close()


@contextlib.asynccontextmanager
async def other_end(port=0, sock=None):
    """A backend or partner on a free port, on this one, or on a socket that listens already."""
    end = OtherEnd()
    where = {"host": "127.0.0.1", "port": port} if sock is None else {"sock": sock}
    server = await asyncio.start_server(end.serve, **where)
    end.port = server.sockets[0].getsockname()[1]
    try:
        yield end
    finally:
        server.close()
