"""What a running gateway looks at all the time: the store for changes and health, the backend for reachability."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import Connection, update
from structlog.typing import FilteringBoundLogger as Logger

from gateway.admin.status import Condition, Readiness
from gateway.config import Config
from gateway.observe.events import Event
from gateway.observe.metrics import Metrics
from gateway.ocpi.vocabulary import TokenKind, TokenState
from gateway.store.directory import NOTHING_READ, Directory
from gateway.store.engine import Store, StoreUnavailableError
from gateway.store.records import ACTIVE, PartnerRecord
from gateway.store.tables import store_state

_BACKEND_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Chore:
    """Something that is to be done again and again, with so many seconds in between."""

    do: Callable[[], Awaitable[None]]
    seconds: float


class Watch:
    """Keeps the partner table fresh and readiness true.

    Args:
        on_look: awaited at every look, once the partner table is fresh.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        directory: Directory,
        *,
        readiness: Readiness,
        metrics: Metrics,
        log: Logger,
        on_look: Callable[[], Awaitable[None]],
    ) -> None:
        self._config = config
        self._store = store
        self._directory = directory
        self._readiness = readiness
        self._metrics = metrics
        self._log = log
        self._on_look = on_look
        self._counted = NOTHING_READ
        self._states: dict[int, str] = {}
        self._told_all = False  # what is read first is no change
        self._lost: set[Condition] = set()
        self._noticed = asyncio.Event()

    async def look(self) -> None:
        """Read what changed in the store, and see whether it can be written and every secret in it opens."""
        try:
            await self._directory.refresh()
            await self._on_look()
            await self._store.write(_touch if self._store.trouble else _nothing)
            self._store.check_disk()
        except StoreUnavailableError as error:
            self._found(Condition.STORE_WRITABLE, Event.STORE_FAILED, Event.STORE_RECOVERED, reason=str(error))
            return
        self._found(Condition.STORE_WRITABLE, Event.STORE_FAILED, Event.STORE_RECOVERED)
        broken = [f"{record.partner.name}: {record.broken}" for record in self._directory.records() if record.broken]
        self._found(Condition.KEY_VALID, Event.KEY_WRONG, Event.KEY_RIGHT, reason="; ".join(broken))
        if self._counted != self._directory.revision:
            self._counted = self._directory.revision
            self._log.info(Event.DIRECTORY_REFRESHED, partners=sum(1 for _ in self._directory.records()))
            self._count_partners()
            self._told_all = True

    async def knock(self) -> None:
        """See whether the backend accepts connections; only a warning, because partners get an answer either way."""
        url = urlsplit(self._config.backend.url)
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            async with asyncio.timeout(self._config.timeouts.backend_connect_seconds):
                _, writer = await asyncio.open_connection(url.hostname, port)
            writer.close()
        except (OSError, TimeoutError) as error:
            reason = getattr(error, "strerror", None) or "no connection in time"
            self._found(Condition.BACKEND_REACHABLE, Event.BACKEND_LOST, Event.BACKEND_FOUND, reason=str(reason))
        else:
            self._found(Condition.BACKEND_REACHABLE, Event.BACKEND_LOST, Event.BACKEND_FOUND)

    async def listen(self) -> None:
        """Look at once when another gateway tells of a change; without that it is seen at the next look."""
        with suppress(StoreUnavailableError):  # the look tells of it
            await self._store.listen(self._noticed.set)

    @asynccontextmanager
    async def watching(self, chores: Sequence[Chore] = ()) -> AsyncIterator[None]:
        """Look and knock, and do other chores, again and again while the block runs."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._again(self.look, self._config.refresh_seconds, sooner=self._noticed)),
                group.create_task(self._again(self.listen, self._config.refresh_seconds)),
                group.create_task(self._again(self.knock, _BACKEND_SECONDS)),
                *(group.create_task(self._again(chore.do, chore.seconds)) for chore in chores),
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def _again(
        self, look: Callable[[], Awaitable[None]], seconds: float, *, sooner: asyncio.Event | None = None
    ) -> None:
        """Look for ever: whatever a look raises is told once, and must not end the gateway.

        Args:
            sooner: ends the wait for the next look.
        """
        told = ""
        while True:
            try:
                await look()
                told = ""
            except Exception as error:  # noqa: BLE001 - the last stop of a task that nobody waits for
                if told != repr(error):
                    self._log.error(Event.TASK_CRASHED, task=look.__name__, exc_info=error)
                told = repr(error)
            await _pause(seconds, sooner)

    def _found(self, condition: Condition, lost: Event, found: Event, *, reason: str = "") -> None:
        changed = self._readiness.set(condition, ok=not reason, detail=reason)
        if changed and reason and condition.required:
            self._log.error(Event.NOT_READY, condition=condition, detail=reason)
        if reason and condition not in self._lost:
            self._lost.add(condition)
            self._log.warning(lost, reason=reason)
        elif not reason and condition in self._lost:
            self._lost.discard(condition)
            self._log.info(found)

    def _tell_of_state(self, record: PartnerRecord) -> None:
        """Tell of a partner whose state is another than it was, whoever changed it."""
        before, after = self._states.get(record.partner.id), _state_of(record)
        self._states[record.partner.id] = after
        if before != after and self._told_all:
            self._log.info(Event.PARTNER_CHANGED, partner=record.partner.name, before=before or "new", after=after)

    def _count_partners(self) -> None:
        records = list(self._directory.records())
        births = {}
        for record in records:
            self._tell_of_state(record)
            for token in record.inbound_tokens:
                if token.state is TokenState.ACTIVE:
                    births[record.partner.name, "inbound"] = token.created_at
            for outbound in record.outbound_tokens:
                if outbound.kind is TokenKind.CREDENTIALS and outbound.state == ACTIVE:
                    births[record.partner.name, "outbound"] = outbound.created_at
        self._metrics.set_partners({record.partner.name: record.partner.state for record in records}, births)


async def _pause(seconds: float, sooner: asyncio.Event | None) -> None:
    if sooner is None:
        await asyncio.sleep(seconds)
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await sooner.wait()
    sooner.clear()


def _state_of(record: PartnerRecord) -> str:
    return f"{record.partner.state}, suspended" if record.partner.suspended else record.partner.state


def _touch(connection: Connection) -> None:
    """Really write: after a failure only that shows that the disk takes something again.

    There and back, because SQLite writes no page for an update that changes nothing.
    """
    for step in (1, -1):
        connection.execute(update(store_state).values(revision=store_state.c.revision + step))


def _nothing(_connection: Connection) -> None:
    """Take the write lock and give it back: fails where the database can't be written."""
