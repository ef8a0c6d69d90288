"""The audit trail is tied together: whatever is done to it behind the gateway's back is found."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from gateway.ocpi import lifecycle
from gateway.ocpi.errors import Fault, PartnerError
from gateway.store import audit, tables
from gateway.store.audit import Ended
from tests.store.books import FOUND, theirs

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


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            TAMPERED["a changed action"],
            audit.Verdict(1, 0, 2, "this row was changed, or rows before it were changed, added or taken away"),
        ),
        (TAMPERED["the last row taken away"], audit.Verdict(2, 0, None, "rows were added or taken away at the end")),
        (TAMPERED["all rows taken away"], audit.Verdict(0, 0, None, "3 rows were written, and 0 are there")),
    ],
)
async def test_what_is_wrong_with_a_trail_is_told_with_the_place(trail, statement, expected):
    await trail.store.write(lambda connection: connection.execute(text(statement)))

    assert await verdict(trail) == expected


class TestEndings:
    """How handshakes of the command line ended, for the log and the metrics of a gateway beside it."""

    async def ended(self, books, *, actor="cli", after=0):
        return await books.store.read(lambda connection: audit.ended(connection, actor=actor, after=after))

    async def newest(self, books):
        return await books.store.read(audit.newest)

    async def register(self, books):
        await books.start("acme")
        await books.apply("acme", lifecycle.Prepared(FOUND, "our-b"))
        await books.apply("acme", lifecycle.Completed(theirs("token-c", "DE-ABC"), FOUND, "our-b"))

    async def test_each_that_ended_is_told_in_order_and_what_only_began_is_not(self, books):
        await self.register(books)
        await books.apply("acme", lifecycle.Rotating("next"))
        await books.apply("acme", lifecycle.Rotated(theirs("token-d", "DE-ABC"), FOUND, "next"))
        await books.apply("acme", lifecycle.Leaving())
        await books.apply("acme", lifecycle.Unregistered())

        assert await self.ended(books) == [
            Ended("acme", "register", "registered"),
            Ended("acme", "rotate", "rotated"),
            Ended("acme", "unregister", "unregistered"),
        ]

    async def test_one_that_failed_is_told_with_its_reason(self, books):
        await books.invite("acme")
        error = PartnerError("no TLS", remedy="Ask them")
        await books.do(lambda ledger: ledger.refused(ledger.partner("acme"), error, verb="rotate"))

        assert await self.ended(books) == [Ended("acme", "rotate", "failed", "no TLS", Fault.PARTNER, "Ask them")]

    async def test_of_one_that_failed_for_no_known_reason_nothing_is_made_up(self, books):
        await books.invite("acme")
        await books.store.write(
            lambda connection: connection.execute(text("UPDATE audit SET action = 'handshake failed', detail = '{}'"))
        )

        assert await self.ended(books) == [Ended("acme", "", "failed", "", Fault.GATEWAY, "")]

    async def test_those_of_others_and_those_told_before_are_left_out(self, books):
        assert await self.newest(books) == 0
        await self.register(books)
        told = await self.newest(books)
        assert told == 3

        assert await self.ended(books, after=told - 1) == [Ended("acme", "register", "registered")]
        assert await self.ended(books, after=told) == []
        assert await self.ended(books, actor="gateway") == []


async def test_a_row_is_tied_by_the_same_text_in_every_version_of_this_program(books):
    await books.invite("acme", "token-a")
    (row,) = await books.rows(tables.audit)

    fingerprint = books.vault.fingerprint("token-a")
    detail = f'{{"expires":"2026-01-09T03:04:05Z","token_a":"{fingerprint}"}}'
    written = f'["2026-01-02T03:04:05+00:00","cli","acme","invited",{detail}]'
    assert row.chain == books.vault.chain(b"", written.encode())


@pytest.mark.parametrize("microseconds", [0, 400_000, 999_999])
async def test_a_row_is_found_by_its_second_its_partner_and_its_action(books, clock, microseconds):
    clock.move(microseconds=microseconds)
    at = clock().replace(microsecond=0)
    await books.invite("acme")

    async def is_there(at=at, partner="acme", action="invited"):
        return await books.store.read(
            lambda connection: audit.is_there(connection, at=at, partner=partner, action=action)
        )

    assert await is_there()
    assert not await is_there(at=at - timedelta(seconds=1))
    assert not await is_there(at=at + timedelta(seconds=1))
    assert not await is_there(partner="other")
    assert not await is_there(action="revoked")
