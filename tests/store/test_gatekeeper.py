"""Who presents this token? Every refusal has its reason, and a token of another process works at once."""

import asyncio
import base64
from datetime import timedelta

import pytest

from gateway.ocpi import lifecycle
from gateway.ocpi.admission import Admission, Area
from gateway.ocpi.vocabulary import PartnerState, TokenState
from gateway.store.directory import Directory
from gateway.store.engine import Store
from gateway.store.gatekeeper import Gatekeeper, Refusal, UnauthenticatedError
from tests.store.books import FOUND, theirs

FUNCTIONAL, DISCOVERY, RENEWAL, REGISTRATION = Area.FUNCTIONAL, Area.DISCOVERY, Area.CREDENTIALS, Area.REGISTRATION


def header(token):
    return f"Token {base64.b64encode(token.encode()).decode()}"


@pytest.fixture
def directory(store, vault):
    return Directory(store, vault)


@pytest.fixture
def keeper_with(store, vault, directory, clock):
    def make(looks_per_second=20):
        return Gatekeeper(
            store,
            vault,
            directory,
            clock=clock,
            looks_per_second=looks_per_second,
            tombstone=timedelta(hours=24),
        )

    return make


@pytest.fixture
def keeper(keeper_with):
    return keeper_with()


async def refusal(keeper, value, area=FUNCTIONAL):
    with pytest.raises(UnauthenticatedError) as refused:
        await keeper.admit(value, area)
    return refused.value.refusal, refused.value.partner


@pytest.mark.threat("H1", "H3")
async def test_a_registered_partner_is_known_by_its_token_in_every_form(books, keeper):
    await books.register("acme", "DE-ABC", inbound_token="token-c")

    for value in (
        header("token-c"),
        "Token token-c",
        header("token-c").rstrip("="),
        header("token-c\n"),
        "tOKEN token-c",
    ):
        holder, admission = await keeper.admit(value, FUNCTIONAL)
        assert (holder.partner.name, admission) == ("acme", Admission.ADMITTED)
        assert keeper.is_of(holder, "token-c")
        assert not keeper.is_of(holder, "token-d")


async def test_who_may_not_make_it_look_is_judged_by_what_is_in_memory(books, keeper, directory):
    await books.register("acme", "DE-ABC", inbound_token="token-c")
    await books.invite("other", "token-a")

    with pytest.raises(UnauthenticatedError) as unknown:
        await keeper.admit(header("token-c"), FUNCTIONAL, may_look=lambda: False)
    assert unknown.value.refusal is Refusal.UNKNOWN

    await directory.refresh()
    holder, _ = await keeper.admit(header("token-c"), FUNCTIONAL, may_look=lambda: False)
    assert holder.partner.name == "acme"
    with pytest.raises(UnauthenticatedError) as refused:
        await keeper.admit(header("token-a"), FUNCTIONAL, may_look=lambda: False)
    assert refused.value.refusal is Refusal.NOT_ADMITTED


async def test_who_may_not_make_it_look_is_refused_although_another_process_has_allowed_it_since(
    books, keeper, directory
):
    await books.register("acme", "DE-ABC", inbound_token="token-c")
    await books.do(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=True))
    await directory.refresh()
    await books.do(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=False))

    with pytest.raises(UnauthenticatedError) as refused:
        await keeper.admit(header("token-c"), FUNCTIONAL, may_look=lambda: False)
    assert refused.value.refusal is Refusal.SUSPENDED


async def test_a_hex_token_that_is_also_base64_is_known(books, keeper):
    await books.register("acme", "DE-ABC", inbound_token="deadbeefdeadbeef")

    for value in ("Token deadbeefdeadbeef", header("deadbeefdeadbeef")):
        assert (await keeper.admit(value, FUNCTIONAL))[0].partner.name == "acme"


async def test_what_another_process_allowed_since_is_allowed_at_once(books, keeper, directory):
    await books.register("acme", "DE-ABC", inbound_token="token-c")
    await books.do(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=True))
    await directory.refresh()

    await books.do(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=False))

    assert (await keeper.admit(header("token-c"), FUNCTIONAL))[0].partner.name == "acme"


class TestRefusals:
    @pytest.mark.parametrize("value", [None, ""])
    async def test_missing(self, keeper, value):
        assert await refusal(keeper, value) == (Refusal.MISSING, "")

    @pytest.mark.parametrize(
        "value", ["Basic YWJj", "Token", "Token a b", "Token " + "x" * 300, "Token \xe9", "token-c"]
    )
    async def test_malformed(self, keeper, value):
        assert await refusal(keeper, value) == (Refusal.MALFORMED, "")

    async def test_unknown(self, books, keeper):
        await books.register("acme", "DE-ABC")

        assert await refusal(keeper, header("another")) == (Refusal.UNKNOWN, "")

    @pytest.mark.parametrize("change", [lifecycle.Unregistered(), lifecycle.Revoked()])
    async def test_revoked_is_told_from_unknown(self, books, keeper, change):
        await books.register("acme", "DE-ABC", inbound_token="token-c")
        await books.apply("acme", change)

        assert await refusal(keeper, header("token-c")) == (Refusal.REVOKED, "acme")

    async def test_an_invitation_past_its_deadline_is_expired(self, books, keeper, clock):
        await books.invite("acme", "token-a", days=7)
        assert (await keeper.admit(header("token-a"), DISCOVERY))[1] is Admission.ADMITTED

        clock.move(days=7)

        assert await refusal(keeper, header("token-a"), DISCOVERY) == (Refusal.EXPIRED, "acme")

    async def test_a_replaced_token_is_expired_after_its_grace(self, books, keeper, clock):
        await books.register("acme", "DE-ABC", inbound_token="former")
        await books.apply("acme", lifecycle.Renewed(theirs("b", "DE-ABC"), FOUND, "next"))
        await books.prove("acme", "next")

        clock.move(seconds=59)
        assert (await keeper.admit(header("former"), FUNCTIONAL))[1] is Admission.ADMITTED
        assert await refusal(keeper, header("former"), RENEWAL) == (Refusal.NOT_ADMITTED, "acme")
        clock.move(seconds=1)
        assert await refusal(keeper, header("former")) == (Refusal.EXPIRED, "acme")

    async def test_suspended(self, books, keeper, directory):
        await books.register("acme", "DE-ABC", inbound_token="token-c")
        await books.do(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=True))
        for area in Area:
            assert await refusal(keeper, header("token-c"), area) == (Refusal.SUSPENDED, "acme")

        await books.do(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=False))
        await directory.refresh()
        assert (await keeper.admit(header("token-c"), FUNCTIONAL))[1] is Admission.ADMITTED

    async def test_an_invitation_is_not_admitted_to_functional_modules(self, books, keeper):
        await books.invite("acme", "token-a")

        assert await refusal(keeper, header("token-a"), FUNCTIONAL) == (Refusal.NOT_ADMITTED, "acme")
        assert (await keeper.admit(header("token-a"), REGISTRATION))[1] is Admission.ADMITTED

    async def test_no_refusal_shows_the_token(self, keeper):
        with pytest.raises(UnauthenticatedError) as refused:
            await keeper.admit(header("secret-token"), FUNCTIONAL)

        assert "secret" not in f"{refused.value!r} {refused.value}"


async def test_the_first_use_of_a_token_proves_it(books, keeper):
    await books.invite("acme", "token-a")
    await books.accept("acme", "token-c")

    holder, admission = await keeper.admit(header("token-c"), DISCOVERY)

    assert (admission, holder.token.state) == (Admission.PROVES, TokenState.PENDING)


async def test_token_b_opens_call_backs_while_our_post_is_open_and_modules_once_it_is_not(books, keeper, directory):
    await books.start("acme")
    await books.apply("acme", lifecycle.Prepared(FOUND, "our-b"))

    assert (await keeper.admit(header("our-b"), DISCOVERY))[1] is Admission.ADMITTED
    assert await refusal(keeper, header("our-b"), FUNCTIONAL) == (Refusal.NOT_ADMITTED, "acme")

    await books.apply("acme", lifecycle.HalfOpened("why", "our-b"))
    await directory.refresh()
    holder, admission = await keeper.admit(header("our-b"), FUNCTIONAL)
    assert (holder.partner.state, admission) == (PartnerState.HALF_OPEN, Admission.PROVES)


async def test_a_token_that_another_process_issued_is_accepted_at_once(books, keeper, directory, address, clock):
    await directory.refresh()
    other = Store(address)
    try:
        await type(books)(other, books.vault, clock).invite("acme", "token-a")
    finally:
        await other.close()

    assert (await keeper.admit(header("token-a"), DISCOVERY))[0].partner.name == "acme"


class TestBudget:
    async def test_unknown_tokens_make_us_look_into_the_store_only_so_often(self, books, keeper_with, clock):
        keeper = keeper_with(looks_per_second=2)
        for _ in range(5):
            await refusal(keeper, header("noise"))
        await books.invite("acme", "token-a")

        assert await refusal(keeper, header("token-a"), DISCOVERY) == (Refusal.UNKNOWN, "")
        clock.move(seconds=1)
        assert (await keeper.admit(header("token-a"), DISCOVERY))[0].partner.name == "acme"

    async def test_requests_that_wait_for_a_look_share_it(self, books, keeper_with, directory):
        await directory.refresh()
        await books.register("left", "DE-XYZ", inbound_token="token-d")
        await books.apply("left", lifecycle.Unregistered())
        await books.invite("acme", "token-a")
        keeper = keeper_with(looks_per_second=2)
        tokens = [f"noise-{number}" for number in range(20)] + ["token-d", "token-a"]

        outcomes = await asyncio.gather(
            *(keeper.admit(header(token), DISCOVERY) for token in tokens), return_exceptions=True
        )

        assert [outcome.refusal for outcome in outcomes[:20]] == [Refusal.UNKNOWN] * 20
        assert (outcomes[20].refusal, outcomes[20].partner) == (Refusal.REVOKED, "left")
        assert outcomes[21][0].partner.name == "acme"

    async def test_requests_that_shared_a_look_leave_the_others_in_the_budget(self, books, keeper_with):
        keeper = keeper_with(looks_per_second=3)  # one for the first, one for all that came meanwhile
        await asyncio.gather(
            *(keeper.admit(header(f"noise-{number}"), DISCOVERY) for number in range(3)), return_exceptions=True
        )
        await books.invite("acme", "token-a")

        assert (await keeper.admit(header("token-a"), DISCOVERY))[0].partner.name == "acme"

    async def test_a_flood_does_not_lock_out_a_good_token(self, books, keeper_with, directory):
        await books.register("acme", "DE-ABC", inbound_token="token-c")
        await directory.refresh()
        keeper = keeper_with(looks_per_second=1)
        for _ in range(5):
            await refusal(keeper, header("noise"))

        assert (await keeper.admit(header("token-c"), FUNCTIONAL))[1] is Admission.ADMITTED

    async def test_less_than_one_look_a_second_still_looks(self, books, keeper_with, clock):
        keeper = keeper_with(looks_per_second=0.5)
        await refusal(keeper, header("noise"))
        await books.invite("acme", "token-a")
        clock.move(seconds=1)
        assert await refusal(keeper, header("token-a"), DISCOVERY) == (Refusal.UNKNOWN, "")
        clock.move(seconds=1)

        assert (await keeper.admit(header("token-a"), DISCOVERY))[0].partner.name == "acme"

    async def test_a_clock_that_goes_back_a_day_does_not_stop_it(self, books, keeper_with, clock):
        keeper = keeper_with(looks_per_second=1)
        await refusal(keeper, header("noise"))
        clock.move(days=-1)
        await refusal(keeper, header("noise"))
        await books.invite("acme", "token-a")
        clock.move(seconds=1)

        assert (await keeper.admit(header("token-a"), DISCOVERY))[0].partner.name == "acme"


async def test_an_unknown_token_is_refused_although_the_store_fails(books, keeper, directory, break_down):
    await books.register("acme", "DE-ABC", inbound_token="token-c")
    await directory.refresh()
    await break_down()

    assert await refusal(keeper, header("another")) == (Refusal.UNKNOWN, "")
    assert (await keeper.admit(header("token-c"), FUNCTIONAL))[1] is Admission.ADMITTED


class TestTombstone:
    async def test_a_repeated_delete_is_known_for_a_day(self, books, keeper, clock):
        await books.register("acme", "DE-ABC", inbound_token="token-c")
        assert not await keeper.was_unregistered(header("token-c"))
        await books.apply("acme", lifecycle.Unregistered())

        assert await keeper.was_unregistered(header("token-c"))
        clock.move(hours=23, minutes=59)
        assert await keeper.was_unregistered("Token token-c")
        clock.move(minutes=1)
        assert not await keeper.was_unregistered(header("token-c"))

    async def test_a_token_that_ended_otherwise_has_none(self, books, keeper):
        await books.register("acme", "DE-ABC", inbound_token="token-c")
        await books.apply("acme", lifecycle.Revoked())

        assert not await keeper.was_unregistered(header("token-c"))

    @pytest.mark.parametrize("value", [None, "", "Basic x", "Token a b"])
    async def test_without_a_token_there_is_none(self, keeper, value):
        assert not await keeper.was_unregistered(value)


class TestAtOnce:
    """What is decided on the path of every request, without waiting for anything."""

    @pytest.fixture
    async def known(self, books, directory):
        await books.register("acme", "DE-ABC", inbound_token="token-c")
        await directory.refresh()

    async def test_who_is_in_memory_is_admitted_again_and_again(self, keeper, directory, known):
        for value in (header("token-c"), header("token-c"), "Token token-c"):
            holder = keeper.admit_at_once(value, FUNCTIONAL)
            assert holder is not None
            assert holder.partner.name == "acme"
            assert keeper.refusal_at_once(value) is None

    async def test_who_is_no_longer_in_memory_is_not_although_his_header_was_good(
        self, keeper, books, directory, known
    ):
        assert keeper.admit_at_once(header("token-c"), FUNCTIONAL) is not None
        await books.apply("acme", lifecycle.Revoked())
        await directory.refresh()

        assert keeper.admit_at_once(header("token-c"), FUNCTIONAL) is None
        assert keeper.refusal_at_once(header("token-c")) is Refusal.UNKNOWN

    async def test_who_is_suspended_has_to_be_told_so_elsewhere(self, keeper, books, directory, known):
        await books.do(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=True))
        await directory.refresh()

        assert keeper.admit_at_once(header("token-c"), FUNCTIONAL) is None
        assert keeper.refusal_at_once(header("token-c")) is None

    async def test_the_first_use_of_a_token_is_not_admitted_at_once(self, keeper, books, directory):
        await books.invite("acme", "token-a")
        await books.accept("acme", "token-c")
        await directory.refresh()

        assert keeper.admit_at_once(header("token-c"), FUNCTIONAL) is None
        assert keeper.refusal_at_once(header("token-c")) is None

    @pytest.mark.parametrize("area", list(Area))
    async def test_a_token_that_ends_by_itself_is_not_admitted_at_once(self, keeper, books, directory, area):
        await books.invite("acme", "token-a")
        await directory.refresh()

        assert keeper.admit_at_once(header("token-a"), area) is None
        assert keeper.refusal_at_once(header("token-a")) is None

    @pytest.mark.parametrize(
        ("value", "refused"),
        [
            (None, Refusal.MISSING),
            ("", Refusal.MISSING),
            ("Basic YWJj", Refusal.MALFORMED),
            ("Token a b", Refusal.MALFORMED),
            ("Token nobody", Refusal.UNKNOWN),
            (header("nobody"), Refusal.UNKNOWN),
        ],
    )
    async def test_what_names_nobody_is_refused_with_the_reason(self, keeper, known, value, refused):
        assert keeper.admit_at_once(value, FUNCTIONAL) is None
        assert keeper.refusal_at_once(value) is refused

    async def test_so_many_headers_are_remembered_and_no_more(self, keeper, known):
        keeper._digest_of.most = 2
        for blanks in range(1, 6):
            assert keeper.admit_at_once(f"Token{' ' * blanks}token-c", FUNCTIONAL) is not None
            assert 1 <= len(keeper._digest_of) <= 2


def test_reasons_are_words_that_metrics_and_logs_may_show():
    assert [str(each) for each in Refusal] == [
        "missing",
        "malformed",
        "unknown",
        "revoked",
        "expired",
        "suspended",
        "not_admitted",
        "from_elsewhere",
    ]
    assert UnauthenticatedError(Refusal.EXPIRED).detail == "expired"
    assert UnauthenticatedError(Refusal.FROM_ELSEWHERE, detail="from the moon").detail == "from the moon"
