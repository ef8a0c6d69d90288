"""R1 to R3: where a request ends."""

from tests.hostile.cases import (
    ACME,
    HELLO,
    LINE,
    POST,
    SMUGGLED,
    Arrival,
    Case,
    passes,
    printable,
    request,
)

_CHUNKED = b"Transfer-Encoding: chunked"
_WHOLE = Arrival(method="POST", body=b"hello")


def _post(*lines, body, line=POST):
    return request(*lines, line=line, body=body)


_BOTH = {
    "length then chunked": (b"Content-Length: 15", _CHUNKED),
    "chunked then length": (_CHUNKED, b"Content-Length: 15"),
    "length of the first chunk": (b"Content-Length: 4", _CHUNKED),
    "length zero": (b"Content-Length: 0", _CHUNKED),
    "length in odd case": (b"cOnTeNt-lEnGtH: 15", _CHUNKED),
    "encoding in odd case": (b"Content-Length: 15", b"tRANSFER-ENCODING: chunked"),
    "value in odd case": (b"Content-Length: 15", b"Transfer-Encoding: CHUNKED"),
    "tab before the encoding": (b"Content-Length: 15", b"Transfer-Encoding:\tchunked"),
    "folded encoding": (b"Content-Length: 15", b"Transfer-Encoding:\r\n chunked"),
    "encoding behind a bare LF": (b"Content-Length: 15", b"X: y\nTransfer-Encoding: chunked"),
    "encoding behind a bare CR": (b"Content-Length: 15", b"X: y\rTransfer-Encoding: chunked"),
    "length behind a bare LF": (_CHUNKED, b"X: y\nContent-Length: 4"),
    "space before the colon": (b"Content-Length: 15", b"Transfer-Encoding : chunked"),
    "unknown encoding": (b"Content-Length: 15", b"Transfer-Encoding: cow"),
    "empty encoding": (b"Content-Length: 15", b"Transfer-Encoding:"),
    "length and identity": (b"Content-Length: 15", b"Transfer-Encoding: identity"),
}
R1 = [Case("R1", name, _post(*lines, body=HELLO + SMUGGLED)) for name, lines in _BOTH.items()] + [
    Case("R1", "on HTTP/1.0", _post(b"Content-Length: 15", _CHUNKED, body=HELLO + SMUGGLED, line=POST[:-1] + b"0"))
]

_ENCODINGS = (
    *(b"gzip", b"deflate", b"identity", b"cow", b"trailers", b"", b"chunk", b"xchunked", b"chunkedx", b"x-chunked"),
    *(b"gzip, chunked", b"identity, chunked", b"chunked, chunked", b"chunked, gzip", b"chunked, identity"),
    *(b"chunked,", b", chunked", b",chunked", b"chunked;", b"chunked;q=1", b"chunked; a=b", b"chunked\t, identity"),
    *(b'"chunked"', b"'chunked'", b"chu nked", b"chunked chunked", b"Chunked", b"CHUNKED", b"\xe3\x84\xa9hunked"),
    *(b"\x0bchunked", b"\x0cchunked", b"chunked\x0b", b"\x00chunked", b"chunked\x00", b"chunked\x7f", b"chunked\xa0"),
)
_ENCODING_LINES = {
    "space before the colon": b"Transfer-Encoding : chunked",
    "tab before the colon": b"Transfer-Encoding\t: chunked",
    "NUL before the colon": b"Transfer-Encoding\x00: chunked",
    "underscore for hyphen": b"Transfer_Encoding: chunked",
    "soft hyphen in the name": b"Transfer\xadEncoding: chunked",
    "space before the name": b" Transfer-Encoding: chunked",
    "folded value": b"Transfer-Encoding:\r\n chunked",
    "folded behind": b"Transfer-Encoding: chunked\r\n identity",
    "behind a bare CR": b"X: y\rTransfer-Encoding: chunked",
    "behind a bare LF": b"X: y\nTransfer-Encoding: chunked",
    "twice": _CHUNKED + b"\r\n" + _CHUNKED,
    "then identity": _CHUNKED + b"\r\nTransfer-Encoding: identity",
    "behind identity": b"Transfer-Encoding: identity\r\n" + _CHUNKED,
}
R2 = (
    [
        Case("R2", f"encoding {printable(value)}", _post(b"Transfer-Encoding: " + value, body=HELLO + SMUGGLED))
        for value in _ENCODINGS
    ]
    + [Case("R2", f"encoding {name}", _post(line, body=HELLO + SMUGGLED)) for name, line in _ENCODING_LINES.items()]
    + [
        Case("R2", "on HTTP/1.0", _post(_CHUNKED, body=HELLO + SMUGGLED, line=POST[:-1] + b"0")),
        Case("R2", "blanks before it", _post(b"Transfer-Encoding: \t chunked", body=HELLO), passes(_WHOLE)),
        Case("R2", "blanks behind it", _post(b"Transfer-Encoding: chunked \t", body=HELLO)),
        Case("R2", "and a request behind", _post(_CHUNKED, body=HELLO + SMUGGLED), passes(_WHOLE)),
        Case("R2", "on GET", request(_CHUNKED, body=HELLO + SMUGGLED), passes(Arrival(body=b"hello"))),
    ]
)

_LENGTHS = (
    *(b"", b"+5", b"-5", b"-1", b"-0", b"05", b"005", b"00", b"0x5", b"0X5", b"0b101", b"0o5", b"5x", b"x5", b"5.0"),
    *(b"5e0", b"5,5", b"5, 5", b"5,6", b"5;5", b"5 5", b"5\t5", b'"5"', b"'5'", b"1_0", b"5_", b"_5", b"NaN", b"inf"),
    *(b"99999999999999999999", b"18446744073709551616", b"18446744073709551621", b"9223372036854775808", b"9" * 5000),
    *(b"\xef\xbc\x95", b"\xd9\xa5", b"\xb2", b"5\x00", b"\x005", b"5\x0b", b"\x0b5", b"\x0c5", b"5\x7f", b"5\xa0"),
)
_LENGTH_LINES = {
    "space before the colon": b"Content-Length : 5",
    "tab before the colon": b"Content-Length\t: 5",
    "underscore for hyphen": b"Content_Length: 5",
    "NUL before the colon": b"Content-Length\x00: 5",
    "folded": b"Content-Length:\r\n 5",
    "folded behind": b"Content-Length: 5\r\n 5",
    "behind a bare LF": b"X: y\nContent-Length: 5",
    "behind a bare CR": b"X: y\rContent-Length: 5",
    "twice the same": b"Content-Length: 5\r\nContent-Length: 5",
    "twice": b"Content-Length: 5\r\nContent-Length: 6",
    "twice and empty": b"Content-Length: 5\r\nContent-Length:",
    "thrice": b"Content-Length: 5\r\ncontent-length: 0\r\nCONTENT-LENGTH: 5",
}
R3 = (
    [
        Case("R3", f"length {printable(value)[:24]}", _post(b"Content-Length: " + value, body=b"hello" + SMUGGLED))
        for value in _LENGTHS
    ]
    + [Case("R3", f"length {name}", _post(line, body=b"hello" + SMUGGLED)) for name, line in _LENGTH_LINES.items()]
    + [
        Case("R3", "blanks around it", _post(b"Content-Length: \t 5 \t", body=b"hello"), passes(_WHOLE)),
        Case("R3", "body that holds a request", _post(b"Content-Length: %d" % len(SMUGGLED.replace(ACME, b"")),
             body=SMUGGLED.replace(ACME, b"")), passes(Arrival(method="POST", body=SMUGGLED.replace(ACME, b"")))),
        Case("R3", "body on GET", request(b"Content-Length: 5", body=b"hello"), passes(Arrival(body=b"hello"))),
        Case("R3", "body on DELETE", _post(b"Content-Length: 5", body=b"hello", line=LINE.replace(b"GET", b"DELETE")),
             passes(Arrival(method="DELETE", body=b"hello"))),
        Case("R3", "on HTTP/1.0", _post(b"Content-Length: 5", body=b"hello", line=POST[:-1] + b"0"), passes(_WHOLE)),
        Case("R3", "bytes behind on HTTP/1.0",
             _post(b"Content-Length: 5", body=b"hello" + SMUGGLED, line=POST[:-1] + b"0")),
    ]
)  # fmt: skip

CASES = [*R1, *R2, *R3]
