"""The credentials object: every wrong field is named, all at once, and oddities of real platforms pass."""

import copy

import pytest

from gateway.ocpi.credentials import (
    Credentials,
    InvalidCredentialsError,
    read_credentials,
    salvage_credentials,
    write_credentials,
)
from gateway.ocpi.partner import CredentialsRole
from gateway.ocpi.party import Party

DOCUMENT = {
    "token": "ebf3b399-779f-4497-9b9d-ac6ad3cc44d2",
    "url": "https://emsp.example.com/ocpi/versions",
    "roles": [
        {
            "role": "EMSP",
            "party_id": "ABC",
            "country_code": "DE",
            "business_details": {"name": "Example", "logo": {"url": "https://emsp.example.com/x.png"}},
        }
    ],
}


def with_(path, value):
    """The document with one field changed; a value of `...` takes it out."""
    document = copy.deepcopy(DOCUMENT)
    *way, last = path
    place = document
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


def problems_of(document):
    with pytest.raises(InvalidCredentialsError) as refused:
        read_credentials(document)
    return refused.value.problems


def test_a_whole_object_is_read():
    read = read_credentials(DOCUMENT)

    assert read.token == DOCUMENT["token"]
    assert read.url == DOCUMENT["url"]
    assert read.roles == (CredentialsRole("EMSP", Party("DE", "ABC"), DOCUMENT["roles"][0]["business_details"]),)


def test_what_is_written_is_read_back():
    credentials = Credentials(
        "a-token",
        "https://ocpi.example.com/ocpi/versions",
        (
            CredentialsRole("CPO", Party("NL", "EXA"), {"name": "Example Charging"}),
            CredentialsRole("EMSP", Party("NL", "EXA"), {"name": "Example Charging"}),
        ),
    )

    assert read_credentials(write_credentials(credentials)) == credentials


ROLE = ("roles", 0)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("token",), ..., "token"),
        (("token",), None, "token"),
        (("token",), "", "token"),
        (("token",), 5, "token"),
        (("token",), "a b", "token"),
        (("token",), "a\r\nHost: x", "token"),
        (("token",), "a\0", "token"),
        (("token",), "caf\xe9", "token"),
        (("token",), "x" * 65, "token"),
        (("url",), ..., "url"),
        (("url",), None, "url"),
        (("url",), ["https://a.b"], "url"),
        (("url",), "ftp://emsp.example.com/", "url"),
        (("url",), "/ocpi/versions", "url"),
        (("url",), "https://user@emsp.example.com/", "url"),
        (("url",), "https://emsp.example.com/" + "x" * 250, "url"),
        (("roles",), ..., "roles"),
        (("roles",), [], "roles"),
        (("roles",), {}, "roles"),
        (ROLE, "EMSP", "roles[0]"),
        ((*ROLE, "role"), ..., "roles[0].role"),
        ((*ROLE, "role"), " ", "roles[0].role"),
        ((*ROLE, "role"), 1, "roles[0].role"),
        ((*ROLE, "role"), "EM\nSP", "roles[0].role"),
        ((*ROLE, "party_id"), ..., "roles[0].party_id"),
        ((*ROLE, "party_id"), "ABCD", "roles[0].party_id"),
        ((*ROLE, "country_code"), ..., "roles[0].country_code"),
        ((*ROLE, "country_code"), "DEU", "roles[0].country_code"),
        ((*ROLE, "business_details"), ..., "roles[0].business_details"),
        ((*ROLE, "business_details"), "Example", "roles[0].business_details"),
        ((*ROLE, "business_details", "name"), ..., "roles[0].business_details.name"),
        ((*ROLE, "business_details", "name"), " ", "roles[0].business_details.name"),
        ((*ROLE, "business_details", "name"), "x" * 101, "roles[0].business_details.name"),
    ],
)
def test_each_wrong_field_is_named(path, value, named):
    problems = problems_of(with_(path, value))

    assert [problem.partition(": ")[0] for problem in problems] == [named]


def test_all_problems_are_told_at_once():
    document = {
        "url": "x",
        "roles": [
            {"party_id": "1", "country_code": 5},
            {"role": "CPO", "party_id": "EXA", "country_code": "NL", "business_details": {"name": "x"}},
            7,
        ],
    }

    assert [problem.partition(": ")[0] for problem in problems_of(document)] == [
        "token",
        "url",
        "roles[0].role",
        "roles[0].business_details",
        "roles[0].country_code",
        "roles[0].party_id",
        "roles[2]",
    ]


def test_a_role_listed_twice_is_named():
    document = with_(("roles",), [DOCUMENT["roles"][0], {**DOCUMENT["roles"][0], "country_code": "de"}])

    assert problems_of(document) == ("roles[1]: EMSP DE-ABC is listed twice",)


def test_no_problem_quotes_the_token():
    problems = problems_of(with_(("token",), "secret token"))

    assert "secret" not in "".join(problems)


@pytest.mark.parametrize("document", [None, [], "text", 5])
def test_what_is_no_object_is_missing(document):
    assert problems_of(document) == ("the credentials object is missing",)


def test_parties_in_lower_case_are_read_in_upper_case():
    document = with_((*ROLE, "country_code"), "de")
    document["roles"][0]["party_id"] = "aBc"

    assert read_credentials(document).roles[0].party == Party("DE", "ABC")


@pytest.mark.parametrize(("sent", "read"), [("emsp", "EMSP"), (" CPO ", "CPO"), ("AGGREGATOR", "AGGREGATOR")])
def test_an_unknown_role_is_kept_and_letter_case_does_not_matter(sent, read):
    assert read_credentials(with_((*ROLE, "role"), sent)).roles[0].role == read


def test_unknown_fields_are_passed_over():
    document = {**with_((*ROLE, "hub_party_id"), "DEHUB"), "versions": ["2.2.1"]}

    assert read_credentials(document) == read_credentials(DOCUMENT)


def test_several_parties_and_roles_are_kept_in_their_order():
    roles = [
        {**DOCUMENT["roles"][0], "role": role, "party_id": party_id}
        for role, party_id in [("EMSP", "ABC"), ("CPO", "ABC"), ("HUB", "AAA")]
    ]

    read = read_credentials(with_(("roles",), roles))

    assert [(role.role, role.party.party_id) for role in read.roles] == [
        ("EMSP", "ABC"),
        ("CPO", "ABC"),
        ("HUB", "AAA"),
    ]


def test_a_usable_token_is_salvaged_from_an_odd_answer():
    credentials, problems = salvage_credentials({"token": "usable", "url": None, "roles": [{"role": "CPO"}]})

    assert credentials == Credentials("usable", "", ())
    assert [problem.partition(": ")[0] for problem in problems] == [
        "url",
        "roles[0].business_details",
        "roles[0].country_code",
        "roles[0].party_id",
    ]


@pytest.mark.parametrize("document", [None, [], {}, {"token": ""}, {"token": "a b"}, {"token": None}])
def test_without_a_usable_token_nothing_is_salvaged(document):
    credentials, problems = salvage_credentials(document)

    assert credentials is None
    assert problems


def test_the_token_is_in_no_repr():
    assert DOCUMENT["token"] not in repr(read_credentials(DOCUMENT))
