"""Bodies that have to be looked into, read whole."""

import asyncio
from time import monotonic

from gateway.net.request import BrokenBodyError, Request
from gateway.ocpi.errors import Fault
from gateway.proxy import refusals
from gateway.proxy.sides import Bounds


async def read_body(request: Request, bounds: Bounds, *, asker: Fault) -> bytes:
    """Read a whole body within bounds, for the few that have to be looked into.

    Raises:
        RefusedError: it is too large, comes too slowly, or breaks off.
    """
    if (request.content_length or 0) > bounds.body_bytes:
        raise refusals.too_large(bounds.body_bytes, fault=asker)
    pieces: list[bytes] = []
    taken, waited = 0, 0.0
    try:
        while True:
            started = monotonic()
            async with asyncio.timeout(max(bounds.pace.left(waited=waited, moved=taken), 0.0)):
                piece = await request.piece()
            waited += monotonic() - started
            if not piece:
                return b"".join(pieces)
            taken += len(piece)
            if taken > bounds.body_bytes:
                raise refusals.too_large(bounds.body_bytes, fault=asker)
            pieces.append(piece)
    except TimeoutError:
        raise refusals.too_slow_sending(fault=asker) from None
    except BrokenBodyError:
        raise refusals.broken_body(fault=asker) from None
