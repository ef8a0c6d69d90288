"""What is noted of a partner beside its registration: refusals, findings, failures; each process reads it again."""

from datetime import timedelta

import pytest

from gateway.ocpi import lifecycle
from gateway.ocpi.errors import PartnerError
from gateway.store import tables
from gateway.store.inbound import Lifetimes
from gateway.store.notes import UnknownPartnerError
from tests.store.books import FOUND, Books, theirs


@pytest.fixture
async def acme(books):
    """A registered partner."""
    await books.register("acme", "DE-ABC", outbound_token="token-b")
    return books


def of_acme(work):
    return lambda ledger: work(ledger, ledger.partner("acme"))


async def noted(books, work):
    """What the note gave, the record after it, and the rows that it added to the trail."""
    before = await books.audit_count()
    gave = await books.do(of_acme(work))
    return gave, await books.record("acme"), (await books.rows(tables.audit))[before:]


async def test_refusals_of_our_token_are_counted_until_it_is_accepted(acme):
    fingerprint = acme.vault.fingerprint("token-b")
    for number in (1, 2):
        gave, record, rows = await noted(acme, lambda ledger, one: ledger.outbound_refused(one, "token-b"))
        assert (gave, record.partner.outbound_refusals) == (number, number)
        assert [(row.action, row.detail) for row in rows] == [
            ("outbound token refused", {"outbound_token": fingerprint, "in_a_row": number})
        ]

    _, record, rows = await noted(acme, lambda ledger, one: ledger.outbound_accepted(one, "token-b"))
    assert (record.partner.outbound_refusals, record.partner.outbound_proved) == (0, True)
    assert [row.detail for row in rows] == [{"outbound_token": fingerprint}]


async def test_an_acceptance_that_shows_nothing_new_is_not_noted(acme):
    await noted(acme, lambda ledger, one: ledger.outbound_accepted(one, "token-b"))
    before = await acme.record("acme")

    _, after, rows = await noted(acme, lambda ledger, one: ledger.outbound_accepted(one, "token-b"))

    assert (after, rows) == (before, [])


async def test_a_refusal_of_a_token_that_was_replaced_counts_nothing(acme):
    await acme.apply("acme", lifecycle.Renewed(theirs("next-b", "DE-ABC"), FOUND, "next-c"))

    gave, record, rows = await noted(acme, lambda ledger, one: ledger.outbound_refused(one, "token-b"))

    assert (gave, record.partner.outbound_refusals, rows) == (None, 0, [])


async def test_a_refusal_counts_nothing_where_we_have_no_token(books):
    await books.invite("acme")

    gave, _, rows = await noted(books, lambda ledger, one: ledger.outbound_refused(one, "token-b"))
    assert (gave, rows) == (None, [])


async def test_a_front_that_went_away_and_came_back_is_told_once_each(acme, clock):
    def looks(unreachable, drift=None):
        clock.move(minutes=1)
        return noted(acme, lambda ledger, one: ledger.looked(one, unreachable=unreachable, drift=drift))

    _, record, rows = await looks("no TLS")
    assert (record.unreachable, record.checked_at, record.drift) == ("no TLS", clock(), ())
    assert [(row.action, row.detail) for row in rows] == [("unreachable", {"reason": "no TLS"})]
    assert (await looks("time-out"))[1:] == (await acme.record("acme"), [])
    assert (await acme.record("acme")).unreachable == "time-out"

    _, record, rows = await looks("", ())
    assert (record.unreachable, record.checked_at) == ("", clock())
    assert [(row.action, row.detail) for row in rows] == [("reachable", {"reason": ""})]


async def test_what_differs_is_told_when_it_is_new_and_kept_while_the_front_can_not_be_read(acme):
    def looks(drift, unreachable=""):
        return noted(acme, lambda ledger, one: ledger.looked(one, unreachable=unreachable, drift=drift))

    _, record, rows = await looks(["+ cdrs"])
    assert record.drift == ("+ cdrs",)
    assert [(row.action, row.detail) for row in rows] == [("endpoints differ", {"drift": ["+ cdrs"]})]
    assert (await looks(["+ cdrs"]))[2] == []

    _, record, rows = await looks(None, "no TLS")
    assert record.drift == ("+ cdrs",)
    assert [row.action for row in rows] == ["unreachable"]

    assert [row.action for row in (await looks([]))[2]] == ["reachable", "endpoints differ"]


async def test_a_failure_is_noted_with_what_was_to_be_done(acme):
    error = PartnerError("no TLS", remedy="Ask them")
    _, record, rows = await noted(acme, lambda ledger, one: ledger.refused(one, error, verb="rotate"))

    assert record.note == "no TLS. Ask them"
    assert [row.detail for row in rows] == [
        {"reason": "no TLS", "fault": "partner", "what_to_do": "Ask them", "verb": "rotate"}
    ]


async def test_what_is_to_be_tried_again_is_noted_without_a_row_in_the_trail(acme, clock):
    later = clock() + timedelta(hours=1)
    _, record, rows = await noted(acme, lambda ledger, one: ledger.postponed(one, failures=3, retry_at=later))

    assert (record.failures, record.retry_at, rows) == (3, later, [])


@pytest.mark.parametrize(("suspended", "action"), [(True, "suspended"), (False, "resumed")])
async def test_traffic_is_stopped_and_restarted_with_a_row_each(acme, suspended, action):
    _, record, rows = await noted(acme, lambda ledger, one: ledger.suspend(one, suspended=suspended))

    assert record.partner.suspended is suspended
    assert [row.action for row in rows] == [action]
    assert await acme.states("acme") == ["active"]


async def test_the_first_use_of_a_token_is_read_by_each_process(acme):
    before = (await acme.apply("acme", lifecycle.Rotating("next"))).partner.revision

    assert (await acme.prove("acme", "next")).partner.revision > before


async def test_every_note_moves_the_revision_so_that_each_process_reads_it(acme, clock):
    notes = [
        lambda ledger, one: ledger.suspend(one, suspended=True),
        lambda ledger, one: ledger.outbound_refused(one, "token-b"),
        lambda ledger, one: ledger.outbound_accepted(one, "token-b"),
        lambda ledger, one: ledger.looked(one, unreachable="", drift=()),
        lambda ledger, one: ledger.refused(one, PartnerError("no")),
        lambda ledger, one: ledger.postponed(one, failures=1, retry_at=clock()),
        lambda ledger, one: ledger.delivered(one),
    ]
    revisions = [(await noted(acme, note))[1].partner.revision for note in notes]

    assert revisions == sorted(set(revisions))


async def test_a_former_token_has_its_grace_when_the_next_is_used(store, vault, clock):
    books = Books(store, vault, clock, Lifetimes(grace=timedelta(seconds=5)))
    await books.register("acme", "DE-ABC", inbound_token="former")
    await books.apply("acme", lifecycle.Renewed(theirs("b", "DE-ABC"), FOUND, "next"))
    await books.prove("acme", "next")

    row = await books.row_of("former")
    assert (row.state, row.expires_at) == ("grace", clock() + timedelta(seconds=5))
    assert (await books.audit())[-1] == ("cli", "token proved")


async def test_a_token_that_was_taken_for_a_name_is_not_shown(books):
    token = "ocpigw_" + "s" * 49
    with pytest.raises(UnknownPartnerError) as refused:
        await books.do(lambda ledger: ledger.partner(token))

    assert token not in str(refused.value)
    assert "partner list" in refused.value.remedy
