"""Two gateways that call one another through a network that loses, repeats, delays and reorders, and that crash.

Each side has a real database, written through the gateway's own statements; only the threads between are left out, so
that thousands of runs are possible. What may go wrong during one act is its `Weather`.
"""

import asyncio
import json
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import StaticPool, create_engine, event, text

from gateway.config.tuning import RotationMode
from gateway.handshake.initiator import Initiator
from gateway.handshake.inspector import Inspector
from gateway.handshake.performer import silent
from gateway.handshake.standing import Standing
from gateway.handshake.upkeep import Schedule, Upkeep
from gateway.ocpi.authorization import candidates
from gateway.ocpi.errors import GatewayError, InternalError
from gateway.ocpi.vocabulary import PartnerState
from gateway.proxy.addressee import check_callable
from gateway.store import sqlite
from gateway.store.changes import ConcurrentChangeError
from gateway.store.engine import Store, StoreUnavailableError
from gateway.store.inbound import TokenEndedError
from gateway.store.keys import open_vault
from gateway.store.migrate import migrate
from gateway.store.records import read_by_name
from tests.conftest import START, MovableClock
from tests.handshake.rig import Gateway, lost, request_of, unreachable


class Fate(StrEnum):
    """What becomes of one request and its answer."""

    DELIVERED = "delivered"
    UNSENT = "lost before arrival, and the caller knows"
    LOST = "lost before arrival"
    HUNG_UP = "arrived; the callee could not write its answer"
    UNANSWERED = "arrived; the answer was written and lost"
    TWICE = "arrived twice, the first answer counts"
    AGAIN = "arrived twice, the second answer counts"
    DELAYED = "given up by the caller, and arrives after the next act"
    CALLER_DIES_BEFORE = "the caller crashes before it is sent"
    CALLER_DIES_AFTER = "the caller crashes while it is answered"


@dataclass(frozen=True)
class Crossed:
    """Something else is done while the request is under way; then it arrives."""

    side: str
    verb: str

    def __str__(self):
        return f"meanwhile {self.side} {self.verb}"


class Trouble(StrEnum):
    """What becomes of a write."""

    LOCKED = "nothing was written: the database is locked"
    DIES_BEFORE = "the process dies before the commit"
    DIES_AFTER = "the process dies after the commit"


@dataclass(frozen=True)
class Failure:
    """From which write on how many fail at a side."""

    side: str
    number: int
    trouble: Trouble
    writes: int = 1

    def __str__(self):
        return f"({self.side}, {self.writes} writes from {self.number}: {self.trouble})"


@dataclass(frozen=True)
class Weather:
    """What goes wrong during one act: the fates of its requests in turn, and a failure of a store."""

    fates: tuple = ()
    failure: Failure | None = None


FAIR = Weather()


class Shelf(Store):
    """A store on a real SQLite file whose statements run in the event loop's thread, and whose writes can fail.

    Attributes:
        failure: what is to fail, counted from when it was set.
        on_death: called where the process is to die.
        on_write: called with the connection before each commit.
        written: how many writes were committed.
    """

    def __init__(self, path):
        super().__init__(f"sqlite:///{path}")
        self._sync = create_engine(
            f"sqlite:///{path}",
            poolclass=StaticPool,
            connect_args={"isolation_level": None, "check_same_thread": False},
        )
        event.listen(self._sync, "connect", _prepare)
        event.listen(self._sync, "begin", sqlite._begin)
        self.failure, self._writes, self.written = None, 0, 0
        self.on_death = self.on_write = lambda *_: None

    def expect(self, failure):
        self.failure, self._writes = failure, 0

    async def close(self):
        self._sync.dispose()
        await super().close()

    async def _run(self, work, *, writing):
        trouble = self._trouble() if writing else None
        if trouble is Trouble.LOCKED:
            raise StoreUnavailableError("the database is locked by another program")
        with self._sync.connect().execution_options(writing=writing) as connection, connection.begin() as transaction:
            done = work(connection)
            if trouble is Trouble.DIES_BEFORE:
                transaction.rollback()
            elif writing:
                self.written += 1
                self.on_write(connection)
        if trouble is not None:
            self.on_death()
            raise asyncio.CancelledError
        return done

    def _trouble(self):
        if self.failure is None:
            return None
        number, self._writes = self._writes, self._writes + 1
        first = self.failure.number
        return self.failure.trouble if first <= number < first + self.failure.writes else None


def _prepare(connection, _record):
    """A crash of ours comes before or after a commit, never of the machine: nothing has to be on a disk."""
    for pragma in ("journal_mode=MEMORY", "synchronous=OFF", "locking_mode=EXCLUSIVE", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


class Process(Gateway):
    """A gateway's process with what it does on the traffic path and by itself.

    Attributes:
        alive: it has not crashed.
    """

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.alive, self.alarms = True, []
        self.standing = Standing(
            self.registrar,
            refresh=self.directory.refresh,
            on_alarm=lambda *alarm: self.alarms.append(alarm),
            on_failure=lambda _error: None,
        )
        self.upkeep = Upkeep(
            Initiator(self.registrar, actor="gateway"),
            Inspector(self.registrar, actor="gateway"),
            Schedule(
                rotate_every=timedelta(days=30),
                rotation=lambda _name: RotationMode.AUTO,
                look_every=timedelta(minutes=15),
                looks=lambda _name: True,
            ),
            records=self.directory.records,
            clock=self.clock,
            on_reminder=lambda _name: None,
        )

    async def _fetch(self, request):
        return await self.reach(self, request)

    async def calls(self, name, url):
        """Call the partner's functional modules as egress does; gives whether that worked."""
        partner = self.directory.named(name)
        if partner is None:
            return False
        try:
            check_callable(partner)
        except GatewayError:
            return False
        http_status = await self._asked(url, partner.outbound_token)
        former = self.standing.fallback(partner)
        if http_status == 401:
            await self.standing.refused(partner)
            return former is not None and await self._asked(url, former) == 200
        if http_status == 200:
            await self.standing.accepted(partner)
        return http_status == 200

    async def _asked(self, url, token):
        try:
            return (await self._fetch(request_of("GET", url, token))).http_status
        except GatewayError:
            return 0


@dataclass
class Side:
    """One of the two: its database, and the process that serves.

    Attributes:
        partner: what it calls the other.
        invitation: the newest TOKEN_A that it issued.
        revoked: ids of inbound tokens that were seen revoked.
        held: tokens that it was given to call the other with.
        retired: those of them that were replaced by one that worked.
    """

    name: str
    partner: str
    store: Shelf
    vault: object
    server: Process = None
    invitation: str | None = None
    revoked: set = field(default_factory=set)
    held: set = field(default_factory=set)
    retired: set = field(default_factory=set)
    checked: tuple = ()
    picture: object = None
    rows: int = 0

    def restart(self):
        self.server.alive = False
        self.server = self.server.restarted()

    async def record(self):
        return await self.store.read(lambda connection: read_by_name(connection, self.vault, self.partner))


class Templates:
    """Databases with the newest schema and keys of their own, made once and copied."""

    def __init__(self, folder, keyring):
        self.folder, self.vaults, self._made = folder, {}, 0
        for name in ("cpo", "emsp"):
            store = Shelf(folder / f"{name}.db")
            self.vaults[name] = asyncio.run(self._prepare(store, keyring))

    @staticmethod
    async def _prepare(store, keyring):
        await store.write(migrate)
        vault = await store.write(lambda connection: open_vault(connection, keyring, now=START))
        await store.close()
        return vault

    def world(self):
        self._made += 1
        folder = self.folder / str(self._made)
        folder.mkdir()
        for name in self.vaults:
            shutil.copy(self.folder / f"{name}.db", folder)
        return World(folder, self.vaults)


class World:
    """Both sides and the network between.

    Attributes:
        tokens: every credentials token that was seen on the wire or told an operator, with the side that issued it.
        delayed: requests that arrive later: to whom, and what.
        log: what happened, for the report of a failure.
    """

    def __init__(self, folder, vaults):
        self.folder, self.clock = folder, MovableClock()
        self.tokens, self.delayed, self.log = {}, [], []
        self._fates, self.exchanges = [], 0
        self.sides = {
            name: Side(name, partner, Shelf(folder / f"{name}.db"), vaults[name])
            for name, partner in (("cpo", "emsp"), ("emsp", "cpo"))
        }
        for side in self.sides.values():
            us = "NL-CPO:CPO" if side.name == "cpo" else "NL-MSP:EMSP"
            side.server = Process(
                side.store, side.vault, self.clock, reach=self.carry, host=f"{side.name}.example.com", us=us
            )
            side.store.on_death = side.restart
            side.store.on_write = lambda connection, side=side: self._one_row_a_change(connection, side)

    async def close(self):
        for side in self.sides.values():
            await side.store.close()
        shutil.rmtree(self.folder)

    def other(self, side):
        return self.sides[side.partner]

    # ---- acting

    async def act(self, name, verb, weather=FAIR):
        """One act of a side, what was delayed before it, and a second of time."""
        side = self.sides[name]
        self.log.append(f"-- {name} {verb}" + (f"  {weather.failure}" if weather.failure else ""))
        due, self.delayed = self.delayed, []
        self._fates = list(weather.fates)
        if weather.failure:
            self.sides[weather.failure.side].store.expect(weather.failure)
        done = await self._do(side, verb)
        self._fates = []
        for each in self.sides.values():
            each.store.expect(None)
        for callee, request in due:
            self.log.append(f"   (late) {callee.name} <- {request.method} {request.url}")
            await self._arrive_and_forget(callee, request)
        self.clock.move(seconds=1)
        for each in self.sides.values():
            await each.server.directory.refresh()
        return done

    async def _do(self, side, verb):
        """Gives whether it succeeded; whatever may not happen is raised."""
        process = side.server
        try:
            done = await getattr(self, f"_{verb}")(side, process)
        except asyncio.CancelledError:
            if process.alive:
                raise
            self.log.append(f"   {side.name} crashed")
            return False
        except InternalError as error:
            self.log.append(f"   {side.name} {verb}: {error}")
            if not isinstance(error, ConcurrentChangeError | TokenEndedError) and "locked" not in error.message:
                raise
            return False
        except GatewayError as error:
            self.log.append(f"   {side.name} {verb}: {error}")
            return False
        return done is not False

    async def _invite(self, side, process):
        side.invitation = (await process.operations.invite(side.partner)).invitation_token
        self.tokens[side.invitation] = side

    async def _register(self, side, process):
        """With the newest TOKEN_A of the other, or one that was never any."""
        other = self.other(side)
        await process.register(side.partner, other.invitation or "no-invitation-at-all", other.server.versions_url)

    async def _resume(self, side, process):
        await process.resume(side.partner)

    async def _rotate(self, side, process):
        await process.rotate(side.partner)

    async def _unregister(self, side, process):
        await process.unregister(side.partner)

    async def _force(self, side, process):
        await process.unregister(side.partner, force=True)

    async def _revoke(self, side, process):
        await process.operations.revoke(side.partner)

    async def _suspend(self, side, process):
        await process.operations.suspend(side.partner)

    async def _unsuspend(self, side, process):
        await process.operations.resume(side.partner)

    async def _refresh(self, side, process):
        await process.operations.refresh(side.partner, progress=silent)

    async def _upkeep(self, side, process):
        await process.directory.refresh()
        await process.upkeep.look()

    async def _call(self, side, process):
        return await process.calls(side.partner, f"{self.other(side).server.url}/ocpi/2.2.1/sender/locations")

    async def _restart(self, side, process):
        side.restart()

    # ---- the network

    async def carry(self, caller, request):
        """Carry a request to the side that its URL names, as its fate will have it."""
        if not caller.alive:
            raise asyncio.CancelledError
        callee = next(side for side in self.sides.values() if request.url.startswith(side.server.url))
        self.clock.move(milliseconds=20)
        self.exchanges += 1
        self._saw_request(self.other(callee), request)
        fate = self._fates.pop(0) if self._fates else Fate.DELIVERED
        self.log.append(f"   {callee.partner} {request.method} {request.url.partition('/ocpi/')[2]}: {fate}")
        try:
            answer = await self._carried(caller, callee, request, fate)
        finally:
            if not caller.alive:
                raise asyncio.CancelledError
        self._saw_answer(callee, request, answer)
        return answer

    async def _carried(self, caller, callee, request, fate):
        if fate in {Fate.CALLER_DIES_BEFORE, Fate.CALLER_DIES_AFTER}:
            self._dies(callee.partner, caller)
        match fate:
            case Crossed(side, verb):
                await self._do(self.sides[side], verb)
            case Fate.UNSENT:
                raise unreachable()
            case Fate.LOST | Fate.CALLER_DIES_BEFORE:
                raise lost()
            case Fate.DELAYED:
                self.delayed.append((callee, request))
                raise lost()
            case Fate.HUNG_UP | Fate.CALLER_DIES_AFTER:
                await self._arrive(callee, request, hung_up=True)
                raise lost()
            case Fate.UNANSWERED:
                await self._arrive_and_forget(callee, request)
                raise lost()
            case Fate.TWICE:
                answer = await self._arrive(callee, request)
                await self._arrive_and_forget(callee, request)
                return answer
            case Fate.AGAIN:
                await self._arrive_and_forget(callee, request)
        return await self._arrive(callee, request)

    async def _arrive_and_forget(self, callee, request):
        """A request whose answer the caller never sees."""
        with suppress(GatewayError):
            self._saw_answer(callee, request, await self._arrive(callee, request))

    def _dies(self, name, process):
        """A process crashes; another serves at once."""
        if self.sides[name].server is process:
            self.sides[name].restart()
        process.alive = False

    async def _arrive(self, side, request, *, hung_up=False):
        process = side.server
        process.loses_answers = hung_up
        try:
            answer = await process.serve(request)
        except asyncio.CancelledError:
            if process.alive:
                raise
            raise lost() from None
        finally:
            process.loses_answers = False
        if not process.alive:
            raise lost()
        return answer

    def _saw_request(self, caller, request):
        presented = {token for _, token in candidates(request.headers.get("Authorization", ""))}
        if request.method in {"PUT", "DELETE"} or "/sender/" in request.url:
            assert not presented & caller.retired, "I8: a token is used that was replaced by a proved one"
        if request.body:
            self.tokens[json.loads(request.body)["token"]] = caller

    def _saw_answer(self, callee, request, answer):
        if request.method in {"POST", "PUT"} and answer.http_status in {200, 201}:
            data = json.loads(answer.body).get("data")
            if data:
                self.tokens[data["token"]] = callee

    # ---- what must hold at every write

    def _one_row_a_change(self, connection, side):
        """I7: nothing of a partner or its tokens changes without a row of the audit trail."""
        picture = [tuple(connection.exec_driver_sql(query).all()) for query in _PICTURE]
        rows = connection.execute(text("SELECT count(*) FROM audit")).scalar_one()
        if side.picture is not None:
            assert rows >= side.rows, "I7: rows of the audit trail are gone"
            assert rows > side.rows or picture == side.picture, "I7: a change without a row in the audit trail"
        side.picture, side.rows = picture, rows

    async def states(self):
        records = [await side.record() for side in self.sides.values()]
        return tuple(record.partner.state if record else PartnerState.UNREGISTERED for record in records)


_PICTURE = (
    "SELECT id, state, suspended, leaving FROM partner ORDER BY id",
    "SELECT id, state, provable FROM inbound_token ORDER BY id",
    "SELECT id, state, proved, refusals FROM outbound_token ORDER BY id",
)
