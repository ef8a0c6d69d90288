"""Everything running, until SIGTERM: services on a foundation, three listeners, and the order in which they stop.

start  database and key → partners in memory → services → listeners → ready
stop   not ready → drain delay, still serving → no new connections → requests in flight finish → the rest is cut
"""

import asyncio
import gc
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from sqlalchemy import Connection
from structlog.typing import FilteringBoundLogger as Logger

from gateway import __version__
from gateway.admin.status import Condition, Readiness, StatusPages
from gateway.app import outcomes
from gateway.app.foundation import Foundation, address_policy, handshake_client, make_registrar, open_foundation
from gateway.app.public import PublicFront
from gateway.app.surface import CallHandler, Surface
from gateway.app.watch import Watch
from gateway.config import Config
from gateway.handshake.responder import Responder
from gateway.net.client import backend_client, partner_client
from gateway.net.listener import Listener
from gateway.net.server import GatewayServer, Handler, ServerFailure, make_server
from gateway.net.tls import server_context
from gateway.observe import logs
from gateway.observe.access import CallLog
from gateway.observe.call import Direction
from gateway.observe.clock import utc_now
from gateway.observe.events import Event
from gateway.observe.metrics import CONTENT_TYPE, Metrics
from gateway.ocpi.partner import Partner
from gateway.proxy.egress import Egress
from gateway.proxy.ingress import Ingress
from gateway.store.changes import Ledger
from gateway.store.directory import Directory
from gateway.store.engine import StoreUnavailableError
from gateway.store.gatekeeper import Gatekeeper, Refusal


async def serve(config: Config) -> int:
    """Serve until SIGTERM or SIGINT, then drain; gives the exit code.

    A second signal cuts the drain short.

    Raises:
        GatewayError: it can't start, and why.
    """
    logs.configure(level=config.log.level, form=config.log.format)
    log: Logger = structlog.get_logger().bind()
    log.info(Event.STARTING, version=__version__)
    if config.development:
        log.warning(Event.DEVELOPMENT)
    stop, force = asyncio.Event(), asyncio.Event()
    _on_signals(stop, force)
    async with running(config, log) as (listeners, readiness):
        log.info(Event.READY)
        gc.collect()
        gc.freeze()  # what lives as long as the process is not looked at again
        await stop.wait()
        await _drain(config, listeners, readiness, log=log, force=force)
    log.info(Event.STOPPED)
    return 0


@asynccontextmanager
async def running(config: Config, log: Logger) -> AsyncIterator[tuple[list[Listener], Readiness]]:
    """Everything running while the block does.

    Raises:
        GatewayError: it can't start, and why.
    """
    async with AsyncExitStack() as stack:
        foundation = await stack.enter_async_context(open_foundation(config, clock=utc_now))
        _tell_of_start(foundation, log)
        metrics = Metrics(
            clock=utc_now, modules=config.backend.modules, auth_reasons=[refusal.value for refusal in Refusal]
        )
        readiness = Readiness()
        directory = Directory(foundation.store, foundation.vault)
        elsewhere = outcomes.Elsewhere(foundation.store, outcomes.teller(metrics, log))
        watch = Watch(
            config,
            foundation.store,
            directory,
            readiness=readiness,
            metrics=metrics,
            log=log,
            on_look=elsewhere.look,
        )
        await watch.look()
        listeners = await _listen(foundation, directory, readiness=readiness, metrics=metrics, log=log, stack=stack)
        await stack.enter_async_context(watch.watching())
        yield listeners, readiness


async def _listen(
    foundation: Foundation,
    directory: Directory,
    *,
    readiness: Readiness,
    metrics: Metrics,
    log: Logger,
    stack: AsyncExitStack,
) -> list[Listener]:
    """Build the services and start the listeners; the one for partners last, when all else stands."""
    config, clock = foundation.config, foundation.clock
    calls = CallLog(logger=log, metrics=metrics, monotonic=time.monotonic)

    def surface(handler: CallHandler, direction: Direction) -> Handler:
        return Surface(handler, direction=direction, clock=clock, calls=calls, metrics=metrics, log=log)

    public = await _public_front(foundation, directory, metrics, log, stack)
    egress = await _egress(foundation, directory, log, stack)
    status = StatusPages(readiness=readiness, metrics=metrics.render, metrics_content_type=CONTENT_TYPE, clock=clock)
    listen = config.listen
    tls = listen.public.tls
    listeners = [
        Listener("status", host=listen.status.host, port=listen.status.port, server=_server(config, status, log)),
        Listener(
            "private",
            host=listen.private.host,
            port=listen.private.port,
            server=_server(config, surface(egress.handle, Direction.EGRESS), log),
        ),
        Listener(
            "public",
            host=listen.public.host,
            port=listen.public.port,
            server=_server(config, surface(public.handle, Direction.INGRESS), log),
            ssl_context=server_context(certificate=tls.certificate, key=tls.key) if tls else None,
        ),
    ]
    for listener in listeners:
        address = await listener.start()
        stack.push_async_callback(listener.close)
        log.info(Event.LISTENING, listener=listener.name, address=str(address))
    readiness.set(Condition.LISTENING, ok=True)
    return listeners


async def _public_front(
    foundation: Foundation, directory: Directory, metrics: Metrics, log: Logger, stack: AsyncExitStack
) -> PublicFront:
    config, clock = foundation.config, foundation.clock

    client = await stack.enter_async_context(handshake_client(config))
    registrar = make_registrar(foundation, client, on_outcome=outcomes.teller(metrics, log))
    timeouts = config.timeouts
    ingress = Ingress(
        config=config,
        client=await stack.enter_async_context(
            backend_client(
                connect_seconds=timeouts.backend_connect_seconds,
                answer_seconds=timeouts.backend_answer_seconds,
                header_bytes=config.limits.header_bytes,
            )
        ),
        policy=address_policy(config),
        store=foundation.store,
        vault=foundation.vault,
        clock=clock,
    )
    return PublicFront(
        config,
        gatekeeper=Gatekeeper(
            foundation.store,
            foundation.vault,
            directory,
            clock=clock,
            looks_per_second=config.limits.unknown_token_refreshes_per_second,
            tombstone=config.tokens.tombstone,
        ),
        directory=directory,
        responder=Responder(
            registrar,
            public_url=config.public_url,
            modules=config.backend.interfaces,
            answer_http_status=lambda name: config.partner(name).credentials_http_status,
        ),
        ingress=ingress,
        clock=clock,
        log=log,
    )


async def _egress(foundation: Foundation, directory: Directory, log: Logger, stack: AsyncExitStack) -> Egress:
    config, timeouts = foundation.config, foundation.config.timeouts
    proving: set[int] = set()

    async def on_proved(partner: Partner) -> None:
        """Forget the token that the accepted one replaced; what fails now is done at the next call."""
        if partner.id in proving:
            return
        proving.add(partner.id)
        try:
            await foundation.store.write(lambda connection: _forget_previous(connection, foundation, partner))
            await directory.refresh()
        except StoreUnavailableError as error:
            log.warning(Event.STORE_FAILED, doing="forgetting a replaced token", reason=str(error))
        finally:
            proving.discard(partner.id)

    client = partner_client(
        address_policy(config),
        connect_seconds=timeouts.partner_connect_seconds,
        answer_seconds=timeouts.partner_answer_seconds,
        header_bytes=config.limits.header_bytes,
        ca_file=config.outbound.ca_file,
    )
    return Egress(
        config=config,
        client=await stack.enter_async_context(client),
        store=foundation.store,
        vault=foundation.vault,
        directory=directory,
        clock=foundation.clock,
        on_outbound_proved=on_proved,
    )


def _forget_previous(connection: Connection, foundation: Foundation, partner: Partner) -> None:
    ledger = Ledger(connection, foundation.vault, now=foundation.clock(), actor="partner")
    ledger.outbound_proved(ledger.partner(partner.name), accepted_token=partner.outbound_token or "")


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
    async with asyncio.TaskGroup() as group:
        drains = [group.create_task(listener.drain(timeout_seconds=grace)) for listener in traffic]
        forced = group.create_task(_cut_when(force, drains))
        await asyncio.wait(drains)
        forced.cancel()
    cut = sum(drain.result() for drain in drains if not drain.cancelled())
    if cut or force.is_set():
        log.warning(Event.REQUESTS_CUT, requests=cut)


async def _cut_when(force: asyncio.Event, drains: list[asyncio.Task[int]]) -> None:
    await force.wait()
    for drain in drains:
        drain.cancel()


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
