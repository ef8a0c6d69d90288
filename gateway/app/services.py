"""Everything that serves, built on a foundation and handed to one another; nothing here listens yet.

foundation → partners in memory → handshake ─┐
                                  traffic    ├→ what each listener answers with
                                  watch     ─┘
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from structlog.typing import FilteringBoundLogger as Logger

from gateway.admin.status import Readiness, StatusPages
from gateway.app import outcomes
from gateway.app.express import Express
from gateway.app.foundation import Foundation, address_policy, handshake_client, make_registrar, partner_tls
from gateway.app.limits import Alarm, Permissions, TrafficLimits
from gateway.app.public import PublicFront
from gateway.app.surface import CallHandler, Surface
from gateway.app.turnstile import Turnstile
from gateway.app.watch import Chore, Watch
from gateway.app.workers import ALONE, Worker
from gateway.config import Config
from gateway.handshake.initiator import Initiator
from gateway.handshake.inspector import Inspector
from gateway.handshake.registrar import Registrar
from gateway.handshake.responder import Responder
from gateway.handshake.standing import Standing
from gateway.handshake.upkeep import Schedule, Upkeep
from gateway.net.pool import backend_pool, partner_pool
from gateway.net.server import Handler, Shortcut
from gateway.net.source import Sources
from gateway.observe.access import CallLog
from gateway.observe.board import Board
from gateway.observe.call import Direction
from gateway.observe.events import Event
from gateway.observe.metrics import CONTENT_TYPE, Metrics
from gateway.ocpi.errors import InternalError
from gateway.proxy.breaker import Breakers
from gateway.proxy.egress import Egress
from gateway.proxy.egress import read_target as egress_target
from gateway.proxy.ingress import Ingress
from gateway.proxy.ingress import read_target as ingress_target
from gateway.store.directory import Directory
from gateway.store.engine import StoreUnavailableError
from gateway.store.gatekeeper import Gatekeeper, Refusal

#: Who acts where the gateway does so by itself, in the audit trail.
_ACTOR: Final = "gateway"
_UPKEEP_SECONDS: Final = 5
_PUT_UP_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class Services:
    """What runs, and what the listeners answer with.

    Attributes:
        on_limited: told of what a limit keeps out, by its key in the configuration.
    """

    readiness: Readiness
    on_limited: Callable[[str], None]
    watch: Watch
    chores: list[Chore]
    status: Handler
    private: Handler
    to_partners: Shortcut
    public: Handler
    to_backend: Shortcut


async def make_services(
    foundation: Foundation, log: Logger, stack: AsyncExitStack, *, worker: Worker = ALONE
) -> Services:
    """Build everything; what has to be closed is put on the stack. Has to be called in a running event loop."""
    config, clock = foundation.config, foundation.clock
    metrics = Metrics(clock=clock, modules=config.backend.modules, auth_reasons=[each.value for each in Refusal])
    tell = outcomes.teller(metrics, log)
    readiness = Readiness()
    directory = Directory(
        foundation.store,
        foundation.vault,
        on_restored=lambda names: log.error(Event.STORE_RESTORED, partners=list(names)),
    )
    registrar = make_registrar(foundation, await stack.enter_async_context(handshake_client(config)), on_outcome=tell)
    watch = Watch(
        config,
        foundation.store,
        directory,
        readiness=readiness,
        metrics=metrics,
        log=log,
        on_look=outcomes.Elsewhere(foundation.store, tell).look if worker.is_first else _nothing_more,
    )
    board = worker.board
    chores: list[Chore] = []
    if worker.is_first:
        chores.append(Chore(_upkeep(foundation, directory, registrar, log).look, _UPKEEP_SECONDS))
    if board is not None:
        chores.append(Chore(_putting_up(board, worker.number, metrics), _PUT_UP_SECONDS))
    alarm = Alarm(log, count=metrics.limited)
    limits = TrafficLimits(config, on_limited=alarm)
    ingress = await _ingress(foundation, log, stack)
    gatekeeper = Gatekeeper(
        foundation.store,
        foundation.vault,
        directory,
        clock=clock,
        looks_per_second=config.limits.unknown_token_refreshes_per_second,
        tombstone=config.tokens.tombstone,
    )
    public = _public_front(foundation, directory, registrar, ingress, gatekeeper, limits=limits, log=log)
    egress = await _egress(foundation, directory, _standing(directory, registrar, log), log, stack)
    calls = CallLog(logger=log, metrics=metrics, monotonic=time.monotonic)

    def surface(handler: CallHandler, direction: Direction, sources: Sources) -> Surface:
        return Surface(
            handler, direction=direction, sources=sources, clock=clock, calls=calls, metrics=metrics, log=log
        )

    to_private = surface(egress.handle, Direction.EGRESS, Sources())
    to_public = surface(public.handle, Direction.INGRESS, Sources(config.listen.public.trusted_proxies))

    return Services(
        readiness,
        alarm,
        watch,
        chores,
        StatusPages(
            readiness=readiness,
            metrics=(lambda: metrics.render_with(board.of_others(worker.number))) if board else metrics.render,
            metrics_content_type=CONTENT_TYPE,
            clock=clock,
        ),
        to_private,
        Express(egress_target, egress.ways, to_private),
        to_public,
        Express(ingress_target, ingress.ways, to_public, Turnstile(gatekeeper, limits, to_public, clock)),
    )


async def _nothing_more() -> None:
    """Another worker does it."""


def _putting_up(board: Board, number: int, metrics: Metrics) -> Callable[[], Awaitable[None]]:
    async def put_up() -> None:
        if not board.put_up(number, metrics.counts()):
            raise InternalError("the metrics of this worker are too many to be added to those of the others")

    return put_up


async def _ingress(foundation: Foundation, log: Logger, stack: AsyncExitStack) -> Ingress:
    config = foundation.config
    pool = backend_pool(
        connect_seconds=config.timeouts.backend_connect_seconds, header_bytes=config.limits.header_bytes
    )
    return Ingress(
        config=config,
        pool=await stack.enter_async_context(pool),
        breakers=_breakers(config, log),
        policy=address_policy(config),
        store=foundation.store,
        vault=foundation.vault,
        clock=foundation.clock,
    )


def _public_front(
    foundation: Foundation,
    directory: Directory,
    registrar: Registrar,
    ingress: Ingress,
    gatekeeper: Gatekeeper,
    *,
    limits: TrafficLimits,
    log: Logger,
) -> PublicFront:
    config, clock = foundation.config, foundation.clock
    responder = Responder(
        registrar,
        public_url=config.public_url,
        modules=config.backend.interfaces,
        answer_http_status=lambda name: config.partner(name).credentials_http_status,
        on_step=lambda partner, step, outcome: log.info(
            Event.HANDSHAKE_STEP, partner=partner, step=step, outcome=outcome
        ),
    )
    return PublicFront(
        config,
        gatekeeper=gatekeeper,
        directory=directory,
        responder=responder,
        ingress=ingress,
        limits=limits,
        permissions=Permissions(config),
        clock=clock,
        log=log,
    )


def _upkeep(foundation: Foundation, directory: Directory, registrar: Registrar, log: Logger) -> Upkeep:
    config = foundation.config

    def on_reminder(partner: str) -> None:
        log.warning(Event.ROTATION_DUE, partner=partner)

    return Upkeep(
        Initiator(registrar, actor=_ACTOR),
        Inspector(registrar, actor=_ACTOR),
        Schedule(
            rotate_every=config.rotation.every,
            rotation=lambda name: config.partner(name).rotation or config.rotation.mode,
            look_every=config.partner_check.every,
            looks=lambda name: config.partner_check.enabled and config.partner(name).check,
        ),
        records=directory.records,
        clock=foundation.clock,
        on_reminder=on_reminder,
    )


def _standing(directory: Directory, registrar: Registrar, log: Logger) -> Standing:
    def on_alarm(partner: str, reason: str) -> None:
        log.error(Event.PARTNER_HALF_OPEN, partner=partner, reason=reason)

    def on_failure(error: StoreUnavailableError) -> None:
        log.warning(Event.STORE_FAILED, doing="noting how a partner's token fared", reason=str(error))

    return Standing(
        registrar,
        refresh=directory.refresh,
        on_alarm=on_alarm,
        on_failure=on_failure,
    )


def _breakers(config: Config, log: Logger) -> Breakers:
    def side(name: str) -> dict[str, str]:
        return {"side": "partner", "partner": name} if name else {"side": "backend"}

    return Breakers(
        failures=config.breaker.failures,
        pause_seconds=config.breaker.pause_seconds,
        on_gone=lambda name: log.warning(Event.SIDE_GONE, **side(name)),
        on_back=lambda name: log.info(Event.SIDE_BACK, **side(name)),
    )


async def _egress(
    foundation: Foundation, directory: Directory, standing: Standing, log: Logger, stack: AsyncExitStack
) -> Egress:
    config, timeouts = foundation.config, foundation.config.timeouts
    policy = address_policy(config)
    pool = partner_pool(
        policy,
        connect_seconds=timeouts.partner_connect_seconds,
        header_bytes=config.limits.header_bytes,
        ca_file=config.outbound.ca_file,
        partner_tls=partner_tls(config),
    )
    return Egress(
        config=config,
        pool=await stack.enter_async_context(pool),
        policy=policy,
        breakers=_breakers(config, log),
        store=foundation.store,
        vault=foundation.vault,
        directory=directory,
        clock=foundation.clock,
        standing=standing,
    )
