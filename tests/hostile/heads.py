"""R6, R7, R12: headers. Under R6 stands whatever is wrong with a header line."""

from dataclasses import replace

from tests.hostile.cases import (
    HOST,
    LINE,
    POST,
    SMUGGLED,
    Arrival,
    Case,
    exactly,
    passes,
    printable,
    request,
)

_UNDERSCORED = (b"X_OCPI_Partner", b"OCPI_from_party_id", b"X-Request_ID", b"X_Forwarded_For", b"_", b"_Host", b"Host_",
                b"authorization_", b"Content_Type")  # fmt: skip
_HEADER_LINES = {
    "space before the colon": b"X-Custom : x",
    "tab before the colon": b"X-Custom\t: x",
    "space in the name": b"X Custom: x",
    "space before the name": b" X-Custom: x",
    "tab before the name": b"\tX-Custom: x",
    "empty name": b": x",
    "no colon": b"X-Custom",
    "folded with a space": b"X-Custom: x\r\n y",
    "folded with a tab": b"X-Custom: x\r\n\ty",
    "folded with nothing": b"X-Custom: x\r\n \r\nX-Other: y",
    "bare LF": b"X-Custom: x\nX-Other: y",
    "bare CR": b"X-Custom: x\rX-Other: y",
    "bare LF before the end": b"X-Custom: x\n",
    "two CR": b"X-Custom: x\r\r",
    "name of quotes": b'"X-Custom": x',
    "name with a slash": b"X/Custom: x",
    "name with a bracket": b"X(Custom): x",
    "name with a comma": b"X,Custom: x",
    "name with an at sign": b"X@Custom: x",
    "9 KiB": b"X-Custom: " + b"x" * 9216,
    "name of 9 KiB": b"X" * 9216 + b": x",
    "129 of them": b"\r\n".join(b"X-%d: x" % number for number in range(129)),
    "4000 of them": b"\r\n".join(b"X-%d: x" % number for number in range(4000)),
    "70 KiB in all": b"\r\n".join(b"X-%d: " % number + b"x" * 7000 for number in range(10)),
    "300 KiB in one": b"X-Custom: " + b"x" * 307200,
}
_CONTROLS = (*range(9), 11, 12, *range(14, 32), 127)
R6 = (
    [Case("R6", f"underscore in {name.decode()}", request(name + b": x")) for name in _UNDERSCORED]
    + [Case("R6", f"header {name}", request(line)) for name, line in _HEADER_LINES.items()]
    + [Case("R6", f"control {byte:02x} in a value", request(b"X-Custom: a%cb" % byte)) for byte in _CONTROLS]
    + [Case("R6", f"byte {byte:02x} in a name", request(b"X-Cu%cstom: x" % byte))
       for byte in (0, 1, 8, 11, 12, 27, 31, 127, 128, 0xE9, 0xFF)]
    + [
        Case("R6", "bare LF everywhere", request().replace(b"\r\n", b"\n")),
        Case("R6", "bare CR everywhere", request().replace(b"\r\n", b"\r"), finishes=True),
        Case("R6", "blank before the end", request()[:-2] + b" \r\n\r\n"),
        Case("R6", "blank line first", LINE + b"\r\n \r\n" + request()[len(LINE) + 2:]),
        Case("R6", "LF at the end", request()[:-2] + b"\n" + SMUGGLED),
        Case("R6", "bytes beyond ASCII in a value", request(b"X-Custom: \xff\xfe"),
             passes(Arrival(absent=("x-custom",)))),
        Case("R6", "tab in a value", request(b"X-Custom: a\tb"), passes(Arrival(headers=(("x-custom", "a\tb"),)))),
    ]
)  # fmt: skip

_HOSTS = (
    *(b"", b"a/b", b"a@b", b"a, b", b"a,b", b"a b", b"a\tb", b"a;b", b"a?b", b"a#b", b"a\\b", b"a%2fb", b"a%00b"),
    *(b":", b"a:", b":80", b"a:b", b"a:-1", b"a:+80", b"a:99999", b"a:65536", b"a:80:80", b"a:080000", b"a:8 0"),
    *(b"::1", b"[::1", b"::1]", b"[::1]x", b"[::1]:x", b"[gg::1]", b"[::1%25eth0]", b"[v1.a]", b"[]", b"[a]"),
    *(b"http://a", b"//a", b"user:pass@a", b"*", b'"a"', b"<script>", b"a|b", b"a^b", b"a`b", b"{a}", b"$a", b"a!"),
    *(b"\xc3\xa4", b"\xef\xbd\x81", b"a\xad", b"a\xa0", b"a\x00", b"a\x01b", b"a\x7f"),
)
R7 = [Case("R7", f"host {printable(value)}", request(host=b"Host: " + value)) for value in _HOSTS] + [
    Case("R7", "no host", request(host=None)),
    Case("R7", "host twice", request(b"Host: evil.example")),
    Case("R7", "host twice the same", request(HOST)),
    Case("R7", "host twice and empty", request(b"Host:")),
    Case("R7", "host behind a fold", request(host=b"Host:\r\n gateway.test")),
    Case("R7", "host with a blank before the colon", request(host=b"Host : gateway.test")),
    Case("R7", "host behind a bare LF", request(b"X: y\nHost: evil.example")),
    Case("R7", "no host on HTTP/1.0", request(line=LINE[:-1] + b"0", host=None), passes()),
    Case("R7", "host of somebody else", request(host=b"Host: evil.example"), passes()),
]

_HELLO = Arrival(method="POST", body=b"hello", absent=("expect",))
_EXPECT_TWICE = b"Expect: 100-continue\r\nExpect: 100-continue"
R12 = [
    Case("R12", f"expect {name}", request(line, b"Content-Length: 5", line=POST, body=b"hello"), outcome)
    for name, line, outcome in (
        ("to continue", b"Expect: 100-continue", passes(_HELLO)),
        ("in odd case", b"eXPECT: 100-CONTINUE", passes(_HELLO)),
        ("twice", _EXPECT_TWICE, exactly(400)),
        ("something else", b"Expect: 200-ok", passes(_HELLO)),
        ("something besides", b"Expect: 100-continue, 200-ok", passes(_HELLO)),
        ("with a parameter", b"Expect: 100-continue;x=y", passes(_HELLO)),
        ("nothing", b"Expect:", passes(_HELLO)),
    )
] + [
    Case("R12", "expect without a body", request(b"Expect: 100-continue"), passes(Arrival(absent=("expect",)))),
    Case("R12", "expect on HTTP/1.0", request(b"Expect: 100-continue", b"Content-Length: 5", line=POST[:-1] + b"0",
         body=b"hello"), passes(_HELLO)),
    Case("R12", "expect and a request in the body", request(b"Expect: 100-continue", b"Content-Length: 0", line=POST)
         + SMUGGLED.replace(b"smuggled", b"second"),
         passes(replace(_HELLO, body=b""), Arrival("/legacy/locations?second"))),
]  # fmt: skip

CASES = [*R6, *R7, *R12]
