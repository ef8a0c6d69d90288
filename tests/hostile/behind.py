"""What comes of hostile requests behind a front that repairs or splits them, where that differs from the direct way.

A front reads first. Where it finds the end of a request that the gateway would have refused, what the client sent
behind it is a request of its own, with its own token, and is answered as one. A front that refuses by itself needs no
row.
"""

import re
from dataclasses import replace

from tests.hostile.cases import SUCCESS, Arrival, Outcome, exactly, passes

_GET = Arrival()
_POST = Arrival(method="POST", body=b"hello", absent=("x-anything", "from-a-trailer", "BRV", "bravo"))
_EMPTY_POST = Arrival(method="POST")
_SECOND = Arrival("/legacy/locations?smuggled")
_PLAIN_GET = replace(_GET, absent=("upgrade", "http2-settings", "connection"))
_ODD_NAMES = (
    *("x_ocpi_partner", "ocpi_from_party_id", "x-request_id", "x_forwarded_for", "_", "_host", "host_", "content_type"),
    *("authorization_", '"x-custom"', "x/custom", "x,custom", "x@custom", "x(custom)"),
)
_WITHOUT_ODD_NAMES = replace(_GET, absent=_ODD_NAMES)


def _then_second(http_status, *arrivals):
    """An answer with this status, then that to what stood behind it."""
    return Outcome((range(http_status, http_status + 1), SUCCESS), (*arrivals, _SECOND), may_end=True)


_TOO_LARGE = exactly(413, status_code=2001)
#: The front waits for the rest of what it was promised, whatever was answered: nothing more comes of the connection.
_STALLED = replace(_TOO_LARGE, stalls=True)
#: The front answers in another protocol than HTTP/1.
_IN_OTHER_WORDS = Outcome((), foreign=True)

_LENIENT_CHUNKS = (
    *("R4-chunk-blank-behind", "R4-chunk-tab-behind", "R4-chunk-LF-only*", "R4-chunk-NUL-in-an-extension"),
    "R4-chunk-blank-in-the-last",
)
_GOOD_TRAILERS = tuple(
    f"R5-trailer-{each}" for each in ("authorization", "party", "partner", "request-id", "connection", "anything")
)
_BOTH = (
    (passes(_POST, _SECOND), ("R2-encoding-behind-a-bare-LF", "R2-and-a-request-behind", "R3-length-behind-a-bare-LF",
     "R13-behind-a-chunked-one", *_LENIENT_CHUNKS, *_GOOD_TRAILERS)),
    (passes(replace(_POST, method="GET"), _SECOND), ("R2-on-GET",)),
    (passes(replace(_POST, body=b"hello\r"), _SECOND), ("R4-chunk-data-too-short",)),
    (passes(_GET, _SECOND), ("R6-LF-at-the-end", "R9-HTTP/1.0-and-a-request-behind")),
    (passes(_PLAIN_GET, _SECOND), ("R9-h2c", "R9-websocket", "R9-upgrade-to-TLS")),
    (passes(_POST), ("R3-bytes-behind-on-HTTP/1.0",)),
    (passes(_GET), ("R6-header-bare-LF", "R6-header-bare-LF-before-the-end", "R6-bare-LF-everywhere",
     "R9-version-HTTP/1.2", "R8-authorization-behind-a-bare-LF", "R13-behind-the-last-one")),
    (_then_second(405), ("R13-behind-a-wrong-method",)),
    (passes(_GET), ("R9-double-blank-*",)),
    (_TOO_LARGE, ("D3-length-above-the-limit", "D3-credentials-*", "D3-a-command-*")),
    (replace(_TOO_LARGE, begun=True), ("D3-chunks-above-the-limit",)),
    (_STALLED, ("D3-length-far-above-the-limit",)),
)  # fmt: skip
_NGINX = (
    (passes(_POST, _SECOND), ("R2-encoding-Chunked", "R2-encoding-CHUNKED", "R3-length-05", "R3-length-005",
     "R5-trailer-length", "R5-trailer-encoding", "R5-trailer-host", "R5-trailer-without-colon",
     "R5-trailer-with-a-blank-before-the-colon", "R5-trailer-folded", "R5-trailer-with-NUL", "R5-trailer-with-bare-LF",
     "R5-trailer-with-an-empty-name", "R5-trailer-200-of-them", "R5-trailer-of-9-KiB")),
    (passes(_EMPTY_POST, _SECOND), ("R4-chunk-blank-inside",)),
    (passes(_GET, _SECOND), ("R13-behind-an-absolute-target",)),
    # It drops such a header, and then finds that what was to be the body is no request.
    (passes(_EMPTY_POST, then=[400]), ("R2-encoding-underscore-for-hyphen", "R2-encoding-soft-hyphen-in-the-name",
     "R3-length-00", "R3-length-underscore-for-hyphen")),
    (passes(_GET, then=[400]), ("R13-then-one-with-length-and-chunks",)),
    (passes(_GET, replace(_GET, body=b"GET /"), then=[400]), ("R13-then-one-with-a-bad-length",)),
    (passes(_WITHOUT_ODD_NAMES), ("R6-underscore-in-*", "R6-header-name-of-quotes", "R6-header-name-with-*",
     "R6-byte-80-in-a-name", "R6-byte-e9-in-a-name", "R6-byte-ff-in-a-name",
     "R8-authorization-with-an-underscore-besides")),
    # It hands on a host and port that it made itself.
    (passes(_GET), ("R7-host-a:", "R7-host-a:b", "R7-host-a:-1", "R7-host-a:+80", "R7-host-a:99999", "R7-host-a:65536",
     "R7-host-a:80:80", "R7-host-a:080000", "R7-host-[::1]x", "R7-host-[::1]:x", "R7-host-user:pass@a",
     "R9-version-HTTP/1.10", "R9-version-HTTP/1.1_", "R10-target-http://gateway.test*", "R10-target-https://*",
     "R10-target-HTTP://*", "R10-target-http://evil.example*", "R10-target-ws://a*")),
    # It keeps Connection to itself, but not the header that is named there.
    (passes(_GET), ("P3-connection-names-another-header", "R6-header-no-colon", "R6-header-two-CR")),
    (exactly(400), ("R7-no-host-on-HTTP/1.0", "R3-blanks-around-it", "R2-blanks-before-it")),
    # HTTP/0.9: an answer without a head.
    (_IN_OTHER_WORDS, ("R9-version-nothing", "R9-line-with-no-version-and-no-blank", "R9-line-with-LF-inside",
     "R9-line-with-no-break-space-before-the-version", "R13-behind-a-malformed-one")),
    (replace(passes(_GET, then=[400]), foreign=True, may_close=True), ("R13-then-a-malformed-one",)),
    *_BOTH,
)  # fmt: skip
_HAPROXY = (
    (passes(_POST, _SECOND), ("R2-encoding-folded-value", "R3-length-5,5", "R3-length-5,_5", "R3-length-folded",
     "R3-length-twice-the-same", "R5-trailer-folded", "R5-trailer-with-bare-LF")),
    # It drops the length, hands on the chunks, and closes.
    (passes(_POST), ("R1-length-then-chunked", "R1-chunked-then-length", "R1-length-of-the-first-chunk",
     "R1-length-zero", "R1-length-in-odd-case", "R1-encoding-in-odd-case", "R1-tab-before-the-encoding",
     "R1-folded-encoding", "R1-encoding-behind-a-bare-LF", "R1-length-behind-a-bare-LF", "R2-blanks-behind-it")),
    (passes(_GET, _POST), ("R13-then-one-with-length-and-chunks",)),
    (passes(_GET, then=[400, 400]), ("R13-then-one-with-a-bad-length",)),
    (passes(_GET, then=[400]), ("R13-then-a-malformed-one",)),
    (passes(_GET), ("R6-header-folded-with-*", "R6-blank-before-the-end", "R7-host-twice-the-same",
     "R7-host-behind-a-fold", "R9-version-HTTP/2.0", "R9-version-HTTP/3.0", "R9-version-HTTP/9.9",
     "R9-line-with-tab-before-the-*")),
    # The gateway refuses the first; the front knows where it ends.
    (_then_second(400), ("R2-encoding-chunked,", "R2-encoding-Chunked", "R2-encoding-CHUNKED", "R3-length-05",
     "R3-length-005", "R5-trailer-length", "R5-trailer-host", "R5-trailer-of-9-KiB",
     "R5-trailer-with-a-blank-before-the-colon", "R5-trailer-with-NUL",
     "R10-CONNECT", "R13-behind-one-with-a-bad-host")),
    (exactly(400, 405), ("R3-length-00", "R3-length-18446744073709551616", "R3-length-underscore-for-hyphen")),
    (exactly(400, 400), ("R2-encoding-underscore-for-hyphen",)),
    (exactly(401, 400), ("R2-encoding-space-before-the-name",)),
    (_IN_OTHER_WORDS, ("R9-protocol-HTTP/2-preface",)),
    *_BOTH,
)  # fmt: skip
TABLES = {"nginx": _NGINX, "haproxy": _HAPROXY}


def matches(pattern, case):
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), case.id) is not None


def outcome_behind(front, case):
    """What comes of a case behind a front."""
    for outcome, patterns in TABLES[front]:
        if any(matches(pattern, case) for pattern in patterns):
            return outcome
    return case.outcome
