"""The line that each request leaves in the log, written as fast as it can be: it is on the path of every request.

It is the line that structlog's pipeline would write for the same event, put together from parts that were escaped and
searched for secrets before. What is unusual about a request (a fault, a suspicious text, the console's form) goes
through the pipeline, which decides about it; tests hold the two against each other.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from time import gmtime, strftime
from typing import Final, NamedTuple, TextIO

from gateway.memory import Memory
from gateway.observe.call import LOGGED_HEADERS, Call, loggable
from gateway.observe.clock import epoch_now
from gateway.observe.events import Event
from gateway.observe.redaction import BLANKS, MARKS, redact, redact_text

_MICRO: Final = 1_000_000
#: Hundredths of milliseconds in a second.
_CENTI: Final = 100_000
#: How many parts are remembered; a stranger who makes up more of them only makes us forget.
_MOST_KNOWN: Final = 4096
_WORTH_KNOWING: Final = 256
_LONG: Final = 4000
_EVENT: Final = Event.REQUEST.value
#: Those that are the same for most requests of a sender.
_LOGGED: Final = tuple(name for name in LOGGED_HEADERS if name != "content-length")
#: As nearly all message ids are: nothing in them has to be escaped, or could be a secret.
_HEXADECIMAL: Final = re.compile(r"[0-9A-Fa-f-]{1,128}")
_ABOUT: Final = ("direction", "method", "source", "partner", "module", "version", "interface_role")


class Output:
    """The log's stream: lines of requests wait for the end of the event loop's turn; any other line takes them along.

    Under load many requests end in one turn, and cost one write.

    Attributes:
        is_waiting: lines were added in this turn.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: list[str] = []
        self.is_waiting = False

    def add(self, line: str) -> None:
        """Write a line at the end of this turn; at once where there is no event loop."""
        self._waiting.append(line)
        if not self.is_waiting:
            self.is_waiting = True
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:
                self.flush()

    def write(self, text: str) -> int:
        """Write behind what waits."""
        self._release()
        return self._stream.write(text)

    def flush(self) -> None:
        """Write everything."""
        self._release()
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def _release(self) -> None:
        if self._waiting:
            lines, self._waiting, self.is_waiting = self._waiting, [], False
            self._stream.write("".join(lines))


class Told(NamedTuple):
    """What lines of many requests say alike, as it stands in them: who asks for what, the headers, what comes of it."""

    about: str
    headers: str
    more: str


class RequestLines:
    """Writes the JSON lines of requests that are told on the level of information."""

    def __init__(self, output: Output, *, clock: Callable[[], float] = epoch_now) -> None:
        self._output = output
        self._stamp = ""
        self._clock = clock
        self._second = 0
        self._until_second = ""
        self._paths: Memory[str, str] = Memory(_MOST_KNOWN)
        self._parts: Memory[tuple[str | None, ...], str | None] = Memory(_MOST_KNOWN)

    def write(self, call: Call, bound: str = "") -> bool:
        """Write the line of a call, unless it has to go through the pipeline: then nothing was written.

        Args:
            bound: from `as_bound`.
        """
        told = self.told(call)
        return told is not None and self.write_line(
            told,
            bound,
            call.path,
            call.http_status,
            call.request_id,
            call.correlation_id,
            call.own_seconds,
            call.upstream_seconds,
            call.bytes_in,
            call.bytes_out,
            call.headers.get("content-length"),
        )

    def told(self, call: Call) -> Told | None:
        """What is told alike of many calls; None where the pipeline has to look at it."""
        about = self._known(
            (call.direction, call.method, call.source, call.partner, call.module, call.version, call.interface_role),
            _about,
        )
        get = call.headers.get
        headers = self._known(tuple([get(name) for name in _LOGGED]), _said)
        why = self._known((call.fault, call.reason), _why) if call.fault or call.reason else ""
        if about is None or headers is None or why is None:
            return None
        status_code = "" if call.status_code is None else f',"status_code":{call.status_code}'
        return Told(about, headers, status_code + why)

    def write_line(  # noqa: PLR0917 - names cost, and this is on the path of every request
        self,
        told: Told,
        bound: str,
        target: str,
        http_status: int,
        request_id: str,
        correlation_id: str,
        own_seconds: float,
        upstream_seconds: float | None,
        bytes_in: int,
        bytes_out: int,
        content_length: str | None,
    ) -> bool:
        """Write a line, unless the pipeline has to look at one of its texts: then nothing was written.

        Args:
            bound: from `as_bound`.
            target: of the request; its query is not shown.
        """
        if not _HEXADECIMAL.fullmatch(request_id + correlation_id):
            if not _is_harmless(f"{request_id}\n{correlation_id}"):
                return False
            request_id, correlation_id = quoted(request_id)[1:-1], quoted(correlation_id)[1:-1]
        shown = self._paths.get(target) or self._shown_path(target)
        if not shown:
            return False
        about, headers, more = told
        if content_length is not None:
            if not content_length.isdecimal():
                return False
            length = f'"content-length":"{content_length}"'
            headers = f"{length},{headers}" if headers else length
        if headers:
            more = f'{more},"headers":{{{headers}}}'
        if not self._output.is_waiting:
            self._stamp = self._now()
        upstream = "" if upstream_seconds is None else f'"upstream_ms":{_shown(int(upstream_seconds * _CENTI + 0.5))},'
        self._output.add(
            f'{self._stamp}{about}"path":{shown},"http_status":{http_status},"request_id":"{request_id}",'
            f'"correlation_id":"{correlation_id}","own_ms":{_shown(int(own_seconds * _CENTI + 0.5))},{upstream}'
            f'"bytes_in":{bytes_in},"bytes_out":{bytes_out}{more}{bound}}}\n'
        )
        return True

    def _now(self) -> str:
        """The beginning of a line; lines that are written in one turn of the event loop share it."""
        now = self._clock()
        second = int(now)
        if second != self._second:
            self._second, self._until_second = second, strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
        micro = int((now - second) * _MICRO)
        return f'{{"timestamp":"{self._until_second}.{micro:06d}Z","level":"info","event":"{_EVENT}",'

    def _shown_path(self, target: str) -> str:
        """A path without its query as it stands in a line; empty where the pipeline has to look at it."""
        path = target.partition("?")[0]
        shown = quoted(path) if _is_harmless(path) else ""
        if len(target) <= _WORTH_KNOWING:
            self._paths.keep(target, shown)
        return shown

    def _known(
        self, values: tuple[str | None, ...], make: Callable[[tuple[str | None, ...]], str | None]
    ) -> str | None:
        """A part of a line that says the same for many requests; None where the pipeline has to look at it."""
        try:
            return self._parts[values]
        except KeyError:
            part = make(values)
            if all(value is None or len(value) <= _WORTH_KNOWING for value in values):
                self._parts.keep(values, part)
            return part


@lru_cache(maxsize=16384)
def _shown(centi: int) -> str:
    """Hundredths as a decimal number; most requests take one of few times."""
    return f"{centi // 100}.{centi % 100:02d}"


def as_bound(context: Mapping[str, object]) -> str:
    """What a logger is bound to, as the end of a line."""
    return "".join(f",{json.dumps(name)}:{json.dumps(value)}" for name, value in redact(context).items())


def _about(values: tuple[str | None, ...]) -> str | None:
    said = {name: str(value) for name, value in zip(_ABOUT, values, strict=True) if value}
    if any(redact_text(value) != value for value in said.values()):
        return None
    return "".join(f'"{name}":{quoted(value)},' for name, value in said.items())


def _why(values: tuple[str | None, ...]) -> str | None:
    fault, reason = values
    if redact_text(reason or "") != (reason or ""):
        return None
    told = f',"fault":"{fault}"' if fault else ""
    return f'{told},"reason":{quoted(reason)}' if reason else told


def _said(values: tuple[str | None, ...]) -> str | None:
    said = loggable({name: value for name, value in zip(_LOGGED, values, strict=True) if value is not None})
    if any(redact_text(value) != value for value in said.values()):
        return None
    return ",".join(f"{quoted(name)}:{quoted(value)}" for name, value in said.items())


def _is_harmless(text: str) -> bool:
    """Whether none of the patterns of redaction can match: what they all need isn't there."""
    for mark in MARKS:
        if mark in text:
            return False
    for blank in BLANKS:
        if blank in text:
            return redact_text(text) == text
    return len(text) <= _LONG
