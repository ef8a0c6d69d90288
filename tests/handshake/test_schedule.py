"""When what is due: renewals by the age of a token, looks by the time since the last."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.config.tuning import RotationMode
from gateway.handshake.upkeep import Schedule
from gateway.ocpi.partner import Partner
from gateway.ocpi.vocabulary import PartnerState, TokenKind, TokenState
from gateway.store.records import InboundToken, PartnerRecord

SINCE = datetime(2026, 1, 2, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
MONTH, QUARTER = timedelta(days=30), timedelta(minutes=15)

SCHEDULE = Schedule(
    rotate_every=MONTH,
    rotation=lambda _name: RotationMode.AUTO,
    look_every=QUARTER,
    looks=lambda name: name != "unwatched",
)
#: A token of ours that a PUT may have carried to the partner, and whose fate never became known.
SENT = InboundToken(
    id="1",
    partner_id=1,
    kind=TokenKind.CREDENTIALS,
    state=TokenState.PENDING,
    provable=False,
    digest=b"",
    fingerprint="",
    created_at=SINCE,
    expires_at=SINCE + DAY,
)


def a_record(*tokens, retry_at=None, checked_at=None, registered_at=SINCE, created_at=SINCE, **changed):
    partner = Partner(
        id=1,
        name="acme",
        state=PartnerState.REGISTERED,
        revision=1,
        outbound_token="theirs",
        outbound_since=SINCE,
    )
    return PartnerRecord(
        replace(partner, **changed),
        tokens,
        (),
        retry_at=retry_at,
        checked_at=checked_at,
        registered_at=registered_at,
        created_at=created_at,
    )


def rotates(record, after):
    return SCHEDULE.rotation_is_due(record, SINCE + after)


def looks(record, after):
    return SCHEDULE.look_is_due(record, SINCE + after)


class TestRenewing:
    def test_tokens_are_renewed_within_a_tenth_of_the_interval_after_it(self):
        assert not rotates(a_record(), MONTH - SECOND)
        assert rotates(a_record(), 1.1 * MONTH)

    def test_when_that_is_differs_by_partner_and_by_token_and_stays_the_same(self):
        def renewal(**changed):
            hours = range(30 * 24, 33 * 24 + 1)
            return next(hour for hour in hours if rotates(a_record(**changed), timedelta(hours=hour)))

        occasions = [renewal(), renewal(name="other"), renewal(name="third"), renewal(name="fourth")]
        assert len(set(occasions)) > 1
        assert occasions[0] == renewal()
        assert max(occasions) - min(occasions) < 3 * 24

    @pytest.mark.parametrize(
        "changed",
        [
            {"state": PartnerState.HALF_OPEN},
            {"state": PartnerState.REGISTERING},
            {"suspended": True},
            {"leaving": True},
            {"outbound_since": None},
        ],
    )
    def test_where_it_can_not_be_done_it_is_not_due(self, changed):
        assert not rotates(a_record(**changed), 400 * DAY)

    def test_after_a_failure_it_waits_until_it_is_to_be_tried_again(self):
        failed = a_record(retry_at=SINCE + 40 * DAY)

        assert not rotates(failed, 40 * DAY - SECOND)
        assert rotates(failed, 40 * DAY)

    def test_one_that_was_interrupted_is_due_at_once(self):
        assert rotates(a_record(SENT), SECOND)
        assert rotates(a_record(SENT, outbound_since=None), SECOND)
        assert not rotates(a_record(SENT, retry_at=SINCE + DAY), SECOND)

    @pytest.mark.parametrize(
        "changed",
        [
            {"kind": TokenKind.INVITATION},
            {"state": TokenState.ACTIVE},
            {"provable": True},
            {"expires_at": SINCE + SECOND},
        ],
    )
    def test_a_token_whose_fate_is_known_interrupts_nothing(self, changed):
        assert not rotates(a_record(replace(SENT, **changed)), SECOND)

    def test_of_several_tokens_one_is_enough(self):
        assert rotates(a_record(replace(SENT, state=TokenState.ACTIVE), SENT), SECOND)


class TestLooking:
    def test_a_front_is_looked_at_within_a_tenth_of_the_interval_after_it(self):
        seen = a_record(checked_at=SINCE)

        assert not looks(seen, QUARTER - SECOND)
        assert looks(seen, 1.1 * QUARTER)

    @pytest.mark.parametrize(
        ("moments", "begins"),
        [
            ({"checked_at": SINCE + DAY}, DAY),
            ({"registered_at": SINCE + DAY}, DAY),
            ({"registered_at": None, "created_at": SINCE + DAY}, DAY),
        ],
    )
    def test_the_interval_begins_with_the_last_look_else_with_the_registration(self, moments, begins):
        record = a_record(**moments)

        assert not looks(record, begins + QUARTER - SECOND)
        assert looks(record, begins + 1.1 * QUARTER)

    def test_one_of_which_no_moment_is_known_is_not_looked_at(self):
        assert not looks(a_record(registered_at=None, created_at=None), 400 * DAY)

    @pytest.mark.parametrize(
        "changed",
        [
            {"suspended": True},
            {"leaving": True},
            {"outbound_token": None},
            {"state": PartnerState.REGISTERING},
            {"name": "unwatched"},
        ],
    )
    def test_whom_nobody_calls_is_not_looked_at(self, changed):
        assert not looks(a_record(**changed), 400 * DAY)

    def test_a_half_open_partner_is_looked_at(self):
        assert looks(a_record(state=PartnerState.HALF_OPEN), QUARTER * 2)
