"""Connections to other sides, kept for the next request: bounded in number, and never shared between partners.

A request is sent once. Nothing here sends it again, whatever becomes of its connection (hardening.md, T3).
"""

import asyncio
import ipaddress
import socket
import ssl
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import aiohappyeyeballs
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import DefaultResolver

from gateway.net.address import AddressPolicy, GuardedResolver, calling
from gateway.net.forms import AnswerForms
from gateway.net.http1 import Bounds
from gateway.net.lookups import BoundedResolver
from gateway.net.outbound import Outbound
from gateway.net.tls import client_context
from gateway.net.trust import PartnerContexts, PartnerTls

_SWEEP_SECONDS: Final = 5.0
_PREFERENCE_SECONDS: Final = 0.25
_IN_ALL: Final = 512
_FOR_EACH_PARTNER: Final = 64
_NO_PARTNERS: Final[Mapping[str, PartnerTls]] = {}


class Destination(NamedTuple):
    """Where connections lead; those of one partner are never used for another.

    Attributes:
        secure: https.
        partner: its name; empty for the backend.
    """

    secure: bool
    host: str
    port: int
    partner: str = ""


class ConnectError(Exception):
    """A connection could not be made.

    Attributes:
        os_error: why: an error of the system, of TLS, or of the address policy.
        resolving: already the name could not be resolved.
    """

    def __init__(self, os_error: OSError, *, resolving: bool = False) -> None:
        super().__init__(str(os_error))
        self.os_error = os_error
        self.resolving = resolving


class ConnectTimeoutError(TimeoutError):
    """A connection was not made in time, the wait for a free one included."""


#: An address as `aiohappyeyeballs` takes it.
Address = tuple[int, int, int, str, tuple[str, int]]
#: Opens a connection and gives its protocol.
Dial = Callable[[Destination, Callable[[], Outbound]], Awaitable[Outbound]]


class Pool:
    """Lends connections.

    Args:
        dial: opens one.
        bounds: of the heads of answers.
        connect_seconds: for a connection, the wait for a free one included.
        keep_alive_seconds: how long an idle one is kept.
        in_all: how many at one time.
        for_each: how many at one time to one destination.
    """

    def __init__(
        self,
        dial: Dial,
        *,
        bounds: Bounds,
        connect_seconds: float,
        keep_alive_seconds: float = 15,
        in_all: int = 512,
        for_each: int = 512,
    ) -> None:
        self.forms = AnswerForms(bounds)
        self._dial = dial
        self._bounds = bounds
        self._connect_seconds = connect_seconds
        self._keep_alive_seconds = keep_alive_seconds
        self._in_all = in_all
        self._for_each = for_each
        self._loop = asyncio.get_running_loop()
        self._idle: dict[Destination, list[Outbound]] = {}
        self._open: set[Outbound] = set()
        self._taken: Counter[Destination] = Counter()
        self._number = 0
        self._waiting: deque[tuple[Destination, asyncio.Future[Outbound | None]]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None

    def idle(self, destination: Destination) -> Outbound | None:
        """A connection that is open already, the one used last; None where there is none."""
        connections = self._idle.get(destination)
        while connections:
            connection = connections.pop()
            if connection.usable:
                return connection
        return None

    async def open(self, destination: Destination) -> Outbound:
        """Open a connection, or wait for one where there are as many as there may be.

        Raises:
            ConnectError: it could not be made.
            ConnectTimeoutError: nor in time.
        """
        try:
            async with asyncio.timeout(self._connect_seconds):
                free = await self._room(destination)
                return free if free is not None else await self._opened(destination)
        except TimeoutError:
            raise ConnectTimeoutError from None

    def give_back(self, connection: Outbound) -> None:
        """A connection is free again."""
        if self._waiting:
            for waiting in self._waiting:
                if waiting[0] == connection.destination and not waiting[1].done():
                    self._waiting.remove(waiting)
                    waiting[1].set_result(connection)
                    return
        connection.idle_since = self._loop.time()
        connection.home.append(connection)
        if self._waiting:
            self._evict()
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def gone(self, connection: Outbound) -> None:
        """A connection is closed; one that was never lent is counted out by who opened it."""
        if connection not in self._open:
            return
        self._open.remove(connection)
        if connection in connection.home:
            connection.home.remove(connection)
        self._leave(connection.destination)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in tuple(self._open):
            connection.close()
        await asyncio.sleep(0)  # the transports tell of it

    async def _opened(self, destination: Destination) -> Outbound:
        try:
            connection = await self._dial(destination, lambda: Outbound(self, destination, self._bounds))
        except BaseException:
            self._leave(destination)
            raise
        if connection.transport is None:
            self._leave(destination)
            raise ConnectError(ConnectionResetError("closed at once"))
        self._open.add(connection)
        connection.home = self._idle.setdefault(destination, [])
        return connection

    async def _room(self, destination: Destination) -> Outbound | None:
        """Wait until there is room for one more connection, and take it; or for one that is given back."""
        while not self._has_room(destination) and not self._evict():
            free: asyncio.Future[Outbound | None] = self._loop.create_future()
            waiting = (destination, free)
            self._waiting.append(waiting)
            try:
                connection = await free
            except BaseException:
                with suppress(ValueError):
                    self._waiting.remove(waiting)
                if free.done() and not free.cancelled() and (lent := free.result()) is not None:
                    self.give_back(lent)
                raise
            if connection is not None:
                return connection
        self._taken[destination] += 1
        self._number += 1
        return None

    def _has_room(self, destination: Destination) -> bool:
        return self._number < self._in_all and self._taken[destination] < self._for_each

    def _evict(self) -> bool:
        """Close the connection that has been idle for longest; its room is free when it is gone."""
        idle = [connections[0] for connections in self._idle.values() if connections]
        if idle and self._number >= self._in_all:
            min(idle, key=lambda connection: connection.idle_since).close()
        return False

    def _leave(self, destination: Destination) -> None:
        self._number -= 1
        self._taken[destination] -= 1
        if not self._taken[destination]:
            del self._taken[destination]
            self._idle.pop(destination, None)
        for waiting in self._waiting:
            if not waiting[1].done() and self._has_room(waiting[0]):
                self._waiting.remove(waiting)
                waiting[1].set_result(None)
                return

    def _sweep(self) -> None:
        """Close what has been idle for too long."""
        self._sweeper = None
        before = self._loop.time() - self._keep_alive_seconds
        for connections in tuple(self._idle.values()):
            for connection in [each for each in connections if each.idle_since < before]:
                connections.remove(connection)
                connection.close()
        if any(self._idle.values()):
            self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)


class Dialer:
    """Opens connections.

    Args:
        resolver: by which names lead to addresses.
        context: for https, unless the partner has one of its own.
        policy: which addresses may be called; None for any, which is right for the backend alone.
    """

    def __init__(
        self,
        resolver: AbstractResolver,
        context: ssl.SSLContext,
        *,
        policy: AddressPolicy | None = None,
        contexts: PartnerContexts | None = None,
    ) -> None:
        self._resolver = resolver
        self._context = context
        self._policy = policy
        self._contexts = contexts or PartnerContexts({})

    async def __call__(self, destination: Destination, protocol: Callable[[], Outbound]) -> Outbound:
        """Open a connection.

        Raises:
            ConnectError: it could not be made.
            HostRefusedError: the name leads to an address that is not allowed.
            TlsFilesError: a file of the partner's can't be used.
        """
        loop = asyncio.get_running_loop()
        secure, host, port, partner = destination
        with calling(host=host, partner=partner or None):
            addresses = _literal(host, port) or await self._resolved(host, port)
            context: ssl.SSLContext | None = None
            if secure:
                own = await self._contexts.of(partner or None)
                context = self._context if own is True else own
            try:
                made = await aiohappyeyeballs.start_connection(
                    addresses,
                    happy_eyeballs_delay=_PREFERENCE_SECONDS,
                    interleave=1,
                    loop=loop,
                    socket_factory=self._policy.socket_factory if self._policy is not None else None,
                )
                _, outbound = await loop.create_connection(
                    protocol, sock=made, ssl=context, server_hostname=host if context is not None else None
                )
            except OSError as error:
                raise ConnectError(error) from error
        return outbound

    async def _resolved(self, host: str, port: int) -> list[Address]:
        try:
            answers = await self._resolver.resolve(host, port, socket.AF_UNSPEC)
        except OSError as error:
            raise ConnectError(error, resolving=True) from error
        stream = socket.SOCK_STREAM
        return [(each["family"], stream, each["proto"], "", (each["host"], each["port"])) for each in answers]


def _literal(host: str, port: int) -> list[Address]:
    """The address that a host part spells out; none for a name."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return []
    family = socket.AF_INET if version == 4 else socket.AF_INET6  # noqa: PLR2004 - of the Internet Protocol
    return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]


def backend_pool(*, connect_seconds: float, header_bytes: int = 8190) -> Pool:
    """Make the pool of connections to the backend; has to be called in a running event loop."""
    return _pool(Dialer(DefaultResolver(), client_context()), connect_seconds, header_bytes, for_each=_IN_ALL)


def partner_pool(
    policy: AddressPolicy,
    *,
    connect_seconds: float,
    header_bytes: int = 8190,
    ca_file: Path | None = None,
    partner_tls: Mapping[str, PartnerTls] = _NO_PARTNERS,
    resolver: AbstractResolver | None = None,
) -> Pool:
    """Make the pool of connections to partners; has to be called in a running event loop.

    Args:
        policy: which addresses may be called.
        ca_file: further certificate authorities to trust.
        partner_tls: further authorities and client certificates of single partners, by name.
        resolver: in place of the system's.
    """
    dialer = Dialer(
        GuardedResolver(policy, BoundedResolver(resolver or DefaultResolver())),
        client_context(ca_file),
        policy=policy,
        contexts=PartnerContexts(partner_tls, ca_file=ca_file),
    )
    return _pool(dialer, connect_seconds, header_bytes, for_each=_FOR_EACH_PARTNER)


def _pool(dialer: Dialer, connect_seconds: float, header_bytes: int, *, for_each: int) -> Pool:
    bounds = Bounds(header_bytes, header_bytes)
    return Pool(dialer, bounds=bounds, connect_seconds=connect_seconds, in_all=_IN_ALL, for_each=for_each)
