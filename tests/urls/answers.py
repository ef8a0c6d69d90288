"""What a partner may be answered where its URL is refused: these sentences, whatever lies behind the URL.

Syntax is known before anything is looked up, so it is told. All else is one sentence (hardening.md, URLs 6).
"""

import re

_SYNTAX = (
    "is not a text|is longer than 255 characters|holds characters that are not allowed in a URL|is not a URL"
    "|does not start with https:// or http://|has no host name|holds a user name|holds a fragment"
)
_POLICY = (
    "has no valid host name|has a host name without a dot|has an unusual origin|does not start with https://"
    "|names an IP address instead of a host name|has an unusual IP address|names a port other than 443"
)
_STEP = "GET (?:versions|version details)"
_UNREACHABLE = "your platform could not be reached, or did not answer with HTTP 200 and an OCPI document"

#: By HTTP status and OCPI status code.
_REFUSALS = {
    (200, 2001): rf"read credentials: url: (?:{_SYNTAX}|is on another origin than the one registered; .*)",
    (200, 3001): (
        rf"{_STEP}: (?:{_UNREACHABLE}|your platform can not be called: the URL (?:{_SYNTAX}|{_POLICY})"
        r"|no entry of the version list has a version and a URL|an endpoint's url is not a usable URL"
        r"|a URL there is on a host that is not one of yours)"
    ),
    (400, 2001): "response_url can not be called from here|response_url is not on a host of your platform",
}


def tells_nothing(answer):
    """Whether an answer is one of the documented refusals, in words that tell nothing of what lies behind a URL."""
    http_status, status_code, message = answer
    return re.fullmatch(_REFUSALS.get((http_status, status_code), "(?!)"), message) is not None
