"""Runs a flow: what it yields is done, and the result is sent back in, until it returns or raises."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.ocpi.errors import GatewayError, InternalError
from gateway.ocpi.flow import Fetch, Reply
from gateway.ocpi.lifecycle import Change
from gateway.ocpi.registration import Flow

T = TypeVar("T")

#: Sends one request exactly once; raises FetchFailedError where no usable answer came.
Fetcher = Callable[[Fetch], Awaitable[Reply]]

#: Saves one change in one transaction; it is durable when this returns.
Saver = Callable[[Change], Awaitable[None]]

#: Told of each step and its outcome in words, for a terminal: `("GET versions", "HTTP 200")`.
Progress = Callable[[str, str], None]


def silent(_step: str, _outcome: str) -> None:
    """Progress that nobody watches."""


async def saves_nothing(change: Change) -> None:
    """For flows that only read.

    Raises:
        InternalError: the flow isn't one of these.
    """
    raise InternalError(f"nothing was to be saved, but {type(change).__name__} was")


async def perform(flow: Flow[T], *, fetch: Fetcher, save: Saver = saves_nothing, progress: Progress = silent) -> T:
    """Run a flow to its end.

    Errors of this program that happen while a request or a change is carried out are thrown into the flow, which
    decides whether it can go on. A cancellation ends it where it stands.
    """
    try:
        request = next(flow)
        while True:
            try:
                answer = await _carry_out(request, fetch, save, progress)
            except GatewayError as error:
                request = flow.throw(error)
            else:
                request = flow.send(answer)
    except StopIteration as finished:
        value: T = finished.value
        return value


async def _carry_out(request: Fetch | Change, fetch: Fetcher, save: Saver, progress: Progress) -> Reply | None:
    if not isinstance(request, Fetch):
        await save(request)
        return None
    try:
        reply = await fetch(request)
    except GatewayError as error:
        progress(request.step, error.message)
        raise
    progress(request.step, f"HTTP {reply.http_status}")
    return reply
