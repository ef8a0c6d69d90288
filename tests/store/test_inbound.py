"""Inbound tokens from made to revoked: never more than one active, one in grace and three pending."""

from contextlib import nullcontext
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from gateway.ocpi.errors import OperatorError
from gateway.ocpi.vocabulary import TokenKind, TokenState
from gateway.store import inbound, tables
from gateway.store.inbound import TokenEndedError, pending_token

PENDING, ACTIVE, GRACE, REVOKED = TokenState
GRACE_TIME = timedelta(seconds=60)
NUMBERS = count()


class Tokens:
    """One partner's tokens within a transaction; `made` names them in the order they were made."""

    def __init__(self, connection, vault, clock, partner_id):
        self.connection, self.vault, self.clock, self.partner_id = connection, vault, clock, partner_id
        self.made = []

    def add(self, *, provable=True, days=None, token=None):
        token = token or f"token-{next(NUMBERS)}"
        inbound.add_pending(
            self.connection,
            self.vault,
            partner_id=self.partner_id,
            token=token,
            provable=provable,
            now=self.clock(),
            expires_at=None if days is None else self.clock() + timedelta(days=days),
        )
        if token not in self.made:
            self.made.append(token)
        return token

    def invite(self):
        token = f"invitation-{next(NUMBERS)}"
        inbound.add_invitation(
            self.connection,
            self.vault,
            partner_id=self.partner_id,
            token=token,
            now=self.clock(),
            expires_at=self.clock() + timedelta(days=7),
        )
        return token

    def prove(self, token):
        return inbound.prove(
            self.connection, self.row(token).id, partner_id=self.partner_id, now=self.clock(), grace=GRACE_TIME
        )

    def take_over(self, token):
        inbound.add_live(self.connection, self.vault, partner_id=self.partner_id, token=token, now=self.clock())
        return token

    def confirm(self, token):
        inbound.confirm(self.connection, self.vault, token)

    def revoke(self, **options):
        inbound.revoke(self.connection, self.partner_id, now=self.clock(), by="test", **options)

    def answered(self):
        inbound.answered(self.connection, partner_id=self.partner_id)

    def to_send(self):
        return pending_token(self.connection, self.vault, partner_id=self.partner_id, now=self.clock())

    def row(self, token):
        query = select(tables.inbound_token).where(tables.inbound_token.c.digest == self.vault.digest(token))
        return self.connection.execute(query).one()

    def state(self, token):
        return self.row(token).state

    def states(self):
        return [self.state(token) for token in self.made]


@pytest.fixture
async def with_tokens(books):
    """Runs a function on the tokens of a new partner, in one transaction."""

    async def run(work, *, clock=books.clock):
        record = await books.invite(f"partner-{next(NUMBERS)}", f"a-{next(NUMBERS)}")
        return await books.store.write(
            lambda connection: work(Tokens(connection, books.vault, clock, record.partner.id))
        )

    return run


async def test_a_token_goes_from_pending_over_active_and_grace_to_revoked(with_tokens, clock):
    def work(tokens):
        first = tokens.add()
        seen = [tokens.states()]
        for _ in range(2):
            assert tokens.prove(tokens.made[-1])
            tokens.add()
            seen.append(tokens.states())
        assert tokens.prove(tokens.made[-1])
        seen.append(tokens.states())
        assert tokens.row(tokens.made[1]).expires_at == clock() + GRACE_TIME
        assert tokens.row(first).revoked_by == "replaced"
        return seen

    assert await with_tokens(work) == [
        [PENDING],
        [ACTIVE, PENDING],
        [GRACE, ACTIVE, PENDING],
        [REVOKED, GRACE, ACTIVE],
    ]


async def test_proving_one_pending_token_ends_the_others(with_tokens):
    def work(tokens):
        first, second, third = tokens.add(), tokens.add(), tokens.add()
        assert tokens.prove(second)
        return [tokens.state(token) for token in (first, second, third)]

    assert await with_tokens(work) == [REVOKED, ACTIVE, REVOKED]


async def test_a_fourth_pending_token_ends_the_oldest(with_tokens, clock):
    def work(tokens):
        for _ in range(4):
            tokens.add()
            clock.move(seconds=1)
        assert tokens.row(tokens.made[0]).revoked_at == clock() - timedelta(seconds=1)
        return tokens.states()

    assert await with_tokens(work) == [REVOKED, PENDING, PENDING, PENDING]


@pytest.mark.parametrize("move", [{"days": -1}, {"seconds": 0}])
async def test_the_newest_pending_token_lives_although_the_clock_went_back_or_stood_still(with_tokens, clock, move):
    def work(tokens):
        for _ in range(5):
            clock.move(**move)
            assert tokens.state(tokens.add()) == PENDING
        return tokens.states().count(PENDING)

    assert await with_tokens(work) == 3


async def test_a_retry_adds_nothing(with_tokens):
    def work(tokens):
        token = tokens.add(provable=False, days=1)
        tokens.add(provable=False, days=1, token=token)
        return tokens.states()

    assert await with_tokens(work) == [PENDING]


async def test_a_token_that_a_retry_sends_again_is_as_if_made_now(with_tokens, clock):
    def work(tokens):
        token = tokens.add(provable=False, days=1)
        clock.move(hours=11)
        between = tokens.add()
        clock.move(hours=1)
        tokens.add(provable=False, days=1, token=token)
        row = tokens.row(token)
        tokens.prove(between)
        return row.created_at, row.expires_at, tokens.state(token)

    expected = clock() + timedelta(hours=12)
    assert await with_tokens(work) == (expected, expected + timedelta(days=1), PENDING)


@pytest.mark.parametrize("step", ["confirm", "prove"])
async def test_a_token_that_was_confirmed_or_proved_stays_as_it_is_when_it_is_sent_again(with_tokens, clock, step):
    def work(tokens):
        token = tokens.add(provable=False, days=1)
        getattr(tokens, step)(token)
        before = tokens.row(token)
        clock.move(hours=1)
        tokens.add(provable=False, days=1, token=token)
        return before, tokens.row(token)

    before, after = await with_tokens(work)

    assert after == before


async def test_a_token_that_the_partner_uses_already_is_active_at_once_and_the_only_one(with_tokens, clock):
    def work(tokens):
        former = [tokens.invite(), tokens.add(), tokens.add(provable=False, days=1)]
        tokens.prove(former[1])
        row = tokens.row(tokens.take_over("in-use"))
        ended = [tokens.row(token) for token in former]
        return row, [(each.state, each.revoked_by, each.revoked_at) for each in ended]

    row, ended = await with_tokens(work)

    assert (row.kind, row.state, row.provable, row.expires_at) == (TokenKind.CREDENTIALS, ACTIVE, True, None)
    assert (row.sealed, row.seal_key, row.created_at) == (None, None, clock())
    assert ended == [(REVOKED, "replaced", clock())] * 3


async def test_a_token_that_is_or_was_known_here_is_not_taken_over(with_tokens):
    def work(tokens):
        dead, living = tokens.add(), tokens.add()
        tokens.prove(living)
        for token in (dead, living):
            with pytest.raises(OperatorError, match="known here already"):
                tokens.take_over(token)
        return tokens.states()

    assert await with_tokens(work) == [REVOKED, ACTIVE]


async def test_the_text_of_a_token_is_kept_until_its_first_use_only(with_tokens):
    def work(tokens):
        token = tokens.add(provable=False, days=1)
        assert tokens.to_send() == token
        assert token.encode() not in tokens.row(token).sealed
        tokens.prove(token)
        return tokens.to_send(), tokens.row(token).sealed, tokens.row(token).seal_key

    assert await with_tokens(work) == (None, None, None)


async def test_a_token_past_its_deadline_is_not_sent_again(with_tokens, clock):
    def work(tokens):
        tokens.add(provable=False, days=1)
        clock.move(days=1)
        return tokens.to_send()

    assert await with_tokens(work) is None


async def test_a_token_of_the_receivers_end_is_never_sent(with_tokens):
    def work(tokens):
        tokens.add(provable=True)
        return tokens.to_send()

    assert await with_tokens(work) is None


async def test_a_confirmed_token_has_no_deadline_and_any_use_proves_it(with_tokens):
    def work(tokens):
        token = tokens.add(provable=False, days=1)
        tokens.confirm(token)
        row = tokens.row(token)
        return row.state, row.provable, row.expires_at, tokens.to_send()

    assert await with_tokens(work) == (PENDING, True, None, None)


async def test_confirming_brings_no_dead_token_back(with_tokens):
    def work(tokens):
        token = tokens.add(provable=False, days=1)
        tokens.revoke()
        tokens.confirm(token)
        return tokens.state(token)

    assert await with_tokens(work) == REVOKED


async def test_proving_a_token_that_is_not_pending_changes_nothing(with_tokens):
    def work(tokens):
        token = tokens.add()
        return tokens.prove(token), tokens.prove(token), tokens.state(token)

    assert await with_tokens(work) == (True, False, ACTIVE)


async def test_an_answered_invitation_dies_when_token_c_is_used(with_tokens):
    def work(tokens):
        invitation = tokens.invite()
        token = tokens.add()
        tokens.answered()
        before = tokens.state(invitation)
        tokens.prove(token)
        return before, tokens.state(invitation)

    assert await with_tokens(work) == (GRACE, REVOKED)


async def test_an_invitation_that_did_not_do_its_work_outlives_the_proof_of_another_token(with_tokens):
    def work(tokens):
        token = tokens.add()
        invitation = tokens.invite()
        tokens.prove(token)
        return tokens.state(invitation)

    assert await with_tokens(work) == ACTIVE


async def test_a_second_invitation_ends_the_first(with_tokens, clock):
    def work(tokens):
        first, second = tokens.invite(), tokens.invite()
        return tokens.state(first), tokens.row(first).revoked_at, tokens.state(second)

    assert await with_tokens(work) == (REVOKED, clock(), ACTIVE)


async def test_revoking_can_be_limited_to_kinds_and_states(with_tokens):
    def work(tokens):
        invitation, active, pending = tokens.invite(), tokens.add(), None
        tokens.prove(active)
        pending = tokens.add()
        tokens.revoke(kinds=(TokenKind.CREDENTIALS,), states=(PENDING,))
        return [tokens.state(token) for token in (invitation, active, pending)]

    assert await with_tokens(work) == [ACTIVE, ACTIVE, REVOKED]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.booleans()),
        st.tuples(st.sampled_from(["prove", "confirm", "retry"]), st.integers(0, 5)),
        st.tuples(st.sampled_from(["invite", "answered", "revoke"]), st.none()),
        st.tuples(st.just("clock"), st.integers(-90000, 90000)),
    ),
    max_size=25,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
async def test_whatever_happens_there_are_few_tokens_and_no_dead_one_comes_back(with_tokens, clock, steps):
    def take(tokens, step, argument):
        some = tokens.made[argument % len(tokens.made)] if tokens.made and isinstance(argument, int) else None
        match step:
            case "add":
                assert tokens.state(tokens.add(provable=argument, days=None if argument else 1)) == PENDING
            case "prove" if some:
                was = tokens.state(some)
                assert tokens.prove(some) is (was == PENDING)
                assert tokens.state(some) == (ACTIVE if was == PENDING else was)
            case "confirm" if some:
                tokens.confirm(some)
            case "retry" if some:
                with pytest.raises(TokenEndedError) if tokens.state(some) == REVOKED else nullcontext():
                    tokens.add(token=some)
            case "invite" | "answered" | "revoke":
                getattr(tokens, step)()
            case "clock":
                clock.move(seconds=argument)

    def work(tokens):
        dead = set()
        for step, argument in steps:
            take(tokens, step, argument)
            states = dict(zip(tokens.made, tokens.states(), strict=True))
            living = list(states.values())
            assert living.count(ACTIVE) <= 1
            assert living.count(GRACE) <= 1
            assert living.count(PENDING) <= 3
            assert all(states[token] == REVOKED for token in dead)
            dead |= {token for token, state in states.items() if state == REVOKED}
            assert all(tokens.row(token).sealed is None for token in states if states[token] != PENDING)

    await with_tokens(work)
