"""The states of a registration as one table, and the changes that move it.

A change is what a handshake asks the store to save, all of it in one transaction (handshake.md, rule 2). Which change
is possible in which state, and where it leads, is `TRANSITIONS` and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.ocpi.credentials import Credentials
from gateway.ocpi.discovery import Discovery
from gateway.ocpi.errors import OperatorError
from gateway.ocpi.vocabulary import PartnerState


@dataclass(frozen=True, slots=True)
class Invited:
    """We issued TOKEN_A (step 1, we are the Receiver)."""


@dataclass(frozen=True, slots=True)
class Started:
    """A partner gave us TOKEN_A and its versions URL (before step 2, we are the Sender)."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """TOKEN_B is made and must be accepted before it is sent (step 3, we are the Sender; handshake.md, SP3)."""

    discovery: Discovery
    inbound_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Completed:
    """The Receiver answered with TOKEN_C (step 5, we are the Sender); so it holds TOKEN_B.

    Attributes:
        remarks: what was odd about the answer, for the operator; its token counts more (handshake.md, SP5).
    """

    credentials: Credentials
    discovery: Discovery
    inbound_token: str = field(repr=False)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The partner posted with TOKEN_A and its API was usable (steps 3 to 5, we are the Receiver)."""

    credentials: Credentials
    discovery: Discovery
    inbound_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Renewed:
    """The partner put new credentials; it gets a new token and keeps the old one until it has used the new."""

    credentials: Credentials
    discovery: Discovery
    inbound_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rotating:
    """Our next token is made and must be accepted beside the present one before it is sent (handshake.md, SU1)."""

    inbound_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rotated:
    """The partner answered our PUT with its next token (handshake.md, SU4); `remarks` as in `Completed`."""

    credentials: Credentials
    discovery: Discovery
    inbound_token: str = field(repr=False)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HalfOpened:
    """They hold our token but we lack theirs, or the reverse is unknown (handshake.md, SP4 and SP10).

    Attributes:
        inbound_token: one that they hold, as has come out; None where that says nothing new.
    """

    reason: str
    inbound_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Recovered:
    """They accept the token again that we call them with."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What they offer now is taken over (operations.md, Partner health)."""

    discovery: Discovery


@dataclass(frozen=True, slots=True)
class Imported:
    """A registration that another system made is carried on here: both tokens are in use already."""

    credentials: Credentials
    discovery: Discovery
    inbound_token: str = field(repr=False)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Leaving:
    """We are about to send a DELETE: from now on nothing else goes out to them (handshake.md, SD1)."""


@dataclass(frozen=True, slots=True)
class Stayed:
    """Our DELETE came to nothing, so the registration goes on (handshake.md, SD2)."""


@dataclass(frozen=True, slots=True)
class Unregistered:
    """The registration was ended by a DELETE, theirs or ours."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """The operator dropped both tokens without telling the partner."""


Change = (
    Invited
    | Started
    | Prepared
    | Completed
    | Accepted
    | Renewed
    | Rotating
    | Rotated
    | HalfOpened
    | Recovered
    | Refreshed
    | Imported
    | Leaving
    | Stayed
    | Unregistered
    | Revoked
)

_S = PartnerState

#: For each change: the state it leads to from each state in which it is possible.
TRANSITIONS: Final[Mapping[type[Change], Mapping[PartnerState, PartnerState]]] = {
    Invited: {
        _S.INVITED: _S.INVITED,
        _S.REGISTERING: _S.INVITED,
        _S.REGISTERED: _S.REGISTERED,
        _S.HALF_OPEN: _S.HALF_OPEN,
        _S.UNREGISTERED: _S.INVITED,
    },
    Started: {
        _S.INVITED: _S.REGISTERING,
        _S.REGISTERING: _S.REGISTERING,
        _S.HALF_OPEN: _S.HALF_OPEN,
        _S.UNREGISTERED: _S.REGISTERING,
    },
    Prepared: {
        _S.INVITED: _S.REGISTERING,
        _S.REGISTERING: _S.REGISTERING,
        _S.HALF_OPEN: _S.HALF_OPEN,
        _S.UNREGISTERED: _S.REGISTERING,
    },
    Completed: dict.fromkeys((_S.INVITED, _S.REGISTERING, _S.REGISTERED, _S.HALF_OPEN), _S.REGISTERED),
    Accepted: dict.fromkeys((_S.INVITED, _S.REGISTERING, _S.REGISTERED, _S.HALF_OPEN, _S.UNREGISTERED), _S.REGISTERED),
    Renewed: {_S.REGISTERED: _S.REGISTERED, _S.HALF_OPEN: _S.REGISTERED},
    Rotating: {_S.REGISTERED: _S.REGISTERED},
    Rotated: {_S.REGISTERED: _S.REGISTERED},
    HalfOpened: dict.fromkeys((_S.INVITED, _S.REGISTERING, _S.REGISTERED, _S.HALF_OPEN), _S.HALF_OPEN),
    Recovered: dict.fromkeys((_S.REGISTERED, _S.HALF_OPEN), _S.REGISTERED),
    Refreshed: {_S.REGISTERED: _S.REGISTERED, _S.HALF_OPEN: _S.HALF_OPEN},
    Imported: dict.fromkeys((_S.INVITED, _S.REGISTERING, _S.HALF_OPEN, _S.UNREGISTERED), _S.REGISTERED),
    Leaving: {state: state for state in _S},
    Stayed: {state: state for state in _S},
    Unregistered: dict.fromkeys(_S, _S.UNREGISTERED),
    Revoked: dict.fromkeys(_S, _S.UNREGISTERED),
}


def next_state(state: PartnerState, change: Change) -> PartnerState:
    """The state that a change leads to.

    Raises:
        OperatorError: the change isn't possible in this state.
    """
    return destination(state, type(change))


def destination(state: PartnerState, kind: type[Change]) -> PartnerState:
    """The state that a kind of change leads to.

    Raises:
        OperatorError: it isn't possible in this state.
    """
    following = TRANSITIONS[kind].get(state)
    if following is None:
        possible = ", ".join(TRANSITIONS[kind])
        raise OperatorError(
            f"not possible while the partner is {state}",
            remedy=f"It is possible in: {possible}. See `partner show NAME`",
        )
    return following
