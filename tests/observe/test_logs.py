"""Logging: one line an event, from structlog and from libraries, without secrets or locals."""

import base64
import logging
import urllib.parse
import warnings
from datetime import datetime

import aiohttp
import pytest
import structlog
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from gateway.observe.events import Event
from gateway.observe.logs import describe_exception
from gateway.ocpi.errors import PartnerError
from gateway.ocpi.tokens import make_token

CANARY = make_token(b"canary canary canary canary 1234")
FOREIGN = "d5f9c1a7-partner-0042"

HOSTILE = [
    "line\nbreak",
    "carriage\r\nreturn",
    '{"event":"forged"}\n{"event":"forged"}',
    "\x1b[31mred\x1b[0m",
    "nul\x00",
    "\u2028\u2029\x85",
    "\ud800",
    "a" * 100_000,
    "\N{SNOWMAN}",
]


def test_an_event_is_one_json_object_with_utc_timestamp_level_and_name(logged):
    lines = logged()
    structlog.get_logger().info(Event.LISTENING, listener="public", port=8080)
    event = lines.only()
    assert (event["event"], event["level"]) == ("listening", "info")
    assert (event["listener"], event["port"]) == ("public", 8080)
    assert datetime.fromisoformat(event["timestamp"]).utcoffset().total_seconds() == 0


def test_context_variables_are_part_of_every_event(logged):
    lines = logged()
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger().info(Event.READY)
    assert lines.only()["request_id"] == "r1"


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_events_below_the_level_are_left_out(logged, level):
    lines = logged(level=level)
    for name in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger(), name)(Event.READY)
    order = ["debug", "info", "warning", "error"]
    assert [event["level"] for event in lines.events()] == order[order.index(level) :]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.threat("H6")
def test_an_event_is_one_line_whatever_it_holds(logged, form, text):
    lines = logged(form=form)
    structlog.get_logger().info(text, field=text, nested={text: [text]}, raw=text.encode("utf-8", "surrogatepass"))
    logging.getLogger("library").warning(text)
    assert lines.getvalue().count("\n") == 2
    assert len(lines.getvalue().splitlines()) == 2
    assert "\x1b[31m" not in lines.getvalue()


def test_an_object_that_is_no_plain_value_is_shown_by_its_type_only(logged):
    class Secretive:
        def __repr__(self):
            return CANARY

    lines = logged()
    structlog.get_logger().info(Event.READY, thing=Secretive(), inside=[Secretive()], loop=[[[[[[[1]]]]]]])
    event = lines.only()
    assert event["thing"] == "<Secretive>"
    assert event["inside"] == ["<Secretive>"]


def test_what_libraries_log_goes_the_same_way(logged):
    lines = logged()
    logging.getLogger("aiohttp.server").warning("it broke: %s", "here")
    event = lines.only()
    assert (event["event"], event["level"], event["logger"]) == ("library", "warning", "aiohttp.server")
    assert event["message"] == "it broke: here"


def test_chatter_of_libraries_is_left_out(logged):
    lines = logged(level="debug")
    for name in ("asyncio", "sqlalchemy.engine", "alembic.runtime.migration"):
        logging.getLogger(name).info("chatter")
    assert lines.events() == []


def test_a_warning_of_python_is_logged(logged):
    lines = logged()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("odd", UserWarning, stacklevel=1)
    assert "odd" in lines.only()["message"]


def raise_with_a_secret_local():
    inbound_token = CANARY
    assert inbound_token
    raise ValueError("first\nsecond")


@pytest.mark.threat("T7")
def test_an_exception_is_one_line_with_places_and_causes_and_without_locals(logged):
    lines = logged()
    try:
        try:
            raise_with_a_secret_local()
        except ValueError as error:
            raise PartnerError("it failed", remedy="Try again") from error
    except PartnerError:
        structlog.get_logger().exception(Event.REQUEST_CRASHED)
        logging.getLogger("library").exception("failed")
    ours, theirs = lines.events()
    for event in (ours, theirs):
        assert "PartnerError: it failed. Try again" in event["exception"]
        assert "ValueError: first\nsecond" in event["exception"]
        assert "test_logs.py" in event["exception"]
        assert "raise_with_a_secret_local" in event["exception"]
    assert CANARY not in lines.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_exception_given_as_an_object_is_described(logged, form):
    lines = logged(form=form)
    structlog.get_logger().error(Event.REQUEST_CRASHED, exc_info=ValueError("odd"))
    assert "ValueError: odd" in lines.getvalue()


def test_the_authorization_header_inside_an_exception_of_aiohttp_is_not_shown(logged):
    lines = logged()
    headers = CIMultiDictProxy(CIMultiDict({"Authorization": f"Token {FOREIGN}"}))
    info = aiohttp.RequestInfo(URL("https://partner.example/"), "GET", headers, URL("https://partner.example/"))
    error = aiohttp.ClientResponseError(info, (), status=500, message="bad")
    structlog.get_logger().error(Event.REQUEST_CRASHED, exc_info=error, error=error, errors=[error], text=f"{error}")
    logging.getLogger("library").error("failed", exc_info=error)
    assert FOREIGN in repr(error)
    assert FOREIGN not in lines.getvalue()


SPELLINGS = {
    "as it is": CANARY,
    "in a sentence": f"the token {CANARY} was refused",
    "in a URL": f"https://x.example/?token={CANARY}&a=b",
    "in JSON": f'{{"token":"{CANARY}"}}',
    "as Base64": base64.b64encode(CANARY.encode()).decode(),
    "as Base64 without padding": base64.b64encode(CANARY.encode()).decode().rstrip("="),
    "as Base64 with a line feed": base64.b64encode(f"{CANARY}\n".encode()).decode(),
    "as Base64 of basic credentials": base64.b64encode(f"user:{CANARY}".encode()).decode(),
    "as Base64 of JSON": base64.b64encode(f'{{"token":"{CANARY}"}}'.encode()).decode(),
    "URL-encoded Base64": urllib.parse.quote(base64.b64encode(CANARY.encode()).decode(), safe=""),
    "in a header": f"Authorization: Token {base64.b64encode(CANARY.encode()).decode()}",
    "as bytes": CANARY.encode(),
    "cut": CANARY[:-5],
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("form", ["json", "console"])
def test_a_token_of_ours_never_appears(logged, form, spelling):
    lines = logged(form=form)
    log = structlog.get_logger()
    log.info(spelling if isinstance(spelling, str) else Event.READY, field=spelling, inside={"a": [spelling]})
    log.info(Event.READY, **{"odd key": {str(spelling): 1}})
    logging.getLogger("library").warning("%s", spelling)
    log.error(Event.REQUEST_CRASHED, exc_info=ValueError(spelling))
    shown = lines.getvalue()
    assert CANARY[:20] not in shown
    for offset in range(3):
        encoded = base64.b64encode(b"x" * offset + CANARY.encode()).decode()
        assert encoded[4:28] not in shown
    assert "[redacted]" in shown


@pytest.mark.parametrize(
    "key",
    [
        *("token", "inbound_token", "outbound_token", "invitation_token", "egress_token", "token_a", "tokens"),
        *("Authorization", "authorization", "backend_authorization", "secret", "password", "cookie", "set_cookie"),
        *("encryption_key", "credentials"),
    ],
)
@pytest.mark.threat("S4")
def test_the_value_of_a_key_named_like_a_secret_never_appears(logged, key):
    lines = logged()
    structlog.get_logger().info(Event.READY, **{key: FOREIGN}, inside={key: [FOREIGN, {"a": FOREIGN}]})
    assert FOREIGN not in lines.getvalue()


@pytest.mark.parametrize("header", [f"Token {FOREIGN}", f"token {FOREIGN}", f"Bearer {FOREIGN}", f"Basic {FOREIGN}"])
def test_an_authorization_header_of_a_stranger_never_appears(logged, header):
    lines = logged()
    structlog.get_logger().info(Event.READY, text=f"sent {header}, and more")
    assert FOREIGN not in lines.getvalue()
    assert "and more" in lines.getvalue()


@pytest.mark.parametrize(
    "fields",
    [
        {"token_form": "base64", "token_state": "pending", "fingerprint": "1a2b3c4d"},
        {"reason": "their platform refused the token in every form (HTTP 401)"},
        {"module": "tokens", "path": "/ocpi/2.2.1/sender/tokens/NL/EXA/012345678"},
        {"tokens": 3, "token": None},
    ],
)
def test_ordinary_words_about_tokens_are_left_alone(logged, fields):
    lines = logged()
    structlog.get_logger().info(Event.READY, **fields)
    assert lines.only().items() >= fields.items()


def test_a_chain_of_causes_without_end_is_cut():
    first, second = ValueError("one"), ValueError("two")
    first.__cause__, second.__cause__ = second, first
    assert len(describe_exception(first).split(" <- ")) == 5


def test_console_form_is_for_people(logged):
    lines = logged(form="console")
    structlog.get_logger().info(Event.LISTENING, listener="public")
    assert "listening" in lines.getvalue()
    assert "listener=public" in lines.getvalue()


def test_auto_is_json_where_there_is_no_terminal(logged):
    lines = logged(form="auto")
    structlog.get_logger().info(Event.READY)
    assert lines.only()["event"] == "ready"


def test_every_event_says_when_it_happens():
    assert all(event.description.endswith(".") for event in Event)
    assert all(event.value.replace("_", "").islower() for event in Event)
