"""Set-up of logging: structlog and Python's own log through one pipeline, one line an event on standard output.

`configure` is called once at start; everything else calls `structlog.get_logger()` and logs an `Event` with keyword
fields. Tokens and locals never get through (operations.md, Logs; hardening.md, T7 and H6).
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from gateway.observe.events import Event
from gateway.observe.lines import Output, RequestLines
from gateway.observe.redaction import redact, redact_text

_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MAX_FRAMES: Final = 12
#: What writes the lines of requests, where it may: as long as the pipeline still ends as it was put together.
_fast: Final[list[tuple[RequestLines, list[Processor]]]] = []
_MAX_CAUSES: Final = 5


def configure(*, level: str, form: str, stream: TextIO | None = None) -> None:
    """Send every log event of the process to a stream; may be called again to change level or form.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        form: `json`, `console`, or `auto`: console on a terminal, JSON elsewhere.
        stream: standard output unless given.
    """
    target = Output(sys.stdout if stream is None else stream)
    console = form == "console" or (form == "auto" and target.isatty())
    pipeline: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        _compact_exception,
        _redact,
    ]
    render: list[Processor] = [_printable, _console(target)] if console else [_json]
    processors = pipeline + render
    _fast[:] = [] if console or _LEVELS[level] > logging.INFO else [(RequestLines(target), processors)]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(target),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_as_library_event, *pipeline],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(level=max(_LEVELS[level], logging.INFO), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for chatty in ("alembic", "sqlalchemy", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def request_lines() -> RequestLines | None:
    """What writes the lines of requests, on the level of information; None where they are logged as any other event."""
    if not _fast:
        return None
    lines, processors = _fast[0]
    return lines if processors[-1] is _json else None


def describe_exception(error: BaseException) -> str:
    """Write an exception on one line: type, text and places, innermost last, with its causes; never a local."""
    return redact_text(" <- ".join(_describe(link) for link in _chain(error)))


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if link is None:
            return
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _describe(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
    places = "; ".join(f"{'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno} {frame.name}" for frame in frames)
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"{text} ({places})" if places else text


def _compact_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    given: ExcInfo | BaseException | bool | None = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()[1]
    elif isinstance(given, tuple):
        given = given[1]
    if isinstance(given, BaseException):
        event["exception"] = describe_exception(given)
    return event


def _redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    record, structlogs = event.pop("_record", None), event.pop("_from_structlog", None)
    clean = redact(event)
    return clean if record is None else {**clean, "_record": record, "_from_structlog": structlogs}


def _as_library_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event["_record"]
    return {**event, "event": Event.LIBRARY, "message": event["event"], "logger": record.name}


def _json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return json.dumps({**first, **event}, separators=(",", ":"))


def _printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: _escape(value) for key, value in event.items()}


def _escape(value: Any) -> Any:
    if isinstance(value, str):
        return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], value)
    return value if isinstance(value, int | float | None) else _escape(json.dumps(value))


def _console(stream: Output) -> Callable[[WrappedLogger, str, EventDict], str]:
    return structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=24)
