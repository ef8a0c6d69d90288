"""P5, P6, R14, D4: what a hostile backend or partner answers."""

from tests.hostile.said import End, Fate, Said

_OK = b"HTTP/1.1 200 OK\r\n"
_LENGTH = b"Content-Length: 2\r\n"
_WHOLE = _OK + _LENGTH + b"\r\n{}"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_FIRST_LINES = {
    **{f"status {each or 'nothing'}": f"HTTP/1.1 {each} OK".encode() for each in
       ("99", "999", "000", "abc", "2000", "20", "-1", "+200", "200.5", "600", "1e2", "0x1", "", "\uff12\uff10\uff10")},
    **{f"version {each.replace('/', ' ') or 'nothing'}": f"{each} 200 OK".encode() for each in
       ("HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/11.1", "HTTP/1", "HTTP", "http/1.1", "HTTPS/1.1", "ICY", "")},
    "no blank behind the version": b"HTTP/1.1200 OK",
    "CR in the reason": b"HTTP/1.1 200 O\rK",
    "a request": b"GET / HTTP/1.1",
    "first line of 9 KiB": b"HTTP/1.1 200 " + b"x" * 9216,
}  # fmt: skip
_HEADERS = {
    "NUL in a value": b"X: a\x00b",
    "control character in a value": b"X: a\x01b",
    "DEL in a value": b"X: a\x7fb",
    "bare CR in a value": b"X: a\rY: b",
    "control character in a name": b"X\x01: a",
    "byte beyond ASCII in a name": b"X\xe9: a",
    "blank in a name": b"X Y: a",
    "blank before the colon": b"X : a",
    "no colon": b"Xa",
    "empty name": b": a",
    "200 headers": b"\r\n".join(b"X-%d: a" % number for number in range(200)),
    "header of 9 KiB": b"X: " + b"a" * 9216,
    "name of 9 KiB": b"X" * 9216 + b": a",
}
_LENGTHS = (b"+2", b"-2", b"0x2", b"2,2", b"2 2", b"two", b"2.0", b"", b"99999999999999999999", b"\xef\xbc\x92")
_FRAMINGS = {
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "two equal lengths": b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "length and chunks": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
}
_CHUNKS = {
    "chunk size with a prefix": b"0x2\r\n{}\r\n0\r\n\r\n",
    "chunk size with a plus": b"+2\r\n{}\r\n0\r\n\r\n",
    "negative chunk size": b"-2\r\n{}\r\n0\r\n\r\n",
    "chunk size behind a blank": b" 2\r\n{}\r\n0\r\n\r\n",
    "chunk size of a letter": b"g\r\n{}\r\n0\r\n\r\n",
    "no chunk size": b"\r\n{}\r\n0\r\n\r\n",
    "chunk size that overflows": b"10000000000000002\r\n{}\r\n0\r\n\r\n",
    "chunk size before a bare LF": b"2\n{}\r\n0\r\n\r\n",
}
_LATE_CHUNKS = {
    "no line end behind a chunk": b"2\r\n{}0\r\n\r\n",
    "bad size behind a chunk": b"2\r\n{}\r\nzz\r\n",
    "bad trailer": b"2\r\n{}\r\n0\r\nX\x00: a\r\n\r\n",
}
_OTHER = {
    "HTTP 0.9": b"<html>hello</html>\r\n\r\n",
    "HTTP 2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP 2 settings": bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]) + b"\r\n\r\n",
    "TLS alert": bytes([21, 3, 1, 0, 2, 2, 40]) + b"\r\n\r\n",
    "NUL bytes": bytes(1000) + b"\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH\r\n\r\n",
    "junk before": b"junk\r\n" + _WHOLE,
    "101 unasked": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "101 to another protocol": b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n\x00\x01junk",
}
_CUT_EARLY = (
    *(b"", b"H", b"HTTP/1.", b"HTTP/1.1 2", b"HTTP/1.1 200", b"HTTP/1.1 200 O", _OK, _OK + b"X: ", _OK + b"X: a\r\n"),
    *(_WHOLE[:-3], _WHOLE[:-2], _CHUNKED[:-2], _CHUNKED, _CHUNKED + b"2", _CHUNKED + b"2\r", _CHUNKED + b"2\r\n"),
)
_CUT_LATE = (
    *(_WHOLE[:-1], _CHUNKED + b"2\r\n{", _CHUNKED + b"2\r\n{}", _CHUNKED + b"2\r\n{}\r\n"),
    *(_CHUNKED + b"2\r\n{}\r\n0", _CHUNKED + b"2\r\n{}\r\n0\r\n", _CHUNKED + b"2\r\n{}\r\n0\r\nX: "),
)
_BAD = [
    *[Said("P5", name, line + b"\r\n" + _LENGTH + b"\r\n{}") for name, line in _FIRST_LINES.items()],
    *[Said("P5", name, _OK + line + b"\r\n" + _LENGTH + b"\r\n{}") for name, line in _HEADERS.items()],
    *[Said("P5", f"length {value.decode()[:8] or 'nothing'}", _OK + b"Content-Length: " + value + b"\r\n\r\n{}")
      for value in _LENGTHS],
    *[Said("P5", name, _OK + rest) for name, rest in _FRAMINGS.items()],
    *[Said("P5", name, _CHUNKED + rest) for name, rest in _CHUNKS.items()],
    *[Said("P5", name, _CHUNKED + rest) for name, rest in _LATE_CHUNKS.items()],
    *[Said("P5", name, raw) for name, raw in _OTHER.items()],
    *[Said("P5", f"{end.name.lower()} after {len(said)} bytes of {'chunks' if b'chunked' in said else 'an answer'}",
           said, end, fate) for fate, cuts in ((Fate.FAILED, _CUT_EARLY), (Fate.CUT, _CUT_LATE)) for said in cuts
      for end in (End.CLOSES, End.RESETS)],
    Said("P5", "endless header", _OK + b"X: ", End.REPEATS, again=b"a" * 1000),
    Said("P5", "endless headers", _OK, End.REPEATS, again=b"X: a\r\n" * 100),
    Said("P5", "endless first line", b"HTTP/1.1 200 ", End.REPEATS, again=b"a" * 1000),
]  # fmt: skip
_SLOW = [
    Said("P5", "silence", b"", fate=Fate.SLOW),
    Said("P5", "silence inside of the first line", b"HTTP/1.1 2", fate=Fate.SLOW),
    Said("P5", "silence behind the first line", _OK, fate=Fate.SLOW),
    Said("P5", "silence inside of a header", _OK + b"X: a", fate=Fate.SLOW),
    Said("P5", "silence before a body", _WHOLE[:-2], fate=Fate.SLOW),
    Said("P5", "silence before a chunk", _CHUNKED, fate=Fate.SLOW),
    Said("P5", "silence behind 100", b"HTTP/1.1 100 Continue\r\n\r\n", fate=Fate.SLOW),
    Said("P5", "silence inside of a body", _WHOLE[:-1], fate=Fate.CUT),
    Said("P5", "silence behind a chunk", _CHUNKED + b"2\r\n{}\r\n", fate=Fate.CUT),
    Said("P5", "silence where the last chunk ends", _CHUNKED + b"2\r\n{}\r\n0\r\n", fate=Fate.CUT),
    Said("P5", "header that drips", _OK + b"X: a", End.DRIPS, Fate.SLOW),
    Said("P5", "empty lines that drip", b"", End.DRIPS, Fate.SLOW, again=b"\r\n"),
    Said("P5", "endless interim answers", b"", End.REPEATS, Fate.SLOW, again=b"HTTP/1.1 100 Continue\r\n\r\n"),
    Said("P5", "endless empty lines", b"", End.REPEATS, Fate.SLOW, again=b"\r\n" * 1000),
]
_PASSED = Fate.PASSED
_BOMB = b"\x1f\x8b\x08" + bytes(997)
_GOOD = [
    Said("R14", "a second answer", _WHOLE + _WHOLE.replace(b"{}", b"[]"), fate=_PASSED),
    Said("R14", "junk behind", _WHOLE + b"junk"),
    Said("R14", "line ends behind", _WHOLE + b"\r\n\r\n", End.GOES_ON, _PASSED),
    Said("R14", "an interim answer behind", _WHOLE + b"HTTP/1.1 100 Continue\r\n\r\n", fate=_PASSED),
    Said("R14", "a longer body than its length", _OK + b"Content-Length: 2\r\n\r\n{}{}"),
    Said("R14", "more behind the last chunk", _CHUNKED + b"2\r\n{}\r\n0\r\n\r\n" + _WHOLE, fate=_PASSED),
    Said("R14", "a body on 204", b"HTTP/1.1 204 X\r\n\r\n" + _WHOLE, fate=_PASSED, http_status=204, body=b""),
    Said("R14", "a length on 204", b"HTTP/1.1 204 X\r\n" + _LENGTH + b"\r\n{}"),
    Said("R14", "chunks on 304", b"HTTP/1.1 304 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    Said("P5", "control character in the reason", b"HTTP/1.1 200 O\x00K\r\n" + _LENGTH + b"\r\n{}", End.GOES_ON,
         _PASSED),
    Said("P5", "folded header", _OK + b"X: a\r\n b\r\n" + _LENGTH + b"\r\n{}"),
    Said("P5", "an empty line before", b"\r\n" + _WHOLE, End.GOES_ON, _PASSED),
    Said("P5", "100 before", b"HTTP/1.1 100 Continue\r\n\r\n" + _WHOLE, End.GOES_ON, _PASSED),
    Said("P6", "103 with a cookie before", b"HTTP/1.1 103 X\r\nSet-Cookie: a=b\r\nLink: </x>\r\n\r\n" + _WHOLE,
         End.GOES_ON, _PASSED, never=(b"cookie", b"http/1.1 103")),
    Said("P5", "the end of the connection for the end of the body", _OK + b"\r\n{}", End.CLOSES, _PASSED),
    Said("P5", "identity for chunked", _OK + b"Transfer-Encoding: identity\r\n\r\n{}", End.CLOSES, _PASSED),
    Said("P5", "an endless body", _OK + b"\r\n", End.REPEATS, Fate.ENDLESS, again=b"x" * 1000),
    Said("P5", "endless chunks", _CHUNKED, End.REPEATS, Fate.ENDLESS,
         again=b"3e8\r\n" + b"x" * 1000 + b"\r\n"),
    Said("D4", "a bomb", _OK + b"Content-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n" + _BOMB, End.GOES_ON, _PASSED,
         body=_BOMB),
    Said("D4", "a bomb that is none", _OK + b"Content-Encoding: br, gzip, x\r\n" + _LENGTH + b"\r\n{}", End.GOES_ON,
         _PASSED),
]  # fmt: skip
_TELLING = (
    *(
        "Set-Cookie: a=tale; Domain=partner",
        "Set-Cookie2: tale",
        "Server: tale/1.0",
        "X-Powered-By: tale",
        "Alt-Svc: tale",
    ),
    *("X-AspNet-Version: tale", "Via: 1.1 tale", 'WWW-Authenticate: Basic realm="tale"', "Refresh: 0; url=//tale"),
    *("Content-Location: http://tale/x", "Strict-Transport-Security: tale", "X-Served-By: tale", "Upgrade: tale"),
    *("X-Forwarded-For: tale", "X-OCPI-Partner: tale", "X-Request-ID: tale", "Connection: tale\r\nTale: tale"),
    *("Authorization: Token tale", "Proxy-Authenticate: tale", "X-Backend-Server: tale", "Keep-Alive: tale"),
    *(
        "Location: http://tale/x",
        "Location: //tale/x",
        "Location: javascript:tale",
        "Location: http://tale@127.0.0.1/x",
    ),
    *('Link: <javascript:tale>; rel="prev"', 'Link: <http://tale/x>; rel="prev"', "Trailer: tale"),
)
_TALES = [
    Said("P6", line.replace("\r\n", " and ").replace("tale", "x"), _OK + line.encode() + b"\r\n" + _LENGTH + b"\r\n{}",
         End.GOES_ON, _PASSED, never=(b"tale",)) for line in _TELLING
] + [
    Said("P6", f"redirect {http_status}", f"HTTP/1.1 {http_status} X\r\nLocation: http://tale/x\r\n".encode() + _LENGTH
         + b"\r\n{}", End.GOES_ON, _PASSED, Fate.FAILED, http_status=http_status, never=(b"tale",))
    for http_status in (301, 302, 303, 307, 308)
] + [
    Said("P6", "next page elsewhere", _OK + b'Link: <http://tale/x>; rel="next"\r\n' + _LENGTH + b"\r\n{}", End.GOES_ON,
         _PASSED, Fate.FAILED, never=(b"tale",)),
]  # fmt: skip

UNASKED = Said("R14", "an answer before the request", _WHOLE, End.GOES_ON)
PROMPT = [*_BAD, *_GOOD, *_TALES]
SLOW = _SLOW
