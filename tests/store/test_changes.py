"""What each change of a registration does to the records."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.ocpi import lifecycle
from gateway.ocpi.credentials import Credentials
from gateway.ocpi.errors import OperatorError
from gateway.ocpi.partner import Invitation, Manners
from gateway.ocpi.party import Party
from gateway.ocpi.vocabulary import PartnerState, TokenForm, TokenKind, TokenState
from gateway.store import tables
from gateway.store.audit import ACTIONS
from gateway.store.changes import PartyTakenError
from gateway.store.records import OutboundToken
from tests.store.books import ENDPOINTS, FOUND, VERSIONS_URL, theirs

PENDING, ACTIVE, GRACE, REVOKED = TokenState
ABC, XYZ = Party("DE", "ABC"), Party("DE", "XYZ")


def accepted(ledger, accepted_token):
    ledger.outbound_accepted(ledger.partner("acme"), accepted_token)


class TestInviting:
    async def test_an_invitation_makes_the_partner_and_its_token_a(self, books, clock):
        record = await books.invite("Acme", "token-a", roles=[(ABC, "EMSP"), (XYZ, None)], hosts=["emsp.example.com"])

        assert (record.partner.name, record.partner.state) == ("Acme", PartnerState.INVITED)
        assert record.partner.invitation == Invitation(((ABC, "EMSP"), (XYZ, None)), frozenset({"emsp.example.com"}))
        (token,) = record.inbound_tokens
        assert (token.kind, token.state, token.digest) == (TokenKind.INVITATION, ACTIVE, books.vault.digest("token-a"))
        assert token.fingerprint == books.vault.fingerprint("token-a")
        assert (token.created_at, token.expires_at) == (clock(), clock() + timedelta(days=7))
        assert record.created_at == clock()

    async def test_inviting_again_ends_the_first_token_a(self, books):
        first = await books.invite("acme", "first-a")
        second = await books.invite("ACME", "second-a")

        assert second.partner.id == first.partner.id
        assert second.partner.name == "acme"
        assert [token.digest for token in second.inbound_tokens] == [books.vault.digest("second-a")]

    async def test_inviting_a_registered_partner_keeps_what_it_has(self, books):
        before = await books.register("acme", "DE-ABC")
        after = await books.invite("acme", "second-a")

        assert after.partner.state is PartnerState.REGISTERED
        assert after.partner.outbound_token == before.partner.outbound_token
        assert after.partner.parties == (ABC,)
        assert {(token.kind, token.state) for token in after.inbound_tokens} == {
            (TokenKind.CREDENTIALS, ACTIVE),
            (TokenKind.INVITATION, ACTIVE),
        }

    @pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a/b", "a\n", "caf\xe9", "x" * 65])
    async def test_a_name_that_can_not_be_one_is_refused_and_nothing_is_made(self, books, name):
        with pytest.raises(OperatorError, match="can't be a partner's name"):
            await books.invite(name)

        assert await books.rows(tables.partner) == []
        assert await books.audit() == []


class TestRegisteringAsReceiver:
    async def test_accepting_adopts_everything_the_partner_presented(self, books, clock):
        await books.invite("acme", "token-a")
        record = await books.accept("acme", "token-c", "token-b", "DE-ABC", "DE-XYZ:CPO")

        partner = record.partner
        assert partner.state is PartnerState.REGISTERED
        assert (partner.version, partner.versions_url) == ("2.2.1", VERSIONS_URL)
        assert partner.parties == (ABC, XYZ)
        assert [role.role for role in partner.roles] == ["EMSP", "CPO"]
        assert partner.roles[0].business_details == {"name": "Example"}
        assert partner.endpoints == ENDPOINTS
        assert partner.manners == Manners(TokenForm.PLAIN, TokenForm.ABSENT)
        assert partner.outbound_token == "token-b"
        assert record.registered_at == clock()
        assert record.outbound_tokens == (
            OutboundToken(TokenKind.CREDENTIALS, "active", books.vault.fingerprint("token-b"), clock(), False, 0),
        )
        assert await books.state_of("token-a") == GRACE
        assert await books.state_of("token-c") == PENDING

    async def test_delivery_ends_token_a(self, books):
        await books.invite("acme", "token-a")
        await books.accept("acme", "token-c")
        await books.do(lambda ledger: ledger.delivered(ledger.partner("acme")), actor="partner")

        row = await books.row_of("token-a")
        assert (row.state, row.revoked_by) == (REVOKED, "answered")
        assert await books.state_of("token-c") == PENDING

    async def test_delivery_spares_a_token_a_that_was_issued_meanwhile(self, books):
        await books.invite("acme", "first-a")
        await books.accept("acme", "token-c")
        await books.invite("acme", "second-a")
        await books.do(lambda ledger: ledger.delivered(ledger.partner("acme")))

        assert await books.state_of("second-a") == ACTIVE

    async def test_the_first_use_of_token_c_ends_token_a_and_earlier_pending_tokens(self, books):
        await books.invite("acme", "token-a")
        await books.accept("acme", "lost-c")
        await books.accept("acme", "token-c")
        assert await books.state_of("lost-c") == PENDING
        await books.prove("acme", "token-c")

        assert [await books.state_of(token) for token in ("token-a", "lost-c", "token-c")] == [REVOKED, REVOKED, ACTIVE]

    async def test_a_party_of_another_partner_is_refused_and_nothing_changes(self, books):
        await books.register("first", "DE-ABC")
        await books.invite("second", "second-a")
        before, trail = await books.record("second"), await books.audit()

        with pytest.raises(PartyTakenError) as refused:
            await books.accept("second", "token-c", "token-b", "DE-XYZ", "de-abc")

        assert await books.record("second") == before
        assert await books.audit() == trail
        assert "first" in str(refused.value)
        assert refused.value.public_message == "roles: DE-ABC belongs to another platform"
        assert refused.value.taken == {ABC: "first"}

    async def test_a_party_that_is_the_name_of_another_partner_is_refused(self, books):
        await books.invite("de-abc", "first-a")
        await books.invite("second", "second-a")

        with pytest.raises(PartyTakenError) as refused:
            await books.accept("second", "token-c", "token-b", "DE-ABC")
        assert refused.value.taken == {ABC: "de-abc"}

    async def test_a_partner_may_bear_the_name_of_its_own_party(self, books):
        assert (await books.register("DE-ABC", "DE-ABC")).partner.parties == (ABC,)

    async def test_a_party_of_a_partner_can_not_be_the_name_of_another(self, books):
        await books.register("first", "DE-ABC")

        with pytest.raises(OperatorError, match="is a party of the partner 'first'"):
            await books.invite("de-abc", "second-a")

    async def test_roles_stay_in_their_order_and_a_party_may_have_several(self, books):
        presented = ("DE-XYZ:EMSP", "DE-ABC:CPO", "DE-XYZ:HUB", "NL-ABC:NSP")
        partner = (await books.register("acme", *presented)).partner

        assert tuple(f"{role.party}:{role.role}" for role in partner.roles) == presented
        assert set(partner.parties) == {ABC, XYZ, Party("NL", "ABC")}

    async def test_parties_of_several_partners_are_refused_naming_each_owner(self, books):
        await books.register("second", "DE-ABC")
        await books.register("first", "DE-XYZ", "NL-ABC")
        await books.invite("acme")

        with pytest.raises(
            PartyTakenError, match=r"^DE-ABC, DE-XYZ is .* another partner \(first, second\)"
        ) as refused:
            await books.accept("acme", "token-c", "token-b", "DE-XYZ", "DE-ABC", "FR-ABC", "FR-XYZ")
        assert refused.value.taken == {XYZ: "first", ABC: "second"}

    async def test_a_name_that_looks_like_a_party_is_free_where_nobody_has_that_party(self, books):
        await books.register("first", "DE-ABC", "NL-XYZ")

        for name in ("DE-XYZ", "nl-abc"):
            assert (await books.invite(name, name)).partner.name == name

    async def test_the_same_party_id_in_another_country_is_another_party(self, books):
        await books.register("first", "DE-ABC")

        assert (await books.register("second", "NL-ABC")).partner.parties == (Party("NL", "ABC"),)


class TestRegisteringAsSender:
    async def start_and_prepare(self, books):
        await books.start("acme", "their-a")
        return await books.apply("acme", lifecycle.Prepared(FOUND, "our-b"))

    async def test_starting_keeps_token_a_encrypted_until_it_has_done_its_work(self, books):
        record = await books.start("acme", "their-a")

        assert record.partner.state is PartnerState.REGISTERING
        assert record.partner.versions_url == VERSIONS_URL
        assert record.partner.outbound_token is None
        assert [token.kind for token in record.outbound_tokens] == [TokenKind.INVITATION]
        assert await books.do(lambda ledger: ledger.kept_invitation(record)) == "their-a"

    async def test_starting_withdraws_an_invitation_of_ours_that_made_demands(self, books):
        await books.invite("acme", "token-a", roles=[(ABC, None)], hosts=["emsp.example.com"])
        record = await books.start("acme", "their-a")

        assert record.partner.invitation == Invitation()
        assert await books.state_of("token-a") == REVOKED

    async def test_starting_leaves_an_invitation_of_ours_for_anybody(self, books):
        await books.invite("acme", "token-a")
        await books.start("acme", "their-a")

        assert await books.state_of("token-a") == ACTIVE

    async def test_a_token_a_of_theirs_is_forgotten_once_they_registered_with_ours(self, books):
        await books.invite("acme", "token-a")
        await books.start("acme", "their-a")
        record = await books.accept("acme", "token-c")

        assert await books.do(lambda ledger: ledger.kept_invitation(record)) is None

    async def test_starting_again_replaces_what_was_given_and_what_was_found_there(self, books):
        await self.start_and_prepare(books)
        record = await books.start("acme", "their-second-a", "https://other.example.com/versions")

        assert await books.do(lambda ledger: ledger.kept_invitation(record)) == "their-second-a"
        assert len(record.outbound_tokens) == 1
        assert record.partner.versions_url == "https://other.example.com/versions"
        assert record.partner.endpoints == ()

    @pytest.mark.parametrize(
        ("invitation_token", "versions_url", "state"),
        [
            ("their-a", VERSIONS_URL, PENDING),
            ("their-a", f"{VERSIONS_URL}/", PENDING),
            ("their-second-a", VERSIONS_URL, REVOKED),
            ("their-a", "https://other.example.com/versions", REVOKED),
        ],
    )
    async def test_token_b_is_kept_for_the_platform_and_token_a_that_it_was_made_for(
        self, books, invitation_token, versions_url, state
    ):
        await self.start_and_prepare(books)
        await books.start("acme", invitation_token, versions_url)

        assert await books.state_of("our-b") == state

    async def test_starting_with_another_platform_forgets_the_token_that_the_one_before_gave_us(self, books):
        await books.register("acme", "DE-ABC", outbound_token="token-b")
        await books.apply("acme", lifecycle.HalfOpened("why"))
        assert (await books.start("acme", "their-a")).partner.outbound_token == "token-b"

        record = await books.start("acme", "their-a", "https://other.example.com/versions")

        assert record.partner.outbound_token is None
        assert [token.kind for token in record.outbound_tokens] == [TokenKind.INVITATION]

    async def test_preparing_keeps_what_was_found_and_makes_token_b_work_for_a_day(self, books, clock):
        record = await self.start_and_prepare(books)

        assert record.partner.state is PartnerState.REGISTERING
        assert record.partner.endpoints == ENDPOINTS
        (token,) = record.inbound_tokens
        assert (token.state, token.provable) == (PENDING, False)
        assert token.expires_at == clock() + timedelta(days=1)
        assert not token.is_alive(token.expires_at)

    async def test_completing_takes_token_c_and_proves_token_b(self, books):
        await self.start_and_prepare(books)
        record = await books.apply("acme", lifecycle.Completed(theirs("token-c", "DE-ABC"), FOUND, "our-b"))

        assert record.partner.state is PartnerState.REGISTERED
        assert record.partner.outbound_token == "token-c"
        assert record.partner.parties == (ABC,)
        assert [(token.state, token.expires_at) for token in record.inbound_tokens] == [(ACTIVE, None)]
        assert await books.do(lambda ledger: ledger.kept_invitation(record)) is None

    async def test_completing_leaves_out_the_parties_of_others_and_says_so(self, books):
        await books.register("first", "DE-ABC")
        await self.start_and_prepare(books)
        completed = lifecycle.Completed(theirs("token-c", "DE-ABC", "DE-XYZ"), FOUND, "our-b")
        record = await books.apply("acme", completed)

        assert record.partner.state is PartnerState.REGISTERED
        assert record.partner.parties == (XYZ,)
        assert record.note == "parties left out because they belong to other partners: DE-ABC (of first)"
        assert (await books.rows(tables.audit))[-1].detail["note"] == record.note
        assert (await books.record("first")).partner.parties == (ABC,)

    async def test_completing_without_usable_roles_keeps_those_that_were_known(self, books):
        await books.register("acme", "DE-ABC")
        await books.apply("acme", lifecycle.Rotating("our-next"))
        record = await books.apply("acme", lifecycle.Rotated(Credentials("their-next", "", ()), FOUND, "our-next"))

        assert record.partner.parties == (ABC,)
        assert record.partner.outbound_token == "their-next"

    async def test_half_open_keeps_token_b_without_a_deadline_and_says_why(self, books, clock):
        await self.start_and_prepare(books)
        record = await books.apply("acme", lifecycle.HalfOpened("ask them for a PUT", "our-b"))

        assert (record.partner.state, record.note) == (PartnerState.HALF_OPEN, "ask them for a PUT")
        (token,) = record.inbound_tokens
        clock.move(days=365)
        assert (token.provable, token.is_alive(clock())) == (True, True)
        assert record.partner.outbound_token is None

    async def test_half_open_while_rotating_accepts_both_tokens_of_ours(self, books):
        await books.register("acme", "DE-ABC", inbound_token="our-c")
        await books.apply("acme", lifecycle.Rotating("our-next"))
        await books.apply("acme", lifecycle.HalfOpened("ask them for a PUT", "our-next"))

        assert await books.states("acme") == [ACTIVE, PENDING]
        await books.prove("acme", "our-next")
        assert [await books.state_of(token) for token in ("our-c", "our-next")] == [GRACE, ACTIVE]


class TestRenewing:
    async def test_the_partner_keeps_its_token_until_it_used_the_new_one(self, books, clock):
        await books.register("acme", "DE-ABC", inbound_token="token-c", outbound_token="token-b")
        record = await books.apply("acme", lifecycle.Renewed(theirs("next-b", "DE-XYZ"), FOUND, "next-c"))

        assert await books.states("acme") == [ACTIVE, PENDING]
        assert (record.partner.outbound_token, record.partner.previous_outbound_token) == ("next-b", "token-b")
        assert record.partner.parties == (XYZ,)
        await books.prove("acme", "next-c")
        row = await books.row_of("token-c")
        assert (row.state, row.expires_at) == (GRACE, clock() + timedelta(seconds=60))

    async def test_the_former_outbound_token_is_forgotten_once_the_new_one_worked(self, books):
        await books.register("acme", "DE-ABC", outbound_token="token-b")
        await books.apply("acme", lifecycle.Renewed(theirs("next-b", "DE-ABC"), FOUND, "next-c"))
        await books.do(lambda ledger: accepted(ledger, "next-b"), actor="gateway")
        record = await books.record("acme")

        assert (record.partner.outbound_token, record.partner.previous_outbound_token) == ("next-b", None)
        assert (await books.audit())[-1] == ("gateway", "outbound token accepted")

    @pytest.mark.parametrize("accepted_token", ["token-b", "next-b"])
    async def test_a_token_that_is_not_the_present_one_or_replaced_none_proves_nothing(self, books, accepted_token):
        await books.register("acme", "DE-ABC", outbound_token="token-b")
        if accepted_token == "token-b":
            await books.apply("acme", lifecycle.Renewed(theirs("next-b", "DE-ABC"), FOUND, "next-c"))
        before, trail = await books.record("acme"), await books.audit()
        await books.do(lambda ledger: accepted(ledger, accepted_token))

        assert await books.record("acme") == before
        assert await books.audit() == trail

    async def test_the_same_outbound_token_again_replaces_none(self, books):
        await books.register("acme", "DE-ABC", outbound_token="token-b")
        record = await books.apply("acme", lifecycle.Renewed(theirs("token-b", "DE-ABC"), FOUND, "next-c"))

        assert (record.partner.outbound_token, record.partner.previous_outbound_token) == ("token-b", None)

    async def test_the_former_outbound_token_presented_again_is_the_only_one(self, books):
        await books.register("acme", "DE-ABC", outbound_token="token-b")
        for number, outbound_token in enumerate(("next-b", "token-b")):
            change = lifecycle.Renewed(theirs(outbound_token, "DE-ABC"), FOUND, f"next-c{number}")
            record = await books.apply("acme", change)

        assert (record.partner.outbound_token, record.partner.previous_outbound_token) == ("token-b", None)

    async def test_only_the_outbound_token_that_last_worked_is_kept_beside_the_present_one(self, books):
        await books.register("acme", "DE-ABC", outbound_token="token-b")
        for number in range(3):
            change = lifecycle.Renewed(theirs(f"next-b{number}", "DE-ABC"), FOUND, f"next-c{number}")
            record = await books.apply("acme", change)

        assert record.partner.previous_outbound_token == "token-b"
        assert len(record.outbound_tokens) == 2

    async def test_rotating_makes_the_next_token_work_beside_the_present_one(self, books, clock):
        await books.register("acme", "DE-ABC", inbound_token="our-c")
        record = await books.apply("acme", lifecycle.Rotating("our-next"))
        assert [(token.state, token.provable, token.expires_at) for token in record.inbound_tokens] == [
            (ACTIVE, True, None),
            (PENDING, False, clock() + timedelta(days=1)),
        ]

        record = await books.apply("acme", lifecycle.Rotated(theirs("their-next", "DE-ABC"), FOUND, "our-next"))

        assert [(token.state, token.provable, token.expires_at) for token in record.inbound_tokens] == [
            (ACTIVE, True, None),
            (PENDING, True, None),
        ]


class TestCarryingOn:
    async def test_a_registration_of_another_system_goes_on_with_its_tokens(self, books, clock):
        await books.invite("acme", "token-a", roles=[(ABC, None)], hosts=["emsp.example.com"])
        imported = lifecycle.Imported(theirs("token-b", "DE-ABC"), FOUND, "token-c", ("a remark",))
        record = await books.apply("acme", imported)

        assert (record.partner.state, record.partner.outbound_token) == (PartnerState.REGISTERED, "token-b")
        assert (record.partner.parties, record.partner.endpoints) == ((ABC,), ENDPOINTS)
        assert record.partner.invitation == Invitation()
        assert (record.registered_at, record.note) == (clock(), "a remark")
        assert await books.states("acme") == [ACTIVE]
        assert await books.state_of("token-a") == REVOKED

    async def test_one_that_takes_part_again_leaves_no_more(self, books):
        await books.register("acme", "DE-ABC")
        await books.invite("acme", "second-a")
        assert (await books.apply("acme", lifecycle.Leaving())).partner.leaving

        assert not (await books.accept("acme", "second-c")).partner.leaving

    async def test_one_that_we_register_with_again_leaves_no_more(self, books):
        await books.register("acme", "DE-ABC")
        await books.apply("acme", lifecycle.HalfOpened("why"))
        assert (await books.apply("acme", lifecycle.Leaving())).partner.leaving
        await books.start("acme")
        await books.apply("acme", lifecycle.Prepared(FOUND, "our-b"))
        record = await books.apply("acme", lifecycle.Completed(theirs("token-c", "DE-ABC"), FOUND, "our-b"))

        assert not record.partner.leaving

    async def test_one_that_gives_up_leaving_leaves_no_more_and_its_failures_are_forgotten(self, books, clock):
        await books.register("acme", "DE-ABC")
        await books.apply("acme", lifecycle.Leaving())
        await self.postponed(books, clock)
        record = await books.apply("acme", lifecycle.Stayed())

        assert (record.partner.leaving, record.failures, record.retry_at) == (False, 0, None)

    async def test_an_answer_with_credentials_ends_the_count_of_failures(self, books, clock):
        await books.register("acme", "DE-ABC")
        await self.postponed(books, clock)
        record = await books.apply("acme", lifecycle.Renewed(theirs("next-b", "DE-ABC"), FOUND, "next-c"))

        assert (record.failures, record.retry_at) == (0, None)

    async def postponed(self, books, clock):
        await books.do(lambda ledger: ledger.postponed(ledger.partner("acme"), failures=2, retry_at=clock()))
        record = await books.record("acme")
        assert (record.failures, record.retry_at) == (2, clock())

    async def test_what_is_taken_over_differs_no_more(self, books):
        await books.register("acme", "DE-ABC")
        await books.do(lambda ledger: ledger.looked(ledger.partner("acme"), unreachable="", drift=["+ cdrs"]))
        assert (await books.record("acme")).drift == ("+ cdrs",)

        found = replace(FOUND, version="2.2", endpoints=ENDPOINTS[:1])
        record = await books.apply("acme", lifecycle.Refreshed(found))

        assert (record.drift, record.partner.version, record.partner.endpoints) == ((), "2.2", ENDPOINTS[:1])


class TestEnding:
    @pytest.mark.parametrize("change", [lifecycle.Unregistered(), lifecycle.Revoked()])
    async def test_ending_drops_both_tokens_and_frees_the_parties(self, books, change, clock):
        await books.register("acme", "DE-ABC", inbound_token="token-c")
        await books.invite("acme", "second-a")
        record = await books.apply("acme", change)

        assert record.partner.state is PartnerState.UNREGISTERED
        assert (record.partner.outbound_token, record.outbound_tokens, record.inbound_tokens) == (None, (), ())
        assert (record.partner.endpoints, record.partner.roles, record.partner.version) == ((), (), None)
        row = await books.row_of("token-c")
        assert (row.state, row.revoked_by, row.revoked_at) == (REVOKED, ACTIONS[type(change)], clock())
        assert await books.state_of("second-a") == REVOKED
        assert (record.partner.versions_url, record.partner.leaving) == (None, False)
        assert (await books.register("other", "DE-ABC")).partner.parties == (ABC,)

    @pytest.mark.parametrize("change", [lifecycle.Unregistered(), lifecycle.Revoked()])
    async def test_ending_drops_what_the_invitation_demanded(self, books, change):
        await books.invite("acme", roles=[(ABC, None)], hosts=["emsp.example.com"])

        assert (await books.apply("acme", change)).partner.invitation == Invitation()

    @pytest.mark.parametrize("change", [lifecycle.Unregistered(), lifecycle.Revoked()])
    async def test_ending_forgets_what_was_found_out_about_its_front(self, books, change, clock):
        await books.register("acme", "DE-ABC")
        await books.apply("acme", lifecycle.Leaving())
        await books.do(lambda ledger: ledger.looked(ledger.partner("acme"), unreachable="no", drift=["+ cdrs"]))
        await books.do(lambda ledger: ledger.postponed(ledger.partner("acme"), failures=2, retry_at=clock()))
        record = await books.apply("acme", change)

        assert (record.checked_at, record.unreachable, record.drift) == (None, "", ())
        assert (record.partner.leaving, record.failures, record.retry_at) == (False, 0, None)

    async def test_an_ended_partner_can_be_invited_again(self, books):
        await books.register("acme", "DE-ABC")
        await books.apply("acme", lifecycle.Unregistered())

        assert (await books.invite("acme", "next-a")).partner.state is PartnerState.INVITED
        assert (await books.accept("acme", "next-c")).partner.state is PartnerState.REGISTERED
