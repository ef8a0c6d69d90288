"""HTTP/1.1 as the gateway reads it: heads, framing and chunks, without any I/O.

What two readers could take for different messages is refused, whichever of them would be right: such a difference is
how requests are smuggled (hardening.md, T1, R1 to R10, P5, R14). A good head costs one match of its lines and one pass
to take them apart; only a bad one is looked at closely, to say what is wrong. Text is Latin-1 throughout, which holds
every byte as it came.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from gateway.memory import Memory

_NAME: Final = r"[!#$%&'*+.^`|~0-9A-Za-z-]++"
_TEXT: Final = r"[\t\x20-\x7e\x80-\xff]*+"
_REQUEST_LINE: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]++) ([\x21-\x7e]++) HTTP/1\.([01])")
_STATUS_LINE: Final = re.compile(r"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n]*)?")
_FIELDS: Final = re.compile(rf"(?:{_NAME}:{_TEXT}\r\n)*+")
#: As nearly everybody writes them: one blank behind the colon, a value, and no blank behind it.
_PLAIN_FIELDS: Final = re.compile(rf"(?:{_NAME}: [\x21-\x7e\x80-\xff]{_TEXT}(?<![\t ])\r\n)*+")
_BARE: Final = re.compile(rb"\r(?!\n|\Z)|(?<!\r)\n")
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\])(?::([0-9]{1,5}))?")
_LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_MESSAGE_ID: Final = re.compile(r"(?mi)^(X-Request-ID|X-Correlation-ID):[ \t]*([!-~]+)[ \t]*\r?$")
_CHUNK_SIZE: Final = re.compile(rb"0*([0-9A-Fa-f]{1,15})(?:;[\t\x20-\x7e\x80-\xff]*)?")
_BLANKS: Final = "\t "
_STATUS_LINES: Final = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n" for each in HTTPStatus}
_HIGHEST_PORT: Final = 65535
_MOST_FIELDS: Final = 128
#: A chunk extension may be as long as the largest one that was ever seen on purpose; nobody reads it.
_CHUNK_LINE: Final = 16384
_NO_BODY: Final = frozenset({204, 304})
_INTERIM: Final = range(100, 200)

#: Headers whose repetition two readers could resolve differently (T1, R8); so are those of OCPI's routing.
ONCE: Final = frozenset(
    {
        "authorization",
        "content-length",
        "content-type",
        "expect",
        "host",
        "transfer-encoding",
        "x-correlation-id",
        "x-request-id",
    }
)
#: Headers that differ between messages of one form; none of them travels on as it is. In alphabetical order.
VARYING: Final = ("authorization", "content-length", "x-correlation-id", "x-request-id")
_MOST_FACTS: Final = 64
_NEVER_TRAILING: Final = frozenset({"content-length", "host", "transfer-encoding"})

#: How long a body is, where the head doesn't say it in bytes.
CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2

END: Final = b"\r\n\r\n"


class MalformedError(ValueError):
    """A message that is not accepted; completes nothing, but is a sentence for its sender.

    Attributes:
        http_status: what a request is refused with.
    """

    def __init__(self, words: str, *, http_status: int = 400) -> None:
        super().__init__(words)
        self.http_status = http_status


class Bounds(NamedTuple):
    """The longest first line, and the longest single header, in bytes."""

    line: int
    field: int


class Form:
    """What heads have in common that differ in nothing but the target and the values of VARYING.

    Most requests of a client share one, and so do most answers of a server (`gateway.net.forms`): what follows from it
    is worked out once.

    Attributes:
        minor: of the version: 0 or 1.
        lines: the headers in order, each as `Name: value`, without VARYING.
        headers: values by name in lower case, repeated ones joined; those of VARYING are one message's.
        lives: its connection may serve for another message.
        plain: the message ids, where there are any, are plain words.
        key: by which it may be found again.
        facts: what was worked out from it before, by whatever else that depends on.
        seen: somebody had to do with it before.
    """

    __slots__ = ("facts", "headers", "key", "lines", "lives", "minor", "plain", "seen")

    def __init__(self, minor: int, lines: list[str], headers: dict[str, str], *, lives: bool) -> None:
        self.minor = minor
        self.lines = [each for each in lines if _name_of(each) not in VARYING]
        self.headers = headers
        self.lives = lives
        self.plain = self.seen = False
        self.key: tuple[str, ...] | None = None
        self.facts: Memory[object, Any] = Memory(_MOST_FACTS)


class RequestHead:
    """The head of a request.

    Attributes:
        target: exactly as received; begins with a slash.
        length: of the body in bytes, or CHUNKED.
        authorization, request_id, correlation_id: as they were sent; None where they weren't.
    """

    __slots__ = ("_headers", "authorization", "correlation_id", "form", "length", "method", "request_id", "target")

    def __init__(  # noqa: PLR0917 - names cost, and this is on the path of every request
        self,
        method: str,
        target: str,
        length: int,
        form: Form,
        authorization: str | None,
        request_id: str | None,
        correlation_id: str | None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.method = method
        self.target = target
        self.length = length
        self.form = form
        self.authorization = authorization
        self.request_id = request_id
        self.correlation_id = correlation_id
        self._headers = headers

    @property
    def headers(self) -> dict[str, str]:
        """Values by name in lower case; repeated ones joined."""
        headers = self._headers
        if headers is None:
            headers = self._headers = self.form.headers.copy()
            values = (self.authorization, str(self.length), self.correlation_id, self.request_id)
            for name, value in zip(VARYING, values, strict=True):
                if name in headers and value is not None:
                    headers[name] = value
        return headers

    @property
    def minor(self) -> int:
        """Of the version: 0 or 1."""
        return self.form.minor


class AnswerHead:
    """The head of an answer.

    Attributes:
        length: of the body in bytes, or CHUNKED, or UNTIL_CLOSE.
        headers: values by name in lower case, repeated ones joined; those of VARYING are of one answer of that form.
    """

    __slots__ = ("form", "headers", "http_status", "length")

    def __init__(self, http_status: int, length: int, form: Form) -> None:
        self.http_status = http_status
        self.length = length
        self.form = form
        self.headers = form.headers

    @property
    def is_interim(self) -> bool:
        """Whether a final answer follows."""
        return self.http_status in _INTERIM

    @property
    def is_bodiless(self) -> bool:
        """Whether there is no body, whatever length is told."""
        return self.http_status in _NO_BODY or self.is_interim

    @property
    def lives(self) -> bool:
        """Whether the connection goes on."""
        return self.form.lives


def read_request(raw: bytes, bounds: Bounds) -> RequestHead:
    """Read the head of a request.

    Args:
        raw: up to the line end of the last header, which it includes.

    Raises:
        MalformedError: it isn't one that everybody understands alike.
    """
    text = raw.decode("latin-1")
    line, _, block = text.partition("\r\n")
    match = _REQUEST_LINE.fullmatch(line)
    if len(text) > bounds.field:
        _check_sizes(line, block, bounds)
    if match is None:
        raise MalformedError("the request is not valid HTTP")
    method, target, minor = match.groups()
    lines, headers = _read_fields(block)
    if target[0] != "/":  # R10
        raise MalformedError("the request target must be an absolute path")
    encoding = headers.get("transfer-encoding")
    length = headers.get("content-length")
    if encoding is not None:  # R1, R2
        size = _chunked(encoding, length, minor, text)
    else:
        size = 0 if length is None else read_length(length)
    _check_host(headers.get("host"), minor)
    said = headers.get("connection", "").lower()
    lives = minor == "1" and size != CHUNKED and "close" not in said and "upgrade" not in headers
    form = Form(int(minor), lines, headers, lives=lives)
    own = headers.get("authorization"), headers.get("x-request-id"), headers.get("x-correlation-id")
    return RequestHead(method, target, size, form, *own, headers)


def read_answer(raw: bytes, bounds: Bounds, *, method: str = "GET") -> AnswerHead:
    """Read the head of an answer to a request of this method; `raw` as in `read_request`.

    Raises:
        MalformedError: it isn't one that everybody understands alike.
    """
    text = raw.decode("latin-1")
    line, _, block = text.partition("\r\n")
    if len(text) > bounds.field:
        _check_sizes(line, block, bounds)
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise MalformedError("the first line is not one of HTTP/1")
    minor, http_status = match[1], int(match[2])
    lines, headers = _read_fields(block)
    lives = minor == "1"
    if "connection" in headers and (lives or "transfer-encoding" not in headers):  # RFC 9112, section 6.1
        words = {word.strip() for word in headers["connection"].lower().split(",")}
        lives = "close" not in words and (lives or "keep-alive" in words)
    length = _answer_length(headers, http_status, method)
    form = Form(int(minor), lines, headers, lives=lives and length != UNTIL_CLOSE)
    return AnswerHead(http_status, length, form)


def read_length(text: str) -> int:
    """Read a Content-Length (R3).

    Raises:
        MalformedError: two readers could take it for different numbers.
    """
    if not _LENGTH.fullmatch(text):
        raise MalformedError("the Content-Length is not a plain decimal number")
    return int(text)


def check_beginning(raw: bytes, *, seen: int = 0) -> None:
    """Look at a head of which the end has not come yet, so that nobody waits for an end that can't come.

    Args:
        seen: so many bytes of it were looked at before.

    Raises:
        MalformedError: whatever follows, it will not become a request.
    """
    if _BARE.search(raw, max(seen - 1, 0)):
        raise MalformedError("the request is not valid HTTP")
    end = raw.find(b"\r\n", max(seen - 1, 0))
    if end >= 0 and raw.find(b"\r\n", 0, end + 2) == end and not _REQUEST_LINE.fullmatch(raw[:end].decode("latin-1")):
        raise MalformedError("the request is not valid HTTP")


def message_ids(raw: bytes) -> Mapping[str, str]:
    """The message ids in a head that was refused, by name in lower case; they are only repeated."""
    return {name.lower(): value for name, value in _MESSAGE_ID.findall(raw.decode("latin-1"))}


def write_head(http_status: int, headers: str) -> bytes:
    """Write the head of an answer; `headers` are whole lines, each with its line end."""
    return f"{status_line(http_status)}{headers}\r\n".encode("latin-1")


def status_line(http_status: int) -> str:
    """The first line of an answer, with its line end."""
    return _STATUS_LINES.get(http_status) or f"HTTP/1.1 {http_status} \r\n"


def as_lines(headers: Mapping[str, str]) -> str:
    """Headers as whole lines, each with its line end."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


class Chunks:
    """Reads a chunked body piece by piece.

    Attributes:
        ended: the last chunk and the trailers were read.
        rest: what came behind them.
    """

    __slots__ = ("_bounds", "_buffer", "_data_end", "_left", "_trailers", "ended", "rest")

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._buffer = b""
        self._left = 0
        self._data_end = False
        self._trailers: list[bytes] | None = None
        self.ended = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """Take bytes off the wire; gives what of the body they hold.

        Raises:
            MalformedError: two readers could take them for different bodies (R4, R5).
        """
        pieces = []
        data = self._buffer + data if self._buffer else data
        at = 0
        while not self.ended:
            if self._left:
                piece = data[at : at + self._left]
                if not piece:
                    break
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                self._data_end = not self._left
                continue
            if self._data_end:
                if len(data) - at < 2:  # noqa: PLR2004 - a line end
                    if data[at:] not in {b"", b"\r"}:
                        raise MalformedError("a chunk is longer than it said")
                    break
                if data[at : at + 2] != b"\r\n":
                    raise MalformedError("a chunk is longer than it said")
                at += 2
                self._data_end = False
            end = data.find(b"\n", at)
            if end < 0:
                longest = _CHUNK_LINE if self._trailers is None else max(_CHUNK_LINE, self._bounds.field)
                if len(data) - at > longest:
                    raise MalformedError("a line of the chunked body is too long")
                break
            self._line(data[at : end + 1])
            at = end + 1
        self._buffer = b"" if self.ended else data[at:]
        self.rest = data[at:] if self.ended else b""
        return b"".join(pieces) if len(pieces) != 1 else pieces[0]

    def _line(self, line: bytes) -> None:
        if line[-2:] != b"\r\n":
            raise MalformedError("a line of the chunked body ends without a carriage return")
        if self._trailers is not None:
            self._trailer(line)
            return
        match = _CHUNK_SIZE.fullmatch(line[:-2]) if len(line) <= _CHUNK_LINE else None
        if match is None:
            raise MalformedError("the size of a chunk is not a hexadecimal number")
        self._left = int(match[1], 16)
        if not self._left:
            self._trailers = []

    def _trailer(self, line: bytes) -> None:
        trailers = self._trailers or []
        if line == b"\r\n":
            block = b"".join(trailers).decode("latin-1")
            if block and not _NEVER_TRAILING.isdisjoint(_read_fields(block)[1]):
                raise MalformedError("a header that frames the message stands behind it")
            self.ended = True
            return
        trailers.append(line)
        self._trailers = trailers
        if len(trailers) > _MOST_FIELDS or sum(map(len, trailers)) > self._bounds.field:
            raise MalformedError("the trailers are too long")


def _read_fields(block: str) -> tuple[list[str], dict[str, str]]:
    """Each header as a line, `Name: value`, and the values by name in lower case."""
    lines = block.split("\r\n")
    lines.pop()
    if not _PLAIN_FIELDS.fullmatch(block):
        lines = _plain(block, lines)
    if len(lines) > _MOST_FIELDS:
        raise MalformedError("there are too many headers")
    headers = {name.lower(): value for name, _, value in [line.partition(": ") for line in lines]}
    return lines, headers if len(headers) == len(lines) else _joined(lines)


def _plain(block: str, lines: list[str]) -> list[str]:
    if not _FIELDS.fullmatch(block):
        if any("_" in line.partition(":")[0] and ":" in line for line in lines):  # R6
            raise MalformedError("header names with an underscore are not accepted")
        raise MalformedError("the request is not valid HTTP")
    parts = [line.partition(":") for line in lines]
    return [f"{name}: {value.strip(_BLANKS)}" for name, _, value in parts]


def _joined(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        lowered = name.lower()
        if lowered not in headers:
            headers[lowered] = value
        elif lowered in ONCE:
            raise MalformedError(f"the header {lowered} was sent twice")
        elif lowered.startswith("ocpi-"):
            raise MalformedError("an OCPI header was sent twice")
        else:
            headers[lowered] = f"{headers[lowered]}, {value}"
    return headers


def _name_of(line: str) -> str:
    return line.partition(":")[0].lower()


def _check_sizes(line: str, block: str, bounds: Bounds) -> None:
    if len(line) > bounds.line or any(len(each) > bounds.field + 2 for each in block.split("\r\n")):
        raise MalformedError("a header or the URL is too long", http_status=431)


def _chunked(encoding: str, length: str | None, minor: str, text: str) -> int:
    if encoding != "chunked" or re.search(r"(?mi)^transfer-encoding:.*[\t ]\r$", text):
        raise MalformedError("the only transfer encoding accepted is chunked")
    if length is not None:
        raise MalformedError("Content-Length and Transfer-Encoding exclude each other")
    if minor == "0":
        raise MalformedError("HTTP/1.0 has no transfer encodings")
    return CHUNKED


def _check_host(host: str | None, minor: str) -> None:
    """R7."""
    if host is None:
        if minor == "1":
            raise MalformedError("the Host header is missing")
        return
    match = _HOST.fullmatch(host)
    if match is None or (match[1] and int(match[1]) > _HIGHEST_PORT):
        raise MalformedError("the Host header is not a host name with an optional port")


def _answer_length(headers: Mapping[str, str], http_status: int, method: str) -> int:
    encoding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if encoding is not None and length is not None:
        raise MalformedError("Content-Length and Transfer-Encoding exclude each other")
    size = None if length is None else read_length(length)
    if http_status in _NO_BODY or http_status in _INTERIM or method == "HEAD":
        return 0
    if encoding is not None and encoding.lower() != "identity":
        if encoding.lower() != "chunked":
            raise MalformedError("the only transfer encoding accepted is chunked")
        return CHUNKED
    return UNTIL_CLOSE if size is None else size
