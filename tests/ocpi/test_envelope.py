"""The OCPI response format: what we write is read back, and what strangers write can't hurt."""

import contextlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ocpi.envelope import Answer, Envelope, NotAnEnvelopeError, StatusCode, read_json_object

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


def test_an_answer_always_carries_status_message_and_timestamp():
    body = Answer(404, StatusCode.CLIENT_ERROR, "unknown path").body(NOW)

    assert json.loads(body) == {
        "status_code": 2000,
        "status_message": "unknown path",
        "timestamp": "2026-01-02T03:04:05Z",
    }


def test_data_is_written_where_it_is_given_also_null():
    assert json.loads(Answer.success({"a": 1}).body(NOW))["data"] == {"a": 1}
    assert json.loads(Answer.success(None).body(NOW))["data"] is None
    assert "data" not in json.loads(Answer.success().body(NOW))


def test_success_may_be_answered_with_another_http_status():
    assert Answer.success(http_status=201).http_status == 201
    assert Answer.success().http_status == 200


def test_the_timestamp_is_utc_whatever_the_zone_of_the_clock():
    berlin = NOW.astimezone(timezone(timedelta(hours=1)))

    assert b'"timestamp":"2026-01-02T03:04:05Z"' in Answer.success().body(berlin)


@given(JSON, st.sampled_from(StatusCode), TEXT)
def test_what_we_write_is_read_back(data, status_code, message):
    read = Envelope.read(Answer(200, status_code, message, data).body(NOW))

    assert read == Envelope(status_code, message, data)
    assert read.is_success is (status_code == 1000)


@pytest.mark.parametrize(
    ("document", "read"),
    [
        ({"status_code": 1000}, Envelope(1000, "", None)),
        ({"status_code": "1000", "status_message": "ok", "data": []}, Envelope(1000, "ok", [])),
        ({"status_code": 1999, "status_message": None}, Envelope(1999, "", None)),
        ({"status_code": 2001, "status_message": 5, "timestamp": "yesterday", "more": {}}, Envelope(2001, "", None)),
    ],
)
def test_an_envelope_is_read_with_tolerance(document, read):
    assert Envelope.read(json.dumps(document).encode()) == read


@pytest.mark.parametrize(
    ("status_code", "succeeds"), [(999, False), (1000, True), (1999, True), (2000, False), (3001, False), (-1, False)]
)
def test_only_1xxx_is_success(status_code, succeeds):
    assert Envelope(status_code, "", None).is_success is succeeds


@pytest.mark.parametrize("status_code", [None, True, 1000.0, "", "1e3", "\u0661", "9" * 5000, [1000], "-1000"])
def test_without_a_usable_status_code_it_is_no_envelope(status_code):
    with pytest.raises(NotAnEnvelopeError, match="no OCPI status_code"):
        Envelope.read(json.dumps({"status_code": status_code}).encode())


def test_a_byte_order_mark_is_passed_over():
    assert read_json_object(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON (line 1, column 1)"),
        (b'{"a":1} x', "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"token":"a","token":"b"}', "a key twice"),
        (b'{"a":{"b":1,"b":1}}', "a key twice"),
        (b'{"a":NaN}', "NaN or Infinity"),
        (b'{"a":-Infinity}', "NaN or Infinity"),
        (b'{"a":1e999}', "number that is too large"),
        (b'{"a":' + b"9" * 5000 + b"}", "number that is too long"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "nested too deeply"),
        (b'{"a":' + b"[" * 100000, "nested too deeply"),
        (b'{"a":' + b"[" * 70 + b"]" * 70 + b"}", "nested too deeply"),
        (b'{"a":"\xff"}', "not UTF-8"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a":"\x01"}', "not JSON"),
    ],
)
@pytest.mark.threat("D5")
def test_hostile_json_is_refused_with_the_reason(body, reason):
    with pytest.raises(NotAnEnvelopeError) as refused:
        read_json_object(body)

    assert reason in str(refused.value)


def test_a_reason_never_quotes_the_body():
    with pytest.raises(NotAnEnvelopeError) as refused:
        read_json_object(b'{"token": secret-token}')

    assert "secret" not in str(refused.value)


@given(st.binary(max_size=60))
def test_no_bytes_make_the_reader_fail_otherwise(body):
    with contextlib.suppress(NotAnEnvelopeError):
        assert isinstance(read_json_object(body), dict)
