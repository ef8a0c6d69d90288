"""What an inbound token is good for, as one function of its kind and state.

TOKEN_A never works outside versions and credentials (handshake.md, I3); a token that we sent but that nobody confirmed
works for the call-backs it was made for; a replaced one only finishes functional work.
"""

from enum import StrEnum

from gateway.ocpi.vocabulary import PartnerState, TokenKind, TokenState


class Area(StrEnum):
    """The parts of the public listener that differ in who may use them."""

    DISCOVERY = "discovery"  # versions, version details, GET credentials
    REGISTRATION = "registration"  # POST credentials
    CREDENTIALS = "credentials"  # PUT and DELETE credentials
    FUNCTIONAL = "functional"


class Admission(StrEnum):
    """Whether a token is good for an area, and whether its use there proves that the partner holds it."""

    REFUSED = "refused"
    ADMITTED = "admitted"
    PROVES = "proves"


def admit(state: PartnerState, kind: TokenKind, token_state: TokenState, area: Area, *, provable: bool) -> Admission:
    """Decide what a live token of a partner that isn't suspended may do.

    Args:
        state: of the partner's registration.
        provable: any use of the pending token proves it; else it was sent in a POST or PUT that isn't answered yet.
    """
    if kind is TokenKind.INVITATION:
        return _yes(_invitation(token_state, area))
    if token_state is TokenState.ACTIVE:
        return Admission.ADMITTED
    if token_state is TokenState.GRACE:
        return _yes(area is Area.FUNCTIONAL)
    if token_state is not TokenState.PENDING:
        return Admission.REFUSED
    if provable:
        return Admission.PROVES
    if area is not Area.FUNCTIONAL:
        return Admission.ADMITTED
    return Admission.REFUSED if state is PartnerState.REGISTERING else Admission.PROVES


def _invitation(token_state: TokenState, area: Area) -> bool:
    """An invitation that was answered may only repeat its POST (handshake.md, rule 9)."""
    if token_state is TokenState.GRACE:
        return area is Area.REGISTRATION
    return token_state is TokenState.ACTIVE and area is not Area.FUNCTIONAL


def _yes(admitted: bool) -> Admission:  # noqa: FBT001 - a private wording
    return Admission.ADMITTED if admitted else Admission.REFUSED
