"""What a hostile request is: bytes with a place for a valid token, and what may come of them.

A case is named after its row of hardening.md. Its token is good, so that nothing but the stated fault can refuse it.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace

PATH = "/ocpi/2.2.1/sender/locations"
LINE = b"GET " + PATH.encode() + b" HTTP/1.1"
POST = LINE.replace(b"GET", b"POST")
HOST = b"Host: gateway.test"
#: Stand for the Authorization headers of two partners.
ACME, BRAVO = b"<acme>", b"<bravo>"
#: A whole request that must never be taken for one, wherever it hides.
SMUGGLED = b"GET " + PATH.encode() + b"?smuggled HTTP/1.1\r\n" + HOST + b"\r\n" + ACME + b"\r\n\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"


def by_the_book(token):
    return b"Token " + base64.b64encode(token.encode())


@dataclass(frozen=True)
class Arrival:
    """A request as it must arrive at the backend, beside what every one has to have.

    Attributes:
        absent: names, or values, that no header of it has.
        headers: that it has exactly so.
    """

    target: str = "/legacy/locations"
    method: str = "GET"
    body: bytes = b""
    partner: str = "acme"
    absent: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What comes of a connection.

    Attributes:
        http_statuses: of each answer in turn, as the statuses that it may have; what comes after the last is an error.
        arrivals: what reaches the backend: these, and not a byte beside them.
        may_close: the connection may be closed instead of the last answer.
        status_code: of the OCPI envelope, where it matters.
        begun: the beginning of the request may reach the backend, its end never: it was sent piece by piece.
        may_end: the connection may end before the last request is taken up.
        stalls: the connection is of no use afterwards, because more of the request is waited for.
        foreign: the last answer isn't HTTP/1 at all.
    """

    http_statuses: tuple[range, ...]
    arrivals: tuple[Arrival, ...] = ()
    may_close: bool = False
    status_code: int | None = None
    begun: bool = False
    may_end: bool = False
    stalls: bool = False
    foreign: bool = False


CLIENT_ERRORS = range(400, 500)
SUCCESS = range(200, 201)
REFUSED = Outcome((CLIENT_ERRORS,), may_close=True)
BROKEN_OFF = replace(REFUSED, begun=True)


def exactly(*http_statuses, status_code=None):
    """These answers, and nothing at the backend."""
    return Outcome(tuple(range(each, each + 1) for each in http_statuses), status_code=status_code)


def passes(*arrivals, then=()):
    """Each request is forwarded so; after them come answers with the statuses of `then`."""
    expected = arrivals or (Arrival(),)
    return Outcome((SUCCESS,) * len(expected) + tuple(range(each, each + 1) for each in then), expected)


@dataclass(frozen=True)
class Case:
    """A hostile request, or several on one connection.

    Attributes:
        row: of hardening.md.
        finishes: the client ends its side of the connection behind it.
        spelling: how acme's token is written into the header.
    """

    row: str
    name: str
    raw: bytes = field(repr=False)
    outcome: Outcome = REFUSED
    finishes: bool = False
    spelling: Callable[[str], bytes] = by_the_book

    @property
    def id(self):
        return f"{self.row}-{self.name.replace(' ', '-')}"

    def written(self, tokens):
        """Its bytes with real tokens."""
        acme = b"Authorization: " + self.spelling(tokens["acme"])
        return self.raw.replace(ACME, acme).replace(BRAVO, b"Authorization: " + by_the_book(tokens["bravo"]))


def request(*lines, line=LINE, host=HOST, authorization=ACME, body=b""):
    """A request head with these further lines; None leaves Host or Authorization out."""
    fixed = [each for each in (host, authorization) if each is not None]
    return b"\r\n".join([line, *fixed, *lines, b"", b""]) + body


def printable(data):
    """Bytes as they may stand in the id of a test."""
    shown = data if isinstance(data, str) else data.decode("latin-1")
    return shown.encode("unicode_escape").decode().replace("\\", "~").replace(" ", "_") or "nothing"
