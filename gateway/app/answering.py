"""Answers of our own, as responses."""

from datetime import datetime
from typing import Final

from gateway.net.request import Response
from gateway.observe.call import Call
from gateway.ocpi.envelope import Answer, StatusCode

#: One body for every refused token, so that nothing can be learned from it (contract.md, Answers to trouble).
UNAUTHORIZED: Final = Answer(
    401,
    StatusCode.CLIENT_ERROR,
    "credentials token missing, unknown or not valid here",
    headers={"WWW-Authenticate": "Token"},
)


def make_response(answer: Answer, call: Call, *, now: datetime) -> Response:
    """Write an answer as a response that echoes the message ids, and note it in the record of the call."""
    call.status_code = int(answer.status_code)
    headers = {
        **answer.headers,
        "Content-Type": "application/json",
        "X-Request-ID": call.request_id,
        "X-Correlation-ID": call.correlation_id,
    }
    return Response(answer.http_status, headers, answer.body(now))
