"""R6, R7, R9 to R12: request lines and the syntax of headers. Under R6 stands whatever is wrong with a header line."""

from dataclasses import replace

from tests.hostile.cases import (
    HOST,
    LINE,
    PATH,
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

_VERSIONS = (
    *(b"HTTP/2.0", b"HTTP/1.2", b"HTTP/0.9", b"HTTP/3.0", b"HTTP/9.9", b"HTTP/1.10", b"HTTP/11.1", b"HTTP/01.1"),
    *(b"HTTP/1", b"HTTP/1.", b"HTTP/.1", b"HTTP/", b"HTTP", b"HTTP/1,1", b"HTTP/1.1x", b"HTTP/x.y", b"HTTP/-1.1"),
    *(b"http/1.1", b"Http/1.1", b"HTTP /1.1", b"HTTP/ 1.1", b"HTTP/1 .1", b"HTTP\\1.1", b"HTTPS/1.1"),
    *(
        b"ICE/1.0",
        b"XTTP/1.1",
        b"HTTP/1.1 HTTP/1.1",
        b"HTTP/1.1 ",
        b"HTTP/1.1\t",
        b"HTTP/1.1\x00",
        b"HTTP/1\xef\xbc\x8e1",
        b"",
    ),
)
_LINES = {
    "no version and no blank": LINE.rpartition(b" ")[0],
    "tab before the target": LINE.replace(b" ", b"\t", 1),
    "tab before the version": LINE.replace(b" H", b"\tH"),
    "vertical tab before the target": LINE.replace(b" ", b"\x0b", 1),
    "form feed before the version": LINE.replace(b" H", b"\x0cH"),
    "no-break space before the version": LINE.replace(b" H", b"\xa0H"),
    "blank first": b" " + LINE,
    "tab first": b"\t" + LINE,
    "NUL first": b"\x00" + LINE,
    "byte order mark first": b"\xef\xbb\xbf" + LINE,
    "CR inside": LINE.replace(b"/sender", b"\r/sender"),
    "LF inside": LINE.replace(b"/sender", b"\n/sender"),
    "CR before the version": LINE.replace(b" H", b"\rH"),
    "two CR at the end": LINE + b"\r",
    "no method": LINE[4:],
    "no method but a blank": LINE[3:],
    "blank in the method": b"G" + LINE.replace(b"GET", b" ET"),
    "NUL in the method": LINE.replace(b"GET", b"G\x00ET"),
    "colon behind the method": LINE.replace(b"GET", b"GET:"),
    "64 KiB": LINE.replace(b" H", b"?" + b"x" * 65536 + b" H"),
    "12 KiB": LINE.replace(b" H", b"?" + b"x" * 12288 + b" H"),
    "blank in the target": LINE.replace(b" H", b"?a b H"),
}
_OTHER_PROTOCOLS = {
    "TLS": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(range(160)),
    "SSL 2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(37),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "PROXY": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + request(),
    "PROXY 2": b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12) + request(),
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "SMTP": b"EHLO example.com\r\n",
    "SIP": LINE.replace(b"GET", b"INVITE").replace(b"HTTP/1.1", b"SIP/2.0") + b"\r\n\r\n",
    "NUL bytes": bytes(64) + b"\r\n\r\n",
    "an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + SMUGGLED,
}
R9 = (
    [Case("R9", f"version {printable(each)}", request(line=LINE[:-8] + each)) for each in _VERSIONS]
    + [Case("R9", f"line with {name}", request(line=line)) for name, line in _LINES.items()]
    + [Case("R9", f"protocol {name}", raw, finishes=True) for name, raw in _OTHER_PROTOCOLS.items()]
    + [
        Case("R9", "HTTP/1.0 and a request behind", request(b"Connection: keep-alive", line=LINE[:-1] + b"0")
             + SMUGGLED, passes()),
        Case("R9", "an empty line first", b"\r\n" + request(), passes()),
        Case("R9", "an LF first", b"\n" + request(), passes()),
        # Whoever splits such a line at its blanks reads the same three words; the gateway writes a line of its own.
        Case("R9", "double blank before the target", request(line=LINE.replace(b" ", b"  ", 1)), passes()),
        Case("R9", "double blank before the version", request(line=LINE.replace(b" H", b"  H")), passes()),
        Case("R9", "RTSP/1.0 is read as HTTP/1.0", request(line=LINE[:-8] + b"RTSP/1.0"), passes()),
        Case("R9", "h2c", request(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk")
             + SMUGGLED, passes(Arrival(absent=("upgrade", "http2-settings", "connection")))),
        Case("R9", "websocket", request(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
             b"Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==") + SMUGGLED,
             passes(Arrival(absent=("upgrade", "connection")))),
        Case("R9", "upgrade to TLS", request(b"Connection: Upgrade", b"Upgrade: TLS/1.2") + SMUGGLED,
             passes(Arrival(absent=("upgrade", "connection")))),
    ]
)  # fmt: skip

_TARGETS = (
    *("http://gateway.test" + PATH, "https://gateway.test" + PATH, "HTTP://gateway.test" + PATH),
    *("http://evil.example" + PATH, "http://gateway.test:80" + PATH, "http://" + PATH, "http:" + PATH, "ws://a" + PATH),
    *("gateway.test" + PATH, "gateway.test:443", ":80" + PATH, "@evil" + PATH, PATH[1:], "?x", "*", "*" + PATH),
    *("\\" + PATH, "file://" + PATH, "urn:x", "#" + PATH),
)
R10 = [
    Case("R10", f"target {each}", request(line=f"GET {each} HTTP/1.1".encode())) for each in _TARGETS
] + [Case("R10", "CONNECT", request(line=b"CONNECT gateway.test:443 HTTP/1.1") + SMUGGLED),
     Case("R10", "OPTIONS", request(line=b"OPTIONS * HTTP/1.1"))]  # fmt: skip

_METHODS = (
    *(
        "OPTIONS",
        "TRACE",
        "TRACK",
        "CONNECT",
        "PROPFIND",
        "MOVE",
        "LOCK",
        "SEARCH",
        "PURGE",
        "LINK",
        "M-SEARCH",
        "QUERY",
    ),
    *("DEBUG", "FOO", "get", "Get", "gET", "post", "GETX", "XGET", "!", "G|T", "HEAD2", "X" * 100),
)
R11 = [
    Case("R11", f"method {each[:20]}", request(line=LINE.replace(b"GET", each.encode())), exactly(405))
    for each in _METHODS
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

CASES = [*R6, *R7, *R9, *R10, *R11, *R12]
