"""Every writing of a secret is found, and what is shown of it is no secret."""

import base64
import json
import re
from urllib.parse import quote

import pytest

from gateway.ocpi.tokens import make_token
from tests.canaries.search import Search, fingerprint

OURS = make_token(b"canary canary canary canary 5678")
FOREIGN = "partners/own+token=5d1f"
KEY = bytes(range(200, 232))
SECRETS = {"a token of ours": OURS.encode(), "a partner's token": FOREIGN.encode(), "a key": KEY}


def with_small_escapes(quoted):
    return re.sub("%..", lambda escape: escape[0].lower(), quoted)


WRITINGS = {
    "as it is": lambda secret: secret,
    "in a sentence": lambda secret: b"the token " + secret + b" was refused",
    "in JSON": lambda secret: json.dumps({"token": secret.decode("latin-1")}).encode(),
    "as bytes of Python": lambda secret: repr(secret).encode(),
    "in Base64": base64.b64encode,
    "in Base64 without padding": lambda secret: base64.b64encode(secret).rstrip(b"="),
    "in Base64 for URLs": base64.urlsafe_b64encode,
    "in Base64 of basic credentials": lambda secret: base64.b64encode(b"user:" + secret),
    "in Base64 behind one byte": lambda secret: base64.b64encode(b"x" + secret + b"yz"),
    "in Base64 behind two bytes": lambda secret: base64.b64encode(b"xy" + secret + b"z"),
    "URL-encoded": lambda secret: quote(secret, safe="").encode(),
    "URL-encoded with small letters": lambda secret: re.sub(
        rb"%..", lambda it: it[0].lower(), quote(secret, safe="").encode()
    ),
    "URL-encoded Base64": lambda secret: quote(base64.b64encode(secret), safe="").encode(),
    "in hex": lambda secret: secret.hex().encode(),
}


@pytest.fixture
def search():
    """Looks for a partner's token and a key; a token of ours it knows by its form."""
    made = Search()
    made.add("the partner's token", FOREIGN)
    made.add("a data key", KEY)
    return made


@pytest.mark.parametrize("write", WRITINGS.values(), ids=WRITINGS)
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_found_in_every_writing(search, secret, write):
    assert list(search.find(b"\0\xff before " + write(secret) + b" after"))


def test_a_cut_token_of_ours_is_found_and_what_only_begins_like_one_is_not(search):
    assert list(search.find(f"token {OURS[:30]}...".encode()))
    assert not list(search.find(b"tokens of ours begin with ocpigw_, such as ocpigw_abc"))


def test_a_token_of_ours_need_not_be_told(search):
    assert [hit.kind for hit in Search().find(OURS.encode())] == ["a token that the gateway made"]


@pytest.mark.parametrize("clean", [b"", b"partners/own", KEY[:20], KEY[::-1], base64.b64encode(FOREIGN[9:].encode())])
def test_what_is_no_secret_is_not_found(search, clean):
    assert not list(search.find(clean))


@pytest.mark.parametrize("word", ["acme", "token-b", "xxxxxxxxxxxxxxxxxxxx", ""])
def test_a_word_that_stands_everywhere_is_no_secret(word):
    assert not Search().add("the partner's token", word)


def test_a_hit_names_kind_fingerprint_writing_and_place_and_never_the_secret(search):
    (hit,) = search.find(b"12345" + FOREIGN.encode())
    assert str(hit) == f"the partner's token {fingerprint(FOREIGN.encode())} stands as it is"
    assert hit.offset == 5
    assert FOREIGN not in repr(hit)


def test_what_was_cleared_is_not_looked_for(search):
    search.clear()
    assert not list(search.find(FOREIGN.encode()))
