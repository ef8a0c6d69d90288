"""One bounded request for a handshake document: exact URL, capped body, total time-out, and a cause when it fails."""

import asyncio
from collections.abc import Mapping
from typing import Final

import aiohttp

from gateway.net.client import HttpClient, Transmission
from gateway.net.failures import FAILURES, explain
from gateway.ocpi.flow import Fetch, FetchCause, FetchFailedError, Reply

_NOTHING_MORE: Final[Mapping[str, str]] = {}


async def fetch(
    client: HttpClient,
    request: Fetch,
    *,
    timeout_seconds: float,
    max_bytes: int,
    partner: str | None = None,
    further_headers: Mapping[str, str] = _NOTHING_MORE,
) -> Reply:
    """Send a request once and read the whole answer.

    Args:
        timeout_seconds: for everything, from resolving the name to the last byte.
        max_bytes: the largest body.
        partner: for whom this is; rules for addresses may depend on it.
        further_headers: beside those of the request, such as message ids.

    Raises:
        FetchFailedError: no usable answer came; says why, and whether the partner may have got the request.
    """
    transmission = Transmission()
    headers = {**request.headers, **further_headers, "Accept-Encoding": "identity"}
    try:
        async with asyncio.timeout(timeout_seconds):
            answer = await client.send(
                request.method,
                request.url,
                headers=headers,
                data=request.body,
                partner=partner,
                transmission=transmission,
            )
            async with answer:
                return Reply(answer.status, _lower_cased(answer), await _read(answer, max_bytes))
    except FAILURES as error:
        failure = explain(error)
        raise FetchFailedError(
            f"their platform {failure.words}", cause=failure.cause, sent=transmission.sent, remedy=failure.remedy
        ) from None


async def _read(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Read a body up to a limit; an answer that is not read to its end loses its connection."""
    if answer.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        answer.close()
        raise _failed("sent a compressed answer although none was asked for", FetchCause.MALFORMED)
    body = bytearray()
    if (answer.content_length or 0) <= max_bytes:
        async for piece in answer.content.iter_any():
            body += piece
            if len(body) > max_bytes:
                break
        else:
            return bytes(body)
    answer.close()
    raise _failed(f"sent an answer larger than {max_bytes} bytes", FetchCause.OVERSIZE)


def _failed(words: str, cause: FetchCause) -> FetchFailedError:
    return FetchFailedError(f"their platform {words}", cause=cause, sent=True)


def _lower_cased(answer: aiohttp.ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in answer.headers.items():
        lowered = name.lower()
        headers[lowered] = f"{headers[lowered]}, {value}" if lowered in headers else value
    return headers
