"""Tokens by name and shortened, bodies in a few words."""

import base64
import json

import pytest

from gateway.demo.words import TokenBook, describe_body, describe_headers

SECRET = "emsp_0123456789abcdefghijklmnop"
CREDENTIALS = {
    "token": SECRET,
    "url": "https://emsp.example.com/versions",
    "roles": [{"role": "EMSP", "country_code": "DE", "party_id": "ABC"}],
}


@pytest.fixture
def book():
    book = TokenBook()
    book.name(SECRET, "TOKEN_A")
    return book


@pytest.mark.parametrize("value", [SECRET, base64.b64encode(SECRET.encode()).decode()], ids=["plain", "base64"])
def test_a_token_in_a_header_is_named_and_shortened(book, value):
    assert book.describe_header(f"Token {value}") == "TOKEN_A emsp_01234..."


def test_a_header_that_is_absent_is_no_token(book):
    assert book.describe_header(None) == "no token"


def test_a_token_that_nobody_named_is_unknown(book):
    assert book.describe_header("Token abcdefghijklmnop") == "an unknown token abcdefghij..."


def test_a_token_learned_later_keeps_its_name(book):
    book.learn(CREDENTIALS, name="TOKEN_B")
    assert book.find("TOKEN_A") == SECRET
    assert book.find("TOKEN_B") is None


def test_credentials_are_described_without_their_whole_token(book):
    words = describe_body(json.dumps({"status_code": 1000, "data": CREDENTIALS}).encode(), book)
    assert words == "TOKEN_A emsp_01234..., url https://emsp.example.com/versions, EMSP DE-ABC"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([{"version": "2.2.1", "url": "x"}, {"version": "2.2", "url": "y"}], "versions 2.2.1, 2.2"),
        ([{"id": "LOC1"}], "1 object: LOC1"),
        ([{"uid": str(number)} for number in range(6)], "6 objects: 0, 1, 2, 3 and 2 more"),
        ({"endpoints": [{"identifier": "cdrs"}, {"identifier": "cdrs"}]}, "endpoints of cdrs"),
        ({"result": "ACCEPTED", "timeout": 30}, "result ACCEPTED"),
    ],
)
def test_data_is_described_in_a_few_words(book, data, words):
    assert describe_body(json.dumps({"status_code": 1000, "data": data}).encode(), book) == words


def test_a_failure_is_described_by_its_message(book):
    assert describe_body(b'{"status_code": 2001, "status_message": "roles are missing"}', book) == "roles are missing"


def test_the_drivers_card_of_a_command_is_not_taken_for_credentials(book):
    body = json.dumps({"response_url": "https://e.example/1", "token": {"uid": "CARD1"}}).encode()
    assert describe_body(body, book) == "response_url https://e.example/1"


def test_only_telling_headers_are_described():
    headers = {"link": '<https://g.example/2>; rel="next"', "content-type": "application/json"}
    assert describe_headers(headers) == 'Link: <https://g.example/2>; rel="next"'
