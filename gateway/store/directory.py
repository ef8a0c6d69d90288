"""The partner table in memory: what the path of a request looks things up in, so that it needs no database.

Each process has its own and reads from the store only what changed since it last looked: each second, and before an
unknown token is refused (architecture.md, Several processes).
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from gateway.ocpi.partner import Partner
from gateway.ocpi.party import Party
from gateway.store import revision
from gateway.store.engine import Store
from gateway.store.records import InboundToken, PartnerRecord, read_changed
from gateway.store.vault import Vault

#: The revision before anything was read.
NOTHING_READ: Final = -1


@dataclass(frozen=True, slots=True)
class Holder:
    """Who presents an inbound token, and which."""

    record: PartnerRecord
    token: InboundToken

    @property
    def partner(self) -> Partner:
        """The partner that the token was made for."""
        return self.record.partner


class Directory:
    """All partners with their live tokens, by digest, name and party.

    Args:
        on_restored: told of the partners that were changed since the store that was put in place of ours (a back-up):
            what it says of their tokens may be out of date.

    Attributes:
        by_id: each partner's record.
        holders: who each live inbound token was made for, by its digest.
    """

    def __init__(
        self, store: Store, vault: Vault, *, on_restored: Callable[[Sequence[str]], None] = lambda _names: None
    ) -> None:
        self._store = store
        self._vault = vault
        self._revision = NOTHING_READ
        self.by_id: dict[int, PartnerRecord] = {}
        self.holders: dict[bytes, Holder] = {}
        self._names: dict[str, int] = {}
        self._owners: dict[Party, int] = {}
        self._forgotten: set[bytes] = set()
        self._on_restored = on_restored
        self._refreshing = asyncio.Lock()

    @property
    def revision(self) -> int:
        """The revision of the store that was last read: it moves when any partner changed."""
        return self._revision

    def holder(self, digest: bytes) -> Holder | None:
        """Who a live inbound token was made for."""
        return self.holders.get(digest)

    def with_id(self, partner_id: int) -> Partner | None:
        """The partner of that id."""
        record = self.by_id.get(partner_id)
        return None if record is None else record.partner

    def named(self, name: str) -> Partner | None:
        """The partner of that name, compared without letter case."""
        found = self._names.get(name.lower())
        return None if found is None else self.with_id(found)

    def owner(self, party: Party) -> Partner | None:
        """The partner that a party belongs to."""
        found = self._owners.get(party)
        return None if found is None else self.with_id(found)

    def records(self) -> Iterable[PartnerRecord]:
        """Every partner."""
        return self.by_id.values()

    async def refresh(self) -> None:
        """Read what changed in the store.

        Raises:
            StoreUnavailableError: the store can't be read; what is in memory stays.
        """
        async with self._refreshing:
            newest, changed = await self._read(since=self._revision)
            if newest < self._revision:
                newest, changed = await self._read(since=NOTHING_READ)
                self._start_over(newest)
            for record in changed:
                self._replace(record)
            self._revision = newest

    async def _read(self, *, since: int) -> tuple[int, list[PartnerRecord]]:
        def what_changed(connection: Connection) -> tuple[int, list[PartnerRecord]]:
            newest = revision.current(connection)
            return newest, [] if newest == since else read_changed(connection, self._vault, since=since)

        return await self._store.read(what_changed)

    def _start_over(self, newest: int) -> None:
        """The store is older than what was read from it: somebody put a back-up in its place."""
        changed_since = [each.partner.name for each in self.by_id.values() if each.partner.revision > newest]
        for known in (self.by_id, self.holders, self._names, self._owners):
            known.clear()
        self._on_restored(sorted(changed_since))

    def forget_token(self, token: InboundToken) -> None:
        """Never again accept a token in this process, ahead of the store (handshake.md, rule 9)."""
        self._forgotten.add(token.digest)
        self.holders.pop(token.digest, None)

    def _replace(self, record: PartnerRecord) -> None:
        partner = record.partner
        former = self.by_id.get(partner.id)
        if former is not None:
            for token in former.inbound_tokens:
                self.holders.pop(token.digest, None)
            for party in former.partner.parties:
                if self._owners.get(party) == partner.id:
                    del self._owners[party]
        self.by_id[partner.id] = record
        self._names[partner.name.lower()] = partner.id
        self._owners |= dict.fromkeys(partner.parties, partner.id)
        self.holders.update(
            {
                token.digest: Holder(record, token)
                for token in record.inbound_tokens
                if token.digest not in self._forgotten
            }
        )
