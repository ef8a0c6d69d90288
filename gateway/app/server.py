"""Everything running, until SIGTERM: services on a foundation, three listeners, and the order in which they stop.

start  database and key → partners in memory → services → listeners → ready
stop   not ready → drain delay, still serving → no new connections → requests in flight finish → the rest is cut
"""

import asyncio
import gc
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from structlog.typing import FilteringBoundLogger as Logger

from gateway import __version__
from gateway.admin.status import Condition, Readiness
from gateway.app.foundation import Foundation, open_foundation
from gateway.app.services import Services, make_services
from gateway.app.workers import ALONE, Supervisor, Worker
from gateway.config import Config
from gateway.config.network import PrivateListener, PublicListener, StatusListener
from gateway.net.listener import Listener
from gateway.net.server import GatewayServer, Handler, ServerFailure, make_server
from gateway.net.tls import server_context
from gateway.observe import logs
from gateway.observe.clock import utc_now
from gateway.observe.events import Event


def run(config: Config, drive: Callable[[Coroutine[Any, Any, int]], int]) -> int:
    """Serve until SIGTERM, in one process or in several; gives the exit code.

    Args:
        drive: runs a coroutine to its end on an event loop of its own.

    Raises:
        GatewayError: it can't start, and why; what a worker can't do it tells itself.
    """
    log = _begin(config)
    if config.workers == 1:
        return drive(serve(config, log))
    drive(_prepare(config, log))  # the database is made and migrated by one alone
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


async def serve(config: Config, log: Logger, worker: Worker = ALONE) -> int:
    """Serve until SIGTERM or SIGINT, then drain; gives the exit code.

    A second signal cuts the drain short.

    Raises:
        GatewayError: it can't start, and why.
    """
    stop, force = asyncio.Event(), asyncio.Event()
    _on_signals(stop, force)
    async with running(config, log, worker) as (listeners, readiness):
        log.info(Event.READY)
        gc.collect()
        gc.freeze()  # what lives as long as the process is not looked at again
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
    listen = config.listen
    tls = listen.public.tls
    listeners = [
        _listener("status", config, listen.status, services.status, log),
        _listener("private", config, listen.private, services.private, log),
        _listener(
            "public",
            config,
            listen.public,
            services.public,
            log,
            ssl_context=server_context(certificate=tls.certificate, key=tls.key) if tls else None,
        ),
    ]
    for listener in listeners:
        address = await listener.start()
        stack.push_async_callback(listener.close)
        log.info(Event.LISTENING, listener=listener.name, address=str(address))
    services.readiness.set(Condition.LISTENING, ok=True)
    return listeners


def _listener(
    name: str,
    config: Config,
    where: StatusListener | PrivateListener | PublicListener,
    handler: Handler,
    log: Logger,
    *,
    ssl_context: ssl.SSLContext | None = None,
) -> Listener:
    return Listener(
        name,
        host=where.host,
        port=where.port,
        server=_server(config, handler, log),
        ssl_context=ssl_context,
        reuse_port=config.workers > 1,
    )


def _server(config: Config, handler: Handler, log: Logger) -> GatewayServer:
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
