"""Who presents this token? The one check that every request from a partner passes.

The happy path is a digest and a dictionary. An unknown token makes the gateway look at the store once before it
refuses, because another process may just have issued it; that look is budgeted (hardening.md, H2).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, select

from gateway.memory import Memory
from gateway.ocpi.admission import Admission, Area, admit
from gateway.ocpi.authorization import candidates
from gateway.ocpi.errors import PartnerError
from gateway.ocpi.lifecycle import Unregistered
from gateway.ocpi.timestamps import Clock
from gateway.ocpi.vocabulary import TokenState
from gateway.store import tables
from gateway.store.audit import ACTIONS
from gateway.store.directory import Directory, Holder
from gateway.store.engine import Store, StoreUnavailableError
from gateway.store.vault import Vault

#: Of so many headers the digest is remembered; there are hardly more partners that call at one time.
_MOST_HEADERS: Final = 4096


class Refusal(StrEnum):
    """Why a token was refused: for our log and metrics; the partner is told none of it (contract.md, uniform 401)."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    REVOKED = "revoked"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    NOT_ADMITTED = "not_admitted"
    FROM_ELSEWHERE = "from_elsewhere"


class UnauthenticatedError(PartnerError):
    """A request can't be attributed to a partner, or its token isn't good for what it asks.

    Attributes:
        partner: its name where the token told.
        detail: the reason in words.
    """

    def __init__(self, refusal: Refusal, *, partner: str = "", detail: str = "") -> None:
        super().__init__(f"credentials token refused: {detail or refusal}")
        self.refusal = refusal
        self.detail = detail or str(refusal)
        self.partner = partner


class Gatekeeper:
    """Attributes requests to partners.

    Args:
        looks_per_second: how often unknown tokens may make it look at the store.
        tombstone: how long a repeated DELETE is still answered as done.
    """

    def __init__(
        self,
        store: Store,
        vault: Vault,
        directory: Directory,
        *,
        clock: Clock,
        looks_per_second: float,
        tombstone: timedelta,
    ) -> None:
        self._store = store
        self._vault = vault
        self._directory = directory
        self._clock = clock
        self._budget = _Budget(looks_per_second)
        self._tombstone = tombstone
        self._digest_of: Memory[str, bytes] = Memory(_MOST_HEADERS)
        self._looking = asyncio.Lock()
        self._next_look = _Look()

    async def admit(
        self, header: str | None, area: Area, *, may_look: Callable[[], bool] = lambda: True
    ) -> tuple[Holder, Admission]:
        """Find who presents a token, and whether it is good for an area of the public listener.

        Args:
            may_look: whether whoever asks may make us look at the store; what is in memory decides otherwise. Asked
                only where there is something to look for, which a good token never needs.

        Raises:
            UnauthenticatedError: it isn't; with the reason for the log.
        """
        holder = await self._identify(header, may_look=may_look)
        try:
            return holder, self._judge(holder, area)
        except UnauthenticatedError:  # what is in memory may be a second old
            if not may_look():
                raise
            holder = await self._look_again([holder.token.digest])
            return holder, self._judge(holder, area)

    def admit_at_once(self, header: str | None, area: Area) -> Holder | None:
        """Who presents a token that is known, good for an area, and was used before; None where `admit` has to tell."""
        holder = self._known(header or "")
        if holder is None:
            return None
        token, partner = holder.token, holder.partner
        if token.state is not TokenState.ACTIVE or token.expires_at is not None or partner.suspended:
            return None
        admission = admit(partner.state, token.kind, token.state, area, provable=token.provable)
        return holder if admission is Admission.ADMITTED else None

    def refusal_at_once(self, header: str | None) -> Refusal | None:
        """Why a header names nobody, as far as is in memory: only an UNKNOWN token can be known to the store."""
        if not header:
            return Refusal.MISSING
        holders, digest, refusal = self._directory.holders, self._vault.digest, Refusal.MALFORMED
        if self._digest_of.get(header) in holders:
            return None
        for _, credentials_token in candidates(header):
            if digest(credentials_token) in holders:
                return None
            refusal = Refusal.UNKNOWN
        return refusal

    def _known(self, header: str) -> Holder | None:
        """Who presents this, as far as is in memory; the digests of headers that were good once are remembered."""
        digest = self._digest_of.get(header)
        if digest is not None:
            return self._directory.holder(digest)
        for _, credentials_token in candidates(header):
            digest = self._vault.digest(credentials_token)
            holder = self._directory.holder(digest)
            if holder is not None:
                self._digest_of.keep(header, digest)
                return holder
        return None

    def _judge(self, holder: Holder, area: Area) -> Admission:
        token, partner = holder.token, holder.partner
        if not token.is_alive(self._clock()):
            raise UnauthenticatedError(Refusal.EXPIRED, partner=partner.name)
        if partner.suspended:
            raise UnauthenticatedError(Refusal.SUSPENDED, partner=partner.name)
        admission = admit(partner.state, token.kind, token.state, area, provable=token.provable)
        if admission is Admission.REFUSED:
            raise UnauthenticatedError(Refusal.NOT_ADMITTED, partner=partner.name)
        return admission

    def is_of(self, holder: Holder, credentials_token: str) -> bool:
        """Whether this text is the token by which the holder was found."""
        return self._vault.digest(credentials_token) == holder.token.digest

    async def was_unregistered(self, header: str | None) -> bool:
        """Whether the token belonged to a registration that a DELETE ended a short while ago (handshake.md, RD2)."""
        digests = self._digests(header)
        row = tables.inbound_token.c

        def look(connection: Connection) -> bool:
            found = select(row.id).where(
                row.digest.in_(digests),
                row.revoked_by == UNREGISTERED,
                row.revoked_at > self._clock() - self._tombstone,
            )
            return connection.execute(found).first() is not None

        return bool(digests) and self._budget.take(self._clock().timestamp()) and await self._store.read(look)

    async def _identify(self, header: str | None, *, may_look: Callable[[], bool]) -> Holder:
        if not header:
            raise UnauthenticatedError(Refusal.MISSING)
        digests = []
        for _, credentials_token in candidates(header):
            digest = self._vault.digest(credentials_token)
            holder = self._directory.holder(digest)
            if holder is not None:
                return holder
            digests.append(digest)
        if not digests:
            raise UnauthenticatedError(Refusal.MALFORMED)
        if not may_look():
            raise UnauthenticatedError(Refusal.UNKNOWN)
        return await self._look_again(digests)

    async def _look_again(self, digests: list[bytes]) -> Holder:
        """Look at the store for what another process may have changed since: a token issued, or a partner resumed.

        A look costs a thousand times a refusal, so all requests that wait for one share the next (hardening.md, H2).
        """
        look = self._next_look
        look.digests.update(digests)
        async with self._looking:
            if not look.done:
                self._next_look = _Look()
                await self._look(look)
        found = next(filter(None, map(self._directory.holder, digests)), None)
        if found is not None:
            return found
        revoked = next(filter(None, map(look.revoked.get, digests)), "")
        raise UnauthenticatedError(Refusal.REVOKED if revoked else Refusal.UNKNOWN, partner=revoked)

    async def _look(self, look: "_Look") -> None:
        if self._budget.take(self._clock().timestamp()):
            try:
                await self._directory.refresh()
                unknown = [digest for digest in look.digests if self._directory.holder(digest) is None]
                look.revoked = await self._store.read(lambda connection: _revoked_among(connection, unknown))
            except StoreUnavailableError:
                look.revoked = {}  # what is in memory decides; readiness tells of the store
        look.done = True

    def _digests(self, header: str | None) -> list[bytes]:
        return [self._vault.digest(credentials_token) for _, credentials_token in candidates(header or "")]


#: Databases bound the number of parameters; what is beyond is only not told apart from noise in the log.
_MAX_DIGESTS: Final = 500

#: The reason kept with tokens that a DELETE revoked.
UNREGISTERED: Final = ACTIONS[Unregistered]


class _Budget:
    """So many looks a second, with as many saved up at most, but always one."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second)
        self._left = self._most
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Whether one more is allowed at this moment, in seconds of any clock."""
        self._left = min(self._most, self._left + max(0.0, now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(slots=True)
class _Look:
    """One look at the store, for every unknown token that was presented while the look before it went on."""

    digests: set[bytes] = field(default_factory=set)
    revoked: dict[bytes, str] = field(default_factory=dict)
    done: bool = False


def _revoked_among(connection: Connection, digests: list[bytes]) -> dict[bytes, str]:
    """Which of these tokens were revoked, with the names of their partners."""
    row = tables.inbound_token.c
    query = (
        select(row.digest, tables.partner.c.name)
        .join(tables.partner, row.partner_id == tables.partner.c.id)
        .where(row.digest.in_(digests[:_MAX_DIGESTS]), row.state == TokenState.REVOKED)
    )
    return {found.digest: found.name for found in connection.execute(query)}
