"""Credentials tokens of ours, and which of others' are acceptable."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ocpi.tokens import MAX_LENGTH, PREFIX, TOKEN_PATTERN, is_ours, is_well_formed, make_token, without_tokens

RANDOM = st.binary(min_size=32, max_size=32)


@given(RANDOM)
def test_any_32_bytes_make_a_token_of_at_most_64_printable_characters(random_bytes):
    made = make_token(random_bytes)

    assert len(made) == 56 <= MAX_LENGTH
    assert made.startswith(PREFIX)
    assert set(made) <= set(string.ascii_letters + string.digits + "_")
    assert is_well_formed(made)
    assert is_ours(made)


@given(RANDOM, RANDOM)
def test_different_bytes_make_different_tokens(one, other):
    assert (make_token(one) == make_token(other)) is (one == other)


@given(RANDOM, st.integers(0, 55), st.sampled_from(string.ascii_letters + string.digits + "_- "))
def test_the_checksum_detects_any_single_changed_character(random_bytes, position, character):
    made = make_token(random_bytes)
    changed = made[:position] + character + made[position + 1 :]

    assert is_ours(changed) is (changed == made)


@given(st.text(max_size=80))
def test_no_other_text_is_taken_for_a_token_of_ours(text):
    assert not is_ours(text)


def test_the_smallest_and_the_largest_number_have_the_same_length():
    assert len(make_token(bytes(32))) == len(make_token(b"\xff" * 32)) == 56


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_token_is_made_from_32_bytes_and_no_other_number(length):
    with pytest.raises(ValueError, match="exactly 32 random bytes"):
        make_token(bytes(length))


def test_the_pattern_finds_our_tokens_in_any_text():
    made = make_token(bytes(range(32)))

    assert TOKEN_PATTERN.findall(f'{{"token":"{made}"}} and {made}.') == [made, made]


@pytest.mark.parametrize("text", ["a", "!" * 64, "~", "ebf3b399-779f-4497-9b9d-ac6ad3cc44d2"])
def test_a_partners_token_may_be_any_1_to_64_printable_characters(text):
    assert is_well_formed(text)


@pytest.mark.parametrize(
    "text", ["", "a" * 65, "a b", " a", "a\n", "a\r", "a\0b", "a\x7f", "caf\xe9", "\ud800", "\u0661"]
)
@pytest.mark.threat("H5")
def test_a_token_that_could_split_a_header_or_is_too_long_is_not_acceptable(text):
    assert not is_well_formed(text)


def test_a_token_of_ours_that_was_pasted_into_a_text_is_replaced():
    made = make_token(bytes(range(32)))

    assert without_tokens(f"no partner {made!r}") == "no partner '[token]'"
