"""D3 to D5: bodies that are too large, compressed, or poison for a reader of JSON."""

import gzip
import json

from tests.hostile.cases import POST, Arrival, Case, Outcome, exactly, passes, request

#: The limits of the stage.
BODY_BYTES, CREDENTIALS_BYTES = 131072, 65536

_PUT_CREDENTIALS = b"PUT /ocpi/2.2.1/credentials HTTP/1.1"
_COMMAND = b"POST /ocpi/2.2.1/receiver/commands/STOP_SESSION HTTP/1.1"
_JSON = b"Content-Type: application/json"


def _with_length(body, *lines, line):
    return request(*lines, b"Content-Length: %d" % len(body), line=line, body=body)


def _chunked(body, *, line):
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(body[at : at + 8000]), body[at : at + 8000]) for at in range(0, len(body), 8000)
    )
    return request(b"Transfer-Encoding: chunked", line=line, body=chunks + b"0\r\n\r\n")


_TOO_LARGE = exactly(413, status_code=2001)
_LARGE = b" " * (CREDENTIALS_BYTES + 1)
_BOMB = gzip.compress(bytes(2**20), mtime=0)
D3 = [
    Case("D3", name, raw, outcome)
    for name, raw, outcome in (
        ("length above the limit", _with_length(bytes(BODY_BYTES + 1), line=POST), _TOO_LARGE),
        ("length far above the limit", request(b"Content-Length: 4611686018427387904", line=POST, body=b"x"),
         _TOO_LARGE),
        ("chunks above the limit", _chunked(bytes(BODY_BYTES + 1), line=POST),
         Outcome((range(413, 414),), begun=True, status_code=2001)),
        ("credentials above the limit", _with_length(_LARGE, line=_PUT_CREDENTIALS), _TOO_LARGE),
        ("credentials in chunks above the limit", _chunked(_LARGE, line=_PUT_CREDENTIALS), _TOO_LARGE),
        ("a command above the limit", _with_length(_LARGE, line=_COMMAND), _TOO_LARGE),
        ("a command in chunks above the limit", _chunked(_LARGE, line=_COMMAND), _TOO_LARGE),
        ("the limit itself", _with_length(bytes(BODY_BYTES), line=POST),
         passes(Arrival(method="POST", body=bytes(BODY_BYTES)))),
    )
]  # fmt: skip
D4 = [
    Case("D4", "a bomb stays packed", _with_length(_BOMB, b"Content-Encoding: gzip", line=POST),
         passes(Arrival(method="POST", body=_BOMB))),
    Case("D4", "packed credentials", _with_length(_BOMB, b"Content-Encoding: gzip", line=_PUT_CREDENTIALS),
         exactly(400, status_code=2001)),
    Case("D4", "a packed command", _with_length(_BOMB, b"Content-Encoding: gzip", line=_COMMAND),
         exactly(400, status_code=2001)),
]  # fmt: skip

_CREDENTIALS = '{"token": "a", "url": "https://example.com/versions", "roles": []'
_NO_JSON = {
    "depth 2000 of lists": b"[" * 2000 + b"]" * 2000,
    "depth 2000 of objects": b'{"a":' * 2000 + b"1" + b"}" * 2000,
    "depth 60000 unclosed": b"[" * 60000,
    "UTF-16": (_CREDENTIALS + "}").encode("utf-16"),
    "UTF-32": (_CREDENTIALS + "}").encode("utf-32"),
    "Latin-1": (_CREDENTIALS + ', "x": "\xe9"}').encode("latin-1"),
    "NUL bytes": bytes(64),
    "nothing": b"",
    "a blank": b" ",
    "two documents": (_CREDENTIALS + "} {}").encode(),
    "single quotes": (_CREDENTIALS + "}").replace('"', "'").encode(),
    "a comment": ("/**/" + _CREDENTIALS + "}").encode(),
    "a comma too many": (_CREDENTIALS + ",}").encode(),
    "a raw line feed in a text": (_CREDENTIALS + ', "x": "a\nb"}').encode(),
    "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]><x>&x;</x>',
    "a form": b"token=a&url=b",
}
#: JSON for some readers and not for others; only who acts upon it has to be strict.
_DOUBTFUL = {
    "number of 5000 digits": f'{_CREDENTIALS}, "x": {"9" * 5000}}}'.encode(),
    "two tokens": (_CREDENTIALS + ', "token": "b"}').encode(),
    "two tokens by escape": (_CREDENTIALS + ', "\\u0074oken": "b"}').encode(),
    "two equal keys inside": (_CREDENTIALS + ', "x": {"y": 1, "y": 2}}').encode(),
    "NaN": f'{_CREDENTIALS}, "x": NaN}}'.encode(),
    "Infinity": f'{_CREDENTIALS}, "x": -Infinity}}'.encode(),
    "depth 2000 inside": f'{_CREDENTIALS}, "x": {"[" * 2000}{"]" * 2000}}}'.encode(),
    "a number without end": f'{_CREDENTIALS}, "x": 1e999999}}'.encode(),
}
_URL = '"response_url": "https://evil.example/a"'
_DOUBTFUL_COMMANDS = {
    "two response URLs": f'{{{_URL}, "token": 1, {_URL}}}'.encode(),
    "two response URLs in odd case": f"{{{_URL}, {_URL.swapcase()}}}".encode(),
    "two response URLs by escape": f"{{{_URL}, {_URL.replace('_', chr(92) + 'u005f', 1)}}}".encode(),
    "a response URL elsewhere": f"{{{_URL}}}".encode(),
    "a response URL in a list": b'{"response_url": ["https://evil.example/a"]}',
    "a response URL of null": b'{"response_url": null}',
    "a response URL with a line feed": b'{"response_url": "https://evil.example/a\\nb"}',
    "a response URL of javascript": b'{"response_url": "javascript:alert(1)"}',
    "a response URL of a file": b'{"response_url": "file:///etc/passwd"}',
    "a response URL of 256 characters": b'{"response_url": "https://evil.example/' + b"a" * 236 + b'"}',
    "a list": b"[]",
    "null": b"null",
}
_NO_OBJECT = {"a list": b"[]", "a text": b'"x"', "a number": b"1", "null": b"null"}
_INCOMPLETE = {
    "byte order mark": ("\ufeff" + _CREDENTIALS + "}").encode(),
    "a lone surrogate": (_CREDENTIALS.replace('"a"', '"\\ud800"') + "}").encode(),
    "a token with CR": (_CREDENTIALS.replace('"a"', '"a\\rb"') + "}").encode(),
    "a token with NUL": (_CREDENTIALS.replace('"a"', '"a\\u0000b"') + "}").encode(),
    "a token of 65 characters": (_CREDENTIALS.replace('"a"', f'"{"a" * 65}"') + "}").encode(),
    "a token that is a list": (_CREDENTIALS.replace('"a"', "[]") + "}").encode(),
    "5000 keys": json.dumps({f"k{number}": 1 for number in range(5000)}).encode(),
}


def _documents(what, line, outcome, bodies):
    return [
        Case("D5", f"{what} {name}", _with_length(body, _JSON, line=line), outcome) for name, body in bodies.items()
    ]


_BAD = exactly(400, status_code=2001)
_INSUFFICIENT = exactly(200, status_code=2001)
D5 = [
    *_documents("credentials", _PUT_CREDENTIALS, _BAD, _NO_JSON | _DOUBTFUL),
    *_documents("credentials", _PUT_CREDENTIALS, _INSUFFICIENT, _NO_OBJECT | _INCOMPLETE),
    *_documents("command", _COMMAND, _BAD, _NO_JSON | _DOUBTFUL_COMMANDS),
]

CASES = [*D3, *D4, *D5]
