"""Where secrets come in, and where something comes out: the few places of the program, tapped for the watch.

What is tapped are methods of classes, so it does not matter who imported them before. A tap only listens.
"""

import asyncio.subprocess
import functools
import subprocess
import tempfile
from urllib.parse import unquote

import aiohttp
import pytest
import structlog
from _pytest.capture import CaptureFixture
from pydantic import SecretStr
from sqlalchemy import Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from gateway.net.request import Request
from gateway.observe.logs import describe_exception
from gateway.observe.metrics import Metrics
from gateway.ocpi.authorization import candidates
from gateway.ocpi.credentials import Credentials
from gateway.ocpi.envelope import Answer
from gateway.ocpi.errors import GatewayError
from gateway.ocpi.flow import Fetch
from gateway.store.vault import Keyring, Vault
from tests.postgres import Server

_FAILED, _OCPI_FAILED = 400, 2000
#: The file of a table or an index of ours in PostgreSQL; those of its own have lower numbers.
_TABLE = r"\d{5,}.*"
_STREAMS = ("standard output", "standard error")


def install(watch):
    """Tap everything for a watch, once in a process."""
    _tap_secrets(watch)
    _tap_errors(watch)
    _tap_answers(watch)
    _tap_outputs(watch)


def _tap_secrets(watch):
    def presented(headers):
        value = (headers or {}).get("Authorization") or (headers or {}).get("authorization")
        if value is None:
            return
        watch.secret("the presented token", value.rpartition(" ")[2])
        for _, token in candidates(value, bearer=True):
            watch.secret("the presented token", token)

    _before(Vault, "digest", lambda _, token: watch.secret("the inbound token", token))
    _before(Vault, "__init__", lambda *_, **keys: [watch.secret("a data key", key) for key in keys.values()])
    _before(Keyring, "_take", lambda _, keys: [watch.secret("the operator's key", key) for key in keys])
    _before(Keyring, "seal", lambda _, plain, *, binding, **__: watch.secret(_sealed(binding), plain))
    _after(Keyring, "unseal", lambda plain, *_, binding: watch.secret(_sealed(binding), plain))
    _before(SecretStr, "__init__", lambda _, value: watch.secret("the configured secret", _configured(value)))
    _when_made(Credentials, lambda made: watch.secret("the partner's token", made.token))
    for kind in (Fetch, Request, aiohttp.ClientRequest):
        _when_made(kind, lambda made: presented(made.headers))


def _sealed(binding):
    return f"the {binding.partition('/')[0].replace('_', ' ')}"


def _configured(value):
    """The secret part: of an Authorization header its last word, of the URL of a database its password."""
    if "://" not in value:
        return value.rpartition(" ")[2]
    try:
        return unquote(make_url(value).password or "")
    except (ArgumentError, ValueError):
        return value


def _tap_errors(watch):
    def note(error):
        texts = [value for value in vars(error).values() if isinstance(value, str)]
        watch.note(f"an error ({type(error).__name__})", "\n".join([*texts, str(error)]))

    for kind in _tree_of(GatewayError):
        if "__init__" in vars(kind):
            _when_made(kind, note)


def _tree_of(kind):
    yield kind
    for each in kind.__subclasses__():
        yield from _tree_of(each)


def _tap_answers(watch):
    def made(body, answer, *_):
        if answer.http_status >= _FAILED or answer.status_code >= _OCPI_FAILED:
            watch.note(f"an answer with {answer.http_status} and {int(answer.status_code)}", body)

    def begun(_, http_status, headers, *__, **___):
        watch.note(f"the head of an answer with {http_status}", headers)

    def answered(_, response):
        if response.http_status >= _FAILED:
            watch.note(f"an answer with {response.http_status}", response.body)

    _after(Answer, "body", made)
    _before(Request, "begin", begun)
    _before(Request, "answer", begun)
    _before(Request, "respond", answered)


def _tap_outputs(watch):
    def logged(_, _method, text, fields):
        exceptions = [describe_exception(value) for value in fields.values() if isinstance(value, BaseException)]
        watch.note("a log event", "\n".join([str(text), repr(fields), *exceptions]))

    def executed(_connection, _cursor, statement, parameters, *_):
        if not statement.startswith("SELECT"):
            watch.note("a statement to the database", f"{statement} {parameters!r}")

    def read(result, *_):
        for name, text in zip(_STREAMS, result, strict=True):
            watch.note(name, text)

    def ran(result, process, *_, **__):
        words = [str(each) for each in _words_of(process)]
        if "gateway" in words or any(each.endswith("ocpi-gateway") for each in words):
            for name, text in zip(_STREAMS, result, strict=True):
                watch.note(f"{name} of a process: {' '.join(words[1:])}", text)

    _before(structlog.BoundLoggerBase, "_process_event", logged)
    event.listen(Engine, "before_cursor_execute", executed)
    for name in ("render", "render_with", "counts"):
        _after(Metrics, name, lambda text, *_: watch.note("the metrics", text))
    _after(CaptureFixture, "readouterr", read)
    _after(subprocess.Popen, "communicate", ran)
    _after_waiting(asyncio.subprocess.Process, "communicate", ran)
    _after(pytest.TempPathFactory, "mktemp", lambda folder, *_, **__: watch.folder(folder))
    _before(Server, "drop", lambda server, database: watch.look_into(server.files_of(database), only=_TABLE))
    _before(Server, "stop", lambda server: watch.look_into(server.folder, only="log"))
    _before(tempfile.TemporaryDirectory, "cleanup", lambda folder: watch.look_into(folder.name))


def _words_of(process):
    asynchronous = isinstance(process, asyncio.subprocess.Process)
    words = process._transport.get_extra_info("subprocess").args if asynchronous else process.args
    return [words] if isinstance(words, str | bytes) else words


def _before(owner, name, listen):
    """Call `listen` with the arguments before each call of a method."""
    plain = getattr(owner, name)

    @functools.wraps(plain)
    def tapped(*args, **more):
        listen(*args, **more)
        return plain(*args, **more)

    setattr(owner, name, tapped)


def _after(owner, name, listen):
    """Call `listen` with the result and the arguments after each call of a method."""
    plain = getattr(owner, name)

    @functools.wraps(plain)
    def tapped(*args, **more):
        result = plain(*args, **more)
        listen(result, *args, **more)
        return result

    setattr(owner, name, tapped)


def _when_made(kind, listen):
    """Call `listen` with each new object of a class."""
    _after(kind, "__init__", lambda _, made, *__, **___: listen(made))


def _after_waiting(owner, name, listen):
    """The same for a method that is awaited."""
    plain = getattr(owner, name)

    @functools.wraps(plain)
    async def tapped(*args, **more):
        result = await plain(*args, **more)
        listen(result, *args, **more)
        return result

    setattr(owner, name, tapped)
