"""Versions and version details: real platforms' shapes are read, ours are written as the specification says."""

import pytest

from gateway.ocpi.partner import Endpoint
from gateway.ocpi.versions import (
    DIALECTS,
    UnreadableDocumentError,
    choose_version,
    credentials_endpoint,
    is_version_details,
    missing_modules,
    newest_first,
    read_endpoints,
    read_versions,
    write_version_details,
    write_versions,
)
from gateway.ocpi.vocabulary import InterfaceRole

BASE = "https://a.example/ocpi/versions"
DETAILS = "https://a.example/ocpi/2.2.1"
SENDER, RECEIVER = InterfaceRole.SENDER, InterfaceRole.RECEIVER


@pytest.mark.parametrize(
    ("data", "read"),
    [
        ([{"version": "2.2.1", "url": DETAILS}], {"2.2.1": DETAILS}),
        ({"versions": [{"version": "2.2.1", "url": DETAILS}]}, {"2.2.1": DETAILS}),
        ({"version": "2.2.1", "url": DETAILS}, {"2.2.1": DETAILS}),
        ([{"version": " 2.2.1 ", "url": f" {DETAILS} "}], {"2.2.1": DETAILS}),
        ([{"version": "2.2.1", "url": "2.2.1"}], {"2.2.1": DETAILS}),
        ([{"version": "2.2.1", "url": "/ocpi/2.2.1"}], {"2.2.1": DETAILS}),
        ([{"version": "2.2.1", "url": DETAILS + "?key=v"}], {"2.2.1": DETAILS + "?key=v"}),
        ([{"version": "2.2.1", "url": DETAILS}, {"version": "2.2.1", "url": BASE}], {"2.2.1": DETAILS}),
        (
            [
                5,
                {},
                {"version": 2, "url": DETAILS},
                {"version": "2.2", "url": "ftp://x"},
                {"version": "2.2.1", "url": DETAILS},
            ],
            {"2.2.1": DETAILS},
        ),
        ([{"version": "9.9", "url": DETAILS, "more": 1}], {"9.9": DETAILS}),
        ([], {}),
    ],
)
def test_a_version_list_is_read_in_every_shape_that_platforms_send(data, read):
    assert read_versions(data, base=BASE) == read


@pytest.mark.parametrize("data", [None, {}, "2.2.1", {"versions": {}}, [{}], [{"version": "2.2.1", "url": "\\\\evil"}]])
def test_what_is_no_version_list_is_refused(data):
    with pytest.raises(UnreadableDocumentError):
        read_versions(data, base=BASE)


def endpoints(*entries):
    return {"version": "2.2.1", "endpoints": list(entries)}


@pytest.mark.parametrize(
    ("entry", "read"),
    [
        ({"identifier": "locations", "role": "SENDER", "url": DETAILS}, Endpoint("locations", SENDER, DETAILS)),
        ({"identifier": "Locations", "role": "sender", "url": DETAILS}, Endpoint("locations", SENDER, DETAILS)),
        ({"identifier": " tokens ", "role": " Receiver ", "url": DETAILS}, Endpoint("tokens", RECEIVER, DETAILS)),
        ({"identifier": "cdrs", "url": DETAILS}, Endpoint("cdrs", None, DETAILS)),
        ({"identifier": "cdrs", "role": None, "url": DETAILS}, Endpoint("cdrs", None, DETAILS)),
        ({"identifier": "cdrs", "role": "BOTH", "url": DETAILS}, Endpoint("cdrs", None, DETAILS)),
        ({"identifier": "acme-bookings", "role": "SENDER", "url": DETAILS}, Endpoint("acme-bookings", SENDER, DETAILS)),
        (
            {"identifier": "cdrs", "role": "SENDER", "url": "cdrs"},
            Endpoint("cdrs", SENDER, "https://a.example/ocpi/cdrs"),
        ),
        (
            {"identifier": "cdrs", "role": "SENDER", "url": "/x?k=v"},
            Endpoint("cdrs", SENDER, "https://a.example/x?k=v"),
        ),
    ],
)
def test_an_endpoint_is_read_in_every_shape_that_platforms_send(entry, read):
    assert read_endpoints(endpoints(entry), base=DETAILS) == (read,)


@pytest.mark.parametrize(
    "entry",
    [
        5,
        {},
        {"identifier": "", "url": DETAILS},
        {"identifier": 5, "url": DETAILS},
        {"identifier": "cdrs"},
        {"identifier": "two words", "url": DETAILS},
        {"identifier": "\ud800", "url": DETAILS},
        {"identifier": "nul\0", "url": DETAILS},
        {"identifier": "x" * 65, "url": DETAILS},
    ],
)
def test_an_entry_that_names_no_module_is_passed_over(entry):
    good = {"identifier": "cdrs", "role": "SENDER", "url": DETAILS}

    assert len(read_endpoints(endpoints(entry, good), base=DETAILS)) == 1


def test_of_an_endpoint_listed_twice_the_first_counts():
    twice = [{"identifier": "cdrs", "role": "SENDER", "url": url} for url in (DETAILS, BASE)]

    assert [endpoint.url for endpoint in read_endpoints(endpoints(*twice), base=DETAILS)] == [DETAILS]


@pytest.mark.parametrize("data", [None, [], {}, {"endpoints": {}}, {"endpoints": None}])
def test_what_has_no_list_of_endpoints_is_refused(data):
    with pytest.raises(UnreadableDocumentError, match="no list of endpoints"):
        read_endpoints(data, base=DETAILS)


@pytest.mark.parametrize(
    "url", ["https://user@evil.example/", "\\\\evil.example", "https://[bad/", "//[bad", "x" * 300, "/x#part"]
)
def test_an_endpoint_with_an_unusable_url_is_refused_without_quoting_it(url):
    with pytest.raises(UnreadableDocumentError) as refused:
        read_endpoints(endpoints({"identifier": "cdrs", "url": url}), base=DETAILS)

    assert "evil" not in str(refused.value)


@pytest.mark.parametrize(
    ("roles", "chosen"),
    [
        (["SENDER"], "SENDER"),
        (["RECEIVER"], "RECEIVER"),
        (["SENDER", "RECEIVER"], "RECEIVER"),
        (["RECEIVER", "SENDER"], "RECEIVER"),
        ([None], None),
        ([], "absent"),
    ],
)
def test_credentials_are_found_whichever_side_lists_them(roles, chosen):
    entries = [{"identifier": "credentials", "role": role, "url": f"/{role}"} for role in roles]
    entries.append({"identifier": "cdrs", "role": "SENDER", "url": "/cdrs"})

    found = credentials_endpoint(read_endpoints(endpoints(*entries), base=DETAILS))

    assert found is None if chosen == "absent" else found.url == f"https://a.example/{chosen}"


def test_version_details_are_told_from_a_version_list():
    assert is_version_details({"version": "2.2.1", "endpoints": []})
    assert not is_version_details({"version": "2.2.1", "url": DETAILS})
    assert not is_version_details([{"endpoints": []}])


def test_the_newest_version_goes_first_by_number():
    assert newest_first(["2.2", "2.10", "2.2.1", "2.1.1", "2.2", "x"]) == ("2.10", "2.2.1", "2.2", "2.1.1", "x")


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        (["2.2", "2.2.1"], ["2.2", "2.2.1"], "2.2.1"),
        (["2.1.1", "2.2"], ["2.2.1", "2.2"], "2.2"),
        (["2.3.0"], ["2.2.1", "2.2"], None),
        ([], ["2.2.1"], None),
        (["9" * 5000], ["2.2.1"], None),
    ],
)
def test_the_newest_version_that_both_sides_know_is_chosen(offered, wanted, chosen):
    assert choose_version(offered, wanted) == chosen


def test_the_versions_that_are_spoken_are_a_table_newest_first():
    assert tuple(DIALECTS) == newest_first(DIALECTS) == ("2.2.1", "2.2")


def test_our_version_list_leads_to_the_details_of_each():
    assert write_versions("https://ocpi.example.com", ["2.2.1", "2.2"]) == [
        {"version": "2.2.1", "url": "https://ocpi.example.com/ocpi/2.2.1"},
        {"version": "2.2", "url": "https://ocpi.example.com/ocpi/2.2"},
    ]


def test_our_version_details_list_credentials_once_and_each_module_by_side():
    written = write_version_details("https://ocpi.example.com", "2.2", [("tokens", RECEIVER), ("locations", SENDER)])

    assert written == {
        "version": "2.2",
        "endpoints": [
            {"identifier": "credentials", "role": "SENDER", "url": "https://ocpi.example.com/ocpi/2.2/credentials"},
            {"identifier": "tokens", "role": "RECEIVER", "url": "https://ocpi.example.com/ocpi/2.2/receiver/tokens"},
            {"identifier": "locations", "role": "SENDER", "url": "https://ocpi.example.com/ocpi/2.2/sender/locations"},
        ],
    }
    assert [endpoint.role for endpoint in read_endpoints(written, base=BASE)] == [SENDER, RECEIVER, SENDER]


@pytest.mark.parametrize(
    ("required", "missing"),
    [
        ((), ()),
        (("locations",), ()),
        (("locations:SENDER", "cdrs:RECEIVER"), ()),
        (("Locations:sender",), ()),
        (("locations:RECEIVER",), ("locations:RECEIVER",)),
        (("tokens", "locations", "sessions:SENDER"), ("tokens", "sessions:SENDER")),
    ],
)
def test_missing_modules_are_named_as_they_were_required(required, missing):
    offered = [Endpoint("locations", SENDER, DETAILS), Endpoint("cdrs", None, DETAILS)]

    assert missing_modules(offered, required) == missing
