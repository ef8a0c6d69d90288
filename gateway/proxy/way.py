"""How most requests go: as one with the same headers, of the same partner, and for the same module did before."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Protocol

from gateway.memory import Memory
from gateway.net.http1 import AnswerHead, Form, RequestHead
from gateway.observe.access import Kind
from gateway.observe.call import Call, Direction
from gateway.ocpi.partner import Partner
from gateway.ocpi.vocabulary import InterfaceRole
from gateway.proxy.answers import UsualHead, usual_head
from gateway.proxy.exchange import Exchange, Place
from gateway.proxy.heads import Secrets
from gateway.proxy.sides import MakeHead

#: How many ways are remembered in each direction; they take some megabytes then.
MOST_WAYS: Final = 8192
#: How many places that requests of one way come from are remembered.
_MOST_SOURCES: Final = 64
#: How many forms of answers to requests of one way are.
_MOST_ANSWERS: Final = 16


class Path(Protocol):
    """What a target names; see `gateway.ocpi.paths`."""

    @property
    def role(self) -> InterfaceRole:
        """The side of the module that is asked."""

    @property
    def module(self) -> str:
        """In lower case."""

    @property
    def rest(self) -> str:
        """What follows the module: empty, or beginning with a slash."""

    @property
    def query(self) -> str:
        """Empty, or beginning with its question mark."""


#: Makes what makes the headers of an answer, for a request with such a path.
Answering = Callable[[Call, Path], MakeHead]
#: What there is to do after an answer with an HTTP status; None for nothing.
After = Callable[[int], Coroutine[Any, Any, None] | None]


class Seats:
    """How many requests of one partner may be under way, and how many are."""

    __slots__ = ("most", "taken")

    def __init__(self, most: float) -> None:
        self.most = most
        self.taken = 0


class Way:
    """What requests have in common that differ in nothing but message ids, body, and what follows the module.

    Attributes:
        direction, version: of each.
        partner: as he was in memory.
        admitted: who was let through; as long as he stands among others under a name, requests may go this way.
        seats: one of which each request takes.
        exchange: carries them.
        place: where a request for the module itself goes.
        headers: of the requests that go out, but for `Host`, the message ids and the framing: whole lines.
        secrets: finds what must not be in answers.
        is_plain: query and body go on as they are.
        usual: heads of answers, by the form in which they come.
        kinds: how the requests are counted and told of, by the address that they come from.
        start, middle: the head of a request that goes out, before and behind what follows the module.
    """

    __slots__ = (
        "admitted",
        "after",
        "among",
        "answering",
        "breaker",
        "direction",
        "exchange",
        "headers",
        "is_plain",
        "kinds",
        "middle",
        "name",
        "partner",
        "place",
        "seats",
        "secrets",
        "start",
        "usual",
        "version",
    )

    def __init__(
        self,
        direction: Direction,
        partner: Partner,
        version: str,
        *,
        exchange: Exchange,
        place: Place,
        headers: str,
        secrets: Secrets,
        is_plain: bool,
        answering: Answering,
        after: After | None = None,
    ) -> None:
        destination, host, target = place
        self.direction = direction
        self.partner = partner
        self.version = version
        self.exchange = exchange
        self.place = place
        self.headers = headers
        self.secrets = secrets
        self.is_plain = is_plain and "?" not in target
        self.answering = answering
        self.after = after
        self.breaker = exchange.breakers.of(destination.partner)
        self.start = target.rstrip("/")
        self.middle = f" HTTP/1.1\r\nHost: {host}\r\n{headers}X-Request-ID: "
        self.admitted: object = None
        self.among: Mapping[Any, object] = {}
        self.name: object = None
        self.seats: Seats | None = None
        self.kinds: Memory[str, Kind] = Memory(_MOST_SOURCES)
        self.usual: Memory[Form, UsualHead] = Memory(_MOST_ANSWERS)

    def admit(self, admitted: object, *, among: Mapping[Any, object], name: object) -> None:
        """Let others through as long as whoever was is still there, under a name among others."""
        self.admitted, self.among, self.name = admitted, among, name

    def learn(self, answer: AnswerHead) -> None:
        """Remember how answers of a form go back."""
        usual = usual_head(answer, self.secrets)
        if usual is not None:
            self.usual.keep(answer.form, usual)


#: Ways by what requests have in common: the form of their heads, who sends them, and what they are about.
Ways = Memory[tuple[Form, str | None, tuple[str, ...]], Way]


def way_key(head: RequestHead, about: tuple[str, ...]) -> tuple[Form, str | None, tuple[str, ...]]:
    """By what the way of a request is found."""
    return head.form, head.authorization, about
