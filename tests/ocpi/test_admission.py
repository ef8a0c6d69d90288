"""What an inbound token is good for: the whole truth table."""

from itertools import product

import pytest

from gateway.ocpi.admission import Admission, Area, admit
from gateway.ocpi.vocabulary import PartnerState, TokenKind, TokenState

CREDENTIALS, INVITATION = TokenKind.CREDENTIALS, TokenKind.INVITATION
DISCOVERY, REGISTRATION, RENEWAL, FUNCTIONAL = Area.DISCOVERY, Area.REGISTRATION, Area.CREDENTIALS, Area.FUNCTIONAL
NO, YES, PROVES = Admission.REFUSED, Admission.ADMITTED, Admission.PROVES

#: For each kind, token state and provability: discovery, POST, PUT and DELETE, functional modules.
TABLE = {
    (INVITATION, TokenState.PENDING): (NO, NO, NO, NO),
    (INVITATION, TokenState.ACTIVE): (YES, YES, YES, NO),
    (INVITATION, TokenState.GRACE): (NO, YES, NO, NO),
    (INVITATION, TokenState.REVOKED): (NO, NO, NO, NO),
    (CREDENTIALS, TokenState.ACTIVE): (YES, YES, YES, YES),
    (CREDENTIALS, TokenState.GRACE): (NO, NO, NO, YES),
    (CREDENTIALS, TokenState.REVOKED): (NO, NO, NO, NO),
}
EVERYTHING = list(product(PartnerState, TokenKind, TokenState, Area, (False, True)))


def expected(state, kind, token_state, area, provable):
    if (kind, token_state) == (CREDENTIALS, TokenState.PENDING):
        if provable:
            return PROVES
        if area is not FUNCTIONAL:
            return YES
        return NO if state is PartnerState.REGISTERING else PROVES
    return TABLE[kind, token_state][list(Area).index(area)]


@pytest.mark.parametrize("state", PartnerState)
def test_every_combination_is_decided_as_the_table_says(state):
    assert list(Area) == [DISCOVERY, REGISTRATION, RENEWAL, FUNCTIONAL]
    for _, kind, token_state, area, provable in filter(lambda row: row[0] is state, EVERYTHING):
        case = (state, kind, token_state, area, provable)
        assert admit(state, kind, token_state, area, provable=provable) is expected(*case), case


def test_an_invitation_token_never_opens_a_functional_module():
    for state, token_state, provable in product(PartnerState, TokenState, (False, True)):
        assert admit(state, INVITATION, token_state, FUNCTIONAL, provable=provable) is NO


def test_a_revoked_token_opens_nothing():
    for state, kind, area, provable in product(PartnerState, TokenKind, Area, (False, True)):
        assert admit(state, kind, TokenState.REVOKED, area, provable=provable) is NO


def test_an_answered_invitation_may_repeat_its_post_and_nothing_else():
    opens = [
        area
        for area in Area
        if admit(PartnerState.REGISTERED, INVITATION, TokenState.GRACE, area, provable=True) is YES
    ]

    assert opens == [REGISTRATION]


def test_token_b_works_for_the_call_backs_while_our_post_is_open():
    decided = [admit(PartnerState.REGISTERING, CREDENTIALS, TokenState.PENDING, area, provable=False) for area in Area]

    assert decided == [YES, YES, YES, NO]
