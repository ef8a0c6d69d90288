"""What the platforms tell is read back as it was told."""

import pytest

from gateway.demo.report import Listening, Mark, Phase, Reporter, Sight, read_line
from gateway.ocpi.flow import Reply

SECRET = "emsp_0123456789abcdefghijklmnop"
CREDENTIALS = b'{"token": "%s", "url": "https://e.example", "roles": []}' % SECRET.encode()


@pytest.fixture
def told(capfd):
    """Gives what was told since, as it is read back."""
    return lambda: [read_line(line.encode()) for line in capfd.readouterr().out.splitlines()]


def test_a_port_and_a_mark_are_read_back(told):
    reporter = Reporter("eMSP")
    reporter.listening(9100)
    reporter.mark(7)
    assert told() == [Listening("eMSP", 9100), Mark(7)]


def test_a_call_and_its_answer_are_read_back(told):
    reporter = Reporter("eMSP")
    exchange = reporter.outgoing("GET", "http://gateway.example/ocpi/versions?x=1", None, b"")
    reporter.answered(exchange, Reply(404, {}, b'{"status_code": 2003, "status_message": "no"}'))
    parts = {"caller": "eMSP", "callee": "gateway", "method": "GET", "path": "/ocpi/versions?x=1"}
    call = Sight(**parts, credential="no token", phase=Phase.CALL)
    answer = Sight(**parts, credential="no token", phase=Phase.ANSWER, says="no", http_status=404, status_code=2003)
    assert told() == [call, answer]


def test_posted_credentials_bring_token_b_and_their_answer_token_c(told):
    reporter = Reporter("eMSP")
    exchange = reporter.incoming("POST", "/ocpi/2.2.1/credentials", None, CREDENTIALS)
    answer = CREDENTIALS.replace(SECRET.encode(), b"ocpigw_answered")
    reporter.answered(exchange, Reply(200, {}, b'{"status_code": 1000, "data": %s}' % answer))
    assert reporter.book.find("TOKEN_B") == SECRET
    assert reporter.book.find("TOKEN_C") == "ocpigw_answered"
    assert SECRET not in str(told())


def test_a_call_without_an_answer_has_no_http_status(told):
    reporter = Reporter("backend")
    exchange = reporter.outgoing("GET", "http://gateway.example/", None, b"")
    reporter.failed(exchange, "it refused the connection")
    answer = told()[1]
    assert (answer.http_status, answer.says) == (None, "it refused the connection")


@pytest.mark.parametrize("line", [b"", b"Traceback", b"[]", b'{"other": 1}', b'{"phase": "middle"}'])
def test_a_line_that_is_something_else_is_passed_over(line):
    assert read_line(line) is None
