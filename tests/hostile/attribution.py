"""R8, R13, T1, P3, P4: who asks. What identifies a partner is said once, in one way, and by us."""

from tests.hostile.cases import (
    ACME,
    BRAVO,
    HELLO,
    LINE,
    POST,
    REFUSED,
    SMUGGLED,
    Arrival,
    Case,
    Outcome,
    exactly,
    passes,
    request,
)

R8 = [
    Case("R8", f"authorization {name}", request(*lines, authorization=None))
    for name, lines in {
        "twice the same": (ACME, ACME),
        "of two partners": (ACME, BRAVO),
        "of two partners in odd case": (ACME, b"aUTHORIZATION: Token " + b"x" * 20),
        "and an empty one": (ACME, b"Authorization:"),
        "behind an empty one": (b"authorization:", ACME),
        "and one of nonsense": (ACME, b"AUTHORIZATION: Basic YTpi"),
        "folded": (ACME + b"\r\n x",),
        "behind a bare LF": (b"X: y\n" + ACME,),
        "behind a bare CR": (b"X: y\r" + ACME,),
        "in a list": (ACME + b", Token x",),
        "with an underscore besides": (ACME, b"Authorization_: Token x"),
        "with a blank before the colon": (b"Authorization : Token x", ACME),
    }.items()
]

_ONCE = {
    "X-Request-ID": "a",
    "X-Correlation-ID": "a",
    "Content-Type": "application/json",
    "OCPI-from-country-code": "DE",
    "OCPI-from-party-id": "ABC",
    "OCPI-to-country-code": "NL",
    "OCPI-to-party-id": "EXA",
    "OCPI-anything": "x",
}
T1 = [
    Case("T1", f"{name} twice{how}", request(f"{name}: {value}".encode(), f"{change(name)}: {second}".encode()))
    for name, value in _ONCE.items()
    for how, change, second in (("", str, value), (" in odd case", str.swapcase, "other"), (" and empty", str, ""))
]

# Where the parser finds the fault before anything was handled, what came with it in one piece is refused as one.
_SECOND = SMUGGLED.replace(b"smuggled", b"second")
_SECOND_OF_BRAVO = _SECOND.replace(ACME, BRAVO)
_SECOND_ARRIVES = Arrival("/legacy/locations?second")
_LAST = request(b"Connection: close")
R13 = [
    Case("R13", name, raw, outcome)
    for name, raw, outcome in (
        ("two of one", request() + _SECOND, passes(Arrival(), _SECOND_ARRIVES)),
        ("acme then bravo", request() + _SECOND_OF_BRAVO,
         passes(Arrival(), Arrival("/legacy/locations?second", partner="bravo"))),
        ("bravo then acme", request(authorization=BRAVO) + _SECOND,
         passes(Arrival(partner="bravo"), _SECOND_ARRIVES)),
        ("bravo between acme", request() + request(authorization=BRAVO) + _SECOND,
         passes(Arrival(), Arrival(partner="bravo"), _SECOND_ARRIVES)),
        ("then one without token", request() + request(authorization=None), passes(Arrival(), then=[401])),
        ("then one with a wrong token", request() + request(authorization=b"Authorization: Token x"),
         passes(Arrival(), then=[401])),
        ("behind one without token", request(authorization=None) + _SECOND,
         Outcome((range(401, 402), range(200, 201)), (_SECOND_ARRIVES,))),
        ("then a malformed one", request() + b"GET /x\r\n\r\n" + SMUGGLED, passes(Arrival(), then=[400])),
        ("then one with a bad length", request() + request(b"Content-Length: 05") + SMUGGLED,
         passes(Arrival(), then=[400])),
        ("then one with length and chunks",
         request() + request(b"Content-Length: 5", b"Transfer-Encoding: chunked", line=POST, body=HELLO) + SMUGGLED,
         passes(Arrival(), then=[400])),
        ("behind a malformed one", b"GET /x\r\n\r\n" + SMUGGLED, exactly(400)),
        ("behind one with two hosts", request(b"Host: x") + SMUGGLED, exactly(400)),
        ("behind one with a bad host", request(host=b"Host: a/b") + SMUGGLED, exactly(400)),
        ("behind a wrong method", request(line=LINE.replace(b"GET", b"FOO")) + SMUGGLED, exactly(405)),
        ("behind an absolute target", request(line=LINE.replace(b"/", b"http://x/", 1)) + SMUGGLED, exactly(400)),
        ("behind a chunked one", request(b"Transfer-Encoding: chunked", line=POST, body=HELLO) + SMUGGLED,
         passes(Arrival(method="POST", body=b"hello"))),
        ("behind the last one", _LAST + SMUGGLED, REFUSED),
        ("behind one with a body", request(b"Content-Length: 5", line=POST, body=b"hello") + _SECOND,
         passes(Arrival(method="POST", body=b"hello"), _SECOND_ARRIVES)),
        ("behind a body of a wrong token",
         request(b"Content-Length: %d" % len(SMUGGLED), line=POST, authorization=b"Authorization: Token x")
         + SMUGGLED.replace(ACME, b"X-Fill"), exactly(401)),
    )
]  # fmt: skip

_IDENTITY = "Authorization, X-OCPI-Partner, X-OCPI-Version, X-Request-ID, X-Correlation-ID, OCPI-from-party-id"
P3 = [
    Case("P3", f"connection names {name}", request(*(line.encode() for line in lines)), passes())
    for name, lines in {
        "ours": (f"Connection: {_IDENTITY}",),
        "ours in odd case": (f"cONNECTION: {_IDENTITY.swapcase()}",),
        "ours without blanks": (f"Connection: {_IDENTITY.replace(' ', '')}",),
        "ours after nothing": ("Connection:", f"Connection: {_IDENTITY}"),
        "ours after commas": (f"Connection: , ,,{_IDENTITY},,",),
        "ours twice": (f"Connection: {_IDENTITY}", f"Connection: {_IDENTITY}"),
        "ours after keep-alive": ("Connection: keep-alive", f"connection: {_IDENTITY}"),
        "the host": ("Connection: Host",),
        "the length": ("Connection: Content-Length, Transfer-Encoding",),
        "the parties": ("Connection: OCPI-from-country-code, OCPI-to-country-code, OCPI-to-party-id",),
        "itself": ("Connection: Connection",),
        "what is quoted": ('Connection: "Authorization", X-OCPI-Partner;x=y',),
        "1000 names": ("Connection: " + ", ".join(f"X-{number}" for number in range(1000)),),
    }.items()
] + [
    Case("P3", "connection names another header", request(b"Connection: X-Custom", b"X-Custom: forged"),
         passes(Arrival(absent=("x-custom", "forged")))),
]  # fmt: skip

_FORGED = (
    *(
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "Forwarded",
    ),
    *("X-Forwarded", "X-Forwarded-Anything", "x-FORWARDED-for", "X-Real-IP", "X-Client-IP", "X-Cluster-Client-IP"),
    *("True-Client-IP", "CF-Connecting-IP", "X-Original-URL", "X-Original-URI", "X-Rewrite-URL", "X-Original-Host"),
    *("X-Host", "X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method", "X-OCPI-Partner", "X-OCPI-Version"),
    *("x-ocpi-PARTNER", "X-OCPI-Anything", "OCPI-anything", "Proxy-Authorization", "Proxy-Connection", "Proxy"),
    *("Cookie", "Via", "TE", "Keep-Alive", "Trailer", "X-Remote-User", "Remote-User"),
)
P4 = [
    Case("P4", f"forged {name}{how}", request(*[f"{name}: forged".encode()] * times),
         passes(Arrival(absent=("forged",))))
    for name in _FORGED
    for how, times in (("", 1), (" twice", 2))
    if not (times == 2 and name.lower().startswith("ocpi-"))
] + [
    Case("P4", f"forged {name}", request(*(line.encode() for line in lines)), exactly(404, status_code=2001))
    for name, lines in {
        "sender": ("OCPI-from-country-code: DE", "OCPI-from-party-id: BRV"),
        "half a sender": ("OCPI-from-party-id: BRV",),
        "receiver": ("OCPI-to-country-code: DE", "OCPI-to-party-id: BRV"),
    }.items()
]  # fmt: skip


CASES = [*R8, *T1, *R13, *P3, *P4]
