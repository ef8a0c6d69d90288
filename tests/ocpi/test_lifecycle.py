"""The states of a registration: every pair of state and change leads somewhere or is refused clearly."""

from itertools import product
from typing import get_args

import pytest

from gateway.ocpi import lifecycle
from gateway.ocpi.credentials import Credentials
from gateway.ocpi.discovery import Discovery
from gateway.ocpi.errors import OperatorError
from gateway.ocpi.lifecycle import TRANSITIONS, Change, next_state
from gateway.ocpi.partner import Manners
from gateway.ocpi.vocabulary import PartnerState

S = PartnerState
FOUND = Discovery("2.2.1", "https://a.example/versions", (), Manners())
THEIRS = Credentials("the-outbound-secret", "https://a.example/versions", ())

CHANGES = {
    type(change): change
    for change in (
        lifecycle.Invited(),
        lifecycle.Started(),
        lifecycle.Prepared(FOUND, "the-inbound-secret"),
        lifecycle.Completed(THEIRS, FOUND, "the-inbound-secret"),
        lifecycle.Accepted(THEIRS, FOUND, "the-inbound-secret"),
        lifecycle.Renewed(THEIRS, FOUND, "the-inbound-secret"),
        lifecycle.Rotating("the-inbound-secret"),
        lifecycle.Rotated(THEIRS, FOUND, "the-inbound-secret"),
        lifecycle.HalfOpened("why", "the-inbound-secret"),
        lifecycle.Recovered(),
        lifecycle.Refreshed(FOUND),
        lifecycle.Imported(THEIRS, FOUND, "the-inbound-secret"),
        lifecycle.Leaving(),
        lifecycle.Stayed(),
        lifecycle.Unregistered(),
        lifecycle.Revoked(),
    )
}


def test_the_table_names_every_change_and_no_other():
    assert set(TRANSITIONS) == set(get_args(Change)) == set(CHANGES)


@pytest.mark.parametrize(("state", "kind"), list(product(S, CHANGES)), ids=lambda each: getattr(each, "__name__", each))
def test_every_change_in_every_state_follows_the_table_or_is_refused_in_words(state, kind):
    leads_to = TRANSITIONS[kind].get(state)
    if leads_to is not None:
        assert next_state(state, CHANGES[kind]) is leads_to
        return
    with pytest.raises(OperatorError) as refused:
        next_state(state, CHANGES[kind])
    assert state in refused.value.message
    assert all(possible in refused.value.remedy for possible in TRANSITIONS[kind])


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ([lifecycle.Invited, lifecycle.Accepted], S.REGISTERED),
        ([lifecycle.Started, lifecycle.Prepared, lifecycle.Completed], S.REGISTERED),
        ([lifecycle.Started, lifecycle.Prepared, lifecycle.HalfOpened, lifecycle.Renewed], S.REGISTERED),
        ([lifecycle.Started, lifecycle.Prepared, lifecycle.Invited, lifecycle.Completed], S.REGISTERED),
        ([lifecycle.Invited, lifecycle.Accepted, lifecycle.Rotating, lifecycle.HalfOpened], S.HALF_OPEN),
        ([lifecycle.Invited, lifecycle.Accepted, lifecycle.Rotating, lifecycle.Rotated], S.REGISTERED),
        ([lifecycle.Invited, lifecycle.Accepted, lifecycle.Invited], S.REGISTERED),
        ([lifecycle.Invited, lifecycle.Accepted, lifecycle.Unregistered, lifecycle.Invited], S.INVITED),
    ],
)
def test_a_registration_takes_the_ways_that_the_handshake_describes(changes, ends):
    state = S.UNREGISTERED
    for kind in changes:
        state = next_state(state, CHANGES[kind])

    assert state is ends


@pytest.mark.parametrize("kind", [lifecycle.Unregistered, lifecycle.Revoked])
def test_a_registration_can_be_ended_from_everywhere(kind):
    assert {next_state(state, CHANGES[kind]) for state in S} == {S.UNREGISTERED}


def test_an_ended_registration_is_not_brought_back_by_an_answer_that_comes_late():
    for kind in (lifecycle.Completed, lifecycle.Rotated, lifecycle.HalfOpened):
        with pytest.raises(OperatorError):
            next_state(S.UNREGISTERED, CHANGES[kind])


@pytest.mark.parametrize("change", CHANGES.values(), ids=lambda change: type(change).__name__)
def test_no_change_shows_a_token(change):
    assert "secret" not in repr(change)
