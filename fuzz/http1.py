"""HTTP/1.1 on the wire: heads, beginnings of heads, and chunked bodies (gateway.net.http1)."""

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from zlib import crc32

from gateway.net import http1
from gateway.net.http1 import (
    CHUNKED,
    END,
    UNTIL_CLOSE,
    Bounds,
    Chunks,
    MalformedError,
    check_beginning,
    read_answer,
    read_request,
)

#: Small, so that inputs reach them.
BOUNDS = Bounds(600, 400)
#: Repeated headers are joined: written again, they are longer than they were.
WIDE = Bounds(2**20, 2**20)

_SOURCE = ast.parse(Path(http1.__file__).read_text())
#: A refusal is one of these, as it stands in the source, or names one of the headers that must not be repeated.
_SENTENCES = {node.value for node in ast.walk(_SOURCE) if isinstance(node, ast.Constant)}
_REPEATED = re.compile(rf"the header (?:{'|'.join(sorted(http1.ONCE))}) was sent twice")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"/[\x21-\x7e]*")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_FRAMING = {b"content-length", b"transfer-encoding"}


def check(data: bytes) -> None:
    """What is accepted has one reading, whole or in parts, read or written again; the rest is refused in our words."""
    place = crc32(data)
    raw, end, body = data.partition(END)
    beginning = data[: len(raw) + 3]
    is_refused = _is_refused_early(beginning, place)
    if end:
        assert not (_check_request(raw + b"\r\n") and is_refused)
        for method in ("GET", "HEAD"):
            _check_answer(raw + b"\r\n", method)
        _check_chunks(body, place)
    _check_chunks(data, place)


def _is_refused_early(beginning: bytes, place: int) -> bool:
    """Whether the beginning of a head is refused; it makes no difference in how many parts it comes."""
    cut = place % (len(beginning) + 1)
    whole = _refuses(beginning, seen=0)
    assert whole == (_refuses(beginning[:cut], seen=0) or _refuses(beginning, seen=cut))
    return whole


def _refuses(beginning: bytes, *, seen: int) -> bool:
    try:
        check_beginning(beginning, seen=seen)
    except MalformedError as error:
        _is_ours(error)
        return True
    return False


def _is_ours(error: MalformedError) -> None:
    """Whether a refusal can be sent, and quotes nothing but the name of a header."""
    assert str(error) in _SENTENCES or _REPEATED.fullmatch(str(error))
    assert str(error).isascii()
    assert str(error).isprintable()
    assert error.http_status in {400, 431}


def _check_request(raw: bytes) -> bool:
    try:
        head = read_request(raw, BOUNDS)
    except MalformedError as error:
        _is_ours(error)
        return False
    line = f"{head.method} {head.target} HTTP/1.{head.minor}"
    assert raw.startswith(f"{line}\r\n".encode("latin-1"))
    assert _TOKEN.fullmatch(head.method)
    assert _TARGET.fullmatch(head.target)
    assert head.minor in {0, 1}
    _check_headers(raw, head.headers)
    encoding, length = head.headers.get("transfer-encoding"), head.headers.get("content-length")
    assert sum(name in _FRAMING for name in _names(raw)) == (encoding is not None) + (length is not None) <= 1
    assert encoding is None or (encoding, head.length, head.minor) == ("chunked", CHUNKED, 1)
    assert length is None or str(head.length) == length
    assert encoding or length or head.length == 0
    assert "host" in head.headers or head.minor == 0
    again = read_request(_written(line, head.headers), WIDE)
    assert (again.method, again.target, again.minor) == (head.method, head.target, head.minor)
    assert (_stripped(again.headers), again.length) == (_stripped(head.headers), head.length)
    return True


def _check_answer(raw: bytes, method: str) -> None:
    try:
        head = read_answer(raw, BOUNDS, method=method)
    except MalformedError as error:
        _is_ours(error)
        return
    line = f"{raw[:8].decode()} {head.http_status}"
    assert raw.startswith(line.encode())
    assert 100 <= head.http_status <= 599
    assert head.is_interim is (head.http_status < 200)
    _check_headers(raw, head.headers)
    encoding, length = head.headers.get("transfer-encoding"), head.headers.get("content-length")
    assert encoding is None or length is None
    if method == "HEAD" or head.is_interim or head.http_status in {204, 304}:
        assert head.length == 0
    elif encoding is not None:
        assert head.length == (CHUNKED if encoding.lower() == "chunked" else UNTIL_CLOSE)
    else:
        assert head.length == UNTIL_CLOSE if length is None else str(head.length) == length
    assert not (head.lives and head.length == UNTIL_CLOSE)
    again = read_answer(_written(line, head.headers), WIDE, method=method)
    assert (again.http_status, again.length, again.lives) == (head.http_status, head.length, head.lives)
    assert _stripped(again.headers) == _stripped(head.headers)


def _check_headers(raw: bytes, headers: Mapping[str, str]) -> None:
    assert {name.decode() for name in _names(raw)} == set(headers)
    for name, value in headers.items():
        assert _TOKEN.fullmatch(name)
        assert name == name.lower()
        assert "_" not in name
        assert not _CONTROL.search(value)


def _names(raw: bytes) -> list[bytes]:
    """What stands before the colon of each line, whatever ends the lines."""
    return [line.partition(b":")[0].strip().lower() for line in re.split(rb"[\r\n]+", raw)[1:] if line]


def _written(line: str, headers: Mapping[str, str]) -> bytes:
    return "".join([f"{line}\r\n", *(f"{name}: {value}\r\n" for name, value in headers.items())]).encode("latin-1")


def _stripped(headers: Mapping[str, str]) -> dict[str, str]:
    """Without the blank behind the comma that an empty repetition leaves."""
    return {name: value.strip(" \t") for name, value in headers.items()}


def _check_chunks(data: bytes, place: int) -> None:
    cut = place % (len(data) + 1)
    read = _read(data)
    assert read == _read(data[:cut], data[cut:])
    if read is None or read[1] is None:
        return
    body, rest = read
    message = data[: len(data) - len(rest)]
    assert message + rest == data
    assert _read(message) == (body, b"") == _plainly(message)
    unfinished = _read(message[:-1])
    assert unfinished is not None
    assert unfinished[1] is None
    assert _read(b"%x\r\n%b\r\n0\r\n\r\n%b" % (len(body), body, rest) if body else b"0\r\n\r\n" + rest) == read


def _read(*parts: bytes) -> tuple[bytes, bytes | None] | None:
    """The body and what came behind it, which is None as long as the body hasn't ended; None where it is refused."""
    chunks = Chunks(BOUNDS)
    body = behind = b""
    try:
        for part in parts:
            if chunks.ended:
                behind += part
            else:
                body += chunks.feed(part)
    except MalformedError as error:
        _is_ours(error)
        return None
    return body, chunks.rest + behind if chunks.ended else None


def _plainly(message: bytes) -> tuple[bytes, bytes]:
    """The body and the rest, as a reader without any doubts has them."""
    body = b""
    line, _, message = message.partition(b"\r\n")
    while size := int(line.partition(b";")[0], 16):
        body, message = body + message[:size], message[size + 2 :]
        line, _, message = message.partition(b"\r\n")
    while line:
        line, _, message = message.partition(b"\r\n")
    return body, message
