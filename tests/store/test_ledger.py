"""What holds for every change: one audit row, nothing from a stale record, no token in plain, and whole reading."""

import base64
import json

import pytest
from sqlalchemy import update

from gateway.ocpi import lifecycle
from gateway.ocpi.credentials import Credentials
from gateway.ocpi.discovery import Discovery
from gateway.ocpi.errors import GatewayError, OperatorError, PartnerError
from gateway.ocpi.partner import Manners
from gateway.store import tables
from gateway.store.audit import ACTIONS
from gateway.store.changes import ConcurrentChangeError, Ledger
from gateway.store.notes import UnknownPartnerError
from gateway.store.records import read_changed
from tests.store.books import FOUND, VERSIONS_URL, theirs


class TestTheTrail:
    async def test_every_change_writes_exactly_one_row(self, books):
        ours, next_ours = "our-b", "our-next"
        credentials = theirs("token-c", "DE-ABC")
        works = [
            (lambda: books.invite("acme"), "invited"),
            (lambda: books.start("acme"), "registration started"),
            (lambda: books.apply("acme", lifecycle.Prepared(FOUND, ours)), "token b prepared"),
            (lambda: books.apply("acme", lifecycle.HalfOpened("why", ours)), "half open"),
            (lambda: books.apply("acme", lifecycle.Completed(credentials, FOUND, ours)), "registered (we are Sender)"),
            (lambda: books.apply("acme", lifecycle.Rotating(next_ours)), "rotation started"),
            (lambda: books.apply("acme", lifecycle.Rotated(theirs("token-d", "DE-ABC"), FOUND, next_ours)), "rotated"),
            (lambda: books.prove("acme", next_ours), "token proved"),
            (
                lambda: books.apply("acme", lifecycle.Renewed(theirs("token-e", "DE-ABC"), FOUND, "c1")),
                "credentials renewed by the partner",
            ),
            (
                lambda: books.apply("acme", lifecycle.Accepted(theirs("token-e", "DE-ABC"), FOUND, "c2")),
                "registered (we are Receiver)",
            ),
            (lambda: books.do(lambda ledger: ledger.delivered(ledger.partner("acme"))), "answer delivered"),
            (lambda: books.do(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=True)), "suspended"),
            (lambda: books.do(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=False)), "resumed"),
            (
                lambda: books.do(lambda ledger: ledger.refused(ledger.partner("acme"), PartnerError("no"))),
                "handshake failed",
            ),
            (
                lambda: books.do(lambda ledger: ledger.outbound_accepted(ledger.partner("acme"), "token-e")),
                "outbound token accepted",
            ),
            (
                lambda: books.do(lambda ledger: ledger.outbound_refused(ledger.partner("acme"), "token-e")),
                "outbound token refused",
            ),
            (lambda: books.apply("acme", lifecycle.Recovered()), "recovered"),
            (lambda: books.apply("acme", lifecycle.Refreshed(FOUND)), "endpoints taken over"),
            (
                lambda: books.do(lambda ledger: ledger.looked(ledger.partner("acme"), unreachable="no", drift=None)),
                "unreachable",
            ),
            (lambda: books.apply("acme", lifecycle.Leaving()), "unregistration started"),
            (lambda: books.apply("acme", lifecycle.Stayed()), "unregistration given up"),
            (lambda: books.apply("acme", lifecycle.Unregistered()), "unregistered"),
            (lambda: books.apply("acme", lifecycle.Imported(theirs("token-f", "DE-ABC"), FOUND, "c3")), "imported"),
            (lambda: books.apply("acme", lifecycle.Revoked()), "revoked"),
        ]
        for number, (work, action) in enumerate(works, start=1):
            before = await books.rows(tables.store_state)
            await work()
            trail = await books.audit()
            assert len(trail) == number, action
            assert trail[-1] == ("cli", action)
            assert (await books.rows(tables.store_state))[0].revision > before[0].revision, action
        assert set(ACTIONS.values()) <= {action for _, action in await books.audit()}

    async def test_a_token_that_was_proved_already_writes_nothing(self, books):
        record = await books.register("acme", "DE-ABC")
        trail = await books.audit_count()
        await books.do(lambda ledger: ledger.prove(record, record.inbound_tokens[0].id))

        assert await books.audit_count() == trail
        assert await books.record("acme") == record

    async def test_a_row_names_parties_and_fingerprints_and_no_token(self, books, clock):
        await books.invite("acme", "the-token-a")
        record = await books.accept("acme", "the-token-c", "the-token-b")
        row = (await books.rows(tables.audit))[-1]

        assert row.detail == {
            "inbound_token": books.vault.fingerprint("the-token-c"),
            "outbound_token": books.vault.fingerprint("the-token-b"),
            "parties": ["DE-ABC:EMSP"],
        }
        assert (row.at, row.partner, row.partner_id) == (clock(), "acme", record.partner.id)

    async def test_why_a_handshake_failed_is_kept_for_the_operator(self, books):
        await books.invite("acme")
        await books.do(lambda ledger: ledger.refused(ledger.partner("acme"), PartnerError("no TLS", remedy="Ask them")))

        assert (await books.record("acme")).note == "no TLS. Ask them"
        assert (await books.rows(tables.audit))[-1].detail == {
            "reason": "no TLS",
            "fault": "partner",
            "what_to_do": "Ask them",
        }


class TestConcurrency:
    async def test_the_second_writer_on_a_stale_record_writes_nothing(self, books):
        await books.invite("acme", "token-a")
        stale = await books.record("acme")
        await books.accept("acme", "token-c")
        before, trail = await books.record("acme"), await books.audit()

        with pytest.raises(ConcurrentChangeError, match="changed by somebody else"):
            await books.do(
                lambda ledger: ledger.apply(stale, lifecycle.Accepted(theirs("b", "DE-XYZ"), FOUND, "other-c"))
            )

        assert await books.record("acme") == before
        assert await books.audit() == trail
        assert await books.state_of("other-c") is None

    @pytest.mark.parametrize(
        "meanwhile",
        [
            lambda ledger: ledger.looked(ledger.partner("acme"), unreachable="no", drift=["+ cdrs"]),
            lambda ledger: ledger.outbound_accepted(ledger.partner("acme"), "acme-b"),
            lambda ledger: ledger.outbound_refused(ledger.partner("acme"), "acme-b"),
            lambda ledger: ledger.delivered(ledger.partner("acme")),
            lambda ledger: ledger.postponed(ledger.partner("acme"), failures=1, retry_at=ledger._now),
        ],
    )
    async def test_what_was_only_noted_meanwhile_hinders_nobody(self, books, meanwhile):
        before = await books.register("acme", "DE-ABC")
        await books.do(meanwhile)
        await books.do(lambda ledger: ledger.apply(before, lifecycle.Rotating("next")))

        assert await books.states("acme") == ["active", "pending"]

    @pytest.mark.parametrize(
        "meanwhile",
        [
            lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=True),
            lambda ledger: ledger.apply(ledger.partner("acme"), lifecycle.Rotating("another")),
            lambda ledger: ledger.apply(
                ledger.partner("acme"), lifecycle.Renewed(theirs("next-b", "DE-ABC"), FOUND, "next-c")
            ),
        ],
    )
    async def test_what_was_changed_meanwhile_hinders_the_next_change(self, books, meanwhile):
        before = await books.register("acme", "DE-ABC")
        await books.do(meanwhile)

        with pytest.raises(ConcurrentChangeError):
            await books.do(lambda ledger: ledger.apply(before, lifecycle.Rotating("next")))
        assert await books.state_of("next") is None

    async def test_a_change_that_is_not_possible_in_the_state_writes_nothing(self, books):
        await books.invite("acme")
        before = await books.record("acme")

        with pytest.raises(OperatorError, match="not possible while the partner is INVITED"):
            await books.apply("acme", lifecycle.Rotating("next"))
        assert await books.record("acme") == before

    @pytest.mark.parametrize("change", [lifecycle.Invited(), lifecycle.Started()])
    async def test_changes_that_need_more_have_a_method_of_their_own(self, books, change):
        await books.invite("acme")

        with pytest.raises(GatewayError, match="made by a method of its own"):
            await books.apply("acme", change)

    async def test_an_unknown_partner_is_named(self, books):
        with pytest.raises(UnknownPartnerError, match="no partner 'acme'"):
            await books.do(lambda ledger: ledger.partner("acme"))


class TestSecrets:
    @pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
    @pytest.mark.threat("S1")
    async def test_no_token_lies_in_the_file_in_plain_after_a_whole_life(self, books, database):
        secrets = [f"canary-{name}-{'x' * 20}" for name in ("a1", "c1", "b1", "c2", "b2", "a2", "b3", "c3", "n3", "d3")]
        a1, c1, b1, c2, b2, a2, b3, c3, n3, d3 = secrets
        seen = []

        async def look():
            seen.append(database.read_bytes())

        await books.invite("acme", a1)
        await look()
        await books.accept("acme", c1, b1)
        await look()
        await books.prove("acme", c1)
        await books.apply("acme", lifecycle.Renewed(theirs(b2, "DE-ABC"), FOUND, c2))
        await look()
        await books.prove("acme", c2)
        await books.apply("acme", lifecycle.Unregistered())
        await look()
        await books.start("acme", a2)
        await books.apply("acme", lifecycle.Prepared(FOUND, b3))
        await look()
        await books.apply("acme", lifecycle.Completed(theirs(c3, "DE-ABC"), FOUND, b3))
        await books.apply("acme", lifecycle.Rotating(n3))
        await look()
        await books.apply("acme", lifecycle.Rotated(theirs(d3, "DE-ABC"), FOUND, n3))
        await look()
        await books.apply("acme", lifecycle.Revoked())
        await look()

        written = b"".join(seen)
        for secret in secrets:
            assert secret.encode() not in written
            assert base64.b64encode(secret.encode()).rstrip(b"=") not in written
        assert b"canary" not in written
        assert books.vault.fingerprint(c3).encode() in written

    @pytest.mark.threat("S2")
    async def test_a_ciphertext_moved_to_another_partner_does_not_decrypt(self, books):
        for name, party in (("one", "DE-ABC"), ("other", "DE-XYZ")):
            await books.register(name, party)
        rows = {row.partner_id: row for row in await books.rows(tables.outbound_token)}
        one, other = rows.values()
        move = update(tables.outbound_token).where(tables.outbound_token.c.id == one.id).values(sealed=other.sealed)
        await books.store.write(lambda connection: connection.execute(move))

        spoilt, whole = await books.record("one"), await books.record("other")
        assert "does not decrypt" in spoilt.broken
        assert (spoilt.partner.outbound_token, whole.broken) == (None, "")
        assert whole.partner.outbound_token is not None

    async def test_no_repr_shows_a_token(self, books):
        record = await books.register("acme", "DE-ABC", inbound_token="secret-c", outbound_token="secret-b")

        assert "secret" not in repr(record)


class TestReading:
    async def test_more_partners_than_a_statement_has_parameters_are_read_whole(self, books):
        def many(ledger):
            for number in range(510):
                ledger.ensure(f"partner-{number:03}")

        await books.do(many)
        records = await books.store.read(lambda connection: read_changed(connection, books.vault))

        assert [record.partner.name for record in records] == [f"partner-{number:03}" for number in range(510)]

    async def test_since_when_and_how_well_our_token_for_a_partner_works_is_read(self, books, clock):
        partner = (await books.start("acme", "their-a")).partner
        assert (partner.outbound_since, partner.outbound_proved, partner.outbound_refusals) == (None, True, 0)

        since = clock()
        await books.apply("acme", lifecycle.Prepared(FOUND, "our-b"))
        await books.apply("acme", lifecycle.Completed(theirs("token-c", "DE-ABC"), FOUND, "our-b"))
        await books.do(lambda ledger: ledger.outbound_refused(ledger.partner("acme"), "token-c"))
        await books.apply("acme", lifecycle.HalfOpened("why"))
        clock.move(days=1)
        partner = (await books.start("acme", "their-second-a")).partner  # beside the one that we had

        assert (partner.outbound_since, partner.outbound_proved, partner.outbound_refusals) == (since, False, 1)
        assert partner.outbound_token == "token-c"

    async def test_names_are_found_without_letter_case(self, books):
        await books.invite("Acme")

        assert (await books.record("aCME")).partner.name == "Acme"
        assert await books.record("other") is None

    async def test_unknown_words_of_partners_survive_the_store(self, books):
        await books.invite("acme")
        details = {"name": "Caf\xe9 \U0001f50c", "logo": {"sizes": [1, 2.5, None]}}
        credentials = theirs("b", "DE-ABC:AGGREGATOR")
        role = credentials.roles[0]
        odd = Credentials("b", VERSIONS_URL, (type(role)(role.role, role.party, details),))
        record = await books.apply("acme", lifecycle.Accepted(odd, Discovery("2.2", "u", (), Manners()), "c"))

        assert record.partner.roles[0].role == "AGGREGATOR"
        assert json.loads(json.dumps(record.partner.roles[0].business_details)) == details

    async def test_a_ledger_for_reading_needs_no_clock(self, books):
        await books.invite("acme")
        record = await books.store.read(lambda connection: Ledger.reading(connection, books.vault).partner("acme"))

        assert record.partner.name == "acme"
