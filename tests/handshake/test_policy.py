"""How long another attempt waits, and how long a former token is fallen back to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.handshake.policy import Backoff, Trust
from gateway.ocpi.partner import Partner
from gateway.ocpi.vocabulary import PartnerState

SINCE = datetime(2026, 1, 2, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
RENEWED = Partner(
    id=1, name="acme", state=PartnerState.REGISTERED, revision=1, previous_outbound_token="former", outbound_since=SINCE
)


@pytest.mark.parametrize(
    ("failures", "least"),
    [
        (0, 15 * MINUTE),
        (1, 15 * MINUTE),
        (2, 30 * MINUTE),
        (3, HOUR),
        (7, 16 * HOUR),
        (8, 24 * HOUR),
        (10_000, 24 * HOUR),
    ],
)
def test_a_wait_doubles_with_each_failure_up_to_a_day_and_a_quarter_more_by_chance(failures, least):
    waits = [Backoff().after(failures) for _ in range(200)]

    assert least <= min(waits) < max(waits) <= least * 1.25
    assert max(waits) > least * 1.1


def test_first_and_longest_wait_are_the_operators_to_set():
    backoff = Backoff(first=MINUTE, most=3 * MINUTE)

    assert MINUTE <= backoff.after(1) <= 1.25 * MINUTE
    assert 3 * MINUTE <= backoff.after(3) <= 3.75 * MINUTE


def test_a_former_token_is_fallen_back_to_for_a_day():
    trust = Trust()

    assert trust.former(RENEWED, SINCE + timedelta(hours=24) - MINUTE) == "former"
    assert trust.former(RENEWED, SINCE + timedelta(hours=24)) is None


def test_how_long_it_is_fallen_back_to_is_the_operators_to_set():
    assert Trust(fallback=HOUR).former(RENEWED, SINCE + HOUR) is None
    assert Trust(fallback=25 * HOUR).former(RENEWED, SINCE + 24 * HOUR) == "former"


@pytest.mark.parametrize("lacking", [{"previous_outbound_token": None}, {"outbound_since": None}])
def test_without_a_former_token_or_a_present_one_there_is_nothing_to_fall_back_to(lacking):
    assert Trust().former(replace(RENEWED, **lacking), SINCE) is None


def test_three_refusals_end_a_token():
    assert Trust().refusals == 3
