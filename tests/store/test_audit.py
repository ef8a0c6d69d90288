"""The audit trail is tied together: whatever is done to it behind the gateway's back is found."""

import pytest
from sqlalchemy import text

from gateway.store import audit

TAMPERED = {
    "a changed action": "UPDATE audit SET action = 'resumed' WHERE id = 2",
    "a changed actor": "UPDATE audit SET actor = 'nobody' WHERE id = 2",
    "a changed time": "UPDATE audit SET at = '2020-01-01 00:00:00' WHERE id = 2",
    "a changed detail": "UPDATE audit SET detail = '{}' WHERE id = 1",
    "another partner": "UPDATE audit SET partner = 'other' WHERE id = 2",
    "a row taken away": "DELETE FROM audit WHERE id = 2",
    "the first row taken away": "DELETE FROM audit WHERE id = 1",
    "the last row taken away": "DELETE FROM audit WHERE id = 3",
    "all rows taken away": "DELETE FROM audit",
    "two rows exchanged": "UPDATE audit SET id = CASE id WHEN 2 THEN -2 WHEN 3 THEN -3 END WHERE id IN (2, 3)",
    "a row without a tie": "INSERT INTO audit (id, at, actor, partner, action, detail) "
    "SELECT 9, at, actor, partner, action, detail FROM audit WHERE id = 2",
    "the last row and the end of the chain taken away": "last",
}


@pytest.fixture
async def trail(books):
    """Three rows."""
    await books.invite("acme")
    await books.do(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=True))
    await books.do(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=False))
    return books


async def verdict(books):
    return await books.store.read(lambda connection: audit.verify(connection, books.vault))


async def test_an_untouched_trail_is_whole(trail):
    assert await verdict(trail) == audit.Verdict(3, 0)


async def test_an_empty_trail_is_whole(books):
    assert await verdict(books) == audit.Verdict(0, 0)


@pytest.mark.parametrize("statement", TAMPERED.values(), ids=TAMPERED)
@pytest.mark.threat("S3")
async def test_a_trail_that_was_touched_is_broken(trail, statement):
    def tamper(connection):
        if statement != "last":
            connection.execute(text(statement))
            return
        connection.execute(text("DELETE FROM audit WHERE id = 3"))
        connection.execute(
            text("UPDATE store_state SET audit_rows = 2, audit_chain = (SELECT chain FROM audit WHERE id = 2)")
        )

    await trail.store.write(tamper)

    found = await verdict(trail)
    assert found.reason
    if "changed" in statement:
        assert found.broken_at in {1, 2}


async def test_rows_of_a_program_that_did_not_tie_them_yet_are_told_apart(trail):
    def forget(connection):
        connection.execute(text("UPDATE audit SET chain = NULL"))
        connection.execute(text("UPDATE store_state SET audit_rows = 0, audit_chain = NULL, audit_seal = NULL"))

    await trail.store.write(forget)
    await trail.do(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=True))

    assert await verdict(trail) == audit.Verdict(1, 3)


async def test_a_change_that_is_not_committed_ties_nothing(trail):
    def failing(ledger):
        ledger.suspend(ledger.partner("acme"), suspended=True)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await trail.do(failing)

    assert await verdict(trail) == audit.Verdict(3, 0)
