"""What must hold after every act in a `World`, whatever went wrong (handshake.md, I1 to I8), and the way back."""

from collections import Counter
from datetime import timedelta

from sqlalchemy import select

from gateway.ocpi.admission import Area
from gateway.ocpi.authorization import header_value
from gateway.ocpi.vocabulary import PartnerState, TokenForm, TokenKind, TokenState
from gateway.store import tables
from gateway.store.directory import Directory
from gateway.store.gatekeeper import Gatekeeper, UnauthenticatedError

S = PartnerState

#: What an inbound token that lives may open; a pending one whatever its partner's state allows.
OPENS = {
    (TokenKind.INVITATION, TokenState.ACTIVE): {Area.DISCOVERY, Area.REGISTRATION, Area.CREDENTIALS},
    (TokenKind.INVITATION, TokenState.GRACE): {Area.REGISTRATION},
    (TokenKind.CREDENTIALS, TokenState.ACTIVE): set(Area),
    (TokenKind.CREDENTIALS, TokenState.GRACE): {Area.FUNCTIONAL},
    (TokenKind.CREDENTIALS, TokenState.PENDING): {Area.DISCOVERY, Area.REGISTRATION, Area.CREDENTIALS},
}


class Door:
    """What a process that starts now would let in; it notes nothing."""

    def __init__(self, world, side):
        self._directory = Directory(side.store, side.vault)
        self._gatekeeper = Gatekeeper(
            side.store,
            side.vault,
            self._directory,
            clock=world.clock,
            looks_per_second=0,  # it has just been read
            tombstone=timedelta(hours=24),
        )

    async def opens(self, token):
        """The areas that a token opens."""
        return {area for area in Area if await self.admits(token, area)}

    async def admits(self, token, area):
        try:
            await self._gatekeeper.admit(header_value(token, TokenForm.BASE64), area)
        except UnauthenticatedError:
            return False
        return True


async def check(world):
    """Every law that can be checked from the records and by knocking, at sides that have written since."""
    for side in world.sides.values():
        written = side.store.written, len(world.tokens)
        if side.checked == written:
            continue
        side.checked = written
        record = await side.record()
        inbound, outbound = await side.store.read(_tokens)
        if record is not None:
            _records(record, outbound)
            _retire(side, record)
        await _knock(world, side, record, inbound)


def _tokens(connection):
    rows = {row.digest: row for row in connection.execute(select(tables.inbound_token))}
    return rows, connection.execute(select(tables.outbound_token)).all()


def _records(record, outbound):
    """I2 and I6: so many tokens at most, and what belongs together is there together."""
    partner = record.partner
    inbound = Counter((token.kind, token.state) for token in record.inbound_tokens)
    assert inbound[TokenKind.CREDENTIALS, TokenState.ACTIVE] <= 1, "I2: two active tokens"
    assert inbound[TokenKind.CREDENTIALS, TokenState.GRACE] <= 1, "I2: two tokens in grace"
    assert inbound[TokenKind.CREDENTIALS, TokenState.PENDING] <= 3, "I2: four pending tokens"
    assert sum(token.kind is TokenKind.INVITATION for token in record.inbound_tokens) <= 1, "I2: two invitations"
    kinds = Counter((row.kind, row.state) for row in outbound)
    assert all(number == 1 for number in kinds.values()), f"I6: outbound tokens {kinds}"
    assert not record.broken
    if partner.state is S.REGISTERED:
        known = (partner.outbound_token, partner.version, partner.versions_url, partner.endpoints, partner.roles)
        assert all(known), "I6: half a registration"
        assert any(
            token.kind is TokenKind.CREDENTIALS and token.state in {TokenState.ACTIVE, TokenState.PENDING}
            for token in record.inbound_tokens
        ), "I6: registered without a token for them"
    if partner.state is S.UNREGISTERED:
        assert not any(token.kind is TokenKind.CREDENTIALS for token in record.inbound_tokens), "I6: a token stayed"
        assert partner.outbound_token is None, "I6: a token stayed"


def _retire(side, record):
    """Note which outbound tokens must never be used again (I8)."""
    partner = record.partner
    side.held |= {partner.outbound_token, partner.previous_outbound_token} - {None}
    if partner.outbound_token and partner.outbound_proved:
        assert partner.previous_outbound_token is None, "I8: a token is kept that was replaced by a proved one"
        side.retired |= side.held - {partner.outbound_token}


async def _knock(world, side, record, inbound):
    """I3 and I4: what each token opens is what its kind and state say; what was revoked once opens nothing."""
    door, now = Door(world, side), world.clock()
    for token, issuer in world.tokens.items():
        if issuer is not side:
            continue
        row = inbound.get(side.vault.digest(token))
        if row is None:
            continue
        if row.id in side.revoked:
            assert row.state == TokenState.REVOKED, "I4: a revoked token lives again"
            continue
        opened = await door.opens(token)
        if row.state == TokenState.REVOKED:
            assert opened == set(), f"I4: a revoked token opens {opened}"
            side.revoked.add(row.id)
        elif record.partner.suspended or (row.expires_at is not None and row.expires_at <= now):
            assert opened == set(), f"a suspended partner's or expired token opens {opened}"
        else:
            wanted = OPENS[row.kind, row.state]
            maybe = {Area.FUNCTIONAL} if row.state == TokenState.PENDING else set()
            assert opened | maybe == wanted | maybe, f"I3: a {row.state} {row.kind} token opens {opened}"


async def check_trust(world):
    """I1 where nobody ended anything: the token that each side calls with, or falls back to, is accepted."""
    for side in world.sides.values():
        record = await side.record()
        if record is None or record.partner.state in {S.INVITED, S.REGISTERING}:
            continue
        partner = record.partner
        assert partner.state is S.REGISTERED, f"I1: {side.name} is {partner.state} though nobody ended anything"
        door = Door(world, world.other(side))
        tokens = (partner.outbound_token, side.server.standing.fallback(partner))
        accepted = [token for token in tokens if token and await door.admits(token, Area.FUNCTIONAL)]
        assert accepted, f"I1: {side.name} holds no token that {side.partner} accepts"


async def check_at_the_end(world):
    """I4 for every revoked token, I5: no token can be read in a database file, and I7: the audit trail is whole."""
    for side in world.sides.values():
        inbound, _ = await side.store.read(_tokens)
        verdict = await side.server.operations.verify_audit()
        assert not verdict.reason, f"I7: the audit trail isn't whole: {verdict}"
        door = Door(world, side)
        for token, issuer in world.tokens.items():
            row = inbound.get(side.vault.digest(token)) if issuer is side else None
            if row is not None and row.id in side.revoked:
                assert await door.opens(token) == set(), "I4: a revoked token opens something"
        content = (world.folder / f"{side.name}.db").read_bytes()
        assert not any(token.encode() in content for token in world.tokens), "I5: a token in plain"


class WayBack:
    """The documented way to two sides that call one another, on a network that works again (I1)."""

    def __init__(self, world):
        self._world = world
        self.acts = []

    async def leads_back(self, *, operators=True):
        """Whether it does; without operators only what a running gateway does by itself, and `register` resumed."""
        await self._fair()
        for _ in range(5):
            if await self._both_call():
                await check(self._world)
                return True
            if not await self._time_passes():
                await self._operators_act(all_means=operators)
        return False

    async def _act(self, side, verb):
        self.acts.append(f"{side.name} {verb}")
        return await self._world.act(side.name, verb)

    async def _fair(self):
        """What was delayed arrives; suspended partners are resumed."""
        for side in self._world.sides.values():
            record = await side.record()
            if record is not None and record.partner.suspended:
                await self._act(side, "unsuspend")
        await self._act(self._world.sides["cpo"], "restart")

    async def _time_passes(self):
        """What a running gateway does by itself; gives whether that was enough."""
        for pause in (timedelta(minutes=20), timedelta(minutes=40), timedelta(hours=31)):
            self._world.clock.moment += pause
            for side in self._world.sides.values():
                await self._act(side, "upkeep")
            for _ in range(3):  # so many refusals end a token
                if await self._both_call():
                    return True
        return False

    async def _both_call(self):
        called = [await self._act(side, "call") for side in self._world.sides.values()]
        return all(called)

    async def _operators_act(self, *, all_means):
        sides = list(self._world.sides.values())
        for side in sides:
            record = await side.record()
            if record and any(token.kind is TokenKind.INVITATION for token in record.outbound_tokens):
                await self._act(side, "resume")
        if not all_means or await self._both_call():
            return
        for side in sides:
            if await self._state(side) is S.HALF_OPEN and await self._state(self._world.other(side)) is S.REGISTERED:
                await self._act(self._world.other(side), "rotate")
        if await self._both_call():
            return
        joining = [side for side in sides if await self._state(side) is not S.REGISTERED]
        assert joining, "I1: both say that all is well, and calls fail"
        await self._act(self._world.other(joining[0]), "invite")
        await self._act(joining[0], "register")

    async def _state(self, side):
        record = await side.record()
        return record.partner.state if record else S.UNREGISTERED
