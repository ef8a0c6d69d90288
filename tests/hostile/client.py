"""A client that sends bytes as they are, and tells exactly what came back."""

import contextlib
import socket
from dataclasses import dataclass, field

_PATIENCE_SECONDS = 10


class NotAnAnswerError(AssertionError):
    """What came back isn't one whole answer after another."""


@dataclass(frozen=True)
class Answer:
    """One answer as it stood on the wire, with headers in lower case."""

    http_status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes = field(repr=False)

    @property
    def is_interim(self):
        return self.http_status < 200

    @property
    def is_last(self):
        """Whether the server says that the connection ends with this."""
        return self.headers.get("connection", "").lower() == "close"


class Line:
    """A connection: bytes go in, answers come out."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self.closed = False

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self._socket.close()

    def send(self, raw):
        """Send, as far as the other side takes it."""
        with contextlib.suppress(ConnectionError):
            self._socket.sendall(raw)

    def finish(self):
        """Say that nothing more comes."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def answer(self):
        """The next answer that isn't interim; None where the connection ends before one begins.

        Raises:
            NotAnAnswerError: something else comes, or the connection ends inside of one.
            TimeoutError: nothing comes.
        """
        while (found := self._next()) is not None and found.is_interim:
            pass
        return found

    def rest(self):
        """Everything until the connection ends."""
        while self._more():
            pass
        rest, self._buffer = self._buffer, b""
        return rest

    def _next(self):
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                if self._buffer:
                    raise NotAnAnswerError(self._buffer)
                return None
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first_line, *lines = head.decode("latin-1").split("\r\n")
        protocol, _, rest = first_line.partition(" ")
        if protocol not in {"HTTP/1.1", "HTTP/1.0"} or not rest[:3].isdecimal():
            raise NotAnAnswerError(head)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = self._body(int(rest[:3]), headers)
        return Answer(int(rest[:3]), headers, body, head + b"\r\n\r\n" + body)

    def _body(self, http_status, headers):
        if http_status < 200 or http_status in {204, 304}:
            return b""
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._line(), 16):
                body += self._exactly(size)
                self._exactly(2)
            self._exactly(2)
            return body
        return self._exactly(int(headers["content-length"])) if "content-length" in headers else self.rest()

    def _line(self):
        while b"\r\n" not in self._buffer:
            self._need()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _exactly(self, size):
        while len(self._buffer) < size:
            self._need()
        piece, self._buffer = self._buffer[:size], self._buffer[size:]
        return piece

    def _need(self):
        if not self._more():
            raise NotAnAnswerError(self._buffer)

    def _more(self):
        try:
            data = self._socket.recv(2**16)
        except ConnectionError:  # a reset is an end too
            data = b""
        self._buffer += data
        self.closed = not data
        return bool(data)
