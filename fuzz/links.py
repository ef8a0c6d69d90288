"""`Link` headers, and `response_url` in bodies and queries (gateway.ocpi.links)."""

import json

from gateway.ocpi.links import Link, as_uri, find_in_body, find_in_query, read_links

OURS = "https://gateway.example.com/callbacks/0123456789abcdef"


def check(data: bytes) -> None:
    """What is read and written again is read as the same; of a text around a URL no byte changes."""
    header = data.decode("utf-8", "surrogateescape")
    _check_links(header)
    _check_query(header)
    _check_body(data)


def _check_links(header: str) -> None:
    links = list(read_links(header))
    for link in links:
        assert link.target == link.target.strip() != ""
        assert not set("<>") & set(link.target)
        assert link.relation == "" or link.relation.startswith('; rel="')
        assert Link(link.target, link.relation).is_next == link.is_next
        uri = as_uri(link.target)
        assert uri.isascii()
        assert uri.isprintable()
        assert " " not in uri
        assert as_uri(uri) == uri
        assert list(read_links(f"<{uri}>{link.parameters}")) == [Link(uri, link.parameters)]
    assert list(read_links(", ".join(map(str, links)))) == links


def _check_query(query: str) -> None:
    try:
        found = find_in_query(query)
    except ValueError as error:
        assert str(error).isprintable()
        return
    if found is None or not found.url:  # who asks refuses an empty one
        return
    assert query.startswith(found.before)
    assert query.endswith(found.after)
    replaced = find_in_query(found.replaced_by(OURS))
    assert replaced is not None
    assert (replaced.url, replaced.before, replaced.after) == (OURS, found.before, found.after)


def _check_body(body: bytes) -> None:
    try:
        found = find_in_body(body)
    except ValueError as error:
        assert str(error).isprintable()
        return
    if found is None:
        return
    text = body.decode()
    assert text.startswith(found.before)
    assert text.endswith(found.after)
    assert json.loads(text[len(found.before) : len(text) - len(found.after)]) == found.url
    replaced = find_in_body(found.replaced_by(OURS).encode())
    assert replaced is not None
    assert (replaced.url, replaced.before, replaced.after) == (OURS, found.before, found.after)
