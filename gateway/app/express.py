"""The express lane of the public listener: requests that go as others went before them, which most do.

A request takes it where one with a head of the same form (`gateway.net.forms`) was let in as the same partner, and
forwarded for the same module. What `PublicFront` and `Ingress` decided then depends on nothing else but the partner as
he is in memory, which is compared, and on the configuration. Whatever is unusual takes the long way: at once where
nothing was sent yet, and with all that was noted until then where it was. So there is one place that handles pauses,
long answers, broken ones and missing ones (`gateway.proxy.relay`), and one that tells of them.
"""

from time import monotonic
from typing import Final
from uuid import uuid4

from gateway.app.limits import Permissions, TrafficLimits
from gateway.app.public import PublicFront
from gateway.app.surface import Surface
from gateway.net.connection import Connection
from gateway.net.http1 import AnswerHead, RequestHead, write_head
from gateway.net.outbound import Outbound
from gateway.net.request import Request
from gateway.observe.access import CallLog
from gateway.observe.call import Call, Direction
from gateway.observe.lines import RequestLines, Told
from gateway.ocpi.paths import FunctionalPath, read_functional_path
from gateway.proxy.answers import UsualHead
from gateway.proxy.ingress import Ingress, Way, key_of
from gateway.proxy.relay import Relay
from gateway.store.directory import Directory, Holder


#: How many places that requests of one way come from are remembered.
_MOST_SOURCES: Final = 64


class Express:
    """Sends requests on; those that it does not take have to be handled by the front."""

    def __init__(
        self,
        *,
        surface: Surface,
        front: PublicFront,
        ingress: Ingress,
        directory: Directory,
        limits: TrafficLimits,
        permissions: Permissions,
        calls: CallLog,
    ) -> None:
        self._surface = surface
        self._front = front
        self._ingress = ingress
        self._directory = directory
        self._limits = limits
        self._permissions = permissions
        self._exchange = ingress.exchange
        self._destination, self._host, _ = ingress.backend
        self._breaker = self._exchange.breakers.of(self._destination.partner)
        self.calls = calls

    def __call__(self, client: Connection, head: RequestHead, body: bytes) -> "Passage | None":
        """Send a request on, of which everything is here; None where nothing was done."""
        form = head.form
        path = read_functional_path(head.target) if form.plain and form.lives else None
        if path is None:
            return None
        way: Way | None = form.known(key_of(path))
        holder: Holder | None = form.known(self._front)
        if (
            way is None
            or holder is None
            or way.partner is not holder.record.partner
            or not way.is_plain
            or self._directory.holder(holder.token.digest) is not holder
            or self._breaker.failures
            or client.server.closing
            or len(body) > self._exchange.bounds.body_bytes
            or path.rest.startswith("/~")
        ):
            return None
        return self._send(client, head, body, path, way)

    def _send(
        self, client: Connection, head: RequestHead, body: bytes, path: FunctionalPath, way: Way
    ) -> "Passage | None":
        form, method = head.form, head.method
        source = self._surface.source_of(client.source, form.headers)
        if not self._permissions.allows(way.partner, source=source, certificate=client.certificate):
            return None
        outbound = self._exchange.pool.idle(self._destination)
        if outbound is None:
            return None
        if not self._limits.forward_at_once(way.partner.name):
            outbound.release()
            return None
        self.calls.start_usual(Direction.INGRESS)
        passage = Passage(self, client, outbound, head, path, way, source, len(body))
        length = f"Content-Length: {len(body)}\r\n" if "content-length" in form.headers else ""
        sent = (
            f"{method} {way.path}{path.rest}{path.query} HTTP/1.1\r\nHost: {self._host}\r\n{way.headers}"
            f"X-Request-ID: {passage.request_id}\r\nX-Correlation-ID: {passage.correlation_id}\r\n{length}\r\n"
        )
        outbound.send(passage, method, sent.encode("latin-1") + body)
        outbound.alarm.set(self._exchange.bounds.other_seconds)
        passage.sent = monotonic()
        return passage

    def arrived(self, passage: "Passage", http_status: int, bytes_out: int, *, waited: float) -> None:
        """Count and log a request that was answered."""
        self._limits.forwarded(passage.way.partner.name)
        lasted = monotonic() - passage.started
        self.calls.finish_usual(passage, http_status, bytes_out, waited=waited, lasted=lasted)

    def long_way(self, passage: "Passage") -> Relay:
        """Go on as if the request had never been on the lane."""
        request = Request(passage.client, passage.head)
        request.complete = True
        call = passage.call()
        self._surface.resume(request, call)
        self._front.resume(request)
        passage.client.hand_to(request)
        since, way, path = passage.sent, passage.way, passage.path
        return self._ingress.take_over(request, call, way, path, passage.outbound, since=since)


class Passage:
    """One request on the lane: what its client's connection and the backend's tell."""

    __slots__ = (
        "bytes_in",
        "client",
        "content_length",
        "correlation_id",
        "head",
        "kind",
        "logged_path",
        "outbound",
        "path",
        "request_id",
        "sent",
        "source",
        "started",
        "way",
        "_lane",
    )

    complete = True
    broken = False

    def __init__(
        self,
        lane: Express,
        client: Connection,
        outbound: Outbound,
        head: RequestHead,
        path: FunctionalPath,
        way: Way,
        source: str,
        bytes_in: int,
    ) -> None:
        self.started = self.sent = monotonic()
        self._lane = lane
        self.client = client
        self.outbound = outbound
        self.head = head
        self.path = path
        self.way = way
        self.source = source
        self.bytes_in = bytes_in
        self.request_id = head.request_id or str(uuid4())
        self.correlation_id = head.correlation_id or str(uuid4())
        self.kind: tuple[str, str, str, str] = (Direction.INGRESS, way.partner.name, path.module, head.method)
        self.logged_path = head.target.partition("?")[0]
        self.content_length = str(bytes_in) if "content-length" in head.form.headers else None

    # --- of the answer

    def answer_whole(self, head: AnswerHead, body: bytes) -> None:
        """Pass it on, if it is of a form that was passed on before."""
        usual: UsualHead | None = head.form.known(self.way.habits.secrets)
        if usual is None:
            self._lane.long_way(self).answer_whole(head, body)
            return
        answered, client = monotonic(), self.client
        closes = client.server.closing
        ending = "Connection: close\r\n" if closes else ""
        date = "" if usual.is_dated else client.server.date()
        raw = write_head(
            head.http_status,
            f"{usual.headers}X-Request-ID: {self.request_id}\r\nX-Correlation-ID: {self.correlation_id}\r\n"
            f"{date}Content-Length: {len(body)}\r\n{ending}",
        )
        self.outbound.release()
        client.write(raw + body)
        self._lane.arrived(self, head.http_status, len(body), waited=answered - self.sent)
        client.request_ended(lives=not closes)

    def answer_head(self, head: AnswerHead) -> None:
        """More of it will come."""
        self._lane.long_way(self).answer_head(head)

    def answer_failed(self, error: Exception) -> None:
        """It will never come."""
        self._lane.long_way(self).answer_failed(error)

    def answer_due(self) -> None:
        """It has not come in time."""
        self._lane.long_way(self).answer_due()

    def answer_data(self, piece: bytes) -> None:
        """Comes behind the head, and so when another takes the answer."""
        self._lane.long_way(self).answer_data(piece)

    def answer_ended(self) -> None:
        """The same."""
        self._lane.long_way(self).answer_ended()

    # --- of the request

    def upload_blocked(self) -> None:
        """The backend takes no more of it for now."""
        self._lane.long_way(self).upload_blocked()

    def upload_unblocked(self) -> None:
        """It does again."""
        self._lane.long_way(self).upload_unblocked()

    def feed(self, data: bytes) -> bytes:
        """All of it is here: what comes now is of the next."""
        return data

    def blocked(self) -> None:
        """The client takes no more for now."""
        self._lane.long_way(self).request.blocked()

    def unblocked(self) -> None:
        """It does again."""
        self._lane.long_way(self).request.unblocked()

    def lost(self) -> None:
        """The client's connection is closed."""
        self._lane.long_way(self).request.lost()

    # --- for the record

    def told(self, lines: RequestLines) -> Told | None:
        """What its line in the log has in common with others."""
        told = self.way.told.get(self.source)
        if told is None:
            told = lines.told(self.call())
            if told is not None:
                if len(self.way.told) >= _MOST_SOURCES:
                    self.way.told.clear()
                self.way.told[self.source] = told
        return told

    def call(self) -> Call:
        """The record of it, as far as it goes."""
        call = Call(
            Direction.INGRESS, self.head.method, self.logged_path, self.request_id, self.correlation_id, self.started
        )
        call.source, call.partner, call.bytes_in = self.source, self.way.partner.name, self.bytes_in
        call.version, call.interface_role, call.module, _, _ = self.path
        call.headers = self.head.headers
        return call
