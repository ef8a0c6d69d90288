"""What a hostile request led to, held against what may come of it."""

import json
from itertools import zip_longest

from tests.e2e.rig import BACKEND_AUTHORIZATION
from tests.hostile.cases import PATH, Arrival

_PARTIES = {"acme": "ABC", "bravo": "BRV"}
_PROBE_ID = "the-probe"
_PROBED = Arrival("/legacy/locations?probe")


def probe(stage):
    """A good request, the last on its connection."""
    lines = ("Host: gateway.test", f"Authorization: {stage.authorization()}", f"X-Request-ID: {_PROBE_ID}")
    return "\r\n".join([f"GET {PATH}?probe HTTP/1.1", *lines, "Connection: close", "", ""]).encode()


def is_probed(answer):
    """Whether an answer is that to the probe, and no other's."""
    body = f"the answer to {_PROBED.target}".encode()
    return answer is not None and (answer.http_status, answer.body) == (200, body)


def converse(line, case, stage, outcome):
    """Send a case; gives its answers. A connection that lives on must be in step: it gets the probe as well."""
    line.send(case.written({name: platform.token_c for name, platform in stage.platforms.items()}))
    if case.finishes:
        line.finish()
    answers = []
    while (answer := line.answer()) is not None:
        answers.append(answer)
        if answer.is_last:
            assert line.rest() == b"", "something came behind the last answer"
        elif len(answers) >= len(outcome.http_statuses):
            line.send(probe(stage))
            last = line.answer()
            assert last is None or is_probed(last), f"the probe got the answer of another: {last}"
            assert line.rest() == b"", "something came behind the last answer"
        else:
            continue
        break
    return answers


def check_answers(answers, outcome, stage):
    """Each answer is as the outcome has it, an envelope where it is ours, and gives nothing away."""
    shown = [answer.http_status for answer in answers]
    missing = len(outcome.http_statuses) - len(answers)
    assert missing == 0 or (missing == 1 and outcome.may_close), shown
    for answer, allowed in zip(answers, outcome.http_statuses, strict=False):
        assert answer.http_status in allowed, answer
        assert not [each for each in stage.secrets if each in answer.raw], answer.raw
        assert "set-cookie" not in answer.headers
        if answer.http_status >= 400:
            check_envelope(answer)
    if outcome.status_code is not None:
        assert json.loads(answers[-1].body)["status_code"] == outcome.status_code, answers


def check_envelope(answer):
    assert "server" not in answer.headers
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-request-id"]
    assert answer.headers["x-correlation-id"]
    envelope = json.loads(answer.body)
    assert {"status_code", "status_message", "timestamp"} <= envelope.keys()


def check_arrivals(recorder, outcome):
    """The backend got the arrivals of the outcome, then the probe where the connection lived on, and no other byte."""
    came = [each for each in recorder.requests if each.target != _PROBED.target]
    if not outcome.arrivals and not outcome.begun:
        assert not came, came
        assert not _without_probes(recorder), bytes(recorder.received)
    for message, arrival in zip_longest(came, outcome.arrivals):
        assert message is not None, f"it never arrived: {arrival}"
        assert arrival is not None, f"it must not arrive: {message}"
        check_arrival(message, arrival)


def check_arrival(message, arrival):
    assert (message.method, message.target, message.body) == (arrival.method, arrival.target, arrival.body)
    assert message.one("Authorization") == BACKEND_AUTHORIZATION
    assert message.one("X-OCPI-Partner") == arrival.partner
    assert message.one("X-OCPI-Version") == "2.2.1"
    assert message.one("X-Request-ID")
    assert message.one("X-Correlation-ID")
    assert message.party("from") == f"DE-{_PARTIES[arrival.partner]}"
    assert message.party("to") == "NL-EXA"
    for name, value in message.headers:
        assert name.lower() not in arrival.absent, message
        assert not [each for each in arrival.absent if each in value], message
    for name, value in arrival.headers:
        assert message.one(name) == value


def _without_probes(recorder):
    """What the backend received, the probes left out."""
    pieces = bytes(recorder.received).split(b"\r\n\r\n")
    return [each for each in pieces if each and not each.startswith(f"GET {_PROBED.target} HTTP/1.1".encode())]
