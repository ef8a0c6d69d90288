"""What is asked, and what the answer must be."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from bench.partners import token_of

KB, MB = 2**10, 2**20
CONNECTIONS = 64
TOKENS = 997  # how many partners' tokens the requests go through at most, each in its turn
SHORT_ANSWER_BYTES = 128  # of the upstream to anything but GET
LOCATIONS, CDRS = "/ocpi/2.2.1/sender/locations", "/ocpi/2.2.1/receiver/cdrs"
HEADERS = (
    "Host: gateway.example",
    "User-Agent: partner/1.0",
    "Accept: application/json",
    "X-Request-ID: 5e6f3c1a-9d1b-4a57-8a3e-0d5c7b2f9e10",
    "X-Correlation-ID: 0b7a1c9e-2f4d-4c8b-b1a6-3e9d5f8c7a21",
)


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One kind of request.

    Attributes:
        http_status: of every answer.
        answer_bytes: the length of its body; None where every proxy has words of its own.
        connections: how many ask at the same time.
    """

    name: str
    method: str = "GET"
    path: str
    body: bytes = b""
    http_status: int = 200
    answer_bytes: int | None
    connections: int = CONNECTIONS

    def request(self, authorization: str) -> bytes:
        """As it is sent."""
        lines = [f"{self.method} {self.path} HTTP/1.1", *HEADERS, f"Authorization: {authorization}"]
        if self.body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(self.body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def header_of(credentials_token: str) -> str:
    """The Authorization header of a token as OCPI 2.2.1 writes it."""
    return f"Token {base64.b64encode(credentials_token.encode()).decode()}"


def good_headers(partners: int) -> list[str]:
    """Authorization headers of registered partners, all equally long."""
    return [header_of(token_of(number % partners + 1)) for number in range(min(partners, TOKENS))]


def bad_headers() -> list[str]:
    """Authorization headers that nobody was given, as long as good ones."""
    return [header_of(token_of(number)[::-1]) for number in range(1, TOKENS + 1)]


def in_turn(workload: Workload, headers: Sequence[str]) -> tuple[bytes, int]:
    """The requests one after the other, and the length of each in bytes, which is the same for all.

    Raises:
        ValueError: they are not equally long.
    """
    requests = [workload.request(header) for header in headers]
    if len({len(request) for request in requests}) != 1:
        raise ValueError("requests must be equally long")
    return b"".join(requests), len(requests[0])


def _get(name: str, size: int, connections: int = CONNECTIONS) -> Workload:
    return Workload(name=name, path=f"{LOCATIONS}/{size}", answer_bytes=size, connections=connections)


GET_2KB = _get("GET 2 kB", 2 * KB)
GET_5KB = _get("GET 5 kB", 5 * KB)
GET_1MB = _get("GET 1 MB", MB)
POST_2KB = Workload(
    name="POST 2 kB", method="POST", path=CDRS, body=b"{" + b" " * (2 * KB - 2) + b"}", answer_bytes=SHORT_ANSWER_BYTES
)
REFUSED = Workload(name="401", path=f"{LOCATIONS}/{2 * KB}", http_status=401, answer_bytes=None)
ONE_BY_ONE = _get("one connection", 2 * KB, connections=1)
EGRESS = Workload(name=GET_2KB.name, path=f"/partners/partner-1/sender/tokens/{2 * KB}", answer_bytes=2 * KB)
SCALE = _get("scale", 2 * KB)

FORWARDED = (GET_2KB, GET_5KB, GET_1MB, POST_2KB, REFUSED)
