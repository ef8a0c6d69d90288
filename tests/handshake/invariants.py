"""What must hold after every fault (handshake.md, I2 to I8), checked at the end of each test of a handshake."""

import base64
from collections import Counter
from pathlib import Path

from sqlalchemy import select

from gateway.store import audit, tables
from tests.handshake.faulty import look
from tests.handshake.rig import codes

_MOST = {"active": 1, "grace": 1, "pending": 3}
#: Shorter ones may stand in a database as ordinary words.
_SHORTEST = 8

_PATHS = ("/ocpi/versions", "/ocpi/2.2.1", "/ocpi/2.2.1/credentials", "/ocpi/2.2.1/sender/locations")


async def hold(gateway):
    """Fail where one of the invariants does not hold in the database of a gateway."""
    gateway.loses_answers = False
    rows = await gateway.store.read(lambda connection: connection.execute(select(tables.inbound_token)).all())
    check_numbers(rows)
    await check_outbound(gateway)
    await check_refused(gateway, rows)
    await check_trail(gateway)
    check_secrecy(gateway)


def check_numbers(rows):
    """I2: at most 1 active, 1 grace, 3 pending tokens of a partner, and one invitation."""
    for (partner, kind, state), number in Counter((row.partner_id, row.kind, row.state) for row in rows).items():
        most = _MOST.get(state, number) if kind == "credentials" else number if state == "revoked" else 1
        assert number <= most, f"partner {partner} has {number} {state} tokens of kind {kind}"


async def check_outbound(gateway):
    """I8: none that was replaced by a proved one is kept."""
    for record in await gateway.operations.partners():
        proved = record.partner.outbound_token is not None and record.partner.outbound_proved
        assert not (proved and record.partner.previous_outbound_token), "the former outbound token is still kept"


async def check_refused(gateway, rows):
    """I3 and I4: what is dead opens nothing, an invitation no functional module; also after a restart."""
    now, known = gateway.clock(), {gateway.vault.digest(token): token for token in gateway.known.tokens}
    await gateway.directory.refresh()
    for process in (gateway, gateway.restarted()):
        for row in rows:
            token = known.get(row.digest)
            if token is None:
                continue
            if row.state == "revoked" or (row.expires_at is not None and row.expires_at <= now):
                answers = [await process.asks("GET", path, token) for path in _PATHS]
                answers += [await process.presents(method, token, {}) for method in ("POST", "PUT")]
                assert {codes(answer) for answer in answers} == {(401, 2000)}, f"a dead token works: {row}"
            elif row.kind == "invitation":
                assert not await process.opens(token), "TOKEN_A opens a functional module"


async def check_trail(gateway):
    """I6 and I7: the database is as a transaction left it, and each that changed something told of it."""
    present, history = await gateway.store.read(look), gateway.store.history
    known = {history[0][0]} if history else {present}
    for before, after in history:
        assert before in known, "a transaction began in a state that none had left"
        changed = before[:3] != after[:3]
        assert after.audit_rows > before.audit_rows or not changed, "a change left no row in the audit trail"
        known.add(after)
    assert present in known, "the database is in a state that no transaction left"
    verdict = await gateway.store.read(lambda connection: audit.verify(connection, gateway.vault))
    assert (verdict.reason, verdict.rows) == ("", present.audit_rows)


def check_secrecy(gateway):
    """I5: no token of the test is on the disk or in what was told, neither plain nor in Base64."""
    database = Path(gateway.store.url.database)
    texts = [path.read_bytes() for path in database.parent.glob(f"{database.name}*") if path.suffix != ".key"]
    texts.append(repr((gateway.known.told, gateway.progress, gateway.steps)).encode())
    for token in gateway.known.tokens:
        for form in (token.encode(), base64.b64encode(token.encode()).rstrip(b"=")[:-1]):
            assert len(token) < _SHORTEST or not any(form in text for text in texts), f"{token[:12]}... was found"
