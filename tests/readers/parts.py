"""What messages are made of: for each place what stands there in good requests, and what makes readers differ.

What comes more than once is chosen more often.
"""

METHODS = b"GET GET GET POST POST PUT PATCH DELETE HEAD OPTIONS".split()
ODD_METHODS = b"get GET_ALL TRACE CONNECT PRI M-SEARCH !GET G\x00T GE\tT".split(b" ")

TARGETS = rb"""
    / /ocpi/versions /ocpi/2.2.1/sender/locations?offset=10&limit=50 /ocpi/2.2.1/receiver/tokens/DE/ABC/1?type=RFID
    /a;b=c /a%2Fb /%C3%A9 /a//b /a/../b /a/./b /a? /?a=/../b /a|b{c}^"<>\`d /a'(b)*!$,@:=~ /a+b&c
""".split()
ODD_TARGETS = [
    *b"http://a/b HTTP://a:80/b https://a@b/c http://a * a a:443 //a/b ///a /.. /../a /%2e%2e/a /a%zz /% /%00".split(),
    *rb"/a#b /?a#b # ? \a /\a".split(),
    *(b"", b"/a b", b"/a\tb", b"/\x7f", b"/caf\xe9", b"/\xc3\xa9", b"/a\x00b", b"/" + b"a" * 12000),
]

VERSIONS = [*[b"HTTP/1.1"] * 7, b"HTTP/1.0"]
ODD_VERSIONS = b" HTTP/1.2 HTTP/0.9 HTTP/2.0 http/1.1 HTTP/01.1 HTTP/1.10 HTTP/1 HTTP/1.1x HTTP/1,1 RTSP/1.0".split(
    b" "
)

ODD_BEGINNINGS = [b"\r\n", b"\r\n", b"\n", b"\r\n\r\n", b"\r", b" ", b"\x00", b"\t\r\n", b"\xef\xbb\xbf"]
ODD_SEPARATORS = [b"  ", b"\t", b"\x0b", b"\xa0", b""]
ODD_LINE_ENDS = [b"\n", b"\r", b"\r\r\n", b"\n\r\n", b" \r\n", b"\x00\r\n", b"\r\n ", b"\r\n\t", b"\r\n\r\n", b""]

#: Behind a colon.
BLANKS = [*[b" "] * 20, b"", b"", b"\t", b"  "]
ODD_BLANKS = [b"\r\n ", b"\n ", b"\x0b", b"\x00", b"\xa0", b"\x0c"]
#: What is made of a name.
ODD_NAMES = [
    *(b"%b ", b" %b", b"%b\t", b"\t%b", b"%b\x00", b"\x00%b", b"%b\x0b", b"%b\xa0"),
    *(b"X-%b", b"%b-", b"%b:", b":%b", b"%b\r\n "),
]

HOSTS = b"a gateway.example.com gateway.example.com:8080 [::1] [::1]:443 127.0.0.1 a_b A-1.test.".split()
ODD_HOSTS = [
    *b"a@b a/b a,b b:x a: a:65536 a:080 [::1 [::1]x a?b a#b %61 * a\\b".split(),
    *(b"", b"a b", b"a, b", b"a\x00", b"caf\xe9"),
]

LENGTH = b"Content-Length Content-Length content-length CONTENT-LENGTH".split()
ODD_LENGTHS = [
    *b'%d +%d -%d 0%d 0x%d %d,5 %d.0 %d; %de0 %d_0 "%d" 1844674407370955162%d'.split(),
    *(b"", b"%d, 5", b"%d 5", b"%d \t", b"%d\r\n 5", b"\x0b%d", b"%d\x00", b"%d\xb2"),
]

ENCODING = b"Transfer-Encoding Transfer-Encoding transfer-encoding TRANSFER-ENCODING".split()
ODD_ENCODINGS = [
    *b"Chunked CHUNKED chunked, ,chunked gzip,chunked chunked,identity identity xchunked chunked;q=1 cow".split(),
    *(b"", b'"chunked"', b"chunked ", b"chunked\t", b"\x0bchunked", b"\xa0chunked", b"chunked\x00", b"chunked\x0c"),
    *(b"chunked\r\n ", b"chun\r\n ked", b"chunked, chunked", b"gzip, chunked", b"chunked, gzip", b"trailers"),
]

CONNECTIONS = [
    *b"close keep-alive Close CLOSE Keep-Alive close,keep-alive keep-alive,close closed x-close foo te upgrade".split(),
    *b'"close" close;q=1 content-length transfer-encoding host ,close ,'.split(),
    *(b"close x", b"close, foo", b"foo, Close"),
]

HEADERS = [
    *(b"Authorization: Token YQ==", b"Accept:*/*", b"X-Request-ID: 1", b"Via: 1.1 a", b"via: 1.0 b", b"X-Empty:"),
    *(b"Content-Type: application/json", b"Accept-Encoding: gzip;q=0", b"Content-Encoding: gzip", b"Range: bytes=0-1"),
    *(b"X-Marks: !#$%&'*+.^_`|~\"(),/:;<=>?@[\\]{}", b"!#$%&'*+.^`|~-: 1", b"X-Latin: caf\xe9", b"X-Tab: a\tb"),
    *(b"X-Utf: caf\xc3\xa9\xff", b"TE: trailers", b"Trailer: X-Trailer", b"X: a, , b", b"Keep-Alive: timeout=5, max=1"),
    *(b"Proxy-Connection: close", b"Cookie: a=b; c", b"If-None-Match: *", b"Max-Forwards: 0", b"X: " + b"a" * 3000),
]
ODD_HEADERS = [
    *(b"X-Null: a\x00b", b"X-Delete: \x7f", b"X-Escape: \x1b[0m", b"X-Feed: a\nb", b"X-Feed: a\nContent-Length: 3"),
    *(b"X-Return: a\rb", b"X-Return: a\rTransfer-Encoding: chunked", b"X: a\r\n b", b"X:\r\n\tContent-Length: 3"),
    *(b"X_Under: 1", b"Content_Length: 3", b"Transfer_Encoding: chunked", b"X Blank: 1", b"X(1): 1", b"X\xe9: 1"),
    *(b"", b" ", b": 1", b"nonsense", b"Content-Length", b"Transfer-Encoding", b"GET / HTTP/1.1", b"Upgrade: h2c"),
    *(b"Expect: 100-continue", b"Expect: 100-Continue", b"Expect: 200-ok", b"X-HTTP-Method-Override: PUT", b"Host: b"),
    b"X: " + b"a" * 9000,
]

BODIES = [
    *(b"hello", b"hello", b"", b"a", b'{"id": "LOC1"}', b"\r\n", b"\n", b"\r\nhello\r\n", b"x" * 300),
    *(b"0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"GET /within HTTP/1.1\r\nHost: a\r\n\r\n", bytes(range(256))),
]

SIZES = [b"%x", b"%x", b"%X", b"0%x", b"000%x"]
ODD_SIZES = [
    *(b"0x%x", b"+%x", b"-%x", b" %x", b"%x ", b"%x\t", b"%x_0", b"%xg", b"%x,", b"%x\x00"),
    *(b"", b"100000000%07x", b"10000000000000%03x"),
]
EXTENSIONS = [b";a", b";a=1", b';a="b c"', b";", b"; a = 1", b";a=\xe9", b';a="\\""', b";0\t", b";" + b"a" * 200]
ODD_EXTENSIONS = [b";a\nb", b";a\rb", b" ;a", b';a="\r\n"', b";a\x00", b";a\x7f", b",", b" a", b";" + b"a" * 17000]
TRAILERS = [b"X-Trailer: 1\r\n", b"X-Trailer: 1\r\nX-More: 2\r\n", b"X-Empty:\r\n", b"Authorization: Token Yg==\r\n"]
ODD_TRAILERS = [
    *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n", b"X: a\r\n b\r\n", b"nonsense\r\n"),
    *(
        b"X: a\n",
        b"X : a\r\n",
        b": a\r\n",
        b"X: a\x00\r\n",
        b"X_Y: a\r\n",
        b" \r\n",
        b"\n",
        b"GET /behind HTTP/1.1\r\n",
    ),
]

#: What is put anywhere.
BYTES = [bytes([code]) for code in (0, 9, 10, 11, 13, 32, 35, 44, 48, 58, 59, 95, 127, 128, 255)]
#: What stands behind most messages, so that readers that end a request elsewhere take it for something else.
LAST = b"GET /last HTTP/1.1\r\nHost: last\r\n\r\n"
