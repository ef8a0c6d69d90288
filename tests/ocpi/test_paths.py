"""Request targets: what is refused, what is read, and that nothing is changed on the way."""

from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from gateway.ocpi.paths import (
    CallbackPath,
    CredentialsPath,
    DetailsPath,
    FunctionalPath,
    PartnerPath,
    VersionsPath,
    check_path,
    is_canonical,
    read_functional_path,
    read_private_path,
    read_public_path,
)
from gateway.ocpi.vocabulary import InterfaceRole
from tests.targets import PARTS, SEED, searched, targets


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ("/a/../b", "canonical"),
        ("/a/..", "canonical"),
        ("/..?x", "canonical"),
        ("/a/./b", "canonical"),
        ("/.", "canonical"),
        ("/a//b", "canonical"),
        ("//a", "canonical"),
        ("/a/%2e%2e/b", "hides"),
        ("/a/%2E", "hides"),
        ("/a%2fb", "hides"),
        ("/a%2Fb", "hides"),
        ("/a%5cb", "hides"),
        ("/a%00", "hides"),
        ("/a%0d%0a", "hides"),
        ("/a%7F", "hides"),
        ("/a%252e", "hides"),
        ("/a%ff", "not UTF-8"),
        ("/a%c0%ae", "not UTF-8"),
        ("/a%", "broken"),
        ("/a%2", "broken"),
        ("/a%zz", "broken"),
        ("/a\\b", "percent-encoded"),
        ("/a;b=c", "percent-encoded"),
        ("/a|b", "percent-encoded"),
        ('/a"b', "percent-encoded"),
        ("/a\tb", "blanks"),
        ("/a b", "blanks"),
        ("/a\x00", "blanks"),
        ("/a\n", "blanks"),
        ("/\xe4", "blanks"),
        ("/a\udcff", "blanks"),
        ("/a?b c", "blanks"),
        ("/a?\xe4", "blanks"),
        ("/a#b", "fragment"),
        ("/a?b#c", "fragment"),
        ("http://gateway.test/a", "slash"),
        ("*", "slash"),
        ("", "slash"),
        ("gateway.test:443", "slash"),
    ],
)
@pytest.mark.threat("P1", "T8")
def test_a_path_that_two_readers_could_understand_differently_is_refused_in_words(target, fault):
    with pytest.raises(ValueError, match=fault):
        check_path(target)


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/ocpi/2.2.1/sender/locations",
        "/ocpi/2.2.1/sender/locations/",
        "/ocpi/2.2.1/receiver/tokens/DE/ABC/DE*ABC*E1@x:y,(z)'!$&+=~_-",
        "/a/...",
        "/a/.hidden",
        "/a/%20b%C3%A9",
        "/a?",
        '/a??x=/../%zz&y=[]{}|\\^`"<>;',
    ],
)
def test_a_canonical_path_with_any_visible_query_is_accepted(target):
    check_path(target)


texts = st.text(alphabet=st.characters(max_codepoint=0x17F), max_size=40).map(lambda text: "/" + text)


@pytest.mark.threat("P1")
@pytest.mark.timeout(0 if SEED else 120)
@pytest.mark.parametrize("part", range(PARTS))
def test_an_accepted_path_has_only_one_reading(part):
    @searched(part, 500)
    @given(targets.map(lambda target: target.decode("utf-8", "surrogateescape")) | texts)
    def holds(target):
        if not is_canonical(target):
            return
        path, mark, query = target.partition("?")
        decoded = unquote(path, errors="strict")
        assert decoded.count("/") == path.count("/")
        assert not {".", ".."} & set(decoded.split("/"))
        assert "" not in decoded.split("/")[1:-1]
        assert "%" not in decoded
        assert "\\" not in decoded
        assert target.isascii()
        assert urlsplit(f"http://backend{target}")[1:] == ("backend", path, query, "")
        assert urljoin("http://backend", path) == f"http://backend{path}"
        assert URL(f"http://backend{target}", encoded=True).raw_path_qs == path + (mark + query if query else "")

    holds()


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/ocpi/versions", VersionsPath()),
        ("/ocpi/versions/", VersionsPath()),
        ("/ocpi/versions?x=1", VersionsPath()),
        ("/ocpi/2.2.1", DetailsPath("2.2.1")),
        ("/ocpi/2.2.1/", DetailsPath("2.2.1")),
        ("/ocpi/9.9", DetailsPath("9.9")),
        ("/ocpi/2.2/credentials", CredentialsPath("2.2")),
        ("/ocpi/2.2/credentials/", CredentialsPath("2.2")),
        ("/ocpi/2.2/Credentials", CredentialsPath("2.2")),
        ("/ocpi/2.2.1/sender/cdrs", FunctionalPath("2.2.1", InterfaceRole.SENDER, "cdrs")),
        ("/ocpi/2.2.1/sender/cdrs/", FunctionalPath("2.2.1", InterfaceRole.SENDER, "cdrs", "/")),
        ("/ocpi/2.2.1/SENDER/CDRs?a=B", FunctionalPath("2.2.1", InterfaceRole.SENDER, "cdrs", "", "?a=B")),
        (
            "/ocpi/2.2.1/receiver/tokens/De/Abc/X%20y/?type=A%2B",
            FunctionalPath("2.2.1", InterfaceRole.RECEIVER, "tokens", "/De/Abc/X%20y/", "?type=A%2B"),
        ),
        ("/ocpi/2.2.1/sender/credentials", FunctionalPath("2.2.1", InterfaceRole.SENDER, "credentials")),
    ],
)
def test_the_public_listener_knows_these_paths(target, path):
    assert read_public_path(target) == path


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/ocpi",
        "/ocpi/",
        "/OCPI/versions",
        "/versions",
        "/ocpi/versions/2.2.1",
        "/ocpi/2.2.1/credentials/x",
        "/ocpi/2.2.1/locations",
        "/ocpi/2.2.1/sender",
        "/ocpi/2.2.1/sender/",
        "/ocpi/2.2.1/hub/locations",
        "/partners/acme/sender/locations",
    ],
)
def test_the_public_listener_knows_no_other_path(target):
    assert read_public_path(target) is None


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/partners/acme/sender/tokens", PartnerPath("acme", InterfaceRole.SENDER, "tokens")),
        (
            "/partners/DE-ABC/Receiver/CDRs/1/?x=1",
            PartnerPath("DE-ABC", InterfaceRole.RECEIVER, "cdrs", "/1/", "?x=1"),
        ),
        ("/ocpi/2.2.1/sender/tokens/T1?x", FunctionalPath("2.2.1", InterfaceRole.SENDER, "tokens", "/T1", "?x")),
        ("/callbacks/abc_-1", CallbackPath("abc_-1")),
        ("/callbacks/abc/", CallbackPath("abc")),
        ("/callbacks/abc?x=1", CallbackPath("abc", "?x=1")),
    ],
)
def test_the_private_listener_knows_these_paths(target, path):
    assert read_private_path(target) == path


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/partners",
        "/partners/acme",
        "/partners/acme/sender",
        "/partners/acme/sender/",
        "/partners/acme/credentials",
        "/callbacks",
        "/callbacks/",
        "/callbacks/a/b",
        "/ocpi/versions",
        "/ocpi/2.2.1",
        "/ocpi/2.2.1/credentials",
        "/elsewhere/2.2.1/sender/tokens",
    ],
)
def test_the_private_listener_knows_no_other_path(target):
    assert read_private_path(target) is None


@given(
    st.sampled_from(["", "/", "/a", "/A/b/", "/DE/ABC/%41"]),
    st.sampled_from(["", "?", "?a=b", "?a=%zz&b=/../"]),
)
def test_what_follows_a_module_is_kept_byte_for_byte(rest, query):
    assert read_public_path(f"/ocpi/2.2/sender/cdrs{rest}{query}") == FunctionalPath(
        "2.2", InterfaceRole.SENDER, "cdrs", rest, query
    )


@given(targets.map(lambda target: target.decode("latin-1")) | texts)
@settings(max_examples=600)
def test_the_short_way_to_read_a_functional_path_reads_as_the_long_one_does(target):
    read = read_functional_path(target)
    assert read is None or (is_canonical(target) and read == read_public_path(target))


@pytest.mark.parametrize("query", ["", "?", "?offset=10&limit=50", "?a=/../x//"])
@pytest.mark.parametrize("rest", ["", "/", "/LOC1", "/DE/ABC/LOC1", "/x:y,(z)'!$&+=_-", "/.hidden/a..b/..."])
def test_an_ordinary_functional_path_goes_the_short_way(rest, query):
    target = f"/ocpi/2.2.1/Sender/Locations{rest}{query}"
    assert read_functional_path(target) == read_public_path(target)
    assert read_functional_path(target).module == "locations"


@pytest.mark.parametrize(
    "target",
    ["/ocpi/versions/sender/locations", "/ocpi/../sender/locations", "/ocpi/2.2.1/sender/..", "/ocpi/2.2.1/x/y"],
)
def test_no_other_path_goes_the_short_way(target):
    assert read_functional_path(target) is None
