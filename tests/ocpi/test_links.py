"""`Link` headers and `response_url`: found, replaced, and nothing around them touched."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ocpi.links import Link, as_uri, find_in_body, find_in_query, read_links, rest_below

OURS = 'https://gateway.test/callbacks/a"b?c&d'


def links_of(header):
    return list(read_links(header))


def test_a_link_keeps_target_and_parameters():
    assert links_of('<https://a.test/x?offset=1&limit=2>; rel="next"') == [
        Link("https://a.test/x?offset=1&limit=2", '; rel="next"')
    ]


def test_several_links_in_one_header_are_told_apart_by_commas_outside_of_targets_and_quotes():
    header = '<https://a.test/?ids=1,2>; title="x, <y>"; rel=prev,</next> ;rel=next , <last>'
    assert links_of(header) == [
        Link("https://a.test/?ids=1,2", '; title="x, <y>"; rel=prev'),
        Link("/next", " ;rel=next"),
        Link("last", ""),
    ]


@pytest.mark.parametrize("header", ["", "<>", '< >; rel="next"', "no link", "<a", '<a>; rel="next'])
def test_an_empty_or_malformed_link_is_dropped(header):
    assert links_of(header) == []


def test_a_malformed_link_takes_no_other_with_it():
    assert links_of('nonsense, <>; rel="prev", <b>; rel="next"') == [Link("b", '; rel="next"')]


@pytest.mark.parametrize(
    "parameters", ['; rel="next"', ";rel=next", '; REL = "Start NEXT"', '; title="a; rel=prev"; rel=next']
)
def test_the_relation_next_is_recognised_in_every_spelling(parameters):
    assert Link("x", parameters).is_next


@pytest.mark.parametrize(
    "parameters", ["", "; rel=prev", '; rel="nextly"', '; title="; rel=next"', "; rel=prev; rel=next"]
)
def test_other_relations_are_not_the_next_page(parameters):
    assert not Link("x", parameters).is_next


@given(st.text(max_size=60))
def test_no_header_value_makes_reading_links_fail(header):
    for link in read_links(header):
        assert link.target
        assert str(link).startswith("<")


def test_what_a_uri_can_not_hold_is_percent_encoded_and_nothing_else():
    assert as_uri("/a b?c=%20&d=[é]#{}") == "/a%20b?c=%20&d=[%C3%A9]#{}"


@pytest.mark.parametrize(
    ("prefix", "target", "rest"),
    [
        ("/ocpi/cdrs", "/ocpi/cdrs", ""),
        ("/ocpi/cdrs", "/ocpi/cdrs?x", "?x"),
        ("/ocpi/cdrs", "/ocpi/cdrs/1", "/1"),
        ("", "/1", "/1"),
        ("/ocpi/cdrs", "/ocpi/cdrs2", None),
        ("/ocpi/cdrs", "/cdrs", None),
    ],
)
def test_a_prefix_ends_at_a_border_of_the_path(prefix, target, rest):
    assert rest_below(prefix, target) == rest


@pytest.mark.parametrize(
    ("body", "url"),
    [
        (b'{"response_url":"http://a.test/x"}', "http://a.test/x"),
        (b'{"response_url" : "http:\\/\\/a.test\\/x" , "n": 1.10}', "http://a.test/x"),
        (b' {"a":{"response_url":"inner"},"response_url":"http://a.test"}\n', "http://a.test"),
        (b'{"Response_URL":"http://a.test"}', "http://a.test"),
        (b'{"response\\u005furl":"http://a.test"}', "http://a.test"),
        (b'\xef\xbb\xbf{"response_url":"http://a.test"}', "http://a.test"),
        (b'{"n":' + b"9" * 5000 + b',"response_url":"http://a.test"}', "http://a.test"),
    ],
)
def test_the_response_url_of_a_body_is_found_and_decoded(body, url):
    assert find_in_body(body).url == url


def test_only_the_url_is_replaced_in_a_body():
    body = '\ufeff{ "a":1.10, "response_url" : "x" ,\r\n "é":[1e5,{"response_url":2}]}  '.encode()
    replaced = find_in_body(body).replaced_by(OURS)
    assert replaced.encode() == body.replace(b'"x"', json.dumps(OURS).encode(), 1)


@pytest.mark.parametrize("body", [b"{}", b'{"a":1}', b'{"a":{"response_url":"x"}}', b'{"response_urls":"x"}'])
def test_a_body_without_response_url_has_none(body):
    assert find_in_body(body) is None


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{} {}", "not JSON"),
        (b'{"a":NaN}', "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"response_url"', "not a JSON object"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"response_url":"a","response_url":"b"}', "once"),
        (b'{"response_url":"a","RESPONSE_URL":"b"}', "once"),
        (b'{"response_url":1}', "as a text"),
        (b'{"response_url":null}', "as a text"),
    ],
)
@pytest.mark.threat("D5")
def test_a_body_in_which_two_readers_could_see_different_urls_is_refused(body, fault):
    with pytest.raises(ValueError, match=fault):
        find_in_body(body)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    before=st.dictionaries(st.text(max_size=5), _VALUES, max_size=3),
    after=st.dictionaries(st.text(max_size=5), _VALUES, max_size=3),
    url=st.text(max_size=20),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 0, 3]),
)
def test_any_body_keeps_every_byte_but_those_of_the_url(before, after, url, ascii_only, indent):
    document = {f"b{name}": value for name, value in before.items()} | {"response_url": url}
    document |= {f"a{name}": value for name, value in after.items()}
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    try:
        body = text.encode()
    except UnicodeEncodeError:  # lone surrogates have no UTF-8
        return
    found = find_in_body(body)
    assert found.url == url
    assert (found.before + json.dumps(url, ensure_ascii=ascii_only) + found.after).encode() == body
    assert json.loads(found.replaced_by(OURS)) == document | {"response_url": OURS}


@pytest.mark.parametrize(
    ("query", "url", "replaced"),
    [
        ("?response_url=https%3A%2F%2Fa.test%2F%3Fb%3D1%26c%2B", "https://a.test/?b=1&c+", "?response_url={}"),
        (
            "?duration=900&response_url=https://a.test/r?request_id=5678",  # the specification's own example
            "https://a.test/r?request_id=5678",
            "?duration=900&response_url={}",
        ),
        ("?a=%zz&&Response%5FURL=x+y&b", "x+y", "?a=%zz&&Response%5FURL={}&b"),
        ("response_url=x", "x", "response_url={}"),
    ],
)
def test_the_response_url_of_a_query_is_found_and_only_it_is_replaced(query, url, replaced):
    found = find_in_query(query)
    assert found.url == url
    assert found.replaced_by("http://g.test/a?b&c") == replaced.format("http%3A%2F%2Fg.test%2Fa%3Fb%26c")


@pytest.mark.parametrize("query", ["", "?", "?duration=900", "?xresponse_url=1", "?a=response_url=x"])
def test_a_query_without_response_url_has_none(query):
    assert find_in_query(query) is None


@pytest.mark.parametrize(
    ("query", "fault"), [("?response_url=a&RESPONSE_URL=b", "once"), ("?response_url=%ff", "not UTF-8")]
)
def test_a_query_in_which_two_readers_could_see_different_urls_is_refused(query, fault):
    with pytest.raises(ValueError, match=fault):
        find_in_query(query)
