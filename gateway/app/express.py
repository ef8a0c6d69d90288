"""The express lane: requests that go as others went before them, which most do.

A request takes it where one with a head of the same form (`gateway.net.forms`) was let through before, for the same
module and the same partner. What was decided then (`gateway.proxy.way`) depends on nothing else but that partner as he
is in memory, which is compared, and the configuration. Whatever is unusual takes the long way: at once where nothing
was sent yet, and else with all that was noted until then. So there is one place that handles pauses, long answers,
broken ones and missing ones (`gateway.proxy.relay`), and one that finds whose fault it was (`gateway.app.surface`).
"""

from collections.abc import Callable
from time import monotonic
from typing import Final
from uuid import uuid4

from gateway.app.surface import Surface
from gateway.app.turnstile import Turnstile
from gateway.net.connection import Connection
from gateway.net.http1 import AnswerHead, RequestHead
from gateway.net.outbound import Outbound
from gateway.net.request import Request
from gateway.observe.call import Call
from gateway.ocpi.paths import FunctionalPath
from gateway.proxy.relay import Relay
from gateway.proxy.way import Path, Seats, Way, Ways

#: Reads what a target names, if that may be forwarded, and what it is about.
Read = Callable[[str], tuple[Path | None, tuple[str, ...]]]

#: The largest body on the lane, in bytes: a transport takes so much at once, and so nobody has to wait.
_MOST_BODY: Final = 49152
_CLOSES: Final = "Connection: close\r\n"


class Answered:
    """A request of which nothing is left to do."""

    complete = over = True
    broken = False

    def feed(self, data: bytes) -> bytes:
        """What comes now is of the next."""
        return data

    def lost(self) -> None:
        """Changes nothing."""

    blocked = unblocked = lost


ANSWERED: Final = Answered()


class Express:
    """Sends requests on; those that it does not take have to be handled.

    Attributes:
        surface: of the same listener.
    """

    def __init__(self, read: Read, ways: Ways, surface: Surface, turnstile: Turnstile | None = None) -> None:
        self._turnstile = turnstile
        self._read = read
        self._ways = ways
        self.surface = surface
        self._calls = surface.calls
        self._in_flight = surface.calls.in_flight

    def __call__(self, client: Connection, head: RequestHead, body: bytes) -> "Passage | Answered | None":
        """Send a request on, of which everything is here; None where nothing was done."""
        form = head.form
        if not form.plain:
            return None
        path, about = self._read(head.target)
        way = self._ways.get((form, head.authorization, about))
        if way is None:
            turnstile = self._turnstile
            if turnstile is None or not isinstance(path, FunctionalPath) or not form.lives or client.server.closing:
                return None
            return ANSWERED if turnstile.refuses(client, head, path, len(body)) else None
        if path is None or way.among.get(way.name) is not way.admitted:
            return None
        seats, exchange, rest = way.seats, way.exchange, path.rest
        if (
            seats is None
            or seats.taken >= seats.most
            or not way.is_plain
            or not form.lives
            or way.breaker.failures
            or client.server.closing
            or len(body) > _MOST_BODY
            or len(body) > exchange.bounds.body_bytes
            or rest.startswith("/~")
        ):
            return None
        outbound = exchange.pool.idle(way.place.destination)
        if outbound is None:
            return None
        seats.taken += 1
        self._in_flight[way.direction] += 1
        passage = Passage(self, client, outbound, head, path, way, seats, len(body))
        length = f"Content-Length: {len(body)}\r\n" if "content-length" in form.headers else ""
        raw = (
            f"{head.method} {way.start if rest else way.place.target}{rest}{path.query}{way.middle}{passage.request_id}"
            f"\r\nX-Correlation-ID: {passage.correlation_id}\r\n{length}\r\n"
        ).encode("latin-1")
        outbound.send(passage, head.method, raw + body if body else raw)
        outbound.alarm.set(exchange.bounds.other_seconds)
        passage.sent = monotonic()
        return passage

    def arrived(self, passage: "Passage", http_status: int, bytes_out: int, answered: float) -> None:
        """Count and log a request that was answered."""
        way, head, bytes_in = passage.way, passage.head, passage.bytes_in
        passage.seats.taken -= 1
        source = passage.source
        kind = way.kinds.get(source)
        if kind is None:
            kind = self._calls.kind_of(passage.call())
            way.kinds.keep(source, kind)
        lasted, waited = monotonic() - passage.started, answered - passage.sent
        if not self._calls.answered(
            kind,
            lasted,
            head.target,
            http_status,
            passage.request_id,
            passage.correlation_id,
            lasted - waited,
            waited,
            bytes_in,
            bytes_out,
            str(bytes_in) if "content-length" in head.form.headers else None,
        ):
            call = passage.call()
            call.http_status, call.bytes_out = http_status, bytes_out
            call.upstream_seconds, call.total_seconds = waited, lasted
            self._calls.log(call)

    def long_way(self, passage: "Passage") -> Relay:
        """Go on as if the request had never been on the lane."""
        way, client = passage.way, passage.client
        request = Request(client, passage.head)
        request.complete = True
        call = passage.call()
        self.surface.resume(request, call)
        request.at_end(passage.leave)

        make = way.answering(call, passage.path)

        def answer_head(answer: AnswerHead) -> str:
            if answer.form.seen:  # many forms come only once, with an ETag for instance
                way.learn(answer)
            headers = make(answer)
            following = None if way.after is None else way.after(answer.http_status)
            if following is not None:
                request.task = client.server.spawn(following)
            return headers

        client.hand_to(request)
        return way.exchange.take_over(
            request,
            call,
            passage.outbound,
            answer_head=answer_head,
            done=request.refuse,
            since=passage.sent,
        )


class Passage:
    """One request on the lane: takes what its client's connection and the other side's tell."""

    __slots__ = (
        "_answered",
        "_lane",
        "bytes_in",
        "client",
        "correlation_id",
        "head",
        "outbound",
        "path",
        "request_id",
        "seats",
        "sent",
        "started",
        "way",
    )

    complete = True
    broken = over = False

    def __init__(  # noqa: PLR0917 - names cost, and this is on the path of every request
        self,
        lane: Express,
        client: Connection,
        outbound: Outbound,
        head: RequestHead,
        path: Path,
        way: Way,
        seats: Seats,
        bytes_in: int,
    ) -> None:
        self.started = self.sent = monotonic()
        self._lane = lane
        self._answered = False
        self.client = client
        self.outbound = outbound
        self.head = head
        self.path = path
        self.way = way
        self.seats = seats
        self.bytes_in = bytes_in
        self.request_id = head.request_id or str(uuid4())
        self.correlation_id = head.correlation_id or str(uuid4())

    # --- of the answer

    def answer_whole(self, head: AnswerHead, body: bytes) -> None:
        """Pass it on, if it is of a form that was passed on before."""
        usual = self.way.usual.get(head.form)
        if usual is None:
            self._lane.long_way(self).answer_whole(head, body)
            return
        answered, client = monotonic(), self.client
        start, is_dated = usual
        server, size = client.server, len(body)
        lives = not server.closing
        raw = (
            f"{start}{self.request_id}\r\nX-Correlation-ID: {self.correlation_id}\r\n"
            f"{'' if is_dated else server.date()}Content-Length: {size}\r\n{'' if lives else _CLOSES}\r\n"
        ).encode("latin-1")
        self._answered = True
        self.outbound.release()
        client.write(raw + body)
        self._lane.arrived(self, head.http_status, size, answered)
        after = self.way.after
        following = None if after is None else after(head.http_status)
        if following is None:
            client.request_ended(lives=lives)
        else:  # comes before the next request of the same client, as on the long way
            server.spawn(following).add_done_callback(lambda _ended: client.request_ended(lives=lives))

    def answer_head(self, head: AnswerHead) -> None:
        """More of it will come."""
        self._lane.long_way(self).answer_head(head)

    def answer_data(self, piece: bytes) -> None:
        """Comes behind a head, and so when another takes the answer."""
        self._lane.long_way(self).answer_data(piece)

    def answer_ended(self) -> None:
        """The same."""
        self._lane.long_way(self).answer_ended()

    def answer_failed(self, error: Exception) -> None:
        """It will never come."""
        self._lane.long_way(self).answer_failed(error)

    def answer_due(self) -> None:
        """It has not come in time."""
        self._lane.long_way(self).answer_due()

    # --- of the request

    def upload_blocked(self) -> None:
        """The other side takes no more of it for now."""
        self._lane.long_way(self).upload_blocked()

    def upload_unblocked(self) -> None:
        """It does again."""
        self._lane.long_way(self).upload_unblocked()

    def feed(self, data: bytes) -> bytes:
        """All of it is here: what comes now is of the next."""
        return data

    def blocked(self) -> None:
        """The client takes no more for now."""
        if not self._answered:
            self._lane.long_way(self).request.blocked()

    def unblocked(self) -> None:
        """It does again."""
        if not self._answered:
            self._lane.long_way(self).request.unblocked()

    def lost(self) -> None:
        """The client's connection is closed."""
        if not self._answered:
            self._lane.long_way(self).request.lost()

    # --- for the record

    @property
    def source(self) -> str:
        """Where it comes from."""
        return self._lane.surface.source_of(self.client.source, self.head.form.headers)

    def leave(self, _request: Request) -> None:
        """Give the seat back."""
        self.seats.taken -= 1

    def call(self) -> Call:
        """The record of it, as far as it goes."""
        head, path, way = self.head, self.path, self.way
        path_alone = head.target.partition("?")[0]
        call = Call(way.direction, head.method, path_alone, self.request_id, self.correlation_id, self.started)
        call.source, call.partner, call.bytes_in = self.source, way.partner.name, self.bytes_in
        call.version, call.interface_role, call.module = way.version, path.role, path.module
        call.headers = head.headers
        return call
