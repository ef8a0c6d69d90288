"""What a reader makes of the bytes of one connection, and when two readers disagree.

The gateway's reading is the measure. Each request that it accepts must be what every other reader finds in that place:
the same method, target and body. A reader may refuse what the gateway accepts, or end the connection sooner. Where the
gateway refused or ended the connection, no request follows that it could take for another, whatever the others find
there. But where the gateway waits for more, nobody may have found more; and nobody may wait for the rest of a request
that the gateway accepted.
"""

from dataclasses import dataclass, field
from enum import Enum


class End(Enum):
    """Why there is no further request."""

    REFUSED = "it refused what came next"
    CLOSED = "it ended the connection with an answer"
    WAITS = "it waited for more"


@dataclass(frozen=True)
class Read:
    """A request as a reader understood it, to the end of its body."""

    method: str
    target: str
    body: bytes


@dataclass
class Reading:
    """All that a reader found on one connection."""

    requests: list[Read] = field(default_factory=list)
    end: End = End.WAITS


class Verdict(Enum):
    """How a reader compares with the gateway on one message."""

    SAME = "read the same"
    STRICTER = "refused or ended sooner"
    BEYOND = "read on behind what the gateway refused or ended with"
    DIFFERENT = "read differently"


def compare(ours, theirs):
    """Hold a reading against the gateway's."""
    both = min(len(ours.requests), len(theirs.requests))
    if ours.requests[:both] != theirs.requests[:both]:
        return Verdict.DIFFERENT
    if len(theirs.requests) < len(ours.requests):
        return Verdict.DIFFERENT if theirs.end is End.WAITS else Verdict.STRICTER
    if len(theirs.requests) > len(ours.requests):
        return Verdict.DIFFERENT if ours.end is End.WAITS else Verdict.BEYOND
    return Verdict.SAME
