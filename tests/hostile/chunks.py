"""R4, R5, T10: chunks, trailers, and requests that break off."""

from tests.hostile.cases import BRAVO, BROKEN_OFF, LINE, POST, REFUSED, SMUGGLED, Arrival, Case, passes, request

_CHUNKED = b"Transfer-Encoding: chunked"
_WHOLE = Arrival(method="POST", body=b"hello")


def _post(*lines, body):
    return request(*lines, line=POST, body=body)


_CHUNKS = {
    "hexadecimal prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "minus": b"-5\r\nhello\r\n0\r\n\r\n",
    "minus zero": b"5\r\nhello\r\n-0\r\n\r\n",
    "blank before": b" 5\r\nhello\r\n0\r\n\r\n",
    "blank behind": b"5 \r\nhello\r\n0\r\n\r\n",
    "tab behind": b"5\t\r\nhello\r\n0\r\n\r\n",
    "blank inside": b"0 5\r\nhello\r\n0\r\n\r\n",
    "underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "no digit": b"\r\nhello\r\n0\r\n\r\n",
    "a letter beyond f": b"g\r\nhello\r\n0\r\n\r\n",
    "full-width digit": b"\xef\xbc\x95\r\nhello\r\n0\r\n\r\n",
    "NUL behind": b"5\x00\r\nhello\r\n0\r\n\r\n",
    "vertical tab behind": b"5\x0b\r\nhello\r\n0\r\n\r\n",
    "comma": b"5,\r\nhello\r\n0\r\n\r\n",
    "decimal point": b"5.0\r\nhello\r\n0\r\n\r\n",
    "quoted": b'"5"\r\nhello\r\n0\r\n\r\n',
    "LF only": b"5\nhello\r\n0\r\n\r\n",
    "CR only": b"5\rhello\r\n0\r\n\r\n",
    "two CR": b"5\r\r\nhello\r\n0\r\n\r\n",
    "LF only behind data": b"5\r\nhello\n0\r\n\r\n",
    "CR only behind data": b"5\r\nhello\r0\r\n\r\n",
    "nothing behind data": b"5\r\nhello0\r\n\r\n",
    "two bytes behind data": b"5\r\nhelloXX0\r\n\r\n",
    "data too long": b"4\r\nhello\r\n0\r\n\r\n",
    "data too short": b"6\r\nhello\r\n0\r\n\r\n",
    "LF only behind the last": b"5\r\nhello\r\n0\n\r\n",
    "LF only at the end": b"5\r\nhello\r\n0\r\n\n",
    "overflow to five": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "LF in an extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "NUL in an extension": b"5;a\x00b\r\nhello\r\n0\r\n\r\n",
    "hexadecimal prefix in the last": b"5\r\nhello\r\n0x0\r\n\r\n",
    "blank in the last": b"5\r\nhello\r\n0 \r\n\r\n",
}
_GOOD_CHUNKS = {
    "extension": b"5;ext\r\nhello\r\n0\r\n\r\n",
    "extension with a value": b'5;a=b;c="d"\r\nhello\r\n0;last\r\n\r\n',
    "extension of 9 KiB": b"5;" + b"a" * 9216 + b"\r\nhello\r\n0\r\n\r\n",
    "300 zeros": b"0" * 300 + b"5\r\nhello\r\n0\r\n\r\n",
    "leading zeros": b"0005\r\nhello\r\n000\r\n\r\n",
    "one byte each": b"1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n1\r\nl\r\n1\r\no\r\n0\r\n\r\n",
}
R4 = [
    Case("R4", f"chunk {name}", _post(_CHUNKED, body=body + SMUGGLED)) for name, body in _CHUNKS.items()
] + [Case("R4", f"chunk {name}", _post(_CHUNKED, body=body), passes(_WHOLE)) for name, body in _GOOD_CHUNKS.items()] + [
    Case("R4", f"chunk of {size}", _post(_CHUNKED, body=size.encode() + b"\r\nhello\r\n0\r\n\r\n" + SMUGGLED),
         BROKEN_OFF, finishes=True) for size in ("FFFFFFFFFFFFFFFF", "7FFFFFFFFFFFFFFF", "100000000")
]  # fmt: skip

_TRAILERS = {
    "authorization": BRAVO,
    "party": b"OCPI-from-party-id: BRV",
    "partner": b"X-OCPI-Partner: bravo",
    "request id": b"X-Request-ID: from-a-trailer",
    "connection": b"Connection: keep-alive",
    "anything": b"X-Anything: from-a-trailer",
}
_BAD_TRAILERS = {
    "length": b"Content-Length: 999",
    "encoding": b"Transfer-Encoding: identity",
    "host": b"Host: evil.example",
    "without colon": b"anything",
    "with a blank before the colon": b"X-Anything : x",
    "folded": b"X-Anything: x\r\n y",
    "with NUL": b"X-Anything: \x00",
    "with bare LF": b"X-Anything: x\nX-Other: y",
    "with bare CR": b"X-Anything: x\rX-Other: y",
    "with an empty name": b": x",
    "of 9 KiB": b"X-Anything: " + b"x" * 9216,
    "200 of them": b"\r\n".join(b"X-%d: x" % number for number in range(200)),
}
_HELLO_THEN = b"5\r\nhello\r\n0\r\n"
R5 = [
    Case("R5", f"trailer {name}", _post(_CHUNKED, body=_HELLO_THEN + line + b"\r\n\r\n" + SMUGGLED),
         passes(Arrival(method="POST", body=b"hello", absent=("x-anything", "from-a-trailer", "BRV", "bravo"))))
    for name, line in _TRAILERS.items()
] + [
    Case("R5", f"trailer {name}", _post(_CHUNKED, body=_HELLO_THEN + line + b"\r\n\r\n" + SMUGGLED))
    for name, line in _BAD_TRAILERS.items()
]  # fmt: skip

_CUT = {
    "in the request line": (LINE[:20], REFUSED),
    "behind the request line": (LINE + b"\r\n", REFUSED),
    "in a header": (request()[:-6], REFUSED),
    "before the last line end": (request()[:-2], REFUSED),
    "inside of the last line end": (request()[:-1], REFUSED),
    "before a body": (_post(b"Content-Length: 5", body=b""), BROKEN_OFF),
    "in a body": (_post(b"Content-Length: 5", body=b"hel"), BROKEN_OFF),
    "before a chunk": (_post(_CHUNKED, body=b""), BROKEN_OFF),
    "in a chunk size": (_post(_CHUNKED, body=b"5"), BROKEN_OFF),
    "in a chunk": (_post(_CHUNKED, body=b"5\r\nhel"), BROKEN_OFF),
    "behind a chunk": (_post(_CHUNKED, body=b"5\r\nhello\r\n"), BROKEN_OFF),
    "in the last chunk": (_post(_CHUNKED, body=b"5\r\nhello\r\n0\r\n"), BROKEN_OFF),
    "in a trailer": (_post(_CHUNKED, body=b"5\r\nhello\r\n0\r\nX-Any"), BROKEN_OFF),
}
T10 = [Case("T10", f"cut {name}", raw, outcome, finishes=True) for name, (raw, outcome) in _CUT.items()]

CASES = [*R4, *R5, *T10]
