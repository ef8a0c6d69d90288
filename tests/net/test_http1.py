"""What a message says, read in one way only; what two readers could take for different messages is none."""

import contextlib
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.net.http1 import (
    CHUNKED,
    UNTIL_CLOSE,
    Bounds,
    Chunks,
    MalformedError,
    check_beginning,
    message_ids,
    read_answer,
    read_request,
    write_head,
)

BOUNDS = Bounds(4000, 3000)
LINE = b"GET /x?y=1 HTTP/1.1\r\n"
GOOD = LINE + b"Host: gateway.example\r\n"


def test_a_request_is_read_as_it_came():
    head = read_request(GOOD + b"X-One:1\r\nX-Two:\t 2 \t\r\nX-Three:\r\n", BOUNDS)
    assert (head.method, head.target, head.minor, head.length) == ("GET", "/x?y=1", 1, 0)
    assert head.form.lines == ["Host: gateway.example", "X-One: 1", "X-Two: 2", "X-Three: "]
    assert head.headers == {"host": "gateway.example", "x-one": "1", "x-two": "2", "x-three": ""}


def test_a_repeated_header_is_joined_and_keeps_its_lines():
    head = read_request(GOOD + b"Via: a\r\nvia: b\r\n", BOUNDS)
    assert head.headers["via"] == "a, b"
    assert head.form.lines[1:] == ["Via: a", "via: b"]


def test_bytes_beyond_ascii_in_a_value_stay_as_they_are():
    head = read_request(GOOD + b"X: \xc3\xa9\xff\r\n", BOUNDS)
    assert head.form.lines[1].encode("latin-1") == b"X: \xc3\xa9\xff"


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        (b"", 0),
        (b"Content-Length: 0\r\n", 0),
        (b"Content-Length: 17\r\n", 17),
        (b"Transfer-Encoding: chunked\r\n", CHUNKED),
    ],
)
def test_the_length_of_a_request_follows_from_its_framing(lines, length):
    assert read_request(GOOD + lines, BOUNDS).length == length


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (GOOD + b"X_Y: 1\r\n", "underscore"),
        (GOOD + b"Host: other\r\n", "the header host was sent twice"),
        (GOOD + b"OCPI-to-party-id: A\r\nocpi-to-party-id: A\r\n", "an OCPI header was sent twice"),
        (GOOD + b"X: a\r\n b\r\n", "not valid HTTP"),
        (GOOD + b"X: a\x01\r\n", "not valid HTTP"),
        (GOOD + b"X : a\r\n", "not valid HTTP"),
        (GOOD + b": a\r\n", "not valid HTTP"),
        (GOOD + b"".join(b"X-%d: a\r\n" % number for number in range(128)), "too many headers"),
        (GOOD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "exclude each other"),
        (GOOD + b"Transfer-Encoding: gzip, chunked\r\n", "chunked"),
        (GOOD + b"Transfer-Encoding: chunked \r\n", "chunked"),
        (GOOD + b"Content-Length: +1\r\n", "decimal"),
        (LINE, "Host header is missing"),
        (LINE + b"Host: a:65536\r\n", "Host header is not"),
        (GOOD.replace(b"/x", b"http://a/x"), "absolute path"),
        (GOOD.replace(b"/1.1", b"/1.2"), "not valid HTTP"),
        (GOOD.replace(b"GET ", b"GET  "), "not valid HTTP"),
    ],
)
def test_a_request_that_two_readers_could_understand_differently_is_refused_in_words(raw, words):
    with pytest.raises(MalformedError, match=words) as refused:
        read_request(raw, BOUNDS)
    assert refused.value.http_status == 400


@pytest.mark.parametrize(
    "raw",
    [GOOD.replace(b"/x", b"/" + b"x" * 4000), GOOD + b"X: " + b"x" * 3000 + b"\r\n", GOOD + b"X" * 3000 + b": x\r\n"],
)
def test_a_line_beyond_its_bound_is_too_long(raw):
    with pytest.raises(MalformedError) as refused:
        read_request(raw, BOUNDS)
    assert refused.value.http_status == 431


@pytest.mark.parametrize("raw", [b"", b"G", b"GET /x", LINE, LINE + b"Host", GOOD, GOOD[:-1]])
def test_a_beginning_that_may_become_a_request_is_waited_for(raw):
    check_beginning(raw)


@pytest.mark.parametrize(
    "raw", [b"GET /x\r\n", b"SSH-2.0-x\r\n", LINE.replace(b"\r", b""), GOOD + b"X: a\nY", GOOD + b"\rX"]
)
def test_a_beginning_that_never_will_is_refused_at_once(raw):
    with pytest.raises(MalformedError):
        check_beginning(raw)


def test_message_ids_are_found_in_what_is_no_request():
    raw = b"nonsense\r\nx-request-id: r-1\r\nX-Correlation-ID:  c 1\r\n"
    assert message_ids(raw) == {"x-request-id": "r-1"}


@pytest.mark.parametrize(
    ("http_status", "lines", "length", "lives"),
    [
        (200, b"Content-Length: 5\r\n", 5, True),
        (200, b"Transfer-Encoding: Chunked\r\n", CHUNKED, True),
        (200, b"", UNTIL_CLOSE, False),
        (200, b"Transfer-Encoding: identity\r\n", UNTIL_CLOSE, False),
        (204, b"Content-Length: 5\r\n", 0, True),
        (304, b"", 0, True),
        (103, b"Link: </x>\r\n", 0, True),
        (200, b"Content-Length: 5\r\nConnection: x, Close\r\n", 5, False),
    ],
)
def test_the_length_of_an_answer_and_the_life_of_its_connection(http_status, lines, length, lives):
    head = read_answer(b"HTTP/1.1 %d Reason\r\n" % http_status + lines, BOUNDS)
    assert (head.http_status, head.length, head.lives) == (http_status, length, lives)


def test_an_answer_of_http_1_0_ends_its_connection_unless_it_says_otherwise():
    assert not read_answer(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n", BOUNDS).lives
    chunked = b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n"
    assert not read_answer(b"HTTP/1.0 200 OK\r\n" + chunked, BOUNDS).lives
    assert read_answer(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n", BOUNDS).lives


BODY = b"5;name=value\r\nhello\r\n0007\r\n, world\r\n0\r\nX-Trailer: a\r\n\r\n"


@given(cuts=st.lists(st.integers(0, len(BODY)), max_size=8), behind=st.sampled_from([b"", b"GET / HTTP/1.1\r\n"]))
def test_chunks_are_read_alike_however_they_are_cut(cuts, behind):
    raw = BODY + behind
    places = [0, *sorted(cuts), len(raw)]
    chunks, body, rest = Chunks(BOUNDS), b"", b""
    for start, end in pairwise(places):
        if chunks.ended:
            rest += raw[start:end]
        else:
            body += chunks.feed(raw[start:end])
            rest = chunks.rest
    assert (body, chunks.ended, rest) == (b"hello, world", True, behind)


@pytest.mark.parametrize(
    "raw",
    [
        b"5 \r\n", b"0x5\r\n", b"\r\n", b"5\nhello", b"5\r\nhelloX", b"5\r\nhello\rX", b"1" * 17 + b"\r\n",
        b"0\r\nContent-Length: 1\r\n\r\n", b"0\r\nX: \x00\r\n\r\n", b"0\r\n" + b"X: y\r\n" * 200,
        b"5;" + b"x" * 20000,
    ],
)  # fmt: skip
def test_chunks_that_two_readers_could_understand_differently_are_refused(raw):
    with pytest.raises(MalformedError):
        Chunks(BOUNDS).feed(raw)


def test_the_head_of_an_answer_is_written_with_its_framing():
    assert (
        write_head(404, "X: a\r\nContent-Length: 0\r\n")
        == b"HTTP/1.1 404 Not Found\r\nX: a\r\nContent-Length: 0\r\n\r\n"
    )
    assert write_head(299, "") == b"HTTP/1.1 299 \r\n\r\n"


def drip(raw):
    for length in range(1, len(raw) + 1):
        check_beginning(raw[:length], seen=length - 1)


@pytest.mark.parametrize("raw", [b"GET /x\r\n", LINE + b"X: a\nY", LINE + b"X: a\rY", LINE.replace(b"\r", b"")])
def test_a_beginning_that_drips_is_refused_as_soon_as_one_that_comes_at_once(raw):
    with pytest.raises(MalformedError):
        drip(raw)


@given(cuts=st.lists(st.integers(0, len(GOOD)), max_size=6))
def test_a_good_beginning_is_waited_for_however_it_is_cut(cuts):
    places = [0, *sorted(cuts), len(GOOD)]
    for seen, length in pairwise(places):
        check_beginning(GOOD[:length], seen=seen)


@pytest.mark.parametrize(
    "line",
    [b"_" * 60000, b"X: " + b" " * 60000, b"0" * 60000, b"X" * 60000, b"X-Request-ID: " + b"a" * 60000 + b"\x00"],
)
def test_no_head_takes_long_to_refuse(line):
    """Each of these took seconds, or would, with patterns that go back over what they have read."""
    large = Bounds(2**17, 2**17)
    started = time.process_time()
    for raw in (GOOD + line + b"\r\n", GOOD.replace(b"Host", line + b"\r\nHost"), line + b"\r\n"):
        with contextlib.suppress(MalformedError):
            read_request(raw, large)
        message_ids(raw)
    assert time.process_time() - started < 1


@pytest.mark.threat("P5")
@pytest.mark.parametrize("encoding", [b"gzip, chunked", b"gzip", b"chunked, chunked"])
def test_an_answer_in_a_transfer_encoding_that_nobody_undoes_is_refused(encoding):
    with pytest.raises(MalformedError, match="chunked"):
        read_answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + encoding + b"\r\n", BOUNDS)


def test_a_long_trailer_is_read_alike_however_it_is_cut():
    bounds = Bounds(30000, 20000)
    raw = b"0\r\nX: " + b"a" * 17000 + b"\r\n\r\n"
    for cut in (10, 16900, len(raw) - 3):
        chunks = Chunks(bounds)
        chunks.feed(raw[:cut])
        chunks.feed(raw[cut:])
        assert chunks.ended
