"""What a hostile answer is: bytes, how it ends, and what whoever asked may get of it."""

from dataclasses import dataclass, field
from enum import Enum, auto


class End(Enum):
    """What the other side does when it has said everything."""

    STAYS = auto()  # until the gateway drops the connection
    GOES_ON = auto()  # as if nothing had been
    CLOSES = auto()
    RESETS = auto()
    DRIPS = auto()  # says `again` again and again, slowly
    REPEATS = auto()  # the same, as fast as it is taken


class Fate(Enum):
    """What whoever asked gets."""

    FAILED = auto()  # a 502 envelope
    SLOW = auto()  # a 504 envelope
    CUT = auto()  # the beginning, and then the end of the connection
    ENDLESS = auto()  # all that it takes, until it goes
    PASSED = auto()  # the answer


@dataclass(frozen=True)
class Said:
    """A hostile answer.

    Attributes:
        says: bytes, then how it ends.
        fate: of whoever asked, by direction if it isn't the same.
        body: that is passed on.
        never: what must not be found in what is passed on.
    """

    row: str
    name: str
    says: bytes = field(repr=False)
    end: End = End.STAYS
    fate: Fate = Fate.FAILED
    egress_fate: Fate | None = None
    http_status: int = 200
    body: bytes | None = b"{}"
    never: tuple[bytes, ...] = ()
    again: bytes = field(default=b"a", repr=False)

    @property
    def id(self):
        return f"{self.row}-{self.name.replace(' ', '-')}"

    def fate_in(self, direction):
        return self.egress_fate if self.egress_fate is not None and direction == "egress" else self.fate
