"""P1: paths that two readers could understand differently are refused with 400; P2: any other arrives as it was."""

from tests.hostile.cases import CLIENT_ERRORS, PATH, Arrival, Case, Outcome, exactly, passes, printable, request

_SPELLINGS = (
    *("/..", "/../", "/../x", "/.", "/./", "/./x", "//", "//x", "/x//y", "/x/../y", "/x/..", "/...//x"),
    *("/%2e%2e", "/%2e%2e/x", "/%2E%2E/x", "/.%2e/x", "/%2e./x", "/%2e", "/%2e/x", "/x%2ey", "/%252e%252e/x", "/%252f"),
    *("/%2f", "/%2F", "/x%2fy", "/x%2F..%2Fy", "/%5c", "/%5C", "/x%5cy", "/..%5cx", "/..%2fx", "/%25", "/x%25y"),
    *("/\\", "/x\\y", "/..\\x", "/\\..\\x", ";", "/;", "/x;y", ";jsessionid=1", "/..;/x", "/x;/../y", "/.;/x"),
    *("%", "/%", "/x%", "/%2", "/%g0", "/%0g", "/%zz", "/%u002e", "/%u2215", "/%%32%65", "/% 2e", "/%-1", "/%+2e"),
    *("/%c0%ae", "/%c0%af", "/%c1%9c", "/%e0%80%af", "/%f0%80%80%af", "/%fc%80%80%80%80%af", "/%ff", "/%80", "/%c3"),
    *(
        "/%ed%a0%80",
        "/%f4%90%80%80",
        "/%EF%BF",
        "/%7f",
        "/%7F",
        "#",
        "/#",
        "/x#y",
        "?x#y",
        "/x#?y",
        "/%00",
        "/x%00.json",
    ),
    *('/"', "/<", "/>", "/[", "/]", "/^", "/`", "/{", "/|", "/}", "/<script>", "/x|y"),
)
_RAW = (
    b"/\xe9",
    b"/\xc3\xa9",
    b"/\xff",
    b"/\xef\xbc\x8f",
    b"/\xe2\x80\xae",
    b"?\xe9",
    b"?\xc3\xa9",
    b"/\x80",
    b"/\xa0",
)
_CONTROLS = (*range(1, 9), 11, 12, *range(14, 32), 127)
_REFUSED = exactly(400)
#: The parser may give up before us: then there is no telling which path it was.
_REFUSED_EARLY = Outcome((CLIENT_ERRORS,), may_close=True)

_EXACT = (
    *(
        "",
        "/",
        "/x/",
        "?",
        "/?",
        "/x?",
        "??",
        "?a=b&a=c",
        "?%",
        "?%zz",
        "?%2e%2e/",
        "?a=//b/../c",
        "?/..",
        "?a\\b",
        "?a;b",
    ),
    *(
        '?"<>[]^`{|}',
        "/a:b@c",
        "/!$&'()*+,=",
        "/~x",
        "/x~",
        "/...",
        "/.x",
        "/x.",
        "/%20",
        "/%3f",
        "/%23",
        "/%3b",
        "/%C3%A9",
    ),
    *("/%c3%a9", "/%ef%bc%8f", "/%E2%80%AE", "/%41", "/%7e", "?%00", "?%0d%0a", "?x=%25", "/" + "x" * 7000),
)

P1 = (
    [Case("P1", f"path {printable(each)}", request(line=f"GET {PATH}{each} HTTP/1.1".encode()), _REFUSED)
     for each in _SPELLINGS]
    + [Case("P1", f"path escape {byte:02x}", request(line=f"GET {PATH}/x%{byte:02x}y HTTP/1.1".encode()), _REFUSED)
       for byte in range(32)]
    + [Case("P1", f"path byte {byte:02x}", request(line=f"GET {PATH}/x%cy HTTP/1.1".encode() % byte), _REFUSED_EARLY)
       for byte in (0, *_CONTROLS)]
    + [Case("P1", f"query byte {byte:02x}", request(line=f"GET {PATH}?x%cy HTTP/1.1".encode() % byte), _REFUSED_EARLY)
       for byte in (0, 1, 9, 11, 27, 31, 127)]
    + [Case("P1", f"path bytes {printable(each)}", request(line=b"GET " + PATH.encode() + each + b" HTTP/1.1"),
            _REFUSED_EARLY) for each in _RAW]
    + [Case("P1", f"root {printable(each)}", request(line=f"GET {each} HTTP/1.1".encode()), outcome)
       for each, outcome in (
           ("//evil.example" + PATH, _REFUSED), ("/." + PATH, _REFUSED),
           ("/ocpi/../ocpi/2.2.1/sender/locations", _REFUSED),
           ("/ocpi//2.2.1/sender/locations", _REFUSED), ("/ocpi/2.2.1/sender%2flocations", _REFUSED),
           ("/ocpi/2.2.1/sender/locations%2f..", _REFUSED), ("/%6fcpi/2.2.1/sender/locations", exactly(404)),
           ("/ocpi/2%2e2.1/sender/locations", _REFUSED), ("/ocpi/2.2.1/%73ender/locations", exactly(404)),
           ("/ocpi/2.2.1/sender/%6cocations", exactly(404)), ("/OCPI/2.2.1/sender/locations", exactly(404)),
           ("/ocpi/2.2.1/sender/locations@evil", exactly(404)), ("/", exactly(404)), ("/ocpi", exactly(404)),
           ("/ocpi/2.2.1/sender/credentials", exactly(404)), ("/ocpi/2.2.1/sender/versions", exactly(404)),
           ("/ocpi/2.2.1/receiver/locations", exactly(404)), ("/ocpi/9.9/sender/locations", exactly(404)),
           ("/partners/acme/sender/tokens", exactly(404)), ("/metrics", exactly(404)),
       )]
)  # fmt: skip
P2 = [
    Case("P2", f"target {printable(each)[:40]}", request(line=f"GET {PATH}{each} HTTP/1.1".encode()),
         passes(Arrival("/legacy/locations" + each)))
    for each in _EXACT
]  # fmt: skip

CASES = [*P1, *P2]
