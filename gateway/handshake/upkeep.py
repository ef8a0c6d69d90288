"""What a running gateway does with registered partners by itself, whatever interrupted it before.

unregister  an unregistration of ours whose outcome is unknown is sent again        (handshake.md, SU6 and SD1)
rotate      an interrupted rotation goes on, and tokens are renewed when due        (SU6; Scheduled rotation)
look        each partner's front is looked at now and then                          (operations.md, Partner health)

What is due is decided from stored moments at each pass, so a restart changes nothing. Several processes on one database
may do this at once: whoever claims a partner looks again whether it is still due.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.config.tuning import RotationMode
from gateway.handshake.initiator import Initiator
from gateway.handshake.inspector import Inspector, can_be_looked_at
from gateway.handshake.performer import silent
from gateway.ocpi.errors import GatewayError
from gateway.ocpi.vocabulary import PartnerState, TokenKind, TokenState
from gateway.store.claims import UnderWayError
from gateway.store.records import PartnerRecord

_AT_ONCE = 4
_AT_A_STRETCH = 200
#: Rotations of partners that were registered on one day spread over this part of the interval.
_SPREAD = 0.1
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When what is due (configuration: `rotation`, `partner_check`).

    Attributes:
        rotate_every: how old a token may become.
        rotation: what then happens, by partner name.
        look_every: how often a partner's front is looked at.
        looks: whether it is, by partner name.
    """

    rotate_every: timedelta
    rotation: Callable[[str], RotationMode]
    look_every: timedelta
    looks: Callable[[str], bool]

    def rotation_is_due(self, record: PartnerRecord, now: datetime) -> bool:
        """Whether the tokens of a partner are old enough to be renewed, or its renewal was interrupted."""
        partner = record.partner
        if partner.state is not PartnerState.REGISTERED or partner.suspended or partner.leaving:
            return False
        if record.retry_at is not None and now < record.retry_at:
            return False
        return _is_interrupted(record, now) or now >= self._renewal(record)

    def look_is_due(self, record: PartnerRecord, now: datetime) -> bool:
        """Whether a partner's front has not been looked at for long enough."""
        if not can_be_looked_at(record) or record.partner.suspended or not self.looks(record.partner.name):
            return False
        since = record.checked_at or record.registered_at or record.created_at or now
        return now >= since + self.look_every * (1 + _share(record.partner.name, since))

    def _renewal(self, record: PartnerRecord) -> datetime:
        """When the tokens are to be renewed. A PUT renews both; ours counts only once it was used, theirs at once."""
        since = record.partner.outbound_since
        if since is None:
            return _NEVER
        return since + self.rotate_every * (1 + _share(record.partner.name, since))


class Upkeep:
    """Does what is due.

    Args:
        records: every partner, as this process knows it.
        on_reminder: told, once, of a partner whose tokens are due and that is only to be reminded of.
    """

    def __init__(
        self,
        initiator: Initiator,
        inspector: Inspector,
        schedule: Schedule,
        *,
        records: Callable[[], Iterable[PartnerRecord]],
        clock: Callable[[], datetime],
        on_reminder: Callable[[str], None],
    ) -> None:
        self._initiator = initiator
        self._inspector = inspector
        self._schedule = schedule
        self._records = records
        self._clock = clock
        self._on_reminder = on_reminder
        self._reminded: set[tuple[int, datetime | None]] = set()
        self._few = asyncio.Semaphore(_AT_ONCE)

    async def look(self) -> None:
        """Do once whatever is due now; what fails is noted by who did it, and due again later."""
        jobs = []
        for number, record in enumerate(tuple(self._records())):
            if number % _AT_A_STRETCH == 0:
                await asyncio.sleep(0)  # requests go on meanwhile
            job = self._due(record)
            if job is not None:
                jobs.append(job)
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(self._do(job))

    def _due(self, record: PartnerRecord) -> Callable[[], Awaitable[object]] | None:
        """The most urgent thing to do with a partner."""
        name, now, schedule = record.partner.name, self._clock(), self._schedule
        if record.partner.leaving and (record.retry_at is None or now >= record.retry_at):
            return lambda: self._initiator.unregister(name, force=False, progress=silent)
        if schedule.rotation_is_due(record, now):
            mode = schedule.rotation(name)
            if mode is RotationMode.AUTO or _is_interrupted(record, now):
                return lambda: self._initiator.rotate(
                    name, progress=silent, only_if=lambda present: schedule.rotation_is_due(present, self._clock())
                )
            if mode is RotationMode.REMIND:
                self._remind(record)
        if schedule.look_is_due(record, now):
            return lambda: self._inspector.look(name, progress=silent)
        return None

    async def _do(self, job: Callable[[], Awaitable[object]]) -> None:
        async with self._few:
            try:
                await job()
            except UnderWayError:  # somebody else is at it
                return
            except GatewayError:  # noted where the operator looks for it, told by `on_outcome`, and due again later
                return

    def _remind(self, record: PartnerRecord) -> None:
        occasion = record.partner.id, record.partner.outbound_since
        if occasion not in self._reminded:
            self._reminded.add(occasion)
            self._on_reminder(record.partner.name)


def _is_interrupted(record: PartnerRecord, now: datetime) -> bool:
    """Whether a PUT of ours may have been sent and its outcome never became known (handshake.md, SU6)."""
    return record.partner.state is PartnerState.REGISTERED and any(
        token.kind is TokenKind.CREDENTIALS
        and token.state is TokenState.PENDING
        and not token.provable
        and token.is_alive(now)
        for token in record.inbound_tokens
    )


def _share(name: str, moment: datetime) -> float:
    """A part of the spread that is the same at every pass and in every process, and another for every partner."""
    digest = hashlib.blake2b(f"{name} {moment.isoformat()}".encode(), digest_size=4).digest()
    return _SPREAD * int.from_bytes(digest) / 2**32
