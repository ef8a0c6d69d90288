"""Parties: two letters and three letters or digits, without letter case."""

import pytest

from gateway.ocpi.party import Party


@pytest.mark.parametrize("text", ["DE-ABC", "de-abc", "DE*ABC", "DEABC", "dEaBc"])
def test_a_party_is_read_in_every_usual_way_and_compared_without_case(text):
    assert Party.parse(text) == Party("DE", "ABC")
    assert str(Party.parse(text)) == "DE-ABC"
    assert hash(Party.parse(text)) == hash(Party("de", "abc"))


@pytest.mark.parametrize(
    "text", ["", "DE", "DE-", "D-ABC", "DE-AB", "DE-ABCD", "D1-ABC", "DE--ABC", "DE-A_C", "\xd6E-ABC"]
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match=r"a (country code|party id) is"):
        Party.parse(text)


@pytest.mark.parametrize(("country_code", "party_id"), [("DE\n", "ABC"), ("DE", "ABC\n"), ("DE", "\u0661\u0662\u0663")])
def test_no_line_feed_and_no_foreign_digit_slips_in(country_code, party_id):
    with pytest.raises(ValueError, match=r"a (country code|party id) is"):
        Party(country_code, party_id)


@pytest.mark.parametrize("name", ["DE-ABC", "de-abc", "DE*ABC"])
def test_a_name_of_this_form_stands_for_a_party(name):
    assert Party.named(name) == Party("DE", "ABC")


@pytest.mark.parametrize("name", ["DEABC", "acme", "DE-AB", "DE-ABCD", "D3-ABC", "DE-ABC-1", "DE--ABC", ""])
def test_any_other_name_stands_for_none(name):
    assert Party.named(name) is None


def test_parties_have_an_order():
    assert sorted([Party("NL", "AAA"), Party("DE", "ZZZ")]) == [Party("DE", "ZZZ"), Party("NL", "AAA")]
