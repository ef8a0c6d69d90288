"""R9 to R11: request lines, and what speaks another protocol than HTTP/1."""

from tests.hostile.cases import LINE, PATH, SMUGGLED, Arrival, Case, exactly, passes, printable, request

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
        Case("R9", "double blank before the target", request(line=LINE.replace(b" ", b"  ", 1))),
        Case("R9", "double blank before the version", request(line=LINE.replace(b" H", b"  H"))),
        Case("R9", "RTSP/1.0", request(line=LINE[:-8] + b"RTSP/1.0")),
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

CASES = [*R9, *R10, *R11]
