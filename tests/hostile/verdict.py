"""What a hostile request led to, held against what may come of it."""

import json
from dataclasses import replace
from itertools import zip_longest

from tests.e2e.rig import BACKEND_AUTHORIZATION
from tests.hostile.cases import PATH, SUCCESS, Arrival
from tests.hostile.client import NotAnAnswerError

_PARTIES = {"acme": "ABC", "bravo": "BRV"}
_PROBE_ID = "the-probe"
#: What a front answers itself; that it got no answer from the gateway is not among it.
FRONTS_REFUSALS = {400, 403, 405, 408, 411, 413, 414, 417, 422, 431, 494, 501, 505}
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
    while (answer := _next(line, outcome, stage)) is not None:
        answers.append(answer)
        if outcome.stalls:
            break
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


def settled(outcome, answers):
    """An outcome without its last request, where the connection ended before that, and might."""
    if outcome.may_end and len(answers) == len(outcome.http_statuses) - 1:
        return replace(outcome, http_statuses=outcome.http_statuses[:-1], arrivals=outcome.arrivals[:-1])
    return outcome


def reveals(raw, stage):
    """The secrets that stand in what came back."""
    return [each for each in stage.secrets if each in raw]


def _next(line, outcome, stage):
    try:
        return line.answer()
    except NotAnAnswerError as error:
        if outcome.foreign and not reveals(error.args[0], stage):
            return None
        raise


def check_answers(answers, outcome, stage, *, fronted=False):
    """Each answer is as the outcome has it, an envelope where it is ours, and gives nothing away.

    A front may refuse by itself what the gateway would refuse; all that is behind it on the connection ends with that.
    """
    shown = [answer.http_status for answer in answers]
    refused_by_front = fronted and answers and is_of_front(answers[-1])
    missing = len(outcome.http_statuses) - len(answers)
    assert missing == 0 or (missing > 0 and refused_by_front) or (missing == 1 and outcome.may_close), shown
    for answer, allowed in zip(answers, outcome.http_statuses, strict=False):
        assert not reveals(answer.raw, stage), answer.raw
        assert "set-cookie" not in answer.headers
        if fronted and is_of_front(answer):
            assert allowed != SUCCESS, answer
            assert answer.http_status in FRONTS_REFUSALS, answer
            continue
        assert answer.http_status in allowed, answer
        if answer.http_status >= 400:
            check_envelope(answer, fronted=fronted)
    if outcome.status_code is not None and not refused_by_front:
        assert json.loads(answers[-1].body)["status_code"] == outcome.status_code, answers


def is_of_front(answer):
    """Whether a front made an answer itself."""
    return answer.body.startswith(b"<html>")


def check_envelope(answer, *, fronted):
    assert fronted or "server" not in answer.headers
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
