"""What both ends of a handshake share."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Connection

from gateway.handshake.performer import Fetcher
from gateway.ocpi.errors import GatewayError
from gateway.ocpi.lifecycle import Change
from gateway.ocpi.registration import Front
from gateway.ocpi.timestamps import Clock
from gateway.store.changes import Ledger
from gateway.store.engine import Store, StoreUnavailableError
from gateway.store.inbound import Lifetimes
from gateway.store.records import PartnerRecord, read_by_id
from gateway.store.vault import Vault

T = TypeVar("T")

#: Tells of a handshake's end, for log and metrics: role of ours, outcome, partner, reason.
Outcome = Callable[[str, str, str, str], None]


@dataclass(frozen=True, slots=True)
class Registrar:
    """Store, clock, front and partner connection of the handshakes of one process.

    Attributes:
        fetcher: gives the connection to a named partner.
        allowed_hosts: what the operator allows a partner beside its own hosts, by partner name in lower case.
        on_outcome: told of every handshake's end.
        save_again_after_seconds: how long to wait before each further attempt to save a token that a partner has just
            given us and that exists nowhere else (handshake.md, SP6).
    """

    store: Store
    vault: Vault
    clock: Clock
    front: Front
    fetcher: Callable[[str], Fetcher]
    lifetimes: Lifetimes
    on_outcome: Outcome
    allowed_hosts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    save_again_after_seconds: tuple[float, ...] = (0.5, 1, 2, 4, 8, 16)

    def hosts_of(self, name: str) -> frozenset[str]:
        """The hosts that the operator allows a partner beside its own."""
        return self.allowed_hosts.get(name.lower(), frozenset())

    async def write(self, actor: str, work: Callable[[Ledger], T]) -> T:
        """Run one transaction on the ledger; `actor` goes to the audit trail."""

        def transaction(connection: Connection) -> T:
            return work(Ledger(connection, self.vault, now=self.clock(), actor=actor, lifetimes=self.lifetimes))

        return await self.store.write(transaction)

    async def reread(self, record: PartnerRecord) -> PartnerRecord:
        """The record of the same partner as it is now."""
        return await self.store.read(lambda connection: read_by_id(connection, self.vault, record.partner.id))

    async def save(self, actor: str, record: PartnerRecord, change: Change) -> PartnerRecord:
        """Apply one change to the record as it was read; returns it as it is after."""

        def work(ledger: Ledger) -> PartnerRecord:
            ledger.apply(record, change)
            return ledger.partner(record.partner.name)

        return await self.write(actor, work)

    async def note_failure(self, actor: str, record: PartnerRecord, error: GatewayError) -> None:
        """Keep why a handshake failed, where the operator looks for it; a store that fails too doesn't hide it."""
        with suppress(StoreUnavailableError):
            await self.write(actor, lambda ledger: ledger.refused(ledger.partner(record.partner.name), error))

    def alone_with(self, name: str) -> AbstractAsyncContextManager[None]:
        """Refuse a second handshake with a partner while one is under way, in this process or another.

        Raises:
            UnderWayError: one is.
            StoreUnavailableError: that can't be found out.
        """
        return self.store.claim(name)
