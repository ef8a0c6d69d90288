"""The Authorization header: each tolerated form is a row, and hostile ones yield nothing."""

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ocpi.authorization import candidates, header_value
from gateway.ocpi.vocabulary import TokenForm

LEGAL = st.text(string.ascii_letters + string.digits + string.punctuation, min_size=1, max_size=64)


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def readings(header, **options):
    return [token for _, token in candidates(header, **options)]


@pytest.mark.parametrize(
    ("header", "token"),
    [
        pytest.param(f"Token {encoded('example-token')}", "example-token", id="padded"),
        pytest.param(f"Token {encoded('example-token').rstrip('=')}", "example-token", id="unpadded"),
        pytest.param("Token ZXhhbXBsZS10b2tlbgo=", "example-token", id="line feed inside, as in the specification"),
        pytest.param(
            "Token ZWJmM2IzOTktNzc5Zi00NDk3LTliOWQtYWM2YWQzY2M0NGQyCg==",
            "ebf3b399-779f-4497-9b9d-ac6ad3cc44d2",
            id="the specification's other sample",
        ),
        pytest.param(f"Token {encoded('example-token' + chr(13) + chr(10))}", "example-token", id="CR LF inside"),
        pytest.param(f"Token {encoded('~~~???')}", "~~~???", id="standard alphabet"),
        pytest.param(f"Token {encoded('~~~???').translate(str.maketrans('+/', '-_'))}", "~~~???", id="URL-safe"),
        pytest.param("Token example-token", "example-token", id="plain"),
        pytest.param("Token deadbeefdeadbeef", "deadbeefdeadbeef", id="plain hex that is also valid Base64"),
        pytest.param(f"token {encoded('example-token')}", "example-token", id="scheme in lower case"),
        pytest.param(f"TOKEN {encoded('example-token')}", "example-token", id="scheme in upper case"),
        pytest.param(f"Token   {encoded('example-token')} \t", "example-token", id="blanks around"),
        pytest.param(f"Token {encoded('x' * 64)}", "x" * 64, id="64 characters"),
        pytest.param("Token a==b", "a==b", id="plain with padding inside"),
        pytest.param(f"Token {encoded('example-token')}==", "example-token", id="more padding than needed"),
    ],
)
def test_every_tolerated_form_gives_the_token(header, token):
    assert token in readings(header)


def test_the_literal_reading_goes_before_the_decoded_one():
    hex_token = "deadbeefdeadbeef"

    assert list(candidates(f"Token {encoded(hex_token)}")) == [
        (TokenForm.PLAIN, encoded(hex_token)),
        (TokenForm.BASE64, hex_token),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Token",
        "Token ",
        "Tokenabc",
        " Token abc",
        "Basic YWJj",
        "Token a b",
        "Token abc\n",
        "Token\tabc",
        "Token abc, Token def",
        "Token " + "x" * 201,
        "Token " + "?" * 65,
        "Token " + encoded("x" * 65),
        "Token \xe9",
        "Token \udce9\udc80",
        "Token " + "\u0661" * 8,
        "Token \u00a0",
    ],
)
def test_hostile_and_foreign_forms_yield_nothing(header):
    assert readings(header) == []


@pytest.mark.parametrize("inside", ["a\r\nX: y", "a b", "a\0", "a\n\n", "\x80\x81", "caf\xe9", ""])
@pytest.mark.threat("H3")
def test_base64_of_what_no_token_may_hold_is_not_decoded(inside):
    header = f"Token {base64.b64encode(inside.encode('latin-1')).decode()}"

    assert [form for form, _ in candidates(header)] in ([TokenForm.PLAIN], [])


@pytest.mark.parametrize("literal", ["ZXhh!bXBs", "ZXhh.bXBs", "ZXhh=bXBs"])
def test_what_base64_does_not_know_is_not_passed_over(literal):
    assert readings(f"Token {literal}") == [literal]


def test_bearer_is_accepted_where_it_is_asked_for_only():
    assert readings("Bearer secret-token", bearer=True) == ["secret-token"]
    assert readings("bEaReR secret-token", bearer=True) == ["secret-token"]
    assert readings("Token secret-token", bearer=True) == ["secret-token"]
    assert readings("Bearer secret-token") == []


@given(LEGAL, st.sampled_from([TokenForm.BASE64, TokenForm.PLAIN]))
def test_what_is_written_in_either_form_is_read_back(token, form):
    assert (form, token) in list(candidates(header_value(token, form)))


@given(st.text(max_size=220))
def test_no_header_makes_the_reader_fail(header):
    for value in (header, f"Token {header}"):
        for _, token in candidates(value, bearer=True):
            assert 1 <= len(token) <= 64


def test_the_header_is_written_as_the_specification_says():
    assert header_value("example-token", TokenForm.BASE64) == "Token ZXhhbXBsZS10b2tlbg=="
    assert header_value("example-token", TokenForm.PLAIN) == "Token example-token"


def test_each_form_names_the_other_to_try():
    assert TokenForm.BASE64.other is TokenForm.PLAIN
    assert TokenForm.PLAIN.other is TokenForm.BASE64
    assert TokenForm.ABSENT.other is TokenForm.BASE64
