"""`response_url`: where the result of a command or charging profile is to be sent, replaced by a URL of ours.

Only these requests are looked into; their bodies are small. The URL stays good longer than the command takes, for any
number of calls, across restarts (interop.md, Traffic; ocpi/ocpi#489, #560).
"""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from gateway.net.request import Request
from gateway.ocpi.errors import Fault
from gateway.ocpi.links import ResponseUrl, find_in_body, find_in_query
from gateway.ocpi.partner import Partner
from gateway.ocpi.timestamps import Clock
from gateway.ocpi.vocabulary import InterfaceRole
from gateway.proxy import refusals
from gateway.proxy.bodies import read_body
from gateway.proxy.sides import Bounds
from gateway.store import callbacks
from gateway.store.callbacks import Callback
from gateway.store.engine import Store, StoreUnavailableError

#: Who gave the URL.
INGRESS: Final = "ingress"
EGRESS: Final = "egress"

_IN_BODY: Final = frozenset({("commands", "POST"), ("chargingprofiles", "PUT")})
_IN_QUERY: Final = frozenset({("chargingprofiles", "GET"), ("chargingprofiles", "DELETE")})
_ANYWHERE: Final = _IN_BODY | _IN_QUERY
_MODULES: Final = frozenset(module for module, _ in _ANYWHERE)
_OURS: Final = re.compile(r"/~([A-Za-z0-9_-]{22})")

#: Makes the URL that stands for another; may refuse it.
Substitute = Callable[[str], Awaitable[str]]


def has_response_url(module: str, role: InterfaceRole, method: str) -> bool:
    """Whether a request may carry a `response_url` (OCPI 2.2.1, commands and charging profiles, Receiver Interface)."""
    return role is InterfaceRole.RECEIVER and (module, method) in _ANYWHERE


def callback_id_in(module: str, role: InterfaceRole, rest: str) -> str | None:
    """The id in a `response_url` of ours on the public listener, `.../sender/{module}/~{id}`; None in other paths."""
    if module not in _MODULES or role is not InterfaceRole.SENDER:
        return None
    match = _OURS.fullmatch(rest)
    return None if match is None else match[1]


class ResponseUrls:
    """Replaces `response_url`s and finds them again.

    Args:
        lifetime: how long one can be called.
        bounds: what reading a body may cost.
    """

    def __init__(self, store: Store, *, clock: Clock, lifetime: timedelta, bounds: Bounds) -> None:
        self._store = store
        self._clock = clock
        self._lifetime = lifetime
        self._bounds = bounds

    async def replace(
        self, request: Request, module: str, query: str, substitute: Substitute, *, asker: Fault
    ) -> tuple[str, bytes | None]:
        """Give query and body with their `response_url` replaced; a body of None is to be streamed as it comes.

        Raises:
            RefusedError: the body isn't JSON, is too large, or the URL isn't acceptable or can't be kept.
        """
        if (module, request.method) in _IN_QUERY:
            found = _parsed(lambda: find_in_query(query), asker)
            return (query if found is None else found.replaced_by(await substitute(found.url))), None
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise refusals.wrong_parameter("the body holds a response_url and must not be compressed", fault=asker)
        body = await read_body(request, self._bounds, asker=asker)
        found = _parsed(lambda: find_in_body(body), asker)
        return query, (body if found is None else found.replaced_by(await substitute(found.url)).encode())

    async def keep(self, partner: Partner, direction: str, url: str) -> str:
        """Store a URL; gives the id that stands for it.

        Raises:
            RefusedError: the store can't be written.
        """
        now = self._clock()
        callback = Callback(partner.id, direction, url)
        try:
            return await self._store.write(
                lambda connection: callbacks.keep(connection, callback, now=now, expires_at=now + self._lifetime)
            )
        except StoreUnavailableError as error:
            raise refusals.store_failed(error) from error

    async def find(self, callback_id: str, direction: str) -> Callback | None:
        """Where an id leads; None where it is unknown, has expired or is of the other direction.

        Raises:
            RefusedError: the store can't be read.
        """
        now = self._clock()
        try:
            found = await self._store.read(lambda connection: callbacks.find(connection, callback_id, now=now))
        except StoreUnavailableError as error:
            raise refusals.store_failed(error) from error
        return found if found is not None and found.direction == direction else None


def _parsed(find: Callable[[], ResponseUrl | None], asker: Fault) -> ResponseUrl | None:
    try:
        return find()
    except ValueError as error:
        raise refusals.wrong_parameter(str(error), fault=asker) from None
