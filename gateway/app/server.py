"""Everything running, until SIGTERM: services on a foundation, three listeners, and the order in which they stop.

start  database and key → partners in memory → services → listeners → ready
stop   not ready → drain delay, still serving → no new connections → requests in flight finish → the rest is cut
"""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import structlog
from structlog.typing import FilteringBoundLogger as Logger

from gateway import __version__
from gateway.admin.status import Condition, Readiness
from gateway.app import allocator
from gateway.app.certificate import Certificate
from gateway.app.files import connections_within, raise_limit
from gateway.app.foundation import Foundation, open_foundation
from gateway.app.services import Services, make_services
from gateway.app.watch import Chore
from gateway.app.workers import ALONE, Supervisor, Worker
from gateway.config import Config
from gateway.config.network import PrivateListener, PublicListener, StatusListener
from gateway.net.listener import Listener
from gateway.net.lookups import give_threads
from gateway.net.room import Room
from gateway.net.server import GatewayServer, Handler, ServerFailure, Shortcut, make_server, no_shortcut
from gateway.net.source import Sources
from gateway.observe import logs
from gateway.observe.clock import utc_now
from gateway.observe.events import Event

_CERTIFICATE_SECONDS: Final = 5


def run(config: Config, drive: Callable[[Coroutine[Any, Any, int]], int]) -> int:
    """Serve until SIGTERM, in one process or in several; gives the exit code.

    Args:
        drive: runs a coroutine to its end on an event loop of its own.

    Raises:
        GatewayError: it can't start, and why; what a worker can't do it tells itself.
    """
    allocator.tune()
    log = _begin(config)
    if config.workers == 1:
        return drive(serve(config, log))
    drive(_prepare(config, log))  # the database is made and migrated by one alone
    _settle()
    return Supervisor(config.workers, lambda worker: drive(serve(config, _log_of(worker), worker)), log).run()


async def _prepare(config: Config, log: Logger) -> int:
    async with open_foundation(config, clock=utc_now) as foundation:
        _tell_of_start(foundation, log)
    return 0


def _begin(config: Config) -> Logger:
    logs.configure(level=config.log.level, form=config.log.format)
    log: Logger = structlog.get_logger().bind()
    log.info(Event.STARTING, version=__version__)
    if config.development:
        log.warning(Event.DEVELOPMENT)
    return log


def _log_of(worker: Worker) -> Logger:
    log: Logger = structlog.get_logger().bind(worker=worker.number)
    return log


def _settle() -> None:
    """What was made at start lives as long as the process: it is never looked at for garbage, not even once."""
    gc.freeze()
    gc.enable()


async def serve(config: Config, log: Logger, worker: Worker = ALONE) -> int:
    """Serve until SIGTERM or SIGINT, then drain; gives the exit code.

    A second signal cuts the drain short.

    Raises:
        GatewayError: it can't start, and why.
    """
    stop, force = asyncio.Event(), asyncio.Event()
    _on_signals(stop, force)
    give_threads(asyncio.get_running_loop())
    gc.disable()  # until everything is made, which is hardly ever garbage
    async with running(config, log, worker) as (listeners, readiness):
        log.info(Event.READY)
        _settle()
        await stop.wait()
        await _drain(config, listeners, readiness, log=log, force=force)
    log.info(Event.STOPPED)
    return 0


@asynccontextmanager
async def running(
    config: Config, log: Logger, worker: Worker = ALONE
) -> AsyncIterator[tuple[list[Listener], Readiness]]:
    """Everything running while the block does.

    Raises:
        GatewayError: it can't start, and why.
    """
    async with AsyncExitStack() as stack:
        foundation = await stack.enter_async_context(open_foundation(config, clock=utc_now))
        _tell_of_start(foundation, log)
        services = await make_services(foundation, log, stack, worker=worker)
        await services.watch.look()
        listeners = await _listen(config, services, log, stack)
        await stack.enter_async_context(services.watch.watching(services.chores))
        yield listeners, services.readiness


async def _listen(config: Config, services: Services, log: Logger, stack: AsyncExitStack) -> list[Listener]:
    """Start the listeners; the one for partners last, when all else stands."""
    listen, connections = config.listen, _connections(config, log)
    room = _public_room(config, connections, services)
    public = _listener("public", config, listen.public, services.public, log, room=room, shortcut=services.to_backend)
    listeners = [
        _listener("status", config, listen.status, services.status, log, room=Room(connections)),
        _listener(
            "private",
            config,
            listen.private,
            services.private,
            log,
            room=Room(connections),
            shortcut=services.to_partners,
        ),
        public,
    ]
    if listen.public.tls is not None:
        certificate = Certificate(listen.public.tls, public, log)
        await certificate.look()
        services.chores.append(Chore(certificate.look, _CERTIFICATE_SECONDS))
    for listener in listeners:
        address = await listener.start()
        stack.push_async_callback(listener.close)
        log.info(Event.LISTENING, listener=listener.name, address=str(address))
    services.readiness.set(Condition.LISTENING, ok=True)
    return listeners


def _connections(config: Config, log: Logger) -> int:
    """How many connections each listener takes."""
    files, wanted = raise_limit(), config.limits.connections
    connections = connections_within(files, wanted)
    if connections < wanted:
        log.warning(Event.FEW_FILES, files=files, connections=connections)
    return connections


def _public_room(config: Config, connections: int, services: Services) -> Room:
    return Room(
        connections,
        per_source=config.limits.connections_per_source,
        sources=Sources(config.listen.public.trusted_proxies),
        on_full=services.on_limited,
    )


def _listener(
    name: str,
    config: Config,
    where: StatusListener | PrivateListener | PublicListener,
    handler: Handler,
    log: Logger,
    *,
    room: Room,
    shortcut: Shortcut = no_shortcut,
) -> Listener:
    return Listener(
        name,
        host=where.host,
        port=where.port,
        server=_server(config, handler, room, log, shortcut=shortcut),
        reuse_port=config.workers > 1,
    )


def _server(
    config: Config, handler: Handler, room: Room, log: Logger, *, shortcut: Shortcut = no_shortcut
) -> GatewayServer:
    def on_failure(failure: ServerFailure) -> None:
        if failure.error is not None:
            log.error(Event.REQUEST_CRASHED, request_id=failure.request_id, exc_info=failure.error)
        else:
            log.info(
                Event.REQUEST_MALFORMED,
                http_status=failure.http_status,
                reason=failure.reason,
                peer=failure.peer,
                request_id=failure.request_id,
            )

    return make_server(
        handler,
        clock=utc_now,
        on_failure=on_failure,
        header_bytes=config.limits.header_bytes,
        header_seconds=config.timeouts.header_seconds,
        keep_alive_seconds=config.timeouts.keep_alive_seconds,
        room=room,
        shortcut=shortcut,
    )


async def _drain(
    config: Config, listeners: list[Listener], readiness: Readiness, *, log: Logger, force: asyncio.Event
) -> None:
    """Stop in an order that loses nothing (operations.md, Drain); the status listener answers until the end."""
    readiness.draining = True
    shutdown = config.shutdown
    log.info(Event.DRAINING, seconds=shutdown.drain_delay_seconds)
    traffic = [listener for listener in listeners if listener.name != "status"]
    for listener in traffic:
        listener.begin_closing()
    await _pause(shutdown.drain_delay_seconds, unless=force)
    log.info(Event.CLOSING, seconds=shutdown.grace_period_seconds)
    grace = 0 if force.is_set() else shutdown.grace_period_seconds
    drains = [listener.drain(timeout_seconds=grace, force=force) for listener in traffic]
    cut = sum(await asyncio.gather(*drains))
    if cut or force.is_set():
        log.warning(Event.REQUESTS_CUT, requests=cut)


async def _pause(seconds: float, *, unless: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await unless.wait()
    except TimeoutError:
        return


def _on_signals(stop: asyncio.Event, force: asyncio.Event) -> None:
    def received() -> None:
        (force if stop.is_set() else stop).set()

    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, received)


def _tell_of_start(foundation: Foundation, log: Logger) -> None:
    before, after = foundation.migrated
    if before != after:
        log.info(
            Event.DATABASE_MIGRATED, database=foundation.config.database_label, before=before or "new", after=after
        )
    if foundation.key_made:
        log.warning(Event.KEY_MADE, file=foundation.key_made)
