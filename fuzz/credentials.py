"""A body with a credentials object (gateway.ocpi.envelope, gateway.ocpi.credentials)."""

import json
from contextlib import suppress
from datetime import UTC, datetime

from gateway.ocpi.credentials import (
    InvalidCredentialsError,
    read_credentials,
    salvage_credentials,
    write_credentials,
)
from gateway.ocpi.envelope import Answer, Envelope, NotAnEnvelopeError, StatusCode, read_json_object
from gateway.ocpi.tokens import is_well_formed
from gateway.ocpi.urls import check_url

_NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def check(data: bytes) -> None:
    """Unusable bodies are refused in words that can be sent; usable ones are written and read back as they were."""
    try:
        document = read_json_object(data)
    except NotAnEnvelopeError as error:
        _can_be_answered(str(error))
        return
    _is_read_as_json_is(data, document)
    salvaged, problems = salvage_credentials(document)
    try:
        credentials = read_credentials(document)
    except InvalidCredentialsError as error:
        assert error.problems == problems
        assert problems
        _can_be_answered(str(error))
        assert salvaged is None or is_well_formed(salvaged.token)
        return
    assert credentials == salvaged
    assert is_well_formed(credentials.token)
    assert check_url(credentials.url) == credentials.url
    assert len({(role.role, role.party) for role in credentials.roles}) == len(credentials.roles) > 0
    assert read_credentials(read_json_object(json.dumps(write_credentials(credentials)).encode())) == credentials


def _can_be_answered(message: str) -> None:
    """Whether our own reader, and so a partner's, reads the answer that tells of it."""
    body = Answer(200, StatusCode.INVALID_PARAMETERS, message).body(_NOW)
    assert Envelope.read(body).status_message == message
    assert message.isprintable()


def _is_read_as_json_is(data: bytes, document: object) -> None:
    """Whether the standard reader, with none of our limits, sees the same."""
    assert json.loads(data.decode("utf-8-sig")) == document
    with suppress(NotAnEnvelopeError):
        assert isinstance(Envelope.read(data).status_code, int)
